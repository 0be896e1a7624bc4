"""A class of an attacker, a right neighbour and a wrong one, and what must hold."""

import contextlib
import hashlib
import os
import re
import sqlite3
from pathlib import Path

import psutil
from attack import ATTACKER, CHAPTER, DONE, LEAKED, MARK, Attack, hand_in
from page_checks import (
    assert_is_harmless,
    assert_is_printable,
    assert_names_no_place,
)

from autograder.cli import main
from autograder.grading import record as records

SEED = 1
POINTS = {"normalise": 3, "largest": 2}
NEIGHBOURS = {"right": ("passed", "passed"), "wrong": ("wrong", "passed")}
MISTAKEN = "def normalise(X):\n    return X / X.sum()"
SERVER = "autograder.sandbox.fork_server"
LARGE = 2**27
IN_THE_COURSE = {"nbgrader_config.py", "solutions", "notebooks", "class"}
IN_CLASS = {"source", "submitted", "autograded", "feedback"}
IN_CLASS |= {"gradebook.db", "released.json", "report.html", "grading.jsonl"}
MACHINE = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path("/root"))


class ClassOfThree:
    """One class in a course of its own; `undergo` grades it with an attacker in it.

    baseline: the files of the neighbours after a run without an attacker. hidden: the
    numbers of the hidden cases, which no one may read.
    """

    def __init__(self, course, surroundings, read_output, baseline=None, hidden=()):
        self.course = course
        self.surroundings = surroundings
        self.baseline = baseline
        self._hidden = hidden
        self._read_output = read_output

    def undergo(self, attack: Attack):
        """Grade the class with this attack and check all that must hold after it."""
        folder = hand_in(self.course, attack)
        before = self._untouchable()
        output = self.grade()
        assert self._untouchable() == before
        self.assert_neighbours_are_unharmed()
        self.surroundings.assert_clean()
        assert_is_printable(output)
        assert LEAKED not in output
        self.assert_gets_what_it_deserves(attack, output)
        self.assert_pages_are_harmless(attack)
        assert not any(MARK in p.name for place in MACHINE for p in listed(place))
        assert {path.name for path in self.course.root.iterdir()} <= IN_THE_COURSE
        assert {path.name for path in self.course.source.parent.iterdir()} <= IN_CLASS
        return folder

    def grade(self) -> str:
        """Run the command; returns what it printed. Its exit code must be 0.

        Without processes for workers: what is watched is watched in this one.
        """
        options = ["--course", str(self.course.root), "--workers", "1"]
        code = main(["grade", *options, "--seed", str(SEED)])
        output = "".join(self._read_output())
        assert code == 0, output
        return output

    # --- the neighbours ---------------------------------------------------------

    def neighbours_files(self) -> dict[str, str]:
        """The digest of every file that grading wrote for the neighbours."""
        folders = (self.course.autograded, self.course.feedback)
        return {
            path: digest
            for folder in folders
            for name in NEIGHBOURS
            for path, digest in digests(folder / name, self.course.root).items()
        }

    def assert_neighbours_are_unharmed(self):
        assert self.neighbours_files() == self.baseline
        for name, outcomes in NEIGHBOURS.items():
            assert self.outcomes(name) == outcomes
        booked = self.booked()
        assert booked["right"] == {"test_normalise": 3, "test_largest": 2}
        assert booked["wrong"] == {"test_normalise": 0, "test_largest": 2}

    def _untouchable(self):
        """What grading reads, and no run may change."""
        course = self.course
        parts = [course.submitted, course.solutions, course.notebooks, course.source]
        found = [digests(part, course.root) for part in parts]
        return [*found, digests(course.root / "nbgrader_config.py", course.root)]

    # --- the attacker -----------------------------------------------------------

    def outcomes(self, student) -> tuple:
        record = records.read(self.course.autograded / student / CHAPTER)
        return tuple(v.outcome for v in record.verdicts) if record else ()

    def booked(self) -> dict:
        """{student: {exercise: score}}; the gradebook must be sound and complete."""
        path = self.course.source.parent / "gradebook.db"
        assert MARK.encode() not in path.read_bytes()
        with contextlib.closing(sqlite3.connect(path)) as book:
            assert book.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            rows = book.execute(SCORES).fetchall()
        booked = {}
        for student, cell, score in rows:
            assert score is not None
            assert booked.setdefault(student, {}).setdefault(cell, score) == score
        assert len(rows) == sum(map(len, booked.values())), "a grade is there twice"
        return booked

    def assert_gets_what_it_deserves(self, attack, output):
        booked = self.booked()
        strangers = booked.keys() - NEIGHBOURS.keys()
        if not attack.earns:
            assert strangers == set()
            assert not (self.course.autograded / attack.student / CHAPTER).exists()
            assert re.search(attack.says, output), output
            return
        student = attack.student
        assert strangers == {student}
        assert self.outcomes(student) == attack.earns, self.said_of(student)
        scores = zip(POINTS, attack.earns, strict=True)
        assert booked[student] == {
            f"test_{name}": POINTS[name] * (outcome == "passed")
            for name, outcome in scores
        }

    def said_of(self, student):
        """The messages of a student's verdicts, to read when a test fails."""
        record = records.read(self.course.autograded / student / CHAPTER)
        return [(v.message, v.detail) for v in record.verdicts] if record else None

    # --- what people read -------------------------------------------------------

    def page(self, student=ATTACKER) -> Path:
        return self.course.feedback / student / CHAPTER / f"{CHAPTER}.html"

    def notebook(self, student=ATTACKER) -> Path:
        return self.course.autograded / student / CHAPTER / f"{CHAPTER}.ipynb"

    def assert_pages_are_harmless(self, attack):
        report = self.course.report.read_text(encoding="utf-8")
        assert LEAKED not in report
        assert_names_no_place(assert_is_harmless(report), self.course)
        path = self.page(attack.student)
        assert path.exists() == bool(attack.earns)
        if not attack.earns:
            return
        html = path.read_text(encoding="utf-8")
        graded = self.notebook(attack.student).read_text(encoding="utf-8")
        for text in (html, graded):
            assert LEAKED not in text
            assert not [n for n in self._hidden if n in text], "a hidden number"
        assert (DONE in html) or not attack.reaches_its_end, "the trick broke off"
        page = assert_is_harmless(html)
        text = " ".join(page.get_text().split())
        assert re.search(attack.says, text), text
        assert_names_no_place(page, self.course)


