"""Values that can travel: arrays and plain data, as text or as raw bytes.

A *value* is None, a bool, an int, a float, a string, a NumPy array of numbers, or a
list, tuple or string-keyed dict of values. `portable` turns what a student returned
into a value; what cannot travel becomes an `Opaque` that only carries a type name.

Two writings of one tree exist: `to_text` keeps arrays as readable JSON (the public
cases that ship with a notebook), `to_bytes` keeps them as raw bytes behind a JSON
header (the exchange with the process that runs student code). Neither uses pickle.
"""

import functools
import json
import math
import struct
from dataclasses import dataclass

import numpy as np

DTYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
    "float16 float32 float64 complex64 complex128".split()
)
MAX_DEPTH = 20
MAX_INT_BITS = 4096
READ_DEPTH = MAX_DEPTH + 2  # a reply wraps what a student returned
MAX_BYTES = 64 * 2**20
MAX_HEADER = 4 * 2**20
FRAME = struct.Struct("<II")


class BadMessage(ValueError):
    """Bytes that are not a value; the message says what is wrong with them."""


@dataclass(frozen=True)
class Opaque:
    """Stands for something that cannot travel, such as a module or a generator."""

    type_name: str


def portable(value, depth=0):
    """Return `value` as a value of this module; never raises for odd types."""
    if depth > MAX_DEPTH:
        return Opaque("deeply nested " + type(value).__name__)
    if value is None or isinstance(value, Opaque):
        return value
    if type(value) is int and value.bit_length() > MAX_INT_BITS:
        return Opaque(f"int of {value.bit_length()} bits")
    if type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return _portable_array(value)
    if hasattr(value, "detach") and hasattr(value, "numpy"):  # a torch tensor
        return _portable_tensor(value)
    if isinstance(value, (list, tuple)):
        items = [portable(item, depth + 1) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {key: portable(item, depth + 1) for key, item in value.items()}
    return _portable_subclass(value)


def _portable_subclass(value):
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return portable(base(value))
    return Opaque(type(value).__name__)


def _portable_array(value):
    array = np.asarray(value)
    if array.dtype.kind == "f" and _name(array.dtype) not in DTYPES:
        array = array.astype(np.float64)
    if _name(array.dtype) not in DTYPES:
        return Opaque(f"array of {array.dtype.name}")
    return np.array(array, dtype=array.dtype.newbyteorder("="), copy=True)


def _portable_tensor(value):
    try:
        return _portable_array(value.detach().cpu().resolve_conj().numpy())
    except (TypeError, RuntimeError, AttributeError):  # bfloat16, sparse, not torch
        pass
    try:
        return _portable_array(value.detach().cpu().to_dense().double().numpy())
    except Exception:
        return Opaque(type(value).__name__)


def _tree(value, put_array):
    """Write `value` as JSON data; every array goes through `put_array`."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.ndarray):
        return {"array": put_array(value)}
    if isinstance(value, Opaque):
        return {"opaque": value.type_name}
    if isinstance(value, (list, tuple)):
        items = [_tree(item, put_array) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, dict):
        return {"dict": {k: _tree(v, put_array) for k, v in value.items()}}
    raise TypeError(f"{type(value).__name__} cannot travel; use portable() first")


def _value(node, get_array, depth=0):
    """Read JSON data as `_tree` writes it."""
    if depth > READ_DEPTH:
        raise BadMessage("nested too deeply")
    if node is None or isinstance(node, (bool, int, float, str)):
        return node
    if isinstance(node, list):
        return [_value(item, get_array, depth + 1) for item in node]
    if not isinstance(node, dict) or len(node) != 1:
        raise BadMessage("unknown kind of node")
    ((tag, body),) = node.items()
    if tag == "array":
        return get_array(body)
    if tag == "tuple" and isinstance(body, list):
        return tuple(_value(item, get_array, depth + 1) for item in body)
    if tag == "dict" and isinstance(body, dict):
        return {k: _value(v, get_array, depth + 1) for k, v in body.items()}
    if tag == "float" and body in ("inf", "-inf", "nan"):
        return float(body)
    if tag == "opaque" and isinstance(body, str):
        return Opaque(body[:80])
    raise BadMessage("unknown kind of node")


# --- as readable text -----------------------------------------------------------


def to_text(value):
    """Return `value` as JSON data, arrays as lists of numbers."""
    return _tree(value, _array_to_text)


def from_text(node):
    """Inverse of `to_text`."""
    return _value(node, _array_from_text)


def _array_to_text(array):
    numbers = array.ravel()
    if array.dtype.kind == "c":
        numbers = numbers.view(f"f{array.dtype.itemsize // 2}")
    data = [_tree(number, None) for number in _shortest(numbers)]
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def _shortest(numbers):
    """Python numbers, in as few digits as give the same array again."""
    if numbers.dtype.name == "float32":
        return [float(str(number)) for number in numbers]
    return numbers.tolist()


def _array_from_text(body):
    dtype = np.dtype(body["dtype"])
    data = [_value(number, None) for number in body["data"]]
    if dtype.kind == "c":
        flat = np.array(data, dtype=f"f{dtype.itemsize // 2}").view(dtype)
    else:
        flat = np.array(data, dtype=dtype)
    return flat.reshape(body["shape"])


# --- as raw bytes ---------------------------------------------------------------


def to_bytes(value):
    """Return `value` as one frame: lengths, JSON header, raw array bytes."""
    blobs = []

    def put(array):
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        blobs.append(array.tobytes())
        return {"dtype": _name(array.dtype), "shape": list(array.shape)}

    header = json.dumps(_tree(value, put), allow_nan=False).encode("ascii")
    return b"".join((FRAME.pack(len(header), sum(map(len, blobs))), header, *blobs))


@functools.cache
def _name(dtype):
    """The name of a dtype; NumPy puts it together anew each time."""
    return dtype.name


def frame_size(head, max_bytes=MAX_BYTES):
    """Return (header size, payload size) of a frame from its first `FRAME.size` bytes.

    Raises BadMessage when the frame claims more than `max_bytes`, before any of it
    is read.
    """
    header, payload = FRAME.unpack(head)
    if header + payload > max_bytes:
        raise BadMessage(f"a message of {header + payload} bytes exceeds {max_bytes}")
    if header > MAX_HEADER:  # JSON takes many times its size once it is read
        raise BadMessage(f"a header of {header} bytes exceeds {MAX_HEADER}")
    return header, payload


def from_bytes(header, payload):
    """Read the two parts of a frame; raises BadMessage for anything else."""
    try:
        node = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"the header is not JSON: {error}") from None
    offset = 0

    def get(body):
        nonlocal offset
        array, offset = _array_from_bytes(body, payload, offset)
        return array

    return _value(node, get)


def _array_from_bytes(body, payload, offset):
    if not isinstance(body, dict) or not isinstance(body.get("dtype"), str):
        raise BadMessage("an array without a kind")
    if body["dtype"] not in DTYPES:
        raise BadMessage("an array of an unknown kind")
    shape = body.get("shape")
    if not isinstance(shape, list) or len(shape) > 32:
        raise BadMessage("an array without a shape")
    if not all(type(size) is int and 0 <= size < 2**40 for size in shape):
        raise BadMessage("an array of impossible shape")
    dtype = np.dtype(body["dtype"])
    end = offset + math.prod(shape) * dtype.itemsize
    if end > len(payload):
        raise BadMessage("an array claims more bytes than were sent")
    if dtype.kind == "b" and any(b > 1 for b in set(payload[offset:end])):
        raise BadMessage("a boolean that is neither true nor false")
    flat = np.frombuffer(payload[offset:end], dtype=dtype)
    try:
        return flat.reshape(shape).copy(), end
    except ValueError:
        raise BadMessage("an array of impossible shape") from None
