"""What a killed run has left half done is neither believed nor kept."""

import sqlite3
from contextlib import closing

import pytest
from engine_helpers import CHAPTER, WRONG, booked, new
from nbgrader.api import Gradebook

from autograder.course import database, release
from autograder.course.release import STAMPS, WORKSHOP
from autograder.grading import gradebook
from autograder.grading.gradebook import ClassGradebook


class Killed(BaseException):
    """Stands for the kill: nothing that handles failures handles it."""


@pytest.fixture
def class_folder(released):
    return released.source.parent


def kill_at(monkeypatch, place, name, after=False):
    """Let a function raise `Killed`, before or after it has done its work."""
    function = getattr(place, name)

    def killed(*arguments, **options):
        if after:
            function(*arguments, **options)
        raise Killed

    monkeypatch.setattr(place, name, killed)


def release_killed(monkeypatch, course, name, after=False):
    with monkeypatch.context() as context, pytest.raises(Killed):
        kill_at(context, release, name, after)
        release.release(course, course.chapters[CHAPTER])


def test_a_released_chapter_is_left_alone(released):
    assert not release.release(released, released.chapters[CHAPTER])


@pytest.mark.parametrize("name", ["make_gradebook", "_generate_assignment"])
@pytest.mark.parametrize("after", [False, True])
def test_a_killed_release_is_done_again(released, monkeypatch, name, after):
    (released.notebooks / CHAPTER / f"{CHAPTER}.ipynb").write_text("edited")
    release_killed(monkeypatch, released, name, after)
    assert release.release(released, released.chapters[CHAPTER])
    assert not release.release(released, released.chapters[CHAPTER])


def test_a_release_that_looks_finished_is_not_believed(released, monkeypatch):
    # the gradebook is lost, so the chapter is released as it was before, and killed
    (released.source.parent / "gradebook.db").unlink()
    release_killed(monkeypatch, released, "_generate_assignment", after=True)
    assert release.release(released, released.chapters[CHAPTER])


def test_missing_public_cases_are_released_again(released):
    (released.notebooks / CHAPTER / "public_cases.json").unlink()
    assert release.release(released, released.chapters[CHAPTER])
    assert (released.notebooks / CHAPTER / "public_cases.json").is_file()


@pytest.mark.parametrize("text", ["", "{", '{"ch01_sample": [1'])
def test_half_a_list_of_releases_says_nothing(released, class_folder, text):
    (class_folder / STAMPS).write_text(text)
    assert release.release(released, released.chapters[CHAPTER])
    assert not release.release(released, released.chapters[CHAPTER])


def test_a_workshop_that_was_left_is_cleared(released, class_folder):
    (class_folder / WORKSHOP / "release" / CHAPTER).mkdir(parents=True)
    (class_folder / WORKSHOP / "release" / CHAPTER / "old.txt").write_text("left")
    (class_folder / STAMPS).unlink()
    assert release.release(released, released.chapters[CHAPTER])
    assert not (class_folder / WORKSHOP).exists()
    assert not list(released.notebooks.rglob("old.txt"))


def test_a_gradebook_is_made_whole_or_not_at_all(released, class_folder, monkeypatch):
    path = class_folder / "gradebook.db"
    path.unlink()
    with monkeypatch.context() as context, pytest.raises(Killed):
        kill_at(context, Gradebook, "check_course")
        database.make_gradebook(released)
    assert not path.exists()
    database.make_gradebook(released)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall()
    assert not list(class_folder.glob("gradebook.db.*"))


def test_no_grade_is_ever_without_its_score(pair, monkeypatch, grade, submit):
    grade(pair, students=["ada"])
    with monkeypatch.context() as context, pytest.raises(Killed):
        kill_at(context, gradebook, "remark")
        grade(pair, students=["bob"])
    assert set(booked(pair)) == {"ada"}
    with ClassGradebook(pair) as book:
        assert book.students() == {"ada"}
    submit(pair, "bob", normalise=WRONG)
    grade(pair, students=["bob"])
    assert booked(pair)["bob"] == {"test_normalise": 0, "test_largest": 2}


def test_a_record_without_its_notebook_is_not_believed(graded, grade):
    notebook = graded.autograded / "bob" / CHAPTER / f"{CHAPTER}.ipynb"
    notebook.unlink()
    assert new(grade(graded)) == ["bob"]
    assert notebook.is_file()
