"""Whatever a platform hands out is taken or refused, and nothing else is touched."""

import contextlib
import io
import shutil

import pytest
from fuzz_answers import NAME
from fuzz_archives import archives
from fuzz_settings import some
from hypothesis import given

from autograder.cli import EXIT_OK, EXIT_PROBLEM, main
from autograder.course.layout import Course
from autograder.ingest.notebook import Unreadable
from autograder.ingest.students import student_folders
from autograder.ingest.submission import find_submission


@pytest.fixture(scope="module")
def course(released_once, tmp_path_factory):
    root = tmp_path_factory.mktemp("collected") / "around" / "course"
    shutil.copytree(released_once, root)
    return Course.find(root)


def other_files(course):
    """All files around the course, but for what was handed in."""
    files = sorted(course.root.parents[1].rglob("*"))
    submitted = course.submitted
    return [path for path in files if submitted not in (path, *path.parents)]


@some
@given(data=archives())
def test_any_archive_is_collected_or_refused(course, data):
    shutil.rmtree(course.submitted, ignore_errors=True)
    path = course.root / "download.zip"
    path.write_bytes(data)
    before = other_files(course)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["collect", str(path), "--course", str(course.root)])
    assert code in (EXIT_OK, EXIT_PROBLEM)
    assert all(c.isprintable() or c == "\n" for c in said.getvalue())
    assert other_files(course) == before
    assert path.read_bytes() == data
    require_tidy(course.submitted, said.getvalue())


def require_tidy(submitted, said):
    """What was collected lies where grading looks, and can be looked at."""
    for folder in student_folders(submitted):
        assert not folder.problem
        assert folder.student in said
        files = [p.relative_to(folder.path) for p in folder.path.rglob("*.*")]
        assert all(file.parts[0] == NAME and len(file.parts) == 2 for file in files)
        assert not any(file.name.startswith(".") for file in files)
        with contextlib.suppress(Unreadable):
            assert find_submission(submitted, folder.student, NAME) is not None


@some
@given(data=archives())
def test_any_archive_in_a_students_folder_is_read_or_refused(course, data):
    shutil.rmtree(course.submitted, ignore_errors=True)
    path = course.submitted / "ada" / NAME / "hand-in.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    try:
        submission = find_submission(course.submitted, "ada", NAME)
    except Unreadable as refusal:
        assert "hand-in" in str(refusal)
    else:
        assert submission is None or submission.notes
