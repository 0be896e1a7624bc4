"""What an author says about one exercise: `Exercise`, `Case`, `Result`."""

import ast
import inspect
import math
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

KINDS = ("float", "int", "bool")
COSTS = ("", "memory", "time")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class Result:
    """One thing that an exercise returns.

    name: how messages call it. axes: names of its axes ("nq, nk"; a leading "..."
    stands for any further ones; "" for a number). kind: "float", "int" or "bool" where
    the exercise names one, else any numeric kind counts.
    """

    name: str
    axes: str | None = None
    kind: str | None = None

    def __post_init__(self):
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"Result {self.name!r}: kind must be one of {KINDS}")

    @property
    def axis_names(self):
        return axis_names(self.axes)


def asks_reference(judge: Callable) -> bool:
    """Whether a judge of an exercise's own takes the reference's answer as well."""
    return len(inspect.signature(judge).parameters) > 2


def axis_names(axes):
    """Split "nq, nk" into ("nq", "nk"); None stays None."""
    return None if axes is None else tuple(axes.replace(",", " ").split())


@dataclass(frozen=True)
class Case:
    """One call of the probe: named inputs, in the order of its parameters.

    note: what is special about it, in words a student may read ("a masked row").
    edge: True exempts it from the rule that sizes are pairwise distinct. large: True
    keeps it out of the public cases, which ship with the notebook.
    """

    inputs: dict
    note: str = ""
    edge: bool = False
    large: bool = False


@dataclass(frozen=True)
class Variant:
    """An implementation beside the reference: a misconception or an alternative.

    cost: "memory" or "time" where its answers are right and only that is wrong.
    """

    name: str
    source: str
    sentence: str = ""
    cost: str = ""


@dataclass
class Exercise:
    """An exercise: what the student reads, what it returns, how it is graded.

    name: the function or class that the student writes. points and difficulty 1-5,
    minutes for a student who knows Python. hints: two, the second says more than the
    first. source: slide, paper, arXiv id. returns: one `Result` or a list of them.
    inputs: axes by input name ({"Q": "nq, dk"}), used to prove that sizes differ.
    rtol64 and rtol32 are both relative and absolute tolerances. seconds: the
    processor time that one grading of this exercise may take. memory: the MiB that it
    may map beyond what is mapped before the first call; None where that is not asked.
    simple: a single number or a trivial mask, where 2 misconceptions and 1 alternative
    are enough. seeds: the most seeds that `verify` draws cases from, where one call
    trains a model; None for as many as it is asked for.
    """

    name: str
    points: int
    difficulty: int
    minutes: int
    source: str
    hints: tuple[str, str]
    returns: Result | list[Result]
    inputs: dict[str, str] = field(default_factory=dict)
    rtol64: float = 1e-6
    rtol32: float = 1e-3
    seconds: float = 20.0
    memory: int | None = None
    simple: bool = False
    seeds: int | None = None

    def __post_init__(self):
        if not NAME.match(self.name):
            raise ValueError(f"exercise {self.name!r}: not a Python name")
        for label in ("points", "difficulty"):
            if getattr(self, label) not in range(1, 6):
                raise ValueError(f"exercise {self.name}: {label} must be 1 to 5")
        if len(self.hints) != 2:
            raise ValueError(f"exercise {self.name}: give two hints, the second fuller")
        self.case_maker: Callable | None = None
        self.size_maker: Callable | None = None
        self.most_growth = math.inf
        self.misconceptions: list[Variant] = []
        self.alternatives: list[Variant] = []
        self.judge_function: Callable | None = None

    @property
    def judges_alone(self) -> bool:
        """Whether its judge needs no answer of the reference's."""
        judge = self.judge_function
        return judge is not None and not asks_reference(judge)

    @property
    def trains(self) -> bool:
        """Whether it trains a model: what is so costly says with how many seeds."""
        return self.seeds is not None

    @property
    def results(self) -> list[Result]:
        """The results as a list, also where there is one."""
        return self.returns if isinstance(self.returns, list) else [self.returns]

    def cases(self, maker: Callable[..., Iterator[Case]]):
        """Decorator: the generator ``maker(rng)`` of this exercise's cases."""
        self.case_maker = maker
        return maker

    def growth(self, at_most: float):
        """Decorator: ``maker(rng)`` gives a small `Case` and a large one.

        The large one may take `at_most` times the processor time of the small one.
        Leave a wide margin on both sides: for sizes of 1 to 8, linear work gives 8,
        quadratic 64, and 20 tells them apart. Each call should take 20 ms or more.
        """

        def register(maker):
            self.size_maker, self.most_growth = maker, at_most
            return maker

        return register

    def misconception(self, sentence: str, cost: str = ""):
        """Decorator: a wrong implementation and the sentence its author reads.

        cost: "memory" or "time" where it answers right, but at too high a cost; it is
        then never run outside of the sandbox.
        """
        if cost not in COSTS:
            raise ValueError(f"exercise {self.name}: cost must be one of {COSTS}")

        def register(implementation):
            self.misconceptions.append(_variant(implementation, sentence, cost))
            return implementation

        return register

    def alternative(self, implementation):
        """Decorator: a right implementation that is written differently."""
        self.alternatives.append(_variant(implementation))
        return implementation

    def judge(self, function: Callable):
        """Decorator: ``function(inputs, got, expected)`` returns None or a complaint.

        It replaces the comparison of values where many answers are right. It sees one
        case's inputs, the student's output and the reference's, and must be
        self-contained (imports inside), since it ships with the public cases. A judge
        of two parameters, ``function(inputs, got)``, goes by behaviour alone: reference
        and misconceptions are then never run for the cases, and the complaint itself
        holds a misconception's sentence.
        """
        self.judge_function = function
        return function

    def make_cases(self, rng) -> list[Case]:
        """Draw the cases from `rng`; raises ValueError when there are none."""
        if self.case_maker is None:
            raise ValueError(f"exercise {self.name}: no cases; add @{self.name}.cases")
        return list(self.case_maker(rng))


def _variant(implementation, sentence="", cost=""):
    source = definition_source(implementation)
    return Variant(implementation.__name__, source, sentence, cost)


def definition_source(implementation):
    """Return the source of a function or class without its decorators."""
    source = textwrap.dedent(inspect.getsource(implementation))
    node = ast.parse(source).body[0]
    return "\n".join(source.splitlines()[node.lineno - 1 :]) + "\n"
