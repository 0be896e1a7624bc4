"""How long ``check`` takes in the notebook: first and second call of every exercise.

The reference solutions, and the first misconception of each exercise, are checked as a
student's kernel would do it. Prints a table, or JSON with --json; nothing is asserted,
since the clock of a shared machine is noisy.
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
    columns = ("first", "median", "slowest", "wrong")
    print(f"{'exercise':28}" + "".join(f"{name + ', ms':>13}" for name in columns))
    for row in rows:
        numbers = "".join(f"{row[name + '_ms']:13.1f}" for name in columns)
        print(f"{row['exercise']:28}{numbers}")


def measure(course, chapter):
    """Yield a row an exercise: the first call, later ones, those of a wrong answer."""
    os.chdir(course.notebooks / chapter.name)
    for name, exercise in chapter.exercises.items():
        probe = chapter.reference.probe(name)
        first, *later = (_milliseconds(name, probe) for _ in range(REPEATS + 1))
        wrong = chapter.reference.probe(name, exercise.misconceptions[0])
        yield {
            "exercise": name,
            "first_ms": first,
            "median_ms": statistics.median(later),
            "slowest_ms": max(later),
            "wrong_ms": statistics.median(
                _milliseconds(name, wrong) for _ in range(REPEATS)
            ),
        }


def _milliseconds(name, probe):
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(AssertionError):
        check(name, probe)
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
