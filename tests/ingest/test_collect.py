"""``autograder collect``: from a platform's download to submitted/."""

import os
import zipfile

import pytest

from autograder.cli import main
from autograder.ingest.layouts import chapter_in, number_of, student_of

CHAPTER = "ch01_sample"
FILE = f"{CHAPTER}.ipynb"


@pytest.fixture
def collect(course, write, capsys):
    """Collect files given as {path: bytes}; returns code, output, what is there."""

    def run(files, *options, names=("download",)):
        for name, data in files.items():
            write(f"download/{name}", data)
        sources = [str(course.root / name) for name in names]
        code = main(["collect", *sources, "--course", str(course.root), *options])
        out, err = capsys.readouterr()
        there = {
            str(path.relative_to(course.submitted)): path.read_bytes()
            for path in sorted(course.submitted.rglob("*"))
            if path.is_file()
        }
        return code, out + err, there

    return run


NAMED = {
    "nbgrader": (f"ada/{CHAPTER}/{FILE}", "ada"),
    "Moodle, folders": (f"Ada King_4711_assignsubmission_file_/{FILE}", "Ada King"),
    "Moodle, flat": (f"Ada King_4711_assignsubmission_file_{FILE}", "Ada King"),
    "Canvas": (f"kingada_12_345_{FILE}", "kingada"),
    "Canvas, late": (f"kingada_LATE_12_345_{CHAPTER}-1.ipynb", "kingada"),
    "Blackboard": (f"hw1_ada_attempt_2026-01-31-10-00-00_{FILE}", "ada"),
    "a folder a student": (f"ada/{CHAPTER} (2).ipynb", "ada"),
    "chapter, then student": (f"{CHAPTER}/ada/{FILE}", "ada"),
}


@pytest.mark.parametrize("kind", NAMED)
def test_platforms_and_folders_name_the_student(kind):
    path, student = NAMED[kind]
    parts = tuple(path.split("/"))
    assert (student_of(parts), chapter_in(parts)) == (student, CHAPTER)


def test_a_platforms_number_tells_namesakes_apart():
    assert number_of(("Ada_7_assignsubmission_file_", FILE)) == "7"
    assert number_of((f"ada_12_345_{FILE}",)) == "12"
    assert number_of(("ada", FILE)) == ""


@pytest.mark.parametrize("kind", NAMED)
def test_what_was_handed_in_goes_to_its_place(collect, notebook, kind):
    path, student = NAMED[kind]
    code, output, there = collect({path: notebook("y = 2")})
    assert code == 0
    assert there == {f"{student}/{CHAPTER}/{FILE}": notebook("y = 2")}
    assert f"new: {path} -> {student}, {CHAPTER}" in output
    assert "1 new" in output


def test_an_archive_of_a_class_is_taken(collect, notebook, zipped):
    members = {f"{who}/{FILE}": notebook(who) for who in ("ada", "bob")}
    code, _, there = collect({"class.zip": zipped(members)})
    assert code == 0
    assert set(there) == {f"{who}/{CHAPTER}/{FILE}" for who in ("ada", "bob")}


def test_a_folder_of_archives_is_taken(collect, notebook, zipped):
    files = {f"{who}.zip": zipped({FILE: notebook(who)}) for who in ("ada", "bob")}
    _, _, there = collect(files)
    assert there[f"bob/{CHAPTER}/{FILE}"] == notebook("bob")
    assert len(there) == 2


def test_a_name_that_says_nothing_is_known_by_its_cells(collect, notebook):
    _, _, there = collect({"ada/my homework.ipynb": notebook()})
    assert set(there) == {f"ada/{CHAPTER}/{FILE}"}


def test_what_belongs_nowhere_is_refused_by_name(collect, notebook):
    files = {"ada/holiday.ipynb": notebook(grade_id=""), f"bob/{FILE}": notebook()}
    code, output, there = collect(files)
    assert code == 0
    assert "refused: ada/holiday.ipynb: neither its name nor its cells" in output
    assert set(there) == {f"bob/{CHAPTER}/{FILE}"}


def test_a_path_without_a_name_is_refused(collect, notebook):
    code, output, there = collect({FILE: notebook()})
    assert (code, there) == (2, {})
    assert "its path does not say whose it is" in output and "--pattern" in output


