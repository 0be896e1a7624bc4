"""Notebooks whose grade is known beforehand: reference, stub, each variant."""

from collections.abc import Iterator
from dataclasses import dataclass

from autograder.course.chapter import Chapter, replacement
from autograder.course.layout import Course
from autograder.course.release import stub_notebook
from autograder.course.source import copy_of
from autograder.grading.grade import code_cells
from autograder.sandbox.notebook_run import Cell

REFERENCE = "reference"
STUB = "stub"
MISCONCEPTION = "misconception"
ALTERNATIVE = "alternative"


@dataclass(frozen=True)
class Subject:
    """A notebook to grade for the sake of the checks.

    kind: one of the four above. name: of the variant. exercises: those that are judged.
    """

    kind: str
    name: str
    exercises: tuple[str, ...]
    cells: tuple[Cell, ...]


def subjects_of(
    course: Course, chapter: Chapter, quick: bool = False
) -> Iterator[Subject]:
    """Reference and stub for all exercises, then each variant for its own.

    quick: without the variants of exercises that train a model.
    """
    every = tuple(chapter.exercises)
    yield Subject(REFERENCE, "", every, _cells(chapter.source))
    yield Subject(STUB, "", every, _cells(stub_notebook(course, chapter)))
    for name, exercise in chapter.exercises.items():
        if quick and exercise.trains:
            continue
        kinds = (
            (MISCONCEPTION, exercise.misconceptions),
            (ALTERNATIVE, exercise.alternatives),
        )
        for kind, variants in kinds:
            for variant in variants:
                cells = _cells(_with_variant(chapter, name, variant), until=name)
                yield Subject(kind, variant.name, (name,), cells)


def _with_variant(chapter, name, variant):
    notebook = copy_of(chapter.source)
    for cell in notebook.cells:
        if cell.id == name:
            cell.source = replacement(name, variant)
    return notebook


def _cells(notebook, until=""):
    """The code cells to run, up to the test of one exercise."""
    cells = []
    for cell in code_cells(notebook):
        cells.append(cell)
        if until and cell.exercise == until:
            break
    return tuple(cells)
