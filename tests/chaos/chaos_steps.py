"""Counting what a run does to files and gradebook, and dying before a given step.

A step is a file opened for writing, made, moved, changed or removed, an SQL
statement, or a commit. Most steps belong to releasing and to writing results, so that
moments drawn from them hit those phases, which are short on the clock.
"""

import os
import signal
import sys

from sqlalchemy import event
from sqlalchemy.engine import Engine

CHANGES = frozenset(
    ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.truncate")
)


def count_steps(counter, die_at):
    """Count this process's steps in `counter.value`; die before step `die_at`."""

    def step(*_, **__):
        counter.value += 1
        if counter.value == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(name, arguments):
        if name in CHANGES or (name == "open" and _is_for_writing(*arguments)):
            step()

    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, step)
    sys.addaudithook(audit)


def _is_for_writing(path, _, flags):
    is_named = isinstance(path, str) and "__pycache__" not in path
    return is_named and flags is not None and flags & (os.O_WRONLY | os.O_RDWR)
