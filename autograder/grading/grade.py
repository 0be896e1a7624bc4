"""Grading one notebook: run it in a process of its own, judge it here."""

import base64
import dataclasses
import struct
import time
from dataclasses import dataclass

import nbformat

from autograder.checking import card
from autograder.checking.verdict import (
    ERROR,
    LIMIT,
    NOT_ATTEMPTED,
    PASSED,
    TIMEOUT,
    WRONG,
    Verdict,
)
from autograder.course.source import grade_id, is_demo
from autograder.grading.run import ChapterRun
from autograder.grading.texts import clean, without_places
from autograder.sandbox.notebook_run import Called, Cell, run_notebook

METADATA_KEY = "autograder"
MAX_PIXELS = 20_000_000  # of one figure


@dataclass(frozen=True)
class Graded:
    """A notebook with the verdicts as its test cells' outputs.

    run_seconds: how long the student's processes took, by the clock.
    """

    notebook: object
    verdicts: list[Verdict]
    run_seconds: float = 0.0


def grade_notebook(run: ChapterRun, notebook, files=None, kept=()) -> Graded:
    """Grade a transplanted notebook.

    files: the data that was handed in with it, by name. kept: verdicts on exercises
    that are not to be judged again. Raises Infrastructure when student code cannot be
    run.
    """
    cells = list(code_cells(notebook))
    known = {verdict.exercise: verdict for verdict in kept}
    asked = [name for name in run.chapter.exercises if name not in known]
    clock = _Clock()
    with clock:
        calls = {name: run.hidden_calls[name] for name in asked}
        result = run_notebook(cells, calls, run.walls, files)
    judged = {name: _judged(run, name, result) for name in asked}
    failed = [name for name, verdict in judged.items() if _can_be_shown(verdict)]
    shown = None
    if failed or _says_something_late(cells, result):
        # what a call has seen, a later cell or call can say: what is shown comes from
        # a process that has seen nothing hidden
        alive = [cell for cell in cells if cell.name not in result.gone]
        calls = {name: run.public_calls[name] for name in failed}
        with clock:
            shown = run_notebook(alive, calls, run.walls, files)
        result.cells = shown.cells
    stubs = {cell.id: cell.source for cell in run.pristine.cells}
    for name, verdict in judged.items():
        verdict = verdict or _not_called(run, name, result)
        if name in failed:
            verdict = _told(run, verdict, shown.called.get(name))
        if verdict.outcome == ERROR and _same_code(notebook, name, stubs[name]):
            verdict = dataclasses.replace(verdict, outcome=NOT_ATTEMPTED)
        known[name] = _cleaned(verdict)
    verdicts = [known[name] for name in run.chapter.exercises]
    _write_outputs(notebook, result, {v.exercise: v for v in verdicts})
    return Graded(notebook, verdicts, clock.seconds)


class _Clock:
    """Adds up the seconds that pass inside of it."""

    seconds = 0.0

    def __enter__(self):
        self._begin = time.perf_counter()

    def __exit__(self, *_):
        self.seconds += time.perf_counter() - self._begin


def _can_be_shown(verdict):
    """Whether a verdict is on wrong answers, whose like public cases may show."""
    return verdict is not None and verdict.stage and verdict.outcome in (WRONG, ERROR)


def _says_something_late(cells, result):
    """Whether a cell after the first call printed, drew or raised anything."""
    names = [cell.name for cell in cells]
    first = next((i for i, c in enumerate(cells) if c.exercise in result.called), 0)
    runs = (result.cells.get(name) for name in names[first:])
    return any(run and (run.printed or run.figures or run.raised) for run in runs)