def test_a_pattern_of_ones_own_finds_the_student(collect, notebook):
    files = {f"week 3/group A/{CHAPTER}__ada-king.ipynb": notebook()}
    _, _, there = collect(files, "--pattern", r"__(?P<student>[\w-]+)\.ipynb")
    assert set(there) == {f"ada-king/{CHAPTER}/{FILE}"}


@pytest.mark.parametrize(
    ("pattern", "words"), [("(", "no regular expression"), ("x", "has no group")]
)
def test_a_pattern_that_cannot_be_used_is_a_problem(collect, notebook, pattern, words):
    code, output, _ = collect({FILE: notebook()}, "--pattern", pattern)
    assert code == 2 and words in output


def test_of_several_the_newest_is_taken(collect, notebook, write):
    old, new = write("download/ada/a/" + FILE, b"{}"), notebook("new")
    os.utime(old, (1_000, 1_000))
    _, output, there = collect({f"ada/{FILE}": new, f"bob/{FILE}": new})
    assert set(there) == {f"{who}/{CHAPTER}/{FILE}" for who in ("ada", "bob")}
    assert set(there.values()) == {new}
    assert f"older: ada/a/{FILE}" in output


def test_collecting_again_changes_nothing(collect, notebook):
    files = {f"ada/{FILE}": notebook()}
    collect(files)
    _, output, there = collect(files)
    assert "1 same" in output and len(there) == 1
    _, output, there = collect({f"ada/{FILE}": notebook("better = 1")})
    assert "1 replaced" in output
    assert there == {f"ada/{CHAPTER}/{FILE}": notebook("better = 1")}


def test_data_files_come_along(collect, notebook):
    files = {f"ada/{FILE}": notebook(), "ada/data.csv": b"1", "ada/numpy.py": b"2"}
    _, _, there = collect(files)
    assert set(there) == {f"ada/{CHAPTER}/{FILE}", f"ada/{CHAPTER}/data.csv"}


def test_broken_notebooks_are_for_grading_to_name(collect):
    _, _, there = collect({f"ada/{FILE}": b"{"})
    assert there == {f"ada/{CHAPTER}/{FILE}": b"{"}


def test_namesakes_are_never_mixed(collect, notebook):
    files = {
        f"Ada_{number}_assignsubmission_file_/{FILE}": notebook(number)
        for number in ("1", "2")
    }
    code, output, there = collect(files)
    assert (code, there) == (2, {})
    assert output.count("several persons of this name") == 2


@pytest.mark.parametrize("name", ["a;b", "<script>", "..", "\u202ea"])
def test_odd_names_are_refused(collect, notebook, zipped, name):
    data = zipped({f"{name}/{FILE}": notebook(), f"bob/{FILE}": notebook()})
    code, output, there = collect({"class.zip": data})
    assert code == 0
    assert set(there) == {f"bob/{CHAPTER}/{FILE}"}
    assert "refused: " in output and "\u202e" not in output


def test_links_are_refused_by_name(collect, notebook, write, tmp_path):
    write(f"download/bob/{FILE}", notebook())
    secret = write("secret.ipynb", notebook())
    (tmp_path / "download" / "ada").mkdir()
    (tmp_path / "download" / "ada" / FILE).symlink_to(secret)
    _, output, there = collect({})
    assert set(there) == {f"bob/{CHAPTER}/{FILE}"}
    assert f"refused: ada/{FILE}: a link" in output


def test_a_source_that_is_not_there_is_a_problem(collect):
    code, output, _ = collect({}, names=("nothing.zip",))
    assert code == 2 and "nothing.zip is not there" in output


def test_times_of_an_archive_are_kept_but_only_to_compare(collect, notebook, zipped):
    future = zipfile.ZipInfo(f"ada/{FILE}", (2107, 1, 1, 0, 0, 0))
    past = zipfile.ZipInfo(f"ada/b/{FILE}", (1980, 1, 1, 0, 0, 0))
    bob = {f"bob/{FILE}": notebook()}
    data = zipped({future: notebook("future"), past: notebook("past")} | bob)
    code, _, there = collect({"class.zip": data})
    assert code == 0
    assert there[f"ada/{CHAPTER}/{FILE}"] == notebook("future")
    assert len(there) == 2
