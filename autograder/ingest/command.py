"""``autograder collect``: what was taken, what was refused, and why."""

import re
from collections import Counter

from autograder.cli import EXIT_OK, EXIT_PROBLEM
from autograder.course.layout import Course
from autograder.grading.texts import clean
from autograder.ingest.collect import NEW, REFUSED, REPLACED, SAME, collect
from autograder.problems import Problem
from autograder.terminal import console


def collect_command(course: Course, options) -> int:
    """Collect as the options say; print what became of each notebook."""
    pattern = _pattern(options.pattern)
    collected = list(collect(course, options.sources, pattern))
    counts = Counter(one.state for one in collected)
    for one in sorted(collected, key=lambda c: (c.state != REFUSED, c.student, c.path)):
        where = f"{one.student}, {one.chapter}" if one.student else ""
        words = f"{one.state}: {clean(one.path, 300)}"
        if one.problem:
            console().print(f"{words}: {clean(one.problem, 500)}")
        elif one.state != SAME:
            console().print(f"{words} -> {clean(where, 200)}")
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    console().print(f"{course.submitted}: {said or 'no notebooks found'}")
    taken = counts[NEW] + counts[REPLACED] + counts[SAME]
    return EXIT_OK if taken else EXIT_PROBLEM


def _pattern(text):
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise Problem(f"--pattern {text!r} is no regular expression: {error}") from None
    if "student" not in pattern.groupindex:
        raise Problem(f"--pattern {text!r} has no group (?P<student>...)")
    return pattern
