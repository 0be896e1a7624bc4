"""The same verdicts from processes that are started afresh instead of forked."""

import pytest
from sample_scores import EXPECTED

from autograder.grading.classroom import grade_class
from autograder.grading.run import GradingRun
from autograder.grading.workers import Local
from autograder.sandbox.walls import Bubblewrap
from autograder.verify.verification import verify_chapter

CHAPTER = "ch04_softmax"


@pytest.fixture
def fresh():
    return Bubblewrap()


def test_the_sample_class_gets_the_same_scores(copied_course, fresh):
    run = GradingRun(copied_course, walls=fresh)
    chapters = [copied_course.chapters[CHAPTER]]
    scores = {
        entry.student: "unreadable" if entry.problem else entry.record.score
        for entry in grade_class(run, chapters, workers=Local(2))
        if entry.record or entry.problem
    }
    assert scores == {s: row[CHAPTER] for s, row in EXPECTED.items() if CHAPTER in row}


def test_verify_finds_the_sample_chapter_fair(course, chapter, fresh):
    reports = [r for r in verify_chapter(course, chapter, range(2), walls=fresh) if r]
    assert len(reports) == 2
    for report in reports:
        assert report.is_fair, report.complaints
        assert report.rejected == report.misconceptions == 3
