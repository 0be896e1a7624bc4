"""One class of submissions for three graders: ours, plain nbgrader, otter-grader.

The answers are those of `synthetic`; all three graders get the same answers and cases.
"""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from synthetic import answers_of, student, write_submission

from autograder.course.chapter import Chapter
from autograder.course.layout import Course
from autograder.course.release import release
from autograder.course.source import copy_of, is_demo

HERE = Path(__file__).resolve().parent
SEED = 1
TEST = """\
from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = {points}


@test_case()
def test_it(env):
    from plain_check import run

    run({name!r})
"""


class Ours:
    """A class of `autograder grade`."""

    name = "autograder"

    def __init__(self, root: Path, course: Course, chapter: Chapter, count: int):
        self._chapter, self._course, self._root = chapter, course, root
        path = course.notebooks / chapter.name / f"{chapter.name}.ipynb"
        for number in range(count):
            target = root / "submitted" / student(number) / chapter.name
            write_submission(path, target, chapter, answers_of(chapter, number))
        release(Course.find(course.root, root), chapter)  # as plain nbgrader's is

    def command(self) -> list[list[str]]:
        """What is run, in order."""
        command = [sys.executable, "-m", "autograder.cli", "grade", self._chapter.name]
        command += ["--course", str(self._course.root), "--class", str(self._root)]
        return [[*command, "--force", "--seed", str(SEED)]]

    def environment(self) -> dict:
        return {}

    def folder(self) -> Path:
        return self._root


class Nbgrader:
    """A course of plain nbgrader with its default settings."""

    name = "nbgrader"

    def __init__(self, root: Path, course: Course, chapter: Chapter, count: int):
        self._root, self._chapter = root, chapter
        (root / "nbgrader_config.py").write_text("c = get_config()\n")
        source = root / "source" / chapter.name
        write_plain_notebook(chapter, source)
        (root / "home").mkdir()
        self._run("generate_assignment", chapter.name)
        path = root / "release" / chapter.name / f"{chapter.name}.ipynb"
        for number in range(count):
            target = root / "submitted" / student(number) / chapter.name
            write_submission(path, target, chapter, answers_of(chapter, number))
            for name in ("plain_check.py", "cases.pkl"):
                shutil.copy(source / name, target)

    def command(self) -> list[list[str]]:
        autograde = [sys.executable, "-m", "nbgrader", "autograde"]
        return [[*autograde, self._chapter.name, "--force"]]

    def environment(self) -> dict:
        return {"HOME": str(self._root / "home")}

    def folder(self) -> Path:
        return self._root

    def _run(self, *arguments):
        subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=self._root,
            env=os.environ | self.environment(),
            check=True,
            capture_output=True,
        )


class Otter:
    """Submissions for `otter run`, one command each, with one autograder.zip."""

    name = "otter"

    def __init__(
        self, root: Path, course: Course, chapter: Chapter, count: int, otter: Path
    ):
        self._root, self._otter, self._count = root, otter, count
        plain = root / "plain"
        write_plain_notebook(chapter, plain)
        tests = root / "tests"
        tests.mkdir()
        for name, exercise in chapter.exercises.items():
            text = TEST.format(name=name, points=exercise.points)
            (tests / f"{name}.py").write_text(text)
        files = [str(plain / name) for name in ("plain_check.py", "cases.pkl")]
        generate = [str(otter), "generate", "-t", "tests", "--no-requirements"]
        generate += ["--no-environment", "--no-config"]
        subprocess.run([*generate, *files], cwd=root, check=True, capture_output=True)
        for number in range(count):
            path = plain / f"{chapter.name}.ipynb"
            target = root / "submitted" / student(number)
            write_submission(path, target, chapter, answers_of(chapter, number))
            (root / "results" / student(number)).mkdir(parents=True)
        self._chapter = chapter

    def command(self) -> list[list[str]]:
        return [self._one(student(number)) for number in range(self._count)]

    def _one(self, name):
        notebook = f"submitted/{name}/{self._chapter.name}.ipynb"
        options = ["-a", "autograder.zip", "-o", f"results/{name}", "--no-logo"]
        return [str(self._otter), "run", notebook, *options]

    def environment(self) -> dict:
        plain = str(self._root / "plain")
        return {"ONLY_KEEP": "1", "CASES": plain, "PYTHONPATH": plain}

    def folder(self) -> Path:
        return self._root


# --- what they share ------------------------------------------------------------


def write_plain_notebook(chapter: Chapter, folder: Path):
    """The chapter's notebook with plain tests, and the cases that they read.

    Without its demonstrations: ours skips them, and they are not what is compared.
    """
    folder.mkdir(parents=True)
    notebook = copy_of(chapter.source)
    notebook.cells = [cell for cell in notebook.cells if not is_demo(cell)]
    ours, plain = "from autograder import check", "from plain_check import check"
    for cell in notebook.cells:
        cell.source = cell.source.replace(ours, plain)
    nbformat.write(notebook, folder / f"{chapter.name}.ipynb")
    shutil.copy(HERE / "plain_check.py", folder)
    cases = {name: _cases(chapter, name) for name in chapter.exercises}
    (folder / "cases.pkl").write_bytes(pickle.dumps(cases))


def _cases(chapter, name):
    """Inputs and what is expected of them, None for a ValueError."""
    return [
        (case.inputs, None if case.expected.raised else case.expected.value)
        for case in chapter.cases(name, SEED)
    ]
