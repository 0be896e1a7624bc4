"""The sample course in folders that tests may write to, and ways to hand in."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from autograder.course.layout import Course
from autograder.course.release import release
from autograder.grading.classroom import grade_class
from autograder.grading.run import GradingRun

ROOT = Path(__file__).resolve().parents[1]
CHAPTER = "ch01_sample"
SOLVED = object()
# begun first, so that no worker is left alone with them at the end
LONGEST = (
    "test_sample_class_nbgrader",
    "test_sample_class",
    "test_scale",
    "test_fairness",
    "test_fuzz_notebooks",
    "test_fresh_processes",
)


def pytest_collection_modifyitems(items):
    """The longest modules first; each stays on one worker (``--dist loadscope``)."""
    places = {name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


def copy_course(root) -> Course:
    shutil.copy(ROOT / "nbgrader_config.py", root)
    shutil.copytree(ROOT / "tests/sample_course/solutions", root / "solutions")
    return Course.find(root)


@pytest.fixture(scope="session")
def copy_real_course():
    """``copy_real_course(root)``: solutions, notebooks, book and the sample class."""

    def copy(root) -> Path:
        for name in ("solutions", "notebooks", "book"):
            shutil.copytree(ROOT / name, root / name)
        shutil.copy(ROOT / "nbgrader_config.py", root)
        submitted = root / "class" / "submitted"
        shutil.copytree(ROOT / "sample_class" / "submitted", submitted)
        return root

    return copy


@pytest.fixture
def course(tmp_path) -> Course:
    """The sample course as an author wrote it."""
    return copy_course(tmp_path)


@pytest.fixture
def chapter(course):
    """Its only chapter."""
    return course.chapters[CHAPTER]


@pytest.fixture(scope="session")
def released_once(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("released")
    course = copy_course(root)
    release(course, course.chapters[CHAPTER])
    return root


@pytest.fixture
def released(released_once, tmp_path) -> Course:
    """The sample course with its notebook released, ready to grade."""
    shutil.copytree(released_once, tmp_path, dirs_exist_ok=True)
    return Course.find(tmp_path)


@pytest.fixture
def edited(course):
    """``edited(file, old, new)``: the sample course with one of its files changed."""

    def edit(file, old, new):
        path = course.solutions / CHAPTER / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))
        return Course.find(course.root)

    return edit


@pytest.fixture(scope="session")
def submit():
    """Hand in a notebook: solved, where no other source is given.

    ``submit(course, "ada", largest="def ...", added=[("normalise", "x = 1")])`` puts a
    cell of the student's after the cell `normalise`; a source of None keeps the stub.
    Returns the path of the notebook.
    """

    def hand_in(course, student, normalise=SOLVED, largest=SOLVED, added=()):
        chapter = course.chapters[CHAPTER]
        release(course, chapter)
        name = f"{CHAPTER}.ipynb"
        notebook = nbformat.read(course.notebooks / CHAPTER / name, as_version=4)
        solved = {cell.id: cell.source for cell in chapter.source.cells}
        sources = {"normalise": normalise, "largest": largest}
        for cell in notebook.cells:
            source = sources.get(cell.id)
            if source is not None:
                cell.source = solved[cell.id] if source is SOLVED else source
        for after, source in added:
            ids = [cell.id for cell in notebook.cells]
            notebook.cells.insert(ids.index(after) + 1, new_code_cell(source))
        path = course.submitted / student / CHAPTER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return hand_in


@pytest.fixture(scope="session")
def grade():
    """Grade a class: ``grade(course)`` returns its entries by student."""

    def run(course, seed=1, only=None, **options):
        chapters = list(course.chapters.values())
        entries = grade_class(GradingRun(course, seed, only=only), chapters, **options)
        return {entry.student: entry for entry in entries}

    return run