def code_cells(notebook):
    """The `Cell`s to run; cells that only demonstrate are not."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and not is_demo(cell):
            name = grade_id(cell)
            exercise = name.removeprefix("test_") if name.startswith("test_") else ""
            yield Cell(cell.id, cell.source, exercise)


def _same_code(notebook, name, stub):
    return any(cell.id == name and cell.source == stub for cell in notebook.cells)


# --- verdicts -------------------------------------------------------------------


def _judged(run, name, result) -> Verdict | None:
    """The verdict on the hidden cases, None where there was nothing to call."""
    called = result.called.get(name, Called(no_probe=True))
    if called.no_probe:
        return None
    if called.gone:
        return _gone(name, run.chapter.exercises[name].points, called, run)
    cases = called.answered(run.hidden[name])
    return run.chapter.decide(name, cases, called.answers, called.growth)


def _told(run, verdict, called) -> Verdict:
    """What the student reads: of public cases, where they fail in the same way."""
    public = run.public[verdict.exercise]
    if called is not None and not called.gone and public:
        cases = called.answered(public)
        shown = run.chapter.decide(verdict.exercise, cases, called.answers)
        if shown.outcome == verdict.outcome:
            return shown
    # nothing that depends on a hidden case's values goes to the student
    return dataclasses.replace(
        verdict, message=verdict.blind or verdict.message, detail=""
    )


def _gone(name, points, called, run):
    seconds = run.chapter.exercises[name].seconds
    outcome, message = {
        "timeout": (TIMEOUT, f"No answer within {seconds:g} seconds."),
        "limit": (LIMIT, "Your code went over a limit of memory, time or files."),
        "died": (ERROR, "Your code ended the process it ran in."),
    }[called.gone]
    sentence = ""
    if outcome == LIMIT and run.chapter.exercises[name].memory is not None:
        sentence = run.chapter.cost_sentence(name, "memory")
    return Verdict(name, outcome, points, message, sentence)


def _not_called(run, name, result) -> Verdict:
    """Why a test cell registered nothing: its own error, or the solution cell's."""
    points = run.chapter.exercises[name].points
    for cell in (name, f"test_{name}"):
        if cell in result.gone:
            return _gone_cell(name, points, result.gone[cell])
        done = result.cells.get(cell)
        if done is not None and done.raised is not None:
            message = f"Your cell did not run: {describe(done.raised)}."
            return Verdict(name, ERROR, points, message)
    return Verdict(name, ERROR, points, f"{name} is not defined when it is checked.")


def _gone_cell(name, points, reason):
    outcome = {"timeout": TIMEOUT, "limit": LIMIT}.get(reason, ERROR)
    words = {"timeout": "did not end in time", "limit": "went over a limit"}
    return Verdict(
        name, outcome, points, f"Your cell {words.get(reason, 'ended its process')}."
    )


def describe(raised) -> str:
    """An exception in one line: kind, message, place."""
    place = f" (line {raised.line})" if raised.line else ""
    message = f": {raised.message}" if raised.message else ""
    return without_places(clean(f"{raised.kind}{message}{place}", 2000))[:500]


# --- outputs --------------------------------------------------------------------


def _is_plain_png(png):
    """Whether it begins as a PNG of a size that a browser can unpack."""
    if png[:8] != b"\x89PNG\r\n\x1a\n" or png[12:16] != b"IHDR" or len(png) < 24:
        return False
    width, height = struct.unpack(">II", png[16:24])
    return 0 < width * height <= MAX_PIXELS


def _write_outputs(notebook, result, verdicts):
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        exercise = grade_id(cell).removeprefix("test_")
        if exercise != grade_id(cell) and exercise in verdicts:
            verdict = verdicts[exercise]
            cell.outputs = verdict_outputs(verdict)
            cell.metadata[METADATA_KEY] = verdict.as_dict()
        elif cell.id in result.cells:
            cell.outputs = _printed_outputs(result.cells[cell.id])
        elif cell.id in result.gone:
            words = f"This cell ended its process ({result.gone[cell.id]})."
            cell.outputs = [_error_output("Stopped", words)]


def verdict_outputs(verdict: Verdict) -> list:
    """What nbgrader reads as this verdict's score: an error for none, else full."""
    data = {"text/html": card.as_html(verdict), "text/plain": card.as_text(verdict)}
    outputs = [_output("display_data", data=data, metadata={})]
    if verdict.outcome != PASSED:
        outputs.append(_error_output(verdict.outcome, verdict.message, []))
    return outputs


def _cleaned(verdict):
    texts = ("message", "detail", "note")
    return dataclasses.replace(
        verdict,
        **{name: without_places(clean(getattr(verdict, name), 2000)) for name in texts},
    )


def _printed_outputs(run):
    outputs = []
    if text := without_places(clean(run.printed)):
        outputs.append(_output("stream", name="stdout", text=text))
    for png in filter(_is_plain_png, run.figures):
        data = {"image/png": base64.b64encode(png).decode("ascii")}
        outputs.append(_output("display_data", data=data, metadata={}))
    if run.raised:
        outputs.append(_error_output(run.raised.kind, describe(run.raised)))
    return outputs


def _error_output(name, message, traceback=None):
    lines = [message] if traceback is None else traceback
    return _output(
        "error", ename=clean(name, 80), evalue=clean(message, 500), traceback=lines
    )


def _output(kind, **fields):
    """An output; nbformat's own function validates each, and takes long for it."""
    return nbformat.from_dict({"output_type": kind, **fields})
