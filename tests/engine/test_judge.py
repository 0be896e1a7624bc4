"""The judge: what it says, in which order, and what it must not hold against anyone."""

import numpy as np
import pytest

from autograder.checking.calling import Answer, Raised
from autograder.checking.exercise import Result
from autograder.checking.judge import Rules, find
from autograder.checking.values import Opaque

ROWS = Rules((Result("A", "n, d", kind="float"),), several=False)
PAIR = Rules((Result("value", ""), Result("index", "", kind="int")), several=True)
NUMBER = Rules((Result("count", "", kind="int"),), several=False)
FREE = Rules((Result("y"),), several=False)
WANT = np.array([[0.25, 0.25, 0.5], [0.75, 0.25, 0.0]])


def finding(rules, expected, got, inputs=None, note=""):
    """The finding about an answer; a bare value stands for an answer that is one."""
    expected, got = (a if isinstance(a, Answer) else Answer(a) for a in (expected, got))
    return find(rules, inputs or {}, expected, got, note)


def raising(kind, message="", **more):
    return Answer(raised=Raised(kind, message, **more))


def changed(array, value, *index):
    array = array.copy()
    array[index] = value
    return array


# --- the words ------------------------------------------------------------------

MESSAGES = [
    (
        ROWS,
        raising("NotImplementedError", is_missing=True),
        ("missing", "Not implemented yet: NotImplementedError.", ""),
    ),
    (
        ROWS,
        raising("KeyError", "'a'", line=3, text="d['a']"),
        ("error", "Your code raised KeyError, line 3: d['a']", "'a'"),
    ),
    (ROWS, None, ("type", "Your function returned None; return A.", "")),
    (ROWS, "a", ("type", "Your function returned a str, not A.", "")),
    (ROWS, {"A": WANT}, ("type", "Your function returned a dict, not A.", "")),
    (ROWS, Opaque("range"), ("type", "Your function returned a range, not A.", "")),
    (ROWS, WANT > 0, ("type", "A must hold floats, not bool values.", "")),
    (ROWS, WANT * 1j, ("type", "A must hold floats, not complex128 values.", "")),
    (
        ROWS,
        (WANT, WANT),
        ("shape", "Shape of A: got (2, 2, 3), expected (2, 3) = (n, d).", ""),
    ),
    (
        ROWS,
        (WANT, 1.0),
        ("structure", "Return A alone; you returned 2 results.", ""),
    ),
    (
        ROWS,
        [[1.0], [1.0, 2.0]],
        ("structure", "A must be one array of numbers; its rows differ.", ""),
    ),
    (ROWS, WANT.T, ("shape", "Shape of A: got (3, 2), expected (2, 3) = (n, d).", "")),
    (ROWS, 1.5, ("shape", "Shape of A: got (), expected (2, 3) = (n, d).", "")),
    (
        ROWS,
        changed(WANT, np.nan, 1),
        ("finite", "A holds NaN in 3 of 6 entries.", "A[1, 0]: got nan, expected 0.75"),
    ),
    (
        ROWS,
        changed(WANT, -np.inf, 0, 2),
        (
            "finite",
            "A holds infinity in 1 of 6 entries.",
            "A[0, 2]: got -inf, expected 0.5",
        ),
    ),
    (
        ROWS,
        changed(WANT, 9, slice(None), 1),
        (
            "values",
            "2 of 6 entries of A are wrong.",
            "A[0, 1]: got 9, expected 0.25",
        ),
    ),
    (
        ROWS,
        Answer(WANT, changed=("X", "y")),
        ("inputs", "Your function changed its argument X, y; work on a copy.", ""),
    ),
    (
        PAIR,
        5.0,
        ("structure", "Return 2 results, value, index; you returned one.", ""),
    ),
    (
        PAIR,
        (5.0, 2, 1),
        ("structure", "Return 2 results, value, index; you returned 3.", ""),
    ),
    (
        PAIR,
        (5.0, None),
        ("type", "Your function returned a NoneType, not value, index.", ""),
    ),
    (PAIR, (5.0, 2.0), ("type", "index must hold integers, not float64 values.", "")),
    (PAIR, (4.0, 2), ("values", "value is wrong.", "value: got 4, expected 5")),
    (
        PAIR,
        (np.array([5.0]), 2),
        ("shape", "Shape of value: got (1,), expected ().", ""),
    ),
]


