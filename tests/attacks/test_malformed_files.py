"""Malformed files: what cannot be a notebook, and notebooks of another name."""

import json
import os
import socket

import pytest
from attack import BEST, CHAPTER, PASSED, REFUSED, RIGHT, Attack

NAME = f"{CHAPTER}.ipynb"
HONEST = {"normalise": RIGHT, "largest": BEST, "earns": PASSED}


def renamed(name):
    def place(path):
        target = path.parent / name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)

    return place


def beside_an_older(path):
    """The answers in a newer copy; the notebook of the expected name is older."""
    newer = path.with_name(f"{CHAPTER} (1).ipynb")
    newer.write_bytes(path.read_bytes())
    path.write_text(path.read_text().replace("maximum", "minimum"))
    os.utime(path, (10**9, 10**9))


def replaced_by(make):
    def place(path):
        path.unlink()
        make(path)

    return place


def to_a_neighbour(path):
    theirs = path.parents[2] / "right" / CHAPTER / NAME
    path.symlink_to(theirs)


def folder_to_a_neighbour(path):
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(path.parents[2] / "right" / CHAPTER)


def bound_socket(path):
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def old_format(notebook):
    code = [c | {"input": c["source"]} for c in notebook["cells"]]
    sheets = [{"cells": code, "metadata": {}}]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": sheets}


def text(content):
    """A file that holds this instead of the notebook."""
    return lambda notebook: content


def refused(name, attacks, says, **how):
    return Attack(name, attacks, says=f"{NAME}: .*{says}", earns=REFUSED, **how)


FILES = [
    refused(
        "no JSON",
        "A file cut off by a lost connection.",
        "not valid JSON",
        edit=lambda notebook: json.dumps(notebook)[:-200],
    ),
    refused(
        "no UTF-8",
        "Bytes that are no text.",
        "not UTF-8",
        edit=text(b'{"cells": ["\xff\xfe"]}'),
    ),
    refused(
        "UTF-16",
        "Text as Windows once saved it.",
        "not UTF-8",
        edit=lambda notebook: json.dumps(notebook).encode("utf-16"),
    ),
    refused("an empty file", "No bytes at all.", "empty", edit=text(b"")),
    refused(
        "a zip of the name",
        "An archive that is named as a notebook.",
        "not valid JSON",
        edit=text(b"PK\x03\x04" + bytes(500)),
    ),
    refused(
        "a page",
        "The HTML that a platform shows instead of a file.",
        "not valid JSON",
        edit=text("<!DOCTYPE html><html><script>1</script>"),
    ),
    refused(
        "no notebook",
        "JSON of another kind.",
        "not a notebook",
        edit=text([1, 2, {"cells": 3}]),
    ),
    refused(
        "format 3",
        "A notebook of a format that nobody writes any more.",
        "not a notebook",
        edit=old_format,
    ),
    Attack(
        "a folder",
        "A folder where the file should be.",
        earns=REFUSED,
        says=NAME,
        place=replaced_by(lambda path: path.mkdir()),
    ),
    refused(
        "a pipe",
        "A pipe where the file should be: who reads it waits for ever.",
        "not a regular file",
        place=replaced_by(os.mkfifo),
    ),
    refused(
        "a socket",
        "A socket where the file should be.",
        "not a regular file",
        place=replaced_by(bound_socket),
    ),
    refused(
        "a link to a neighbour",
        "A link to the notebook of another student.",
        "link",
        place=replaced_by(to_a_neighbour),
    ),
    refused(
        "a link to nothing",
        "A link to itself.",
        "link",
        place=replaced_by(lambda path: path.symlink_to(path)),
    ),
    refused(
        "a link to a device",
        "A link to a device that never ends.",
        "link",
        place=replaced_by(lambda path: path.symlink_to("/dev/zero")),
    ),
    refused(
        "a file of zeros",
        "A sparse file of a terabyte.",
        "bytes, more than",
        place=lambda path: os.truncate(path, 2**40),
    ),
    Attack(
        "a linked folder",
        "A link to the folder of another student.",
        place=folder_to_a_neighbour,
        earns=REFUSED,
        says="link",
    ),
    Attack(
        "a document",
        "A document of another kind, and no notebook.",
        place=renamed("homework.docx"),
        earns=REFUSED,
        says="homework.docx",
    ),
]
NAMED = [
    Attack(
        "a second download",
        "Renamed by a browser, which honest students hand in.",
        place=renamed(f"{CHAPTER} (1).ipynb"),
        **HONEST,
        says=r"found as .*\(1\)",
    ),
    Attack(
        "a name in capitals",
        "Renamed by a file system that knows no case.",
        place=renamed("CH01_Sample.IPYNB"),
        **HONEST,
        says="found as",
    ),
    Attack(
        "in a sub-folder",
        "In a folder of the folder.",
        place=renamed(f"my work/{NAME}"),
        **HONEST,
        says="my work/",
    ),
    Attack(
        "two candidates",
        "Two notebooks, of which the newer one counts.",
        place=beside_an_older,
        **HONEST,
        says="2 notebooks",
    ),
]
ATTACKS = [*FILES, *NAMED]


@pytest.mark.parametrize("attack", FILES, ids=str)
def test_what_is_no_notebook_is_refused_by_name(settled, attack):
    settled.undergo(attack)


@pytest.mark.parametrize("attack", NAMED, ids=str)
def test_renamed_notebooks_are_found(settled, attack):
    settled.undergo(attack)
