"""Calling an answer: copies go in, values or a described exception come out."""

import functools

import numpy as np
import pytest

from autograder.checking.calling import (
    Answer,
    Raised,
    call,
    describe,
    remember_source,
    same,
)
from autograder.checking.values import Opaque

X = np.array([[1.0, 2.0], [3.0, np.nan]])


def function_from(source, filename="<cell answer>"):
    """The function `f` of a cell's source."""
    remember_source(filename, source)
    namespace = {"np": np}
    exec(compile(source, filename, "exec"), namespace)
    return namespace["f"]


def raised_by(source, *arguments):
    inputs = {f"x{i}": argument for i, argument in enumerate(arguments)}
    return call(function_from(source), inputs).raised


# --- how inputs reach a probe ---------------------------------------------------


@pytest.mark.parametrize(
    "probe",
    [
        lambda a, b: a - b,
        lambda first, second: first - second,
        lambda a, b, scale=1: (a - b) * scale,
        lambda *numbers: numbers[0] - numbers[1],
        lambda a, b, *rest, **named: a - b + len(rest) + len(named),
        functools.partial(lambda c, a, b: c + a - b, 0),
    ],
    ids=["as given", "renamed", "an option more", "star", "all kinds", "partial"],
)
def test_inputs_go_by_order_and_not_by_name(probe):
    assert call(probe, {"a": 7, "b": 2}) == Answer(5)


def test_what_has_a_call_method_is_a_probe():
    class Module:
        def __call__(self, x):
            return x + 1

    assert call(Module(), {"x": 1}).value == 2


def test_no_probe_sees_the_inputs_themselves():
    inputs = {"X": X.copy(), "parts": [np.zeros(2), (np.ones(1),)], "more": {"a": X}}
    kept = []
    call(lambda *arguments: kept.extend(arguments), inputs)
    assert same(inputs, dict(zip(inputs, kept, strict=True)))
    assert kept[0] is not inputs["X"]
    assert not np.shares_memory(kept[1][1][0], inputs["parts"][1][0])
    assert not np.shares_memory(kept[2]["a"], inputs["more"]["a"])


def test_a_view_of_an_input_is_a_value_of_its_own():
    kept = []

    def f(values):
        kept.append(values)
        return values[:2]

    answer = call(f, {"x": np.arange(4.0)})
    kept[0][:] = 9
    assert answer.value.tolist() == [0, 1]
    assert answer.changed == ()


# --- changed inputs -------------------------------------------------------------


def clear(thing):
    thing.clear()


def resize(array):
    array.resize(1, refcheck=False)


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (X, lambda a: a.__setitem__((0, 0), 9)),
        (X, lambda a: a.__setitem__((1, 1), 0)),
        (np.array([0.0]), np.negative),
        (X, lambda a: np.exp(a, out=a)),
        (X, resize),
        ([1, 2], lambda a: a.append(3)),
        ([1, 2], clear),
        ([[1], [2]], lambda a: a[1].append(3)),
        ((np.zeros(1),), lambda a: a[0].__iadd__(1)),
        ({"a": 1}, clear),
    ],
    ids="entry NaN minus out size longer empty inner tuple dict".split(),
)
def test_a_changed_input_is_found(value, change):
    def f(other, thing):
        change(thing) if change is not np.negative else change(thing, out=thing)

    assert call(f, {"other": 1, "thing": value}).changed == ("thing",)


@pytest.mark.parametrize("value", [X, np.array([]), [X, (1, np.nan)], float("nan"), {}])
def test_an_input_that_stays_is_not_changed(value):
    assert call(lambda thing: None, {"thing": value}).changed == ()


def test_a_change_is_found_where_the_answer_raised():
    def f(x):
        x[0] = 1
        raise ValueError("no")

    answer = call(f, {"x": np.zeros(2)})
    assert answer.changed == ("x",)
    assert answer.raised.is_value_error


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros(2), np.zeros(2, np.float32)),
        (np.zeros(2), np.zeros(2, int)),
        (np.zeros(2), np.zeros((2, 1))),
        (np.zeros(1), -np.zeros(1)),
        (np.zeros(1), [0.0]),
        ([1], (1,)),
        ([1], [1, 1]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, [1]),
        (1, 1.0),
        (1, True),
        ("1", 1),
    ],
)
def test_what_differs_is_not_the_same(a, b):
    assert not same(a, b)
    assert not same(b, a)


# --- exceptions -----------------------------------------------------------------


def test_what_was_raised_is_described():
    source = "def f(x):\n    y = x + 1\n    raise ValueError(f'{y} is wrong')\n"
    assert raised_by(source, 1) == Raised(
        "ValueError", "2 is wrong", True, False, 3, "raise ValueError(f'{y} is wrong')"
    )


def test_the_line_is_the_students_and_not_a_librarys():
    source = (
        "def helper(a):\n    return np.linalg.inv(a)\n\ndef f(a):\n    return helper(a)"
    )
    raised = raised_by(source, np.zeros((2, 2)))
    assert (raised.kind, raised.line) == ("LinAlgError", 2)
    assert raised.text == "return np.linalg.inv(a)"
    assert raised.is_value_error


def test_a_subclass_of_value_error_counts():
    raised = raised_by("class Mine(ValueError): pass\ndef f(): raise Mine('x')")
    assert raised.kind == "Mine"
    assert raised.is_value_error and not raised.is_missing


@pytest.mark.parametrize("kind", ["TypeError", "IndexError", "KeyError", "Exception"])
def test_other_errors_are_no_value_errors(kind):
    raised = raised_by(f"def f(): raise {kind}('x')")
    assert raised.kind == kind
    assert not raised.is_value_error and not raised.is_missing


def test_not_implemented_is_missing():
    raised = raised_by("def f():\n    raise NotImplementedError")
    assert raised.is_missing and not raised.is_value_error


@pytest.mark.parametrize("leaving", ["raise SystemExit(3)", "exit_()", "sys.exit()"])
def test_leaving_is_an_error_like_any_other(leaving):
    source = f"import sys\nfrom sys import exit as exit_\ndef f():\n    {leaving}"
    assert raised_by(source).kind == "SystemExit"


def test_ctrl_c_stops_the_check():
    with pytest.raises(KeyboardInterrupt):
        call(function_from("def f(): raise KeyboardInterrupt"), {})


@pytest.mark.parametrize("count", [0, 2])
def test_a_wrong_number_of_arguments_is_an_error_of_the_answer(count):
    raised = raised_by("def f(a): return a", *range(count))
    assert raised.kind == "TypeError"
    assert (raised.line, raised.text) == (0, "")


def test_an_exception_without_words_is_described():
    source = (
        "class Odd(Exception):\n"
        "    def __str__(self): raise RuntimeError\n"
        "def f(): raise Odd"
    )
    assert raised_by(source).kind == "Odd"
    assert raised_by(source).message == ""


def test_endless_recursion_is_described():
    raised = raised_by("def f():\n    return f()")
    assert (raised.kind, raised.line) == ("RecursionError", 2)


def test_a_long_message_is_cut():
    raised = raised_by("def f(): raise ValueError('x' * 10**6)")
    assert len(raised.message) == 2000


def test_a_syntax_error_names_its_line():
    with pytest.raises(SyntaxError) as caught:
        compile("x = 1\ny = = 2\n", "<cell broken>", "exec")
    raised = describe(caught.value)
    assert (raised.kind, raised.line, raised.text) == ("SyntaxError", 2, "y = = 2")


def test_what_cannot_travel_is_named():
    assert call(lambda: (n for n in "ab"), {}).value == Opaque("generator")
