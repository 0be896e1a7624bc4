"""A limit on memory for processes that run already, set from outside."""

import subprocess

import psutil

from autograder.problems import Infrastructure
from autograder.sandbox.limits import family


def leave_no_more_than(more: int, python: int, init: int):
    """Let each process behind some walls map `more` bytes beyond what it has now.

    Set from outside on each of them as it is, since what a process has mapped depends
    on what it was forked from. Raises Infrastructure where that fails; a system that
    knows no such limits has no walls either.
    """
    if not hasattr(psutil.Process, "rlimit"):
        return
    found = {process.pid: process for process in (*family(python), *family(init))}
    for pid, process in found.items():
        if pid == init != python:  # it runs nothing
            continue
        try:
            most = process.memory_info().vms + more
            _limit_memory(process, most)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
        except (psutil.Error, OSError, subprocess.SubprocessError) as error:
            raise Infrastructure(f"memory cannot be limited: {error}") from None


def _limit_memory(process, most):
    """Set the limit; as the user that it belongs to, where root alone may not."""
    try:
        process.rlimit(psutil.RLIMIT_AS, (most, most))
    except psutil.AccessDenied:
        user, group = process.uids().real, process.gids().real
        become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        limit = ["prlimit", f"--pid={process.pid}", f"--as={most}"]
        subprocess.run([*become, *limit], check=True, capture_output=True)
