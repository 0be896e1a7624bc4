"""Unfair without malice: right answers in every form that students give them.

All of them sit in one class, beside the two neighbours; each must get full marks.
"""

import shutil

import pytest
from attack import hand_in
from class_of_three import ClassOfThree
from honest import HONEST

from autograder.course.layout import Course


@pytest.fixture(scope="module")
def graded(three_once, baseline, hidden, tmp_path_factory):
    """One class of all of them beside the two neighbours, graded once."""
    root = tmp_path_factory.mktemp("honest") / "course"
    shutil.copytree(three_once, root)
    course = Course.find(root)
    for honest in HONEST:
        hand_in(course, honest.as_attack())
    graded = ClassOfThree(course, None, lambda: (), baseline, hidden)
    graded.grade()
    return graded


@pytest.mark.parametrize("honest", HONEST, ids=str)
def test_an_honest_student_gets_full_marks(graded, honest):
    outcomes = graded.outcomes(honest.student)
    assert outcomes == ("passed", "passed"), graded.said_of(honest.student)
    assert sum(graded.booked()[honest.student].values()) == 5


def test_the_neighbours_get_what_they_always_do(graded):
    graded.assert_neighbours_are_unharmed()
