"""The trusted end of one process that runs student code."""

import os
import secrets
import select
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from autograder.checking.calling import Answer, Raised
from autograder.checking.values import (
    FRAME,
    BadMessage,
    Opaque,
    frame_size,
    from_bytes,
    to_bytes,
)
from autograder.problems import Infrastructure
from autograder.sandbox import limits
from autograder.sandbox.batch import Batch, batches_of
from autograder.sandbox.budget import Budget
from autograder.sandbox.fork_walls import forking
from autograder.sandbox.less_memory import leave_no_more_than
from autograder.sandbox.walls import START_SECONDS

# what the kernel ends a process with that goes over a limit
LIMIT_SIGNALS = (signal.SIGXCPU, signal.SIGXFSZ)


class Gone(Exception):
    """The process is gone, and why.

    reason: "timeout", "limit", "died", or "killed", by something that was not us.
    """

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class CellRun:
    """What a cell did: what it raised, printed and drew (PNG bytes)."""

    raised: Raised | None = None
    printed: str = ""
    figures: list = field(default_factory=list)


class Session:
    """One process for student code, with a temporary home that goes with it.

    walls: what stands around it (default: `forking`). files: data for its home, by
    name. modules: what it will import, for walls that can have it ready.
    """

    def __init__(self, walls=None, files=None, modules=()):
        self._walls = walls or forking()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115, closed in close()
        self._enclosed = None
        self._looked = time.monotonic()
        theirs_in, self._requests = os.pipe()
        self._replies, theirs_out = os.pipe()
        os.set_blocking(self._requests, False)
        self._unread = bytearray()
        try:
            pipes = (theirs_in, theirs_out)
            self._enclosed = self._walls.start(
                pipes, self._errors, files or {}, modules
            )
        except OSError as error:
            self.close()
            raise Infrastructure(f"no process can be started: {error}") from None
        except Infrastructure as problem:
            said = self._last_words()
            self.close()
            raise Infrastructure(f"{problem}: {said}") from None
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._require_ready()
        try:
            self._python = self._enclosed.python()
        except Infrastructure:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run_cell(self, name, source, seconds) -> CellRun:
        """Run a cell; raises Gone when the process does not survive it.

        seconds: of processor time; waiting may take three times that.
        """
        request = {"do": "cell", "name": name, "source": source}
        budget = self.budget(seconds)
        reply = self._reply(self._send(request, budget), budget)
        printed = reply.get("printed")
        return CellRun(
            _raised(reply.get("raised")),
            printed[: limits.PRINTED] if isinstance(printed, str) else "",
            _figures(reply.get("figures")),
        )

    def call(self, exercise, inputs, budget: Budget) -> Answer | None:
        """Call an exercise's probe once, see `answers`."""
        return next(self.answers(exercise, *batches_of([inputs]), budget))

    def answers(self, exercise, batch: Batch, budget) -> Iterator[Answer | None]:
        """Call an exercise's probe with inputs; one None if its cell registered none.

        budget: what these calls and others may take together.
        """
        request = {"do": "call", "exercise": exercise, "count": len(batch.inputs)}
        token = self._send(request, budget, batch.data)
        for case, inputs in enumerate(batch.inputs):
            reply = self._reply(token, budget)
            if reply.get("no_probe") is True:
                yield None
                return
            if type(reply.get("case")) is not int or reply["case"] != case:
                raise Gone("died")
            yield _answer(reply, inputs)

    def close(self):
        """End the process and whatever it started, and remove its home."""
        if self._enclosed is not None:
            self._enclosed.end()
        for descriptor in (self._requests, self._replies):
            os.close(descriptor)
        self._errors.close()

    def limit_memory(self, more: int):
        """Let each of its processes map `more` bytes from now on, for good."""
        leave_no_more_than(more, self._python, self._enclosed.init)

    def cpu_seconds(self) -> float:
        """The processor time that the process has taken, measured from outside."""
        try:
            return limits.cpu_seconds(self._python)
        except OSError:
            raise self._gone() from None

    def budget(self, seconds) -> Budget:
        """Processor time that requests may take from now on, and time to wait."""
        return Budget(self._python, seconds)

    # --- the wire ---------------------------------------------------------------

    def _require_ready(self):
        try:
            ready = self._read_message(Budget(None, START_SECONDS))
        except Gone as gone:
            said = self._last_words()
            self.close()
            raise Infrastructure(
                f"the process for student code did not start ({gone.reason}): {said}"
            ) from None
        # it may have said anything, also what cannot be compared
        if not isinstance(ready, dict) or ready.get("ready") is not True:
            self.close()
            raise Infrastructure("the process for student code gave no sign")

    def _last_words(self):
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 2000))
        return self._errors.read().decode("utf-8", "replace").strip()

    def _send(self, request, budget, data=b""):
        """Send a request, with data after it; returns what a reply to it must bear."""
        token = secrets.token_hex(8)
        self._write_all(to_bytes({"token": token, **request}) + data, budget)
        return token

    def _reply(self, token, budget):
        """The next reply, if it is one to the request with this token."""
        reply = self._read_message(budget)
        answered = reply.get("token") if isinstance(reply, dict) else None
        if not isinstance(answered, str) or answered != token:
            raise Gone("died")
        if reply.get("too_large") is True:
            raise Gone("limit")
        return reply

    def _write_all(self, data, budget):
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._requests, view) :]
            except BlockingIOError:
                self._wait(budget, write=True)
            except BrokenPipeError:
                raise self._gone() from None

    def _read_message(self, budget):
        try:
            header, payload = frame_size(self._read(FRAME.size, budget))
            head = self._read(header, budget)
            return from_bytes(head, self._read(payload, budget))
        except BadMessage:
            raise Gone("died") from None

    def _read(self, size, budget):
        """The next `size` bytes; what came with them is kept for later."""
        while len(self._unread) < size:
            self._wait(budget)
            part = os.read(self._replies, 2**20)
            if not part:
                raise self._gone()
            self._unread += part
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data

    def _wait(self, budget, write=False):
        """Wait for the process, and look meanwhile at what it uses."""
        wanted = ([], [self._requests]) if write else ([self._replies], [])
        while not any(select.select(*wanted, [], limits.WATCH_SECONDS)):
            self._look(budget)
        self._look(budget)

    def _look(self, budget):
        """Now and then, also where replies come quickly: they may never end."""
        now = time.monotonic()
        if now - self._looked < limits.WATCH_SECONDS:
            return
        self._looked = now
        if budget.is_spent():
            raise Gone("timeout")
        if limits.is_over(self._enclosed.init):
            raise Gone("limit")

    def _gone(self):
        code = self._enclosed.exit_code(5)
        if code is None or -code not in (*LIMIT_SIGNALS, signal.SIGKILL):
            return Gone("died")
        return Gone("limit" if -code in LIMIT_SIGNALS else "killed")


