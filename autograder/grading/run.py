"""One grading run: the seed, the hidden cases drawn from it, the pristine notebooks."""

import secrets
from dataclasses import dataclass, field
from functools import cached_property

from autograder.checking.exercise import Exercise
from autograder.course.chapter import Chapter
from autograder.course.layout import Course
from autograder.course.release import stub_notebook
from autograder.sandbox.fork_walls import forking
from autograder.sandbox.notebook_run import MAX_ANSWERS, Calls
from autograder.sandbox.walls import Walls


@dataclass
class GradingRun:
    """What all submissions of a run share.

    seed: hidden cases are drawn from it, the same for all students; it is recorded
    with every result and never leaves the trusted side. walls: what stands around each
    process that runs student code. only: the exercises to grade again where everything
    else of a result still holds, None for all.
    """

    course: Course
    seed: int = field(default_factory=lambda: secrets.randbits(32))
    walls: Walls = field(default_factory=forking)
    only: frozenset[str] | None = None

    def __post_init__(self):
        self._by_chapter = {}

    def of(self, chapter: Chapter) -> "ChapterRun":
        """The run of one chapter, its cases drawn once."""
        if chapter.name not in self._by_chapter:
            self._by_chapter[chapter.name] = ChapterRun(
                self.course, chapter, self.seed, self.walls
            )
        return self._by_chapter[chapter.name]


@dataclass
class ChapterRun:
    """One chapter in a run."""

    course: Course
    chapter: Chapter
    seed: int
    walls: Walls

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
        """The public cases by exercise: shown in full when an answer fails them.

        Where a judge goes by behaviour alone there is no value to show.
        """
        return {
            name: [] if exercise.judges_alone else self.chapter.public_cases(name)
            for name, exercise in self.chapter.exercises.items()
        }

    @cached_property
    def hidden_calls(self):
        """What decides: each exercise's hidden cases, and its sizes to compare."""
        return {
            name: calls_of(exercise, self.hidden[name], self._sizes(name))
            for name, exercise in self.chapter.exercises.items()
        }

    @cached_property
    def public_calls(self):
        """What may be shown: each exercise's public cases."""
        return {
            name: calls_of(exercise, self.public[name])
            for name, exercise in self.chapter.exercises.items()
        }

    def _sizes(self, name):
        return self.chapter.sizes(name, self.seed)


def calls_of(exercise: Exercise, cases, sizes=None, times: int = 1) -> Calls:
    """What is asked of a probe; `times` gradings at once have that much more time."""
    return Calls(
        [case.inputs for case in cases],
        exercise.seconds * times,
        None if exercise.memory is None else exercise.memory * 2**20,
        sizes,
        MAX_ANSWERS * times,
    )