@pytest.mark.parametrize(("rules", "got", "words"), MESSAGES)
def test_the_message_says_what_is_wrong(rules, got, words):
    want = WANT if rules is ROWS else (5.0, 2)
    found = finding(rules, want, got)
    assert (found.stage, found.text, found.detail) == words


def test_axes_are_named_where_any_may_stand_before():
    rules = Rules((Result("O", "..., nq, dv"),), several=False)
    found = finding(rules, np.zeros((2, 4, 3)), np.zeros((2, 3, 4)))
    assert found.text == (
        "Shape of O: got (2, 3, 4), expected (2, 4, 3) = (..., nq, dv)."
    )


def test_axes_are_not_named_where_their_number_differs():
    assert (
        finding(FREE, WANT, WANT.T).text == "Shape of y: got (3, 2), expected (2, 3)."
    )


def test_only_the_detail_holds_values():
    found = finding(ROWS, WANT + 0.123456, WANT + 0.654321)
    assert "0.9" in found.detail
    assert not any(digit in found.text for digit in ("0.9", "0.3", "123", "654"))


@pytest.mark.parametrize(
    ("got", "blind"),
    [
        (raising("E0.25"), "Your code raised an exception"),
        (raising("KeyError"), "Your code raised KeyError"),
        (Opaque("T0.25"), "Your function returned a thing of another type, not A."),
        ([None], "Your function returned a NoneType, not A."),
    ],
)
def test_a_name_that_may_spell_a_value_has_words_without_it(got, blind):
    found = finding(ROWS, WANT, got)
    assert found.blind == blind
    assert "0.25" not in found.blind


def test_what_should_raise_and_raises_another_hides_its_name():
    want = raising("ValueError", is_value_error=True)
    assert "E0.25" in finding(ROWS, want, raising("E0.25")).text
    assert "another exception" in finding(ROWS, want, raising("E0.25")).blind


# --- the order ------------------------------------------------------------------

IN_ORDER = [
    ("missing", ROWS, raising("NotImplementedError", is_missing=True)),
    ("type", ROWS, [None]),
    ("type", ROWS, WANT.T > 0),
    ("shape", ROWS, np.full((3, 2), np.nan)),
    ("finite", ROWS, changed(changed(WANT, 7, 0, 0), np.nan, 1, 1)),
    ("values", ROWS, Answer(WANT + 1, changed=("X",))),
    ("type", PAIR, (None, None, None)),
    ("structure", PAIR, (np.zeros(3), 2, 2)),
    ("type", PAIR, (np.zeros(3), 2.5)),
    ("shape", PAIR, (np.nan, np.array([2]))),
    ("finite", PAIR, (np.nan, 7)),
]


@pytest.mark.parametrize(("stage", "rules", "got"), IN_ORDER)
def test_the_first_stage_that_fails_speaks(stage, rules, got):
    want = WANT if rules is ROWS else (5.0, 2)
    assert finding(rules, want, got).stage == stage


def test_the_first_result_that_differs_is_named():
    assert "value" in finding(PAIR, (5.0, 2), (4.0, 3)).text
    assert "index" in finding(PAIR, (5.0, 2), (5.0, 3)).text


# --- what must raise ------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ValueError", "UnicodeError", "Mine"])
def test_any_value_error_counts(kind):
    want = raising("ValueError", "x is empty", is_value_error=True)
    got = raising(kind, "other words", is_value_error=True)
    assert finding(ROWS, want, got) is None


@pytest.mark.parametrize(
    ("got", "does"),
    [
        (Answer(WANT), "returns a value"),
        (Answer(None), "returns a value"),
        (raising("TypeError"), "raises TypeError"),
    ],
)
def test_another_error_or_a_value_does_not(got, does):
    want = raising("ValueError", is_value_error=True)
    found = finding(ROWS, want, got, note="an empty array")
    assert found.stage == "raise"
    assert found.text == (
        f"Raise a ValueError for an empty array; your function {does} instead."
    )
    assert "for these inputs" in finding(ROWS, want, got).text


def test_a_value_error_where_none_is_due_is_an_error():
    got = raising("ValueError", "no", is_value_error=True)
    assert finding(ROWS, WANT, got).stage == "error"


def test_not_implemented_stays_missing_where_an_error_is_due():
    want = raising("ValueError", is_value_error=True)
    got = raising("NotImplementedError", is_missing=True)
    assert finding(ROWS, want, got).stage == "missing"


