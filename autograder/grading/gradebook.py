"""Scores into nbgrader's own gradebook.

nbgrader's objects ask the database for one thing at a time, some 40 times a submission;
a class is written with a handful of statements on the same tables instead.
"""

from dataclasses import dataclass

from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import bindparam, insert, select, update

from autograder.course.database import make_gradebook, open_gradebook
from autograder.course.layout import Course
from autograder.grading.feedback import remark
from autograder.grading.record import Record

STUDENTS, CELLS = Student.__table__, BaseCell.__table__
ASSIGNMENTS, NOTEBOOKS = Assignment.__table__, Notebook.__table__
SUBMISSIONS, SUBMITTED = SubmittedAssignment.__table__, SubmittedNotebook.__table__
GRADES, COMMENTS = Grade.__table__, Comment.__table__

FIND_STUDENT = select(STUDENTS.c.id).where(STUDENTS.c.id == bindparam("student"))
# each asks by the columns of an index that nbgrader's tables have: a class is large
FIND_SUBMITTED = (
    select(SUBMITTED.c.id)
    .join(SUBMISSIONS, SUBMISSIONS.c.id == SUBMITTED.c.assignment_id)
    .where(SUBMISSIONS.c.assignment_id == bindparam("assignment"))
    .where(SUBMISSIONS.c.student_id == bindparam("student"))
    .where(SUBMITTED.c.notebook_id == bindparam("notebook"))
)
FIND_SCORES = (
    select(GRADES.c.cell_id, GRADES.c.auto_score)
    .where(GRADES.c.cell_id.in_(bindparam("cells", expanding=True)))
    .where(GRADES.c.notebook_id == bindparam("submitted"))
)
FIND_BY_HAND = FIND_SCORES.where(
    GRADES.c.manual_score.is_not(None) | GRADES.c.extra_credit.is_not(None)
)
FIND_REMARKS = (
    select(COMMENTS.c.cell_id)
    .where(COMMENTS.c.cell_id.in_(bindparam("cells", expanding=True)))
    .where(COMMENTS.c.notebook_id == bindparam("submitted"))
    .where(COMMENTS.c.manual_comment.is_not(None))
)
FIND_PENALTY = (
    select(SUBMITTED.c.id)
    .where(SUBMITTED.c.id == bindparam("submitted"))
    .where(SUBMITTED.c.late_submission_penalty.is_not(None))
)
ADD_SCORE = insert(GRADES).values(
    notebook_id=bindparam("submitted"),
    cell_id=bindparam("cell"),
    auto_score=bindparam("score"),
    needs_manual_grade=False,
)
ADD_REMARK = insert(COMMENTS).values(
    notebook_id=bindparam("submitted"),
    cell_id=bindparam("cell"),
    auto_comment=bindparam("remark"),
)
SCORE = (
    update(GRADES)
    .where(GRADES.c.notebook_id == bindparam("submitted"))
    .where(GRADES.c.cell_id == bindparam("cell"))
    .values(
        auto_score=bindparam("score"),
        needs_manual_grade=GRADES.c.manual_score.is_not(None),
    )
)
REMARK = (
    update(COMMENTS)
    .where(COMMENTS.c.notebook_id == bindparam("submitted"))
    .where(COMMENTS.c.cell_id == bindparam("cell"))
    .values(auto_comment=bindparam("remark"))
)


@dataclass(frozen=True)
class _Released:
    """What the gradebook calls a chapter: ids, those of cells by exercise."""

    assignment: str
    notebook: str
    tests: dict[str, str]
    solutions: dict[str, str]


