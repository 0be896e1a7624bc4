"""docs/coverage.md says where the course shows what the lecture says; it is true."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from autograder.course.layout import Course

ROOT = Path(__file__).resolve().parents[2]
COURSE = Course.find(ROOT)
HEAD = "| topic | paper | page | exercises | figure |"
AFTER_THE_LECTURE = ("ch15_project",)


def table():
    lines = (ROOT / "docs/coverage.md").read_text(encoding="utf-8").splitlines()
    begin = lines.index(HEAD) + 2
    for line in lines[begin:]:
        if not line.startswith("|"):
            return
        topic, paper, *codes = (cell.strip() for cell in line.strip("|").split("|"))
        page, exercises, figure = (re.findall(r"`([^`]+)`", code) for code in codes)
        yield SimpleNamespace(
            topic=topic, paper=paper, page=page[0], exercises=exercises, figure=figure
        )


ROWS = list(table())


def bibliography():
    """The key of each arXiv number in the bibliography."""
    text = (ROOT / "book/references.bib").read_text(encoding="utf-8")
    entries = re.split(r"^@", text, flags=re.MULTILINE)[1:]
    numbers = {}
    for entry in entries:
        key = re.match(r"\w+\{([^,]+),", entry)[1]
        if number := re.search(r"(\d{4}\.\d{4,5})", entry):
            numbers[number[1]] = key
    return numbers


@pytest.mark.parametrize("row", ROWS, ids=[row.topic for row in ROWS])
def test_a_row_is_true(row):
    page = (ROOT / f"book/{row.page}.md").read_text(encoding="utf-8")
    assert row.exercises and len(row.figure) == 1
    assert set(row.exercises) <= set(COURSE.chapters[row.page].exercises)
    assert f"name: {row.figure[0]}\n" in page
    if row.paper:
        assert re.search(rf"\{{cite:\w+\}}`[^`]*\b{bibliography()[row.paper]}\b", page)


def test_every_exercise_has_a_row():
    shown = {(row.page, name) for row in ROWS for name in row.exercises}
    graded = {
        (chapter.name, name)
        for chapter in COURSE.chapters.values()
        if chapter.name not in AFTER_THE_LECTURE
        for name in chapter.exercises
    }
    assert shown == graded


def test_the_lectures_papers_are_all_there():
    named = {
        *("1409.0473", "1706.03762", "1803.02155", "1805.08318", "1810.04805"),
        *("1911.03584", "2003.09229", "2005.12872", "2006.16236", "2010.11929"),
        *("1710.10903", "2009.06732", "2011.04006"),
    }
    assert named <= {row.paper for row in ROWS}
