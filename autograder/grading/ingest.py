"""What crosses from a submission into grading: text, and nothing else."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

MAX_BYTES = 20 * 2**20
MAX_CELLS = 2_000
MAX_SOURCE = 200_000


class Unreadable(Exception):
    """The submission cannot be graded; says which file and what is wrong with it."""


@dataclass(frozen=True)
class SubmittedCell:
    """One cell as handed in: nbgrader's id and the notebook's id, "" where missing."""

    grade_id: str
    cell_id: str
    is_code: bool
    source: str


@dataclass(frozen=True)
class Submission:
    """A student's notebook, reduced to the sources of its cells."""

    student: str
    chapter: str
    cells: list[SubmittedCell]
    digest: str
    notes: list[str] = field(default_factory=list)


def find_submission(submitted: Path, student: str, chapter: str) -> Submission | None:
    """Read what a student handed in for a chapter; None where that is nothing.

    Raises Unreadable when something is there that cannot be graded.
    """
    folder = submitted / student / chapter
    if not folder.exists():
        return None
    path = folder / f"{chapter}.ipynb"
    if path.is_file():
        return read_submission(path, student, chapter)
    if not folder.is_dir():
        raise Unreadable(f"{chapter} is a file, not a folder with {path.name}")
    found = ", ".join(sorted(p.name for p in folder.iterdir())) or "nothing"
    raise Unreadable(f"no {path.name} in the folder {chapter}/, which holds {found}")


def read_submission(path: Path, student: str, chapter: str) -> Submission:
    """Read a submitted notebook; raises Unreadable with file name and cause."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise Unreadable(f"{path.name}: {reason.lower()}") from None
    if size > MAX_BYTES:
        raise Unreadable(f"{path.name}: {size} bytes, more than {MAX_BYTES}")
    cells = [_cell(cell) for cell in _raw_cells(data, path.name)]
    return Submission(student, chapter, cells, hashlib.sha256(data).hexdigest())


def submission_of(notebook, student: str, chapter: str) -> Submission:
    """The same for a notebook that nbgrader has already read."""
    return Submission(student, chapter, [_cell(cell) for cell in notebook.cells], "")


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
    except (RecursionError, ValueError) as error:
        raise Unreadable(f"{name}: not valid JSON: {error}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable(f"{name}: JSON, but not a notebook of format 4 (no cells)")
    cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"{name}: {len(cells)} cells, more than {MAX_CELLS}")
    return cells


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
    return _text(source)[:MAX_SOURCE]


def _text(value):
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode("utf-8")
