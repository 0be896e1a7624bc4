"""A class that never was: answers drawn from what the chapters know, by a seed.

Of the answers three quarters are right (the reference or an alternative), a fifth are
misconceptions, the rest is not attempted. Exercises that train a model are not
attempted: what they take is the student's own training, and it is bounded beforehand.
"""

import random
from pathlib import Path

import nbformat

from autograder.course.chapter import Chapter, replacement
from autograder.course.layout import Course

RIGHT, WRONG = 0.75, 0.95
REMARK = "# by one who is not there"
VARIETY = 40  # different notebooks of a chapter; students share them


def student(number: int) -> str:
    return f"student-{number:05}"


def answers_of(chapter: Chapter, number: int) -> dict[str, str]:
    """The sources that submission `number` has, by exercise; nothing for a stub."""
    rng = random.Random(f"{chapter.name} {number}")
    found = {}
    for name, exercise in chapter.exercises.items():
        where = 1.0 if exercise.trains else rng.random()
        if where < RIGHT:
            variant = rng.choice([None, *exercise.alternatives])
        elif where < WRONG:
            variant = rng.choice(exercise.misconceptions)
        else:
            continue
        is_reference = variant is None
        found[name] = (
            chapter.solution(name) if is_reference else replacement(name, variant)
        )
    return found


def write_submission(path: Path, target: Path, chapter: Chapter, answers):
    """Write the notebook at `path` with the answers in its solution cells."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", cell.get("id"))
        if name in answers:
            cell.source = f"{answers[name].rstrip()}\n{REMARK}"
    target.mkdir(parents=True)
    nbformat.write(notebook, target / f"{chapter.name}.ipynb")


def write_class(course: Course, root: Path, chapters: list[Chapter], students: int):
    """Fill ``root/submitted`` with a class.

    Notebooks of one chapter repeat after VARIETY students, but for a remark in each
    answer: no two are the same to the grader, and nothing can be remembered.
    """
    for chapter in chapters:
        path = course.notebooks / chapter.name / f"{chapter.name}.ipynb"
        texts = []
        for number in range(min(students, VARIETY)):
            target = root / "variety" / chapter.name / str(number)
            write_submission(path, target, chapter, answers_of(chapter, number))
            texts.append((target / f"{chapter.name}.ipynb").read_text("utf-8"))
        for number in range(students):
            text = texts[number % len(texts)].replace(REMARK, f"# {student(number)}")
            target = root / "submitted" / student(number) / chapter.name
            target.mkdir(parents=True)
            (target / f"{chapter.name}.ipynb").write_text(text, encoding="utf-8")
