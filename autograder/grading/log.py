"""The log of a run: one line of JSON for each submission, with what it took."""

import json
from collections import Counter
from pathlib import Path

from autograder.course.layout import Course
from autograder.grading.classroom import Entry

FILE_NAME = "grading.jsonl"


def log_path(course: Course) -> Path:
    """Beside the report; the log of the last run that graded anything."""
    return course.report.with_name(FILE_NAME)


class RunLog:
    """Writes the log as entries come; use as a context manager.

    Each line has "student", "chapter", "score" (None for our own failure), "outcomes"
    (how many exercises ended how) and "seconds" by what was done: ingest (reading the
    submission), wait (for a worker), run (its processes), judge (and its pages), write.
    """

    def __init__(self, course: Course):
        self._path = log_path(course)
        self._file = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._file is not None:
            self._file.close()

    def add(self, entry: Entry):
        """Note a submission that was graded now; others take no time."""
        if not entry.is_new:
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w", encoding="utf-8")
        record = entry.record
        line = {
            "student": entry.student,
            "chapter": entry.chapter,
            "score": record.score if record.is_complete else None,
            "outcomes": Counter(verdict.outcome for verdict in record.verdicts),
            "seconds": {k: round(v, 4) for k, v in (entry.seconds or {}).items()},
        }
        self._file.write(json.dumps(line, ensure_ascii=True) + "\n")
