"""Mutations of a notebook as a tree of JSON, and of the bytes that it is written in."""

import copy
import json

from hypothesis import strategies as st

# what `json` does not write: put into the text in place of a marker
RAW = {
    "@deep": "[" * 50_000 + "]" * 50_000,
    "@deeper than objects may": '{"a":' * 3_000 + "0" + "}" * 3_000,
    "@digits": "9" * 5_000,
    "@nan": "NaN",
    "@infinity": "-Infinity",
    "@beyond": "1e999",
    "@half": '"\\ud83d"',
    "@low half": '"\\udc00 def"',
}
ODD = (
    None,
    True,
    0,
    -1,
    2**70,
    0.5,
    "",
    "text",
    "code",
    "\x00\x1b[2J",
    [],
    [None],
    [["x"]],
    {},
    {"a": {"a": []}},
    *RAW,
)
odd = st.sampled_from(ODD).map(copy.deepcopy)


def written(notebook) -> bytes:
    """The notebook as a file, with what no JSON writer would write."""
    text = json.dumps(notebook, ensure_ascii=False)
    for marker, raw in RAW.items():
        if marker in text:
            text = text.replace(json.dumps(marker), raw)
    return text.encode("utf-8", "surrogatepass")


# --- the tree -------------------------------------------------------------------


def _anywhere(draw, notebook):
    """Some place in the tree, as what holds it and its key there."""
    holder = notebook
    while True:
        keys = sorted(holder) if isinstance(holder, dict) else range(len(holder))
        key = draw(st.sampled_from(keys))
        inside = holder[key]
        if not isinstance(inside, (dict, list)) or not inside or draw(st.booleans()):
            return holder, key
        holder = inside


def _replace(draw, notebook):
    if notebook:
        holder, key = _anywhere(draw, notebook)
        holder[key] = draw(odd)


def _drop(draw, notebook):
    if notebook:
        holder, key = _anywhere(draw, notebook)
        del holder[key]


def _version(draw, notebook):
    notebook["nbformat"] = draw(st.sampled_from((3, 5, 99, "4")) | odd)


def _worksheets(draw, notebook):
    cells = notebook.pop("cells", None)
    notebook["worksheets"] = [{"cells": cells}]


TREE = (_replace, _replace, _drop, _version, _worksheets)


# --- bytes ----------------------------------------------------------------------


def _place(draw, data):
    return draw(st.integers(0, max(0, len(data) - 1)))


def _unchanged(draw, data):
    return data


def _flip(draw, data):
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 3)) if data else 0):
        changed[_place(draw, data)] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)


def _flip_in_an_answer(draw, data):
    """A flip that most often leaves the file readable."""
    start = max(0, data.find(b"return", _place(draw, data)))
    changed = bytearray(data)
    place = min(start + draw(st.integers(0, 60)), len(data) - 1)
    if data:
        changed[place] ^= 1 << draw(st.integers(0, 5))
    return bytes(changed)


def _truncate(draw, data):
    return data[: _place(draw, data)]


def _insert_bytes(draw, data):
    more = draw(
        st.sampled_from((b"\x00", b"\xff", b"\xed\xa0\xbd", b"\r\n", b'"', b"{"))
    )
    place = _place(draw, data)
    return data[:place] + more + data[place:]


def _splice(draw, data):
    start, end, place = sorted(_place(draw, data) for _ in range(3))
    return data[:end] + data[start:place]


def _encode(draw, data):
    text = data.decode("utf-8", "replace")
    names = ("utf-8-sig", "utf-16", "utf-32", "latin-1", "utf-7", "cp1252")
    return text.encode(draw(st.sampled_from(names)), "replace")


def _double_key(draw, data):
    """A key that is twice in its object; the last one counts, as `json` reads it."""
    keys = (b'"source": ', b'"grade_id": ', b'"metadata": ', b'"cells": ')
    key = draw(st.sampled_from(keys))
    place = data.find(key, _place(draw, data))
    if place < 0:
        return data
    value = draw(st.sampled_from((b'"x = 1"', b"null", b"[]", b'"largest"')))
    return data[:place] + key + value + b", " + data[place:]


BYTES = (
    *(_unchanged,) * 4,
    _flip,
    *(_flip_in_an_answer,) * 2,
    _truncate,
    _insert_bytes,
    _splice,
    _encode,
    _double_key,
)
