"""Writes the sample class: submissions made from the solutions, and what they deserve.

Run it after a chapter was added or changed: ``make sample-class``. What each student
deserves follows from how the submission is made, not from grading it.
"""

import ast
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.course.chapter import Chapter, replacement
from autograder.course.layout import Course

HERE = Path(__file__).resolve().parent
UNREADABLE = "unreadable"
NOISE = """\
import sys
import warnings

warnings.warn("look at me")
print("debugging output")
print("and some on stderr", file=sys.stderr)
"""


@dataclass(frozen=True)
class Student:
    """A way to fill in a notebook.

    answer(chapter, exercise, index) returns the source of a solution cell and whether
    it is right; a source of None leaves the stub. chapters(name) says what is handed
    in. trains: whether exercises that train a model are answered; grading them takes
    long, so most leave the stub.
    """

    name: str
    answer: Callable
    chapters: Callable = lambda name: True
    trains: bool = False


def reference(chapter, exercise, index):
    """The reference solution, without the marks around it."""
    return chapter.solution(exercise.name), True


def untouched(chapter, exercise, index):
    """The stub as it was released."""
    return None, False


def differently(chapter, exercise, index):
    """The last alternative."""
    return replacement(exercise.name, exercise.alternatives[-1]), True


def typical_mistakes(chapter, exercise, index):
    """A misconception in every exercise but each third."""
    if index % 3 == 2:
        return reference(chapter, exercise, index)
    wrong = exercise.misconceptions[index % len(exercise.misconceptions)]
    return replacement(exercise.name, wrong), False


def first_mistakes(chapter, exercise, index):
    """The most typical misconception in each second exercise."""
    if index % 2:
        return reference(chapter, exercise, index)
    return replacement(exercise.name, exercise.misconceptions[0]), False


def half_done(chapter, exercise, index):
    """The first half of the exercises."""
    if index < len(chapter.exercises) // 2:
        return reference(chapter, exercise, index)
    return untouched(chapter, exercise, index)


def syntax_error(chapter, exercise, index):
    """Everything right but the second exercise, which is not Python."""
    if index != 1:
        return reference(chapter, exercise, index)
    return f"def {exercise.name}(x)\n    return x  # the colon is missing\n", False


def noisy(chapter, exercise, index):
    """Right, with warnings and prints in cell and function."""
    source, right = reference(chapter, exercise, index)
    return f"{NOISE}\n{source}\n{_noisy_call(exercise.name)}", right


def _noisy_call(name):
    return f"""\

_quiet_{name} = {name}


def {name}(*arguments):
    warnings.warn("called")
    print("called with", len(arguments), "arguments")
    return _quiet_{name}(*arguments)
"""


STUDENTS = (
    Student("all_right", reference, trains=True),
    Student("broken_json", reference),
    Student("first_chapter_only", reference, lambda name: name.startswith("ch01")),
    Student("first_mistakes", first_mistakes),
    Student("half_done", half_done),
    Student("prints_and_warns", noisy),
    Student("syntax_error", syntax_error),
    Student("typical_mistakes", typical_mistakes),
    Student("untouched", untouched),
    Student("written_differently", differently),
)


def main():
    """Write submitted/ and expected.json beside this file."""
    course = Course.find(HERE)
    shutil.rmtree(HERE / "submitted", ignore_errors=True)
    expected = {}
    for student in STUDENTS:
        expected[student.name] = {
            name: _submit(course, student, chapter)
            for name, chapter in course.chapters.items()
            if student.chapters(name)
        }
    text = json.dumps(expected, indent=1)
    (HERE / "expected.json").write_text(text + "\n")


def _submit(course: Course, student: Student, chapter: Chapter):
    """Write one submission; returns the points it deserves."""
    path = course.notebooks / chapter.name / f"{chapter.name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    is_right = {}
    for index, (name, exercise) in enumerate(chapter.exercises.items()):
        is_answered = student.trains or not exercise.trains
        answer = student.answer if is_answered else untouched
        source, right = answer(chapter, exercise, index)
        if source is not None:
            cells[name].source = source
        # an answer that calls a wrong one is wrong as well
        used = [is_right[other] for other in _names(source) & is_right.keys()]
        is_right[name] = right and all(used)
    points = sum(chapter.exercises[name].points for name in is_right if is_right[name])
    folder = HERE / "submitted" / student.name / chapter.name
    folder.mkdir(parents=True)
    text = nbformat.writes(notebook) + "\n"
    if student.name == "broken_json" and chapter.name.startswith("ch04"):
        text, points = text[: len(text) // 2], UNREADABLE
    (folder / f"{chapter.name}.ipynb").write_text(text, encoding="utf-8")
    return points


def _names(source):
    """The names that a cell's code uses; none where it is not Python."""
    try:
        nodes = ast.walk(ast.parse(source or ""))
    except SyntaxError:
        return set()
    return {node.id for node in nodes if isinstance(node, ast.Name)}


if __name__ == "__main__":
    main()
