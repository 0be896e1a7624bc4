"""Archives: what they claim is not believed, and what is wrong is refused by name."""

import stat
import struct
import warnings
import zipfile

import pytest

from autograder.ingest import archives
from autograder.ingest.archives import unpacked
from autograder.ingest.items import items_in
from autograder.ingest.notebook import Unreadable


@pytest.fixture
def found(tmp_path, write, zipped):
    """What is in an archive of these members: (contents by path, problems by path)."""

    def look(members):
        data = members if isinstance(members, bytes) else zipped(members)
        write("in/class.zip", data)
        items = list(unpacked(items_in(tmp_path / "in")))
        read, problems = {}, {}
        for item in items:
            try:
                read[item.path] = item.read(10_000)
            except Unreadable as problem:
                problems[item.path] = str(problem).removeprefix(f"{item.path}: ")
        return read, problems

    return look


def test_members_are_read_without_unpacking(found, tmp_path):
    read, problems = found({"ada/a.ipynb": b"1", "b.csv": b"2"})
    assert read == {"class/ada/a.ipynb": b"1", "class/b.csv": b"2"}
    assert problems == {}
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["class.zip"]


def test_an_archive_in_an_archive_is_opened(found, zipped):
    inner = zipped({"x.ipynb": b"1"})
    assert found({"ada.zip": inner})[0] == {"class/ada/x.ipynb": b"1"}


def test_a_third_layer_is_refused(found, zipped):
    deep = zipped({"b.zip": zipped({"c.zip": zipped({"x": b"1"})})})
    read, problems = found(deep)
    assert read == {}
    assert problems == {"class/b/c.zip": "an archive in an archive in an archive"}


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "C:/x", "..\\x", "a\\..\\..\\x"]
)
def test_names_that_lead_outside_are_refused(found, name):
    read, problems = found({name: b"1", "good": b"2"})
    assert read == {"class/good": b"2"}
    assert list(problems.values()) == ["a name that leads outside of the archive"]


@pytest.mark.parametrize("name", ["", ".", "./."])
def test_names_that_are_none_are_refused(found, name):
    info = zipfile.ZipInfo("x")
    info.filename = name
    read, problems = found({info: b"1", "good": b"2"})
    assert read == {"class/good": b"2"}
    assert list(problems.values()) == ["a name that is none"]


def test_links_and_devices_are_refused(found):
    members = {"good": b"1"}
    for name, kind in (("link", stat.S_IFLNK), ("pipe", stat.S_IFIFO)):
        info = zipfile.ZipInfo(name)
        info.external_attr = (kind | 0o644) << 16
        members[info] = b"/etc/passwd"
    read, problems = found(members)
    assert read == {"class/good": b"1"}
    assert set(problems) == {"class/link", "class/pipe"}
    assert "a link or a device" in problems["class/link"]


@pytest.mark.parametrize("second", ["a.ipynb", "A.ipynb", "a.IPYNB"])
def test_doubled_names_are_refused(found, second):
    pair = [(zipfile.ZipInfo("a.ipynb"), b"1"), (zipfile.ZipInfo(second), b"2")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read, problems = found(dict(pair) | {"good": b"3"})
    assert read == {"class/good": b"3"}
    assert all("more than once; keep one" in text for text in problems.values())


def test_an_archive_that_fills_the_machine_is_refused(found):
    read, problems = found({"zeros": bytes(40 * 2**20)})
    assert read == {}
    assert "made to fill the machine" in problems["class.zip"]


def test_honest_archives_shrink_too(found):
    read, _ = found({f"{i}": b"print\n" * 1000 for i in range(200)})
    assert len(read) == 200


def test_a_member_that_claims_less_than_it_holds_is_refused(found, zipped):
    data = bytearray(zipped({"x": bytes(50_000)}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(signature) + offset
        data[place : place + 4] = struct.pack("<I", 5)
    read, problems = found(bytes(data))
    assert read == {} or read["class/x"] == bytes(5)
    assert not problems or "class/x" in problems


def test_too_many_members_are_refused(found, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    read, problems = found({str(i): b"1" for i in range(4)})
    assert (read, problems) == ({}, {"class.zip": "4 members, more than 3"})


def test_what_is_damaged_is_refused_alone(found, zipped):
    whole = zipped({"a": b"1" * 100, "b": bytes(range(256))})
    data = bytearray(whole)
    data[data.index(bytes(range(60, 90)))] ^= 0xFF
    read, problems = found(bytes(data))
    assert read == {"class/a": b"1" * 100}
    assert "crc" in problems["class/b"]


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_named(found, data):
    read, problems = found(data)
    assert read == {}
    assert problems in (
        {},
        {"class.zip": "not a readable zip archive (file is not a zip file)"},
    )


def test_an_encrypted_member_is_refused(found, zipped):
    data = bytearray(zipped({"x": b"1"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    data[data.index(b"PK\x03\x04") + 6] |= 1
    assert "encrypted" in found(bytes(data))[1]["class/x"]


def test_what_systems_leave_behind_is_no_file(found):
    members = {"__MACOSX/._a": b"", ".DS_Store": b"", "a/.ipynb_checkpoints/x": b"1"}
    assert found(members | {"a/": b""}) == ({}, {})
