"""The default judge: compares one answer with the reference's, in a fixed order.

missing -> error -> must raise -> type -> structure -> shape -> NaN -> values -> inputs.
The first thing that differs becomes a `Finding`. Its `text` holds no value of a case
and may be shown after grading; its `detail` holds values and is for public cases only.
"""

import builtins
from dataclasses import dataclass

import numpy as np

from autograder.checking.calling import Answer
from autograder.checking.exercise import Exercise, Result, asks_reference
from autograder.checking.values import Opaque

COARSE = frozenset(map(np.dtype, ("float16", "float32", "complex64")))
KIND_OF = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex"}
ARTICLE = {"float": "floats", "int": "integers", "bool": "booleans"}
MAX_LINE, MAX_COUNT = 999, 99


@dataclass(frozen=True)
class Finding:
    """The first thing that is wrong with an answer, or why it could not be judged.

    blind: what to say instead of `text` where no value of a case may show; an answer
    can hide one in the name of an exception or of a type.
    """

    stage: str
    text: str
    detail: str = ""
    blind: str = ""


@dataclass(frozen=True)
class Rules:
    """What the judge must know of an exercise, without its cases or variants."""

    results: tuple[Result, ...]
    several: bool
    rtol64: float = 1e-6
    rtol32: float = 1e-3
    judge_function: object = None

    @classmethod
    def of(cls, exercise: Exercise):
        """The rules of an author's exercise."""
        several = isinstance(exercise.returns, list)
        return cls(
            tuple(exercise.results),
            several,
            exercise.rtol64,
            exercise.rtol32,
            exercise.judge_function,
        )


def find(rules: Rules, inputs: dict, expected: Answer, got: Answer, note=""):
    """Return the first `Finding` about `got`, or None when it is right."""
    return (
        _find_raised(expected, got, note)
        or (None if expected.raised else _find_value(rules, inputs, expected, got))
        or _find_changed(expected, got)
    )


def alike(rules: Rules, inputs: dict, a: Answer, b: Answer) -> bool:
    """Whether two answers are the same for one who looks for a misconception."""
    if a.raised or b.raised:
        return (
            bool(a.raised and b.raised)
            and a.raised.kind == b.raised.kind
            and a.raised.message == b.raised.message
        )
    if a.changed != b.changed:
        return False
    one, other = _leaves(rules, a.value), _leaves(rules, b.value)
    if one is None or other is None:
        return a.value is None and b.value is None
    tolerance = _tolerance(rules, inputs, one)
    return all(
        x.shape == y.shape
        and (result.kind is None or x.dtype.kind == y.dtype.kind)
        and bool(_close(x, y, tolerance).all())
        for result, x, y in zip(rules.results, one, other, strict=True)
    )


# --- the stages -----------------------------------------------------------------


def _find_raised(expected, got, note):
    because = f" for {note}" if note else " for these inputs"
    if got.raised and got.raised.is_missing:
        return Finding("missing", "Not implemented yet: NotImplementedError.")
    if expected.raised:
        if got.raised and got.raised.is_value_error:
            return None
        does = f"raises {got.raised.kind}" if got.raised else "returns a value"
        kind = _known(got.raised.kind, "another exception") if got.raised else ""
        blind = f"raises {kind}" if kind else does
        words = f"Raise a ValueError{because}; your function"
        return Finding(
            "raise", f"{words} {does} instead.", "", f"{words} {blind} instead."
        )
    if got.raised and got.raised.kind == "MemoryError":
        return Finding("limit", "Your code asked for more memory than it may have.")
    if got.raised:
        line = got.raised.line
        where = f", line {line}" if 0 < line <= MAX_LINE else ""
        blind = f"Your code raised {_known(got.raised.kind, 'an exception')}{where}"
        if got.raised.text:
            where += f": {got.raised.text}"
        text = f"Your code raised {got.raised.kind}{where}"
        return Finding("error", text, got.raised.message, blind)
    return None


def _known(name, otherwise):
    """A name of Python's own; one that the student made may spell a value."""
    is_python = isinstance(getattr(builtins, name, None), type) or name == "NoneType"
    return name if is_python else otherwise


def _count(number):
    """A count as it may be shown; a large one may spell a value."""
    return str(number) if number <= MAX_COUNT else f"more than {MAX_COUNT}"


def _find_value(rules, inputs, expected, got):
    if rules.judge_function is not None:
        return _find_by_judge(rules.judge_function, inputs, expected, got)
    wanted = _leaves(rules, expected.value)
    if wanted is None:
        raise TypeError("the reference returns something that cannot be judged")
    return (
        _find_type(rules, got.value)
        or _find_structure(rules, got.value)
        or _find_in_leaves(rules, inputs, wanted, got.value)
    )


def _find_by_judge(judge, inputs, expected, got):
    answers = (got.value, expected.value) if asks_reference(judge) else (got.value,)
    try:
        complaint = judge(inputs, *answers)
    except Exception as error:  # the answer is not even of the form it expects
        return Finding("type", f"Your answer cannot be read ({type(error).__name__}).")
    return Finding("values", str(complaint)) if complaint else None


def _find_type(rules, value):
    names = ", ".join(result.name for result in rules.results)
    if value is None:
        return Finding("type", f"Your function returned None; return {names}.")
    for item in value if isinstance(value, (tuple, list)) else [value]:
        if isinstance(item, (Opaque, str, dict)) or item is None:
            name = item.type_name if isinstance(item, Opaque) else type(item).__name__
            words = "Your function returned a"
            blind = f"{words} {_known(name, 'thing of another type')}, not {names}."
            return Finding("type", f"{words} {name}, not {names}.", "", blind)
    return None


