"""The files that were handed in, in a folder or in an archive, as `Item`s."""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from autograder.ingest.notebook import Unreadable

MAX_DEPTH = 6
MAX_FILES = 5_000
IGNORED = ("__MACOSX", "__pycache__")
# what reading a file or an archive's member may raise
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Item:
    """One file, or what stands in the place of one.

    parts: its path below where the search began. modified: when, in seconds; it only
    says which of two is newer. stream: opens it. problem: why it is not read, "" for a
    regular file.
    """

    parts: tuple[str, ...]
    modified: float = 0.0
    size: int = 0
    stream: Callable[[], BinaryIO] | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def path(self) -> str:
        # a name on the disk need not be text
        return "/".join(self.parts).encode("utf-8", "replace").decode("utf-8")

    def read(self, most: int) -> bytes:
        """The content; raises Unreadable for more than `most` bytes or no file."""
        if self.problem:
            raise Unreadable(f"{self.path}: {self.problem}")
        if self.size > most:
            raise Unreadable(f"{self.path}: {self.size} bytes, more than {most}")
        try:
            with self.stream() as file:
                data = file.read(most + 1)
        except BROKEN as error:
            raise Unreadable(f"{self.path}: {reason(error)}") from None
        if len(data) > most:  # it claimed less
            raise Unreadable(f"{self.path}: more than {most} bytes")
        return data


def items_in(folder: Path, most: int = MAX_FILES) -> Iterator[Item]:
    """Everything below a folder but hidden files; links are never followed.

    Raises Unreadable when there are more than `most` files.
    """
    for count, item in enumerate(_walk(folder, ())):
        if count >= most:
            raise Unreadable(f"{folder.name}: more than {most} files")
        yield item


def file_item(path: Path) -> Item:
    """One file of the disk."""
    return _item((path.name,), path)


def reason(error: Exception) -> str:
    """An error of reading, in words without a path."""
    return (getattr(error, "strerror", None) or str(error) or "cannot be read").lower()


def is_hidden(name: str) -> bool:
    """Whether an editor or a system has put it there, not the student."""
    return name.startswith(".") or name in IGNORED


def _walk(folder, above):
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        yield Item((*above, "."), problem=reason(error))
        return
    for entry in entries:
        parts = (*above, entry.name)
        if is_hidden(entry.name):
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield _item(parts, Path(entry.path))
        elif len(parts) <= MAX_DEPTH:
            yield from _walk(entry.path, parts)


def _item(parts, path):
    try:
        found = path.lstat()
    except OSError as error:
        return Item(parts, problem=reason(error))
    if not stat.S_ISREG(found.st_mode):
        return Item(parts, found.st_mtime, problem=_kind(found.st_mode))
    return Item(parts, found.st_mtime, found.st_size, partial(_open, path))


def _open(path):
    """Open a regular file, and nothing that has taken its place since."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(None, "no longer a regular file")
    return os.fdopen(number, "rb")


def _kind(mode):
    if stat.S_ISLNK(mode):
        return "a link; hand in the file itself"
    if stat.S_ISDIR(mode):
        return "is a directory; hand in the file itself"
    return "not a regular file; hand in a copy of it"
