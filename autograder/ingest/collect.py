"""From a platform's download to the folder of submissions."""

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course.layout import Course
from autograder.ingest.archives import is_archive, unpacked
from autograder.ingest.items import Item, file_item, items_in
from autograder.ingest.layouts import chapter_in, number_of, shared_folders, student_of
from autograder.ingest.names import is_notebook, student_id
from autograder.ingest.notebook import MAX_BYTES, Unreadable, read_cells
from autograder.ingest.submission import beside
from autograder.problems import Problem

NEW, REPLACED, SAME, OLDER, REFUSED = "new", "replaced", "same", "older", "refused"
MAX_FILES = 500_000
NAMESAKES = "several persons of this name handed in; put each in a folder of their own"


@dataclass(frozen=True)
class Collected:
    """What became of one file that was handed in.

    state: new, replaced, same (it was there already), older (a newer one was taken) or
    refused (`problem` says why).
    """

    path: str
    student: str
    chapter: str
    state: str
    problem: str = ""


def collect(
    course: Course, sources: list[Path], pattern: re.Pattern | None = None
) -> Iterator[Collected]:
    """Put the notebooks of `sources` into submitted/; yields what became of each.

    sources: folders, zip archives (archives in them too) or single notebooks. pattern:
    finds the group `student` in a path, where the platform's own naming does not help.
    Nothing is written outside of submitted/STUDENT/CHAPTER/. Raises Problem for a
    source that is not there.
    """
    items = [item for source in sources for item in _items(source)]
    shared = shared_folders([i.parts for i in items if is_notebook(i.name)])
    placed = []
    for item in items:
        if not (item.problem or is_notebook(item.name)):
            continue
        try:
            placed.append((*_place(course, item, pattern, shared), item))
        except Unreadable as problem:
            yield _refused(item, problem)
    placed.sort(key=lambda found: (-found[-1].modified, found[-1].path))
    namesakes = _namesakes(placed)
    taken = set()
    for student, chapter, item in placed:
        if (student, chapter) in namesakes:
            yield _refused(item, NAMESAKES)
            continue
        if (student, chapter) in taken:
            yield Collected(item.path, student, chapter, OLDER)
            continue
        taken.add((student, chapter))
        try:
            state = _write(course.submitted / student / chapter, chapter, item, items)
            yield Collected(item.path, student, chapter, state)
        except Unreadable as problem:
            yield _refused(item, problem)


def _namesakes(placed):
    """The places that several persons of one name would share."""
    numbers = {}
    for student, chapter, item in placed:
        numbers.setdefault((student, chapter), set()).add(number_of(item.parts))
    return {place for place, found in numbers.items() if len(found) > 1}


def _refused(item, problem):
    words = str(problem).removeprefix(f"{item.path}: ")
    return Collected(item.path, "", "", REFUSED, words)


def _items(source) -> list[Item]:
    if source.is_dir():
        try:
            return list(unpacked(items_in(source, MAX_FILES)))
        except Unreadable as problem:
            raise Problem(str(problem)) from None
    if not source.is_file():
        raise Problem(f"{source} is not there; name a zip archive or a folder")
    if not (is_archive(source.name) or is_notebook(source.name)):
        raise Problem(
            f"{source.name} is neither a zip archive, a notebook nor a folder"
        )
    return list(unpacked(iter([file_item(source)])))


def _place(course, item, pattern, shared) -> tuple[str, str]:
    """Whose notebook it is, and for which chapter; raises Unreadable if unclear."""
    if item.problem:
        raise Unreadable(item.problem)
    chapter = chapter_in(item.parts)
    if chapter not in course.chapters:
        cells = read_cells(item.read(MAX_BYTES), item.path)
        chapter = _chapter_by_cells(course, cells)
    if not chapter:
        known = ", ".join(course.chapters)
        raise Unreadable(f"neither its name nor its cells are those of {known}")
    name = student_of(item.parts, pattern, shared)
    if not name:
        raise Unreadable(
            "its path does not say whose it is; put it in a folder named like the "
            "student, or give --pattern"
        )
    return student_id(" ".join(name.split())), chapter


def _chapter_by_cells(course, cells):
    """The chapter whose exercises a notebook answers, "" for none or several."""
    ids = {cell.grade_id for cell in cells if cell.grade_id}
    found = [n for n, c in course.chapters.items() if ids & c.exercises.keys()]
    return found[0] if len(found) == 1 else ""


# --- writing --------------------------------------------------------------------


def _write(folder, chapter, item, items):
    """Put a notebook and its data files into a student's folder."""
    data = item.read(MAX_BYTES)
    files, _ = beside(item, items)
    path = folder / f"{chapter}.ipynb"
    is_there = path.is_file()
    is_same = is_there and path.read_bytes() == data
    for name, content in files.items():
        is_same &= (folder / name).is_file() and (folder / name).read_bytes() == content
    if is_same:
        return SAME
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (*files.items(), (path.name, data)):
        _replace(folder / name, content, item.modified)
    return REPLACED if is_there else NEW


def _replace(path, data, modified):
    """Write a file whole or not at all."""
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=".", delete=False
    ) as written:
        written.write(data)
    os.utime(written.name, (modified, modified))
    os.chmod(written.name, 0o644)
    os.replace(written.name, path)
