"""Grading a whole class: find, skip what is done, run and judge, write."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import nbformat

from autograder.checking.verdict import INFRASTRUCTURE, Verdict
from autograder.course.chapter import Chapter
from autograder.course.layout import Course
from autograder.course.release import release
from autograder.grading import record as records
from autograder.grading.feedback import FeedbackWriter
from autograder.grading.grade import grade_notebook
from autograder.grading.gradebook import ClassGradebook
from autograder.grading.record import Record, key_of
from autograder.grading.run import GradingRun
from autograder.grading.transplant import transplant
from autograder.ingest.notebook import Unreadable
from autograder.ingest.students import StudentFolder, student_folders
from autograder.ingest.submission import Submission, find_submission
from autograder.problems import Problem

ATTEMPTS = 3


@dataclass(frozen=True)
class Entry:
    """What became of one student's chapter.

    record: the verdicts, None where the submission could not be read (`problem` says
    why) or nothing was handed in (`problem` is ""). is_new: graded in this run.
    """

    student: str
    chapter: str
    record: Record | None = None
    problem: str = ""
    is_new: bool = False


def grade_class(
    run: GradingRun,
    chapters: list[Chapter],
    students: list[str] | None = None,
    force: bool = False,
    workers: int | None = None,
) -> Iterator[Entry]:
    """Grade every submission of the class; yields an `Entry` as each is done.

    Raises Problem when there is nothing to grade. A submission that cannot be read or
    run never touches another.
    """
    course = run.course
    for chapter in chapters:
        release(course, chapter)
    folders = students_of(course)
    if students is not None:
        folders = [folder for folder in folders if folder.student in students]
    feedback = FeedbackWriter(course)
    with ClassGradebook(course) as gradebook, _pool(workers) as pool:
        waiting = []
        for folder in folders:
            for chapter in chapters:
                if folder.problem:
                    student, problem = folder.student, folder.problem
                    yield Entry(student, chapter.name, problem=problem)
                    continue
                entry = _ready(run, gradebook, folder.student, chapter, force)
                if isinstance(entry, Entry):
                    yield entry
                else:
                    _draw(run, chapter)
                    waiting.append(pool.submit(_grade, run, chapter, entry))
        for future in as_completed(waiting):
            record, notebook = future.result()
            if record.is_complete:
                _write(course, gradebook, feedback, record, notebook)
            yield Entry(record.student, record.chapter, record, is_new=True)


@contextlib.contextmanager
def _pool(workers):
    """Threads that each wait for a process; when we stop, what waits is dropped."""
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def students_of(course: Course) -> list[StudentFolder]:
    """The students' folders of submissions; raises Problem if there are none."""
    folders = student_folders(course.submitted)
    if not folders:
        raise Problem(
            f"no submissions in {course.submitted}; put them there as "
            "STUDENT/CHAPTER/CHAPTER.ipynb, or let `autograder collect` do it"
        )
    return folders


def _draw(run, chapter):
    """Compute what the threads share of a chapter, before one needs it."""
    chapter_run = run.of(chapter)
    _ = chapter_run.pristine, chapter_run.hidden, chapter_run.public


def _ready(run, gradebook, student, chapter, force) -> Submission | Entry:
    """The submission to grade, or the entry where nothing is left to do."""
    course = run.course
    try:
        submission = find_submission(course.submitted, student, chapter.name)
    except Unreadable as problem:
        # what an earlier, readable submission got is no longer true
        gradebook.forget(student, chapter.name)
        shutil.rmtree(course.autograded / student / chapter.name, ignore_errors=True)
        shutil.rmtree(course.feedback / student / chapter.name, ignore_errors=True)
        return Entry(student, chapter.name, problem=str(problem))
    if submission is None:
        return Entry(student, chapter.name)
    folder = course.autograded / student / chapter.name
    done = records.read(folder)
    key = key_of(submission.digest, chapter.version)
    written = (
        folder / f"{chapter.name}.ipynb",
        course.feedback / student / chapter.name / f"{chapter.name}.html",
    )
    is_done = done is not None and done.key == key
    is_done = is_done and all(path.exists() for path in written)
    is_done = is_done and (done.sandboxed or not run.walls.sandboxed)
    if is_done and not force and gradebook.has(done):
        return Entry(student, chapter.name, done)
    return submission


def _grade(run, chapter, submission) -> tuple[Record, object]:
    """Run and judge one submission; our own failures are tried again."""
    chapter_run = run.of(chapter)
    planted = transplant(chapter_run.pristine, submission)
    notebook = planted.annotated()
    for attempt in range(ATTEMPTS):
        try:
            graded = grade_notebook(chapter_run, notebook, submission.files)
            verdicts = graded.verdicts
            break
        except Exception as failure:  # whatever fails here is ours, not the student's
            message = f"attempt {attempt + 1}: {type(failure).__name__}: {failure}"
            verdicts = [
                Verdict(name, INFRASTRUCTURE, exercise.points, message)
                for name, exercise in chapter.exercises.items()
            ]
    record = Record(
        submission.student,
        chapter.name,
        key_of(submission.digest, chapter.version),
        run.seed,
        verdicts,
        planted.notes,
        sandboxed=run.walls.sandboxed,
    )
    return record, notebook


def _write(course, gradebook, feedback, record, notebook):
    folder = course.autograded / record.student / record.chapter
    if folder.exists():  # plain nbgrader leaves read-only files
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{record.chapter}.ipynb")
    gradebook.write(record)
    feedback.write(record.student, record.chapter)
    records.write(folder, record)  # last: its presence says that all is written
