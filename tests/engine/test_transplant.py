"""Only the text of a submission goes on, in the notebook that was released."""

import nbformat
import pytest

from autograder.course.release import stub_notebook
from autograder.grading.transplant import ADDED, transplant
from autograder.ingest.notebook import SubmittedCell
from autograder.ingest.submission import Submission


@pytest.fixture
def pristine(course, chapter):
    return stub_notebook(course, chapter)


@pytest.fixture
def submitted(pristine):
    """The cells of an untouched submission, by id and in order."""
    return {
        cell.id: SubmittedCell(
            cell.metadata.get("nbgrader", {}).get("grade_id", ""),
            cell.id,
            cell.cell_type == "code",
            cell.source,
        )
        for cell in pristine.cells
    }


def planted(pristine, cells):
    cells = list(cells.values() if isinstance(cells, dict) else cells)
    done = transplant(pristine, Submission("ada", "ch01_sample", cells, ""))
    nbformat.validate(done.notebook)
    ids = [cell.id for cell in done.notebook.cells]
    assert len(ids) == len(set(ids))
    return done


def sources(notebook):
    return {cell.id: cell.source for cell in notebook.cells}


def added(notebook):
    """The student's own cells with the id of the cell before each."""
    before, found = "", []
    for cell in notebook.cells:
        if ADDED in cell.metadata.get("tags", []):
            found.append((before, cell.source))
        else:
            before = cell.id
    return found


def edit(cell, source=None, **more):
    fields = vars(cell) | more
    return SubmittedCell(**fields | ({} if source is None else {"source": source}))


def own(source, is_code=True, cell_id="", grade_id=""):
    return SubmittedCell(grade_id, cell_id, is_code, source)


# --- answers --------------------------------------------------------------------


def test_an_untouched_submission_is_the_released_notebook(pristine, submitted):
    done = planted(pristine, submitted)
    assert done.notebook == pristine
    assert done.notes == []


def test_an_answer_takes_the_place_of_its_stub(pristine, submitted):
    submitted["largest"] = edit(submitted["largest"], "def largest(x): return 1, 2")
    before = nbformat.writes(pristine)
    done = planted(pristine, submitted)
    changed = sources(done.notebook)
    assert changed.pop("largest") == "def largest(x): return 1, 2"
    assert changed.items() <= sources(pristine).items()
    assert nbformat.writes(pristine) == before


@pytest.mark.parametrize("source", ["", " \n"])
def test_an_empty_answer_keeps_the_stub(pristine, submitted, source):
    submitted["largest"] = edit(submitted["largest"], source)
    done = planted(pristine, submitted)
    assert done.notebook == pristine
    assert done.notes == ["The cell largest was missing or empty."]


def test_a_deleted_answer_keeps_the_stub(pristine, submitted):
    del submitted["normalise"], submitted["test_normalise"]
    done = planted(pristine, submitted)
    assert done.notebook == pristine
    assert done.notes == ["The cell normalise was missing or empty."]


def test_nothing_at_all_is_the_released_notebook(pristine):
    done = planted(pristine, [])
    assert done.notebook == pristine
    assert len(done.notes) == 2


def test_of_two_answers_the_last_with_content_counts(pristine, submitted):
    first, second, empty = (edit(submitted["largest"], s) for s in ("a", "b", " "))
    done = planted(pristine, [*submitted.values(), first, second, empty])
    assert sources(done.notebook)["largest"] == "b"
    assert done.notes == [
        "The cell largest was there 4 times; the last one with content counts."
    ]


def test_moved_answers_find_their_places(pristine, submitted):
    done = planted(pristine, reversed(submitted.values()))
    assert sources(done.notebook) == sources(pristine)
    assert [c.id for c in done.notebook.cells] == [c.id for c in pristine.cells]


# --- what is left behind --------------------------------------------------------


@pytest.mark.parametrize("name", ["test_largest", "setup"])
def test_edits_of_locked_cells_are_left_behind(pristine, submitted, name):
    submitted[name] = edit(submitted[name], "check = print")
    assert planted(pristine, submitted).notebook == pristine


def test_a_test_turned_into_text_is_a_test_again(pristine, submitted):
    submitted["test_largest"] = edit(submitted["test_largest"], is_code=False)
    assert planted(pristine, submitted).notebook == pristine


def test_edited_texts_are_left_behind(pristine, submitted):
    submitted["text-largest"] = edit(submitted["text-largest"], "## mine")
    submitted["hints-largest"] = edit(submitted["hints-largest"], "none")
    assert planted(pristine, submitted).notebook == pristine


def test_copies_of_our_own_cells_are_not_added(pristine, submitted):
    copies = [
        edit(submitted[name], cell_id="new", grade_id="")
        for name in ("setup", "test_largest", "text-largest")
    ]
    assert added(planted(pristine, [*submitted.values(), *copies]).notebook) == []


# --- cells that students add ----------------------------------------------------


def test_an_added_cell_keeps_its_place(pristine, submitted):
    cells = list(submitted.values())
    where = [cell.grade_id for cell in cells].index("normalise")
    cells.insert(where, own("def helper(): pass"))
    cells.insert(0, own("first = 1"))
    cells.append(own("# my notes", is_code=False))
    done = planted(pristine, cells)
    assert added(done.notebook) == [
        ("", "first = 1"),
        ("cell-03", "def helper(): pass"),
        ("test_largest", "# my notes"),
    ]
    assert done.notes == []


def test_several_added_cells_keep_their_order(pristine, submitted):
    cells = [*submitted.values(), own("a = 1"), own("b = 2"), own("a = 1")]
    found = added(planted(pristine, cells).notebook)
    assert [source for _, source in found] == ["a = 1", "b = 2", "a = 1"]


def test_an_added_cell_carries_no_mark_of_its_own(pristine, submitted):
    forged = own("x = 1", cell_id="test_largest", grade_id="test_other")
    done = planted(pristine, [*submitted.values(), forged])
    (cell,) = (c for c in done.notebook.cells if c.source == "x = 1")
    assert cell.metadata == {"tags": [ADDED]}
    assert cell.id.startswith("added-")


@pytest.mark.parametrize("source", ["", "  \n"])
def test_an_empty_cell_is_not_added(pristine, submitted, source):
    assert added(planted(pristine, [*submitted.values(), own(source)]).notebook) == []


def test_an_edited_demo_cell_is_the_students_own(pristine, submitted):
    submitted["cell-03"] = edit(submitted["cell-03"], "show = 1")
    done = planted(pristine, submitted)
    assert added(done.notebook) == [("text-normalise", "show = 1")]
    assert sources(done.notebook)["cell-03"] == sources(pristine)["cell-03"]
