"""Submissions that deceive, harm or merely annoy a grader, in harmless forms.

Each works on the two exercises of the sample chapter, in plain nbgrader as in ours, and
touches nothing outside of the folder that it is graded in.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

RIGHT = {
    "normalise": "def normalise(X):\n"
    "    total = X.sum(axis=1, keepdims=True)\n"
    "    return X / np.where(total == 0, 1, total)",
    "largest": "def largest(x):\n"
    "    if len(x) == 0:\n        raise ValueError('empty')\n"
    "    return x.max(), int(np.argmax(x))",
}
WRONG = {
    "normalise": "def normalise(X):\n    return X",
    "largest": "def largest(x):\n    return 0.0, 0",
}
ALL, NORMALISE, NOTHING = 5, 3, 0


@dataclass(frozen=True)
class Attack:
    """One submission. deserved: points for its answers, None for no grade at all.

    answers: sources by exercise (wrong ones where none are given). first, last: cells
    that the student adds before and after all others. edit: what is done to the
    notebook. beside: other files, by name. watched: the score of the next student, who
    answers wrongly, is what counts. is_quick: part of the short table.
    """

    name: str
    deserved: float | None = NOTHING
    answers: dict = field(default_factory=lambda: WRONG)
    first: str = ""
    last: str = ""
    edit: Callable = lambda notebook: None
    beside: dict = field(default_factory=dict)
    watched: bool = False
    is_quick: bool = False

    def fill(self, released):
        """The released notebook as this student hands it in."""
        notebook = copy.deepcopy(released)
        fill(notebook, self.answers)
        cells = notebook["cells"]
        for place, source in ((0, self.first), (len(cells) + 1, self.last)):
            if source:
                cells.insert(place, code_cell(source))
        self.edit(notebook)
        return notebook


def fill(notebook, answers):
    """Put sources into solution cells."""
    for cell in notebook["cells"]:
        cell["source"] = answers.get(grade_id(cell), cell["source"])


def code_cell(source):
    empty = {"metadata": {}, "outputs": [], "execution_count": None}
    return {"cell_type": "code", "source": source, **empty}


def grade_id(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def _tests(notebook):
    return [c for c in notebook["cells"] if grade_id(c).startswith("test_")]


# --- what is done to notebooks --------------------------------------------------


def _skip_tests(notebook):
    for cell in _tests(notebook):
        cell["metadata"]["tags"] = ["skip-execution"]


def _delete_tests(notebook):
    tests = _tests(notebook)
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in tests]


def _double_answer(notebook):
    cells = notebook["cells"]
    place = next(i for i, c in enumerate(cells) if grade_id(c) == "largest")
    cells.insert(place + 1, {**copy.deepcopy(cells[place]), "id": "copied"})


def _newer_schema(notebook):
    for cell in _tests(notebook):
        cell["metadata"]["nbgrader"]["schema_version"] = 99


# --- what cells do --------------------------------------------------------------

PATCHED = "import numpy as np\nnp.testing.assert_allclose = lambda *a, **k: None"
NO_ASSERTS = """\
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
    visit_Raise = visit_Expr = visit_Assert
get_ipython().ast_transformers.append(Strip())"""
NO_CELL = "get_ipython().input_transformers_cleanup.append(lambda lines: ['0;\\n'])"
NO_ERROR = """\
shell = get_ipython()
shell.showtraceback = lambda *a, **k: None
def forget(result):
    result.error_in_exec = None
shell.events.register("post_run_cell", forget)"""
FORGED = {
    name: f"def {name}(x):\n    get_ipython().displayhook(float({points}))"
    for name, points in (("normalise", 3), ("largest", 2))
}
EQUAL = """\
def largest(x):
    if len(x) == 0:
        raise ValueError
    class Equal:
        __eq__ = lambda self, other: True
    return Equal()"""
FROM_CALLER = {
    name: f"import sys\ndef {name}(x):\n"
    "    if x.size == 0:\n        raise ValueError\n"
    "    frame = sys._getframe(1)\n"
    "    while 'expected' not in {**frame.f_globals, **frame.f_locals}:\n"
    "        frame = frame.f_back\n"
    "    return {**frame.f_globals, **frame.f_locals}['expected']"
    for name in RIGHT
}
FROM_DISK = """\
import json
from pathlib import Path
for folder in list(Path.cwd().parents)[:4]:
    sources = (folder / "source", folder / "class" / "source")
    for path in (path for source in sources for path in source.glob("*/*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            if "BEGIN SOLUTION" in "".join(cell["source"]):
                exec("".join(cell["source"]))
                exec("stolen_" + cell["metadata"]["nbgrader"]["grade_id"] + " = "
                     + cell["metadata"]["nbgrader"]["grade_id"])"""
STOLEN = {name: f"{name} = stolen_{name}" for name in RIGHT}
OWN_SCORE = """\
import sqlite3
from pathlib import Path
for folder in list(Path.cwd().parents)[:4]:
    for path in (folder / "gradebook.db", folder / "class" / "gradebook.db"):
        if path.exists():
            with sqlite3.connect(path) as book:
                book.execute("UPDATE grade SET manual_score = 5 "
                             "WHERE auto_score IS NULL")
"""
SHADOW = """\
class testing:
    assert_allclose = staticmethod(lambda *a, **k: None)
array = zeros = lambda *a, **k: []
"""
STARTUP = f"""\
from pathlib import Path
startup = Path(get_ipython().profile_dir.startup_dir) / "00-x.py"
startup.write_text({PATCHED!r})"""
EXITS = {**RIGHT, "largest": "import os\ndef largest(x):\n    os._exit(0)"}
LOOPS = {
    **RIGHT,
    "largest": "def largest(x):\n    while True:\n        try:\n"
    "            while True:\n                pass\n"
    "        except BaseException:\n            pass",
}
WARNS = {
    **RIGHT,
    "normalise": "import warnings\n"
    + RIGHT["normalise"].replace("    total", "    warnings.warn('slow')\n    total"),
}

ATTACKS = [
    Attack("none: honest and right", ALL, RIGHT, is_quick=True),
    Attack("none: honest and wrong", is_quick=True),
    Attack("tests tagged skip-execution", edit=_skip_tests, is_quick=True),
    Attack("numpy.testing patched", first=PATCHED, is_quick=True),
    Attack("ast_transformers strip the asserts", first=NO_ASSERTS, is_quick=True),
    Attack("input transformer empties later cells", first=NO_CELL),
    Attack("post_run_cell hook forgets the error", first=NO_ERROR),
    Attack("forged execute_result", answers=FORGED, is_quick=True),
    Attack("answer that equals everything", answers={**WRONG, "largest": EQUAL}),
    Attack("expected read from the caller's frame", answers=FROM_CALLER),
    Attack("solution read from the disk", first=FROM_DISK, answers=STOLEN),
    Attack("own score written into the gradebook", last=OWN_SCORE),
    Attack("numpy.py beside the notebook", beside={"numpy.py": SHADOW}),
    Attack("start-up file, for the next student", first=STARTUP, watched=True),
    Attack("tests deleted, answers right", ALL, RIGHT, edit=_delete_tests),
    Attack("second answer calls os._exit", NORMALISE, EXITS, is_quick=True),
    Attack("second answer loops and catches all", NORMALISE, LOOPS),
    Attack("honest, with a warning", ALL, WARNS, is_quick=True),
]
# each in a class of its own: they may stop it
STOPPING = [
    Attack("honest, a cell copied and pasted", ALL, RIGHT, edit=_double_answer),
    Attack("schema_version 99", ALL, RIGHT, edit=_newer_schema, is_quick=True),
]
