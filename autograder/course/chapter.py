"""One chapter: its exercises, its source notebook, what its reference answers."""

import dataclasses
import hashlib
import importlib.util
import linecache
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from autograder.checking.calling import Answer, call, remember_source
from autograder.checking.check import recording
from autograder.checking.exercise import Case, Exercise, Variant
from autograder.checking.judge import Rules
from autograder.checking.verdict import (
    LIMIT,
    PASSED,
    WRONG,
    JudgedCase,
    Verdict,
    decide,
)
from autograder.course.source import grade_id, is_demo, read_source
from autograder.problems import Problem

PUBLIC_SEED = 2021
TOO_SLOW = "The answers are right, but their time grows too fast with their size."


@dataclass(frozen=True)
class Chapter:
    """A folder of solutions/: ``notebook.py`` and ``checks.py``."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def version(self) -> str:
        """Changes whenever the chapter's exercises or checks change."""
        digest = hashlib.sha256()
        checks = self.folder / "checks.py"
        for path in (self.folder / "notebook.py", checks, *_from_book(checks)):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """The exercises that checks.py defines, in order."""
        module = _import_checks(self.folder)
        found = [v for v in vars(module).values() if isinstance(v, Exercise)]
        if not found:
            raise Problem(f"{self.folder / 'checks.py'} defines no Exercise")
        return {exercise.name: exercise for exercise in found}

    @cached_property
    def source(self):
        """nbgrader's source notebook, solutions included."""
        return read_source(self.folder / "notebook.py", self.exercises)

    def solution(self, name) -> str:
        """The reference solution of an exercise, without nbgrader's marks around it."""
        (source,) = (cell.source for cell in self.source.cells if cell.id == name)
        lines = source.splitlines()
        return "\n".join(line for line in lines if " SOLUTION" not in line)

    @property
    def points(self) -> float:
        return sum(exercise.points for exercise in self.exercises.values())

    @cached_property
    def reference(self) -> "Reference":
        """The executed reference solutions."""
        return Reference(self)

    def rules(self, name) -> Rules:
        """What the judge must know of one exercise."""
        return Rules.of(self.exercises[name])

    def sentences(self, name) -> dict[str, str]:
        """The sentence of each misconception that answers tell, by its name."""
        return {v.name: v.sentence for v in self._comparable(name)}

    def _comparable(self, name):
        """The misconceptions that answers are compared with."""
        exercise = self.exercises[name]
        return [
            v
            for v in exercise.misconceptions
            if not v.cost and not exercise.judges_alone
        ]

    def cost_sentence(self, name, cost) -> str:
        """The sentence for answers that cost too much "memory" or "time", else ""."""
        wrong = self.exercises[name].misconceptions
        return next((v.sentence for v in wrong if v.cost == cost), "")

    def draw(self, name, seed) -> list[Case]:
        """The cases of one exercise, without answers; other exercises do not matter."""
        rng = np.random.default_rng([seed, *name.encode()])
        return self.exercises[name].make_cases(rng)

    def cases(self, name, seed) -> list[JudgedCase]:
        """The cases of one exercise, drawn from `seed`, with all expected answers."""
        return self._answered(name, self.draw(name, seed))

    def public_cases(self, name) -> list[JudgedCase]:
        """The cases that ship with the notebook."""
        drawn = self.draw(name, PUBLIC_SEED)
        return self._answered(name, [case for case in drawn if not case.large])

    def _answered(self, name, drawn):
        if self.exercises[name].judges_alone:
            return [JudgedCase(c.inputs, c.note, Answer(), {}) for c in drawn]
        probe = self.reference.probe
        probes = {v.name: probe(name, v) for v in self._comparable(name)}
        return [_judged(case, probe(name), probes) for case in drawn]

    def sizes(self, name, seed) -> tuple[dict, dict] | None:
        """The inputs of a small and a large call, None where time is not compared."""
        exercise = self.exercises[name]
        if exercise.size_maker is None:
            return None
        rng = np.random.default_rng([seed, *name.encode()])
        small, large = exercise.size_maker(rng)
        return small.inputs, large.inputs

    def decide(self, name, cases, answers, growth=None) -> Verdict:
        """The verdict on one exercise's answers to `cases`.

        growth: how many times as long the larger of two sizes took, if measured.
        """
        exercise, sentences = self.exercises[name], self.sentences(name)
        rules = self.rules(name)
        verdict = decide(name, exercise.points, rules, cases, sentences, answers)
        if verdict.outcome == LIMIT:
            sentence = self.cost_sentence(name, "memory")
            return dataclasses.replace(verdict, sentence=sentence)
        if verdict.outcome == PASSED and (growth or 0) > exercise.most_growth:
            sentence = self.cost_sentence(name, "time")
            return Verdict(name, WRONG, exercise.points, TOO_SLOW, sentence)
        return _named_by_judge(verdict, exercise.misconceptions)


