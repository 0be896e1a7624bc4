"""The trusted end of one process that runs student code."""

import contextlib
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
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

START_SECONDS = 60.0
COMMAND = (sys.executable, "-I", "-m", "autograder.sandbox.child")
# what a process killed for a limit dies of
LIMIT_SIGNALS = (signal.SIGKILL, signal.SIGXCPU, signal.SIGXFSZ)


class Gone(Exception):
    """The process is gone; `reason` is "timeout", "limit" or "died"."""

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
    """One process for student code, with a temporary home that goes with it."""

    def __init__(self):
        self._home = tempfile.mkdtemp(prefix="submission-")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115, closed in close()
        self._process = None
        theirs_in, self._requests = os.pipe()
        self._replies, theirs_out = os.pipe()
        try:
            self._process = self._start(theirs_in, theirs_out)
        except OSError as error:
            self.close()
            raise Infrastructure(f"no process can be started: {error}") from None
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._require_ready()

    def _start(self, requests, replies):
        return subprocess.Popen(
            [*COMMAND, str(requests), str(replies)],
            pass_fds=(requests, replies),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            cwd=self._home,
            env=_environment(self._home),
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run_cell(self, name, source, seconds) -> CellRun:
        """Run a cell; raises Gone when the process does not survive it."""
        reply = self._ask({"do": "cell", "name": name, "source": source}, seconds)
        printed = reply.get("printed")
        return CellRun(
            _raised(reply.get("raised")),
            printed if isinstance(printed, str) else "",
            _figures(reply.get("figures")),
        )

    def call(self, exercise, inputs, seconds) -> Answer | None:
        """Call an exercise's probe; None when its test cell registered none."""
        request = {"do": "call", "exercise": exercise, "inputs": inputs}
        reply = self._ask(request, seconds)
        if reply.get("no_probe"):
            return None
        changed = reply.get("changed")
        listed = changed if isinstance(changed, list) else []
        names = [name for name in listed if isinstance(name, str)]
        return Answer(
            reply.get("value"),
            _raised(reply.get("raised")),
            tuple(name for name in inputs if name in names),
        )

    def close(self):
        """End the process and whatever it started, and remove its home."""
        if self._process is not None:
            _kill_group(self._process)
        for descriptor in (self._requests, self._replies):
            os.close(descriptor)
        self._errors.close()
        shutil.rmtree(self._home, ignore_errors=True)

    # --- the wire ---------------------------------------------------------------

    def _require_ready(self):
        try:
            ready = self._read_message(time.monotonic() + START_SECONDS)
        except Gone as gone:
            said = self._last_words()
            self.close()
            raise Infrastructure(
                f"the process for student code did not start ({gone.reason}): {said}"
            ) from None
        if ready != {"ready": True}:
            self.close()
            raise Infrastructure("the process for student code gave no sign")

    def _last_words(self):
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 2000))
        return self._errors.read().decode("utf-8", "replace").strip()

    def _ask(self, request, seconds):
        """Send a request and return the reply to it, and to no other."""
        deadline = time.monotonic() + seconds
        token = secrets.token_hex(8)
        self._write_all(to_bytes({"token": token, **request}), deadline)
        reply = self._read_message(deadline)
        answered = reply.get("token") if isinstance(reply, dict) else None
        if not isinstance(answered, str) or answered != token:
            raise Gone("died")
        return reply

    def _write_all(self, data, deadline):
        os.set_blocking(self._requests, False)
        view = memoryview(data)
        while view:
            self._wait(deadline, write=True)
            try:
                view = view[os.write(self._requests, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._gone() from None

    def _read_message(self, deadline):
        try:
            header, payload = frame_size(self._read(FRAME.size, deadline))
            head = self._read(header, deadline)
            return from_bytes(head, self._read(payload, deadline))
        except BadMessage:
            raise Gone("died") from None

    def _read(self, size, deadline):
        data = bytearray()
        while len(data) < size:
            self._wait(deadline)
            part = os.read(self._replies, min(size - len(data), 2**20))
            if not part:
                raise self._gone()
            data += part
        return bytes(data)

    def _wait(self, deadline, write=False):
        left = deadline - time.monotonic()
        wanted = ([], [self._requests]) if write else ([self._replies], [])
        if left <= 0 or not any(select.select(*wanted, [], left)):
            raise Gone("timeout")

    def _gone(self):
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return Gone("died")
        return Gone("limit" if -code in LIMIT_SIGNALS else "died")


def _environment(home):
    """A process for student code inherits nothing; libraries use one thread."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        "HOME": home,
        "TMPDIR": home,
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "PYTHONHASHSEED": "0",
        **dict.fromkeys(threads, "1"),
    }


def _kill_group(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


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
    arrays = [i for i in items[:4] if not isinstance(i, Opaque) and hasattr(i, "dtype")]
    pngs = [array.tobytes() for array in arrays]
    return [png for png in pngs if png.startswith(b"\x89PNG\r\n\x1a\n")]
