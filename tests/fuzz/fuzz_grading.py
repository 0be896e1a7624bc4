"""The class that fuzzed notebooks are handed in to, graded the way a class is."""

import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass

import nbformat
from fuzz_answers import NAME
from fuzz_oracle import deserving
from fuzz_pages import faults_of

from autograder.course.layout import Course
from autograder.grading import record as records
from autograder.grading.classroom import grade_class
from autograder.grading.grade import code_cells
from autograder.grading.record import Record
from autograder.grading.run import GradingRun
from autograder.grading.transplant import transplant
from autograder.ingest.notebook import Unreadable
from autograder.ingest.submission import find_submission

STUDENT = "ada"
SCORES = """
    SELECT base_cell.name, grade.auto_score
    FROM grade JOIN base_cell ON base_cell.id = grade.cell_id
"""


@dataclass(frozen=True)
class Looked:
    """What became of one example: a submission and its grading, or a refusal."""

    refusal: str = ""
    submission: object = None
    planted: object = None
    graded: "Graded | None" = None


@dataclass(frozen=True)
class Graded:
    """One grading: its record, and what the answers deserve (None: unknown)."""

    record: Record
    deserved: set[str] | None


class Grader:
    """Grades examples, one student's submission each."""

    def __init__(self, released, root):
        shutil.copytree(released, root, dirs_exist_ok=True)
        self.course = Course.find(root)
        self.chapter = self.course.chapters[NAME]
        self.run = GradingRun(self.course, seed=5)
        self.pristine = self.run.of(self.chapter).pristine
        self.seen, self.refused = {}, set()

    def look_at(self, hand_in) -> Looked:
        """Grade what `hand_in(folder)` puts into the student's folder."""
        folder = self.course.submitted / STUDENT / NAME
        shutil.rmtree(self.course.submitted, ignore_errors=True)
        folder.mkdir(parents=True)
        hand_in(folder)
        try:
            submission = find_submission(self.course.submitted, STUDENT, NAME)
        except Unreadable as refusal:
            self._require_refused(str(refusal))
            return Looked(str(refusal))
        if submission is None:
            return Looked()
        planted = transplant(self.pristine, submission)
        # all that follows depends on these two alone, so they are graded once
        key = nbformat.writes(planted.annotated()), repr(submission.files)
        if key not in self.seen:
            self.seen[key] = self._grade(planted)
        return Looked("", submission, planted, self.seen[key])

    def _entry(self):
        (entry,) = grade_class(self.run, [self.chapter], [STUDENT], force=True)
        return entry

    def _require_refused(self, said):
        """The class run refuses it in the same words; each kind is looked at once."""
        kind = re.sub(r"\d+", "", said)
        if kind not in self.refused:
            self.refused.add(kind)
            assert self._entry().problem == said

    def _grade(self, planted):
        record = self._entry().record
        self._require_written(record)
        return Graded(record, deserving(list(code_cells(planted.notebook))))

    def _require_written(self, record):
        """Record, gradebook, notebook and page agree, and none of them is broken."""
        folder = self.course.autograded / STUDENT / NAME
        assert records.read(folder) == record
        scores = {f"test_{v.exercise}": v.score for v in record.verdicts}
        assert self._booked() == scores
        notebook = nbformat.read(folder / f"{NAME}.ipynb", as_version=4)
        nbformat.validate(notebook)
        page = self.course.feedback / STUDENT / NAME / f"{NAME}.html"
        assert faults_of(page.read_text(encoding="utf-8")) == []

    def _booked(self):
        """The scores in the gradebook, read without nbgrader."""
        path = self.course.feedback.parent / "gradebook.db"
        with closing(sqlite3.connect(path)) as database:
            return dict(database.execute(SCORES))
