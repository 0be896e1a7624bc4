"""Grading a class: everybody once, nobody at another's cost."""

import json
import os
import shutil
import unicodedata

import pytest
from engine_helpers import CHAPTER, WRONG, booked, feedback, new, recorded, scores
from nbgrader.api import Gradebook

from autograder.checking.verdict import INFRASTRUCTURE, Verdict
from autograder.grading import record as records
from autograder.grading import work
from autograder.grading.record import key_of
from autograder.problems import Infrastructure, Problem
from autograder.version import grader_version


def broken(course, student, content="{not JSON"):
    path = course.submitted / student / CHAPTER / f"{CHAPTER}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


# --- what is written ------------------------------------------------------------


def test_everybody_gets_what_they_deserve(pair, grade):
    entries = grade(pair)
    assert scores(entries) == {"ada": 5.0, "bob": 2.0}
    assert booked(pair) == {
        "ada": {"test_normalise": 3, "test_largest": 2},
        "bob": {"test_normalise": 0, "test_largest": 2},
    }
    assert new(entries) == ["ada", "bob"]
    assert recorded(pair) == {name: entry.record for name, entry in entries.items()}


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
    submit(released, "ada", normalise=source, added=[("setup", show)])
    grade(released)
    page = feedback(released, "ada").read_text()
    assert "<script" not in page and "<img" not in page
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
    assert files(graded.feedback) == [f"{CHAPTER}.html"] * 2


# --- what cannot be graded ------------------------------------------------------


def test_a_broken_file_is_named_and_the_others_graded(pair, grade):
    broken(pair, "bob")
    entries = grade(pair)
    assert entries["bob"].record is None
    assert entries["bob"].problem.startswith(
        f"{CHAPTER}.ipynb: not valid JSON at line 1, column 2"
    )
    assert new(entries) == ["ada"]
    assert "bob" not in booked(pair)


def test_nothing_handed_in_is_no_problem(pair, grade):
    (pair.submitted / "dan").mkdir()
    entry = grade(pair)["dan"]
    assert (entry.record, entry.problem, entry.is_new) == (None, "", False)


def test_another_name_is_said(pair, grade):
    folder = pair.submitted / "bob" / CHAPTER
    (folder / f"{CHAPTER}.ipynb").rename(folder / f"{CHAPTER} (1).ipynb")
    record = grade(pair)["bob"].record
    assert record.score == 2
    note = f"The notebook was found as {CHAPTER}/{CHAPTER} (1).ipynb."
    assert record.notes == [note]
    assert note in feedback(pair, "bob").read_text()


@pytest.mark.parametrize("odd", ["file for folder", "folder for file", "empty folder"])
def test_odd_folders_harm_nobody(pair, grade, odd):
    folder = pair.submitted / "bob" / CHAPTER
    shutil.rmtree(folder)
    if odd == "file for folder":
        folder.write_text("x")
    else:
        (folder / f"{CHAPTER}.ipynb" if "file" in odd else folder).mkdir(parents=True)
    entries = grade(pair)
    assert entries["bob"].problem
    assert new(entries) == ["ada"]


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


NAMES = ["e\u0301va", "o'b", "a.b_c-d@e", "Zoë 王 Ω", "x" * 100, "0"]
REFUSED = ["<script>", "a b;$(id)", "\u202eabc", "y" * 101, "a+b", "-x", "a  b"]


def test_names_of_any_script_are_names(released, submit, grade):
    for name in NAMES:
        submit(released, name)
    entries = grade(released)
    ids = {unicodedata.normalize("NFC", name) for name in NAMES}
    assert scores(entries) == dict.fromkeys(sorted(ids), 5.0)
    assert set(booked(released)) == ids
    assert all(feedback(released, name).is_file() for name in ids)


def test_what_is_no_name_is_refused_and_harms_nobody(pair, submit, grade):
    for name in REFUSED:
        submit(pair, name)
    entries = grade(pair)
    assert new(entries) == ["ada", "bob"]
    assert set(booked(pair)) == {"ada", "bob"}
    odd = [entry for name, entry in entries.items() if name not in ("ada", "bob")]
    assert len(odd) == len(REFUSED)
    assert all(entry.problem and entry.record is None for entry in odd)


def test_one_name_in_two_forms_of_unicode_is_refused(pair, submit, grade):
    submit(pair, "\u00e9")
    submit(pair, "e\u0301")
    entries = grade(pair)
    assert "two folders have this name" in entries["\u00e9"].problem
    assert set(booked(pair)) == {"ada", "bob"}


def test_a_name_that_is_no_text_harms_nobody(pair, submit, grade):
    submit(pair, os.fsdecode(b"d\xff"))
    entries = grade(pair)
    assert new(entries) == ["ada", "bob"]
    (odd,) = entries.keys() - {"ada", "bob"}
    assert "not text in UTF-8; rename it" in entries[odd].problem
    assert odd.encode()


SURROGATE = "def normalise(X):\n    raise ValueError('\\ud83d')"


def test_half_a_character_in_a_message_harms_nobody(pair, submit, grade):
    submit(pair, "bob", normalise=SURROGATE, added=[("setup", "print('\\ud83d')")])
    entries = grade(pair)
    assert scores(entries) == {"ada": 5.0, "bob": 2.0}


# --- our own failures -----------------------------------------------------------


@pytest.fixture
def failing(monkeypatch):
    """Let grading bob's notebook fail: ``failing(times, error)``; returns the calls."""
    calls, grade_notebook = [], work.grade_notebook

    def fail(times, error=Infrastructure):
        def grade(run, notebook, *rest):
            if any(WRONG in cell.source for cell in notebook.cells):
                calls.append(1)
                if len(calls) <= times:
                    raise error("no processes left")
            return grade_notebook(run, notebook, *rest)

        monkeypatch.setattr(work, "grade_notebook", grade)
        return calls

    return fail


def test_our_failure_is_tried_again(pair, grade, failing):
    calls = failing(times=2)
    assert scores(grade(pair))["bob"] == 2.0
    assert len(calls) == 3


def test_our_failure_is_never_a_zero(pair, grade, failing):
    failing(times=99)
    entries = grade(pair)
    record = entries["bob"].record
    assert not record.is_complete
    assert {v.outcome for v in record.verdicts} == {INFRASTRUCTURE}
    assert {v.score for v in record.verdicts} == {None}
    assert "no processes left" in record.verdicts[0].message
    assert set(booked(pair)) == {"ada"}
    assert not (pair.autograded / "bob").exists() and not feedback(pair, "bob").exists()


def test_our_failure_leaves_an_older_result(graded, grade, failing):
    before = recorded(graded)
    failing(times=3)
    grade(graded, seed=11, force=True)
    assert recorded(graded) == before
    assert booked(graded)["bob"]["test_largest"] == 2


def test_the_next_run_makes_up_for_our_failure(pair, grade, failing):
    failing(times=3)
    grade(pair)
    assert new(grade(pair)) == ["bob"]
    assert booked(pair)["bob"]["test_largest"] == 2


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_a_fault_in_the_grader_stops_nobody_else(pair, grade, failing, error):
    failing(times=99, error=error)
    entries = grade(pair)
    assert scores(entries) == {"ada": 5.0, "bob": 0.0}
    assert not entries["bob"].record.is_complete
    assert set(booked(pair)) == {"ada"}
