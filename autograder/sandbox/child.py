"""Runs inside the process that executes student code.

It knows cells and inputs, nothing else: no expected value, no seed, no solution. It
reads one request at a time and answers it; everything it says is the student's word.
"""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import numpy.random  # NumPy would import it when it is first used: in each child

from autograder.checking.calling import call, describe, remember_source
from autograder.checking.check import recording
from autograder.checking.values import (
    FRAME,
    BadMessage,
    frame_size,
    from_bytes,
    to_bytes,
)
from autograder.sandbox import limits
from autograder.sandbox.notebook_names import notebook_names, run_code


def main():
    """Serve requests from the file descriptors named on the command line."""
    run(*(int(number) for number in sys.argv[1:3]))


def after_fork():
    """Make what a fork shares one's own: the state of NumPy's global generator."""
    np.random.seed()


def run(requests: int, replies: int):
    """Serve requests from one descriptor, with replies to the other."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # no one reads what is said from here on
        os.dup2(nowhere, stream)
    os.close(nowhere)
    with os.fdopen(requests, "rb") as source, os.fdopen(replies, "wb") as target:
        serve(source, target)


def serve(source, target):
    """Answer requests until the other side closes."""
    # what a notebook calls its own module
    namespace = notebook_names()
    with recording() as probes:
        _send(target, {"ready": True})
        target.flush()
        while True:
            request = _receive(source)
            if request is None:
                return
            if request["do"] == "cell":
                answers = [_run_cell(request["source"], request["name"], namespace)]
            else:
                inputs = [_receive(source) for _ in range(request["count"])]
                answers = _answers(probes.get(request["exercise"]), inputs)
            for answer in answers:
                _send(target, {"token": request["token"], **answer})
            target.flush()


def _answers(probe, inputs):
    """What is said of each call, as it comes."""
    for case, named in enumerate(inputs):
        yield {"case": case, **_call(probe, named)}
        if probe is None:
            return


def _run_cell(source, name, namespace):
    printed = CappedText(limits.PRINTED)
    filename = f"<cell {name}>"
    remember_source(filename, source)
    raised = None
    with redirect_stdout(printed), redirect_stderr(CappedText(0)):
        try:
            run_code(source, filename, namespace)
        except (Exception, SystemExit) as error:
            raised = vars(describe(error))
        figures = _figures()
    return {"raised": raised, "printed": printed.getvalue(), "figures": figures}


def _call(probe, inputs):
    if probe is None:
        return {"no_probe": True}
    with redirect_stdout(CappedText(0)), redirect_stderr(CappedText(0)):
        answer = call(probe, inputs)
    return {
        "value": answer.value,
        "raised": vars(answer.raised) if answer.raised else None,
        "changed": list(answer.changed),
    }


def _figures():
    """The open matplotlib figures as PNG bytes, if the student drew any."""
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is None:
        return []
    drawn = []
    try:
        for number in plt.get_fignums()[: limits.FIGURES]:
            buffer = io.BytesIO()
            plt.figure(number).savefig(buffer, format="png", dpi=80)
            if buffer.tell() <= limits.FIGURE_SIZE:
                drawn.append(np.frombuffer(buffer.getvalue(), dtype=np.uint8))
        plt.close("all")
    except Exception:
        return []
    return drawn


class CappedText(io.StringIO):
    """Keeps the first `limit` characters that are written to it."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def write(self, text):
        room = self.limit - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)


def _send(target, message):
    """Write a message, or that it is too large to be one."""
    try:
        data = to_bytes(message)
        frame_size(data[: FRAME.size])
    except (BadMessage, MemoryError):
        data = to_bytes({"token": message.get("token"), "too_large": True})
    target.write(data)


def _receive(source):
    head = source.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    header, payload = frame_size(head)
    return from_bytes(source.read(header), source.read(payload))


if __name__ == "__main__":
    main()
