"""The telling attacks through plain ``nbgrader autograde``, as this course sets it up.

One class of all of them beside the two neighbours: every score is the one that
``autograder grade`` gives, and one attack costs no other student anything.
"""

import csv
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import test_exchange
import test_forging
import test_hurting
import test_leaking
import test_malformed_cells
import test_reading_later
from attack import CHAPTER, LEAKED, MARK, hand_in
from class_of_three import MACHINE, POINTS, digests, listed
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from page_checks import assert_is_harmless, assert_names_no_place, formgraders_view

from autograder.course.layout import Course
from autograder.grading import record as records

# nbgrader's own order of adding rows
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

TELLING = {
    test_forging: ("skip-execution", "more than the maximum", "np.allclose"),
    test_exchange: ("a reply that comes twice",),
    test_hurting: ("a wrong schema", "copied answers", "its own death"),
    test_leaking: ("a link to the gradebook", "hidden inputs printed later"),
    test_malformed_cells: ("500 points",),
    test_reading_later: ("a script in a text",),
}
ATTACKS = {
    f"student{i}": attack
    for i, attack in enumerate(
        attack
        for family, names in TELLING.items()
        for attack in family.ATTACKS
        if attack.name in names
    )
}


def nbgrader(course, *arguments):
    """Run a command of nbgrader's in the course; its exit code must be 0."""
    command = [str(Path(sys.executable).parent / "nbgrader"), *arguments]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def graded(three_once, tmp_path_factory):
    """The class as nbgrader's commands leave it, and what was handed in."""
    root = tmp_path_factory.mktemp("plain") / "course"
    shutil.copytree(three_once, root)
    course = Course.find(root)
    for student, attack in ATTACKS.items():
        folder = hand_in(course, attack)
        folder.parent.rename(course.submitted / student)
    before = digests(course.submitted, course.root)
    nbgrader(course, "autograde", CHAPTER)
    nbgrader(course, "generate_feedback", CHAPTER)
    nbgrader(course, "export")
    assert digests(course.submitted, course.root) == before
    return course


@pytest.fixture(scope="module")
def scores(graded):
    with (graded.root / "grades.csv").open() as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def test_all_telling_attacks_are_there():
    assert len(ATTACKS) == sum(map(len, TELLING.values())) >= 8


@pytest.mark.parametrize("student", ATTACKS, ids=[str(a) for a in ATTACKS.values()])
def test_an_attack_gets_what_autograder_gives_it(graded, scores, student):
    attack = ATTACKS[student]
    deserved = zip(POINTS.values(), attack.earns, strict=True)
    record = records.read(graded.autograded / student / CHAPTER)
    assert tuple(v.outcome for v in record.verdicts) == attack.earns
    assert scores[student] == sum(p for p, outcome in deserved if outcome == "passed")


def test_the_neighbours_get_what_they_deserve(scores):
    assert (scores["right"], scores["wrong"]) == (5, 2)
    assert scores.keys() == {"right", "wrong", *ATTACKS}


@pytest.mark.parametrize("student", ATTACKS, ids=[str(a) for a in ATTACKS.values()])
def test_what_is_read_later_is_harmless(graded, student):
    page = graded.feedback / student / CHAPTER / f"{CHAPTER}.html"
    html = page.read_text(encoding="utf-8")
    assert LEAKED not in html
    assert_names_no_place(assert_is_harmless(html), graded)
    formgraders_view(graded, graded.autograded / student / CHAPTER / f"{CHAPTER}.ipynb")


def test_nothing_else_is_copied_or_returned(graded):
    """Nothing beside the notebook crosses: no link's target, no file of a student's."""
    for folder, allowed in (
        (graded.feedback, {f"{CHAPTER}.html", "public_cases.json"}),
        (graded.autograded, {f"{CHAPTER}.ipynb", "record.json", "public_cases.json"}),
    ):
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert {path.name for path in files} <= allowed
    assert not any(MARK in p.name for place in MACHINE for p in listed(place))


def test_a_link_to_anothers_notebook_is_refused(three_once, tmp_path):
    """nbgrader follows links; what another has handed in is worth nothing here."""
    shutil.copytree(three_once, tmp_path, dirs_exist_ok=True)
    course = Course.find(tmp_path)
    place = course.submitted / "mallory" / CHAPTER / f"{CHAPTER}.ipynb"
    place.parent.mkdir(parents=True)
    place.symlink_to(course.submitted / "right" / CHAPTER / place.name)
    directory = CourseDirectory(config=course.config)
    directory.assignment_id = CHAPTER
    converter = Autograde(coursedir=directory, config=course.config)
    converter.log.setLevel(logging.CRITICAL)
    with pytest.raises(NbGraderException):
        converter.start()
    graded = {path.parents[1].name for path in course.autograded.rglob("*.ipynb")}
    assert graded == {"right", "wrong"}