def _find_structure(rules, value):
    if rules.several:
        count = len(rules.results)
        names = ", ".join(result.name for result in rules.results)
        if not isinstance(value, (tuple, list)):
            return Finding(
                "structure", f"Return {count} results, {names}; you returned one."
            )
        if len(value) != count:
            text = (
                f"Return {count} results, {names}; you returned {_count(len(value))}."
            )
            return Finding("structure", text)
    for result, item in zip(rules.results, _items(rules, value), strict=True):
        if _numbers(item) is None:
            text = f"{result.name} must be one array of numbers; its rows differ."
            if isinstance(item, tuple):
                returned = f"{_count(len(item))} results"
                text = f"Return {result.name} alone; you returned {returned}."
            return Finding("structure", text)
    return None


def _find_in_leaves(rules, inputs, wanted, value):
    leaves = _leaves(rules, value)
    tolerance = _tolerance(rules, inputs, leaves)
    pairs = list(zip(rules.results, wanted, leaves, strict=True))
    for find_one in (_find_kind, _find_shape, _find_not_finite):
        for result, want, got in pairs:
            finding = find_one(result, want, got)
            if finding:
                return finding
    for result, want, got in pairs:
        finding = _find_difference(result, want, got, tolerance)
        if finding:
            return finding
    return None


def _find_kind(result, want, got):
    kind = KIND_OF.get(got.dtype.kind, "int")
    if kind == result.kind or (got.size == 0 and got.dtype == np.float64):
        return None
    if result.kind is None and (kind in ("int", "float") or want.dtype.kind == "b"):
        return None
    wanted = ARTICLE.get(result.kind, "real numbers")
    return Finding(
        "type", f"{result.name} must hold {wanted}, not {got.dtype.name} values."
    )


def _find_shape(result, want, got):
    if got.shape == want.shape:
        return None
    named = ""
    axes = result.axis_names
    if axes and (axes[0] == "..." or len(axes) == want.ndim):
        named = f" = ({', '.join(axes)})"
    name, expected = f"Shape of {result.name}: ", f"expected {want.shape}{named}."
    text = f"{name}got {got.shape}, {expected}"
    # sizes of one's own can spell a value
    is_plain = got.ndim <= want.ndim + 1 and {*got.shape} <= {1, *want.shape}
    return Finding("shape", text, "", text if is_plain else name + expected)


def _find_not_finite(result, want, got):
    if got.dtype.kind != "f":
        return None
    bad = ~np.isfinite(got) & (np.isfinite(want) if want.dtype.kind == "f" else True)
    if not bad.any():
        return None
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    name = "NaN" if np.isnan(got[index]) else "infinity"
    text = f"{result.name} holds {name} in {int(bad.sum())} of {bad.size} entries."
    return Finding("finite", text, _at(result, index, want, got))


def _find_difference(result, want, got, tolerance):
    wrong = ~_close(got, want, tolerance)
    if not wrong.any():
        return None
    if not wrong.ndim:
        return Finding("values", f"{result.name} is wrong.", _at(result, (), want, got))
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    text = f"{int(wrong.sum())} of {wrong.size} entries of {result.name} are wrong."
    return Finding("values", text, _at(result, index, want, got))


def _find_changed(expected, got):
    changed = [name for name in got.changed if name not in expected.changed]
    if not changed:
        return None
    names = ", ".join(changed)
    return Finding(
        "inputs", f"Your function changed its argument {names}; work on a copy."
    )


# --- the numbers ----------------------------------------------------------------


def _items(rules, value):
    return list(value) if rules.several else [value]


def _leaves(rules, value):
    """The results as arrays, or None where they are not the right number of arrays."""
    if rules.several and not isinstance(value, (tuple, list)):
        return None
    leaves = [_numbers(item) for item in _items(rules, value)]
    if len(leaves) != len(rules.results) or any(leaf is None for leaf in leaves):
        return None
    return leaves


def _numbers(item):
    """An array from an array, a number or nested lists of numbers; else None."""
    if isinstance(item, np.ndarray):
        return item
    if item is None or isinstance(item, (str, dict, Opaque)):
        return None
    try:
        array = np.asarray(item)
    except (ValueError, TypeError):
        return None
    big = array.dtype.kind == "O" and type(item) is int
    return array if array.dtype.kind in KIND_OF or big else None


def _tolerance(rules, inputs, leaves):
    coarse = any(array.dtype in COARSE for array in leaves) or any(
        isinstance(value, np.ndarray) and value.dtype in COARSE
        for value in inputs.values()
    )
    return rules.rtol32 if coarse else rules.rtol64


def _close(got, want, tolerance):
    """Elementwise: equal integers, floats within rtol = atol = `tolerance`."""
    kinds = {got.dtype.kind, want.dtype.kind}
    if kinds <= set("biu") or "O" in kinds:  # O holds an integer beyond 64 bits
        return np.asarray(got == want)
    wide = complex if "c" in kinds else float
    got, want = got.astype(wide, copy=False), want.astype(wide, copy=False)
    with np.errstate(all="ignore"):
        # as numpy.isclose does it with equal_nan, in a fifth of the time where arrays
        # are small
        near = np.abs(got - want) <= tolerance + tolerance * np.abs(want)
        near = near & np.isfinite(want) | (got == want)
        return np.asarray(near | (np.isnan(got) & np.isnan(want)))


def _at(result, index, want, got):
    place = f"[{', '.join(map(str, index))}]" if index else ""
    return (
        f"{result.name}{place}: got {_show(got[index])}, expected {_show(want[index])}"
    )


def _show(number):
    number = number.item() if hasattr(number, "item") else number
    return f"{number:.6g}" if isinstance(number, float) else str(number)
