"""A class to disturb, and all that grading it leaves behind."""

import shutil
import sqlite3
from contextlib import closing

from autograder.course.layout import Course
from autograder.grading import log

CHAPTER = "ch01_sample"

SLOW = "def largest(x):\n    while True:\n        pass"
ENDS = "def largest(x):\n    import os\n    os._exit(3)"
WRONG = "def normalise(X):\n    return X / X.sum()"
COLUMNS = "def normalise(X):\n    return X / X.sum(axis=0, keepdims=True)"
PRINTS = "for i in range(3_000):\n    print(i, '<script>')"

# what each student hands in; `submit` solves what is not named
CLASS = {
    "all right": {},
    "by columns": {"normalise": COLUMNS},
    "by total": {"normalise": WRONG},
    "ends itself": {"largest": ENDS},
    "never ends": {"largest": SLOW},
    "prints early": {"added": [("setup", PRINTS)]},
    "prints late": {"added": [("test_normalise", PRINTS)], "normalise": WRONG},
    "untouched": {"normalise": None, "largest": None},
}
BROKEN = "broken"


def make_class(root, submit):
    """Hand in for everybody; that releases the chapter as well."""
    course = Course.find(root)
    checks = course.solutions / CHAPTER / "checks.py"
    text = checks.read_text()
    place = 'name="largest",'
    assert text.count(place) == 1
    checks.write_text(text.replace(place, place + "\n    seconds=1.0,"))
    for student, answers in CLASS.items():
        submit(course, student, **answers)
    path = course.submitted / BROKEN / CHAPTER / f"{CHAPTER}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("{not JSON")


def take_back(root):
    """Leave of a class what was handed in, and nothing that a release has made."""
    course = Course.find(root)
    shutil.rmtree(course.notebooks)
    for path in course.feedback.parent.iterdir():
        if path != course.submitted:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


# --- what it leaves -------------------------------------------------------------

GRADES = """
    SELECT submitted_assignment.student_id, assignment.name, notebook.name,
           base_cell.name, grade.auto_score, grade.manual_score, grade.extra_credit,
           grade.needs_manual_grade
    FROM grade
    JOIN base_cell ON base_cell.id = grade.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
    JOIN notebook ON notebook.id = submitted_notebook.notebook_id
    JOIN submitted_assignment
        ON submitted_assignment.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id
"""
COMMENTS = """
    SELECT submitted_assignment.student_id, base_cell.name, comment.auto_comment
    FROM comment
    JOIN base_cell ON base_cell.id = comment.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = comment.notebook_id
    JOIN submitted_assignment
        ON submitted_assignment.id = submitted_notebook.assignment_id
"""


def gradebook(root):
    """All that the gradebook says, without its random ids."""
    with closing(sqlite3.connect(root / "class" / "gradebook.db")) as database:

        def rows(query):
            return sorted(map(repr, database.execute(query)))

        assert rows("PRAGMA integrity_check") == ["('ok',)"]
        assert rows("PRAGMA foreign_key_check") == []
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = [name for (name,) in database.execute(names)]
        counts = {t: rows(f"SELECT count(*) FROM {t}") for t in tables}
        cells = rows("SELECT name, cell_type, locked, source FROM source_cell")
        version = rows("SELECT * FROM alembic_version")
        said = {"students": rows("SELECT id FROM student"), "cells": cells}
        said |= {"grades": rows(GRADES), "comments": rows(COMMENTS)}
        return {"counts": counts, "version": version, **said}


def files(root):
    """Every file of class and notebooks by name, but for the gradebook's bytes.

    The log tells what the last run alone did, and how long that took.
    """
    folders = (root / "class", root / "notebooks")
    paths = sorted(p for folder in folders for p in folder.rglob("*") if p.is_file())
    database = root / "class" / "gradebook.db"
    return {
        str(path.relative_to(root)): b"" if path == database else path.read_bytes()
        for path in paths
        if path.name != log.FILE_NAME
    }


def unscored(root):
    """How many grades are there without a score."""
    path = root / "class" / "gradebook.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as database:
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'grade'"
        if database.execute(tables).fetchone() == (0,):
            return 0
        without = "SELECT count(*) FROM grade WHERE auto_score IS NULL"
        return database.execute(without).fetchone()[0]
