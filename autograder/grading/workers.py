"""Who grades: this process, processes forked from it, or a Dask cluster.

Each is a `concurrent.futures.Executor`. A worker that dies loses nothing but time: what
it was given is given to another.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)

from autograder.checking.verdict import Verdict
from autograder.course.chapter import Chapter
from autograder.grading import work
from autograder.grading.grade import code_cells
from autograder.grading.run import GradingRun
from autograder.ingest.submission import Submission
from autograder.sandbox.machine import require_sandbox

AHEAD = 4  # submissions given out for each worker, so that none waits for the next
TRIES = 3
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, see prctl(2)


class Here(Executor):
    """No worker at all: what is submitted is done at once, in this process."""

    def submit(self, function, /, *arguments, **options) -> Future:
        future = Future()
        try:
            future.set_result(function(*arguments, **options))
        except Exception as error:
            future.set_exception(error)
        return future


class Local:
    """Processes on this machine, forked when the first of them is needed.

    What this process knows by then, each of them knows.
    """

    def __init__(self, count: int):
        self.count = count

    def prepare(self, run: GradingRun, chapters: list[Chapter]):
        """Draw all cases, while the fork server imports what notebooks will.

        Raises Problem where student code cannot be walled off on this machine.
        """
        if run.walls.sandboxed:
            require_sandbox()
        runs = [run.of(chapter) for chapter in chapters]
        run.walls.prepare([c for each in runs for c in code_cells(each.pristine)])
        for each in runs:
            _ = each.hidden_calls, each.public_calls
        work.share(run)

    def executor(self) -> Executor:
        """New workers; none where a fork is not safe, as on macOS."""
        if self.count == 1 or sys.platform != "linux":
            return Here()
        context = multiprocessing.get_context("fork")
        return ProcessPoolExecutor(self.count, context, _begin, (os.getpid(),))

    def end(self, executor: Executor):
        """End workers, whatever they are doing."""
        executor.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.kill()
            process.join()


def _begin(parent):
    """What a local worker does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator ends it
    ctypes.CDLL(None, use_errno=True).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)


class Crew:
    """Gives submissions to workers and hands back what they have made of them.

    source: `Local`, or another that makes executors and ends them. As few submissions
    as keep all workers busy are in memory.
    """

    def __init__(self, source):
        self._source = source
        self._executor = None
        self._waiting: dict[Future, tuple] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._executor is not None:
            self._source.end(self._executor)

    def prepare(self, run: GradingRun, chapters: list[Chapter]):
        """Compute what workers share of a run, where they can share it."""
        self._source.prepare(run, chapters)

    def give(
        self, order: work.Order, submission: Submission, kept: list[Verdict] = ()
    ) -> Iterator[work.Done]:
        """Give out a submission, when a worker will soon be free; yields what is done.

        kept: verdicts that still hold, as in `work.grade`.
        """
        while len(self._waiting) >= AHEAD * self._source.count:
            yield from self._next()
        try:
            self._submit(order, submission, kept)
        except BrokenExecutor:
            yield from self._recovered([(order, submission, kept)])
        except Exception as error:  # a cluster that is gone
            yield work.failed(order, submission, _failure(error))
        if any(future.done() for future in self._waiting):
            yield from self._next()

    def rest(self) -> Iterator[work.Done]:
        """What is still being done, as it is done."""
        while self._waiting:
            yield from self._next()

    def _submit(self, order, submission, kept):
        if self._executor is None:
            self._executor = self._source.executor()
        future = self._executor.submit(work.grade, order, submission, kept)
        self._waiting[future] = (order, submission, kept)

    def _next(self):
        """What is done next; one or more, none of them lost."""
        finished, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
        if any(map(_is_broken, finished)):
            yield from self._recovered()
            return
        for future in finished:
            yield self._result(future, *self._waiting.pop(future))

    def _recovered(self, more=()):
        """After a worker has died: what was done counts, the rest is done again.

        One by one, so that who killed it is found out, and nobody else pays.
        """
        wait(self._waiting)  # all of them fail at once, or are done
        waiting, self._waiting = self._waiting, {}
        for future, given in waiting.items():
            if not _is_broken(future):
                yield self._result(future, *given)
        for given in [g for f, g in waiting.items() if _is_broken(f)] + list(more):
            yield self._alone(*given)

    def _alone(self, *given):
        for _ in range(TRIES):
            self._renew()
            try:
                future = self._executor.submit(work.grade, *given)
            except BrokenExecutor:
                continue
            if not _is_broken(future):
                return self._result(future, *given)
        return work.failed(*given[:2], f"the worker died {TRIES} times")

    def _result(self, future, order, submission, _kept):
        """What a worker has made; where it could not even fail, that is recorded."""
        try:
            return future.result()
        except Exception as error:
            return work.failed(order, submission, _failure(error))

    def _renew(self):
        """New workers where the old ones are broken."""
        if self._executor is not None:
            try:
                self._executor.submit(os.getpid).result()
                return
            except BrokenExecutor:
                self._source.end(self._executor)
        self._executor = self._source.executor()


def _failure(error):
    return f"the worker failed: {type(error).__name__}: {error}"


def _is_broken(future):
    """Whether its worker, or one beside it, has died; waits for it."""
    try:
        return isinstance(future.exception(), BrokenExecutor)
    except CancelledError:  # a cluster has given up on it
        return False
