"""What a worker does: one submission, from its text to its verdicts and its pages.

A worker is this process, one forked from it, or one on another machine that sees the
same folders. It writes nothing; what it has made goes back to the coordinator.
"""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from autograder.checking.verdict import INFRASTRUCTURE, Verdict
from autograder.course.layout import Course
from autograder.grading.feedback import page_of
from autograder.grading.grade import grade_notebook
from autograder.grading.record import Record, key_of
from autograder.grading.run import ChapterRun, GradingRun
from autograder.grading.transplant import transplant
from autograder.ingest.submission import Submission
from autograder.problems import Infrastructure
from autograder.sandbox.machine import walls_for

ATTEMPTS = 3
# as nbformat writes them, at a hundredth of the time
AS_FILE = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE

_lock = threading.Lock()
_runs: dict[tuple, GradingRun] = {}


@dataclass(frozen=True)
class Order:
    """A chapter in a run: all that a worker must know beside the submission.

    version: of the chapter, as the coordinator sees it.
    """

    root: Path
    class_dir: Path | None
    chapter: str
    version: str
    seed: int
    sandboxed: bool

    @classmethod
    def of(cls, run: GradingRun, chapter) -> "Order":
        """The order to grade `chapter` in this run."""
        place = (run.course.root, run.course.class_dir)
        named = (chapter.name, chapter.version)
        return cls(*place, *named, run.seed, run.walls.sandboxed)


@dataclass(frozen=True)
class Done:
    """What a worker made of a submission.

    notebook: the autograded one as text. page: the feedback. seconds: by what was done.
    """

    record: Record
    notebook: str = ""
    page: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


def share(run: GradingRun):
    """Let workers that are forked from this process use a run as it is now."""
    _runs.clear()
    _runs[run.course.root, run.course.class_dir, run.seed, run.walls.sandboxed] = run


def grade(order: Order, submission: Submission, kept: list[Verdict] = ()) -> Done:
    """Run and judge one submission; our own failures are tried again.

    kept: verdicts that still hold; what they are on is not judged again.
    """
    begin = time.perf_counter()
    try:
        chapter_run = _run_of(order)
        planted = transplant(chapter_run.pristine, submission)
    except Exception as failure:
        return failed(order, submission, _said(0, failure))
    notebook = planted.annotated()
    for attempt in range(ATTEMPTS):
        try:
            graded = grade_notebook(chapter_run, notebook, submission.files, kept)
            break
        except Exception as failure:  # whatever fails here is ours, not the student's
            message = _said(attempt, failure)
    else:
        return failed(order, submission, message, planted.notes)
    record = _record(order, submission, graded.verdicts, planted.notes)
    text = orjson.dumps(notebook, option=AS_FILE).decode()
    page = page_of(notebook, record)
    spent = time.perf_counter() - begin
    seconds = {"run": graded.run_seconds, "judge": spent - graded.run_seconds}
    return Done(record, text, page, seconds)


def failed(order: Order, submission: Submission, message: str, notes=()) -> Done:
    """What is recorded where the fault is ours: no score at all."""
    exercises = _run_of(order, look=False).chapter.exercises.values()
    verdicts = [Verdict(e.name, INFRASTRUCTURE, e.points, message) for e in exercises]
    return Done(_record(order, submission, verdicts, list(notes)))


def _said(attempt, failure):
    return f"attempt {attempt + 1}: {type(failure).__name__}: {failure}"


def _record(order, submission, verdicts, notes):
    return Record(
        submission.student,
        order.chapter,
        key_of(submission.digest, order.version),
        order.seed,
        verdicts,
        notes,
        sandboxed=order.sandboxed,
    )


def _run_of(order, look=True) -> ChapterRun:
    """The run that an order belongs to; raises Infrastructure for another chapter.

    Made anew where this process does not know it, or knows an older chapter.
    """
    key = (order.root, order.class_dir, order.seed, order.sandboxed)
    with _lock:  # a worker of a cluster may have threads
        run = _runs.get(key)
        if run is None or run.course.chapters[order.chapter].version != order.version:
            course = Course.find(order.root, order.class_dir)
            run = GradingRun(course, order.seed, walls_for(order.sandboxed))
            _runs.clear()
            _runs[key] = run
    chapter = run.course.chapters[order.chapter]
    if look and chapter.version != order.version:
        raise Infrastructure(
            f"the worker sees another version of {order.chapter} than the coordinator"
        )
    return run.of(chapter)
