"""How long ``check`` takes in the notebook: first and second call of every exercise.

The reference solutions are checked as a student's kernel would do it. Prints a table,
or JSON with --json; nothing is asserted, since the clock of a shared machine is noisy.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import time
from pathlib import Path

from autograder import check
from autograder.course.layout import Course

REPEATS = 7


def main():
    """Measure every exercise and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    course = Course.find(Path(__file__))
    rows = [
        row for chapter in course.chapters.values() for row in measure(course, chapter)
    ]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'exercise':32}{'first, ms':>12}{'second, ms':>12}{'slowest, ms':>12}")
    for row in rows:
        print(
            f"{row['exercise']:32}{row['first_ms']:12.1f}{row['median_ms']:12.1f}"
            f"{row['slowest_ms']:12.1f}"
        )


def measure(course, chapter):
    """Yield a row an exercise: first call, median and slowest of the later ones."""
    os.chdir(course.notebooks / chapter.name)
    for name in chapter.exercises:
        probe = chapter.reference.probe(name)
        first, *later = (_milliseconds(name, probe) for _ in range(REPEATS + 1))
        yield {
            "exercise": name,
            "first_ms": first,
            "median_ms": statistics.median(later),
            "slowest_ms": max(later),
        }


def _milliseconds(name, probe):
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        check(name, probe)
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