def test_an_input_changed_before_raising_is_found():
    want = raising("ValueError", is_value_error=True)
    got = Answer(raised=want.raised, changed=("X",))
    assert finding(ROWS, want, got).stage == "inputs"


def test_what_the_reference_changes_may_change():
    want = Answer(WANT, changed=("rng",))
    assert finding(ROWS, want, Answer(WANT, changed=("rng",))) is None
    assert finding(ROWS, want, Answer(WANT, changed=("rng", "X"))).stage == "inputs"


# --- fairness -------------------------------------------------------------------

FAIR = {
    "float32": (ROWS, WANT, WANT.astype(np.float32)),
    "float16": (ROWS, WANT, WANT.astype(np.float16)),
    "rounding": (ROWS, WANT, WANT * (1 + 1e-9) + 1e-12),
    "a list of lists": (ROWS, WANT, WANT.tolist()),
    "a list of arrays": (ROWS, WANT, [WANT[0], WANT[1]]),
    "a tuple of rows": (ROWS, WANT, tuple(WANT)),
    "minus zero": (ROWS, WANT * 0, -WANT * 0),
    "a list for a tuple": (PAIR, (5.0, 2), [5.0, 2]),
    "a tuple for a list": (PAIR, [5.0, 2], (5.0, 2)),
    "NumPy scalars": (PAIR, (5.0, 2), (np.float64(5), np.int32(2))),
    "arrays without axes": (PAIR, (5.0, 2), (np.array(5.0), np.array(2))),
    "an int for a number": (PAIR, (5.0, 2), (5, 2)),
    "a float for a number": (FREE, 5, 5.0),
    "unsigned integers": (FREE, np.array([1, 2]), np.array([1, 2], np.uint8)),
    "numbers for booleans": (FREE, np.array([True, False]), [1, 0]),
    "an empty list": (FREE, np.zeros(0, int), []),
    "infinity where it is due": (FREE, np.array([-np.inf]), [-float("inf")]),
    "NaN where it is due": (FREE, np.array([np.nan]), [float("nan")]),
    "integers beyond 2**64": (NUMBER, 2**70, 2**70),
}


@pytest.mark.parametrize(("rules", "want", "got"), FAIR.values(), ids=FAIR)
def test_a_right_answer_in_another_form_passes(rules, want, got):
    assert finding(rules, want, got) is None


@pytest.mark.parametrize(
    ("off", "want", "got", "inputs"),
    [
        (1e-7, WANT, np.float64, {}),
        (1e-4, WANT, np.float32, {}),
        (1e-4, WANT.astype(np.float32), np.float64, {"X": np.zeros(1, np.float32)}),
    ],
    ids=["float64", "float32 answer", "float32 case"],
)
def test_tolerance_goes_by_the_coarser_precision(off, want, got, inputs):
    near = (want.astype(float) * (1 + off) + off).astype(got)
    far = (want.astype(float) * (1 + 100 * off) + 100 * off).astype(got)
    assert finding(ROWS, want, near, inputs) is None
    assert finding(ROWS, want, far, inputs).stage == "values"


def test_an_exercise_may_set_its_own_tolerance():
    loose = Rules((Result("A"),), several=False, rtol64=0.1)
    assert finding(loose, 1.0, 1.05) is None
    assert finding(loose, 1.0, 1.3).stage == "values"


@pytest.mark.parametrize("wrong", [2**53, np.int64(2**53), np.array(2**53, np.uint64)])
def test_exact_integers_are_compared_exactly(wrong):
    assert finding(NUMBER, 2**53 + 1, wrong).stage == "values"
    assert finding(FREE, np.array([2**53 + 1]), np.array([2**53])).stage == "values"
    assert finding(NUMBER, 2**53 + 1, np.int64(2**53 + 1)) is None


def test_a_whole_float_is_no_exact_integer():
    assert finding(NUMBER, 2**53 + 1, float(2**53)).stage == "type"


def test_all_zeros_do_not_pass():
    assert finding(ROWS, WANT, np.zeros_like(WANT)).stage == "values"


@pytest.mark.parametrize("want", [1.5, np.array(2.0)])
def test_a_huge_integer_is_only_wrong(want):
    assert finding(FREE, want, 2**2000).stage == "values"
