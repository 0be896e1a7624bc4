"""Feedback for students: one page a submission."""

import logging
from pathlib import Path

from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory

from autograder.checking.verdict import NOT_ATTEMPTED
from autograder.course.layout import Course
from autograder.course.source import grade_id
from autograder.grading.feedback_exporter import render
from autograder.grading.record import Record

NO_RESPONSE = "No response."  # as nbgrader says it


def page_of(notebook, record: Record) -> str:
    """The page of an autograded notebook whose scores are those of the record.

    What nbgrader reads back from the gradebook for each cell is known here already.
    """
    verdicts = {verdict.exercise: verdict for verdict in record.verdicts}
    for cell in notebook.cells:
        verdict = verdicts.get(grade_id(cell).removeprefix("test_"))
        if verdict is None:
            continue
        marks = cell.metadata.nbgrader
        if marks.get("grade"):
            marks.update(score=verdict.score, points=verdict.points)
        if marks.get("solution"):
            marks["comment"] = remark(verdict)
    names = {
        "student": record.student,
        "notebook": record.chapter,
        "score": record.score,
        "max_score": sum(verdict.points for verdict in record.verdicts),
        "late_penalty": 0,
    }
    return render(notebook, names)


def remark(verdict) -> str | None:
    """The comment that nbgrader would leave on an answer by itself."""
    return NO_RESPONSE if verdict.outcome == NOT_ATTEMPTED else None


class ReviewedFeedback:
    """The same with what people have added in the gradebook, read by nbgrader."""

    def __init__(self, course: Course):
        self._course = course
        directory = CourseDirectory(config=course.config)
        self._converter = GenerateFeedback(coursedir=directory, config=course.config)
        self._converter.log.setLevel(logging.ERROR)
        exporter_class = self._converter.exporter_class
        self._exporter = exporter_class(
            parent=self._converter, config=self._converter.config
        )
        for preprocessor in self._converter.preprocessors:
            self._exporter.register_preprocessor(preprocessor, enabled=True)

    def page_of(self, student: str, chapter: str) -> str:
        """The page of an autograded notebook that has been written."""
        notebook = self._course.autograded / student / chapter / f"{chapter}.ipynb"
        resources = {
            "unique_key": chapter,
            "output_files_dir": f"{chapter}_files",
            "nbgrader": {
                "student": student,
                "assignment": chapter,
                "notebook": chapter,
                "db_url": self._course.database_url,
            },
        }
        html, _ = self._exporter.from_filename(str(notebook), resources=resources)
        return html


def feedback_path(course: Course, student: str, chapter: str) -> Path:
    """Where the page of a submission stands."""
    return course.feedback / student / chapter / f"{chapter}.html"
