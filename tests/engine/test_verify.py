"""``autograder verify`` catches chapters that are unfair."""

import pytest

from autograder.course.layout import Course
from autograder.problems import Problem
from autograder.verify import verification
from autograder.verify.verification import count_gradings, verify_chapter

CHAPTER = "ch01_sample"
SEEDS = range(2)


@pytest.fixture
def verified(course):
    """Verify the first exercise alone, with parts of its files replaced."""
    folder = course.solutions / CHAPTER
    whole = {
        "checks.py": "\nlargest = Exercise",
        "notebook.py": '# %% [markdown] exercise="largest"',
    }
    first = {
        file: (folder / file).read_text().partition(end)[0]
        for file, end in whole.items()
    }

    def verify(*changes, seeds=SEEDS):
        files = dict(first)
        for old, new in changes:
            (file,) = (name for name, text in files.items() if text.count(old) == 1)
            files[file] = files[file].replace(old, new)
        for file, text in files.items():
            (folder / file).write_text(text)
        changed = Course.find(course.root)
        *_, report = verify_chapter(changed, changed.chapters[CHAPTER], seeds)
        return report

    return verify


def test_a_fair_chapter_has_no_complaints(course):
    chapter = course.chapters[CHAPTER]
    reports = list(verify_chapter(course, chapter, SEEDS))
    subjects, (first, second) = reports[:-2], reports[-2:]
    assert subjects == [None] * count_gradings(chapter, SEEDS) == [None] * 12
    for report in (first, second):
        assert report.is_fair and report.complaints == []
        assert report.reference and report.stub
        assert (report.misconceptions, report.rejected) == (3, 3)
        assert (report.alternatives, report.accepted) == (2, 2)
    assert (first.exercise, first.cases) == ("normalise", 4)
    assert (second.exercise, second.cases) == ("largest", 3)


def test_seeds_in_batches_prove_the_same(course, monkeypatch):
    chapter = course.chapters[CHAPTER]
    at_once = list(verify_chapter(course, chapter, SEEDS))
    monkeypatch.setattr(verification, "SEEDS_AT_ONCE", 1)
    one_by_one = list(verify_chapter(course, chapter, SEEDS))
    assert one_by_one[-2:] == at_once[-2:]
    assert one_by_one[:-2] == [None] * count_gradings(chapter, SEEDS) == [None] * 24


BY_TOTAL = "def by_the_total(X):\n    return X / X.sum()"
RIGHT = "    total = X.sum(1)[:, None]\n    return X / np.where(total == 0, 1, total)"
BY_LOOP = "rows = [row / row.sum() if row.sum() else row for row in X]"
REFERENCE = "return X / np.where(total == 0, 1, total)\n    ### END"
NAN_ROWS = (
    "def nan_rows(X):\n"
    '    with np.errstate(all="ignore"):\n'
    "        return X / X.sum(axis=1, keepdims=True)"
)
FEWER = (
    ('@normalise.misconception("You divided', '(lambda _: 0)("You divided'),
    ("@normalise.alternative\ndef by_loop", "def by_loop"),
)
TEST = 'check("normalise", normalise)'
CATCHING = (
    "def catching(X):\n"
    "    try:\n"
    "        return normalise(X)\n"
    "    except NotImplementedError:\n"
    "        return X\n"
    'check("normalise", catching)'
)
UNFAIR = {
    "misconceptions": (
        (NAN_ROWS, f"def nan_rows(X):\n{RIGHT}"),
        (BY_TOTAL, "def by_the_total(X):\n    return X / X.sum(0)"),
        "the misconception nan_rows passes",
        "the misconception by_the_total is told 'down_the_columns' instead of its",
    ),
    "alternatives, and a misconception without its sentence": (
        (BY_TOTAL, "def by_the_total(X):\n    return X * np.random.rand()"),
        (BY_LOOP, "rows = [row / row.max() for row in X]"),
        ('np.einsum("nd->n", X)', "X[99]"),
        "the misconception by_the_total is told '",
        "the alternative by_loop fails with 2 of 2 seeds: 5 of 6 entries of A are",
        "the alternative by_einsum fails with 2 of 2 seeds: Your code raised Index",
    ),
    "equal sizes and too few variants": (
        ("rng.uniform(1, 2, (4, 3))", "rng.uniform(1, 2, (3, 3))"),
        *FEWER,
        "sizes: n = d in the case 'random numbers'",
        "fewer than 3 misconceptions",
        "fewer than 2 alternatives",
    ),
    "sizes that are not as declared, in too few cases": (
        ('inputs={"X": "n, d"}', 'inputs={"X": "n"}'),
        ('"a small example")', '"a small example", edge=True)'),
        ('"random numbers")', '"random numbers", edge=True)'),
        "sizes: X has shape (2, 5), declared ('n',)",
        "sizes: only 1 cases are not edges; give at least 2",
    ),
    "a wrong reference": (
        (REFERENCE, "return X / total.max()\n    ### END"),
        "the alternative by_loop fails with 2 of 2 seeds",
        "the alternative by_einsum fails with 2 of 2 seeds",
    ),
    "a reference that gives no answer twice": (
        (REFERENCE, "return X * np.random.rand()\n    ### END"),
        "the reference fails with 2 of 2 seeds",
        "the alternative by_loop fails",
        "the alternative by_einsum fails",
    ),
    "a stub that is not missing": (
        (TEST, CATCHING),
        "the stub is graded 'wrong'",
    ),
}


