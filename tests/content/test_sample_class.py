"""The sample class gets what it deserves, from `autograder grade`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sample_scores import EXPECTED, PLACES, assert_as_expected, exported_scores

from autograder.cli import main
from autograder.grading import record as records

ROOT = Path(__file__).resolve().parents[2]


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
