"""Grading the known notebooks with many seeds and saying what is unfair."""

import os
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from autograder.checking.verdict import ERROR, LIMIT, NOT_ATTEMPTED, PASSED, Verdict
from autograder.course.chapter import Chapter
from autograder.course.layout import Course
from autograder.grading.run import calls_of
from autograder.sandbox.notebook_run import Called, run_notebook
from autograder.sandbox.walls import Walls
from autograder.verify import sizes
from autograder.verify.subjects import (
    ALTERNATIVE,
    MISCONCEPTION,
    REFERENCE,
    STUB,
    Subject,
    subjects_of,
)

# the cases of so many seeds are held at a time, with all answers to them
SEEDS_AT_ONCE = 5
ENOUGH = {False: (3, 2), True: (2, 1)}


@dataclass
class ExerciseReport:
    """What was proved about one exercise, and what is unfair.

    skipped: its variants were left out, since it trains a model and time was short.
    """

    chapter: str
    exercise: str
    cases: int = 0
    misconceptions: int = 0
    rejected: int = 0
    alternatives: int = 0
    accepted: int = 0
    reference: bool = False
    stub: bool = False
    complaints: list[str] = field(default_factory=list)
    skipped: bool = False

    @property
    def is_fair(self) -> bool:
        return not self.complaints


def verify_chapter(
    course: Course,
    chapter: Chapter,
    seeds,
    workers: int | None = None,
    walls: Walls | None = None,
    quick: bool = False,
) -> Iterator[ExerciseReport | None]:
    """Grade every subject with every seed; quick as for `subjects_of`.

    Yields None as each subject is graded with some of the seeds (`count_gradings` says
    how often) and at the end one report an exercise.
    """
    seeds = list(seeds)
    reports = {name: _inspected(chapter, name, seeds) for name in chapter.exercises}
    for name, exercise in chapter.exercises.items():
        reports[name].skipped = quick and exercise.trains
    subjects = list(subjects_of(course, chapter, quick))
    verdicts = [defaultdict(list) for _ in subjects]
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for start in _batches(seeds):
            cases = _cases(chapter, seeds, start)
            waiting = {
                pool.submit(_grade, chapter, subject, cases, walls): found
                for subject, found in zip(subjects, verdicts, strict=True)
            }
            for future in as_completed(waiting):
                for name, given in future.result().items():
                    waiting[future][name] += given
                yield None
    for subject, found in zip(subjects, verdicts, strict=True):
        for name in found:
            _note(reports[name], subject, found[name], chapter)
    yield from reports.values()


def count_gradings(chapter: Chapter, seeds, quick: bool = False) -> int:
    """How many notebooks `verify_chapter` grades."""
    exercises = [e for e in chapter.exercises.values() if not (quick and e.trains)]
    variants = sum(len(e.misconceptions) + len(e.alternatives) for e in exercises)
    return (2 + variants) * len(_batches(seeds))


def _batches(seeds):
    """Where each batch of seeds begins."""
    return range(0, len(seeds), SEEDS_AT_ONCE)


def _cases(chapter, seeds, start):
    """The cases of one batch of seeds: by exercise, a list a seed."""
    cases = {}
    for name, exercise in chapter.exercises.items():
        batch = seeds[: exercise.seeds][start : start + SEEDS_AT_ONCE]
        if batch:
            cases[name] = [chapter.cases(name, seed) for seed in batch]
    return cases


# --- what can be said without running anything ----------------------------------


