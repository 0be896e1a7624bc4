"""How long one submission takes, from its notebook to its written feedback.

Cold is a whole command, with all imports and the drawing of cases; warm is one more
submission in a run that goes on. The right answers of the sample class are graded, in a
temporary class. Nothing is asserted, since the clock of a shared machine is noisy.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograder.course.layout import Course
from autograder.grading.classroom import grade_class
from autograder.grading.run import GradingRun
from autograder.sandbox.machine import walls_for

ROOT = Path(__file__).resolve().parents[1]
STUDENT = "all_right"


def main():
    """Measure every chapter and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--repeats", type=int, default=5, help="of the warm one (5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            ROOT / "sample_class" / "submitted" / STUDENT,
            Path(folder) / "submitted" / STUDENT,
        )
        course = Course.find(ROOT, Path(folder))
        rows = [measure(course, c, options.repeats) for c in course.chapters.values()]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'chapter':20}{'cold, s':>10}{'warm, s':>10}")
    for row in rows:
        print(f"{row['chapter']:20}{row['cold_s']:10.2f}{row['warm_s']:10.2f}")


def measure(course, chapter, repeats):
    """The seconds of a chapter: a cold command, and the median of warm submissions."""
    command = [sys.executable, "-m", "autograder.cli", "grade", chapter.name]
    command += ["--class", str(course.class_dir), "--course", str(ROOT)]
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    cold = time.perf_counter() - begin
    run = GradingRun(course, walls=walls_for(True))
    warm = [_seconds(run, chapter) for _ in range(repeats + 1)][1:]
    return {"chapter": chapter.name, "cold_s": cold, "warm_s": statistics.median(warm)}


def _seconds(run, chapter):
    begin = time.perf_counter()
    (entry,) = grade_class(run, [chapter], [STUDENT], force=True)
    assert entry.record.score == chapter.points, entry
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
