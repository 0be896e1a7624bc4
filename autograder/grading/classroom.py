"""Grading a whole class: find, skip what is done, give out, write.

One process coordinates: it alone reads what was handed in and writes what came of it.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.course.chapter import Chapter
from autograder.course.layout import Course
from autograder.course.release import release
from autograder.grading import record as records
from autograder.grading import work
from autograder.grading.feedback import ReviewedFeedback, feedback_path
from autograder.grading.gradebook import ClassGradebook
from autograder.grading.record import Record, key_of
from autograder.grading.run import GradingRun
from autograder.grading.workers import Crew, Local
from autograder.ingest.notebook import Unreadable
from autograder.ingest.students import StudentFolder, student_folders
from autograder.ingest.submission import HandedIn, Submission
from autograder.problems import Problem


@dataclass(frozen=True)
class Entry:
    """What became of one student's chapter.

    record: the verdicts, None where the submission could not be read (`problem` says
    why) or nothing was handed in (`problem` is ""). is_new: graded in this run.
    seconds: what that took, by what was done.
    """

    student: str
    chapter: str
    record: Record | None = None
    problem: str = ""
    is_new: bool = False
    seconds: dict | None = None


def grade_class(
    run: GradingRun,
    chapters: list[Chapter],
    students: list[str] | None = None,
    force: bool = False,
    workers=None,
) -> Iterator[Entry]:
    """Grade every submission of the class; yields an `Entry` as each is done.

    workers: who grades (default: this process). Raises Problem when there is nothing
    to grade. A submission that cannot be read or run never touches another.
    """
    course = run.course
    for chapter in chapters:
        release(course, chapter)
    folders = students_of(course)
    if students is not None:
        folders = [folder for folder in folders if folder.student in students]
    with ClassGradebook(course) as gradebook, Crew(workers or Local(1)) as crew:
        classroom = _Classroom(run, chapters, gradebook, crew, force)
        for folder in folders:
            yield from classroom.grade(folder)
        yield from classroom.rest()


def students_of(course: Course) -> list[StudentFolder]:
    """The students' folders of submissions; raises Problem if there are none."""
    folders = student_folders(course.submitted)
    if not folders:
        raise Problem(
            f"no submissions in {course.submitted}; put them there as "
            "STUDENT/CHAPTER/CHAPTER.ipynb, or let `autograder collect` do it"
        )
    return folders


class _Classroom:
    """One run over a class."""

    def __init__(self, run, chapters, gradebook, crew, force):
        self._run, self._chapters = run, chapters
        self._course, self._gradebook, self._crew = run.course, gradebook, crew
        self._force = force
        self._is_drawn = False
        self._given = {}
        self._kept = {}
        self._reviewed = None

    def grade(self, folder: StudentFolder) -> Iterator[Entry]:
        """Look through one student's folder and give out what is to be graded."""
        student = folder.student
        if folder.problem:
            for chapter in self._chapters:
                yield Entry(student, chapter.name, problem=folder.problem)
            return
        handed_in = HandedIn(self._course.submitted, student)
        found = [self._ready(handed_in, student, c) for c in self._chapters]
        wanted = [item for item in found if isinstance(item, Submission)]
        if wanted:
            self._draw({submission.chapter for submission in wanted})
        for item in found:
            if isinstance(item, Entry):
                yield item
            else:
                chapter = self._course.chapters[item.chapter]
                order = work.Order.of(self._run, chapter)
                place = student, chapter.name
                self._given[place] = self._given[place], time.perf_counter()
                kept = self._kept.pop(place, [])
                for done in self._crew.give(order, item, kept):
                    yield self._written(done)

    def rest(self) -> Iterator[Entry]:
        """What workers still have."""
        for done in self._crew.rest():
            yield self._written(done)

    # --- one place --------------------------------------------------------------

    def _ready(self, handed_in, student, chapter) -> Submission | Entry:
        """The submission to grade, or the entry where nothing is left to do."""
        begin = time.perf_counter()
        try:
            found = handed_in.find(chapter.name)
            if found is None:
                return Entry(student, chapter.name)
            done = self._done(found, chapter)
            if done and not self._is_wanted_again(chapter):
                return Entry(student, chapter.name, done)
            submission = found.read()
        except Unreadable as problem:
            self._forget(student, chapter.name)
            return Entry(student, chapter.name, problem=str(problem))
        if done and self._run.only is not None:
            self._kept[student, chapter.name] = [
                v for v in done.verdicts if v.exercise not in self._run.only
            ]
        self._given[student, chapter.name] = time.perf_counter() - begin
        return submission

    def _is_wanted_again(self, chapter):
        if self._run.only is None:
            return self._force
        return not self._run.only.isdisjoint(chapter.exercises)

    def _done(self, found, chapter) -> Record | None:
        """What was graded before, if all of it is there and still true."""
        student, name = found.student, found.chapter
        folder = self._course.autograded / student / name
        record = records.read(folder)
        if record is None or record.key != key_of(found.digest, chapter.version):
            return None
        if self._run.walls.sandboxed and not record.sandboxed:
            return None
        page = feedback_path(self._course, student, name)
        if not (page.exists() and (folder / f"{name}.ipynb").exists()):
            return None
        return record if self._gradebook.has(record) else None

    def _forget(self, student, chapter):
        """What an earlier, readable submission got is no longer true."""
        self._gradebook.forget(student, chapter)
        for above in (self._course.autograded, self._course.feedback):
            shutil.rmtree(above / student / chapter, ignore_errors=True)

    def _draw(self, names):
        """Before the first is given out: workers know what was drawn when they fork.

        A chapter that is needed later is drawn by each worker that needs it.
        """
        if self._is_drawn:
            return
        self._is_drawn = True
        self._crew.prepare(self._run, [c for c in self._chapters if c.name in names])

    def _written(self, done: work.Done) -> Entry:
        record = done.record
        place = record.student, record.chapter
        ingest, given = self._given.pop(place)
        begin = time.perf_counter()
        waited = begin - given - sum(done.seconds.values())
        if record.is_complete:
            self._write(done)
        written = time.perf_counter() - begin
        seconds = {"ingest": ingest, "wait": waited, **done.seconds, "write": written}
        return Entry(*place, record, is_new=True, seconds=seconds)

    def _write(self, done):
        course, record = self._course, done.record
        student, chapter = record.student, record.chapter
        folder = course.autograded / student / chapter
        if folder.exists():  # plain nbgrader leaves read-only files
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / f"{chapter}.ipynb").write_text(done.notebook, encoding="utf-8")
        is_reviewed = self._gradebook.write(record)
        page = self._reviewed_page(student, chapter) if is_reviewed else done.page
        path = feedback_path(course, student, chapter)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        records.write(folder, record)  # last: its presence says that all is written

    def _reviewed_page(self, student, chapter):
        if self._reviewed is None:
            self._reviewed = ReviewedFeedback(self._course)
        return self._reviewed.page_of(student, chapter)