@pytest.mark.parametrize("case", UNFAIR.values(), ids=UNFAIR)
def test_what_is_unfair_is_said_and_nothing_else(verified, case):
    changes = [part for part in case if isinstance(part, tuple)]
    complaints = [part for part in case if isinstance(part, str)]
    report = verified(*changes)
    assert not report.is_fair
    assert len(report.complaints) == len(complaints), report.complaints
    for start in complaints:
        assert any(c.startswith(start) for c in report.complaints), report.complaints


def test_what_passes_with_one_seed_only_is_found(verified):
    lucky = (
        f"def by_the_total(X):\n    if X.flat[-1] > 1.5: return X / X.sum()\n{RIGHT}"
    )
    complaint = "the misconception by_the_total passes"
    changes = (BY_TOTAL, lucky), ("[0.0, 0.0], [1.0, 3.0]", "[0.0, 0.0], [3.0, 1.0]")
    assert complaint not in verified(*changes, seeds=[2]).complaints
    assert complaint in verified(*changes, seeds=[2, 3]).complaints


def test_a_simple_exercise_needs_fewer(verified):
    assert verified(*FEWER, ("points=3,", "points=3, simple=True,")).is_fair


def test_an_edge_may_have_equal_sizes(verified):
    edge = ('(4, 3))}, "random numbers")', '(3, 3))}, "random numbers", edge=True)')
    assert verified(edge).is_fair


def test_a_reference_that_raises_is_a_problem(verified):
    with pytest.raises(Problem, match="the reference raised NameError"):
        verified((REFERENCE, "return undefined\n    ### END"))


def test_a_judge_of_ones_own_may_say_the_sentence(verified):
    judge = (
        "@normalise.judge\ndef judged(inputs, got, expected):\n"
        "    import numpy as np\n"
        "    if got.shape != expected.shape: return 'Give one row for each row.'\n"
        "    if not np.allclose(got, expected, atol=1e-3, equal_nan=False):\n"
        "        return {!r}\n\n\n@normalise.alternative\ndef by_loop"
    )
    before = "@normalise.alternative\ndef by_loop"
    assert verified((before, judge.format("It is not right."))).is_fair


def test_the_sizes_that_are_graded_are_inspected(edited, monkeypatch):
    monkeypatch.setattr(verification, "subjects_of", lambda *_: [])
    size = "rng.uniform(1, 2, (int(rng.integers(3, 5)), 3))"
    course = edited("checks.py", "rng.uniform(1, 2, (4, 3))", size)
    chapter = course.chapters[CHAPTER]
    for seed in range(8):
        (first, _) = verify_chapter(course, chapter, [seed])
        shapes = [case.inputs["X"].shape for case in chapter.cases("normalise", seed)]
        assert ((3, 3) in shapes) == bool(first.complaints), seed
