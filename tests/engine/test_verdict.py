"""From answers to a verdict, and from a verdict to what a student reads."""

import numpy as np
import pytest

from autograder.checking import card
from autograder.checking.calling import Answer, Raised
from autograder.checking.exercise import Result
from autograder.checking.judge import Rules
from autograder.checking.verdict import OUTCOMES, JudgedCase, Verdict, decide

RULES = Rules((Result("y", ""),), several=False)
SENTENCES = {"doubled": "You doubled it.", "negated": "Mind the sign."}
MISSING = Answer(raised=Raised("NotImplementedError", "", is_missing=True))
ERROR = Answer(raised=Raised("TypeError", "no"))


def case(x, note=""):
    wrong = {"doubled": Answer(2.0 * x), "negated": Answer(-1.0 * x)}
    return JudgedCase({"x": x}, note, Answer(1.0 * x), wrong)


CASES = [case(1.0, "one"), case(3.0, "three"), case(5.0, "five")]


def verdict_on(*answers, cases=CASES, sentences=SENTENCES):
    answers = [a if isinstance(a, Answer) else Answer(a) for a in answers]
    return decide("same", 4, RULES, cases, sentences, answers)


# --- the outcome ----------------------------------------------------------------


def test_right_answers_pass():
    verdict = verdict_on(1.0, 3, np.float32(5))
    assert verdict == Verdict("same", "passed", 4)
    assert verdict.score == 4.0


def test_one_wrong_case_costs_all_points():
    verdict = verdict_on(1.0, 3.0, 6.0)
    assert (verdict.outcome, verdict.score, verdict.note) == ("wrong", 0.0, "five")
    assert verdict.detail == "y: got 6, expected 5"


def test_the_first_case_that_fails_speaks():
    verdict = verdict_on(1.0, None, 6.0)
    assert (verdict.stage, verdict.note) == ("type", "three")


def test_a_stub_is_not_attempted():
    verdict = verdict_on(MISSING, MISSING, MISSING)
    assert (verdict.outcome, verdict.score) == ("not attempted", 0.0)


def test_a_part_that_is_missing_is_wrong():
    assert verdict_on(1.0, MISSING, 5.0).outcome == "wrong"


def test_an_exception_is_an_error():
    verdict = verdict_on(1.0, ERROR, 5.0)
    assert (verdict.outcome, verdict.message) == ("error", "Your code raised TypeError")


@pytest.mark.parametrize("count", [0, 2, 4])
def test_every_case_needs_an_answer(count):
    with pytest.raises(ValueError):
        verdict_on(*[1.0] * count)


def test_an_unknown_outcome_is_refused():
    with pytest.raises(ValueError, match="pass"):
        Verdict("same", "pass", 4)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_passing_gives_points(outcome):
    score = Verdict("same", outcome, 4).score
    assert score == {"passed": 4.0, "infrastructure": None}.get(outcome, 0.0)


def test_a_verdict_becomes_plain_data():
    data = verdict_on(2.0, 6.0, 10.0).as_dict()
    assert data.pop("score") == 0.0
    assert data["misconception"] == "doubled"
    assert Verdict(**data) == verdict_on(2.0, 6.0, 10.0)


# --- the misconception ----------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        ((2.0, 6.0, 10.0), "doubled"),
        ((-1.0, -3.0, -5.0), "negated"),
        ((1.0, 6.0, 10.0), "doubled"),
        ((2.0, 6.0, 11.0), "doubled"),
        ((2.0, 7.0, 11.0), ""),
        ((7.0, 6.0, 10.0), ""),
        ((2.0, -3.0, -5.0), ""),
        ((7.0, 8.0, 9.0), ""),
        ((None, 6.0, 10.0), ""),
    ],
)
def test_the_misconception_explains_the_first_failure_and_most(answers, name):
    verdict = verdict_on(*answers)
    assert verdict.misconception == name
    assert verdict.sentence == SENTENCES.get(name, "")


