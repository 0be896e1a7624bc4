"""Archives in place of a notebook: traversal, links, bombs, names twice over."""

import io
import stat
import zipfile

import pytest
from attack import BEST, CHAPTER, PASSED, REFUSED, RIGHT, Attack

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")

NAME = f"{CHAPTER}.ipynb"
HONEST = {"normalise": RIGHT, "largest": BEST}


def zipped(*members):
    """Put an archive in the place of the notebook.

    members: names or `ZipInfo`s of copies of the notebook, or pairs of one and bytes.
    """

    def place(path):
        notebook = path.read_bytes()
        path.unlink()
        (path.parent / f"{CHAPTER}.zip").write_bytes(archive_of(notebook, members))

    return place


def archive_of(notebook, members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            name, data = member if isinstance(member, tuple) else (member, notebook)
            archive.writestr(name, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def special(name, kind):
    """A member that is said to be a link, a device ..."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    info.create_system = 3
    return info


def dated(name, year):
    return zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))


def bomb(levels):
    """Zeros in an archive, and that in archives, many times each."""
    data = archive_of(b"", [(NAME, bytes(50 * 2**20))])
    for level in range(levels):
        inner = [(f"{level}-{i}.zip", data) for i in range(8)]
        data = archive_of(b"", inner)
    return data


def false_size(path):
    """An archive whose directory claims that a bomb is small."""
    zipped((NAME, bytes(40 * 2**20)))(path)
    archive = path.parent / f"{CHAPTER}.zip"
    size = (40 * 2**20).to_bytes(4, "little")
    archive.write_bytes(
        archive.read_bytes().replace(size, (1000).to_bytes(4, "little"))
    )


def broken(path):
    zipped(NAME)(path)
    archive = path.parent / f"{CHAPTER}.zip"
    data = archive.read_bytes()
    archive.write_bytes(data[:300] + bytes(50) + data[350:])


def refused(name, attacks, place, says=""):
    return Attack(name, attacks, place=place, earns=REFUSED, says=says)


UP = "../" * 6
ATTACKS = [
    Attack(
        "an honest archive",
        "The notebook in an archive, as some hand it in.",
        place=zipped(NAME),
        **HONEST,
        earns=PASSED,
        says="found as",
    ),
    Attack(
        "an archive with a folder",
        "As Macs make them, with files of their own.",
        place=zipped(f"mine/{NAME}", (f"__MACOSX/mine/._{NAME}", b"\0\5\x16\7")),
        **HONEST,
        earns=PASSED,
        says="found as",
    ),
    refused(
        "a way up",
        "A member whose name leads to another's submission.",
        zipped(f"{UP}right/{CHAPTER}/{NAME}"),
        "leads outside",
    ),
    refused(
        "an absolute name",
        "A member whose name begins at the root.",
        zipped(f"/mark-of-mallory/{NAME}"),
        "leads outside",
    ),
    refused(
        "a drive",
        "Names with the drives and the slashes of Windows.",
        zipped(f"C:\\mark-of-mallory\\{NAME}"),
        "leads outside",
    ),
    refused(
        "a link in an archive",
        "A member that is a link to the solutions.",
        zipped((special(NAME, stat.S_IFLNK), b"../../../../solutions")),
        "link",
    ),
    refused(
        "a device in an archive",
        "A member that is a device.",
        zipped((special(NAME, stat.S_IFBLK), b"")),
        "device",
    ),
    refused(
        "a name twice",
        "Two members of one name: who looks, and who reads, differ.",
        zipped(NAME, (NAME, b'{"cells": []}')),
        "more than once",
    ),
    refused(
        "a bomb",
        "50 MB of zeros in an archive of 50 kB.",
        zipped((NAME, bytes(50 * 2**20))),
        "made to fill|bytes",
    ),
    refused(
        "a bomb in bombs",
        "Archives in archives, of which each is a bomb.",
        lambda path: (
            path.unlink(),
            (path.parent / f"{CHAPTER}.zip").write_bytes(bomb(2)),
        ),
    ),
    refused(
        "a false size", "A bomb whose directory claims a thousand bytes.", false_size
    ),
    refused(
        "many members",
        "More members than anyone has files.",
        zipped(*((f"{i}", b"") for i in range(20_001))),
        "members, more than",
    ),
    refused("a broken archive", "An archive that was damaged on its way.", broken),
    refused(
        "no archive",
        "A file that is named as an archive and is none.",
        lambda path: path.rename(path.with_suffix(".zip")),
        "zip archive",
    ),
    Attack(
        "a time before all times",
        "Members of 1980 and of 2107; the newer counts.",
        place=zipped((dated(f"a/{NAME}", 1980), b"{"), dated(f"b/{NAME}", 2107)),
        **HONEST,
        earns=PASSED,
        says="2 notebooks",
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_archives(settled, attack):
    settled.undergo(attack)
