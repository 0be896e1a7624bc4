"""Bytes that are no value are refused, before any memory is taken for them."""

import json
import tracemalloc

import numpy as np
import pytest

from autograder.checking.values import (
    FRAME,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_HEADER,
    BadMessage,
    frame_size,
    from_bytes,
)


def array_node(dtype="float64", shape=(1,), **more):
    return {"array": {"dtype": dtype, "shape": list(shape), **more}}


REFUSED = {
    "more elements than bytes": array_node(shape=[3]),
    "ten billion elements": array_node(shape=[10**10]),
    "a product that overflows": array_node(shape=[2**39, 2**39, 2**39]),
    "a negative size": array_node(shape=[-1]),
    "two negative sizes": array_node(shape=[-2, -1]),
    "a size beyond 2**40": array_node(shape=[2**40, 0]),
    "a size that is a float": array_node(shape=[1.0]),
    "a size that is true": array_node(shape=[True]),
    "too many axes": array_node(shape=[1] * 33),
    "no shape": {"array": {"dtype": "float64"}},
    "no dtype": {"array": {"shape": [1]}},
    "objects": array_node("object"),
    "strings": array_node("str32"),
    "a structured dtype": array_node("i4,f8"),
    "an unknown dtype": array_node("float65"),
    "another byte order": array_node(">f8"),
    "bytes for booleans": array_node("bool", [8]),
    "an array that is a list": {"array": [1.0]},
    "an array that is nothing": {"array": None},
    "an unknown tag": {"pickle": "gASV"},
    "no tag": {},
    "two tags": {"tuple": [], "dict": {}},
    "a tuple that is a string": {"tuple": "ab"},
    "a dict that is a list": {"dict": []},
    "a float in words": {"float": "one"},
    "a float that is a list": {"float": ["nan"]},
    "an opaque that is a number": {"opaque": 3},
    "a dtype in a list": array_node(["float64"]),
    "a dtype in a dict": array_node({}),
    "an impossible empty array": array_node(shape=[0, 2**39, 2**39]),
}


@pytest.mark.parametrize("node", REFUSED.values(), ids=REFUSED)
def test_a_bad_header_is_refused(node):
    with pytest.raises(BadMessage):
        from_bytes(json.dumps(node).encode(), b"\x07" * 8)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"not JSON",
        b'{"tuple": [',
        b"\xff\xfe\x00",
        b"[" * 100_000 + b"]" * 100_000,
        b"9" * 10_000,
        b"[" * (MAX_DEPTH + 5) + b"]" * (MAX_DEPTH + 5),
    ],
    ids=["empty", "words", "cut", "bytes", "very deep", "long number", "deep"],
)
def test_what_is_not_json_is_refused(header):
    with pytest.raises(BadMessage):
        from_bytes(header, b"")


def test_arrays_share_the_payload_and_may_not_exceed_it():
    node = {"tuple": [array_node(shape=[2]), array_node(shape=[1])]}
    header = json.dumps(node).encode()
    whole = np.arange(3.0).tobytes()
    first, second = from_bytes(header, whole)
    assert (first.tolist(), second.tolist()) == ([0.0, 1.0], [2.0])
    with pytest.raises(BadMessage, match="more bytes than were sent"):
        from_bytes(header, whole[:-1])


def test_a_frame_that_is_too_big_is_refused_by_its_first_bytes():
    assert frame_size(FRAME.pack(10, 90), max_bytes=100) == (10, 90)
    for header, payload in ((11, 90), (10, 91), (2**32 - 1, 2**32 - 1)):
        with pytest.raises(BadMessage, match="exceeds 100"):
            frame_size(FRAME.pack(header, payload), max_bytes=100)
    with pytest.raises(BadMessage):
        frame_size(FRAME.pack(10, MAX_BYTES))


@pytest.mark.parametrize("shape", [[10**10], [2**39] * 3, [10**5, 10**5]], ids=str)
def test_no_memory_is_taken_for_a_claim(shape):
    header = json.dumps(array_node(shape=shape)).encode()
    tracemalloc.start()
    try:
        with pytest.raises(BadMessage):
            from_bytes(header, b"\x00" * 64)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_a_header_that_is_too_big_is_refused():
    # as empty lists, 60 MiB of JSON take gigabytes once they are read
    assert MAX_HEADER < MAX_BYTES / 10
    assert frame_size(FRAME.pack(MAX_HEADER, 0)) == (MAX_HEADER, 0)
    with pytest.raises(BadMessage):
        frame_size(FRAME.pack(MAX_HEADER + 1, 0))
