"""Malformed notebooks: cells and metadata that were edited, moved, lost or doubled."""

import json

import pytest
from attack import (
    BEST,
    PASSED,
    RIGHT,
    UNTOUCHED,
    Attack,
    cell_of,
    checks_of,
    code_cell,
    insert_after,
)

HONEST = {"normalise": RIGHT, "largest": BEST}
HALF = ("passed", "not attempted")


def without(*names):
    def edit(notebook):
        cells = notebook["cells"]
        notebook["cells"] = [cell for cell in cells if cell.get("id") not in names]

    return edit


def every_cell(change, only=None):
    def edit(notebook):
        for cell in notebook["cells"]:
            if only is None or cell.get("id") in only:
                change(cell)

    return edit


def their_tests(change):
    return every_cell(change, only=("test_normalise", "test_largest"))


def graded_as(**metadata):
    def change(cell):
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"].update(metadata)

    return every_cell(change)


def turned_into(kind, *names):
    def change(cell):
        cell["cell_type"] = kind
        cell.pop("outputs", None)
        cell.pop("execution_count", None)

    return every_cell(change, only=names)


def doubled_tests(notebook):
    for cell in checks_of(notebook):
        passing = {**cell, "source": "check = lambda *_: lambda f: f"}
        insert_after(notebook, cell["id"], passing)


def backwards(notebook):
    notebook["cells"].reverse()


def emptied(notebook):
    cell_of(notebook, "largest")["source"] = "   \n\n"


def split_lines(notebook):
    for cell in notebook["cells"]:
        text = "".join(cell["source"]).replace("\n", "\r\n")
        cell["source"] = text.splitlines(True)


def bare(notebook):
    for part in (notebook, *notebook["cells"]):
        del part["metadata"]


def surrogates(notebook):
    return json.dumps(notebook).replace("# A sample chapter", "\\ud83d # \\udc00")


def odd_sources(notebook):
    notebook["cells"] += [code_cell(odd) for odd in (None, 7, [None, 3], {"a": 1}, [])]
    notebook["cells"] += [None, 3, "x", [], {}, {"cell_type": 3}]


def strangers(notebook):
    for name in ("sum", "test_sum", "../right", "normalise ", "NORMALISE", "\0"):
        graded = {"nbgrader": {"grade_id": name, "grade": True, "points": 5}}
        notebook["cells"].append(code_cell("x = 5", metadata=graded))


def text(content):
    """A file that holds this instead of the notebook."""
    return lambda notebook: content


ATTACKS = [
    Attack(
        "no cells",
        "A notebook without cells.",
        edit=text({"cells": [], "metadata": {}, "nbformat": 4}),
        earns=UNTOUCHED,
        says="missing or empty",
    ),
    Attack(
        "no metadata",
        "A notebook, and cells, without metadata.",
        **HONEST,
        edit=bare,
        earns=UNTOUCHED,
    ),
    Attack(
        "odd cells",
        "Cells that are none, and sources that are no text.",
        **HONEST,
        edit=odd_sources,
        earns=PASSED,
    ),
    Attack(
        "half characters",
        "Lone surrogates, which cannot be written as UTF-8.",
        edit=surrogates,
        normalise=f"note = '\ud83d'\n{RIGHT}",
        largest=BEST,
        earns=PASSED,
    ),
    Attack(
        "zero bytes",
        "Sources with bytes that end a string elsewhere.",
        normalise=f"{RIGHT}\n# \0 \x0b \x1f",
        largest=BEST,
        earns=("error", "passed"),
    ),
    Attack(
        "lines of Windows",
        "Sources in lists of lines that end as on Windows.",
        **HONEST,
        edit=split_lines,
        earns=PASSED,
    ),
    Attack(
        "format 99",
        "A notebook of a format to come.",
        **HONEST,
        edit=lambda notebook: notebook.update(nbformat=99, nbformat_minor=-1),
        earns=PASSED,
    ),
    Attack(
        "tests deleted",
        "Without the cells of the tests.",
        edit=without("test_normalise", "test_largest"),
    ),
    Attack(
        "tests edited",
        "Tests that check nothing.",
        edit=their_tests(lambda cell: cell.update(source="pass")),
    ),
    Attack(
        "tests as text",
        "Tests turned into markdown.",
        edit=turned_into("markdown", "test_normalise", "test_largest"),
    ),
    Attack(
        "tests as raw cells",
        "Tests turned into raw cells.",
        edit=turned_into("raw", "test_normalise", "test_largest"),
    ),
    Attack(
        "tests doubled",
        "Tests copied, and the copy made harmless.",
        edit=doubled_tests,
        normalise=RIGHT,
        earns=("passed", "wrong"),
    ),
    Attack(
        "tests first",
        "All cells in the opposite order.",
        **HONEST,
        edit=backwards,
        earns=PASSED,
    ),
    Attack("500 points", "Points of the tests changed.", edit=graded_as(points=500)),
    Attack(
        "not a test any more",
        "Metadata that says that nothing is graded.",
        edit=graded_as(grade=False, solution=False, locked=False),
    ),
    Attack(
        "negative points",
        "Points that are negative, or no number.",
        edit=graded_as(points=-5, grade="yes"),
    ),
    Attack(
        "unknown cells", "Graded cells that the chapter does not have.", edit=strangers
    ),
    Attack(
        "an answer in the cell of a test",
        "Test cells that hold the answers.",
        edit=their_tests(lambda cell: cell.update(source=RIGHT + "\n" + BEST)),
    ),
    Attack(
        "a locked cell edited",
        "The set-up, which is locked, holds something else.",
        edit=lambda n: cell_of(n, "setup").update(source="np = check = None"),
    ),
    Attack(
        "an answer deleted",
        "Without the cell of an answer; nothing else is lost.",
        normalise=RIGHT,
        edit=without("largest"),
        earns=HALF,
        says="largest was miss",
    ),
    Attack(
        "an answer emptied",
        "An answer's cell without content.",
        normalise=RIGHT,
        edit=emptied,
        earns=HALF,
        says="largest was missing or empty",
    ),
    Attack(
        "an answer as text",
        "An answer whose cell was turned into markdown.",
        **HONEST,
        edit=turned_into("markdown", "largest"),
        earns=PASSED,
    ),
    Attack(
        "an untouched notebook",
        "Handed in as it was given out.",
        normalise=None,
        largest=None,
        earns=UNTOUCHED,
    ),
    Attack(
        "the answer in a cell of its own",
        "The stub left, the answer written below.",
        normalise=None,
        late="x = 1",
        largest=None,
        edit=lambda n: insert_after(n, "normalise", f"import numpy as np\n{RIGHT}"),
        earns=HALF,
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_edited_notebooks_get_what_their_answers_deserve(settled, attack):
    settled.undergo(attack)