SCORES = """
SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score
FROM submitted_assignment
JOIN submitted_notebook ON submitted_notebook.assignment_id = submitted_assignment.id
JOIN grade ON grade.notebook_id = submitted_notebook.id
JOIN base_cell ON base_cell.id = grade.cell_id
"""


def digests(path: Path, root: Path) -> dict[str, str]:
    """What a file, or a folder, holds: digests by relative path."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return {str(file.relative_to(root)): _digest(file) for file in files}


def _digest(path):
    if path.is_symlink():
        return f"-> {os.readlink(path)}"
    if not path.is_file():
        return "no file"
    if path.stat().st_size > LARGE:
        return f"{path.stat().st_size} bytes"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def listed(folder):
    with contextlib.suppress(OSError):
        yield from folder.iterdir()


class Surroundings:
    """The processes and the folders around a run: as empty after it as before.

    spaces: the process namespaces (open files, so that no other takes their number)
    in which student code ran. places: a home and a folder for temporary files.
    """

    def __init__(self, places):
        self.spaces = []
        self._places = places
        self._children = self._own_processes()

    def watch(self, init: int):
        """Remember the namespace of a process that was just started."""
        with contextlib.suppress(OSError):
            self.spaces.append(os.open(f"/proc/{init}/ns/pid", os.O_RDONLY))

    def assert_clean(self):
        """Nothing runs on and nothing lies about."""
        assert self.processes_left() == []
        assert self._own_processes() <= self._children
        for place in self._places:
            assert [str(path) for path in place.rglob("*")] == []

    def processes_left(self) -> list[str]:
        """The processes that live on in a namespace of student code."""
        spaces = {os.fstat(space).st_ino for space in self.spaces}
        left = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                # one without a command line is dead and waits to be counted so
                if (process / "ns/pid").stat().st_ino in spaces:
                    left.append((process / "cmdline").read_text())
        return [command for command in left if command]

    def close(self):
        for space in self.spaces:
            os.close(space)

    def _own_processes(self):
        """Ours but the server that students' processes are forked from, which stays."""
        children = psutil.Process().children(recursive=True)
        return {child.pid for child in children if SERVER not in _command(child)}


def _command(process):
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
