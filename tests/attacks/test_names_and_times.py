"""Names and times: folders' names that reach a terminal, a page, a path or a query."""

import os
import unicodedata

import pytest
from attack import BEST, CHAPTER, PASSED, REFUSED, RIGHT, Attack
from page_checks import assert_is_printable

HONEST = {"normalise": RIGHT, "largest": BEST, "earns": PASSED}
ODD = "<script>alert(1)<\x1b[2J\x1b]0;owned\x07\u202e\n{{7*7}}"
REFUSED_BY = {
    "a script": ("<script>alert(1)<", "A name that a page might run."),
    "a command": ("a b;$(id)`id`", "A name that a shell might run."),
    "an option": ("--help", "A name that a command might take for an option."),
    "a formula": ("=cmd|x", "A name that a spreadsheet of grades might compute."),
    "a pattern": ("r[a-z]*", "A name that matches the neighbours'."),
    "a query": ("x'); DROP TABLE grade;--", "A name that a database might run."),
    "a template": ("{{ 7 * 7 }}{% x %}", "A name that a template might fill in."),
    "a format": ("%s%n{0}", "A name that a message might fill in."),
    "letters turned round": ("m\u202eyrollam", "A name that is read from the right."),
    "nothing to see": (
        "right\u200b",
        "The neighbour's name and a space without width.",
    ),
    "a neighbour's name": ("right ", "The neighbour's name and a space."),
    "an escape": ("m\x1b[2J\x1b]0;owned\x07", "A name that a terminal obeys."),
    "a second line": ("m\nmallory: 5", "A name that adds a line to a table or a log."),
    "no text": (os.fsdecode(b"m\xff"), "A name that is no UTF-8."),
    "no end": ("m" * 150, "A name that is longer than columns and databases expect."),
    "a hyphen first": ("-m", "A name that begins with a hyphen."),
}
TAKEN = {
    "an e with an accent": ("ren\u00e9", "A name in Unicode's composed form."),
    "letters of another script": ("李小龙", "A name in another script."),
    "a name with a space": ("Ada King", "A first name and a last name."),
    "an address": ("ada.king-1@example.org", "An address, as platforms name folders."),
    "a name that is a number": ("007", "A name that a table might take for a number."),
    "nothing": ("None", "A name that a program might take for nothing."),
    "a neighbour in capitals": ("RIGHT", "The neighbour's name, in capitals."),
}


def timed(seconds):
    return lambda path: os.utime(path, (seconds, seconds))


def stamped(text):
    return lambda path: (path.parent / "timestamp.txt").write_text(text)


NAMES = [
    Attack(name, attacks, student=student, earns=REFUSED, says="not readable: ")
    for name, (student, attacks) in REFUSED_BY.items()
] + [
    Attack(name, attacks, student=student, **HONEST)
    for name, (student, attacks) in TAKEN.items()
]
TIMES = [
    Attack("1970", "A file from the beginning of time.", place=timed(0), **HONEST),
    Attack(
        "before 1970", "A file of a negative time.", place=timed(-(10**9)), **HONEST
    ),
    Attack("2400", "A file from the future.", place=timed(13_600_000_000), **HONEST),
    Attack(
        "a stamp of nonsense",
        "A stamp of nbgrader's that is no time.",
        place=stamped("yesterday\n\0"),
        **HONEST,
    ),
    Attack(
        "a stamp from the past",
        "A stamp of its own making, years before it is due.",
        place=stamped("1970-01-01 00:00:00 UTC"),
        **HONEST,
    ),
]
FILES = [
    Attack(
        "a file's name",
        "A data file whose name is a script, an escape, and turned round.",
        place=lambda path: (path.parent / f"{ODD}.csv").write_text("1"),
        says="Not used",
        **HONEST,
    ),
    Attack(
        "a folder's name",
        "The notebook in a folder whose name is all of that.",
        place=lambda path: path.parent.rename(path.parents[1] / ODD),
        **HONEST,
    ),
]
ATTACKS = [*NAMES, *TIMES, *FILES]


@pytest.mark.parametrize("attack", NAMES, ids=str)
def test_names(settled, attack):
    settled.undergo(attack)
    assert_is_printable(settled.course.report.read_text(encoding="utf-8"))


@pytest.mark.parametrize("attack", FILES, ids=str)
def test_names_of_files(settled, attack):
    settled.undergo(attack)


@pytest.mark.parametrize("attack", TIMES, ids=str)
def test_times(settled, attack):
    settled.undergo(attack)


def test_two_forms_of_one_name(settled):
    """NFC and NFD of one name: two folders that look, and count, as one."""
    composed, taken_apart = (
        unicodedata.normalize(form, "é") for form in ("NFC", "NFD")
    )
    for student in (composed, taken_apart):
        folder = settled.course.submitted / student / CHAPTER
        folder.mkdir(parents=True)
        source = settled.course.submitted / "right" / CHAPTER / f"{CHAPTER}.ipynb"
        (folder / source.name).write_bytes(source.read_bytes())
    output = settled.grade()
    settled.assert_neighbours_are_unharmed()
    assert settled.booked().keys() <= {"right", "wrong", composed}
    assert "two folders have this name" in output


def test_a_name_taken_apart_is_put_together(settled):
    """NFD, as Macs name folders, is the student of the composed name."""
    folder = settled.course.submitted / "rene\u0301" / CHAPTER
    folder.mkdir(parents=True)
    source = settled.course.submitted / "right" / CHAPTER / f"{CHAPTER}.ipynb"
    (folder / source.name).write_bytes(source.read_bytes())
    settled.grade()
    assert settled.booked().keys() == {"right", "wrong", "ren\u00e9"}
    assert settled.page("ren\u00e9").is_file()


def test_a_hidden_folder_is_nobody(settled):
    """A folder that begins with a dot is left alone, as editors' folders are."""
    (settled.course.submitted / ".mallory" / CHAPTER).mkdir(parents=True)
    settled.grade()
    settled.assert_neighbours_are_unharmed()
    assert settled.booked().keys() == {"right", "wrong"}
