"""Strategies for what a process may say on its pipe, and a process that says it."""

import contextlib
import os
import threading
from dataclasses import dataclass, field

import numpy as np
from fuzz_files import BYTES, odd, written
from hypothesis import strategies as st

from autograder.checking.values import (
    DTYPES,
    FRAME,
    Opaque,
    to_bytes,
)
from autograder.sandbox.child import _receive

READY = to_bytes({"ready": True})

# --- values ---------------------------------------------------------------------

texts = st.sampled_from(("", "f", "died", "<script>", "\x1b[2J", "\ud800", "x" * 5_000))
numbers = st.sampled_from((0, 1, -1, 2**70, 0.5, -0.0, float("nan"), float("inf")))
shapes = st.sampled_from(((), (0,), (3,), (2, 5), (0, 2**30), (1,) * 32, (2, 3, 4)))


@st.composite
def arrays(draw):
    """Arrays of every kind and odd shapes, filled with one number."""
    number = draw(st.sampled_from((0, 1, 3, np.nan)))
    with np.errstate(all="ignore"):
        return np.full(draw(shapes), number).astype(
            draw(st.sampled_from(sorted(DTYPES)))
        )


png = st.just(np.frombuffer(b"\x89PNG\r\n\x1a\n<svg onload=x>", np.uint8))
leaves = st.none() | st.booleans() | numbers | texts | arrays() | png
values = st.recursive(
    leaves | st.builds(Opaque, texts),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.lists(inside, max_size=3).map(tuple)
        | st.dictionaries(texts, inside, max_size=3)
    ),
    max_leaves=6,
)

# --- bytes ----------------------------------------------------------------------

dtypes = st.sampled_from(("float64", "bool", "object", ">f8", "", "float65"))
sizes = st.sampled_from((0, 1, 3, -1, 2**39, 2**41, 1.0, True, None, "3"))
bodies = odd | st.fixed_dictionaries(
    {}, optional={"dtype": dtypes | odd, "shape": st.lists(sizes, max_size=3) | odd}
)
tags = st.sampled_from(("array", "tuple", "dict", "float", "opaque", "pickle", ""))
nodes = st.recursive(
    odd | st.sampled_from(("nan", "inf")),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(tags, inside | bodies, max_size=2)
    ),
    max_leaves=5,
)


@st.composite
def frames(draw):
    """A frame as we write it, or one whose header is any JSON, then mutated."""
    if draw(st.booleans()):
        data = to_bytes(draw(values))
    else:
        header = written(draw(nodes))
        payload = draw(st.sampled_from((b"", b"\x01", b"\x07" * 24)))
        data = FRAME.pack(len(header), len(payload)) + header + payload
    for mutate in draw(st.lists(st.sampled_from(BYTES), max_size=2)):
        data = mutate(draw, data)
    return data


# --- a process ------------------------------------------------------------------

FIELDS = ("kind", "message", "text", "line", "is_value_error", "is_missing")
raised = st.dictionaries(st.sampled_from(FIELDS), values, max_size=4)
replies = st.fixed_dictionaries(
    {},
    optional={
        "raised": values | raised,
        "printed": values,
        "figures": values | st.lists(png, max_size=6),
        "value": values,
        "changed": values | st.lists(texts, max_size=2),
        "no_probe": st.booleans() | values,
        "too_large": st.booleans() | values,
        "token": values,
        "case": values,
    },
)


@dataclass
class Speaker:
    """Walls without a process: a thread that says `first`, then answers requests.

    answers: a dict is a reply with the request's own token and case; bytes are said as
    they are, and then the pipe ends, as it does when the list is at its end.
    """

    first: bytes
    answers: list
    code: int
    sandboxed: bool = field(default=True, init=False)

    def start(self, pipes, errors, files, modules=()):
        """As `autograder.sandbox.walls.Walls.start`."""
        return _Spoken(self, *map(os.dup, pipes))


class _Spoken:
    """Looks like `Enclosed`; its memory and time are those of the tests."""

    def __init__(self, speaker, requests, replies):
        self.init = os.getpid()
        self._code = speaker.code
        what = (speaker, requests, replies)
        threading.Thread(target=_speak, args=what, daemon=True).start()

    def python(self):
        return self.init

    def exit_code(self, seconds):
        return self._code

    def end(self):
        """Nothing to do: the thread stops when the pipe of requests is closed."""


def _speak(speaker, requests, replies):
    with (
        os.fdopen(requests, "rb") as source,
        os.fdopen(replies, "wb", 0) as target,
        contextlib.suppress(BrokenPipeError),
    ):
        target.write(speaker.first)
        if speaker.first != READY:
            return  # nobody asks it anything
        answers = iter(speaker.answers)
        while (request := _request(source)) is not None:
            for case in range(request.get("count", 1)):
                answer = next(answers, b"")
                if isinstance(answer, bytes):
                    target.write(answer)
                    return
                target.write(
                    to_bytes({"token": request["token"], "case": case, **answer})
                )


def _request(source):
    """The next request, without the inputs after it; None when there is none."""
    request = _receive(source)
    for _ in range(request.get("count", 0) if request else 0):
        _receive(source)
    return request
