"""From answers to a `Verdict`: the outcome, the points and the words about it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from autograder.checking.judge import Rules, alike, find

PASSED = "passed"
WRONG = "wrong"
ERROR = "error"
TIMEOUT = "timeout"
LIMIT = "limit"
NOT_ATTEMPTED = "not attempted"
INFRASTRUCTURE = "infrastructure"
OUTCOMES = (PASSED, WRONG, ERROR, TIMEOUT, LIMIT, NOT_ATTEMPTED, INFRASTRUCTURE)


@dataclass(frozen=True)
class JudgedCase:
    """A case with what the reference and each misconception answer to it.

    misconceptions: one `Answer` by the name of each misconception.
    """

    inputs: dict
    note: str
    expected: object
    misconceptions: Mapping


@dataclass(frozen=True, slots=True)  # a large class has hundreds of thousands
class Verdict:
    """What one exercise earned and why.

    message: what is wrong, without a value of a case. sentence: of the misconception
    that the answer equals, else "". detail: got and expected, for public cases only.
    blind: the message where no value of a case may show, "" where it is the same.
    """

    exercise: str
    outcome: str
    points: float
    message: str = ""
    sentence: str = ""
    misconception: str = ""
    note: str = ""
    detail: str = ""
    stage: str = ""
    blind: str = ""

    def __post_init__(self):
        if self.outcome not in OUTCOMES:
            raise ValueError(f"unknown outcome {self.outcome!r}")

    @property
    def score(self):
        """All points or none; None where the fault is ours."""
        if self.outcome == INFRASTRUCTURE:
            return None
        return float(self.points) if self.outcome == PASSED else 0.0

    def as_dict(self):
        """The verdict as JSON data."""
        return dataclasses.asdict(self) | {"score": self.score}


def decide(name, points, rules: Rules, cases, sentences, answers) -> Verdict:
    """Judge the `answers` to `cases` in order.

    sentences: by the name of each misconception. The first case that fails gives the
    message; the misconception named is the one that equals the answer there and in
    most of the cases that fail.
    """
    findings = [
        find(rules, case.inputs, case.expected, answer, case.note)
        for case, answer in zip(cases, answers, strict=True)
    ]
    failed = [i for i, finding in enumerate(findings) if finding]
    if not failed:
        return Verdict(name, PASSED, points)
    first = findings[failed[0]]
    misconception = ""
    if first.stage != "limit":  # what took too much says nothing more
        misconception = _misconception(rules, cases, answers, failed, sentences)
    return Verdict(
        exercise=name,
        outcome=_outcome(first, failed[0]),
        points=points,
        message=first.text,
        sentence=sentences.get(misconception, ""),
        misconception=misconception,
        note=cases[failed[0]].note,
        detail=first.detail,
        stage=first.stage,
        blind=first.blind,
    )


def _outcome(finding, index):
    if finding.stage == "missing" and index == 0:
        return NOT_ATTEMPTED
    return {"error": ERROR, "limit": LIMIT}.get(finding.stage, WRONG)


def _is_wrong_alike(rules, case, answer, name):
    """Whether an answer equals a misconception where that is wrong itself."""
    wrong = case.misconceptions[name]
    return alike(rules, case.inputs, answer, wrong) and bool(
        find(rules, case.inputs, case.expected, wrong)
    )


def _misconception(rules, cases, answers, failed, sentences):
    def matches(i, name):
        return _is_wrong_alike(rules, cases[i], answers[i], name)

    best, best_count = "", 0
    first, *others = failed
    for name in sentences:
        if not matches(first, name):
            continue  # before the others, whose cases may be large
        count = 1 + sum(matches(i, name) for i in others)
        if 2 * count > len(failed) and count > best_count:
            best, best_count = name, count
    return best
