"""From solutions/ to what students get, by nbgrader's own assignment machinery."""

import contextlib
import copy
import hashlib
import io
import json
import logging
import os
import shutil
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearSolutions, ComputeChecksums, LockCells

from autograder.checking import public
from autograder.checking.public import PublicExercise
from autograder.course.chapter import Chapter
from autograder.course.database import (
    database_file,
    make_gradebook,
    open_gradebook,
)
from autograder.course.layout import Course
from autograder.course.source import copy_of
from autograder.problems import Problem
from autograder.version import grader_version

STAMPS = "released.json"
WORKSHOP = ".releasing"


def release(course: Course, chapter: Chapter) -> bool:
    """Write the source notebook, generate the student's and register it.

    Returns whether anything had to be done: a chapter that is released as it stands,
    in this class and in notebooks/, is left alone.
    """
    stamps = _stamps(course)
    stamp = stamps.pop(chapter.name, None)
    if stamp == _stamp(course, chapter) and _is_registered(course, chapter.name):
        return False
    with _workshop(course) as workshop:
        _write_stamps(course, stamps, workshop)  # what is killed is never believed
        folder = course.source / chapter.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        nbformat.write(chapter.source, folder / f"{chapter.name}.ipynb")
        public.write(folder / public.FILE_NAME, chapter.name, public_exercises(chapter))
        make_gradebook(course)
        _generate_assignment(course, chapter.name, workshop)
        stamps[chapter.name] = _stamp(course, chapter)
        _write_stamps(course, stamps, workshop)
    return True


def public_exercises(chapter: Chapter) -> list[PublicExercise]:
    """The public cases of every exercise, with all their answers."""
    return [
        PublicExercise(
            name,
            exercise.points,
            chapter.rules(name),
            chapter.sentences(name),
            chapter.public_cases(name),
        )
        for name, exercise in chapter.exercises.items()
    ]


def stub_notebook(course: Course, chapter: Chapter):
    """The source notebook with its solutions cleared as nbgrader clears them."""
    notebook = copy_of(chapter.source)
    for step in (LockCells, ClearSolutions, ComputeChecksums):
        notebook, _ = step(config=course.config).preprocess(notebook, {})
    return notebook


def _is_registered(course, name):
    """Whether the class's gradebook knows the chapter."""
    file = database_file(course)
    if file is not None and not file.is_file():
        return False
    with open_gradebook(course) as book:
        return name in {assignment.name for assignment in book.assignments}


@contextlib.contextmanager
def _workshop(course):
    """A folder for what is not finished; its name is fixed, so that none pile up."""
    folder = course.source.parent / WORKSHOP
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _generate_assignment(course, name, workshop):
    """Let nbgrader write beside notebooks/ first: what fails leaves the old one."""
    made, old = workshop / "release", workshop / "old"
    config = copy.deepcopy(course.config)
    config.CourseDirectory.release_directory = str(made)
    directory = CourseDirectory(config=config)
    directory.assignment_id = name
    _convert(GenerateAssignment(coursedir=directory, config=config), name)
    course.notebooks.mkdir(parents=True, exist_ok=True)
    if (course.notebooks / name).exists():
        shutil.move(course.notebooks / name, old)
    shutil.move(made / name, course.notebooks / name)


def _convert(converter, name):
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    log = converter.log
    before = log.level, log.disabled  # it belongs to the whole process
    log.setLevel(logging.ERROR)
    log.disabled = False
    log.addHandler(handler)
    try:
        converter.start()
    except Exception as error:
        raise Problem(_why(name, said.getvalue(), error)) from error
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.disabled = before[1]


def _why(name, said, error):
    """What nbgrader's log says, in a sentence that helps."""
    if "Cannot add or remove cells" in said:
        return (
            f"{name} has other exercises than when this class was graded, and nbgrader "
            "keeps a notebook as it is while the gradebook holds submissions. Start "
            "another class with --class DIR, or drop the old results with "
            f"`nbgrader db assignment remove {name} --force`."
        )
    errors = [line for line in said.splitlines() if line and not line.startswith(" ")]
    causes = [line for line in errors if "Error" in line.partition(":")[0]]
    return f"nbgrader could not generate {name}: {(causes or errors or [error])[-1]}"


def _stamps_file(course):
    return course.source.parent / STAMPS


def _stamps(course):
    try:
        return json.loads(_stamps_file(course).read_text())
    except (FileNotFoundError, ValueError):  # what cannot be read says nothing
        return {}


def _write_stamps(course, stamps, workshop):
    new = workshop / STAMPS
    new.write_text(json.dumps(stamps, indent=1) + "\n")
    os.replace(new, _stamps_file(course))


def _stamp(course, chapter):
    folder = course.notebooks / chapter.name
    files = (folder / f"{chapter.name}.ipynb", folder / public.FILE_NAME)
    return [chapter.version, grader_version(), *map(_digest, files)]


def _digest(path: Path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else None
