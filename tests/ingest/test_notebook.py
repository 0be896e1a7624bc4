"""What is read of a submission: text of cells; whatever it holds, nothing breaks."""

import hashlib
import json
import os

import nbformat
import pytest

from autograder.ingest import notebook as limits
from autograder.ingest.notebook import SubmittedCell, Unreadable
from autograder.ingest.submission import read_submission, submission_of

NAME = "ch01_sample.ipynb"


@pytest.fixture
def read(tmp_path):
    """Read a notebook of the given bytes, text or JSON data."""

    def read(content):
        if not isinstance(content, (bytes, str)):
            content = json.dumps(content)
        data = content.encode() if isinstance(content, str) else content
        path = tmp_path / NAME
        path.write_bytes(data)
        return read_submission(path, "ada", "ch01_sample")

    return read


def cell(source="x = 1", **more):
    return {"cell_type": "code", "source": source, "metadata": {}} | more


def cells_of(read, *cells, **notebook):
    return read({"cells": list(cells), **notebook}).cells


# --- what is read ---------------------------------------------------------------


def test_a_cell_is_its_ids_its_kind_and_its_source(read):
    graded = cell(id="a", metadata={"nbgrader": {"grade_id": "softmax", "points": 500}})
    text = {"cell_type": "markdown", "source": "# hi"}
    assert cells_of(read, graded, text, nbformat=4) == [
        SubmittedCell("softmax", "a", True, "x = 1"),
        SubmittedCell("", "", False, "# hi"),
    ]


def test_a_source_may_be_a_list_of_lines(read):
    (one,) = cells_of(read, cell(["a = 1\n", "b = 2"]))
    assert one.source == "a = 1\nb = 2"


def test_the_digest_is_of_the_bytes(read):
    data = json.dumps({"cells": []}).encode()
    assert read(data).digest == hashlib.sha256(data).hexdigest()
    assert read(data + b"\n").digest != read(data).digest


def test_a_byte_order_mark_is_no_harm(read):
    assert read(b"\xef\xbb\xbf" + json.dumps({"cells": [cell()]}).encode()).cells


def test_what_nbgrader_has_read_gives_the_same(submit, released):
    path = submit(released, "ada", added=[("normalise", "y = 2")])
    ours = read_submission(path, "ada", "ch01_sample")
    theirs = nbformat.read(path, as_version=4)
    assert submission_of(theirs, "ada", "ch01_sample").cells == ours.cells
    assert "y = 2" in [cell.source for cell in ours.cells]


@pytest.mark.parametrize(
    "odd",
    [
        cell(metadata=None),
        cell(metadata=[1]),
        cell(metadata={"nbgrader": "softmax"}),
        cell(metadata={"nbgrader": {"grade_id": ["softmax"]}}),
        cell(metadata={"nbgrader": {"grade_id": 3}}),
        {"cell_type": "code", "source": "x = 1"},
    ],
)
def test_odd_metadata_is_no_metadata(read, odd):
    assert cells_of(read, odd) == [SubmittedCell("", "", True, "x = 1")]


@pytest.mark.parametrize("source", [None, 3, {"a": 1}, [], [1, None], True])
def test_an_odd_source_is_empty(read, source):
    assert cells_of(read, cell(source)) == [SubmittedCell("", "", True, "")]


@pytest.mark.parametrize("kind", ["markdown", "raw", "heading", None, 3])
def test_only_code_is_code(read, kind):
    (one,) = cells_of(read, cell(cell_type=kind))
    assert one.is_code is False


def test_what_is_no_cell_is_left_out(read):
    assert len(cells_of(read, None, 3, "x", [cell()], cell())) == 1


@pytest.mark.parametrize("version", [3, 99, None, "four"])
def test_the_stated_format_does_not_matter(read, version):
    assert len(cells_of(read, cell(), nbformat=version)) == 1


def test_half_a_character_becomes_a_question_mark(read):
    (one,) = cells_of(read, cell("x = '\ud83d'", id="\udc00"))
    assert (one.source, one.cell_id) == ("x = '?'", "?")
    one.source.encode()


# --- what cannot be read --------------------------------------------------------


def complaint(read, content):
    with pytest.raises(Unreadable) as caught:
        read(content)
    message = str(caught.value)
    assert message.startswith(f"{NAME}: ")
    return message


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("", "the file is empty; save the notebook"),
        (" \n\t", "the file is empty"),
        ('{"cells": [', "not valid JSON at line 1, column 12"),
        ('{\n"cells": [],,}', "not valid JSON at line 2, column 13"),
        ("PK\x03\x04", "not valid JSON at line 1, column 1"),
        (b'{"cells": ["\xff"]}', "not UTF-8 text, at byte 12"),
        ('{"cells": []}'.encode("utf-16"), "not UTF-8 text, at byte 0"),
        ("[" * 100_000, "not valid JSON: nested too deeply"),
        ('{"cells": [' + "9" * 5_000 + "]}", "not valid JSON: "),
        ("[]", "not a notebook of format 4 (no cells)"),
        ('"text"', "not a notebook of format 4 (no cells)"),
        ("{}", "not a notebook of format 4 (no cells)"),
        ({"cells": {"0": {}}}, "not a notebook of format 4 (no cells)"),
        ({"nbformat": 3, "worksheets": [{"cells": []}]}, "not a notebook of format 4"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_cause(read, content, cause):
    assert cause in complaint(read, content)


def test_too_many_cells_are_refused(read):
    assert "2001 cells, more than 2000" in complaint(read, {"cells": [{}] * 2001})
    assert len(read({"cells": [cell()] * 2000}).cells) == 2000


def test_a_very_long_source_is_refused(read):
    most = limits.MAX_SOURCE
    long = complaint(read, {"cells": [cell(), cell("#" * (most + 1))]})
    assert f"cell 2 has {most + 1} characters, more than {most}" in long
    assert len(read({"cells": [cell("#" * most)]}).cells) == 1


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / NAME
    with path.open("wb") as file:
        file.truncate(limits.MAX_BYTES + 1)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("was opened"))
    with pytest.raises(Unreadable, match=f"{limits.MAX_BYTES + 1} bytes, more than"):
        read_submission(path, "ada", "ch01_sample")


@pytest.mark.parametrize("kind", ["missing", "folder", "dangling link", "circle"])
def test_what_is_no_file_is_unreadable(tmp_path, kind):
    path = tmp_path / NAME
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        os.symlink(path if kind == "circle" else tmp_path / "nothing", path)
    with pytest.raises(Unreadable, match=f"^{NAME}: "):
        read_submission(path, "ada", "ch01_sample")
