"""A course of plain nbgrader, with its default configuration and ordinary tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook

CHAPTER = "ch01_sample"
SECONDS = 5  # that a cell may take; the default is 30
CONFIG = f"c = get_config()\nc.Execute.timeout = {SECONDS}\n"

SETUP = "import numpy as np"
SOLUTIONS = {
    "normalise": """\
def normalise(X):
    ### BEGIN SOLUTION
    total = X.sum(axis=1, keepdims=True)
    return X / np.where(total == 0, 1, total)
    ### END SOLUTION""",
    "largest": """\
def largest(x):
    ### BEGIN SOLUTION
    if len(x) == 0:
        raise ValueError("x is empty")
    return x.max(), int(np.argmax(x))
    ### END SOLUTION""",
}
TESTS = {
    "normalise": """\
expected = np.array([[0.25, 0.25, 0.5], [0.75, 0.25, 0.0]])
np.testing.assert_allclose(normalise(np.array([[1.0, 1, 2], [3, 1, 0]])), expected)
### BEGIN HIDDEN TESTS
expected = np.array([[0.0, 0.0], [0.25, 0.75]])
np.testing.assert_allclose(normalise(np.array([[0.0, 0.0], [1, 3]])), expected)
### END HIDDEN TESTS""",
    "largest": """\
expected = (5.0, 2)
assert largest(np.array([1.0, -7.0, 5.0, 2.0])) == expected
### BEGIN HIDDEN TESTS
expected = (-1.5, 1)
assert largest(np.array([-2.5, -1.5, -4.0])) == expected
try:
    largest(np.zeros(0))
except ValueError:
    pass
else:
    raise AssertionError("an empty array must raise ValueError")
### END HIDDEN TESTS""",
}
POINTS = {"normalise": 3, "largest": 2}


class PlainCourse:
    """One course in a folder of its own; `released` is what its students get."""

    def __init__(self, root: Path):
        self._root = root
        self.submitted = root / "submitted"
        self._home = root / "home"
        self._home.mkdir(parents=True)
        (root / "nbgrader_config.py").write_text(CONFIG)
        path = root / "source" / CHAPTER / f"{CHAPTER}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(_source(), path)
        self._nbgrader("generate_assignment", CHAPTER)
        released = root / "release" / CHAPTER / f"{CHAPTER}.ipynb"
        self.released = json.loads(released.read_text())

    def grade(self) -> dict[str, float | None]:
        """Grade all; scores by student, None where there is no grade."""
        try:
            self._nbgrader("autograde", CHAPTER)
        finally:
            self._end_kernels()
        with Gradebook(f"sqlite:///{self._root / 'gradebook.db'}") as book:
            found = book.assignment_submissions(CHAPTER)
            return {s.student.id: _score(s) for s in found}

    def _nbgrader(self, *arguments):
        """Run nbgrader; what it writes for its users goes into this course's home."""
        folders = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")
        places = {name: str(self._home / name.lower()) for name in folders}
        places |= {"HOME": str(self._home), "JUPYTER_RUNTIME_DIR": str(self._home)}
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=self._root,
            env=os.environ | places | {"PATH": path},
            capture_output=True,
            timeout=600,
        )

    def _end_kernels(self):
        """Kill what still runs in this course: a kernel that would not stop."""
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == str(self._home):
                    process.kill()
            except psutil.Error:
                continue


def _score(submission):
    grades = submission.notebooks[0].grades
    scores = [g.manual_score if g.auto_score is None else g.score for g in grades]
    return None if None in scores else sum(scores)


def _source():
    cells = [_marked(new_code_cell(SETUP), "setup", locked=True)]
    for name, points in POINTS.items():
        cells += [
            new_markdown_cell(f"## {name}"),
            _marked(new_code_cell(SOLUTIONS[name]), name, solution=True),
            _marked(new_code_cell(TESTS[name]), f"test_{name}", points=points),
        ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _marked(cell, name, locked=False, solution=False, points=None):
    is_test = points is not None
    marks = {"schema_version": 3, "grade_id": name, "grade": is_test, "task": False}
    marks |= {"solution": solution, "locked": locked or is_test}
    cell.metadata["nbgrader"] = marks | ({"points": points} if is_test else {})
    return cell
