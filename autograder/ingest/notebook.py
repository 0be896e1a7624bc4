"""From the bytes of a submitted notebook to the sources of its cells."""

import json
from dataclasses import dataclass

MAX_BYTES = 20 * 2**20
MAX_CELLS = 2_000
MAX_SOURCE = 200_000


class Unreadable(Exception):
    """Something handed in cannot be graded; says which file and what is wrong."""


@dataclass(frozen=True)
class SubmittedCell:
    """One cell as handed in: nbgrader's id and the notebook's id, "" where missing."""

    grade_id: str
    cell_id: str
    is_code: bool
    source: str


def read_cells(data: bytes, name: str) -> list[SubmittedCell]:
    """The cells of a notebook; raises Unreadable, naming the file as `name`."""
    return checked_cells(_raw_cells(data, name), name)


def checked_cells(raw, name: str) -> list[SubmittedCell]:
    """The cells of a notebook that is parsed already; raises Unreadable over a cap."""
    raw = [cell for cell in raw if isinstance(cell, dict)]
    if len(raw) > MAX_CELLS:
        raise Unreadable(f"{name}: {len(raw)} cells, more than {MAX_CELLS}")
    cells = [_cell(cell) for cell in raw]
    for number, cell in enumerate(cells, start=1):
        if len(cell.source) > MAX_SOURCE:
            raise Unreadable(
                f"{name}: cell {number} has {len(cell.source)} characters, more than "
                f"{MAX_SOURCE}; keep data in a file beside the notebook"
            )
    return cells


def _raw_cells(data, name):
    if not data.strip():
        raise Unreadable(
            f"{name}: the file is empty; save the notebook and hand in again"
        )
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name}: not UTF-8 text, at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"{name}: not valid JSON at line {error.lineno}, column {error.colno}: "
            f"{error.msg}; open it in Jupyter and save it again"
        ) from None
    except RecursionError:
        raise Unreadable(f"{name}: not valid JSON: nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"{name}: not valid JSON: {error}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable(f"{name}: JSON, but not a notebook of format 4 (no cells)")
    return notebook["cells"]


def _cell(cell):
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return SubmittedCell(
        _text(grade_id),
        _text(cell.get("id")),
        cell.get("cell_type") == "code",
        _source(cell.get("source")),
    )


def _source(source):
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return _text(source)


def _text(value):
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode("utf-8")
