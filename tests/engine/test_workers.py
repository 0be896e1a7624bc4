"""Who grades: the same verdicts wherever, and a worker that dies loses only time."""

import dataclasses
import json
import os
import signal
import time

import psutil
import pytest
from engine_helpers import CHAPTER, WRONG, booked, new, recorded, scores

from autograder.checking.verdict import INFRASTRUCTURE
from autograder.cli import main
from autograder.course.layout import Course
from autograder.grading import work
from autograder.grading.workers import Here, Local


@pytest.fixture
def trio(pair, submit):
    """A third one, whose name comes last."""
    submit(pair, "cem")
    return pair


@pytest.fixture
def dying(monkeypatch, tmp_path):
    """``dying(times)``: the worker that has bob's notebook dies so many times."""
    grade_notebook = work.grade_notebook
    deaths = tmp_path / "deaths"
    deaths.mkdir()

    def die(times):
        def grade(run, notebook, *rest):
            if any(WRONG in cell.source for cell in notebook.cells):
                count = len(list(deaths.iterdir()))
                if count < times:
                    (deaths / str(count)).touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            return grade_notebook(run, notebook, *rest)

        monkeypatch.setattr(work, "grade_notebook", grade)

    return die


def test_processes_give_the_same_records_as_none(graded_once, pair, grade):
    entries = grade(pair, seed=11, workers=Local(2))
    assert scores(entries) == {"ada": 5.0, "bob": 2.0}
    assert recorded(pair) == recorded(Course.find(graded_once))


def test_every_submission_tells_how_long_it_took(pair, grade):
    for entry in grade(pair, workers=Local(2)).values():
        assert set(entry.seconds) == {"ingest", "wait", "run", "judge", "write"}
        assert all(seconds >= 0 for seconds in entry.seconds.values())


def test_a_worker_that_dies_loses_nothing_but_time(trio, grade, dying):
    dying(times=2)
    entries = grade(trio, workers=Local(2))
    assert scores(entries) == {"ada": 5.0, "bob": 2.0, "cem": 5.0}


def test_that_holds_for_all_that_were_given_out(pair, grade, submit, dying):
    for number in range(12):
        submit(pair, f"{'abc'[number % 3]}{number}")
    dying(times=2)
    entries = grade(pair, workers=Local(2))
    assert len(entries) == 14
    assert scores(entries).pop("bob") == 2.0
    assert sorted(scores(entries).values())[1:] == [5.0] * 13


def test_a_cluster_that_is_gone_leaves_everybody_ungraded(pair, grade):
    class Gone(Local):
        def executor(self):
            raise OSError("connection lost")

    entries = grade(pair, workers=Gone(2))
    assert {e.record.is_complete for e in entries.values()} == {False}
    assert "connection lost" in entries["ada"].record.verdicts[0].message
    assert booked(pair) == {}


def test_who_kills_every_worker_is_alone_in_that(trio, grade, dying):
    dying(times=99)
    entries = grade(trio, workers=Local(2))
    assert scores(entries) == {"ada": 5.0, "bob": 0.0, "cem": 5.0}
    verdicts = entries["bob"].record.verdicts
    assert {v.outcome for v in verdicts} == {INFRASTRUCTURE}
    assert "the worker died" in verdicts[0].message
    assert set(booked(trio)) == {"ada", "cem"}


def test_workers_end_with_the_run(pair, grade):
    before = set(psutil.Process().children())
    grade(pair, workers=Local(2))
    left = [p for p in set(psutil.Process().children()) - before if is_ours(p)]
    assert left == []


def is_ours(process):
    """Whether it is a worker; the fork server stays for the next run."""
    try:
        return process.name() != "bwrap" and process.status() != "zombie"
    except psutil.NoSuchProcess:
        return False


def test_workers_die_with_the_coordinator():
    reading, writing = os.pipe()
    coordinator = os.fork()
    if coordinator == 0:
        executor = Local(2).executor()
        pids = {executor.submit(slow_pid).result() for _ in range(6)}
        os.write(writing, json.dumps(sorted(pids)).encode())
        signal.pause()
    pids = json.loads(os.read(reading, 4096))
    os.kill(coordinator, signal.SIGKILL)
    os.waitpid(coordinator, 0)
    for pid in pids:
        deadline = time.monotonic() + 20
        while psutil.pid_exists(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not psutil.pid_exists(pid)


def slow_pid():
    time.sleep(0.05)
    return os.getpid()


def test_here_an_error_is_kept_for_who_asks():
    with Here() as executor:
        assert executor.submit(int, "7").result() == 7
        assert isinstance(executor.submit(int, "x").exception(), ValueError)


def test_a_worker_with_another_chapter_grades_nothing(pair, grade, monkeypatch):
    order_of = work.Order.of

    def older(run, chapter):
        order = order_of(run, chapter)
        return dataclasses.replace(order, version="older")

    monkeypatch.setattr(work.Order, "of", older)
    record = grade(pair)["ada"].record
    assert not record.is_complete
    assert "another version of ch01_sample" in record.verdicts[0].message


# --- one exercise again ---------------------------------------------------------


def test_one_exercise_is_graded_again(graded, capsys):
    command = ["grade", "--course", str(graded.root), "--workers", "1"]
    before = recorded(graded)
    assert main([*command, "--exercise", "largest", "--seed", "4"]) == 0
    assert "graded 2, seed 4" in capsys.readouterr().out
    after = recorded(graded)
    for student in ("ada", "bob"):
        kept, again = after[student].verdicts
        assert kept == before[student].verdicts[0]
        assert again.outcome == "passed"
    assert booked(graded)["bob"] == {"test_normalise": 0, "test_largest": 2}


def test_other_exercises_are_not_asked_again(graded, grade, monkeypatch):
    asked = []
    grade_notebook = work.grade_notebook

    def noting(run, notebook, files, kept):
        asked.append([verdict.exercise for verdict in kept])
        return grade_notebook(run, notebook, files, kept)

    monkeypatch.setattr(work, "grade_notebook", noting)
    entries = grade(graded, only=frozenset({"largest"}))
    assert new(entries) == ["ada", "bob"]
    assert asked == [["normalise"], ["normalise"]]


def test_a_changed_submission_is_graded_whole(graded, grade, submit):
    submit(graded, "bob")
    entries = grade(graded, only=frozenset({"largest"}))
    assert scores(entries)["bob"] == 5.0


def test_an_unknown_exercise_is_named_with_those_there_are(graded, capsys):
    assert main(["grade", "--course", str(graded.root), "--exercise", "larges"]) == 2
    said = capsys.readouterr().err
    assert "no exercise 'larges'; there are normalise, largest" in said


# --- the log --------------------------------------------------------------------


def test_the_log_has_a_line_for_each_submission(pair, capsys):
    assert main(["grade", "--course", str(pair.root)]) == 0
    path = pair.report.with_name("grading.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    by_student = {line["student"]: line for line in lines}
    assert set(by_student) == {"ada", "bob"}
    assert by_student["bob"]["score"] == 2.0
    assert by_student["bob"]["outcomes"] == {"wrong": 1, "passed": 1}
    assert by_student["bob"]["chapter"] == CHAPTER
    assert by_student["bob"]["seconds"].keys() >= {"run", "judge", "write"}


def test_a_run_that_grades_nothing_leaves_the_log(graded):
    path = graded.report.with_name("grading.jsonl")
    path.write_text("as it was")
    assert main(["grade", "--course", str(graded.root)]) == 0
    assert path.read_text() == "as it was"
