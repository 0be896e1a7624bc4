"""Feedback for students, through nbgrader's own feedback converter."""

import logging
from pathlib import Path

from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory

from autograder.course.layout import Course


class FeedbackWriter:
    """Writes ``feedback/<student>/<chapter>/<chapter>.html`` with one exporter."""

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

    def write(self, student: str, chapter: str) -> Path:
        """Write the feedback for an autograded notebook; returns its path."""
        folder = self._course.feedback / student / chapter
        folder.mkdir(parents=True, exist_ok=True)
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
        path = folder / f"{chapter}.html"
        path.write_text(html, encoding="utf-8")
        return path
