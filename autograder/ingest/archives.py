"""What an archive holds, without ever unpacking it to disk.

An archive is a claim: about names, sizes and kinds. What is wrong with a member makes
that member a refused `Item`; what is wrong with the whole refuses the whole by name.
"""

import io
import stat
import time
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from autograder.ingest.items import BROKEN, MAX_DEPTH, Item, is_hidden, reason
from autograder.ingest.notebook import Unreadable

MAX_INNER = 64 * 2**20  # an archive in an archive is read into memory
MAX_MEMBERS = 20_000
MAX_UNPACKED = 4 * 2**30
MAX_RATIO = 200  # text shrinks to a tenth; what shrinks to less is made to
SMALL = 32 * 2**20  # below this no ratio hurts
MAX_NESTED = 2


def is_archive(name: str) -> bool:
    """Whether a file is named like a zip archive."""
    return name.casefold().endswith(".zip")


def unpacked(items: Iterator[Item], nested: int = 0) -> Iterator[Item]:
    """`items` with the members of each archive in its place, archives in it too."""
    for item in items:
        if item.problem or not is_archive(item.name):
            yield item
        elif nested >= MAX_NESTED:
            yield _refused(item.parts, "an archive in an archive in an archive")
        else:
            yield from _members_of(item, nested)


def _members_of(item, nested):
    above = (*item.parts[:-1], item.name[: -len(".zip")])
    try:
        archive = zipfile.ZipFile(_seekable(item, nested))
        _require_sane(archive, item.path)
    except Unreadable as problem:
        yield _refused(item.parts, str(problem).removeprefix(f"{item.path}: "))
        return
    except BROKEN as error:
        yield _refused(item.parts, f"not a readable zip archive ({reason(error)})")
        return
    twice = _doubled(archive)
    members = (_member(archive, info, above, twice) for info in archive.infolist())
    shown = (m for m in members if m is not None)
    yield from unpacked(shown, nested + 1)


def _seekable(item, nested):
    """An archive to jump about in: on the disk as it stands, else in memory."""
    return io.BytesIO(item.read(MAX_INNER)) if nested else item.stream()


def _require_sane(archive, name):
    """Refuse what would take the machine's memory, by what it claims."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise Unreadable(f"{name}: {len(members)} members, more than {MAX_MEMBERS}")
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if total > MAX_UNPACKED or total > SMALL + MAX_RATIO * packed:
        raise Unreadable(
            f"{name}: {packed} bytes claim to hold {total}: an archive made to fill "
            "the machine"
        )


def _member(archive, info, above, twice):
    """One member as an `Item`; None for folders and what systems leave behind."""
    if info.filename.endswith("/"):
        return None
    try:
        parts = _parts(info.filename)
    except Unreadable as problem:
        return _refused((*above, info.filename), str(problem))
    if any(is_hidden(part) for part in parts):
        return None
    place = (*above, *parts)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return _refused(place, "not a regular file but a link or a device")
    if info.flag_bits & 0x1:
        return _refused(place, "encrypted; hand in without a password")
    if twice[_folded(info.filename)] > 1:
        return _refused(place, "in the archive more than once; keep one")
    return Item(place, _seconds(info), info.file_size, partial(archive.open, info))


def _parts(name):
    """The parts of a member's name; raises Unreadable for one that leads outside."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts:
        raise Unreadable("a name that is none")
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise Unreadable("a name that leads outside of the archive")
    if len(path.parts) > 2 * MAX_DEPTH or len(name) > 1_000:
        raise Unreadable("a name that is too long")
    return path.parts


def _doubled(archive):
    return Counter(_folded(info.filename) for info in archive.infolist())


def _folded(name):
    return unicodedata.normalize("NFC", name.replace("\\", "/")).casefold()


def _seconds(info):
    try:
        return time.mktime((*info.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0


def _refused(parts, problem):
    return Item(tuple(parts), problem=problem)
