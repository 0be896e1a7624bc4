"""What this machine offers, what is missing, and what grading does about it."""

import shutil
import subprocess

import pytest

from autograder.cli import main
from autograder.grading import record as records
from autograder.problems import Infrastructure, Problem
from autograder.sandbox import machine
from autograder.sandbox.fork_walls import Forking
from autograder.sandbox.machine import Finding, inspect_machine, walls_for
from autograder.sandbox.walls import NoWalls

CHAPTER = "ch01_sample"


@pytest.fixture(autouse=True)
def fresh():
    """What was found out is remembered; not from test to test."""
    machine.require_sandbox.cache_clear()
    yield
    machine.require_sandbox.cache_clear()


@pytest.fixture
def without(monkeypatch):
    """A machine that lacks one command."""

    def hide(name):
        which = shutil.which
        monkeypatch.setattr(
            machine.shutil, "which", lambda n, *more: None if n == name else which(n)
        )

    return hide


def doctor(capsys):
    code = main(["doctor"])
    return code, capsys.readouterr().out


def test_this_machine_has_all_that_is_needed(capsys):
    code, output = doctor(capsys)
    assert code == 0
    assert "student code runs behind walls on this machine" in output
    for name in ("system", "bubblewrap", "libseccomp", "util-linux", "sandbox"):
        assert name in output
    assert "another user, no network, own processes" in output


def test_doctor_says_how_processes_are_started(capsys, monkeypatch):
    assert "forked for each notebook" in doctor(capsys)[1]
    walls = Forking()
    walls.why_not = "no room"
    monkeypatch.setattr(machine, "forking", lambda: walls)
    code, output = doctor(capsys)
    assert code == 0
    assert "a new one for each notebook" in output and "no room" in output


def test_doctor_says_what_is_missing_and_how_to_get_it(capsys, without):
    without("bwrap")
    code, output = doctor(capsys)
    assert code == 2
    assert "missing" in output
    assert "bubblewrap: install it (Debian, Ubuntu: sudo apt-get install" in output


def test_an_old_bubblewrap_is_not_enough(monkeypatch):
    old = subprocess.CompletedProcess([], 0, stdout="bubblewrap 0.4.1")
    monkeypatch.setattr(machine.subprocess, "run", lambda *_, **__: old)
    (found,) = (f for f in inspect_machine() if f.name == "bubblewrap")
    assert (found.found, found.remedy) == ("0.4.1", "version 0.8 or later")


def test_another_system_is_not_enough(monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    first = inspect_machine()[0]
    assert (first.name, first.remedy) == ("system", machine.LINUX)


def test_without_libseccomp_it_says_so(monkeypatch):
    def fail():
        raise ImportError("no libseccomp.so.2")

    monkeypatch.setattr(machine, "filter_program", fail)
    found = {finding.name: finding for finding in inspect_machine()}
    assert found["libseccomp"].found == "no libseccomp.so.2"
    assert "sandbox" not in found  # it is not tried where a part is missing


def test_a_sandbox_that_does_not_start_names_the_cause(monkeypatch):
    def fail(*_, **__):
        raise Infrastructure("bwrap: No permissions to create new namespace")

    monkeypatch.setattr(machine, "Session", fail)
    last = inspect_machine()[-1]
    assert last.found == "bwrap: No permissions to create new namespace"
    assert "kernel.unprivileged_userns_clone=1" in last.remedy


def test_a_sandbox_with_a_hole_is_none(monkeypatch):
    monkeypatch.setattr(machine, "LOOK", "print(True, False, True)")
    assert inspect_machine()[-1].found == "missing: no network"


def test_grading_stops_where_there_is_no_sandbox(released, submit, without, capsys):
    submit(released, "ada")
    without("bwrap")
    code = main(["grade", "--course", str(released.root)])
    error = capsys.readouterr().err
    assert code == 2
    assert "student code cannot be walled off here: bubblewrap: not installed" in error
    assert "autograder doctor" in error and "--no-sandbox" in error
    assert not released.autograded.exists()


def test_only_no_sandbox_grades_without_and_says_so(released, submit, without, capsys):
    submit(released, "ada")
    without("bwrap")
    code = main(["grade", "--no-sandbox", "--course", str(released.root)])
    assert code == 0
    assert "graded without a sandbox" in capsys.readouterr().out
    record = records.read(released.autograded / "ada" / CHAPTER)
    assert (record.sandboxed, record.score) == (False, 5)
    assert "without a sandbox" in released.report.read_text()


def test_what_was_graded_without_is_graded_again_with(released, submit, capsys):
    submit(released, "ada")
    arguments = ["grade", "--course", str(released.root)]
    main([*arguments, "--no-sandbox"])
    main([*arguments, "--no-sandbox"])
    assert "graded 0; 1 were up to date" in capsys.readouterr().out
    main(arguments)
    assert "graded 1" in capsys.readouterr().out
    assert records.read(released.autograded / "ada" / CHAPTER).sandboxed
    assert "without a sandbox" not in released.report.read_text()


def test_walls_are_the_sandbox_unless_someone_says_otherwise(monkeypatch):
    assert isinstance(walls_for(True), Forking)
    assert isinstance(walls_for(False), NoWalls)
    short = [Finding("system", "odd", "move")]
    machine.require_sandbox.cache_clear()
    monkeypatch.setattr(machine, "inspect_machine", lambda: short)
    with pytest.raises(Problem, match="system: odd; move"):
        walls_for(True)
