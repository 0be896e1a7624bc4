"""What stands between student code and the machine.

`Bubblewrap` gives a process nothing but Python and a small home in memory: no network,
no other process, no file of the course, no privilege. `NoWalls` gives it everything; it
exists for machines that cannot do better and for an instructor who says so.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Protocol

from autograder.problems import Infrastructure
from autograder.sandbox import bubblewrap, limits
from autograder.sandbox.system_calls import filter_program

START_SECONDS = 60.0
PYTHON = os.path.abspath(sys.executable)  # it may have been started as ../bin/python
CHILD = ("-I", "-m", "autograder.sandbox.child")


class Walls(Protocol):
    """What stands around a process; `sandboxed` says whether it is a sandbox."""

    sandboxed: bool

    def prepare(self, cells):
        """Have ready what `cells` import, where that can be; returns at once."""

    def start(self, pipes, errors, files, modules=()) -> "Enclosed":
        """Start a process that reads requests from one pipe and replies to the other.

        pipes: the two descriptors. errors: a file for what it says before it is ready.
        files: data for its home, by name.
        modules: what it will import, where that can be had sooner.
        Raises Infrastructure with the cause when it cannot.
        """


class NoWalls(Walls):
    """A plain process in a temporary folder, as the user who grades."""

    sandboxed = False

    def start(self, pipes, errors, files, modules=()) -> "Enclosed":
        """As `Walls.start`."""
        home = tempfile.mkdtemp(prefix="submission-")
        for name, data in files.items():
            Path(home, name).write_bytes(data)
        process = subprocess.Popen(
            [*limits.command(False), PYTHON, *CHILD, *map(str, pipes)],
            pass_fds=pipes,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=home,
            env=bubblewrap.environment(home),
            start_new_session=True,
        )
        return Enclosed(process, process.pid, home=home)


class Bubblewrap(Walls):
    """Namespaces of its own by bubblewrap, a filter of system calls by libseccomp."""

    sandboxed = True

    def start(self, pipes, errors, files, modules=()) -> "Enclosed":
        """As `Walls.start`."""
        status, writing = os.pipe()
        with contextlib.ExitStack() as stack:
            seccomp = stack.enter_context(memory_file(filter_program()))
            handed = {n: stack.enter_context(memory_file(d)) for n, d in files.items()}
            numbers = {name: file.fileno() for name, file in handed.items()}
            told = bubblewrap.options(writing, seccomp.fileno(), numbers)
            # through a file: a command line can be read from inside
            options = stack.enter_context(memory_file(told))
            descriptors = [f.fileno() for f in (options, seccomp, *handed.values())]
            inside = [*limits.command(True), *bubblewrap.command_prefix()]
            try:
                process = subprocess.Popen(
                    [
                        "bwrap",
                        "--args",
                        str(options.fileno()),
                        *inside,
                        PYTHON,
                        *CHILD,
                        *map(str, pipes),
                    ],
                    pass_fds=(*pipes, writing, *descriptors),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
            except OSError:
                os.close(status)
                raise
            finally:
                os.close(writing)
        init = _child_pid(status)
        if init is None:
            process.kill()
            process.wait()
            os.close(status)
            raise Infrastructure("bubblewrap could not put up its walls")
        return Enclosed(process, init, status=status)


class Enclosed:
    """A started process behind (or without) walls, seen from outside.

    init: the process whose death takes all others behind the walls with it. home: a
    folder to remove in the end. status: the pipe that bubblewrap writes to until then.
    """

    def __init__(self, process: subprocess.Popen, init: int, home=None, status=None):
        self.init = init
        self._process = process
        self._home = home
        self._status = status
        self._handle = _handle_of(init)

    def python(self) -> int:
        """The process that runs Python; raises Infrastructure when there is none."""
        if self._status is None:
            return self.init
        for child in limits.children(self.init):
            return child
        raise Infrastructure("the process for student code is gone")

    def exit_code(self, seconds: float) -> int | None:
        """Its exit code (the negative signal, if one ended it); None if it lives on."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        # bubblewrap ends with 128 + signal, as shells do
        return 128 - code if code > 128 and self._status is not None else code

    def end(self):
        """Kill whatever lives behind the walls, wait for it, and remove its home."""
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            select.select([self._handle], [], [], START_SECONDS)
            os.close(self._handle)
            self._handle = None
        if self._home is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            shutil.rmtree(self._home, ignore_errors=True)
        self._reap()
        if self._status is not None:
            os.close(self._status)
            self._status = None

    def _reap(self):
        self._process.wait()


# --- what it answers ------------------------------------------------------------


def memory_file(data: bytes):
    """A file that is nowhere on disk, at its beginning."""
    file = os.fdopen(os.memfd_create("handed-in"), "w+b")
    file.write(data)
    file.flush()
    file.seek(0)
    return file


def _handle_of(pid):
    """A handle that means this process even when its number is used again."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _child_pid(descriptor):
    """The process id that bubblewrap reports, None when it fails before that."""
    said, deadline = b"", time.monotonic() + START_SECONDS
    while b"\n" not in said:
        ready, _, _ = select.select(
            [descriptor], [], [], max(0, deadline - time.monotonic())
        )
        part = os.read(descriptor, 4096) if ready else b""
        if not part:
            return None
        said += part
    return json.loads(said.partition(b"\n")[0]).get("child-pid")
