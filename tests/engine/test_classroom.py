"""Grading a class: everybody once, nobody at another's cost."""

import json
import os
import shutil
import sqlite3

import pytest
from nbgrader.api import Gradebook

from autograder.checking.verdict import INFRASTRUCTURE, Verdict
from autograder.course.layout import Course
from autograder.grading import classroom
from autograder.grading import record as records
from autograder.grading.gradebook import ClassGradebook
from autograder.grading.record import Record, key_of
from autograder.grading.run import GradingRun
from autograder.problems import Infrastructure, Problem
from autograder.version import grader_version

CHAPTER = "ch01_sample"
WRONG = "def normalise(X):\n    return X / X.sum()"


def scores(entries):
    return {name: entry.record.score for name, entry in sorted(entries.items())}


def new(entries):
    return sorted(name for name, entry in entries.items() if entry.is_new)


def booked(course):
    """{student: {exercise: score}} in nbgrader's gradebook."""
    with Gradebook(course.database_url, "self-attention") as book:
        return {
            submission.student.id: {
                grade.name: grade.score for grade in submission.notebooks[0].grades
            }
            for submission in book.assignment_submissions(CHAPTER)
        }


def feedback(course, student):
    return course.feedback / student / CHAPTER / f"{CHAPTER}.html"


def broken(course, student, content="{not JSON"):
    path = course.submitted / student / CHAPTER / f"{CHAPTER}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.fixture(scope="module")
def trio_once(released_once, tmp_path_factory, submit):
    root = tmp_path_factory.mktemp("trio")
    shutil.copytree(released_once, root, dirs_exist_ok=True)
    course = Course.find(root)
    submit(course, "ada")
    submit(course, "bob", normalise=WRONG)
    submit(course, "cem", normalise=None, largest=None)
    return root


@pytest.fixture(scope="module")
def graded_once(trio_once, tmp_path_factory, grade):
    root = tmp_path_factory.mktemp("graded")
    shutil.copytree(trio_once, root, dirs_exist_ok=True)
    grade(Course.find(root), seed=11)
    return root


@pytest.fixture
def trio(trio_once, tmp_path):
    """Three submissions: all right, one misconception, untouched."""
    shutil.copytree(trio_once, tmp_path, dirs_exist_ok=True)
    return Course.find(tmp_path)


@pytest.fixture
def graded(graded_once, tmp_path):
    """The same three, graded with seed 11."""
    shutil.copytree(graded_once, tmp_path, dirs_exist_ok=True)
    return Course.find(tmp_path)


def recorded(course):
    """The records on disk by student."""
    found = {
        s: records.read(course.autograded / s / CHAPTER) for s in ("ada", "bob", "cem")
    }
    return {student: record for student, record in found.items() if record}


# --- what is written ------------------------------------------------------------


def test_everybody_gets_what_they_deserve(trio, grade):
    entries = grade(trio)
    assert scores(entries) == {"ada": 5.0, "bob": 2.0, "cem": 0.0}
    assert booked(trio) == {
        "ada": {"test_normalise": 3, "test_largest": 2},
        "bob": {"test_normalise": 0, "test_largest": 2},
        "cem": {"test_normalise": 0, "test_largest": 0},
    }
    assert new(entries) == ["ada", "bob", "cem"]
    assert recorded(trio) == {name: entry.record for name, entry in entries.items()}


def test_a_record_is_complete(graded):
    record = recorded(graded)["bob"]
    assert (record.student, record.chapter, record.seed) == ("bob", CHAPTER, 11)
    assert record.grader == grader_version()
    assert (record.score, record.is_complete, record.notes) == (2.0, True, [])
    first, second = record.verdicts
    assert (first.exercise, first.outcome, first.points) == ("normalise", "wrong", 3)
    assert first.misconception == "by_the_total" and first.sentence
    assert second == Verdict("largest", "passed", 2)
    data = json.loads((graded.autograded / "bob" / CHAPTER / "record.json").read_text())
    assert data["score"] == 2.0
    assert [verdict["score"] for verdict in data["verdicts"]] == [0.0, 2.0]