class ClassGradebook:
    """nbgrader's gradebook of one class; use as a context manager."""

    def __init__(self, course: Course):
        make_gradebook(course)
        self._gradebook = open_gradebook(course)
        self._gradebook.db.remove()  # a session that is left open keeps a lock
        self._connection = self._gradebook.engine.connect()
        self._released = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()
        self._gradebook.close()
        self._gradebook.engine.dispose()

    def students(self) -> set[str]:
        """The ids of all students that the gradebook knows."""
        with self._connection.begin():
            return set(self._connection.execute(select(STUDENTS.c.id)).scalars())

    def has(self, record: Record) -> bool:
        """Whether the gradebook holds exactly the scores of `record`."""
        with self._connection.begin():
            released = self._chapter(record.chapter)
            submitted = self._submitted(released, record.student)
            cells = list(released.tests.values())
            place = {"submitted": submitted, "cells": cells}
            found = dict(self._connection.execute(FIND_SCORES, place).all())
        tests = released.tests
        return found == {tests.get(v.exercise): v.score for v in record.verdicts}

    def write(self, record: Record) -> bool:
        """Write one submission's scores, all of them or none, in one transaction.

        A score that a person has given by hand stays; the grade is then marked for
        another look. Returns whether there is more than these scores: a score or a
        comment by a person, a penalty.
        """
        with self._connection.begin():
            released = self._chapter(record.chapter)
            submitted = self._submitted(released, record.student)
            if submitted is None:
                self._insert(record, released)
                return False
            return self._update(record, released, submitted)

    def forget(self, student: str, chapter: str):
        """Drop what an earlier submission got; the student stays known."""
        with self._connection.begin():
            self._add_student(student)
            released = self._chapter(chapter)
            submitted = self._submitted(released, student)
            if submitted is None:
                return
            for table in (GRADES, COMMENTS):
                rows = table.delete().where(table.c.notebook_id == submitted)
                self._connection.execute(rows)
            row = SUBMITTED.delete().where(SUBMITTED.c.id == submitted)
            self._connection.execute(row)
            row = SUBMISSIONS.delete().where(
                SUBMISSIONS.c.student_id == student,
                SUBMISSIONS.c.assignment_id == released.assignment,
            )
            self._connection.execute(row)

    # --- within a transaction ---------------------------------------------------

    def _chapter(self, name) -> _Released:
        """The ids of a chapter as it was released, read once."""
        if name not in self._released:
            find = (
                select(NOTEBOOKS.c.id, NOTEBOOKS.c.assignment_id)
                .join(ASSIGNMENTS, ASSIGNMENTS.c.id == NOTEBOOKS.c.assignment_id)
                .where(ASSIGNMENTS.c.name == name)
            )
            notebook, assignment = self._connection.execute(find).one()
            find = select(CELLS.c.type, CELLS.c.name, CELLS.c.id)
            find = find.where(CELLS.c.notebook_id == notebook)
            kinds = {"GradeCell": {}, "SolutionCell": {}}
            for kind, cell, number in self._connection.execute(find):
                kinds[kind][cell.removeprefix("test_")] = number
            self._released[name] = _Released(assignment, notebook, *kinds.values())
        return self._released[name]

    def _submitted(self, released, student):
        """The id of a student's notebook, None where it is not known."""
        place = {"student": student, "notebook": released.notebook}
        place["assignment"] = released.assignment
        return self._connection.execute(FIND_SUBMITTED, place).scalar()

    def _add_student(self, name):
        if self._connection.execute(FIND_STUDENT, {"student": name}).first() is None:
            self._connection.execute(insert(STUDENTS), {"id": name})

    def _insert(self, record, released):
        """Add what nbgrader adds, and no grade without its score."""
        self._add_student(record.student)
        row = {"assignment_id": released.assignment, "student_id": record.student}
        added = self._connection.execute(insert(SUBMISSIONS), row)
        (submission,) = added.inserted_primary_key
        row = {"assignment_id": submission, "notebook_id": released.notebook}
        added = self._connection.execute(insert(SUBMITTED), row)
        (submitted,) = added.inserted_primary_key
        grades, comments = _rows(record, released, submitted)
        self._connection.execute(ADD_SCORE, grades)
        self._connection.execute(ADD_REMARK, comments)

    def _update(self, record, released, submitted):
        grades, comments = _rows(record, released, submitted)
        self._connection.execute(SCORE, grades)
        self._connection.execute(REMARK, comments)
        place = {"submitted": submitted, "cells": list(released.tests.values())}
        answers = place | {"cells": list(released.solutions.values())}
        finds = ((FIND_BY_HAND, place), (FIND_REMARKS, answers), (FIND_PENALTY, place))
        return any(self._connection.execute(*find).first() for find in finds)


def _rows(record, released, submitted):
    """What is written of each exercise: its grade, and the remark on its answer."""
    grades = [
        {"submitted": submitted, "cell": released.tests[v.exercise], "score": v.score}
        for v in record.verdicts
    ]
    comments = [
        {
            "submitted": submitted,
            "cell": released.solutions[v.exercise],
            "remark": remark(v),
        }
        for v in record.verdicts
    ]
    return grades, comments
