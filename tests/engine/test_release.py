"""What students get, what nbgrader keeps, and when anything is written."""

import json
import shutil

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.checking import public
from autograder.course.layout import Course
from autograder.course.release import release, stub_notebook
from autograder.problems import Problem

CHAPTER = "ch01_sample"
SECRETS = ("BEGIN SOLUTION", "np.where", "np.argmax", "einsum", "by_loop")


def notebook_in(folder):
    return nbformat.read(folder / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)


def released_files(course):
    return {p.name: p.read_bytes() for p in (course.notebooks / CHAPTER).iterdir()}


# --- what students get ----------------------------------------------------------


def test_a_release_is_one_notebook_and_its_cases(released):
    assert sorted(released_files(released)) == [f"{CHAPTER}.ipynb", public.FILE_NAME]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_released(released, secret):
    for name, data in released_files(released).items():
        assert secret.encode() not in data, name


def test_solutions_become_stubs(released):
    cells = {cell.id: cell for cell in notebook_in(released.notebooks).cells}
    assert cells["largest"].source == (
        "def largest(x):\n"
        '    """Return the largest entry of x (n,) and its index; ValueError when x is '
        'empty."""\n'
        "    raise NotImplementedError"
    )
    assert cells["test_normalise"].source == 'check("normalise", normalise)'


def test_locked_cells_cannot_be_edited_or_deleted(released):
    cells = {cell.id: cell for cell in notebook_in(released.notebooks).cells}
    for name in ("setup", "test_normalise", "test_largest"):
        assert cells[name].metadata.editable is False
        assert cells[name].metadata.deletable is False
    assert cells["normalise"].metadata.get("editable", True)


def test_a_released_notebook_has_no_outputs(released):
    for cell in notebook_in(released.notebooks).cells:
        assert not cell.get("outputs")


def test_the_source_notebook_keeps_its_solutions(released):
    assert any("np.where" in cell.source for cell in notebook_in(released.source).cells)


def test_grading_starts_from_the_notebook_that_was_released(released):
    pristine = stub_notebook(released, released.chapters[CHAPTER])
    theirs = notebook_in(released.notebooks)
    assert [c.source for c in pristine.cells] == [c.source for c in theirs.cells]
    assert [c.id for c in pristine.cells] == [c.id for c in theirs.cells]
    assert [c.metadata for c in pristine.cells] == [c.metadata for c in theirs.cells]


def test_the_gradebook_knows_the_exercises(released):
    with Gradebook(released.database_url, "self-attention") as book:
        notebook = book.find_notebook(CHAPTER, CHAPTER)
        points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    assert points == {"test_normalise": 3, "test_largest": 2}


# --- when anything is written ---------------------------------------------------


def test_a_second_release_does_nothing(released):
    before = released_files(released)
    assert release(released, released.chapters[CHAPTER]) is False
    assert released_files(released) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("checks.py", "points=3", "points=5"),
        ("notebook.py", "Make each row sum to one.", "Let each row sum to one."),
    ],
)
def test_a_changed_chapter_is_released_again(released, file, old, new):
    path = released.solutions / CHAPTER / file
    path.write_text(path.read_text().replace(old, new))
    course = Course.find(released.root)
    assert release(course, course.chapters[CHAPTER]) is True
    text = (course.notebooks / CHAPTER / f"{CHAPTER}.ipynb").read_text()
    assert new in text or "5 points" in text
    assert release(course, course.chapters[CHAPTER]) is False


@pytest.mark.parametrize("damage", ["changed", "deleted"])
def test_a_damaged_release_is_mended(released, damage):
    before = released_files(released)
    path = released.notebooks / CHAPTER / f"{CHAPTER}.ipynb"
    if damage == "deleted":
        shutil.rmtree(path.parent)
    else:
        path.write_text(path.read_text().replace("NotImplementedError", "KeyError"))
    assert release(released, released.chapters[CHAPTER]) is True
    assert released_files(released) == before


def test_public_cases_are_the_same_in_every_release(released):
    before = json.loads(released_files(released)[public.FILE_NAME])
    shutil.rmtree(released.notebooks / CHAPTER)
    release(released, released.chapters[CHAPTER])
    assert json.loads(released_files(released)[public.FILE_NAME]) == before


def test_what_nbgrader_refuses_is_a_problem(released):
    path = released.solutions / CHAPTER / "notebook.py"
    path.write_text(path.read_text().replace("    ### END SOLUTION\n", ""))
    course = Course.find(released.root)
    with pytest.raises(Problem, match="could not generate ch01_sample") as caught:
        release(course, course.chapters[CHAPTER])
    assert "no end solution statement found" in str(caught.value)
    assert "Traceback" not in str(caught.value)


# --- the course on disk ---------------------------------------------------------


def test_a_course_is_found_from_any_folder_in_it(course):
    assert Course.find(course.solutions / CHAPTER).root == course.root


@pytest.mark.parametrize("missing", ["nbgrader_config.py", "solutions"])
def test_no_course_is_a_problem(course, missing):
    (course.root / missing).rename(course.root / "elsewhere")
    with pytest.raises(Problem, match="is not inside a course") as caught:
        Course.find(course.root)
    assert str(course.root) in str(caught.value) and "--course" in str(caught.value)


def test_folders_come_from_nbgraders_configuration(course):
    config = course.root / "nbgrader_config.py"
    text = config.read_text().replace('"class/submitted"', '"elsewhere/in"')
    config.write_text(text)
    course = Course.find(course.root)
    assert course.submitted == course.root / "elsewhere" / "in"
    assert course.notebooks == course.root / "notebooks"
    assert course.report == course.root / "class" / "report.html"


def test_another_class_has_all_its_folders_there(course, tmp_path):
    other = Course.find(course.root, tmp_path / "b")
    places = (other.source, other.submitted, other.autograded, other.feedback)
    assert {place.parent for place in places} == {tmp_path / "b"}
    assert other.database_url == f"sqlite:///{tmp_path / 'b' / 'gradebook.db'}"
    assert other.notebooks == course.notebooks


def test_only_chapters_are_chapters(course):
    for name in ("notes", "ch1_short", "ch02_without_notebook", "ch03_With_capitals"):
        (course.solutions / name).mkdir()
        if "without" not in name:
            (course.solutions / name / "notebook.py").write_text("")
    assert list(Course.find(course.root).chapters) == [CHAPTER]


def test_an_unknown_chapter_is_named_with_the_known_ones(course):
    with pytest.raises(Problem, match="no chapter 'ch02_x'; there are ch01_sample"):
        course.choose([CHAPTER, "ch02_x"])
    assert [chapter.name for chapter in course.choose([])] == [CHAPTER]