def _named_by_judge(verdict, misconceptions) -> Verdict:
    """The same; a misconception whose sentence is in a judge's complaint is named."""
    for known in misconceptions if not verdict.sentence else ():
        if known.sentence in verdict.message:
            rest = " ".join(verdict.message.replace(known.sentence, " ").split())
            return dataclasses.replace(
                verdict, message=rest, sentence=known.sentence, misconception=known.name
            )
    return verdict


class Reference:
    """The chapter's notebook with its reference solutions, run in this process."""

    def __init__(self, chapter: Chapter):
        self._chapter = chapter
        self._tests = {}
        self.namespace = {"__name__": "__main__"}
        with recording() as self._probes:
            for cell in chapter.source.cells:
                if cell.cell_type == "code" and not is_demo(cell):
                    self._run_cell(cell)

    def _run_cell(self, cell):
        name = grade_id(cell)
        if name.startswith("test_"):
            self._tests[name.removeprefix("test_")] = cell.source
        _execute(cell.source, f"<{self._chapter.name} {cell.id}>", self.namespace)

    def probe(self, name, variant: Variant | None = None):
        """The probe of an exercise, with a variant in place of its reference."""
        if name not in self._probes:
            raise Problem(
                f"{self._chapter.folder / 'notebook.py'}: the test cell of {name!r} "
                f'never calls check("{name}", ...)'
            )
        if variant is None:
            return self._probes[name]
        namespace = dict(self.namespace)
        _execute(replacement(name, variant), f"<{name} {variant.name}>", namespace)
        with recording() as probes:
            _execute(self._tests[name], f"<test {name}>", namespace)
        return probes[name]


def replacement(name, variant: Variant) -> str:
    """The solution cell that puts a variant in the place of exercise `name`."""
    head = re.compile(rf"^(def|class) {variant.name}\b", re.MULTILINE)
    return head.sub(rf"\1 {name}", variant.source, count=1)


def _execute(source, filename, namespace):
    remember_source(filename, source)
    exec(compile(source, filename, "exec"), namespace)


def _judged(case, reference, wrong):
    expected = _call(reference, case.inputs)
    if expected.raised and not expected.raised.is_value_error:
        raise Problem(
            f"the reference raised {expected.raised.kind} ({expected.raised.message}) "
            f"for the case {case.note or list(case.inputs)}"
        )
    return JudgedCase(case.inputs, case.note, expected, WhenAsked(case.inputs, wrong))


def _call(probe, inputs):
    """`call` without NumPy's warnings: what a misconception divides by is meant."""
    with np.errstate(all="ignore"):
        return call(probe, inputs)


class WhenAsked(Mapping):
    """The answers of misconceptions by name, each computed once, when it is looked at.

    A class that answers right never asks, and large cases take long.
    """

    def __init__(self, inputs: dict, probes: dict):
        self._inputs = inputs
        self._probes = probes
        self._answers: dict[str, Answer] = {}

    def __getitem__(self, name):
        if name not in self._answers:
            self._answers[name] = _call(self._probes[name], self._inputs)
        return self._answers[name]

    def __iter__(self):
        return iter(self._probes)

    def __len__(self):
        return len(self._probes)


def _import_checks(folder):
    path = folder / "checks.py"
    name = f"_checks_{folder.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inspect.getsource looks it up there
    linecache.checkcache(str(path))  # and must not see an older version of the file
    book = str(_book(folder))
    sys.path.insert(0, book)
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:
        raise Problem(f"{path} is missing; every chapter has one") from None
    finally:
        sys.path.remove(book)
    return module


def _book(folder):
    """Where the modules stand that pages and checks share."""
    return folder.parents[1] / "book"


def _from_book(checks):
    """The modules of the book that a checks.py imports by name."""
    if not checks.is_file():
        return []
    words = re.findall(r"^(?:import|from) (\w+)", checks.read_text("utf-8"), re.M)
    paths = [_book(checks.parent) / f"{word}.py" for word in words]
    return sorted(path for path in paths if path.is_file())
