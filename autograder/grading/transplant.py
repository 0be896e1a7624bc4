"""Putting a submission's text into the pristine notebook."""

from dataclasses import dataclass

from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.course.source import copy_of, grade_id
from autograder.ingest.submission import Submission

ADDED = "added"
NOTES = "autograder_notes"


@dataclass(frozen=True)
class Transplanted:
    """The pristine notebook with the student's text, and what was noticed."""

    notebook: object
    notes: list[str]

    def annotated(self):
        """The notebook with the notes in its metadata, for the feedback."""
        self.notebook.metadata[NOTES] = self.notes
        return self.notebook


def transplant(pristine, submission: Submission) -> Transplanted:
    """Return a copy of the released notebook that holds the student's sources.

    Solution cells are filled by grade id; a cell that is missing or empty keeps its
    stub. Cells that the student added follow the cell they stood after. Everything
    else of the submission (metadata, outputs, edited tests) is left behind.
    """
    notebook = copy_of(pristine)
    solutions = {grade_id(cell) for cell in notebook.cells if _is_solution(cell)}
    answers, notes = _answers(submission, solutions)
    added = _added(submission, notebook, solutions)
    cells = _new_cells(added.get("", []), 0)
    for cell in notebook.cells:
        if grade_id(cell) in answers:
            cell.source = answers[grade_id(cell)]
        cells.append(cell)
        cells.extend(_new_cells(added.get(cell.id, []), len(cells)))
    notebook.cells = cells
    return Transplanted(notebook, notes)


def _is_solution(cell):
    return cell.metadata.get("nbgrader", {}).get("solution", False)


def _answers(submission, solutions):
    """The last source with content by grade id, and notes about doubled cells."""
    answers, seen = {}, {}
    for cell in submission.cells:
        if cell.grade_id in solutions:
            seen[cell.grade_id] = seen.get(cell.grade_id, 0) + 1
            if cell.source.strip():
                answers[cell.grade_id] = cell.source
    notes = list(submission.notes)
    notes += [
        f"The cell {name} was there {count} times; the last one with content counts."
        for name, count in seen.items()
        if count > 1
    ]
    missing = sorted(solutions - answers.keys())
    notes += [f"The cell {name} was missing or empty." for name in missing]
    return answers, notes


def _added(submission, notebook, solutions):
    """The student's own cells by the id of the pristine cell they follow."""
    by_grade_id = {grade_id(cell): cell for cell in notebook.cells if grade_id(cell)}
    by_cell_id = {cell.id: cell for cell in notebook.cells}
    by_source = {cell.source: cell for cell in notebook.cells}
    added, anchor = {}, ""
    for cell in submission.cells:
        known = by_grade_id.get(cell.grade_id)
        if known is None:
            same_id = by_cell_id.get(cell.cell_id)
            unchanged = same_id is not None and (
                same_id.source == cell.source or not cell.is_code
            )
            known = same_id if unchanged else by_source.get(cell.source)
        if known is not None:
            anchor = known.id
        elif cell.source.strip():
            added.setdefault(anchor, []).append(cell)
    return added


def _new_cells(cells, offset):
    made = []
    for index, cell in enumerate(cells):
        make = new_code_cell if cell.is_code else new_markdown_cell
        metadata = {"tags": [ADDED]}
        made.append(make(cell.source, metadata=metadata, id=f"added-{offset}-{index}"))
    return made
