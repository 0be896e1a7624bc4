"""What the sample class deserves, and what nbgrader's gradebook says it got."""

import csv
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = json.loads((ROOT / "sample_class" / "expected.json").read_text())
PLACES = [(s, c) for s, chapters in EXPECTED.items() for c in chapters]


def run_nbgrader(course, *arguments, may_fail=False):
    """Run plain nbgrader in the course, as an instructor would."""
    command = [str(Path(sys.executable).parent / "nbgrader"), *arguments]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
    assert may_fail or done.returncode == 0, done.stderr[-3000:]
    return done


def exported_scores(course):
    """{(student, chapter): score} as nbgrader exports them."""
    run_nbgrader(course, "export")
    with (course.root / "grades.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {(r["student_id"], r["assignment"]): float(r["score"]) for r in rows}


def assert_as_expected(scores, left_out=()):
    """The whole table, so that two that pass are the same; 0 for what is not there.

    left_out: places whose submission was taken away.
    """
    chapters = {chapter for _, chapter in PLACES}
    for student, deserved in EXPECTED.items():
        for chapter in chapters:
            points = deserved.get(chapter, 0)
            is_nothing = points == "unreadable" or (student, chapter) in left_out
            points = 0 if is_nothing else points
            assert scores.pop((student, chapter)) == points, (student, chapter)
    assert scores == {}
