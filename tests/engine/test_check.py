"""``check`` in the student's notebook: at once, from the public cases alone."""

import os
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from autograder import check
from autograder.checking import check as check_module
from autograder.checking import public
from autograder.checking.check import recording


@pytest.fixture
def folder(released, monkeypatch):
    """The released folder as a student has it: nothing of the course around it."""
    folder = released.notebooks / "ch01_sample"
    shutil.rmtree(released.solutions)
    shutil.rmtree(released.source)
    monkeypatch.chdir(folder)
    return folder


def normalise(X):
    total = X.sum(axis=1, keepdims=True)
    return X / np.where(total == 0, 1, total)


def by_the_total(X):
    return X / X.sum()


def failure(probe, name="normalise"):
    with pytest.raises(AssertionError) as caught:
        check(name, probe)
    return str(caught.value)


def test_a_right_answer_passes(folder, capsys):
    assert check("normalise", normalise) is None
    assert capsys.readouterr().out.splitlines() == [
        "✓ normalise: passed, 3 of 3 points",
        "  These were the public cases; grading draws new ones.",
    ]


def test_a_wrong_answer_is_told_its_cause(folder, capsys):
    assert failure(by_the_total).splitlines() == [
        "✗ normalise: wrong, 0 of 3 points",
        "  You divided by the sum of everything, not of the row.",
        "  5 of 6 entries of A are wrong.",
        "  A[0, 0]: got 0.125, expected 0.25",
        "  Seen with: a small example.",
    ]
    assert capsys.readouterr().out == ""


def test_a_stub_is_not_attempted(folder):
    def stub(X):
        raise NotImplementedError

    assert "○ normalise: not attempted" in failure(stub)


def test_the_last_case_is_checked_too(folder):
    def divides(X):
        with np.errstate(all="ignore"):
            return X / X.sum(axis=1, keepdims=True)

    message = failure(divides)
    assert "A holds NaN in 2 of 4 entries." in message
    assert "A row of zeros became NaN; leave it as it is." in message
    assert "Seen with: a row of zeros." in message


def test_what_must_raise_is_said(folder):
    message = failure(lambda x: (0.0, 0), "largest")
    assert "largest: wrong" in message
    message = failure(
        lambda x: (max(x, default=0), int(np.argmax([*x, -99]))), "largest"
    )
    assert "Raise a ValueError for an empty array" in message


def test_as_a_decorator_it_checks_and_gives_the_function_back(folder, capsys):
    @check("normalise")
    def probe(X):
        return normalise(X)

    assert probe(np.ones((1, 2))).tolist() == [[0.5, 0.5]]
    assert "passed" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="everything"):
        check("normalise")(by_the_total)


def test_what_is_no_function_is_named(folder):
    assert failure(np.zeros(3)) == "✗ normalise: expected a function, got ndarray."


def test_a_name_that_holds_none_fails(folder):
    assert "NoneType" in failure(None)


