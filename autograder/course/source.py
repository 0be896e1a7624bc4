"""From ``notebook.py`` (py:percent) to nbgrader's source notebook.

One short key marks a cell: ``solution="softmax"``, ``test="softmax"`` (its probe),
``exercise="softmax"`` (the text above it), ``locked="setup"`` (a cell that students do
not change) or ``tags=["demo"]`` (shown, never run when grading). nbgrader's metadata,
the line of facts under an exercise's heading and the folded hints are written here.
"""

from html import escape
from pathlib import Path

import nbformat
import orjson
from nbformat.v4 import new_markdown_cell, new_notebook

from autograder.checking.exercise import Exercise
from autograder.problems import Problem

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEYS = ("solution", "test", "exercise", "locked")


def read_source(path: Path, exercises: dict[str, Exercise]):
    """Return nbgrader's source notebook of a chapter, solutions included.

    Raises Problem naming file and exercise when cells and exercises do not match.
    """
    import jupytext  # half a second, for nothing where nothing is to be graded

    script = jupytext.read(path, fmt="py:percent")
    cells = []
    for index, cell in enumerate(script.cells):
        cells.extend(_cells_from(cell, index, exercises, path))
    _require_each_once(cells, exercises, path)
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook = new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return notebook


def _cells_from(cell, index, exercises, path):
    marks = {key: cell.metadata[key] for key in KEYS if key in cell.metadata}
    if len(marks) > 1:
        raise Problem(f"{path}: a cell is marked {marks}; one mark a cell")
    tags = cell.metadata.get("tags", [])
    cell.metadata = {"tags": tags} if tags else {}
    cell.id = f"cell-{index:02d}"
    if not marks:
        return [cell]
    ((key, name),) = marks.items()
    if key == "locked":
        return [_mark(cell, name, locked=True)]
    if name not in exercises:
        raise Problem(f"{path}: a cell names exercise {name!r}, not in checks.py")
    exercise = exercises[name]
    if key == "exercise":
        cell.id = f"text-{name}".replace(".", "-")
        cell.source = _with_facts(cell.source, exercise)
        return [cell]
    if key == "solution":
        return [_mark(cell, name, solution=True), _hints_cell(exercise)]
    return [_mark(cell, f"test_{name}", grade=True, points=exercise.points)]


def _mark(cell, grade_id, locked=False, solution=False, grade=False, points=None):
    cell.id = grade_id
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": grade,
        "solution": solution,
        "locked": locked or grade,
        "task": False,
    }
    if points is not None:
        cell.metadata["nbgrader"]["points"] = points
    return cell


def _with_facts(source, exercise):
    heading, _, rest = source.partition("\n")
    plural = "s" if exercise.points > 1 else ""
    dots = "●" * exercise.difficulty + "○" * (5 - exercise.difficulty)
    facts = (
        f"*Difficulty {dots} · {exercise.minutes} minutes · "
        f"{exercise.points} point{plural} · {exercise.source}*"
    )
    return f"{heading}\n\n{facts}\n{rest}"


def _hints_cell(exercise):
    first, second = exercise.hints
    blocks = [_folded("Hint", first), _folded("A further hint", second)]
    return new_markdown_cell("\n\n".join(blocks), id=f"hints-{exercise.name}")


def _folded(title, text):
    return f"<details><summary>{escape(title)}</summary>\n\n{text}\n\n</details>"


def _require_each_once(cells, exercises, path):
    ids = [cell.id for cell in cells]
    for name in exercises:
        for cell_id, what in ((name, "solution"), (f"test_{name}", "test")):
            if ids.count(cell_id) != 1:
                raise Problem(
                    f"{path}: exercise {name!r} has {ids.count(cell_id)} {what} cells; "
                    f'mark exactly one with # %% {what}="{name}"'
                )
    doubled = {cell_id for cell_id in ids if ids.count(cell_id) > 1}
    if doubled:
        raise Problem(f"{path}: two cells have the id {sorted(doubled)[0]!r}")


def copy_of(notebook):
    """A copy of one of our own notebooks, which may be changed."""
    return nbformat.from_dict(orjson.loads(orjson.dumps(notebook)))


def is_demo(cell) -> bool:
    """Whether a cell only demonstrates and is never run when grading."""
    return "demo" in cell.metadata.get("tags", [])


def grade_id(cell) -> str:
    """nbgrader's id of a cell, "" where it has none."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")
