"""Where a process cannot be forked it is started afresh: slower, the same verdicts."""

import dataclasses
import shutil

import pytest
import test_exchange
import test_forging
import test_hurting
import test_leaking
import test_reading_later
from attack import CHAPTER, hand_in

from autograder.course.layout import Course
from autograder.grading.classroom import grade_class
from autograder.grading.run import GradingRun
from autograder.grading.workers import Local
from autograder.sandbox.walls import Bubblewrap

FAMILIES = (
    test_forging,
    test_exchange,
    test_leaking,
    test_hurting,
    test_reading_later,
)
ATTACKS = [a for family in FAMILIES for a in family.ATTACKS if a.earns]


@pytest.fixture(scope="module")
def outcomes(course_once, tmp_path_factory):
    """What each attacker gets, all of them in one class: outcomes by student."""
    root = tmp_path_factory.mktemp("fresh") / "course"
    shutil.copytree(course_once.root, root)
    course = Course.find(root)
    for number, attack in enumerate(ATTACKS):
        hand_in(course, dataclasses.replace(attack, student=f"m{number:03}"))
    run = GradingRun(course, 7, walls=Bubblewrap())
    chapters = [course.chapters[CHAPTER]]
    return {
        entry.student: tuple(verdict.outcome for verdict in entry.record.verdicts)
        for entry in grade_class(run, chapters, workers=Local(2))
    }


def test_attackers_get_what_they_get_from_forked_processes(outcomes):
    assert len(ATTACKS) > 60
    deserved = {f"m{n:03}": attack.earns for n, attack in enumerate(ATTACKS)}
    names = {f"m{n:03}": str(attack) for n, attack in enumerate(ATTACKS)}
    differs = {names[s]: outcomes[s] for s in deserved if outcomes[s] != deserved[s]}
    assert differs == {}
