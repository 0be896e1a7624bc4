"""The same class on a cluster and in a database server: the same scores."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from services import free_port

from autograder.cli import main
from autograder.grading import record as records
from autograder.grading.cluster import Cluster
from autograder.grading.report import write_report

CHAPTER = "ch01_sample"
EXPECTED = Path(__file__).resolve().parents[2] / "sample_class" / "expected.json"


def grade(course, *options):
    return main(["grade", "--course", str(course.root), *map(str, options)])


def scores_in(database):
    """{(student, chapter): score} as nbgrader has them."""
    with Gradebook(database, "self-attention") as book:
        return {
            (submission.student.id, assignment.name): submission.score
            for assignment in book.assignments
            for submission in book.assignment_submissions(assignment.name)
        }


def test_the_sample_class_gets_its_table_from_a_cluster(sample_class, dask, postgres):
    database = postgres.new_database("sample_class")
    options = ("--scheduler", dask.address, "--db", database)
    command = [sys.executable, "-m", "autograder.cli", "grade", *options]
    done = subprocess.run(
        [*command, "--course", sample_class.root], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    deserved = {
        (student, chapter): points
        for student, row in json.loads(EXPECTED.read_text()).items()
        for chapter, points in row.items()
        if chapter in sample_class.chapters and points != "unreadable"
    }
    assert len(deserved) > 50
    assert scores_in(database) == deserved
    # and no local gradebook was made beside it
    assert not (sample_class.root / "class" / "gradebook.db").exists()


def test_postgres_holds_what_sqlite_holds(pair, postgres):
    database = postgres.new_database("pair")
    assert grade(pair, "--seed", 3) == 0
    local = scores_in(pair.database_url)
    assert grade(pair, "--seed", 3, "--db", database) == 0
    assert scores_in(database) == local == {("ada", CHAPTER): 5, ("bob", CHAPTER): 2}


def test_a_second_run_in_postgres_grades_nothing(pair, postgres, capsys):
    database = postgres.new_database("twice")
    assert grade(pair, "--db", database) == 0
    assert "graded 2" in capsys.readouterr().out
    assert grade(pair, "--db", database) == 0
    assert "graded 0; 2 were up to date" in capsys.readouterr().out


def test_a_submission_that_breaks_is_forgotten_in_postgres(pair, postgres):
    database = postgres.new_database("broken")
    assert grade(pair, "--db", database) == 0
    (pair.submitted / "bob" / CHAPTER / f"{CHAPTER}.ipynb").write_text("{broken")
    assert grade(pair, "--db", database) == 0
    assert scores_in(database) == {("ada", CHAPTER): 5}


def test_a_cluster_gives_the_records_of_this_machine(pair, dask):
    assert grade(pair, "--seed", 3) == 0
    here = {s: records.read(pair.autograded / s / CHAPTER) for s in ("ada", "bob")}
    options = ("--seed", 3, "--force", "--scheduler", dask.address)
    assert grade(pair, *options) == 0
    there = {s: records.read(pair.autograded / s / CHAPTER) for s in ("ada", "bob")}
    assert there == here
    assert write_report(pair, list(pair.chapters.values())).is_file()


def test_a_dask_worker_that_dies_loses_nothing_but_time(pair, dask, submit):
    slow = "import time\ntime.sleep(1.5)"
    for number in range(4):
        submit(pair, f"s{number}", added=[("setup", slow)])
    options = ("--course", pair.root, "--scheduler", dask.address)
    command = [sys.executable, "-m", "autograder.cli", "grade", *options]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not (pair.autograded / "ada").exists() and run.poll() is None:
        pass
    dask.workers.pop().kill()
    said, _ = run.communicate(timeout=120)
    dask.workers.append(dask.start_worker())
    assert run.returncode == 0, said
    assert "graded 6" in said
    scores = scores_in(pair.database_url)
    assert scores.pop(("bob", CHAPTER)) == 2
    assert set(scores.values()) == {5} and len(scores) == 5


# --- what is wrong with an address ----------------------------------------------


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{}", "nonsense://{}"])
def test_no_scheduler_is_said(pair, capsys, monkeypatch, address):
    monkeypatch.setattr("autograder.grading.cluster.CONNECT_SECONDS", 1)
    address = address.format(free_port())
    assert grade(pair, "--scheduler", address) == 2
    said = capsys.readouterr().err
    assert f"no Dask scheduler answers at {address}" in said
    assert "dask scheduler" in said


def test_a_cluster_without_workers_is_said(pair, dask, monkeypatch, capsys):
    monkeypatch.setattr("distributed.Client.ncores", lambda self: {})
    assert grade(pair, "--scheduler", dask.address) == 2
    assert "has no workers" in capsys.readouterr().err


def test_workers_here_and_a_cluster_exclude_each_other(pair, dask, capsys):
    options = ("--scheduler", dask.address, "--workers", 2)
    assert grade(pair, *options) == 2
    assert "--workers is for this machine" in capsys.readouterr().err


def test_a_cluster_grades_as_much_at_a_time_as_it_has_threads(dask):
    cluster = Cluster(dask.address)
    assert cluster.count == 2
    cluster.end(cluster.executor())


@pytest.mark.parametrize(
    "database",
    ["postgresql://grader:secret@127.0.0.1:{}/x", "mysterious://grader:secret@x/{}"],
)
def test_a_gradebook_that_cannot_be_reached_is_said(pair, capsys, database):
    assert grade(pair, "--db", database.format(free_port())) == 2
    said = capsys.readouterr().err
    assert "cannot open the gradebook" in said and "secret" not in said
