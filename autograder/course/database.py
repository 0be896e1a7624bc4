"""The file of the gradebook, where it is one, made whole or not at all."""

import os
from pathlib import Path

from nbgrader.api import Gradebook
from sqlalchemy import make_url

from autograder.course.layout import Course


def database_file(course: Course) -> Path | None:
    """The SQLite file of a course's gradebook; None where a server keeps it."""
    url = make_url(course.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database)


def make_gradebook(course: Course):
    """Make the gradebook's file where there is none.

    nbgrader makes its tables one by one and notes their version last; a gradebook that
    was left in between would keep its tables and never have a version.
    """
    path = database_file(course)
    if path is None or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    for left in (new, new.with_name(f"{new.name}-journal")):
        left.unlink(missing_ok=True)
    Gradebook(f"sqlite:///{new}", course.config.CourseDirectory.course_id).close()
    os.replace(new, path)
