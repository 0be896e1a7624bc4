"""What the disk says about a class: `ClassResults`, from which the report is made."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from autograder.checking.verdict import INFRASTRUCTURE, Verdict
from autograder.course.chapter import Chapter
from autograder.course.database import database_file
from autograder.course.layout import Course
from autograder.grading import record as records
from autograder.grading.gradebook import ClassGradebook
from autograder.grading.record import Record, key_of
from autograder.ingest.notebook import Unreadable
from autograder.ingest.students import student_folders
from autograder.ingest.submission import HandedIn
from autograder.problems import Problem


@dataclass(frozen=True)
class Place:
    """One student's chapter.

    record: None where nothing is graded. problem: why the submission cannot be read,
    else "". is_old: the submission, the chapter or the grader has changed since.
    link: to the feedback page, as a relative address, "" where there is none.
    """

    student: str
    chapter: Chapter
    is_submitted: bool
    record: Record | None = None
    problem: str = ""
    is_old: bool = False
    link: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether nothing was handed in."""
        return not (self.record or self.problem or self.is_submitted)

    @property
    def is_graded(self) -> bool:
        """Whether there is a result for every exercise."""
        return self.record is not None and self.record.is_complete

    @property
    def is_ungraded(self) -> bool:
        """Whether a result is missing that the student is owed."""
        return not (self.is_missing or self.problem or self.is_graded)

    @property
    def is_unwalled(self) -> bool:
        """Whether the student's code ran without a sandbox."""
        return self.record is not None and not self.record.sandboxed

    @property
    def notes(self) -> list[str]:
        """What was noticed about the submission, such as another file name."""
        return self.record.notes if self.record else []

    @property
    def reason(self) -> str:
        """Why there is no (complete) result, in words."""
        verdicts = self.record.verdicts if self.record else []
        failed = [v for v in verdicts if v.outcome == INFRASTRUCTURE]
        return failed[0].message if failed else "handed in, and not graded yet"

    def verdict(self, exercise: str) -> Verdict | None:
        """The verdict on one exercise, None where there is none."""
        verdicts = self.record.verdicts if self.record else []
        return next((v for v in verdicts if v.exercise == exercise), None)


@dataclass(frozen=True)
class ClassResults:
    """A class in some chapters: who is in it, and the place of each in each chapter."""

    course_id: str
    chapters: list[Chapter]
    students: list[str]
    places: dict[tuple[str, str], Place]

    @property
    def points(self) -> float:
        """What can be earned."""
        return sum(chapter.points for chapter in self.chapters)

    def of_student(self, student: str) -> list[Place]:
        """A student's places, in the order of the chapters."""
        return [self.places[student, chapter.name] for chapter in self.chapters]

    def of_chapter(self, chapter: Chapter) -> list[Place]:
        """A chapter's places, in the order of the students."""
        return [self.places[student, chapter.name] for student in self.students]

    def graded(self) -> Iterator[tuple[Place, Verdict]]:
        """Every verdict that counts: on exercises that exist, our failures left out."""
        for place in self.places.values():
            for name in place.chapter.exercises:
                verdict = place.verdict(name)
                if verdict and verdict.outcome != INFRASTRUCTURE:
                    yield place, verdict


def read_results(course: Course, chapters: list[Chapter]) -> ClassResults:
    """Read the results of a class; raises Problem when it has no students at all."""
    folders = student_folders(course.submitted)
    problems = {folder.student: folder.problem for folder in folders if folder.problem}
    students = {folder.student for folder in folders}
    students = sorted(students | _folders(course.autograded) | _registered(course))
    if not students:
        raise Problem(
            f"no students: nothing in {course.submitted} and nobody in the gradebook; "
            "put submissions there as STUDENT/CHAPTER/CHAPTER.ipynb"
        )
    places = {}
    for student in students:
        handed_in = HandedIn(course.submitted, student)
        for chapter in chapters:
            refused = _refused(student, chapter, problems)
            place = refused or _place(course, handed_in, student, chapter)
            places[student, chapter.name] = place
    course_id = str(course.config.CourseDirectory.course_id)
    return ClassResults(course_id, chapters, students, places)


def _folders(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    names = (path.name for path in folder.iterdir() if path.is_dir())
    return {name for name in names if not name.startswith(".")}


def _registered(course) -> set[str]:
    """The students that the gradebook knows; none where there is no gradebook yet."""
    file = database_file(course)
    if file is not None and not file.is_file():
        return set()
    with ClassGradebook(course) as gradebook:
        return gradebook.students()


def _refused(student, chapter, problems) -> Place | None:
    """The place of a student whose folder counts for nobody."""
    if student not in problems:
        return None
    return Place(student, chapter, is_submitted=True, problem=problems[student])


def _place(course, handed_in, student, chapter) -> Place:
    record = records.read(course.autograded / student / chapter.name)
    try:
        found = handed_in.find(chapter.name)
        is_old = _is_old(record, found, chapter)
        if found and (record is None or is_old):
            found.read()  # what was graded as it is could be read then
    except Unreadable as problem:
        # what an earlier, readable submission got is no longer true
        return Place(student, chapter, is_submitted=True, problem=str(problem))
    if record is None:
        return Place(student, chapter, is_submitted=found is not None)
    return Place(
        student,
        chapter,
        is_submitted=found is not None,
        record=record,
        is_old=is_old,
        link=_link(course, student, chapter),
    )


def _is_old(record, found, chapter):
    """Whether what was handed in, the chapter or the grader has changed since."""
    # plain nbgrader keeps no key
    if record is None or found is None or not record.key:
        return False
    return record.key != key_of(found.digest, chapter.version)


def _link(course, student, chapter):
    page = course.feedback / student / chapter.name / f"{chapter.name}.html"
    if not page.is_file():
        return ""
    parts = Path(os.path.relpath(page, course.report.parent)).parts
    return "/".join(quote(os.fsencode(part)) for part in parts)
