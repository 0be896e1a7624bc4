"""The public cases: written as readable data, read back as they were."""

import json
import re

import numpy as np
import pytest

from autograder.checking import public
from autograder.checking.calling import Answer, Raised, same
from autograder.checking.exercise import Result
from autograder.checking.judge import Rules, find
from autograder.checking.public import PublicExercise
from autograder.checking.values import to_text
from autograder.checking.verdict import JudgedCase
from autograder.course.release import public_exercises


def within_slack(inputs, got, expected):
    import numpy as np

    if not np.allclose(got, expected, atol=inputs["slack"]):
        return "too far"


def written(tmp_path, *exercises):
    """What is read back, and the text between."""
    path = tmp_path / public.FILE_NAME
    public.write(path, "ch01_sample", list(exercises))
    return public.read(path), path.read_text()


def exercise(*cases, judge=None, sentences=None):
    rules = Rules((Result("y", "n", kind="float"),), False, 1e-5, 1e-2, judge)
    return PublicExercise("f", 2, rules, sentences or {}, list(cases))


def case(inputs, expected, wrong=None, note=""):
    wrong = {name: Answer(value) for name, value in (wrong or {}).items()}
    return JudgedCase(inputs, note, expected, wrong)


def as_data(answer):
    """Its text with the digits that are kept, from whatever was kept or computed."""
    text = json.dumps(to_text(answer.value))
    kept = re.sub(r"\d+\.\d+(e-?\d+)?", lambda n: f"{float(n[0]):.12g}", text)
    return kept, answer.raised, answer.changed


def test_the_sample_chapter_comes_back_as_it_was(chapter, tmp_path):
    exercises = public_exercises(chapter)
    back, _ = written(tmp_path, *exercises)
    assert list(back) == ["normalise", "largest"]
    for one in exercises:
        other = back[one.name]
        assert (other.points, other.sentences) == (one.points, one.sentences)
        assert other.rules == one.rules
        for mine, theirs in zip(one.cases, other.cases, strict=True):
            assert same(mine.inputs, theirs.inputs)
            assert mine.note == theirs.note
            assert as_data(mine.expected) == as_data(theirs.expected)
            assert {n: as_data(a) for n, a in mine.misconceptions.items()} == {
                n: as_data(a) for n, a in theirs.misconceptions.items()
            }


@pytest.mark.parametrize(
    "value",
    [
        np.array([np.nan, np.inf, -0.0]),
        np.array([1 + 2j]),
        np.zeros((0, 3), np.float32),
        (np.arange(3), [1, "a", None]),
        2**70,
    ],
    ids=["special", "complex", "empty", "mixed", "large"],
)
def test_every_value_can_be_input_and_answer(value, tmp_path):
    back, _ = written(tmp_path, exercise(case({"x": value}, Answer(value))))
    (read,) = back["f"].cases
    assert same(read.inputs["x"], value)
    assert same(read.expected.value, value)


def test_exceptions_and_changed_inputs_come_back(tmp_path):
    raised = Raised("ValueError", "no", is_value_error=True, line=3, text="raise")
    cases = [
        case({}, Answer(raised=raised)),
        case({}, Answer(1.0, changed=("x",))),
    ]
    back, _ = written(tmp_path, exercise(*cases))
    assert [c.expected for c in back["f"].cases] == [c.expected for c in cases]


def test_a_misconception_that_answers_right_is_not_written_twice(tmp_path):
    wrong = {"lucky": np.arange(3.0), "unlucky": np.zeros(3)}
    sentences = {"lucky": "L", "unlucky": "U"}
    one = case({"x": 1}, Answer(np.arange(3.0)), wrong)
    back, text = written(tmp_path, exercise(one, sentences=sentences))
    (data,) = json.loads(text)["exercises"]["f"]["cases"]
    assert data["right"] == ["lucky"] and list(data["misconceptions"]) == ["unlucky"]
    (read,) = back["f"].cases
    assert read.misconceptions["lucky"].value.tolist() == [0, 1, 2]
    assert read.misconceptions["unlucky"].value.tolist() == [0, 0, 0]


def test_a_judge_of_ones_own_travels(tmp_path):
    back, _ = written(tmp_path, exercise(judge=within_slack))
    rules = back["f"].rules
    assert rules.judge_function is not within_slack
    for got, complaint in ((1.05, None), (2.0, "too far")):
        found = find(rules, {"slack": 0.1}, Answer(1.0), Answer(got))
        assert (found and found.text) == complaint


def test_no_solution_is_in_the_file(chapter, tmp_path):
    _, text = written(tmp_path, *public_exercises(chapter))
    for secret in ("SOLUTION", "np.where", "argmax", "einsum", "def "):
        assert secret not in text


def test_the_file_is_strict_json(chapter, tmp_path):
    def refuse(word):
        raise AssertionError(word)

    _, text = written(tmp_path, *public_exercises(chapter))
    data = json.loads(text, parse_constant=refuse)
    assert (data["format"], data["chapter"]) == (1, "ch01_sample")


@pytest.mark.parametrize("text", ['{"format": 2}', "{}"])
def test_another_format_is_refused(tmp_path, text):
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"old\.json has format"):
        public.read(path)


def test_answers_keep_digits_that_every_machine_agrees_on(tmp_path):
    exact = np.array([1 / 3, 1e300 / 3, -2 / 3e9])
    inputs = {"x": exact, "y": np.array([0.1, 1 / 3], np.float32)}
    answer = Answer((exact, 2 / 3))
    back, text = written(tmp_path, exercise(case(inputs, answer)))
    (read,) = next(iter(back.values())).cases
    assert same(read.inputs, inputs)
    array, number = read.expected.value
    assert array.tolist() == [0.333333333333, 3.33333333333e299, -6.66666666667e-10]
    assert number == 0.666666666667
    assert '"data": [0.1, 0.33333334]' in text
