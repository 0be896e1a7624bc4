"""``autograder grade`` in a process of its own, and ways to kill it."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time

import psutil
from chaos_steps import count_steps

from autograder.cli import EXIT_OK, main
from autograder.grading import command  # noqa: F401, the forks need not import it
from autograder.sandbox.fork_walls import forking

PATIENCE = 300
OPTIONS = ("--seed", "11", "--workers", "2")


class Run:
    """One run of the command on the course in `root`.

    fresh: the command starts from nothing, as on a command line; else it is a fork of
    this process, which has imported all of it. die_at: the step before which it kills
    itself, None for none.
    """

    def __init__(self, root, *options, fresh=False, die_at=None):
        self.root = root
        self._arguments = ["grade", "--course", str(root), *OPTIONS, *options]
        self.temporary = root.parent / f"{root.name}-tmp"
        self.temporary.mkdir(exist_ok=True)
        self._said = self.temporary.with_suffix(".log").open("w+b")
        self._begin = time.monotonic()
        self.process = self._fresh() if fresh else self._forked(die_at)

    def _fresh(self):
        return subprocess.Popen(
            [sys.executable, "-m", "autograder.cli", *self._arguments],
            env=os.environ | {"TMPDIR": str(self.temporary)},
            stdout=self._said,
            stderr=self._said,
        )

    def _forked(self, die_at):
        fork = multiprocessing.get_context("fork")
        self._steps = fork.Value("i", 0, lock=False)
        process = fork.Process(target=self._serve, args=(die_at,))
        process.start()
        return process

    def _serve(self, die_at):
        for stream in (1, 2):
            os.dup2(self._said.fileno(), stream)
        sys.stdout = sys.stderr = os.fdopen(1, "w")
        tempfile.tempdir = str(self.temporary)
        forking.cache_clear()  # the fork server of the process that was forked
        count_steps(self._steps, die_at)
        sys.exit(main(self._arguments))

    @property
    def steps(self) -> int:
        """How many steps a forked run has taken."""
        return self._steps.value

    def ends_within(self, seconds) -> bool:
        """Wait; whether it has ended by then."""
        if isinstance(self.process, subprocess.Popen):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        else:
            self.process.join(seconds)
        return self._code() is not None

    def finish(self, codes=(EXIT_OK,)) -> float:
        """Wait for a run that nobody kills; returns the seconds since its start."""
        assert self.ends_within(PATIENCE)
        taken = time.monotonic() - self._begin
        assert self._code() in codes, self._words()
        return taken

    def die(self) -> bool:
        """Wait for a run that kills itself; False where it ended before that."""
        assert self.ends_within(PATIENCE)
        code = self._code()
        assert code in (0, -signal.SIGKILL), self._words()
        return code != 0

    def kill_after(self, seconds) -> bool:
        """Kill -9; False where it ended before. What it had started must be gone."""
        if self.ends_within(seconds):
            self.finish()
            return False
        os.kill(self.process.pid, signal.SIGSTOP)  # so that it starts nothing more
        started = self.family()
        self.process.kill()
        assert self.ends_within(PATIENCE)
        assert_gone(started)
        return True

    def family(self) -> list[psutil.Process]:
        """All processes that it has started."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> dict[int, list[psutil.Process]]:
        """The processes for student code, by how many stand between them and the run.

        1 is bubblewrap itself, 2 its first process inside, 3 the server that forks, 4 a
        session's first process, 5 the one of a student's code.
        """
        found = {}
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                above = [process, *process.parents()]
                pids = [parent.pid for parent in above]
                depth = pids.index(self.process.pid)
                if above[depth - 1].name() == "bwrap":
                    found.setdefault(depth, []).append(process)
        return found

    def _code(self):
        if isinstance(self.process, subprocess.Popen):
            return self.process.returncode
        return self.process.exitcode

    def _words(self):
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace")


def assert_gone(processes):
    """Nothing of it lives on; only nbgrader's alembic may end what it has begun."""
    _, alive = psutil.wait_procs(processes, timeout=20)
    alive = [p for p in alive if p.is_running() and p.status() != "zombie"]
    if [p.name() for p in alive] == ["alembic"]:
        _, alive = psutil.wait_procs(alive, timeout=100)
    assert not alive, f"{alive} outlive the run that started them"