def test_prints_warnings_and_random_state_do_no_harm(folder, capsys):
    def noisy(X):
        import warnings

        print("working", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        np.random.seed(0)
        return normalise(X).astype(np.float32)

    with pytest.warns(UserWarning):
        check("normalise", noisy)
    assert "passed" in capsys.readouterr().out


def test_a_changed_input_is_found(folder):
    def in_place(X):
        X /= np.where(X.sum(axis=1) == 0, 1, X.sum(axis=1))[:, None]
        return X

    assert "Your function changed its argument X; work on a copy." in failure(in_place)


def test_the_cases_survive_an_answer_that_changes_them(folder):
    for _ in range(2):
        failure(lambda X: X.fill(0))
    assert check("normalise", normalise) is None


# --- the public cases -----------------------------------------------------------


@pytest.fixture
def reads(monkeypatch):
    """The files that were read, in order."""
    read, paths = public.read, []
    monkeypatch.setattr(public, "read", lambda path: paths.append(path) or read(path))
    check_module._read.cache_clear()
    return paths


def test_a_second_check_reads_nothing(folder, reads):
    for _ in range(3):
        check("normalise", normalise)
        failure(normalise, "largest")
    assert [path.name for path in reads] == [public.FILE_NAME]


def test_a_new_file_is_read_again(folder, reads):
    check("normalise", normalise)
    path = folder / public.FILE_NAME
    text = path.read_text().replace('"points": 3', '"points": 5')
    path.write_text(text)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert "of 5 points" in failure(by_the_total)
    assert len(reads) == 2


def test_a_missing_file_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        check("normalise", normalise)
    message = str(caught.value)
    assert public.FILE_NAME in message and str(tmp_path) in message
    assert "beside the notebook" in message


def test_an_unknown_exercise_is_named_with_the_known_ones(folder):
    with pytest.raises(ValueError, match="'softmax', only normalise, largest"):
        check("softmax", normalise)


def test_check_needs_numpy_and_nothing_else(folder):
    code = (
        "import sys, numpy as np\n"
        "before = {name.partition('.')[0] for name in sys.modules}\n"
        "from autograder import check\n"
        "after = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(after - before - set(sys.stdlib_module_names)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['autograder']\n"


# --- where it answers -----------------------------------------------------------


def test_while_recording_probes_are_kept_and_nothing_runs(folder):
    calls = []
    with recording() as probes:
        assert check("anything", calls.append) is None

        @check("other")
        def probe(x):
            calls.append(x)

    assert probes == {"anything": calls.append, "other": probe}
    assert calls == []
    with pytest.raises(ValueError, match="anything"):
        check("anything", normalise)


def test_a_terminal_gets_text_and_no_html(folder, monkeypatch, capsys):
    IPython = pytest.importorskip("IPython")
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())  # a shell, no kernel
    check("normalise", normalise)
    assert capsys.readouterr().out.startswith("✓ normalise")


@pytest.mark.parametrize("validating", [False, True])
def test_a_traceback_spares_the_student_our_stack(folder, monkeypatch, validating):
    with pytest.raises(AssertionError) as caught:
        check("normalise", by_the_total)
    monkeypatch.setattr(check_module, "_in_notebook", lambda: True)
    if validating:
        monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    lines = caught.value._render_traceback_()
    whole = str(caught.value).splitlines()
    assert lines == (whole if validating else whole[:1])


CELLS = {
    "setup": "import numpy as np\nfrom autograder import check",
    "wrong": "check('normalise', lambda X: X / X.sum())",
    "right": (
        "def normalise(X):\n"
        "    print('working')\n"
        "    total = X.sum(axis=1, keepdims=True)\n"
        "    return X / np.where(total == 0, 1, total)\n"
        "check('normalise', normalise)"
    ),
    "escaped": "def f(X): raise type('<b>', (Exception,), {})\ncheck('normalise', f)",
}


@pytest.fixture(scope="module")
def executed(released_once):
    """The outputs of `CELLS` in one real notebook, by name."""
    cells = [new_code_cell(source, id=name) for name, source in CELLS.items()]
    notebook = new_notebook(cells=cells)
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "",
        "language": "",
    }
    resources = {"metadata": {"path": str(released_once / "notebooks" / "ch01_sample")}}
    NotebookClient(notebook, allow_errors=True, resources=resources).execute()
    nbformat.validate(notebook)
    return {cell.id: cell.outputs for cell in notebook.cells}


def test_a_notebook_shows_a_card(executed):
    printed, card = executed["right"]
    assert set(printed.text.split()) == {"working"}
    assert card.output_type == "display_data"
    assert "normalise: passed, 3 of 3 points" in card.data["text/html"]
    assert card.data["text/plain"].startswith("✓ normalise")
    assert executed["setup"] == []


def test_a_notebook_shows_a_failure_once(executed):
    card, error = executed["wrong"]
    assert "<strong>You divided by the sum of everything" in card.data["text/html"]
    assert error.output_type == "error" and error.ename == "CheckFailed"
    assert error.traceback == ["✗ normalise: wrong, 0 of 3 points"]


def test_a_notebook_gets_no_html_from_an_answer(executed):
    card, _ = executed["escaped"]
    assert "raised &lt;b&gt;" in card.data["text/html"]
