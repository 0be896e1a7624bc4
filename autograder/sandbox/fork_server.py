"""Runs inside: imports what notebooks need once, and forks a child for each session.

No student code ever runs in it, so every child starts from the same clean state. It has
one thread and starts none, since only that can be forked safely. A request is a JSON
object with descriptors; the answer comes from the child itself, once its walls stand.
"""

import contextlib
import gc
import importlib
import itertools
import json
import os
import signal
import socket
import sys
import time

from autograder.sandbox import child, confine
from autograder.sandbox.huge_pages import gather_memory

MAX_REQUEST = 1 << 20
PATIENCE = 2.0
# a process that forks is replaced after so many children, or when it has grown so much
MOST_CHILDREN = 2_000
MOST_GROWTH = 64 * 2**20
RENEW = 75  # its exit code then

_tried: set[str] = set()  # modules that were imported, or could not be


def main():
    """Serve requests from the socket named on the command line until it is closed.

    Modules named after it are imported first. A process of its own forks the children;
    it is replaced by a new one now and then, so that nothing can pile up in it.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    _import(sys.argv[2:])
    _settle()
    for before in itertools.count(step=MOST_CHILDREN):
        server = os.fork()
        if server == 0:
            os._exit(_serve(control, before))
        _, state = os.waitpid(server, 0)
        if os.waitstatus_to_exitcode(state) != RENEW:
            os._exit(0)  # at once: to take torch apart would last a second


def _serve(control, before):
    """Fork a child for each request; returns 0 where there will be no more of them.

    before: how many there may have been already. No two that live at the same time have
    the same user, whichever process asked for them.
    """
    signal.signal(signal.SIGCHLD, _reap)
    held = _memory()
    for number in range(before, before + MOST_CHILDREN):
        data, descriptors, _, _ = socket.recv_fds(control, MAX_REQUEST, 64)
        if not data:
            return 0
        request = json.loads(data)
        answer = socket.socket(fileno=descriptors[0])
        try:
            if _prepare(request["modules"]):
                held = _memory()
            request["user"] = _user(request["users"], number)
            _fork(control, answer, request, descriptors[1:])
        except Exception as error:
            answer.send(f"failed: {error}".encode())
        answer.close()
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        if _memory() - held > MOST_GROWTH:
            break
    return RENEW


def _user(users, number):
    """Whose turn it is; None where only root could give a process to another."""
    if users is None:
        return None
    first, count, start = users
    return first + (start + number) % count


def _memory():
    """The bytes that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _prepare(modules):
    """Import modules that are not there yet; returns whether there were any."""
    missing = [name for name in modules if name not in _tried]
    if missing:
        _import(missing)
        _settle()
    deadline = time.monotonic() + PATIENCE
    while (threads := len(os.listdir("/proc/self/task"))) != 1:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{threads} threads; only one can be forked safely")
        time.sleep(0.01)  # one that an import has started may be about to end
    return bool(missing)


def _import(modules):
    for name in modules:
        _tried.add(name)
        with contextlib.suppress(Exception):  # a cell that needs it will say so
            importlib.import_module(name)


def _settle():
    """Make what is in memory cheap to fork.

    A collection in a child would copy every page that it looks at.
    """
    gc.collect()
    gc.freeze()
    gather_memory()


def _fork(control, answer, request, descriptors):
    """Fork the first process of new namespaces."""
    with confine.own_process_numbers():
        first = os.fork()
    if first:
        return
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        os.setsid()
        confine.own_namespaces()
        _init(answer, request, descriptors)
    except BaseException as error:
        answer.send(f"failed: {error}".encode())
    finally:
        os._exit(0)


def _reap(*_):
    """Let go of the children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _init(answer, request, descriptors):
    """The first process behind the walls: puts them up, then waits for the second."""
    requests, replies, errors, status, program, *files = descriptors
    confine.own_files(request["home"], request["home_size"], request["shared_size"])
    for name, file in zip(request["files"], files, strict=True):
        _write(name, file)
    os.dup2(errors, 2)
    confine.limit(request["limits"])
    confine.give_up_privileges(request["user"])
    confine.filter_calls(_read(program))
    answer.send(b"confined")
    answer.close()
    student = os.fork()
    if student == 0:
        for descriptor in (errors, status, program, *files):
            os.close(descriptor)
        os._exit(_run(requests, replies))
    for descriptor in (requests, replies):
        os.close(descriptor)
    os.write(status, json.dumps({"exit-code": _wait_for(student)}).encode())
    os._exit(0)


def _run(requests, replies):
    try:
        confine.show_in_proc(True)  # to itself, as after an exec
        child.after_fork()
        child.run(requests, replies)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _wait_for(student):
    """Reap whatever ends until the student's process does; its code as in shells."""
    # the first process hears nothing that it has no handler for, and Python has one
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    while True:
        pid, state = os.wait()
        if pid == student:
            code = os.waitstatus_to_exitcode(state)
            return code if code >= 0 else 128 - code


def _write(name, file):
    with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "wb") as home:
        home.write(_read(file))


def _read(file):
    """A whole file, from its beginning; the descriptor stays open."""
    size = os.fstat(file).st_size
    return os.pread(file, size, 0)


if __name__ == "__main__":
    main()
