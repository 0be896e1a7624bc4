"""How long ``check`` takes in the notebook: first and second call of every exercise.

The reference solutions, and the first misconception of each exercise, are checked as a
student's kernel would do it; not where a check trains a model.
"""

import contextlib
import io
import os
import statistics
import time

from measuring import ROOT, bars, parser_for, report

from autograder import check
from autograder.course.layout import Course

REPEATS = 7


def main():
    """Measure every exercise and print what was measured."""
    options = parser_for(__doc__, "two chapters").parse_args()
    course = Course.find(ROOT)
    picture = options.picture and options.picture.absolute()
    chapters = list(course.chapters.values())[: 2 if options.quick else None]
    rows = [row for chapter in chapters for row in measure(course, chapter)]
    columns = ("first", "median", "slowest", "wrong")
    lines = [f"{'exercise':28}" + "".join(f"{name + ', ms':>13}" for name in columns)]
    for row in rows:
        numbers = "".join(f"{row[name + '_ms']:13.1f}" for name in columns)
        lines.append(f"{row['exercise']:28}{numbers}")
    medians = [row["median_ms"] for row in rows]
    lines.append(f"{'median of all':28}{'':13}{statistics.median(medians):13.1f}")
    options.picture = picture  # measuring changes the folder
    report(options, {"exercises": rows}, "\n".join(lines), draw)


def draw(result):
    """The median of each exercise."""
    rows = result["exercises"]
    names = [row["exercise"] for row in rows]
    bars(names, [row["median_ms"] for row in rows], "milliseconds of a check")


def measure(course, chapter):
    """Yield a row an exercise: the first call, later ones, those of a wrong answer."""
    os.chdir(course.notebooks / chapter.name)
    for name, exercise in chapter.exercises.items():
        if exercise.trains:  # its check trains a model
            continue
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