def _answer(reply, inputs):
    """An `Answer` from what the process says."""
    changed = reply.get("changed")
    listed = changed if isinstance(changed, list) else []
    names = [name for name in listed if isinstance(name, str)]
    return Answer(
        reply.get("value"),
        _raised(reply.get("raised")),
        tuple(name for name in inputs if name in names),
    )


def _raised(body):
    """A `Raised` from what the process says, its fields checked."""
    if body is None:
        return None
    if not isinstance(body, dict):
        return Raised("Exception", "")
    texts = {k: body.get(k) for k in ("kind", "message", "text")}
    line = body.get("line")
    return Raised(
        **{k: v if isinstance(v, str) else "" for k, v in texts.items()},
        is_value_error=body.get("is_value_error") is True,
        is_missing=body.get("is_missing") is True,
        line=line if type(line) is int and 0 <= line < 10**6 else 0,
    )


def _figures(items):
    """PNG bytes from what the process says it drew."""
    if not isinstance(items, list):
        return []
    items = items[: limits.FIGURES]
    arrays = [i for i in items if not isinstance(i, Opaque) and hasattr(i, "dtype")]
    pngs = [a.tobytes() for a in arrays if a.nbytes <= limits.FIGURE_SIZE]
    return [png for png in pngs if png.startswith(b"\x89PNG\r\n\x1a\n")]
