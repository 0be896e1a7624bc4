"""From notebook.py to nbgrader's source notebook, and what an author is told."""

import nbformat
import pytest

from autograder.course.source import grade_id, is_demo
from autograder.problems import Problem

CHAPTER = "ch01_sample"
LARGEST_TEST = (
    '# %% test="largest"\n@check("largest")\ndef probe(x):\n    return largest(x)'
)


@pytest.fixture
def cells(chapter):
    return {cell.id: cell for cell in chapter.source.cells}


def test_every_cell_has_its_place(chapter):
    assert [cell.id for cell in chapter.source.cells] == [
        "cell-00",
        "setup",
        "text-normalise",
        "cell-03",
        "normalise",
        "hints-normalise",
        "test_normalise",
        "text-largest",
        "largest",
        "hints-largest",
        "test_largest",
    ]
    nbformat.validate(chapter.source)


@pytest.mark.parametrize(
    ("cell", "grade", "solution", "locked", "points"),
    [
        ("setup", False, False, True, None),
        ("normalise", False, True, False, None),
        ("test_normalise", True, False, True, 3),
        ("test_largest", True, False, True, 2),
    ],
)
def test_cells_carry_nbgraders_metadata(cells, cell, grade, solution, locked, points):
    metadata = dict(cells[cell].metadata.nbgrader)
    assert metadata.pop("points", None) == points
    assert metadata == {
        "schema_version": 3,
        "grade_id": cell,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
    }
    assert grade_id(cells[cell]) == cell


def test_other_cells_carry_nothing(cells):
    for name in ("cell-00", "text-normalise", "hints-normalise"):
        assert dict(cells[name].metadata) == {}
        assert grade_id(cells[name]) == ""


def test_demo_cells_are_known_by_their_tag(cells):
    assert [name for name, cell in cells.items() if is_demo(cell)] == ["cell-03"]


def test_the_text_of_an_exercise_says_its_facts(cells):
    lines = cells["text-largest"].source.splitlines()
    assert lines[0] == "## 1.2 Largest"
    assert lines[2] == "*Difficulty ●●○○○ · 5 minutes · 2 points · the tests*"
    assert lines[-1] == "The largest entry and where it stands."


def test_one_point_is_singular(edited):
    course = edited("checks.py", "points=2", "points=1")
    cells = {cell.id: cell for cell in course.chapters[CHAPTER].source.cells}
    assert "· 1 point ·" in cells["text-largest"].source


def test_hints_are_folded_in_order(cells):
    source = cells["hints-largest"].source
    assert source.count("<details>") == source.count("</details>") == 2
    first, second = source.split("</details>\n")
    assert "Hint</summary>\n\nargmax\n" in first
    assert "A further hint</summary>\n\nargmax gives the index; use it.\n" in second


def test_a_source_notebook_opens_in_python_3(chapter):
    assert chapter.source.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            'solution="largest"',
            'solution="smallest"',
            "a cell names exercise 'smallest', not in checks.py",
        ),
        (
            LARGEST_TEST,
            "",
            "exercise 'largest' has 0 test cells; mark exactly one with "
            '# %% test="largest"',
        ),
        ('# %% solution="largest"', "# %%", "exercise 'largest' has 0 solution cells"),
        (
            LARGEST_TEST,
            f"{LARGEST_TEST}\n\n{LARGEST_TEST}",
            "exercise 'largest' has 2 test cells",
        ),
        (
            'solution="largest"',
            'solution="largest" locked="x"',
            "one mark a cell",
        ),
        ('locked="setup"', 'locked="largest"', "exercise 'largest' has 2 solution"),
        (
            '[markdown] exercise="normalise"',
            '[markdown] exercise="largest"',
            "two cells have the id 'text-largest'",
        ),
    ],
)
def test_a_mistake_of_the_author_is_named_with_its_file(edited, old, new, complaint):
    course = edited("notebook.py", old, new)
    with pytest.raises(Problem) as caught:
        _ = course.chapters[CHAPTER].source
    message = str(caught.value)
    assert complaint in message
    assert str(course.solutions / CHAPTER / "notebook.py") in message


def test_a_test_cell_that_checks_nothing_is_named(edited):
    course = edited("notebook.py", 'check("normalise", normalise)', "pass")
    with pytest.raises(Problem, match=r"normalise' never calls check\(\"normalise\""):
        course.chapters[CHAPTER].cases("normalise", 0)


def test_a_reference_that_raises_is_named(edited):
    course = edited("notebook.py", "i = int(np.argmax(x))", "i = undefined")
    with pytest.raises(Problem, match=r"reference raised NameError .*a small example"):
        course.chapters[CHAPTER].cases("largest", 0)


def test_checks_without_exercises_are_named(course):
    (course.solutions / CHAPTER / "checks.py").write_text("import numpy as np\n")
    with pytest.raises(Problem, match="defines no Exercise"):
        _ = course.chapters[CHAPTER].exercises


def test_missing_checks_are_named(course):
    (course.solutions / CHAPTER / "checks.py").unlink()
    with pytest.raises(Problem, match=r"checks\.py is missing"):
        _ = course.chapters[CHAPTER].exercises
