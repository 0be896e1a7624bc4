"""One student's submission for one chapter: found, read, and what was noticed."""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from autograder.ingest.archives import is_archive, unpacked
from autograder.ingest.items import Item, file_item, items_in
from autograder.ingest.names import chapter_of, is_notebook, plain
from autograder.ingest.notebook import (
    MAX_BYTES,
    SubmittedCell,
    Unreadable,
    checked_cells,
    read_cells,
)
from autograder.ingest.students import folder_of

DATA = (".csv", ".json", ".npy", ".txt")
DATA_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}\Z")
MAX_DATA_FILES = 20
MAX_DATA_FILE = 2 * 2**20
MAX_DATA = 8 * 2**20
# what comes with every notebook, or from nbgrader
OURS = ("public_cases.json", "timestamp.txt", "record.json")


@dataclass(frozen=True)
class Submission:
    """A student's notebook, reduced to the sources of its cells.

    digest: of all bytes that count. notes: what was noticed, for student and
    instructor. files: the data beside the notebook, by name.
    """

    student: str
    chapter: str
    cells: list[SubmittedCell]
    digest: str
    notes: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A notebook that was handed in for a chapter, as bytes, not yet looked into.

    name: of the file, for messages. digest: of all bytes that count.
    """

    student: str
    chapter: str
    name: str
    data: bytes
    notes: list[str]
    files: dict[str, bytes]

    @cached_property
    def digest(self) -> str:
        return _digest(self.data, self.files)

    def read(self) -> Submission:
        """Its cells; raises Unreadable where it is no notebook."""
        cells = read_cells(self.data, self.name)
        place = (self.student, self.chapter)
        return Submission(*place, cells, self.digest, self.notes, self.files)


class HandedIn:
    """What one student has handed in, listed once for all chapters.

    A notebook counts that is named like the chapter, or lies in a folder that is, under
    whatever spelling; of several the newest.
    """

    def __init__(self, submitted: Path, student: str):
        self._student = student
        self._folder = folder_of(submitted, student)

    def find(self, chapter: str) -> Found | None:
        """What was handed in for a chapter; None where that is nothing.

        Raises Unreadable when something is there that cannot be graded.
        """
        if self._folder is None:
            return None
        items = self._by_chapter.get(chapter, [])
        notebooks = [item for item in items if is_notebook(item.name)]
        readable = [item for item in notebooks if not item.problem]
        if not readable:
            return _nothing_to_read(self._folder, items, notebooks, chapter)
        expected = (chapter, f"{chapter}.ipynb")
        readable.sort(
            key=lambda item: (-item.modified, item.parts != expected, item.path)
        )
        newest = readable[0]
        data = newest.read(MAX_BYTES)
        files, left_out = beside(newest, items)
        notes = [*_found_as(newest, notebooks, expected), *left_out]
        name = newest.name if newest.parts == expected else newest.path
        return Found(self._student, chapter, name, data, notes, files)

    @cached_property
    def _by_chapter(self):
        """All items by the chapter that they belong to."""
        found = defaultdict(list)
        for item in unpacked(items_in(self._folder)):
            found[chapter_of(item.parts)].append(item)
        return found


def find_submission(submitted: Path, student: str, chapter: str) -> Submission | None:
    """Read what a student handed in for a chapter, as `HandedIn` finds it."""
    found = HandedIn(submitted, student).find(chapter)
    return found and found.read()


def read_submission(path: Path, student: str, chapter: str) -> Submission:
    """Read a submitted notebook; raises Unreadable with file name and cause."""
    data = file_item(path).read(MAX_BYTES)
    return Submission(student, chapter, read_cells(data, path.name), _digest(data, {}))


def submission_of(notebook, student: str, chapter: str) -> Submission:
    """The same for a notebook that nbgrader has already read."""
    cells = checked_cells(notebook.cells, f"{chapter}.ipynb")
    return Submission(student, chapter, cells, "")


def data_files(folder: Path) -> dict[str, bytes]:
    """The data beside a notebook in `folder`, by name."""
    items = [item for item in items_in(folder) if len(item.parts) == 1]
    return beside(Item(("notebook.ipynb",)), items)[0]


# --- what was found -------------------------------------------------------------


def _nothing_to_read(folder, items, notebooks, chapter):
    """None, or Unreadable where the student meant to hand in something."""
    if notebooks:
        raise Unreadable(f"{notebooks[0].path}: {notebooks[0].problem}")
    for item in items:
        if item.problem:
            raise Unreadable(f"{item.path}: {item.problem}")
        if len(item.parts) == 1 and plain(item.name) == chapter:
            raise Unreadable(
                f"{item.name} is a file, not a folder with {chapter}.ipynb"
            )
    if (folder / chapter / f"{chapter}.ipynb").is_dir():
        raise Unreadable(f"{chapter}.ipynb is a folder, not a notebook")
    if (folder / chapter).is_dir():
        inside = ", ".join(sorted(p.name for p in (folder / chapter).iterdir()))
        raise Unreadable(
            f"no {chapter}.ipynb in the folder {chapter}/, which holds "
            f"{inside or 'nothing'}"
        )
    return None


def _found_as(newest, notebooks, expected):
    others = [item.path for item in notebooks if item is not newest]
    if others:
        yield (
            f"{len(others) + 1} notebooks were handed in; the newest, {newest.path}, "
            f"was graded, and not {', '.join(others[:5])}."
        )
    elif newest.parts != expected:
        yield f"The notebook was found as {newest.path}."


def _digest(data, files):
    digest = hashlib.sha256(data)
    for name in sorted(files):
        digest.update(f"\n{name} {len(files[name])}\n".encode())
        digest.update(files[name])
    return digest.hexdigest()


# --- data beside the notebook ---------------------------------------------------


def beside(notebook: Item, items) -> tuple[dict[str, bytes], list[str]]:
    """The small data files beside a notebook, and notes on what was left out."""
    near = [i for i in items if i.parts[:-1] == notebook.parts[:-1]]
    near = [i for i in near if not is_notebook(i.name) and i.name not in OURS]
    files, left_out, room = {}, [], MAX_DATA
    for item in near:
        try:
            files[item.name] = _data(item, len(files), room)
            room -= len(files[item.name])
        except Unreadable as problem:
            left_out.append(f"Not used: {item.path}: {problem}")
    return files, left_out[:MAX_DATA_FILES]


def _data(item, count, room):
    suffix = "." + item.name.rpartition(".")[2].casefold()
    if is_archive(item.name) or suffix not in DATA or not DATA_NAME.match(item.name):
        kinds = ", ".join(DATA)
        raise Unreadable(f"only the notebook and small data files ({kinds}) count.")
    if count >= MAX_DATA_FILES:
        raise Unreadable(f"more than {MAX_DATA_FILES} data files.")
    if item.problem or item.size > MAX_DATA_FILE or item.size > room:
        raise Unreadable(item.problem or f"{item.size} bytes are too many.")
    return item.read(MAX_DATA_FILE)
