"""The checks of every chapter are fair; `autograder verify` proves it with 20
seeds, and also where a model is trained."""

from pathlib import Path

import pytest

from autograder.course.layout import Course
from autograder.verify.verification import verify_chapter

CHAPTERS = Course.find(Path(__file__)).chapters
SEEDS = range(100, 103)  # others than the command's own


@pytest.mark.parametrize("name", CHAPTERS)
def test_checks_are_fair(repository, name):
    chapter = repository.chapters[name]
    verified = verify_chapter(repository, chapter, SEEDS, quick=True)
    reports = [report for report in verified if report is not None]
    assert [report.exercise for report in reports] == list(chapter.exercises)
    for report in reports:
        assert report.complaints == []
        assert report.reference and report.stub
        assert report.misconceptions >= 3 and report.alternatives >= 2
        if not report.skipped:
            assert report.rejected == report.misconceptions
            assert report.accepted == report.alternatives