def test_a_key_depends_on_submission_and_chapter():
    keys = {key_of("a", "1"), key_of("b", "1"), key_of("a", "2"), key_of("a1", "")}
    assert len(keys) == 4
    assert key_of("a", "1") == key_of("a", "1")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"student": "ada"}', "null"])
def test_a_damaged_record_is_no_record(tmp_path, text):
    assert records.read(tmp_path) is None
    (tmp_path / records.FILE_NAME).write_text(text)
    assert records.read(tmp_path) is None


def test_feedback_says_outcome_and_cause(graded):
    page = feedback(graded, "bob").read_text()
    assert "2 of 5 points" in page
    assert (
        "<strong>You divided by the sum of everything, not of the row.</strong>" in page
    )
    assert "A[0, 0]: got 0.125, expected 0.25" in page
    assert "5 of 5 points" in feedback(graded, "ada").read_text()
    assert page.count("bob") == 1 and "ada" not in page


def test_feedback_renders_nothing_of_a_student(released, submit, grade):
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    source = f"def normalise(X):\n    raise type('{attack}', (Exception,), {{}})"
    show = f"print('{attack}')\nraise KeyError('{attack}')"
    submit(released, "<i>ada", normalise=source, added=[("setup", show)])
    grade(released)
    page = feedback(released, "<i>ada").read_text()
    assert "<script" not in page and "<img" not in page and "<i>" not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_a_comment_by_hand_is_in_the_feedback(graded, grade):
    with Gradebook(graded.database_url, "self-attention") as book:
        comment = book.find_comment("normalise", CHAPTER, CHAPTER, "bob")
        comment.manual_comment = "See me."
        book.db.commit()
    grade(graded, students=["bob"], force=True)
    assert "See me." in feedback(graded, "bob").read_text()


def test_what_was_noticed_is_recorded(released, submit, grade):
    submit(released, "ada", normalise=" ")
    entry = grade(released)["ada"]
    assert entry.record.notes == ["The cell normalise was missing or empty."]
    assert entry.record.verdicts[0].outcome == "not attempted"
    assert entry.record.notes[0] in feedback(released, "ada").read_text()


def test_nothing_of_the_course_is_copied_to_a_student(graded):
    def files(folder):
        return sorted(path.name for path in folder.rglob("*") if path.is_file())

    assert set(files(graded.autograded)) == {f"{CHAPTER}.ipynb", "record.json"}
    assert files(graded.feedback) == [f"{CHAPTER}.html"] * 3


# --- what cannot be graded ------------------------------------------------------


def test_a_broken_file_is_named_and_the_others_graded(trio, grade):
    broken(trio, "bob")
    entries = grade(trio)
    assert entries["bob"].record is None
    assert entries["bob"].problem.startswith(
        f"{CHAPTER}.ipynb: not valid JSON at line 1, column 2"
    )
    assert new(entries) == ["ada", "cem"]
    assert "bob" not in booked(trio)


def test_nothing_handed_in_is_no_problem(trio, grade):
    (trio.submitted / "dan").mkdir()
    entry = grade(trio)["dan"]
    assert (entry.record, entry.problem, entry.is_new) == (None, "", False)


def test_another_name_is_said(trio, grade):
    folder = trio.submitted / "bob" / CHAPTER
    (folder / f"{CHAPTER}.ipynb").rename(folder / f"{CHAPTER} (1).ipynb")
    problem = grade(trio)["bob"].problem
    assert f"no {CHAPTER}.ipynb" in problem and f"{CHAPTER} (1).ipynb" in problem


@pytest.mark.parametrize("odd", ["file for folder", "folder for file", "empty folder"])
def test_odd_folders_harm_nobody(trio, grade, odd):
    folder = trio.submitted / "bob" / CHAPTER
    shutil.rmtree(folder)
    if odd == "file for folder":
        folder.write_text("x")
    else:
        (folder / f"{CHAPTER}.ipynb" if "file" in odd else folder).mkdir(parents=True)
    entries = grade(trio)
    assert entries["bob"].problem
    assert new(entries) == ["ada", "cem"]


