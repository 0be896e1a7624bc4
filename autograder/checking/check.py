"""``check``: the answer at once, in the student's own notebook."""

import contextlib
import functools
import os
from pathlib import Path

from autograder.checking import card, public
from autograder.checking.calling import call
from autograder.checking.verdict import PASSED, decide

CLOSING = "These were the public cases; grading draws new ones."
NBGRADER = "NBGRADER_EXECUTION"
NOT_GIVEN = object()
_recorders = []


class CheckFailed(AssertionError):
    """The answer is not right yet; the message says what and why."""

    def _render_traceback_(self):
        # IPython shows these lines and spares the student our stack; a notebook shows
        # the card already, unless `nbgrader validate` runs it, which keeps only this
        lines = str(self).splitlines()
        return lines if NBGRADER in os.environ or not _in_notebook() else lines[:1]


@contextlib.contextmanager
def recording():
    """Within this block ``check`` runs nothing: it hands its probe to the grader.

    Yields the dict {exercise: probe} that fills up.
    """
    probes = {}
    _recorders.append(probes)
    try:
        yield probes
    finally:
        _recorders.remove(probes)


def check(name, probe=NOT_GIVEN):
    """Check an answer against the public cases beside this notebook.

    ``check("softmax", softmax)`` calls the function with the inputs of each case.
    ``@check("self_attention")`` above a function does the same with that function.
    Shows what is wrong and why; raises AssertionError unless everything is right.
    """
    if probe is NOT_GIVEN:
        return lambda function: check(name, function) or function
    if _recorders:
        _recorders[-1][name] = probe
        return None
    exercise = _exercise(name)
    if not callable(probe):
        raise CheckFailed(f"✗ {name}: expected a function, got {type(probe).__name__}.")
    answers = [call(probe, case.inputs) for case in exercise.cases]
    verdict = decide(
        name,
        exercise.points,
        exercise.rules,
        exercise.cases,
        exercise.sentences,
        answers,
    )
    _show(verdict)
    if verdict.outcome != PASSED:
        raise CheckFailed(card.as_text(verdict))
    return None


def _exercise(name):
    path = Path.cwd() / public.FILE_NAME
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        raise FileNotFoundError(
            f"check needs the file {public.FILE_NAME} that comes with the notebook. "
            f"It is not in {Path.cwd()}: put it beside the notebook and run again."
        ) from None
    exercises = _read(path, changed)
    if name not in exercises:
        known = ", ".join(exercises)
        raise ValueError(
            f"{path.name} has no exercise {name!r}, only {known}. "
            "Does it belong to this notebook?"
        )
    return exercises[name]


@functools.lru_cache(maxsize=4)
def _read(path, changed):
    return public.read(path)


def _show(verdict):
    closing = CLOSING if verdict.outcome == PASSED else ""
    text = card.as_text(verdict, closing=closing)
    if not _in_notebook():
        if verdict.outcome == PASSED:  # a failure is printed by the exception
            print(text)
        return
    from IPython.display import display

    html = card.as_html(verdict, closing=closing)
    display({"text/html": html, "text/plain": text}, raw=True)


def _in_notebook():
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")
