"""What the judge goes by: an exercise's rules, its own judge, what is alike."""

import numpy as np
import pytest

from autograder.checking.calling import Answer, Raised
from autograder.checking.exercise import Exercise, Result
from autograder.checking.judge import Rules, alike, find
from autograder.checking.values import Opaque

FREE = Rules((Result("y"),), several=False)
WANT = np.array([[0.25, 0.25, 0.5], [0.75, 0.25, 0.0]])


def finding(rules, expected, got, inputs=None):
    """The finding about an answer; a bare value stands for an answer that is one."""
    expected, got = (a if isinstance(a, Answer) else Answer(a) for a in (expected, got))
    return find(rules, inputs or {}, expected, got)


def raising(kind, message="", **more):
    return Answer(raised=Raised(kind, message, **more))


# --- a judge of one's own -------------------------------------------------------


def near_enough(inputs, got, expected):
    if abs(got - expected) > inputs["slack"]:
        return f"too far from {len(inputs)} input"


def test_an_exercise_may_judge_by_itself():
    rules = Rules((Result("y"),), False, judge_function=near_enough)
    assert finding(rules, 1.0, 1.4, {"slack": 0.5}) is None
    found = finding(rules, 1.0, 1.6, {"slack": 0.5})
    assert (found.stage, found.text) == ("values", "too far from 1 input")


@pytest.mark.parametrize("got", [None, "a", Opaque("range"), {"a": 1}])
def test_a_judge_that_cannot_read_an_answer_finds_it_wrong(got):
    rules = Rules((Result("y"),), False, judge_function=near_enough)
    assert finding(rules, 1.0, got, {"slack": 0.5}) is not None


def test_a_judge_of_ones_own_comes_after_missing_and_errors():
    rules = Rules((Result("y"),), False, judge_function=near_enough)
    missing = raising("NotImplementedError", is_missing=True)
    assert finding(rules, 1.0, missing).stage == "missing"
    assert finding(rules, 1.0, raising("KeyError")).stage == "error"


def test_a_reference_that_cannot_be_judged_is_the_authors_error():
    with pytest.raises(TypeError, match="reference"):
        finding(FREE, {"A": 1}, WANT)


# --- rules and likeness ---------------------------------------------------------


def exercise(returns, **more):
    facts = dict(points=1, difficulty=1, minutes=1, source="", hints=("a", "b"))
    return Exercise("f", returns=returns, **facts | more)


def test_rules_come_from_the_exercise():
    one = Rules.of(exercise(Result("y"), rtol64=1e-3))
    assert (one.several, one.rtol64, one.judge_function) == (False, 1e-3, None)
    assert one.results == (Result("y"),)
    assert Rules.of(exercise([Result("y")])).several


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": 0},
        {"points": 6},
        {"difficulty": 0},
        {"hints": ("one",)},
        {"name": "a b"},
        {"name": "1a"},
    ],
    ids=str,
)
def test_an_exercise_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError):
        if "name" in wrong:
            Exercise(wrong["name"], 1, 1, 1, "", ("a", "b"), Result("y"))
        else:
            exercise(Result("y"), **wrong)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind"):
        Result("y", kind="double")


ERROR = raising("ValueError", "no")
ALIKE = [
    (WANT, WANT * (1 + 1e-9), True),
    (WANT, WANT.tolist(), True),
    (WANT, WANT + 1, False),
    (WANT, WANT.T, False),
    (WANT, np.full((2, 3), np.nan), False),
    (np.full(2, np.nan), np.full(2, np.nan), True),
    (None, None, True),
    (None, WANT, False),
    (WANT, "a", False),
    (ERROR, raising("ValueError", "no"), True),
    (ERROR, raising("ValueError", "yes"), False),
    (ERROR, raising("TypeError", "no"), False),
    (ERROR, WANT, False),
    (Answer(WANT, changed=("X",)), WANT, False),
    (Answer(WANT, changed=("X",)), Answer(WANT, changed=("X",)), True),
]


@pytest.mark.parametrize(("one", "other", "expected"), ALIKE)
def test_answers_are_alike_when_a_misconception_explains_them(one, other, expected):
    one, other = (a if isinstance(a, Answer) else Answer(a) for a in (one, other))
    assert alike(FREE, {}, one, other) is expected
    assert alike(FREE, {}, other, one) is expected
