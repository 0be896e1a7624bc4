"""Scores into nbgrader's own gradebook."""

from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)

from autograder.checking.verdict import NOT_ATTEMPTED
from autograder.course.database import make_gradebook
from autograder.course.layout import Course
from autograder.grading.record import Record


class ClassGradebook:
    """nbgrader's gradebook of one class; use as a context manager."""

    def __init__(self, course: Course):
        config = course.config.CourseDirectory
        make_gradebook(course)
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
        if not self._has_submission(record.student, record.chapter):
            return False
        found = self._grades(record)
        return all(found[v.exercise].auto_score == v.score for v in record.verdicts)

    def write(self, record: Record):
        """Write one submission's scores, all of them or none, in one transaction.

        A score that a person has given by hand stays; the grade is then marked for
        another look.
        """
        if not self._has_submission(record.student, record.chapter):
            self._add_submission(record.student, record.chapter)
        grades = self._grades(record)
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

    def _add_submission(self, student, chapter):
        """Add what nbgrader adds, without its commits: no grade without a score."""
        book = self._gradebook
        with book.db.no_autoflush:
            assignment = book.find_assignment(chapter)
            submission = SubmittedAssignment(
                assignment=assignment, student=self._student(student)
            )
            for notebook in assignment.notebooks:
                tasks = notebook.task_cells
                submitted = SubmittedNotebook(notebook=notebook, assignment=submission)
                for cell in (*notebook.grade_cells, *tasks):
                    Grade(cell_id=cell.id, notebook=submitted)
                for cell in (*notebook.solution_cells, *tasks):
                    Comment(cell_id=cell.id, notebook=submitted)
            book.db.add(submission)
        book.db.flush()

    def _student(self, name):
        try:
            return self._gradebook.find_student(name)
        except MissingEntry:
            return Student(id=name)

    def _grades(self, record):
        """The grades of a submission by exercise."""
        book, chapter, student = self._gradebook, record.chapter, record.student
        notebook = book.find_submission_notebook(chapter, chapter, student)
        return {grade.name.removeprefix("test_"): grade for grade in notebook.grades}
