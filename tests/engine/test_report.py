"""The class report, written over classes whose records are made by hand."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from autograder.checking.verdict import ERROR, NOT_ATTEMPTED, PASSED, WRONG, Verdict
from autograder.course.layout import Course
from autograder.grading import record as records
from autograder.grading.gradebook import ClassGradebook
from autograder.grading.record import Record, key_of
from autograder.grading.report import write_report
from autograder.grading.report_figures import NAME_WIDTH, fit
from autograder.problems import Problem

ROOT = Path(__file__).parents[2]
CHAPTER = "ch01_sample"
SECOND = "ch02_sample"
NOTEBOOK = b'{"cells": []}'
COLUMNS = "You normalised the columns; each row must sum to 1."
SECTIONS = [*"summary distribution map rates misconceptions missing".split()]
SECTIONS += ["unreadable", "ungraded"]


class SampleClass:
    """A course in a temporary folder, to which submissions and records are added."""

    def __init__(self, root):
        shutil.copy(ROOT / "nbgrader_config.py", root)
        shutil.copytree(ROOT / "tests/sample_course/solutions", root / "solutions")
        self.course = Course.find(root)

    def submit(self, student, content=NOTEBOOK, chapter=CHAPTER):
        folder = self.course.submitted / student / chapter
        folder.mkdir(parents=True)
        (folder / f"{chapter}.ipynb").write_bytes(content)

    def grade(
        self, student, normalise, largest, chapter=CHAPTER, seed=7, old=False, **more
    ):
        """Hand in and record: an outcome each, or a whole verdict."""
        self.submit(student, chapter=chapter)
        digest = "another" if old else hashlib.sha256(NOTEBOOK).hexdigest()
        verdicts = [
            outcome if isinstance(outcome, Verdict) else Verdict(name, outcome, points)
            for name, outcome, points in (
                ("normalise", normalise, 3),
                ("largest", largest, 2),
            )
        ]
        folder = self.course.autograded / student / chapter
        folder.mkdir(parents=True)
        key = key_of(digest, self.course.chapters[chapter].version)
        records.write(folder, Record(student, chapter, key, seed, verdicts, **more))

    def publish(self, student, chapter=CHAPTER):
        folder = self.course.feedback / student / chapter
        folder.mkdir(parents=True)
        (folder / f"{chapter}.html").write_text("feedback")

    def page(self, chapters=()):
        path = write_report(self.course, self.course.choose(chapters))
        return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture
def sample(tmp_path):
    return SampleClass(tmp_path)


@pytest.fixture
def mixed(sample):
    """One of everything."""
    sample.grade("ada", PASSED, PASSED)
    sample.grade("bob", _misconceived(), NOT_ATTEMPTED)
    sample.grade("cem", _misconceived(), ERROR)
    sample.submit("dora", b"{broken")
    sample.submit("eve")
    sample.grade("finn", PASSED, Verdict("largest", "infrastructure", 2, "no worker"))
    (sample.course.submitted / "gus").mkdir()
    sample.publish("ada")
    return sample


def _misconceived(sentence=COLUMNS, name="down_the_columns"):
    return Verdict("normalise", WRONG, 3, "wrong", sentence, name)


def _text(node):
    return " ".join(node.get_text().split())


def _rows(page, section):
    found = page.select(f"#{section} tbody tr")
    return [[_text(cell) for cell in row.select("th, td")] for row in found]


def test_every_section_is_there(mixed):
    page = mixed.page()
    assert [section["id"] for section in page.select("section")] == SECTIONS
    links = {link["href"].lstrip("#") for link in page.select("nav a")}
    assert links == set(SECTIONS)
    assert "self-attention" in _text(page.h1)


def test_counts(mixed):
    page = mixed.page()
    names = "students chapters graded missing unreadable ungraded".split()
    counts = [_text(page.find(id=f"count-{name}")) for name in names]
    assert counts == ["7", "1", "3 of 7", "1", "1", "2"]


def test_seeds_and_versions_are_named(sample):
    sample.grade("ada", PASSED, PASSED, seed=7)
    sample.grade("bob", PASSED, PASSED, seed=12)
    header = _text(sample.page().header)
    assert "seeds 7, 12;" in header
    assert "graded by version" in header


def test_points_and_links(mixed):
    page = mixed.page()
    rows = {row[0]: row[1:] for row in _rows(page, "summary")}
    assert rows["ada"] == ["5", "5"]
    assert rows["bob"] == ["0", "0"]
    assert rows["dora"] == ["0", "unreadable"]
    assert rows["eve"] == ["≥ 0", "not graded"]
    assert rows["finn"] == ["≥ 3", "not graded"]
    assert rows["gus"] == ["0", "–"]
    links = [link["href"] for link in page.select("#summary td a")]
    assert links == [f"feedback/ada/{CHAPTER}/{CHAPTER}.html"]
    assert (mixed.course.report.parent / links[0]).is_file()


def test_misconceptions_are_counted_with_their_students(mixed):
    mixed.grade("hal", _misconceived("Another.", "by_the_total"), PASSED)
    section = mixed.page().find(id="misconceptions")
    rows = [[_text(cell) for cell in r.select("th, td")] for r in section("tr")[1:]]
    assert rows[0] == [f"normalise {CHAPTER}", COLUMNS, "2 of 5", "bob, cem"]
    assert rows[1][1:] == ["Another.", "1 of 5", "hal"]
    assert "3 of 4 wrong answers equal" in _text(section)


def test_many_names_fold(sample):
    for i in range(20):
        sample.grade(f"s{i:02}", _misconceived(), PASSED)
    details = sample.page().select_one("#misconceptions details")
    assert _text(details.summary) == "s00, s01, s02 and 17 more"
    assert [_text(name) for name in details("bdi")] == [f"s{i:02}" for i in range(20)]


def test_not_handed_in_is_listed(mixed):
    assert _rows(mixed.page(), "missing") == [[CHAPTER, "1 of 7", "gus"]]


def test_unreadable_is_listed_with_the_reason(mixed):
    (row,) = _rows(mixed.page(), "unreadable")
    assert row[:2] == ["dora", CHAPTER]
    assert "not valid JSON" in row[2]


def test_a_folder_without_the_notebook_is_unreadable(sample):
    folder = sample.course.submitted / "ada" / CHAPTER
    folder.mkdir(parents=True)
    (folder / "homework.docx").write_text("x")
    (row,) = _rows(sample.page(), "unreadable")
    assert "holds homework.docx" in row[2]


def test_left_ungraded_is_listed_with_the_reason(mixed):
    rows = _rows(mixed.page(), "ungraded")
    assert [row[0] for row in rows] == ["eve", "finn"]
    assert "not graded yet" in rows[0][2]
    assert rows[1][2] == "no worker"


def test_what_has_changed_since_is_marked(sample):
    sample.grade("ada", PASSED, PASSED, old=True)
    page = sample.page()
    assert "ada" in _text(page.find(id="old"))
    assert page.select_one("#summary td sup")


def test_our_failures_count_in_no_pass_rate(mixed):
    label = mixed.page().select_one("#rates svg")["aria-label"]
    assert "normalise 2 of 4, largest 1 of 3" in label


def test_students_of_the_gradebook_are_in_the_class(sample):
    sample.grade("ada", PASSED, PASSED)
    with ClassGradebook(sample.course) as gradebook:
        gradebook._gradebook.add_student("zoe")
    assert _rows(sample.page(), "missing") == [[CHAPTER, "1 of 2", "zoe"]]


def test_a_report_makes_no_gradebook(sample):
    sample.grade("ada", PASSED, PASSED)
    sample.page()
    assert not (sample.course.root / "class" / "gradebook.db").exists()


def test_a_class_without_students_is_a_problem(sample):
    with pytest.raises(Problem, match="no students"):
        sample.page()


def test_a_class_that_handed_in_nothing_has_a_page(sample):
    (sample.course.submitted / "ada").mkdir(parents=True)
    page = sample.page()
    assert [section["id"] for section in page.select("section")] == SECTIONS
    assert "Nothing is graded yet" in _text(page.header)


HOSTILE = [
    "<script>alert(1)<",
    '"><img src=x onerror=alert(1)>',
    r"$\frac{x$",
    'id="x" #010203',
    "李小龙",
    "\u202eevil\x1b[31m",
]


@pytest.mark.parametrize("student", HOSTILE)
def test_student_ids_are_text(sample, student):
    sample.grade(student, _misconceived(f"{student} {COLUMNS}"), PASSED)
    sample.publish(student)
    page = sample.page()
    assert not page(["script", "img", "iframe", "object", "link"])
    assert not any(name.startswith("on") for tag in page() for name in tag.attrs)
    expected = student.replace("\u202e", "\\u202e").replace("\x1b", "\\u001b")
    assert _text(page.select_one("#summary tbody bdi")) == expected
    assert fit(expected, NAME_WIDTH) in map(_text, page.select("#map svg text"))
    assert "\u202e" not in str(page) and "\x1b" not in str(page)


def test_the_page_asks_for_nothing_outside(mixed):
    page = mixed.page()
    policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "http://" not in str(page) and "https://" not in str(page)
    assert str(mixed.course.root) not in str(page)
    for tag in page(href=True):
        assert tag["href"].startswith(("#", "feedback/"))


def test_figures_have_words_and_their_own_ids(mixed):
    page = mixed.page()
    drawings = page("svg")
    assert len(drawings) == 3
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawings)
    ids = [tag["id"] for tag in page(id=True)]
    assert len(ids) == len(set(ids))
    used = {tag["href"].removeprefix("#") for tag in page("use")}
    assert used <= set(ids)


def test_outcomes_are_told_by_more_than_colour(mixed):
    legend = [_text(item) for item in mixed.page().select("#map .legend li")]
    assert [entry[0] for entry in legend] == ["p", *"WEN?U–"]
    assert legend[1] == "Wwrong"


def test_two_chapters_have_a_histogram_each(sample):
    solutions = sample.course.solutions
    shutil.copytree(solutions / CHAPTER, solutions / SECOND)
    sample.grade("ada", PASSED, PASSED)
    sample.grade("ada2", PASSED, PASSED, chapter=SECOND)
    page = sample.page()
    assert len(page.select("#distribution svg")) == 3
    assert [_text(h) for h in page.select("#rates h3")] == [CHAPTER, SECOND]
    rows = {row[0]: row[1:] for row in _rows(page, "summary")}
    assert rows["ada"] == ["5", "5", "–"]
    only = sample.page([CHAPTER])
    assert len(only.select("#distribution svg")) == 1


def test_a_large_class_is_drawn_in_pieces(sample):
    for i in range(90):
        sample.grade(f"s{i:03}", PASSED if i % 2 else WRONG, PASSED)
    page = sample.page()
    drawings = page.select("#map svg")
    assert len(drawings) == 3
    names = [_text(t) for svg in drawings for t in svg("text")]
    assert [n for n in names if n.startswith("s0")][:2] == ["s001", "s003"]
    assert all(f"s{i:03}" in names for i in range(90))


def test_every_process_writes_the_same(mixed):
    here = write_report(mixed.course, mixed.course.choose([])).read_bytes()
    assert write_report(mixed.course, mixed.course.choose([])).read_bytes() == here
    command = [sys.executable, "-m", "autograder.cli", "report"]
    subprocess.run([*command, "--course", str(mixed.course.root)], check=True)
    assert mixed.course.report.read_bytes() == here
    assert [p.name for p in mixed.course.report.parent.glob("report*")] == [
        "report.html"
    ]


# --- what the instructor must know ----------------------------------------------


def test_what_was_noticed_is_listed(sample):
    sample.grade("ada", PASSED, PASSED)
    assert sample.page().find(id="noticed") is None
    sample.grade("bob", PASSED, PASSED, notes=["Found as <b>.ipynb.", "A second."])
    section = sample.page().find(id="noticed")
    (row,) = section.select("tbody tr")
    assert [cell.text for cell in row.select("th, td")] == [
        "bob",
        CHAPTER,
        "Found as <b>.ipynb. A second.",
    ]


def test_grading_without_a_sandbox_is_said_in_red(sample):
    sample.grade("ada", PASSED, PASSED)
    assert sample.page().find(id="unwalled") is None
    sample.grade("bob", PASSED, PASSED, sandboxed=False)
    page = sample.page()
    alarm = page.find(id="unwalled")
    assert "1 submission was" in alarm.text and "without a sandbox" in alarm.text
    assert "bob" in alarm.text and "ada" not in alarm.text
    assert ".alarm strong { color: #cf222e; }" in page.find("style").text
