"""The sample class gets what it deserves, from `autograder grade` and from nbgrader."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.apps.api import NbGraderAPI

from autograder.cli import main
from autograder.grading import record as records

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = json.loads((ROOT / "sample_class" / "expected.json").read_text())
BY_COMMANDS = "ch04_softmax"
PLACES = [(s, c) for s, chapters in EXPECTED.items() for c in chapters]


@pytest.fixture(scope="module")
def graded(copied_course):
    """The sample class after `autograder grade`, and what it printed."""
    output = copied_course.root / "output.txt"
    with output.open("w") as file:
        command = [sys.executable, "-m", "autograder.cli", "grade"]
        done = subprocess.run(
            [*command, "--course", copied_course.root],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "160"},
        )
    assert done.returncode == 0
    return copied_course, output.read_text()


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


def assert_as_expected(scores):
    for student, chapter in PLACES:
        deserved = EXPECTED[student][chapter]
        points = 0 if deserved == "unreadable" else deserved
        assert scores.get((student, chapter), 0.0) == points, (student, chapter)


def test_class_is_complete():
    assert len(EXPECTED) >= 8
    submitted = ROOT / "sample_class" / "submitted"
    found = {(p.parts[-3], p.parts[-2]) for p in submitted.glob("*/*/*.ipynb")}
    assert found == set(PLACES)


def test_autograder_gives_the_expected_table(graded):
    course, _ = graded
    assert_as_expected(exported_scores(course))


def test_records_say_the_same(graded):
    course, _ = graded
    for student, chapter in PLACES:
        record = records.read(course.autograded / student / chapter)
        if EXPECTED[student][chapter] == "unreadable":
            assert record is None
        else:
            assert record.score == EXPECTED[student][chapter], (student, chapter)


def test_broken_json_is_named(graded):
    _, output = graded
    assert "unreadable" in output
    assert "broken_json, ch04_softmax: ch04_softmax.ipynb: not valid JSON at" in output


def test_a_second_run_grades_nothing(graded, capsys):
    course, _ = graded
    assert main(["grade", "--course", str(course.root)]) == 0
    assert "graded 0;" in capsys.readouterr().out


def test_mistakes_are_named(graded):
    course, _ = graded
    for name, chapter in course.chapters.items():
        if next(iter(chapter.exercises.values())).trains:  # left as the stub
            continue
        record = records.read(course.autograded / "first_mistakes" / name)
        first = record.verdicts[0]
        assert first.score == 0 and first.sentence, (name, first)


def test_untouched_is_not_attempted(graded):
    course, _ = graded
    for chapter in course.chapters:
        record = records.read(course.autograded / "untouched" / chapter)
        assert {v.outcome for v in record.verdicts} == {"not attempted"}


def test_feedback_and_report_are_written(graded):
    course, output = graded
    for student, chapter in PLACES:
        page = course.feedback / student / chapter / f"{chapter}.html"
        assert page.exists() == (EXPECTED[student][chapter] != "unreadable")
    assert str(course.report) in output
    assert "all_right" in course.report.read_text()


def by_commands(course, chapter):
    """Grade a chapter as an instructor types it."""
    run_nbgrader(course, "generate_assignment", chapter, "--force")
    # nbgrader ends with 1 where a submission is not JSON, after grading all others
    broken = "unreadable" in [row.get(chapter) for row in EXPECTED.values()]
    done = run_nbgrader(course, "autograde", chapter, may_fail=broken)
    assert ("for student 'broken_json'" in done.stderr) == broken
    run_nbgrader(course, "generate_feedback", chapter)


def by_api(api, chapter):
    """The same as formgrader does it, without a start of Python for each step."""
    steps = (
        lambda: api.generate_assignment(chapter, force=True),
        lambda: api.autograde(chapter, "*"),
        lambda: api.generate_feedback(chapter),
    )
    for step in steps:
        done = step()
        assert done["success"], done


def test_plain_nbgrader_gives_the_same_scores(graded):
    course, _ = graded
    ours = exported_scores(course)
    for folder in (course.autograded, course.feedback):
        shutil.rmtree(folder)
    (course.source.parent / "gradebook.db").unlink()
    api = NbGraderAPI(config=course.config)
    for chapter in course.chapters:
        if chapter == BY_COMMANDS:
            by_commands(course, chapter)
        else:
            by_api(api, chapter)
    theirs = exported_scores(course)
    assert theirs == ours
    assert_as_expected(theirs)
    page = course.feedback / "first_mistakes" / BY_COMMANDS / f"{BY_COMMANDS}.html"
    assert "of" in page.read_text() and "public_cases" not in page.read_text()
