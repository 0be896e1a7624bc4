"""How long a process for student code may take, measured from outside."""

import time

from autograder.sandbox import limits

# how many times the processor time the wall clock allows, for what waits instead of
# working, and how many times more where it waits for a processor
PATIENCE = 3.0
BUSY = 7.0


class Patience:
    """The wall clock beside `seconds` of processor time that a process may take.

    A process that only waits takes no processor time; this ends it. What it waited for
    a processor does not count, since a busy machine must not make an answer wrong, but
    no longer than BUSY times `seconds`: what keeps the machine busy may be its own.
    """

    def __init__(self, pid, seconds):
        self._pid = pid
        self._seconds = seconds
        self._begin = time.monotonic()
        self._waited = limits.waited_seconds(pid)

    def is_over(self) -> bool:
        """Whether it has ended; the kernel is asked only when it could have."""
        return self._unspared() <= 0 and self.left() <= 0

    def left(self) -> float:
        """Seconds until it ends."""
        waited = limits.waited_seconds(self._pid) - self._waited
        return self._unspared() + min(max(waited, 0.0), BUSY * self._seconds)

    def _unspared(self):
        return PATIENCE * self._seconds - (time.monotonic() - self._begin)


class Budget:
    """Processor time that a process may take from now on, and its patience."""

    def __init__(self, pid, seconds):
        self._pid = pid
        self._patience = Patience(pid, seconds)
        self._end = self._used() + seconds

    def is_spent(self):
        return self._patience.is_over() or self._used() >= self._end

    def _used(self):
        try:
            return 0.0 if self._pid is None else limits.cpu_seconds(self._pid)
        except OSError:  # it is gone, as the next read will show
            return 0.0
