"""The class in a terminal, wide or narrow: nothing is cut off."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from autograder.grading.class_table import class_tables

CHAPTERS = [
    SimpleNamespace(name=f"ch{number:02}_subject", points=number + 9)
    for number in range(1, 16)
]
STUDENTS = ("ada", "a student with a long name")


def entry(student, chapter, score):
    record = SimpleNamespace(score=score, is_complete=True)
    return SimpleNamespace(
        student=student, chapter=chapter.name, record=record, problem=""
    )


@pytest.fixture
def entries():
    return [
        entry(student, chapter, 100.0 + number)
        for student in STUDENTS
        for number, chapter in enumerate(CHAPTERS)
    ]


def printed(entries, width):
    console = Console(file=io.StringIO(), width=width, soft_wrap=True)
    tables = class_tables(CHAPTERS, entries, width)
    for table in tables:
        console.print(table)
    return len(tables), console.file.getvalue()


def test_a_wide_terminal_has_one_table(entries):
    count, text = printed(entries, 200)
    assert count == 1
    assert "1605" in text


@pytest.mark.parametrize("width", [50, 80, 100])
def test_a_narrow_one_has_several_and_shows_every_number(entries, width):
    count, text = printed(entries, width)
    assert count > 1
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for number in range(15):
        assert text.count(f"{100 + number}") >= 2
    assert text.count("1605") == 2


def test_what_is_missing_is_said(entries):
    entries[0].problem = "not JSON"
    entries[1].record = None
    entries[2].record.is_complete = False
    _, text = printed(entries, 80)
    for words in ("unreadable", "–", "not graded"):
        assert words in text


def test_a_large_class_has_a_row_for_each_chapter():
    entries = [
        entry(f"student {number}", chapter, float(number % 2))
        for number in range(100)
        for chapter in CHAPTERS
    ]
    entries[0].problem, entries[0].record = "not JSON", None
    entries[15].record.is_complete = False
    entries[30].record = None
    count, text = printed(entries, 100)
    assert count == 1 and "student 7" not in text
    first, second, *_ = (line for line in text.splitlines() if "_subject" in line)
    assert first.split() == ["ch01_subject", "99", "1", "1", "0.5", "10"]
    assert second.split() == ["ch02_subject", "100", "0", "0", "0.5", "11"]
