"""The checks of every chapter are fair, with one seed.

`autograder verify` proves it with 20, and also where a model is trained.
"""

from pathlib import Path

from autograder.course.layout import Course
from autograder.verify.verification import verify_chapter

CHAPTERS = Course.find(Path(__file__)).chapters
SEEDS = (100,)  # another than the command's own


class Fairness:
    """What is proved of one chapter."""

    chapter = ""

    def test_checks_are_fair(self, repository):
        chapter = repository.chapters[self.chapter]
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


# a class for each chapter, which pytest-xdist can give to different workers
for name in CHAPTERS:
    title = f"TestChecksOf{name.title().replace('_', '')}"
    globals()[title] = type(title, (Fairness,), {"chapter": name})