def test_the_better_of_two_misconceptions_is_named():
    wrong = {"doubled": Answer(9.0), "negated": Answer(9.0)}
    both = JudgedCase({"x": 0.0}, "", Answer(0.0), wrong)
    cases = [both, both, CASES[2]]
    assert verdict_on(9.0, 9.0, 10.0, cases=cases).misconception == "doubled"
    assert verdict_on(9.0, 9.0, -5.0, cases=cases).misconception == "negated"


def test_a_misconception_that_is_right_there_explains_nothing():
    wrong = {"doubled": Answer(0.0), "negated": Answer(0.0)}
    cases = [JudgedCase({"x": 0.0}, "", Answer(0.0), wrong)]
    changed = Answer(0.0, changed=("x",))
    assert verdict_on(changed, cases=cases).sentence == ""
    nearly = [JudgedCase({"x": 0.0}, "", Answer(0.0), {"doubled": Answer(9e-7)})]
    off = verdict_on(1.5e-6, cases=nearly, sentences={"doubled": "You doubled it."})
    assert (off.outcome, off.sentence) == ("wrong", "")


def test_an_error_can_be_a_misconception():
    wrong = {"doubled": ERROR, "negated": Answer(9.0)}
    cases = [JudgedCase({}, "", Answer(0.0), wrong)]
    verdict = verdict_on(ERROR, cases=cases)
    assert (verdict.outcome, verdict.sentence) == ("error", SENTENCES["doubled"])


def test_an_exercise_without_misconceptions_has_no_sentence():
    cases = [JudgedCase({}, "", Answer(0.0), {})]
    assert verdict_on(2.0, cases=cases, sentences={}).sentence == ""


# --- the card -------------------------------------------------------------------


def test_the_cause_comes_before_the_first_wrong_number():
    lines = card.as_text(verdict_on(2.0, 6.0, 10.0)).splitlines()
    assert [line.strip() for line in lines] == [
        "✗ same: wrong, 0 of 4 points",
        "You doubled it.",
        "y is wrong.",
        "y: got 2, expected 1",
        "Seen with: one.",
    ]


def test_what_is_wrong_with_the_form_comes_before_the_cause():
    rules = Rules((Result("y", "n"),), several=False)
    long = Answer(np.zeros(2))
    cases = [JudgedCase({}, "", Answer(np.zeros(1)), {"long": long})]
    verdict = decide("f", 1, rules, cases, {"long": "One too many."}, [long])
    assert card.paragraphs(verdict, show_values=True) == [
        "Shape of y: got (2,), expected (1,) = (n).",
        "One too many.",
    ]


def test_values_can_be_left_out():
    verdict = verdict_on(2.0, 6.0, 10.0)
    assert "expected 1" in card.as_text(verdict)
    assert "expected 1" not in card.as_text(verdict, show_values=False)
    assert "expected 1" not in card.as_html(verdict, show_values=False)


@pytest.mark.parametrize("answers", [(MISSING,) * 3, (MISSING, 3.0, 5.0)])
def test_a_missing_answer_was_seen_with_every_case(answers):
    assert "Seen with" not in card.as_text(verdict_on(*answers))


@pytest.mark.parametrize(
    ("outcome", "mark"), [("passed", "✓"), ("not attempted", "○"), ("timeout", "✗")]
)
def test_the_headline_says_outcome_and_points(outcome, mark):
    headline = card.headline(Verdict("same", outcome, 4))
    points = 4 if outcome == "passed" else 0
    assert headline == f"{mark} same: {outcome}, {points} of 4 points"
    assert "– of 4" in card.headline(Verdict("same", "infrastructure", 4))


def test_the_closing_line_comes_last():
    passed = verdict_on(1.0, 3.0, 5.0)
    assert card.as_text(passed, closing="The end.").endswith("The end.")
    assert "The end." in card.as_html(passed, closing="The end.")


def test_html_escapes_every_text():
    verdict = Verdict(
        "<b>name</b>", "wrong", 1, "<i>m</i>", "<u>s</u>", "m", "<p>n</p>", "<a>d</a>"
    )
    html = card.as_html(verdict, closing="<script>")
    for tag in ("<b>", "<i>", "<u>", "<p>", "<a>", "<script>"):
        assert tag not in html
    assert "<strong>&lt;u&gt;s" in html and "<code>&lt;a&gt;d" in html
