"""What counts as a submission: found under any spelling, the newest, plain files."""

import os

import pytest

from autograder.ingest.names import chapter_of, plain, student_id
from autograder.ingest.notebook import Unreadable
from autograder.ingest.students import student_folders
from autograder.ingest.submission import MAX_DATA_FILE, MAX_DATA_FILES, find_submission

CHAPTER = "ch04_softmax"
FILE = f"{CHAPTER}.ipynb"


@pytest.fixture
def find(tmp_path, write, notebook):
    """Find ada's submission among {path: bytes}; a notebook where None is given."""

    def look(*paths, **files):
        for path in paths:
            write(f"ada/{path}", notebook(path))
        return find_submission(tmp_path, "ada", CHAPTER)

    return look


def source(submission):
    return submission.cells[0].source


def test_the_usual_place_needs_no_note(find):
    found = find(f"{CHAPTER}/{FILE}")
    assert (source(found), found.notes, found.files) == (f"{CHAPTER}/{FILE}", [], {})


@pytest.mark.parametrize(
    "path",
    [
        f"{CHAPTER}/{CHAPTER} (1).ipynb",
        f"{CHAPTER}/{CHAPTER}-Copy1.ipynb",
        f"{CHAPTER}/{CHAPTER} copy 2.ipynb",
        f"{CHAPTER}/CH04_Softmax.IPYNB",
        f"{CHAPTER}/my answers.ipynb",
        f"{CHAPTER}/deeper/down/{FILE}",
        f"Ch04 Softmax/{FILE}",
        "Ch04-softmax (2)/solution.ipynb",
        FILE,
        f"homework/{CHAPTER}.ipynb",
    ],
)
def test_other_spellings_are_found_and_said(find, path):
    found = find(path)
    assert source(found) == path
    assert found.notes == [f"The notebook was found as {path}."]


@pytest.mark.parametrize(
    "path",
    ["ch05_matrix/ch05_matrix.ipynb", f"{CHAPTER}/ch05_matrix.ipynb", "notes.ipynb"],
)
def test_another_chapters_notebook_is_not_taken(tmp_path, write, notebook, path):
    write(f"ada/{path}", notebook())
    (tmp_path / "ada" / CHAPTER).mkdir(exist_ok=True)
    with pytest.raises(Unreadable, match=f"no {FILE} in the folder {CHAPTER}/"):
        find_submission(tmp_path, "ada", CHAPTER)


def test_of_two_the_newest_is_taken_and_said(find, tmp_path):
    find(f"{CHAPTER}/{FILE}", f"{CHAPTER}/{CHAPTER} (1).ipynb")
    os.utime(tmp_path / "ada" / CHAPTER / FILE, (1_000, 1_000))
    found = find()
    assert source(found) == f"{CHAPTER}/{CHAPTER} (1).ipynb"
    assert found.notes == [
        f"2 notebooks were handed in; the newest, {CHAPTER}/{CHAPTER} (1).ipynb, was "
        f"graded, and not {CHAPTER}/{FILE}."
    ]


def test_of_two_equally_new_the_usual_name_is_taken(find, tmp_path):
    find(f"{CHAPTER}/{FILE}", f"{CHAPTER}/{CHAPTER} (1).ipynb")
    for path in (tmp_path / "ada" / CHAPTER).iterdir():
        os.utime(path, (1_000, 1_000))
    assert source(find()) == f"{CHAPTER}/{FILE}"


def test_nothing_for_the_chapter_is_nothing(find, tmp_path):
    assert find("ch05_matrix/ch05_matrix.ipynb") is None
    assert find_submission(tmp_path, "bob", CHAPTER) is None


def test_checkpoints_are_no_submissions(find):
    found = find(f"{CHAPTER}/{FILE}", f"{CHAPTER}/.ipynb_checkpoints/x.ipynb")
    assert found.notes == []


def test_an_archive_in_the_students_folder_is_read(tmp_path, write, zipped, notebook):
    write(f"ada/{CHAPTER}/hand-in.zip", zipped({FILE: notebook("zipped")}))
    found = find_submission(tmp_path, "ada", CHAPTER)
    assert source(found) == "zipped"
    assert found.notes == [f"The notebook was found as {CHAPTER}/hand-in/{FILE}."]


@pytest.mark.parametrize("kind", ["link", "link to a folder", "pipe"])
def test_what_is_no_regular_file_is_refused_by_name(tmp_path, write, notebook, kind):
    secret = write("secret.ipynb", notebook())
    folder = tmp_path / "ada" / CHAPTER
    folder.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(folder / FILE)
    elif kind == "link":
        (folder / FILE).symlink_to(secret)
    else:
        folder.rmdir()
        folder.symlink_to(tmp_path)
    with pytest.raises(Unreadable, match=r"a link|not a regular file"):
        find_submission(tmp_path, "ada", CHAPTER)


