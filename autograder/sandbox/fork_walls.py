"""Walls whose processes are forked from one that has imported everything already.

Importing torch takes seconds, forking milliseconds. One fork server lives behind
bubblewrap's walls; each of its children puts up walls of its own (`confine`). Where
that cannot be had, a fresh process behind bubblewrap does the same, only slower.
"""

import atexit
import contextlib
import functools
import json
import os
import queue
import select
import socket
import struct
import subprocess
import threading
import time

from autograder.problems import Infrastructure
from autograder.sandbox import bubblewrap, limits
from autograder.sandbox.imports import imported_modules
from autograder.sandbox.system_calls import filter_program
from autograder.sandbox.walls import (
    PYTHON,
    START_SECONDS,
    Bubblewrap,
    Enclosed,
    Walls,
    memory_file,
)

SERVER = ("-I", "-m", "autograder.sandbox.fork_server")
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid, as seen from here
MOST_FAILURES = 2
END_SECONDS = 1.0


class Forking(Walls):
    """As `Bubblewrap`, from one fork server that is started when it is first needed.

    why_not: why processes are started afresh instead, "" as long as they are forked.
    """

    sandboxed = True

    def __init__(self):
        self.why_not = ""
        self._fresh = Bubblewrap()
        self._lock = threading.Lock()
        self._server = None
        self._retired = []
        self._failures = 0

    def prepare(self, cells):
        """Start the fork server, which imports meanwhile what `cells` do."""
        with self._lock:
            if self._server is None and not self.why_not:
                with contextlib.suppress(Infrastructure, OSError):
                    self._server = ForkServer(imported_modules(cells))

    def start(self, pipes, errors, files, modules=()) -> Enclosed:
        """As `Walls.start`."""
        if not self.why_not:
            try:
                return self._fork(pipes, errors, files, modules)
            except (Infrastructure, OSError) as problem:
                self._note(str(problem))
        return self._fresh.start(pipes, errors, files)

    def close(self):
        """End the fork server and whatever came from it."""
        with self._lock:
            for server in (self._server, *self._retired):
                if server is not None:
                    server.close()
            self._server, self._retired = None, []

    def _fork(self, pipes, errors, files, modules):
        with self._lock:
            if self._server is not None and self._server.is_ended():
                self._retire_server()
            if self._server is None:
                self._server = ForkServer(modules)
            forked = self._server.fork(pipes, errors, files, modules)
            self._failures = 0
            return forked

    def _note(self, why):
        """A server that failed is replaced; where the next one fails too, none is."""
        with self._lock:
            self._retire_server()
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                self.why_not = why

    def _retire_server(self):
        """Let another take its place; who came from it is not to suffer for that."""
        self._retired = [server for server in self._retired if not server.is_ended()]
        if self._server is not None:
            self._server.retire()
            self._retired.append(self._server)
            self._server = None


@functools.cache
def forking() -> Forking:
    """The walls of this process, with its one fork server."""
    walls = Forking()
    atexit.register(walls.close)
    return walls