def test_a_broken_resubmission_drops_the_old_score(graded, grade):
    broken(graded, "ada", "")
    entry = grade(graded)["ada"]
    assert "the file is empty" in entry.problem
    assert "ada" not in booked(graded)
    assert not feedback(graded, "ada").exists()
    assert not (graded.autograded / "ada" / CHAPTER).exists()


def test_without_submissions_it_is_a_problem(released, grade):
    with pytest.raises(Problem, match="put them there as STUDENT/CHAPTER/CHAPTER"):
        grade(released)


NAMES = ["<script>", "a b;$(id)", "é", "e\u0301", "\u202eabc", "x" * 200, "o'b", "a+b"]


def test_odd_names_are_names(released, submit, grade):
    for name in NAMES:
        submit(released, name)
    entries = grade(released)
    assert scores(entries) == dict.fromkeys(sorted(NAMES), 5.0)
    assert set(booked(released)) == set(NAMES)
    assert all(feedback(released, name).is_file() for name in NAMES)


@pytest.mark.xfail(strict=True, reason="UnicodeEncodeError stops the whole class")
def test_a_name_that_is_no_text_harms_nobody(trio, submit, grade):
    submit(trio, os.fsdecode(b"d\xff"))
    entries = grade(trio)
    assert new(entries)[:3] == ["ada", "bob", "cem"]


SURROGATE = "def normalise(X):\n    raise ValueError('\\ud83d')"


@pytest.mark.xfail(strict=True, reason="UnicodeEncodeError stops the whole class")
def test_half_a_character_in_a_message_harms_nobody(trio, submit, grade):
    submit(trio, "bob", normalise=SURROGATE, added=[("setup", "print('\\ud83d')")])
    entries = grade(trio)
    assert scores(entries) == {"ada": 5.0, "bob": 2.0, "cem": 0.0}


# --- again ----------------------------------------------------------------------


def test_a_second_run_grades_nothing(graded, grade, monkeypatch):
    before = recorded(graded)
    written = {p: p.stat().st_mtime_ns for p in graded.autograded.rglob("*")}
    monkeypatch.setattr(classroom, "grade_notebook", None)
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
    assert new(grade(graded, force=True)) == ["ada", "bob", "cem"]


def test_only_the_students_asked_for_are_graded(trio, grade):
    entries = grade(trio, students=["bob"])
    assert list(entries) == ["bob"]
    assert set(booked(trio)) == {"bob"}


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
            database.execute("UPDATE grade SET auto_score = 9 WHERE auto_score = 0")
    undone = ["bob", "cem"] if lost == "score" else ["bob"]
    assert new(grade(graded)) == undone
    assert booked(graded)["bob"] == {"test_normalise": 0, "test_largest": 2}
    assert feedback(graded, "bob").exists()
    assert new(grade(graded)) == []


@pytest.mark.xfail(strict=True, reason="released.json says that all is released")
def test_a_lost_gradebook_is_filled_again(graded, grade):
    (graded.root / "class" / "gradebook.db").unlink()
    assert new(grade(graded)) == ["ada", "bob", "cem"]
    assert len(booked(graded)) == 3


def test_a_changed_chapter_is_graded_again(graded, grade):
    checks = graded.solutions / CHAPTER / "checks.py"
    checks.write_text(checks.read_text().replace("points=3", "points=5"))
    entries = grade(Course.find(graded.root))
    assert scores(entries) == {"ada": 7.0, "bob": 2.0, "cem": 0.0}
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


@pytest.mark.xfail(strict=True, reason="nbgrader's whole traceback is the message")
def test_another_set_of_exercises_in_a_graded_class_is_said(shortened, grade):
    with pytest.raises(Problem) as caught:
        grade(shortened)
    assert "Traceback" not in str(caught.value)
    assert "submissions" in str(caught.value)


