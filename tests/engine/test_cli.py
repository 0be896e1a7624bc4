"""The command: what it prints and with which exit code it ends."""

import json
import re
import subprocess
import sys

import pytest

from autograder.cli import main
from autograder.course import release as release_module
from autograder.grading import command, work
from autograder.grading import record as records
from autograder.problems import Infrastructure
from autograder.verify import command as verify_command
from autograder.verify.verification import ExerciseReport

CHAPTER = "ch01_sample"
WRONG = "def normalise(X):\n    return X / X.sum()"


@pytest.fixture
def run(released, capsys, monkeypatch):
    """Run a command in the released course: (exit code, output, errors)."""
    monkeypatch.chdir(released.root)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            code = leaving.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def handed_in(released, submit):
    """Three submissions: all right, a misconception, not JSON."""
    submit(released, "ada")
    submit(released, "bob", normalise=WRONG)
    submit(released, "cem").write_text("{broken")
    return released


def row_of(output, student):
    """The cells of a student's (or an exercise's) row in a table."""
    (line,) = (line for line in output.splitlines() if f" {student} " in line[:20])
    return re.split(r"  +", line.replace("│", "  ").strip())


# --- grade ----------------------------------------------------------------------


def test_grade_ends_with_0_whatever_students_wrote(run, handed_in):
    code, output, _ = run("grade")
    assert code == 0
    assert row_of(output, "ada") == ["ada", "5", "5"]
    assert row_of(output, "bob") == ["bob", "2", "2"]
    assert row_of(output, "cem") == ["cem", "unreadable", "0"]
    assert (
        f"not readable: cem, {CHAPTER}: {CHAPTER}.ipynb: not valid JSON at line 1, "
        "column 2" in output
    )
    assert "graded 2, seed " in output
    assert handed_in.report.is_file() and str(handed_in.report) in output
    assert str(handed_in.feedback) in output


def test_a_second_run_says_that_all_is_done(run, handed_in):
    run("grade")
    code, output, _ = run("grade")
    assert code == 0
    assert "graded 0; 2 were up to date" in output
    assert row_of(output, "bob") == ["bob", "2", "2"]


def test_a_seed_is_used_and_recorded(run, handed_in):
    _, output, _ = run("grade", "--seed", 7, "--workers", 1)
    assert "graded 2, seed 7;" in output
    assert records.read(handed_in.autograded / "ada" / CHAPTER).seed == 7


def test_only_named_students_and_chapters_are_graded(run, handed_in):
    _, output, _ = run("grade", CHAPTER, "--student", "ada", "--student", "bob")
    assert "graded 2, seed" in output and "cem" not in output
    _, output, _ = run("grade", "--student", "bob", "--force")
    assert "graded 1, seed" in output


def test_nothing_handed_in_is_a_dash(run, handed_in):
    (handed_in.submitted / "dan").mkdir()
    _, output, _ = run("grade")
    assert row_of(output, "dan") == ["dan", "–", "0"]


def test_names_cannot_drive_the_terminal(run, released, submit):
    submit(released, "\x1b[31meve\u202e\x07")
    submit(released, "eve")
    submit(released, "[bold]tag").write_text("")
    code, output, _ = run("grade")
    assert code == 0
    assert not {"\x1b", "\u202e", "\x07"} & set(output)
    assert row_of(output, "eve") == ["eve", "5", "5"]
    shown = "\\u001b[31meve\\u202e\\u0007"
    assert f"not readable: {shown}, ch01_sample: a student's name holds" in output
    assert "not readable: [bold]tag, ch01_sample" in output
    assert row_of(output, "[bold]tag") == ["[bold]tag", "unreadable", "0"]


def test_our_failure_ends_with_3_and_names_whom(run, handed_in, monkeypatch):
    grade_notebook = work.grade_notebook

    def fail(chapter_run, notebook, *rest):
        if any(WRONG in cell.source for cell in notebook.cells):
            raise Infrastructure("no processes left")
        return grade_notebook(chapter_run, notebook, *rest)

    monkeypatch.setattr(work, "grade_notebook", fail)
    code, output, _ = run("grade")
    assert code == 3
    assert f"not graded (our failure): bob, {CHAPTER}: " in output
    assert "no processes left" in output
    assert row_of(output, "bob") == ["bob", "not graded", "0"]
    assert row_of(output, "ada") == ["ada", "5", "5"]
    monkeypatch.undo()


def test_stopping_says_how_to_go_on(run, handed_in, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "grade_class", stop)
    code, _, errors = run("grade")
    assert code == 130
    assert "run again to go on" in errors


def test_another_class_is_graded_apart(run, released, submit, tmp_path):
    submit(released, "ada")
    other = tmp_path / "other"
    other.mkdir()
    released.submitted.rename(other / "submitted")
    code, output, _ = run("grade", "--class", other)
    assert code == 0 and "graded 1, seed" in output
    assert (other / "gradebook.db").is_file() and (other / "report.html").is_file()
    assert not released.autograded.exists()
    assert "graded 0; 1 were up to date" in run("grade", "--class", other)[1]


