"""Plain nbgrader over the sample chapter: the same grades, as nobody patched it."""

import logging
import shutil

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.validator import Validator

from autograder.checking import public
from autograder.course.layout import Course
from autograder.grading import record as records

# nbgrader's own order of adding rows
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

CHAPTER = "ch01_sample"
CLASS = {
    "right": {},
    "untouched": {"normalise": None, "largest": None},
    "half": {"largest": None},
    "misconceived": {"normalise": "def normalise(X):\n    return X / X.sum()"},
    "broken_cell": {"normalise": "def normalise(X:"},
    "hard_exit": {"largest": "def largest(x):\n    import os; os._exit(0)"},
    "warns": {
        "normalise": "import warnings\ndef normalise(X):\n"
        "    warnings.warn('careful'); print('working')\n"
        "    total = X.sum(axis=1, keepdims=True)\n"
        "    return X / np.where(total, total, 1)"
    },
    "helped": {
        "added": [("setup", "%matplotlib inline\ndef best(x): return max(x)")],
        "largest": "def largest(x):\n    if not len(x): raise ValueError\n"
        "    return best(x), list(x).index(best(x))",
    },
    "forger": {
        "normalise": None,
        "added": [("test_normalise", "score = 3\nprint('passed, 3 of 3 points')")],
    },
}
DESERVED = {
    "right": 5,
    "untouched": 0,
    "half": 3,
    "misconceived": 2,
    "broken_cell": 2,
    "hard_exit": 3,
    "warns": 5,
    "helped": 5,
    "forger": 2,
}


def converted(converter, course):
    """Run one of nbgrader's converters as its command does."""
    directory = CourseDirectory(config=course.config)
    directory.assignment_id = CHAPTER
    done = converter(coursedir=directory, config=course.config)
    done.log.setLevel(logging.CRITICAL)
    done.start()


def booked(course):
    with Gradebook(course.database_url, "self-attention") as book:
        return {
            submission.student.id: submission.score
            for submission in book.assignment_submissions(CHAPTER)
        }


def mark_forged(path):
    """Edit a notebook as one who wants points: metadata, tags, a test deleted."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.id == "test_normalise":
            cell.metadata.nbgrader.points = 500
            cell.metadata.tags = ["skip-execution"]
            cell.source = "0 / 0"
        if cell.id == "normalise":
            cell.metadata.nbgrader.schema_version = 99
    notebook.cells = [cell for cell in notebook.cells if cell.id != "test_largest"]
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def submitted(released_once, tmp_path_factory, submit):
    root = tmp_path_factory.mktemp("plain")
    shutil.copytree(released_once, root, dirs_exist_ok=True)
    course = Course.find(root)
    for student, answers in CLASS.items():
        submit(course, student, **answers)
    mark_forged(course.submitted / "forger" / CHAPTER / f"{CHAPTER}.ipynb")
    return course


@pytest.fixture(scope="module")
def plain(submitted):
    """The class as `nbgrader autograde` and `generate_feedback` leave it."""
    converted(Autograde, submitted)
    converted(GenerateFeedback, submitted)
    return submitted


def test_plain_nbgrader_gives_what_they_deserve(plain):
    assert booked(plain) == DESERVED


def test_autograder_gives_the_same(plain, tmp_path, grade):
    shutil.copytree(plain.root, tmp_path, dirs_exist_ok=True)
    for name in ("autograded", "feedback"):
        shutil.rmtree(tmp_path / "class" / name)
    course = Course.find(tmp_path)
    entries = grade(course)
    assert {name: entry.record.score for name, entry in entries.items()} == DESERVED
    assert booked(course) == DESERVED


def test_records_are_written_with_outcomes(plain):
    found = {
        student: [
            verdict.outcome
            for verdict in records.read(plain.autograded / student / CHAPTER).verdicts
        ]
        for student in CLASS
    }
    assert found["untouched"] == ["not attempted", "not attempted"]
    assert found["misconceived"] == ["wrong", "passed"]
    assert found["broken_cell"] == ["error", "passed"]
    assert found["hard_exit"] == ["passed", "error"]


def test_a_run_of_nbgrader_has_one_seed(plain):
    seeds = {records.read(plain.autograded / s / CHAPTER).seed for s in CLASS}
    assert len(seeds) == 1


def test_plain_feedback_names_the_cause(plain):
    page = (plain.feedback / "misconceived" / CHAPTER / f"{CHAPTER}.html").read_text()
    assert "2 of 5 points" in page
    assert "You divided by the sum of everything, not of the row." in page


def test_nothing_secret_reaches_a_students_folder(plain):
    for folder in (plain.autograded, plain.feedback):
        names = {path.name for path in folder.rglob("*") if path.is_file()}
        assert names <= {
            f"{CHAPTER}.ipynb",
            f"{CHAPTER}.html",
            "record.json",
            public.FILE_NAME,
        }
    assert not list(plain.feedback.rglob("record.json"))
    for path in plain.autograded.glob(f"untouched/{CHAPTER}/*"):
        assert "np.where" not in path.read_text()


def test_autograder_goes_on_where_nbgrader_stopped(plain, tmp_path, grade):
    shutil.copytree(plain.root, tmp_path, dirs_exist_ok=True)
    course = Course.find(tmp_path)
    entries = grade(course, students=["half"])
    assert entries["half"].is_new and entries["half"].record.score == 3
    assert booked(course) == DESERVED
    assert not grade(course, students=["half"])["half"].is_new


def test_nbgrader_validate_says_what_is_wrong(plain, tmp_path, submit):
    path = submit(plain, "validated", normalise=CLASS["misconceived"]["normalise"])
    shutil.copytree(plain.notebooks / CHAPTER, tmp_path / CHAPTER)
    shutil.copy(path, tmp_path / CHAPTER)
    shutil.rmtree(path.parents[1])
    result = Validator().validate(str(tmp_path / CHAPTER / path.name))
    (failed,) = result["failed"]
    assert failed["source"].strip() == 'check("normalise", normalise)'
    assert "not of the row" in failed["error"]
