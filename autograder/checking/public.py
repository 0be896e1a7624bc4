"""The public cases of a chapter: one readable data file beside its notebook.

It holds inputs, expected answers and the answers of each misconception with its
sentence; no solution. An exercise with a judge of its own carries the judge's source.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autograder.checking.calling import Answer, Raised
from autograder.checking.exercise import Result, definition_source
from autograder.checking.judge import Rules
from autograder.checking.values import from_text, to_text
from autograder.checking.verdict import JudgedCase

FILE_NAME = "public_cases.json"
FORMAT = 1
DIGITS = 12  # of answers, far finer than any tolerance


@dataclass(frozen=True)
class PublicExercise:
    """What ``check`` must know of one exercise."""

    name: str
    points: float
    rules: Rules
    sentences: dict
    cases: list


def write(path: Path, chapter: str, exercises: list[PublicExercise]):
    """Write the public cases of a chapter."""
    data = {
        "format": FORMAT,
        "chapter": chapter,
        "exercises": {exercise.name: _to_data(exercise) for exercise in exercises},
    }
    path.write_text(json.dumps(data, allow_nan=False) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, PublicExercise]:
    """Read them back; raises ValueError when the file is of another format."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if data.get("format") != FORMAT:
        raise ValueError(f"{path.name} has format {data.get('format')}, not {FORMAT}")
    return {name: _from_data(name, body) for name, body in data["exercises"].items()}


def _to_data(exercise):
    rules = exercise.rules
    return {
        "points": exercise.points,
        "results": [dataclasses.asdict(result) for result in rules.results],
        "several": rules.several,
        "rtol64": rules.rtol64,
        "rtol32": rules.rtol32,
        "judge": rules.judge_function and definition_source(rules.judge_function),
        "misconceptions": exercise.sentences,
        "cases": [_case_to_data(case) for case in exercise.cases],
    }


def _from_data(name, body):
    rules = Rules(
        tuple(Result(**result) for result in body["results"]),
        body["several"],
        body["rtol64"],
        body["rtol32"],
        body["judge"] and _judge_from_source(body["judge"]),
    )
    cases = [_case_from_data(case) for case in body["cases"]]
    return PublicExercise(name, body["points"], rules, body["misconceptions"], cases)


def _judge_from_source(source):
    namespace = {"np": np}
    exec(source, namespace)  # an author's own text, shipped with the notebook
    functions = [value for key, value in namespace.items() if callable(value)]
    return functions[-1]


def _case_to_data(case):
    expected = _answer_to_data(case.expected)
    wrong = {k: _answer_to_data(v) for k, v in case.misconceptions.items()}
    return {
        "note": case.note,
        "inputs": {name: to_text(value) for name, value in case.inputs.items()},
        "expected": expected,
        # where a misconception answers right, nothing is written
        "misconceptions": {k: v for k, v in wrong.items() if v != expected},
        "right": [k for k, v in wrong.items() if v == expected],
    }


def _case_from_data(body):
    expected = _answer_from_data(body["expected"])
    wrong = {k: _answer_from_data(v) for k, v in body["misconceptions"].items()}
    wrong |= dict.fromkeys(body["right"], expected)
    inputs = {name: from_text(node) for name, node in body["inputs"].items()}
    return JudgedCase(inputs, body["note"], expected, wrong)


def _answer_to_data(answer):
    if answer.raised:
        return {"raised": dataclasses.asdict(answer.raised)}
    value = to_text(_rounded(answer.value))
    return {"value": value, "changed": list(answer.changed)}


def _rounded(value):
    """The same to DIGITS digits: the last ones are the machine's, not the answer's."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(_rounded, value))
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, np.ndarray) and value.dtype == float:
        flat = [_rounded(number) for number in value.ravel().tolist()]
        return np.array(flat, float).reshape(value.shape)
    return value


def _answer_from_data(body):
    if "raised" in body:
        return Answer(raised=Raised(**body["raised"]))
    return Answer(from_text(body["value"]), None, tuple(body["changed"]))