# --- problems to mend -----------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grade"], "no submissions in"),
        (["grade", "ch99_x"], "no chapter 'ch99_x'; there are ch01_sample"),
        (["release", "ch99_x"], "no chapter 'ch99_x'"),
        (["verify", "ch99_x"], "no chapter 'ch99_x'"),
        (["verify", "--seeds", 0], "argument --seeds: must be at least 1"),
        (["grade", "--course", "/"], "/ is not inside a course"),
        (["grade", "--seed", "x"], "invalid int value: 'x'"),
        (["polish"], "invalid choice: 'polish'"),
        ([], "required: COMMAND"),
    ],
)
def test_a_problem_ends_with_2_and_is_named_on_the_last_line(run, arguments, words):
    code, output, errors = run(*arguments)
    assert (code, output) == (2, "")
    assert words in errors.splitlines()[-1]


def test_an_unknown_student_is_named(run, handed_in):
    code, _, errors = run("grade", "--student", "zoe")
    assert code == 2
    assert errors.startswith("autograder: no student 'zoe' in ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["grade", "--workers", -1],
        ["grade", "--seed", -1],
        ["verify", "--workers", -1, "--seeds", 1],
    ],
    ids=str,
)
def test_a_negative_number_is_a_problem(run, handed_in, arguments):
    code, _, errors = run(*arguments)
    assert code == 2
    assert str(arguments[1]) in errors


# --- release, report, verify ----------------------------------------------------


def test_release_says_what_it_did(run, monkeypatch):
    assert run("release") == (0, f"{CHAPTER}: up to date\n", "")
    monkeypatch.setattr(release_module, "grader_version", lambda: "another")
    assert run("release", CHAPTER)[:2] == (0, f"{CHAPTER}: released\n")


def test_report_prints_where_it_is(run, handed_in):
    run("grade")
    handed_in.report.unlink()
    code, output, _ = run("report")
    assert (code, output) == (0, f"{handed_in.report}\n")
    assert handed_in.report.is_file()


def test_verify_of_a_fair_chapter_ends_with_0(run):
    code, output, _ = run("verify", "--seeds", 1)
    assert code == 0
    row = row_of(output, "normalise")
    assert row[1] == "4" and row[-3:] == ["3/3", "2/2", "yes"]
    assert "2 exercises fair, 0 not" in output


@pytest.fixture
def unfair(monkeypatch):
    """Every chapter verifies as one fair and one unfair exercise."""
    complaint = "the misconception mean passes"
    reports = [
        ExerciseReport(CHAPTER, "normalise", 4, 3, 3, 2, 2, True, True),
        ExerciseReport(CHAPTER, "largest", 3, 3, 2, 2, 2, True, True, [complaint]),
    ]
    verify = [None, *reports]
    monkeypatch.setattr(verify_command, "verify_chapter", lambda *_: iter(verify))


def test_verify_of_an_unfair_chapter_ends_with_1_and_says_why(run, unfair):
    code, output, _ = run("verify")
    assert code == 1
    assert row_of(output, "largest")[-3:] == ["2/3", "2/2", "NO"]
    assert f"{CHAPTER} largest: the misconception mean passes" in output
    assert "1 exercises fair, 1 not" in output


def test_verify_says_what_it_skipped(run, monkeypatch):
    reports = [
        ExerciseReport(CHAPTER, "normalise", 4, 3, 0, 2, 0, True, True, skipped=True)
    ]
    monkeypatch.setattr(verify_command, "verify_chapter", lambda *_: iter(reports))
    code, output, _ = run("verify", "--quick")
    assert code == 0
    assert row_of(output, "normalise")[-3:] == ["skipped", "skipped", "yes"]


def test_verify_speaks_json(run, unfair):
    code, output, _ = run("verify", "--seeds", 7, "--json")
    data = json.loads(output)
    assert (code, data["seeds"]) == (1, 7)
    fair, other = data["exercises"]
    assert (fair["exercise"], fair["is_fair"]) == ("normalise", True)
    assert (other["is_fair"], other["rejected"]) == (False, 2)
    assert other["complaints"] == ["the misconception mean passes"]


def test_help_answers_and_explains_exit_codes(run):
    code, output, _ = run("--help")
    assert code == 0
    for word in ("release", "grade", "verify", "report", "Exit codes"):
        assert word in output
    for name in ("release", "grade", "verify", "report"):
        assert run(name, "--help")[0] == 0


def test_the_module_is_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "autograder.cli", "polish"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "invalid choice: 'polish'" in done.stderr


# --- the report after a run that graded nothing ----------------------------------


def test_a_report_that_still_holds_is_left_as_it_is(run, handed_in, submit):
    run("grade")
    before = handed_in.report.stat().st_mtime_ns
    assert run("grade")[0] == 0
    assert handed_in.report.stat().st_mtime_ns == before
    (handed_in.submitted / "dora").mkdir()
    run("grade")
    assert "dora" in handed_in.report.read_text()
    (handed_in.submitted / "cem" / CHAPTER / f"{CHAPTER}.ipynb").unlink()
    run("grade")
    assert "not valid JSON" not in handed_in.report.read_text()


def test_a_report_that_is_gone_is_written_again(run, handed_in):
    run("grade")
    handed_in.report.unlink()
    run("grade")
    assert "ada" in handed_in.report.read_text()
