"""Running a whole notebook: every cell in order, every exercise's cases.

A cell or a call that ends its process costs only itself: a fresh process replays the
cells before it, without those that killed their process, and goes on. What something
else has killed is tried once more.
"""

import functools
from dataclasses import dataclass, field

from autograder.checking.calling import Answer
from autograder.sandbox import limits
from autograder.sandbox.batch import Batch, batches_of
from autograder.sandbox.imports import imported_modules
from autograder.sandbox.session import CellRun, Gone, Session

CELL_SECONDS = 60.0
MAX_DEATHS = 12
ROUNDS = 3
MAX_ANSWERS = 32 * 2**20  # bytes kept here of one exercise's answers
KILLED, LIMIT = "killed", "limit"


@dataclass(frozen=True)
class Cell:
    """A code cell to run; `exercise` names the exercise whose probe it holds."""

    name: str
    source: str
    exercise: str = ""


@dataclass(frozen=True)
class Calls:
    """What to ask of one exercise's probe.

    inputs: named inputs, one dict a call. seconds: of processor time for all of them
    together. memory: the bytes that may be mapped beyond what is mapped before the
    first call; their process ends with the last one then. sizes: the inputs of a small
    and of a large call, whose times are compared. kept: the most bytes that all answers
    may hold.
    """

    inputs: list[dict]
    seconds: float
    memory: int | None = None
    sizes: tuple[dict, dict] | None = None
    kept: int = MAX_ANSWERS

    @functools.cached_property
    def batches(self) -> list[Batch]:
        """The inputs as they are sent; one by one where memory is limited."""
        return batches_of(self.inputs, *([] if self.memory is None else [0]))


@dataclass
class Called:
    """What came of an exercise's calls: answers, or why there are none.

    gone: "", "timeout", "limit" or "died"; there are no answers then. Where the first
    answer is that nothing is implemented, it may be the only one.
    growth: how many times as long the large call took as the small one.
    """

    answers: list[Answer] = field(default_factory=list)
    gone: str = ""
    no_probe: bool = False
    growth: float | None = None

    @property
    def is_missing(self) -> bool:
        """Whether what was called is still a stub."""
        first = self.answers[0].raised if self.answers else None
        return first is not None and first.is_missing

    def answered(self, cases: list) -> list:
        """Of what was asked, what to judge: all, but of a stub what it answered."""
        return cases[: len(self.answers)] if self.is_missing else cases


@dataclass
class NotebookRun:
    """What a notebook did: by cell name, and by exercise."""

    cells: dict[str, CellRun] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    called: dict[str, Called] = field(default_factory=dict)


def run_notebook(cells, calls, walls=None, files=None) -> NotebookRun:
    """Run `cells` in order in processes of their own.

    calls: a `Calls` by exercise. walls: what stands around each process (default:
    `forking`). files: data for its home, by name. Raises Infrastructure when no
    process can be had.
    """
    return _Runner(cells, calls, walls, files).run()


class _Runner:
    def __init__(self, cells, calls, walls, files):
        self._cells = cells
        self._calls = calls
        self._walls = walls
        self._files = files
        self._modules = imported_modules(cells)
        self._session = None
        self._deaths = 0
        self._letters, self._bytes = limits.ALL_PRINTED, limits.ALL_DRAWN
        self._result = NotebookRun()

    def run(self):
        try:
            for index, cell in enumerate(self._cells):
                self._run_cell(index, cell)
                if cell.exercise in self._calls:
                    self._call(index, cell)
        finally:
            self._end_session()
        return self._result

    def _run_cell(self, index, cell):
        def attempt():
            session = self._session_before(index)
            run = session.run_cell(cell.name, cell.source, CELL_SECONDS)
            self._result.cells[cell.name] = self._kept(run)

        if reason := self._twice_if_killed(attempt):
            self._result.gone[cell.name] = reason

    def _kept(self, run):
        """What a cell said, as far as there is room for it."""
        printed = run.printed[: self._letters]
        self._letters -= len(printed)
        figures = []
        for png in run.figures:
            if len(png) <= self._bytes:
                self._bytes -= len(png)
                figures.append(png)
        return CellRun(run.raised, printed, figures)

    def _call(self, index, cell):
        if cell.name in self._result.gone:
            called = Called(gone=self._result.gone[cell.name])
            self._result.called[cell.exercise] = called
            return
        calls = self._calls[cell.exercise]

        def attempt():
            called = self._result.called[cell.exercise] = Called()
            session = self._session_for(calls, index + 1)
            _answer(session, cell.exercise, calls, called)

        if reason := self._twice_if_killed(attempt):
            self._result.called[cell.exercise] = Called(gone=reason)
        if calls.memory is not None:  # the next cells have the usual memory again
            self._end_session()

    def _twice_if_killed(self, attempt):
        """Why an attempt ended its process, "" if it did not.

        A kill from outside is no one's fault the first time; it is the machine's way
        to say that memory is short the second time.
        """
        for last in (False, True):
            try:
                attempt()
                return ""
            except Gone as gone:
                self._bury()
                if gone.reason != KILLED:
                    return gone.reason
                if last:
                    return LIMIT

    def _bury(self):
        self._end_session()
        self._deaths += 1

    def _session_for(self, calls, index):
        """The running session, its memory limited where `calls` asks for it."""
        session = self._session_before(index)
        if calls.memory is not None:
            session.limit_memory(calls.memory)
        return session

    def _session_before(self, index):
        """The running session, or a new one that has replayed the cells before."""
        while self._session is None:
            if self._deaths >= MAX_DEATHS:
                raise Gone(LIMIT)
            self._session = Session(self._walls, self._files, self._modules)
            self._replay(index)
        return self._session

    def _replay(self, index):
        """Run the cells before again; one that dies this time is left out from then."""
        for cell in self._cells[:index]:
            if cell.name in self._result.gone:
                continue
            try:
                self._session.run_cell(cell.name, cell.source, CELL_SECONDS)
            except Gone as gone:
                self._bury()
                if gone.reason != KILLED:
                    self._result.gone[cell.name] = gone.reason
                return

    def _end_session(self):
        if self._session is not None:
            self._session.close()
            self._session = None


def _answer(session, exercise, calls, called):
    """Ask for all answers within the time, then compare the times of two sizes."""
    budget = session.budget(calls.seconds)
    room = calls.kept
    for batch in calls.batches:
        for answer in session.answers(exercise, batch, budget):
            if answer is None:
                called.no_probe = True
                return
            room -= size_of(answer.value)
            if room < 0:
                raise Gone(LIMIT)
            called.answers.append(answer)
        if called.is_missing:
            return  # what else is asked can only get the same
    if calls.sizes is not None:

        def ask(inputs):
            session.call(exercise, inputs, budget)

        small, large = _least_seconds(session, ask, calls.sizes)
        called.growth = large / max(small, 1e-9)


def size_of(value) -> int:
    """The bytes that a value holds, roughly; small things count as eight."""
    if isinstance(value, (list, tuple)):
        return 8 + sum(map(size_of, value))
    if isinstance(value, dict):
        return 8 + sum(size_of(item) for pair in value.items() for item in pair)
    return getattr(value, "nbytes", len(value) if isinstance(value, str) else 8)


def _least_seconds(session, ask, sizes):
    """The least processor time of each size, measured in turns."""
    taken = [[], []]
    for _ in range(ROUNDS):
        for times, inputs in zip(taken, sizes, strict=True):
            before = session.cpu_seconds()
            ask(inputs)
            times.append(session.cpu_seconds() - before)
    return [min(times) for times in taken]
