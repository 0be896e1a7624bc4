"""One grading run: the seed, the hidden cases drawn from it, the pristine notebooks."""

import secrets
from dataclasses import dataclass, field
from functools import cached_property

from autograder.course.chapter import PUBLIC_SEED, Chapter
from autograder.course.layout import Course
from autograder.course.release import stub_notebook


@dataclass
class GradingRun:
    """What all submissions of a run share.

    seed: hidden cases are drawn from it, the same for all students; it is recorded
    with every result and never leaves the trusted side.
    """

    course: Course
    seed: int = field(default_factory=lambda: secrets.randbits(32))

    def __post_init__(self):
        self._by_chapter = {}

    def of(self, chapter: Chapter) -> "ChapterRun":
        """The run of one chapter, its cases drawn once."""
        if chapter.name not in self._by_chapter:
            self._by_chapter[chapter.name] = ChapterRun(self.course, chapter, self.seed)
        return self._by_chapter[chapter.name]


@dataclass
class ChapterRun:
    """One chapter in a run."""

    course: Course
    chapter: Chapter
    seed: int

    @cached_property
    def pristine(self):
        """The released notebook: stubs, probes, texts."""
        return stub_notebook(self.course, self.chapter)

    @cached_property
    def hidden(self):
        """The hidden cases by exercise."""
        return {n: self.chapter.cases(n, self.seed) for n in self.chapter.exercises}

    @cached_property
    def public(self):
        """The public cases by exercise: shown in full when an answer fails them."""
        return {n: self.chapter.cases(n, PUBLIC_SEED) for n in self.chapter.exercises}
