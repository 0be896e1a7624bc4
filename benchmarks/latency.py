"""How long one submission takes, from its notebook to its written feedback.

Cold is a whole command, with all imports and the drawing of cases; warm is one more
submission in a run that goes on. The right answers of the sample class are graded, in a
temporary class. Chapters that train are left out: there the student's training counts.
"""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from measuring import AUTOGRADER, ROOT, Run, bars, parser_for, report

from autograder.course.layout import Course
from autograder.course.release import release
from autograder.grading.classroom import grade_class
from autograder.grading.run import GradingRun

STUDENT = "all_right"


def main():
    """Measure every chapter and print what was measured."""
    parser = parser_for(__doc__, "two chapters")
    parser.add_argument("--repeats", type=int, default=5, help="of the warm one (5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            ROOT / "sample_class" / "submitted" / STUDENT,
            Path(folder) / "submitted" / STUDENT,
        )
        course = Course.find(ROOT, Path(folder))
        chapters = [c for c in course.chapters.values() if not trains(c)]
        chapters = chapters[:2] if options.quick else chapters
        rows = [measure(course, chapter, options.repeats) for chapter in chapters]
    lines = [f"{'chapter':20}{'cold, s':>10}{'warm, s':>10}"]
    for row in rows:
        lines.append(f"{row['chapter']:20}{row['cold_s']:10.2f}{row['warm_s']:10.2f}")
    report(options, {"chapters": rows}, "\n".join(lines), draw)


def trains(chapter) -> bool:
    """Whether one of its exercises is to train a model."""
    return any(exercise.trains for exercise in chapter.exercises.values())


def measure(course, chapter, repeats):
    """The seconds of a chapter: a cold command, and the median of warm submissions."""
    release(course, chapter)
    command = [*AUTOGRADER, "grade", chapter.name, "--course", ROOT]
    cold = Run([*command, "--class", course.class_dir]).wall
    run = GradingRun(course)
    warm = [_seconds(run, chapter) for _ in range(repeats + 1)][1:]
    return {"chapter": chapter.name, "cold_s": cold, "warm_s": statistics.median(warm)}


def _seconds(run, chapter):
    begin = time.perf_counter()
    (entry,) = grade_class(run, [chapter], [STUDENT], force=True)
    assert entry.record.score == chapter.points, entry
    return time.perf_counter() - begin


def draw(result):
    """Warm submissions by chapter."""
    rows = result["chapters"]
    names = [row["chapter"] for row in rows]
    bars(names, [row["warm_s"] for row in rows], "seconds, one more submission")


if __name__ == "__main__":
    main()
