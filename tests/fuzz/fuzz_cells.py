"""Mutations of cells and of their metadata: ``mutate(draw, notebook)``, in place."""

import copy

from fuzz_answers import ADDED, NAMES, RIGHT, WRONG
from fuzz_files import odd
from hypothesis import strategies as st


def _cells(notebook):
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return cells if isinstance(cells, list) else []


def _pick(draw, notebook):
    """A cell of the notebook; an empty one where there is none any more."""
    cells = [cell for cell in _cells(notebook) if isinstance(cell, dict)]
    return draw(st.sampled_from(cells)) if cells else {}


def _delete(draw, notebook):
    cells = _cells(notebook)
    if cells:
        del cells[draw(st.integers(0, len(cells) - 1))]


def _insert(draw, notebook, cell):
    cells = _cells(notebook)
    cells.insert(draw(st.integers(0, len(cells))), cell)


def _double(draw, notebook):
    _insert(draw, notebook, copy.deepcopy(_pick(draw, notebook)))


def _move(draw, notebook):
    cells = _cells(notebook)
    if cells:
        cell = cells.pop(draw(st.integers(0, len(cells) - 1)))
        _insert(draw, notebook, cell)


def _empty(draw, notebook):
    blank = st.sampled_from(("", " \n\t", [], ["\n", ""], "# nothing"))
    _pick(draw, notebook)["source"] = draw(blank)


def _retype(draw, notebook):
    types = st.sampled_from(("markdown", "raw", "code", "heading", "", None, 3))
    _pick(draw, notebook)["cell_type"] = draw(types)


def _retype_source(draw, notebook):
    _pick(draw, notebook)["source"] = draw(odd)


def _in_lines(draw, notebook):
    cell = _pick(draw, notebook)
    if isinstance(cell.get("source"), str):
        cell["source"] = cell["source"].splitlines(keepends=True)
        odd_lines = st.lists(odd, max_size=1)
        cell["source"] += draw(odd_lines)


def _add(draw, notebook):
    types = st.sampled_from(("code", "code", "markdown", "raw"))
    cell = {
        "cell_type": draw(types),
        "metadata": {},
        "source": draw(st.sampled_from(ADDED)),
    }
    _insert(draw, notebook, cell)


def _answer_elsewhere(draw, notebook):
    name = draw(st.sampled_from(NAMES))
    sources = (*RIGHT[name], *WRONG[name])
    _pick(draw, notebook)["source"] = draw(st.sampled_from(sources))


def _huge(draw, notebook):
    large = st.sampled_from(("#" * 250_000, "x\n" * 150_000, "é" * 199_999 + "\n1"))
    cell = _pick(draw, notebook)
    source = cell.get("source")
    more = draw(large)
    cell["source"] = more if draw(st.booleans()) else f"{source}\n{more}"


def _many(draw, notebook):
    count, source = draw(st.sampled_from(((40, "x"), (1_985, ""), (2_001, ""))))
    filler = {"cell_type": "markdown", "source": source}
    _cells(notebook).extend(dict(filler) for _ in range(count))


CELLS = (
    _delete,
    _double,
    _move,
    _empty,
    _retype,
    _retype_source,
    _in_lines,
    _add,
    _answer_elsewhere,
    _huge,
    _many,
)


# --- metadata -------------------------------------------------------------------

IDS = (*NAMES, *(f"test_{name}" for name in NAMES), "setup", "unknown", "../x", "\x00")


def _nbgrader(draw, notebook):
    """nbgrader's part of some cell's metadata."""
    cells = [c for c in _cells(notebook) if isinstance(c, dict) and _marked(c)]
    return draw(st.sampled_from(cells))["metadata"]["nbgrader"] if cells else {}


def _marked(cell):
    metadata = cell.get("metadata")
    return isinstance(metadata, dict) and isinstance(metadata.get("nbgrader"), dict)


def _grade_id(draw, notebook):
    _nbgrader(draw, notebook)["grade_id"] = draw(st.sampled_from(IDS) | odd)


def _swap_grade_ids(draw, notebook):
    one, other = _nbgrader(draw, notebook), _nbgrader(draw, notebook)
    ids = one.get("grade_id"), other.get("grade_id")
    other["grade_id"], one["grade_id"] = ids


def _field(draw, notebook):
    values = {
        "points": (500, -1, "3", 0.5),
        "schema_version": (0, 1, 99, "3"),
        "grade": (True, False, "yes"),
        "solution": (True, False, "yes"),
        "locked": (True, False),
        "task": (True,),
        "checksum": ("", "0" * 32),
        "cell_type": ("markdown", "raw"),
    }
    name = draw(st.sampled_from(sorted(values)))
    _nbgrader(draw, notebook)[name] = draw(st.sampled_from(values[name]) | odd)


def _tags(draw, notebook):
    tags = (["skip-execution"], ["demo"], ["added"], ["raises-exception"], "demo", 3)
    cell = _pick(draw, notebook)
    cell["metadata"] = {"tags": draw(st.sampled_from(tags))} | (
        cell["metadata"] if isinstance(cell.get("metadata"), dict) else {}
    )


def _no_metadata(draw, notebook):
    cell = _pick(draw, notebook)
    if draw(st.booleans()):
        cell.pop("metadata", None)
    else:
        cell["metadata"] = draw(odd)


def _cell_id(draw, notebook):
    _pick(draw, notebook)["id"] = draw(st.sampled_from(IDS) | odd)


def _outputs(draw, notebook):
    html = {"text/html": "<script>alert(1)</script>"}
    outputs = [{"output_type": "execute_result", "data": html, "metadata": {}}]
    _pick(draw, notebook)["outputs"] = draw(st.just(outputs) | odd)


METADATA = (
    _grade_id,
    _swap_grade_ids,
    _field,
    _tags,
    _no_metadata,
    _cell_id,
    _outputs,
)
