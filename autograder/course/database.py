"""The file of the gradebook, where it is one, made whole or not at all."""

import os
from pathlib import Path

from nbgrader.api import Gradebook
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from autograder.course.layout import Course
from autograder.problems import Problem


def database_file(course: Course) -> Path | None:
    """The SQLite file of a course's gradebook; None where a server keeps it."""
    try:
        url = make_url(course.database_url)
    except SQLAlchemyError:
        return None  # who opens it will say what is wrong
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database)


def open_gradebook(course: Course) -> Gradebook:
    """nbgrader's gradebook of a course; close it after use.

    Raises Problem, without the password, where it cannot be reached.
    """
    try:
        return Gradebook(course.database_url, course.config.CourseDirectory.course_id)
    except SQLAlchemyError as error:
        where = _shown(course.database_url)
        cause = str(error).splitlines()[0]
        raise Problem(f"cannot open the gradebook {where}: {cause}") from None


def _shown(address):
    try:
        return make_url(address).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "that the address names"


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