def _inspected(chapter, name, seeds):
    exercise = chapter.exercises[name]
    report = ExerciseReport(chapter.name, name)
    report.misconceptions = len(exercise.misconceptions)
    report.alternatives = len(exercise.alternatives)
    wrong, right = ENOUGH[exercise.simple]
    if report.misconceptions < wrong:
        report.complaints.append(f"fewer than {wrong} misconceptions")
    if report.alternatives < right:
        report.complaints.append(f"fewer than {right} alternatives")
    measured = {
        "memory": exercise.memory is not None,
        "time": exercise.size_maker is not None,
    }
    for cost, is_measured in measured.items():
        if is_measured != bool(chapter.cost_sentence(name, cost)):
            report.complaints.append(
                f"{cost} is measured if and only if a misconception has cost={cost!r}"
            )
    found = {}
    for seed in seeds:  # one at a time: inputs may be large
        cases = chapter.draw(name, seed)
        report.cases = report.cases or len(cases)
        found |= dict.fromkeys(sizes.complaints(exercise, cases))
    report.complaints += [f"sizes: {text}" for text in found]
    return report


# --- what grading says ----------------------------------------------------------


def _grade(chapter, subject: Subject, cases, walls) -> dict[str, list[Verdict]]:
    """The verdicts on a subject: by exercise, one a seed."""
    calls = {}
    judged = [name for name in subject.exercises if name in cases]
    asked = {n: [case for drawn in cases[n] for case in drawn] for n in judged}
    for name in judged:
        sizes = chapter.sizes(name, 0)
        exercise = chapter.exercises[name]
        calls[name] = calls_of(exercise, asked[name], sizes, times=len(cases[name]))
    run = run_notebook(subject.cells, calls, walls)
    verdicts = {}
    for name in judged:
        called = run.called.get(name, Called(no_probe=True))
        if called.gone or called.no_probe:
            verdicts[name] = [_not_run(chapter, name, run, called)]
            continue
        if called.is_missing:
            answered = called.answered(asked[name])
            verdicts[name] = [chapter.decide(name, answered, called.answers)]
            continue
        answers = iter(called.answers)
        verdicts[name] = [
            chapter.decide(name, drawn, [next(answers) for _ in drawn], called.growth)
            for drawn in cases[name]
        ]
    return verdicts


def _not_run(chapter, name, run, called):
    raised = [r.raised for r in run.cells.values() if r.raised]
    why = called.gone or (raised[0].message if raised else "no probe")
    outcome = LIMIT if called.gone == "limit" else ERROR
    sentence = chapter.cost_sentence(name, "memory") if outcome == LIMIT else ""
    points = chapter.exercises[name].points
    return Verdict(name, outcome, points, f"did not run: {why}", sentence)


def _note(report, subject, verdicts, chapter):
    if subject.kind == REFERENCE:
        report.reference = _all_passed(report, "the reference", verdicts)
    elif subject.kind == ALTERNATIVE:
        what = f"the alternative {subject.name}"
        report.accepted += _all_passed(report, what, verdicts)
    elif subject.kind == STUB:
        report.stub = all(v.outcome == NOT_ATTEMPTED for v in verdicts)
        if not report.stub:
            report.complaints.append(f"the stub is graded {verdicts[0].outcome!r}")
    elif subject.kind == MISCONCEPTION:
        complaint = _not_rejected(subject.name, verdicts, chapter, report.exercise)
        report.rejected += not complaint
        report.complaints += [complaint] * bool(complaint)


def _all_passed(report, what, verdicts):
    failed = [verdict for verdict in verdicts if verdict.outcome != PASSED]
    if failed:
        first = failed[0]
        words = " ".join((first.message, first.detail, first.note)).strip()
        report.complaints.append(
            f"{what} fails with {len(failed)} of {len(verdicts)} seeds: {words}"
        )
    return not failed


def _not_rejected(name, verdicts, chapter, exercise):
    """Why a misconception is not rejected with its own sentence, "" where it is."""
    wrong = chapter.exercises[exercise].misconceptions
    sentence = next(v.sentence for v in wrong if v.name == name)
    for verdict in verdicts:
        if verdict.outcome == PASSED:
            return f"the misconception {name} passes"
        told = (verdict.sentence, verdict.message)
        if verdict.misconception != name and not any(sentence in t for t in told):
            said = verdict.misconception or verdict.message
            return f"the misconception {name} is told {said!r} instead of its sentence"
    return ""