class ForkServer:
    """The trusted end of a fork server; `Infrastructure` when it does not answer.

    modules: what it imports before it forks. A process that is forked from this one may
    use the server too, and cannot end it.
    """

    def __init__(self, modules=()):
        self._owner = os.getpid()
        self._users = bubblewrap.users()
        self._living = 0
        self._is_retired = False
        self._lock = threading.Lock()
        self._errors = memory_file(b"")
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, memory_file(bubblewrap.server_options()) as options:
            numbers = (options.fileno(), theirs.fileno())
            command = ["bwrap", "--args", str(numbers[0]), PYTHON, *SERVER]
            self._process = _popen_for_good(
                [*command, str(numbers[1]), *modules],
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
            )

    def fork(self, pipes, errors, files, modules) -> "Forked":
        """Fork a confined child; raises Infrastructure with the cause if it cannot."""
        answer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        answer.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        status, writing = os.pipe()
        with contextlib.ExitStack() as stack:
            stack.enter_context(answer)
            stack.callback(os.close, writing)
            data = [filter_program(), *files.values()]
            handed = [stack.enter_context(memory_file(item)) for item in data]
            passed = [theirs.fileno(), *pipes, errors.fileno(), writing]
            passed += [file.fileno() for file in handed]
            request = json.dumps(_request(files, modules, self._users)).encode()
            try:
                with theirs:
                    socket.send_fds(self._control, [request], passed)
                init = self._confined(answer)
            except BaseException:
                os.close(status)
                raise
        with self._lock:
            self._living += 1
        return Forked(init, status, self._one_less)

    def retire(self):
        """Fork no more, and end with the last process that it has forked."""
        with self._lock:
            self._is_retired = True
            is_last = not self._living
        if is_last:
            self.close()

    def _one_less(self):
        with self._lock:
            self._living -= 1
            is_last = self._is_retired and not self._living
        if is_last:
            self.close()

    def is_ended(self) -> bool:
        """Whether its process is known to be gone; the owner alone can know."""
        return self._owner == os.getpid() and self._process.poll() is not None

    def close(self):
        """End it, and with it every process that it has forked."""
        self._control.close()
        self._errors.close()
        if self._owner != os.getpid():
            return
        try:  # without requests it ends by itself, and what it used is known then
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _confined(self, answer) -> int:
        """Wait until the child's walls stand; its process id as seen from here."""
        ready, _, _ = select.select([answer], [], [], START_SECONDS)
        if not ready:
            raise Infrastructure("the fork server does not answer")
        size = socket.CMSG_SPACE(CREDENTIALS.size)
        said, ancillary, _, _ = answer.recvmsg(4096, size)
        if said != b"confined":
            raise Infrastructure(self._why(said))
        ((_, kind, data),) = ancillary
        assert kind == socket.SCM_CREDENTIALS
        return CREDENTIALS.unpack(data)[0]

    def _why(self, said):
        if said:
            return said.decode("utf-8", "replace")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._errors.seek(0)
        words = self._errors.read()[-2000:].decode("utf-8", "replace").strip()
        return f"the fork server ended: {words}"


def _request(files, modules, users):
    return {
        "modules": list(modules),
        "home": bubblewrap.HOME,
        "home_size": limits.HOME_SIZE,
        "shared_size": limits.SHARED_SIZE,
        "files": list(files),
        "limits": limits.most(own_user=True),
        "users": users,
    }


def _popen_for_good(command, **options) -> subprocess.Popen:
    """Start a process from a thread that stays as long as the process does.

    bubblewrap dies with its parent, and the kernel takes the thread for the parent.
    """
    started = queue.SimpleQueue()

    def start_and_stay():
        try:
            process = subprocess.Popen(command, **options)
        except OSError as error:
            started.put(error)
            return
        started.put(process)
        process.wait()

    threading.Thread(target=start_and_stay, daemon=True).start()
    process = started.get()
    if isinstance(process, OSError):
        raise process
    return process


class Forked(Enclosed):
    """A forked process; the server's init reaps it, so its end is told by a pipe.

    on_end: called once, when it has been ended.
    """

    def __init__(self, init: int, status: int, on_end):
        super().__init__(None, init, status=status)
        self._code = None
        self._on_end = on_end

    def exit_code(self, seconds):
        deadline = time.monotonic() + seconds
        said = b""
        while self._code is None:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._status], [], [], left)[0]:
                return None
            part = os.read(self._status, 4096)
            said += part
            if not part:
                self._code = json.loads(said)["exit-code"] if said else 128 + 9
        return 128 - self._code if self._code > 128 else self._code

    def _reap(self):
        """It is not ours to wait for; the server may want to know."""
        on_end, self._on_end = self._on_end, lambda: None
        on_end()
