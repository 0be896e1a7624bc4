"""From solutions/ to what students get, by nbgrader's own assignment machinery."""

import hashlib
import io
import json
import logging
import shutil
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearSolutions, ComputeChecksums, LockCells

from autograder.checking import public
from autograder.checking.public import PublicExercise
from autograder.course.chapter import PUBLIC_SEED, Chapter
from autograder.course.layout import Course
from autograder.problems import Problem
from autograder.version import grader_version

STAMPS = "released.json"


def release(course: Course, chapter: Chapter) -> bool:
    """Write the source notebook, generate the student's and register it.

    Returns whether anything had to be done: a chapter that is released as it stands,
    in this class and in notebooks/, is left alone.
    """
    if _stamps(course).get(chapter.name) == _stamp(course, chapter):
        return False
    folder = course.source / chapter.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    nbformat.write(chapter.source, folder / f"{chapter.name}.ipynb")
    public.write(folder / public.FILE_NAME, chapter.name, public_exercises(chapter))
    _generate_assignment(course, chapter.name)
    stamps = _stamps(course) | {chapter.name: _stamp(course, chapter)}
    _stamps_file(course).write_text(json.dumps(stamps, indent=1) + "\n")
    return True


def public_exercises(chapter: Chapter) -> list[PublicExercise]:
    """The public cases of every exercise, with all their answers."""
    return [
        PublicExercise(
            name,
            exercise.points,
            chapter.rules(name),
            chapter.sentences(name),
            chapter.cases(name, PUBLIC_SEED),
        )
        for name, exercise in chapter.exercises.items()
    ]


def stub_notebook(course: Course, chapter: Chapter):
    """The source notebook with its solutions cleared as nbgrader clears them."""
    notebook = nbformat.reads(nbformat.writes(chapter.source), as_version=4)
    for step in (LockCells, ClearSolutions, ComputeChecksums):
        notebook, _ = step(config=course.config).preprocess(notebook, {})
    return notebook


def _generate_assignment(course, name):
    directory = CourseDirectory(config=course.config)
    directory.assignment_id = name
    converter = GenerateAssignment(coursedir=directory, config=course.config)
    converter.force = True
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setLevel(logging.ERROR)
    converter.log.addHandler(handler)
    try:
        converter.start()
    except Exception as error:
        why = said.getvalue().strip() or error
        raise Problem(f"nbgrader could not generate {name}: {why}") from error
    finally:
        converter.log.removeHandler(handler)


def _stamps_file(course):
    return course.source.parent / STAMPS


def _stamps(course):
    try:
        return json.loads(_stamps_file(course).read_text())
    except FileNotFoundError:
        return {}


def _stamp(course, chapter):
    notebook = course.notebooks / chapter.name / f"{chapter.name}.ipynb"
    return [chapter.version, grader_version(), _digest(notebook)]


def _digest(path: Path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else None
