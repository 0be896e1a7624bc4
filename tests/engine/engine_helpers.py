"""What the tests of grading share: sources, and what came of them."""

import functools
import io

from nbgrader.api import Gradebook

from autograder.course.source import grade_id
from autograder.grading import record as records
from autograder.grading.grade import grade_notebook
from autograder.grading.transplant import transplant
from autograder.ingest.notebook import SubmittedCell
from autograder.ingest.submission import Submission
from autograder.sandbox.child import _receive

CHAPTER = "ch01_sample"
WRONG = "def normalise(X):\n    return X / X.sum()"
RIGHT = (
    "    total = X.sum(axis=1, keepdims=True)\n    return X / np.where(total, total, 1)"
)


def normalise(body, before=""):
    """The source of an answer to the first exercise."""
    return f"{before}\ndef normalise(X):\n{body}"


# --- one notebook ---------------------------------------------------------------


def graded_in(run, added=(), **sources):
    """Grade answers; the reference where none is given, None for the stub."""
    solved = {cell.id: cell.source for cell in run.chapter.source.cells}
    cells = []
    for cell in run.pristine.cells:
        name, is_code = cell.id, cell.cell_type == "code"
        source = solved[name] if name in run.chapter.exercises else cell.source
        source = cell.source if name in sources else source
        source = sources.get(name) or source
        cells.append(SubmittedCell(grade_id(cell), name, is_code, source))
        cells += [SubmittedCell("", "", True, s) for after, s in added if after == name]
    planted = transplant(run.pristine, Submission("ada", CHAPTER, cells, ""))
    return grade_notebook(run, planted.notebook)


def verdicts(done):
    return {verdict.exercise: verdict for verdict in done.verdicts}


def outcomes(done):
    return [verdict.outcome for verdict in done.verdicts]


# --- a class --------------------------------------------------------------------


def scores(entries):
    return {name: entry.record.score for name, entry in sorted(entries.items())}


def new(entries):
    return sorted(name for name, entry in entries.items() if entry.is_new)


def booked(course):
    """{student: {exercise: score}} in nbgrader's gradebook."""
    with Gradebook(course.database_url, "self-attention") as book:
        return {
            submission.student.id: {
                grade.name: grade.score for grade in submission.notebooks[0].grades
            }
            for submission in book.assignment_submissions(CHAPTER)
        }


def feedback(course, student):
    return course.feedback / student / CHAPTER / f"{CHAPTER}.html"


def recorded(course):
    """The records on disk by student."""
    found = {s: records.read(course.autograded / s / CHAPTER) for s in ("ada", "bob")}
    return {student: record for student, record in found.items() if record}


def messages_in(data):
    """What was sent to a process with student code, read as that process reads it."""
    return iter(functools.partial(_receive, io.BytesIO(data)), None)
