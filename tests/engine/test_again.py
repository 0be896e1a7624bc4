"""Grading again: only what changed; a seed repeats; grades by hand stay."""

import sqlite3

import pytest
from engine_helpers import CHAPTER, booked, feedback, new, recorded, scores
from nbgrader.api import Gradebook

from autograder.course.layout import Course
from autograder.grading import gradebook, work
from autograder.grading.feedback import ReviewedFeedback
from autograder.grading.gradebook import ClassGradebook
from autograder.grading.record import Record
from autograder.grading.run import GradingRun
from autograder.problems import Problem


def test_a_second_run_grades_nothing(graded, grade, monkeypatch):
    before = recorded(graded)
    written = {p: p.stat().st_mtime_ns for p in graded.autograded.rglob("*")}
    monkeypatch.setattr(work, "grade_notebook", None)
    entries = grade(graded, seed=2)
    assert new(entries) == []
    assert {name: entry.record for name, entry in entries.items()} == before
    assert {p: p.stat().st_mtime_ns for p in graded.autograded.rglob("*")} == written


def test_a_changed_submission_is_graded_alone(graded, grade, submit):
    submit(graded, "bob")
    entries = grade(graded)
    assert new(entries) == ["bob"]
    assert booked(graded)["bob"] == {"test_normalise": 3, "test_largest": 2}
    assert "5 of 5 points" in feedback(graded, "bob").read_text()


def test_force_grades_everybody_again(graded, grade):
    assert new(grade(graded, force=True)) == ["ada", "bob"]


def test_only_the_students_asked_for_are_graded(pair, grade):
    entries = grade(pair, students=["bob"])
    assert list(entries) == ["bob"]
    assert set(booked(pair)) == {"bob"}


@pytest.mark.parametrize("lost", ["record", "feedback", "grades", "score"])
def test_what_a_killed_run_left_undone_is_done(graded, grade, lost):
    if lost == "record":
        (graded.autograded / "bob" / CHAPTER / "record.json").unlink()
    elif lost == "feedback":
        feedback(graded, "bob").unlink()
    elif lost == "grades":
        with Gradebook(graded.database_url, "self-attention") as book:
            book.remove_submission(CHAPTER, "bob")
    else:
        with sqlite3.connect(graded.root / "class" / "gradebook.db") as database:
            database.execute("UPDATE grade SET auto_score = 9")
    undone = ["ada", "bob"] if lost == "score" else ["bob"]
    assert new(grade(graded)) == undone
    assert booked(graded)["bob"] == {"test_normalise": 0, "test_largest": 2}
    assert feedback(graded, "bob").exists()
    assert new(grade(graded)) == []


def test_a_lost_gradebook_is_filled_again(graded, grade):
    (graded.root / "class" / "gradebook.db").unlink()
    assert new(grade(graded)) == ["ada", "bob"]
    assert len(booked(graded)) == 2


def test_a_changed_chapter_is_graded_again(graded, grade):
    checks = graded.solutions / CHAPTER / "checks.py"
    checks.write_text(checks.read_text().replace("points=3", "points=5"))
    entries = grade(Course.find(graded.root))
    assert scores(entries) == {"ada": 7.0, "bob": 2.0}
    assert booked(graded)["ada"] == {"test_normalise": 5, "test_largest": 2}


@pytest.fixture
def shortened(graded, grade):
    """The class is graded; then an exercise is taken from the chapter."""
    for file, start in (
        ("checks.py", "largest = Exercise"),
        ("notebook.py", '# %% [markdown] exercise="largest"'),
    ):
        path = graded.solutions / CHAPTER / file
        path.write_text(path.read_text().partition(start)[0])
    return Course.find(graded.root)


def test_another_set_of_exercises_in_a_graded_class_is_said(shortened, grade):
    with pytest.raises(Problem) as caught:
        grade(shortened)
    assert "Traceback" not in str(caught.value)
    assert "has other exercises than when this class was graded" in str(caught.value)
    assert "--class DIR" in str(caught.value)


def test_a_release_that_fails_leaves_the_old_one(shortened, grade):
    before = sorted(p.name for p in shortened.notebooks.rglob("*"))
    with pytest.raises(Problem):
        grade(shortened)
    assert sorted(p.name for p in shortened.notebooks.rglob("*")) == before


def test_a_grade_by_hand_stays_and_is_marked(graded, grade):
    with Gradebook(graded.database_url, "self-attention") as book:
        by_hand = book.find_grade("test_normalise", CHAPTER, CHAPTER, "bob")
        by_hand.manual_score = 1.5
        book.db.commit()
    grade(graded, students=["bob"], force=True)
    assert booked(graded)["bob"]["test_normalise"] == 1.5
    with Gradebook(graded.database_url, "self-attention") as book:
        by_hand = book.find_grade("test_normalise", CHAPTER, CHAPTER, "bob")
        assert (by_hand.auto_score, by_hand.needs_manual_grade) == (0, True)
        other = book.find_grade("test_largest", CHAPTER, CHAPTER, "bob")
        assert not other.needs_manual_grade


# --- seeds ----------------------------------------------------------------------


def test_a_seed_is_reproducible(graded, grade):
    before = recorded(graded)
    grade(graded, seed=11, force=True)
    assert recorded(graded) == before
    entries = grade(graded, seed=4, force=True)
    assert scores(entries) == {"ada": 5.0, "bob": 2.0}
    assert {entry.record.seed for entry in entries.values()} == {4}


def test_all_students_of_a_run_get_the_same_cases(pair):
    run = GradingRun(pair, 3)
    chapter = pair.chapters[CHAPTER]
    assert run.of(chapter) is run.of(chapter)
    assert run.of(chapter).hidden is run.of(chapter).hidden


# --- the gradebook --------------------------------------------------------------


def test_the_gradebook_has_what_was_written(graded):
    record = recorded(graded)["bob"]
    unknown = Record("eve", CHAPTER, "", 1, record.verdicts)
    with ClassGradebook(graded) as book:
        assert book.students() == {"ada", "bob"}
        assert book.has(record) and not book.has(unknown)
        book.forget("bob", CHAPTER)
        assert not book.has(record)
        book.forget("bob", CHAPTER)
        assert book.students() == {"ada", "bob"}


def test_a_submission_is_booked_whole_or_not_at_all(graded, monkeypatch):
    verdicts = recorded(graded)["ada"].verdicts

    def stopped(verdict):
        if verdict.exercise == "largest":
            raise KeyboardInterrupt

    monkeypatch.setattr(gradebook, "remark", stopped)
    with ClassGradebook(graded) as book:
        with pytest.raises(KeyboardInterrupt):
            book.write(Record("eve", CHAPTER, "", 1, verdicts))
        assert book.students() == {"ada", "bob"}


def test_what_people_have_added_is_told(graded):
    record = recorded(graded)["bob"]
    with ClassGradebook(graded) as book:
        assert book.write(record) is False
        with Gradebook(graded.database_url, "self-attention") as nbgraders:
            comment = nbgraders.find_comment("largest", CHAPTER, CHAPTER, "bob")
            comment.manual_comment = "Well argued."
            nbgraders.db.commit()
        assert book.write(record) is True


def test_the_page_is_the_one_that_nbgrader_makes(graded):
    written = feedback(graded, "bob").read_text()
    assert ReviewedFeedback(graded).page_of("bob", CHAPTER) == written
