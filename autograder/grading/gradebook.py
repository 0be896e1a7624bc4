"""Scores into nbgrader's own gradebook."""

import warnings

from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy.exc import SAWarning

from autograder.checking.verdict import NOT_ATTEMPTED
from autograder.course.layout import Course
from autograder.grading.record import Record


class ClassGradebook:
    """nbgrader's gradebook of one class; use as a context manager."""

    def __init__(self, course: Course):
        config = course.config.CourseDirectory
        self._gradebook = Gradebook(course.database_url, config.course_id)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._gradebook.close()

    def students(self) -> set[str]:
        """The ids of all students that the gradebook knows."""
        return {student.id for student in self._gradebook.students}

    def has(self, record: Record) -> bool:
        """Whether the gradebook holds exactly the scores of `record`."""
        found = self._grades(record, create=False)
        if found is None:
            return False
        return all(found[v.exercise].auto_score == v.score for v in record.verdicts)

    def write(self, record: Record):
        """Write one submission's scores, all of them or none.

        A score that a person has given by hand stays; the grade is then marked for
        another look.
        """
        grades = self._grades(record, create=True)
        for verdict in record.verdicts:
            grade = grades[verdict.exercise]
            grade.auto_score = verdict.score
            grade.needs_manual_grade = grade.manual_score is not None
            comment = self._gradebook.find_comment(
                verdict.exercise, record.chapter, record.chapter, record.student
            )
            untouched = verdict.outcome == NOT_ATTEMPTED
            comment.auto_comment = "No response." if untouched else None
        self._gradebook.db.commit()

    def forget(self, student: str, chapter: str):
        """Drop what an earlier submission got; the student stays known."""
        self._gradebook.update_or_create_student(student)
        if self._has_submission(student, chapter):
            self._gradebook.remove_submission(chapter, student)

    def _has_submission(self, student, chapter):
        try:
            self._gradebook.find_submission(chapter, student)
        except MissingEntry:
            return False
        return True

    def _grades(self, record, create):
        """The submission's grades by exercise; None when there is no submission."""
        book, chapter, student = self._gradebook, record.chapter, record.student
        if create:
            book.update_or_create_student(student)
            with warnings.catch_warnings():
                # nbgrader's own order of adding rows; nothing is lost by it
                warnings.simplefilter("ignore", SAWarning)
                book.update_or_create_submission(chapter, student)
        elif not self._has_submission(student, chapter):
            return None
        notebook = book.find_submission_notebook(chapter, chapter, student)
        return {grade.name.removeprefix("test_"): grade for grade in notebook.grades}
