"""What a report was made from: drawing a large class again would take a while."""

import hashlib
import json

from autograder import __version__
from autograder.course.layout import Course
from autograder.grading.gradebook import ClassGradebook

HEAD = 1_000  # characters of the page that say what it was made from


def state_of(course: Course, chapters, entries) -> str:
    """The state of a class after a run with these entries, as one short string."""
    with ClassGradebook(course) as gradebook:
        students = sorted(gradebook.students())
    told = [
        (e.student, e.chapter, e.problem, e.record and (e.record.key, e.record.seed))
        for e in sorted(entries, key=lambda e: (e.student, e.chapter))
    ]
    versions = [(chapter.name, chapter.version) for chapter in chapters]
    state = json.dumps([__version__, students, versions, told])
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def is_made_from(course: Course, state: str) -> bool:
    """Whether there is a report, and of this very state of the class."""
    try:
        with course.report.open(encoding="utf-8") as page:
            return f'name="made-from" content="{state}"' in page.read(HEAD)
    except (OSError, UnicodeDecodeError):
        return False
