"""Running a whole notebook: every cell in order, every exercise's cases.

A cell or a call that ends its process costs only itself: a fresh process replays the
cells before it, without those that killed their process, and goes on.
"""

import time
from dataclasses import dataclass, field

from autograder.checking.calling import Answer
from autograder.sandbox.session import CellRun, Gone, Session

CELL_SECONDS = 60.0
MAX_DEATHS = 12


@dataclass(frozen=True)
class Cell:
    """A code cell to run; `exercise` names the exercise whose probe it holds."""

    name: str
    source: str
    exercise: str = ""


@dataclass
class Called:
    """What came of an exercise's calls: answers, or why there are none.

    gone: "", "timeout", "limit" or "died". answers is shorter than the cases then.
    """

    answers: list[Answer] = field(default_factory=list)
    gone: str = ""
    no_probe: bool = False


@dataclass
class NotebookRun:
    """What a notebook did: by cell name, and by exercise."""

    cells: dict[str, CellRun] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    called: dict[str, Called] = field(default_factory=dict)


def run_notebook(cells, inputs, seconds, cell_seconds=CELL_SECONDS) -> NotebookRun:
    """Run `cells` in order in processes of their own.

    inputs: {exercise: list of named inputs}. seconds: {exercise: budget of all its
    calls}. Raises Infrastructure when no process can be had.
    """
    return _Runner(cells, inputs, seconds, cell_seconds).run()


class _Runner:
    def __init__(self, cells, inputs, seconds, cell_seconds):
        self._cells = cells
        self._inputs = inputs
        self._seconds = seconds
        self._cell_seconds = cell_seconds
        self._session = None
        self._deaths = 0
        self._result = NotebookRun()

    def run(self):
        try:
            for index, cell in enumerate(self._cells):
                self._run_cell(index, cell)
                if cell.exercise in self._inputs:
                    self._call(index, cell)
        finally:
            self._end_session()
        return self._result

    def _run_cell(self, index, cell):
        try:
            session = self._session_before(index)
            run = session.run_cell(cell.name, cell.source, self._cell_seconds)
            self._result.cells[cell.name] = run
        except Gone as gone:
            self._bury(cell.name, gone)

    def _call(self, index, cell):
        called = self._result.called[cell.exercise] = Called()
        if cell.name in self._result.gone:
            called.gone = self._result.gone[cell.name]
            return
        deadline = time.monotonic() + self._seconds[cell.exercise]
        try:
            session = self._session_before(index + 1)
            for inputs in self._inputs[cell.exercise]:
                left = max(0.0, deadline - time.monotonic())
                answer = session.call(cell.exercise, inputs, left)
                if answer is None:
                    called.no_probe = True
                    return
                called.answers.append(answer)
        except Gone as gone:
            called.gone = gone.reason
            self._end_session()
            self._deaths += 1

    def _session_before(self, index):
        """The running session, or a new one that has replayed the cells before."""
        while self._session is None:
            if self._deaths >= MAX_DEATHS:
                raise Gone("limit")
            self._session = Session()
            self._replay(index)
        return self._session

    def _replay(self, index):
        for cell in self._cells[:index]:
            if cell.name in self._result.gone:
                continue
            try:
                self._session.run_cell(cell.name, cell.source, self._cell_seconds)
            except Gone as gone:
                self._bury(cell.name, gone)
                return

    def _bury(self, name, gone):
        self._result.gone[name] = gone.reason
        self._end_session()
        self._deaths += 1

    def _end_session(self):
        if self._session is not None:
            self._session.close()
            self._session = None
