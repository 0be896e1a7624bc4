"""A judge that goes by behaviour alone, and modules that checks share with the book."""

import pytest
from engine_helpers import CHAPTER, WRONG, graded_in, verdicts

from autograder.course.layout import Course
from autograder.course.release import public_exercises
from autograder.grading.run import GradingRun
from autograder.verify.verification import count_gradings, verify_chapter

JUDGE = """\
@normalise.judge
def rows_sum_to_one(inputs, got):
    import numpy as np

    sums = np.abs(got).sum(axis=1)
    if not np.isclose(sums[np.abs(inputs["X"]).sum(axis=1) > 0], 1, atol=1e-3).all():
        return "Each row must sum to 1."


"""
FIRST = '@normalise.misconception("You normalised the columns'


@pytest.fixture
def chapter(course):
    path = course.solutions / CHAPTER / "checks.py"
    path.write_text(path.read_text().replace(FIRST, JUDGE + FIRST))
    changed = Course.find(course.root)
    return changed.chapters[CHAPTER]


def test_reference_and_misconceptions_are_not_run_for_it(chapter, course, monkeypatch):
    monkeypatch.setattr(type(chapter), "reference", None)
    cases = chapter.cases("normalise", 1)
    assert len(cases) == 4
    assert all(case.misconceptions == {} for case in cases)
    assert all(case.expected.value is None for case in cases)


def test_it_accepts_what_behaves_and_says_what_does_not(chapter, course):
    run = GradingRun(course, 3).of(chapter)
    right = "def normalise(X):\n    return X / np.maximum(X.sum(1), 1e-300)[:, None]"
    assert verdicts(graded_in(run, normalise=right))["normalise"].outcome == "passed"
    wrong = verdicts(graded_in(run, normalise=WRONG))["normalise"]
    assert (wrong.outcome, wrong.message) == ("wrong", "Each row must sum to 1.")
    assert (wrong.detail, wrong.sentence) == ("", "")


def test_a_sentence_in_its_complaint_names_the_misconception(chapter):
    known = chapter.exercises["normalise"].misconceptions[0]
    path = chapter.folder / "checks.py"
    said = f"{known.sentence} 3 rows of 4."
    path.write_text(path.read_text().replace('"Each row must sum to 1."', repr(said)))
    course = Course.find(chapter.folder.parents[1])
    run = GradingRun(course, 3).of(course.chapters[CHAPTER])
    wrong = verdicts(graded_in(run, normalise=WRONG))["normalise"]
    assert wrong.outcome == "wrong"
    assert (wrong.sentence, wrong.misconception) == (known.sentence, known.name)
    assert wrong.message == "3 rows of 4."


def test_its_public_cases_hold_no_answer(chapter):
    public = {exercise.name: exercise for exercise in public_exercises(chapter)}
    assert public["normalise"].sentences == {}
    assert all(case.expected.value is None for case in public["normalise"].cases)
    assert public["largest"].sentences != {}


def test_verify_wants_the_sentence_in_its_complaint(chapter, course):
    (report, _) = [r for r in verify_chapter(course, chapter, range(2)) if r]
    assert report.reference and report.stub
    assert report.accepted == report.alternatives == 2
    # this judge knows no sentence, and takes NaN rows for fine
    assert report.rejected == 0
    assert all("is told" in c or "passes" in c for c in report.complaints)


def test_an_exercise_says_how_many_seeds_verify_draws(edited):
    course = edited("checks.py", "points=3,", "points=3, seeds=2,")
    chapter, drawn = course.chapters[CHAPTER], []
    draw = type(chapter).draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            type(chapter),
            "cases",
            lambda self, name, seed: (
                drawn.append((name, seed))
                or self._answered(name, draw(self, name, seed))
            ),
        )
        reports = list(verify_chapter(course, chapter, range(3)))
    assert all(report.is_fair for report in reports if report)
    assert [name for name, _ in drawn].count("normalise") == 2
    assert [name for name, _ in drawn].count("largest") == 3


def test_variants_that_train_can_be_left_out(edited):
    course = edited("checks.py", "points=3,", "points=3, seeds=1,")
    chapter = course.chapters[CHAPTER]
    reports = list(verify_chapter(course, chapter, range(2), quick=True))
    trained, other = [report for report in reports if report]
    assert reports.count(None) == count_gradings(chapter, range(2), quick=True) == 7
    assert trained.skipped and trained.is_fair and trained.reference and trained.stub
    assert (trained.rejected, trained.accepted) == (0, 0)
    assert not other.skipped and (other.rejected, other.accepted) == (3, 2)


def test_checks_may_import_a_module_of_the_book(course):
    book = course.root / "book"
    book.mkdir()
    (book / "shared_numbers.py").write_text("ROWS = 4\n")
    path = course.solutions / CHAPTER / "checks.py"
    text = path.read_text().replace(
        "import numpy as np\n",
        "import numpy as np\nfrom shared_numbers import ROWS\n",
        1,
    )
    path.write_text(text.replace("(4, 3))}", "(ROWS, 3))}"))
    chapter = Course.find(course.root).chapters[CHAPTER]
    assert len(chapter.exercises) == 2
    before = chapter.version
    (book / "shared_numbers.py").write_text("ROWS = 4  # as before\n")
    assert Course.find(course.root).chapters[CHAPTER].version != before
