"""The checks of every chapter are fair; `autograder verify` proves it with 20 seeds."""

from pathlib import Path

import pytest

from autograder.course.layout import Course
from autograder.verify.verification import verify_chapter

CHAPTERS = Course.find(Path(__file__)).chapters
SEEDS = range(100, 103)  # others than the command's own


@pytest.mark.parametrize("name", CHAPTERS)
def test_checks_are_fair(repository, name):
    chapter = repository.chapters[name]
    reports = [r for r in verify_chapter(repository, chapter, SEEDS) if r is not None]
    assert [report.exercise for report in reports] == list(chapter.exercises)
    for report in reports:
        assert report.complaints == []
        assert report.reference and report.stub
        assert report.rejected == report.misconceptions >= 3
        assert report.accepted == report.alternatives >= 2
