"""Values travel unchanged, as text and as bytes; what is no value is refused."""

import json

import numpy as np
import pytest

from autograder.checking.calling import Answer, same
from autograder.checking.exercise import Result
from autograder.checking.judge import Rules, find
from autograder.checking.values import (
    DTYPES,
    FRAME,
    MAX_DEPTH,
    MAX_INT_BITS,
    BadMessage,
    Opaque,
    frame_size,
    from_bytes,
    from_text,
    portable,
    to_bytes,
    to_text,
)

PLAIN = [
    None,
    True,
    False,
    0,
    -3,
    2**53 + 1,
    -(2**4000),
    0.1,
    -0.0,
    float("inf"),
    -float("inf"),
    float("nan"),
    "",
    'é "quoted"\n\u2028',
    "\ud800",
    [],
    (),
    {},
    [1, (2.5, [True, None]), {"a": (1,), "array": [2]}],
    Opaque("generator"),
    (np.arange(3), [np.eye(2), {"x": np.array(1.5)}]),
]
SHAPES = [(), (0,), (3,), (2, 3), (0, 5), (2, 0, 3), (1, 2, 3, 4)]


def parts(frame):
    """Header and payload of one frame."""
    header, payload = frame_size(frame[: FRAME.size])
    body = frame[FRAME.size :]
    assert len(body) == header + payload
    return body[:header], body[header:]


def through_bytes(value):
    return from_bytes(*parts(to_bytes(value)))


def through_text(value):
    return from_text(json.loads(json.dumps(to_text(value), allow_nan=False)))


def nested(depth):
    value = 1.0
    for _ in range(depth):
        value = [value]
    return value


def sample(dtype, shape):
    size = int(np.prod(shape))
    if dtype.startswith("complex"):
        return (np.arange(size) - 1.5j).astype(dtype).reshape(shape)
    return (np.arange(size) * 37 % 5).astype(dtype).reshape(shape)


# --- round trips ----------------------------------------------------------------


@pytest.mark.parametrize("through", [through_bytes, through_text])
@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_travel_unchanged(value, through):
    assert same(through(value), value)


@pytest.mark.parametrize("through", [through_bytes, through_text])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_arrays_travel_unchanged(dtype, shape, through):
    array = sample(dtype, shape)
    assert same(through(array), array)


@pytest.mark.parametrize("through", [through_bytes, through_text])
@pytest.mark.parametrize(
    "array",
    [
        np.array([np.nan, -np.inf, np.inf, -0.0, 5e-324, 1.7976931348623157e308]),
        np.array([0.1, 1 / 3], dtype=np.float32),
        np.array([complex(np.nan, -0.0), complex(np.inf, 2)]),
        np.array([2**63 - 1, -(2**63), 2**53 + 1]),
        np.array([2**64 - 1], dtype=np.uint64),
        np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
        np.arange(10)[::-3],
        np.broadcast_to(1.5, (2, 3)),
    ],
    ids=[
        "special",
        "float32",
        "complex",
        "int64",
        "uint64",
        "moved",
        "strided",
        "view",
    ],
)
def test_every_bit_travels(array, through):
    assert same(through(array), array)


def test_arrays_of_another_byte_order_travel():
    array = np.array([1.0, 2.0], dtype=">f8")
    np.testing.assert_array_equal(through_bytes(array), array)


def test_what_arrives_is_our_own_and_writable():
    header, payload = parts(to_bytes(np.zeros(3)))
    array = from_bytes(header, payload)
    array[0] = 1
    assert array.flags.owndata
    assert from_bytes(header, payload)[0] == 0


def test_text_can_be_read_by_people():
    array = np.array([[1.5, np.nan], [0.0, 2.0]])
    assert to_text(array) == {
        "array": {
            "dtype": "float64",
            "shape": [2, 2],
            "data": [1.5, {"float": "nan"}, 0.0, 2.0],
        }
    }


@pytest.mark.parametrize(
    "value", [{1, 2}, np.int64(3), object()], ids=["set", "int64", "object"]
)
def test_what_is_no_value_is_not_written(value):
    with pytest.raises(TypeError, match="cannot travel"):
        to_bytes(value)


def test_nothing_is_pickled():
    array = np.array([object()])
    with pytest.raises(BadMessage):
        through_bytes(array)


# --- what a student returns -----------------------------------------------------


class Words(str):
    pass


class Count(int):
    pass


@pytest.mark.parametrize(
    ("returned", "travels"),
    [
        (np.float32(1.5), np.array(1.5, np.float32)),
        (np.True_, np.array(True)),
        (np.longdouble(0.5), np.array(0.5)),
        (np.array([1.0, 2.0], ">f8"), np.array([1.0, 2.0])),
        (np.array([1, 2], ">i4"), np.array([1, 2], np.int32)),
        (np.ma.array([1.0, 2.0]), np.array([1.0, 2.0])),
        (Words("a"), "a"),
        (Count(3), 3),
        ([np.float64(1), (2, {"a": Count(1)})], [np.array(1.0), (2, {"a": 1})]),
        (range(3), Opaque("range")),
        ({1, 2}, Opaque("set")),
        ({1: 2}, Opaque("dict")),
        ((n for n in "ab"), Opaque("generator")),
        (len, Opaque("builtin_function_or_method")),
        (np.array([object()]), Opaque("array of object")),
        (np.array([[1], [2, 3]], dtype=object), Opaque("array of object")),
        (np.array(["a"]), Opaque("array of str32")),
        (np.zeros(2, dtype="i4,f8"), Opaque("array of void96")),
        (2 ** (MAX_INT_BITS + 1), Opaque(f"int of {MAX_INT_BITS + 2} bits")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_students_return_becomes_a_value(returned, travels):
    value = portable(returned)
    assert same(value, travels)
    assert same(through_bytes(value), travels)


def test_a_returned_array_is_copied():
    array = np.zeros(3)
    value = portable(array)
    array[0] = 1
    assert value[0] == 0


def test_a_list_that_holds_itself_becomes_a_value():
    circle = []
    circle.append(circle)
    assert "Opaque" in repr(portable(circle))


@pytest.mark.parametrize("depth", [1, 10, MAX_DEPTH - 2])
def test_nested_lists_travel(depth):
    assert through_bytes(portable(nested(depth))) == nested(depth)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 200])
def test_whatever_is_portable_can_be_read_in_a_reply(depth):
    reply = through_bytes({"value": portable(nested(depth))})
    assert isinstance(reply["value"], list)


def test_tensors_are_answers_like_arrays():
    import torch

    rules = Rules((Result("A", "n"),), several=False)
    expected = Answer(np.array([1.0, 2.0, 4.0]))
    right = torch.tensor([1.0, 2.0, 4.0])
    tensors = {
        "float32": (right, np.float32),
        "float64": (right.double(), np.float64),
        "int64": (right.long(), np.int64),
        "bfloat16": (right.bfloat16(), np.float64),
        "requires grad": (right.clone().requires_grad_(), np.float32),
        "sparse": (right.to_sparse(), np.float64),
        "a part of a parameter": (torch.nn.Parameter(right)[:], np.float32),
    }
    for name, (tensor, dtype) in tensors.items():
        value = portable(tensor)
        assert value.dtype == dtype, name
        assert find(rules, {}, expected, Answer(value)) is None, name
    assert portable(torch.ones(2, dtype=torch.complex64).conj()).dtype == np.complex64
    assert find(rules, {}, expected, Answer(portable(right + 1))).stage == "values"
    assert portable(torch.nn.Linear(1, 1)) == Opaque("Linear")