def test_a_folder_in_place_of_the_notebook_is_refused_as_one(tmp_path):
    (tmp_path / "ada" / CHAPTER / FILE).mkdir(parents=True)
    with pytest.raises(Unreadable, match=f"{FILE} is a folder, not a notebook"):
        find_submission(tmp_path, "ada", CHAPTER)


def test_a_link_beside_a_notebook_is_not_followed(find, tmp_path):
    folder = tmp_path / "ada" / CHAPTER
    folder.mkdir(parents=True)
    (folder / "data.csv").symlink_to("/etc/passwd")
    found = find(f"{CHAPTER}/{FILE}")
    assert found.files == {}
    assert found.notes == [
        f"Not used: {CHAPTER}/data.csv: a link; hand in the file itself"
    ]


def test_a_cap_on_files(find, write, monkeypatch):
    monkeypatch.setattr("autograder.ingest.items.items_in.__defaults__", (3,))
    with pytest.raises(Unreadable, match="ada: more than 3 files"):
        find(*(f"{CHAPTER}/{i}.ipynb" for i in range(5)))


# --- data beside the notebook ---------------------------------------------------


def test_small_data_files_come_along(find, write):
    write(f"ada/{CHAPTER}/table.csv", b"1,2")
    write(f"ada/{CHAPTER}/weights.npy", b"\x93NUMPY")
    plain_digest = find(f"{CHAPTER}/{FILE}").digest
    assert find().files == {"table.csv": b"1,2", "weights.npy": b"\x93NUMPY"}
    write(f"ada/{CHAPTER}/table.csv", b"1,3")
    assert find().digest != plain_digest


@pytest.mark.parametrize(
    "name", ["numpy.py", "sitecustomize.pth", "a.so", "run.sh", "x.pkl", "sp ace.csv"]
)
def test_other_files_are_left_out_and_said(find, write, name):
    write(f"ada/{CHAPTER}/{name}", b"1")
    found = find(f"{CHAPTER}/{FILE}")
    assert found.files == {}
    assert found.notes[0].startswith(f"Not used: {CHAPTER}/{name}: only the notebook")


@pytest.mark.parametrize("name", ["public_cases.json", "timestamp.txt"])
def test_what_comes_with_the_course_is_ours(find, write, name):
    write(f"ada/{CHAPTER}/{name}", b"1")
    found = find(f"{CHAPTER}/{FILE}")
    assert (found.files, found.notes) == ({}, [])


def test_large_and_many_data_files_are_left_out(find, write):
    write(f"ada/{CHAPTER}/zz.csv", bytes(MAX_DATA_FILE + 1))
    for i in range(MAX_DATA_FILES + 1):
        write(f"ada/{CHAPTER}/a{i:02}.csv", b"1")
    found = find(f"{CHAPTER}/{FILE}")
    assert len(found.files) == MAX_DATA_FILES
    assert any("a20.csv: more than 20 data files" in note for note in found.notes)
    assert "zz.csv" not in found.files


# --- names ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada", "Ada King", "é", "王芳", "o'b", "a.b-c_d@e.f"])
def test_names_of_people_are_ids(name):
    assert student_id(name) == name


def test_ids_have_one_form_of_unicode():
    assert student_id("e\u0301") == "\u00e9"


@pytest.mark.parametrize(
    "name",
    ["", " ", ".x", "-x", "a/b", "a\\b", "a;b", "a\nb", "a\u202eb", "a  b", " a", "a ",
     "a\x00", "<b>", "$(id)", "a" * 101, "a\udcff", "\u200ba"],
)  # fmt: skip
def test_other_names_are_refused(name):
    with pytest.raises(Unreadable):
        student_id(name)


def test_a_folder_that_is_a_link_is_nobody(tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "bob").symlink_to(tmp_path / "ada")
    ada, bob = student_folders(tmp_path)
    assert ada.problem == "" and "a link" in bob.problem


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Ch04 Softmax (1)", CHAPTER), ("ch04-softmax-2", CHAPTER), ("x copy", "x")],
)
def test_marks_of_a_copy_do_not_count(name, expected):
    assert plain(name) == expected


def test_data_named_like_a_chapter_belongs_to_its_folder():
    assert chapter_of((CHAPTER, "ch05_data.csv")) == CHAPTER