@pytest.mark.xfail(strict=True, reason="nbgrader removes what it could not replace")
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
    assert scores(entries) == {"ada": 5.0, "bob": 2.0, "cem": 0.0}
    assert {entry.record.seed for entry in entries.values()} == {4}


def test_all_students_of_a_run_get_the_same_cases(trio):
    run = GradingRun(trio, 3)
    chapter = trio.chapters[CHAPTER]
    assert run.of(chapter) is run.of(chapter)
    assert run.of(chapter).hidden is run.of(chapter).hidden


# --- our own failures -----------------------------------------------------------


@pytest.fixture
def failing(monkeypatch):
    """Let grading bob's notebook fail: ``failing(times, error)``; returns the calls."""
    calls, grade_notebook = [], classroom.grade_notebook

    def fail(times, error=Infrastructure):
        def grade(run, notebook):
            if any(WRONG in cell.source for cell in notebook.cells):
                calls.append(1)
                if len(calls) <= times:
                    raise error("no processes left")
            return grade_notebook(run, notebook)

        monkeypatch.setattr(classroom, "grade_notebook", grade)
        return calls

    return fail


def test_our_failure_is_tried_again(trio, grade, failing):
    calls = failing(times=2)
    assert scores(grade(trio))["bob"] == 2.0
    assert len(calls) == 3


def test_our_failure_is_never_a_zero(trio, grade, failing):
    failing(times=99)
    entries = grade(trio)
    record = entries["bob"].record
    assert not record.is_complete
    assert {v.outcome for v in record.verdicts} == {INFRASTRUCTURE}
    assert {v.score for v in record.verdicts} == {None}
    assert "no processes left" in record.verdicts[0].message
    assert set(booked(trio)) == {"ada", "cem"}
    assert not (trio.autograded / "bob").exists() and not feedback(trio, "bob").exists()


def test_our_failure_leaves_an_older_result(graded, grade, failing):
    before = recorded(graded)
    failing(times=3)
    grade(graded, seed=11, force=True)
    assert recorded(graded) == before
    assert booked(graded)["bob"]["test_largest"] == 2


def test_the_next_run_makes_up_for_our_failure(trio, grade, failing):
    failing(times=3)
    grade(trio)
    assert new(grade(trio)) == ["bob"]
    assert booked(trio)["bob"]["test_largest"] == 2


@pytest.mark.xfail(strict=True, reason="only Infrastructure is caught")
@pytest.mark.parametrize("error", [ValueError, OSError, RecursionError])
def test_a_fault_in_the_grader_stops_nobody_else(trio, grade, failing, error):
    failing(times=99, error=error)
    entries = grade(trio)
    assert scores(entries) == {"ada": 5.0, "bob": 0.0, "cem": 0.0}
    assert not entries["bob"].record.is_complete
    assert set(booked(trio)) == {"ada", "cem"}


# --- the gradebook --------------------------------------------------------------


def test_the_gradebook_has_what_was_written(graded):
    record = recorded(graded)["bob"]
    unknown = Record("eve", CHAPTER, "", 1, record.verdicts)
    with ClassGradebook(graded) as book:
        assert book.students() == {"ada", "bob", "cem"}
        assert book.has(record) and not book.has(unknown)
        book.forget("bob", CHAPTER)
        assert not book.has(record)
        book.forget("bob", CHAPTER)
        assert book.students() == {"ada", "bob", "cem"}


def test_a_submission_is_booked_whole_or_not_at_all(graded, monkeypatch):
    verdicts = recorded(graded)["ada"].verdicts
    with ClassGradebook(graded) as book:
        find_comment = book._gradebook.find_comment

        def stopped(name, *rest):
            if name == "largest":
                raise KeyboardInterrupt
            return find_comment(name, *rest)

        monkeypatch.setattr(book._gradebook, "find_comment", stopped)
        with pytest.raises(KeyboardInterrupt):
            book.write(Record("eve", CHAPTER, "", 1, verdicts))
    assert not any(booked(graded).get("eve", {}).values())
