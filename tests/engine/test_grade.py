"""Grading one notebook: outcomes apart, nobody blamed for another's, no forgery."""

import nbformat
import pytest
from engine_helpers import CHAPTER, RIGHT, graded_in, normalise, outcomes, verdicts
from nbgrader.utils import determine_grade

from autograder.checking.verdict import OUTCOMES, Verdict
from autograder.grading.grade import verdict_outputs
from autograder.grading.run import GradingRun
from autograder.sandbox import notebook_run


def with_seconds(edited, seconds):
    course = edited("checks.py", "points=3,", f"points=3, seconds={seconds},")
    return GradingRun(course, 5).of(course.chapters[CHAPTER])


# --- outcomes -------------------------------------------------------------------


def test_the_reference_passes(grade_one):
    done = grade_one()
    assert outcomes(done) == ["passed", "passed"]
    assert [verdict.score for verdict in done.verdicts] == [3.0, 2.0]


def test_an_untouched_notebook_is_not_attempted(grade_one):
    assert outcomes(grade_one(normalise=None, largest=None)) == ["not attempted"] * 2


def test_a_stub_that_cannot_even_be_called_is_not_attempted(grade_one):
    added = [("largest", "del largest")]
    assert outcomes(grade_one(added=added, largest=None))[1] == "not attempted"
    assert outcomes(grade_one(added=added))[1] == "error"


def test_a_misconception_is_told_its_sentence(grade_one):
    verdict = verdicts(grade_one(normalise=normalise("    return X / X.sum()")))[
        "normalise"
    ]
    assert (verdict.outcome, verdict.misconception) == ("wrong", "by_the_total")
    assert verdict.sentence == "You divided by the sum of everything, not of the row."
    assert verdict.detail == "A[0, 0]: got 0.125, expected 0.25"  # of a public case


MISDEEDS = {
    "a syntax error": ("def normalise(X:", "error", "did not run: SyntaxError"),
    "an unknown name": ("normalise = undefined", "error", "did not run: NameError"),
    "nothing defined": ("x = 1", "error", "name 'normalise' is not defined"),
    "no function": ("normalise = 3", "error", "raised TypeError"),
    "None": ("normalise = None", "error", ""),
    "an exception": (
        normalise("    return X[99]"),
        "error",
        "IndexError, line 3: return",
    ),
    "leaving": (normalise("    import sys; sys.exit()"), "error", "SystemExit"),
    "a hard exit": (
        normalise("    import os; os._exit(0)"),
        "error",
        "ended the process",
    ),
    "a hard exit at once": ("import os; os._exit(0)", "error", "ended its process"),
    "an interrupt": (normalise("    raise KeyboardInterrupt"), "error", "ended the"),
    "a kill": (
        normalise("    import os; os.kill(os.getpid(), 9)"),
        "limit",
        "over a limit of memory",
    ),
    "a kill at once": ("import os; os.kill(os.getpid(), 9)", "limit", "over a limit"),
    "a deep list": (
        normalise("    v = 1\n    for _ in range(99): v = [v]\n    return v"),
        "wrong",
        "",
    ),
    "a huge integer": (normalise("    return 2**2000"), "wrong", ""),
    "half a character": (
        normalise("    raise KeyError('\\ud800')"),
        "error",
        "KeyError",
    ),
    "nothing returned": (normalise("    pass"), "wrong", "returned None; return A."),
}


@pytest.mark.parametrize(
    ("source", "outcome", "words"), MISDEEDS.values(), ids=MISDEEDS
)
def test_whatever_one_answer_does_the_other_is_graded(
    grade_one, source, outcome, words
):
    found = verdicts(grade_one(normalise=source))
    assert found["normalise"].outcome == outcome
    assert words in found["normalise"].message
    assert found["normalise"].score == 0
    assert found["largest"].outcome == "passed"


def test_an_endless_answer_is_a_timeout(edited):
    run = with_seconds(edited, 0.8)
    found = verdicts(graded_in(run, normalise=normalise("    while True: pass")))
    assert found["normalise"].outcome == "timeout"
    assert found["normalise"].message == "No answer within 0.8 seconds."
    assert found["largest"].outcome == "passed"


def test_an_endless_cell_is_a_timeout(grade_one, monkeypatch):
    monkeypatch.setattr(notebook_run, "CELL_SECONDS", 0.8)
    found = verdicts(grade_one(normalise=normalise(RIGHT) + "\nwhile True: pass"))
    assert found["normalise"].outcome == "timeout"
    assert found["normalise"].message == "Your cell did not end in time."
    assert found["largest"].outcome == "passed"


def test_a_broken_cell_of_the_students_own_costs_nothing(grade_one):
    added = [("setup", "def broken(:"), ("normalise", "import os; os._exit(1)")]
    assert outcomes(grade_one(added=added)) == ["passed", "passed"]


# --- fairness -------------------------------------------------------------------

FAIR = {
    "float32": normalise("    X = X.astype('f')\n" + RIGHT),
    "rounding": normalise(RIGHT + " * (1 + 1e-9)"),
    "a list": normalise(RIGHT.replace("return ", "return (") + ").tolist()"),
    "a renamed argument": normalise(RIGHT).replace("X", "table"),
    "an option more": normalise(RIGHT).replace("(X)", "(X, axis=1, *, quiet=True)"),
    "a warning": normalise("    import warnings; warnings.warn('careful')\n" + RIGHT),
    "prints": normalise("    print('working', X)\n" + RIGHT),
    "random state": normalise("    np.random.seed(0)\n" + RIGHT, "np.random.seed(1)"),
    "its own copy changed": normalise(
        "    X = X.copy()\n    X /= np.maximum(X.sum(1), 1e-30)[:, None]\n    return X"
    ),
    "a lambda": "normalise = lambda X: X / np.maximum(X.sum(1), 1e-300)[:, None]",
    "a class": (
        "class Normaliser:\n    def __call__(self, X):\n"
        + RIGHT.replace("    ", "        ")
        + "\nnormalise = Normaliser()"
    ),
    "a magic": normalise(RIGHT, "%matplotlib inline"),
    "a command": normalise(RIGHT, "!pip install numpy"),
    "a timed cell": "%%time\n" + normalise(RIGHT),
    "display": normalise(RIGHT, "display(np.ones(2))"),
    "errors on division": normalise(RIGHT, "np.seterr(all='raise')"),
    "another import": normalise(RIGHT, "import numpy as np, numpy as jnp"),
    "print options": normalise(RIGHT, "np.set_printoptions(precision=1)"),
}


@pytest.mark.parametrize("source", FAIR.values(), ids=FAIR)
def test_a_right_answer_in_another_way_passes(grade_one, source):
    found = verdicts(grade_one(normalise=source))["normalise"]
    assert found.outcome == "passed", (found.message, found.detail)


@pytest.mark.parametrize(
    "returned",
    ["[x.max(), x.argmax()]", "np.array(x.max()), np.int32(x.argmax())", "*best(x),"],
    ids=["a list for a tuple", "NumPy scalars", "a helper in a cell of its own"],
)
def test_several_results_may_come_in_any_form(grade_one, returned):
    helper = (
        "class Empty(ValueError): pass\ndef best(x): return max(x), int(x.argmax())"
    )
    source = "def largest(x):\n    if not x.size: raise Empty\n    return " + returned
    done = grade_one(added=[("normalise", helper)], largest=source)
    assert outcomes(done) == ["passed", "passed"], done.verdicts


FORGED = {
    "a patched comparison": "np.allclose = np.isclose = lambda *_, **__: True",
    "an array that equals all": (
        "class Same(np.ndarray):\n    __eq__ = lambda *_: np.True_\n"
        "    __array_ufunc__ = None"
    ),
    "a judge of one's own": (
        "import autograder.checking.verdict as v, autograder.checking.judge as j\n"
        "j.find = v.find = lambda *_: None"
    ),
    "another check": "check = print",
    "a check that passes": "def check(name, probe=None): return lambda f: f",
    "a forged mark": "print('✓ normalise: passed, 3 of 3 points')\nscore = 3",
    "a forged reply": (
        "import __main__\n__main__._call = lambda *_: {'outcome': 'passed', 'score': 3}"
    ),
}


@pytest.mark.parametrize("trick", FORGED.values(), ids=FORGED)
def test_a_wrong_answer_stays_wrong(grade_one, trick):
    before = f"Same = np.ndarray\n{trick}"
    source = normalise("    return np.zeros_like(X).view(Same)", before)
    found = verdicts(grade_one(normalise=source))["normalise"]
    no_probe = trick in (FORGED["another check"], FORGED["a check that passes"])
    assert found.outcome == ("error" if no_probe else "wrong")
    assert found.score == 0


# --- the notebook ---------------------------------------------------------------


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_nbgrader_reads_the_score_off_the_outputs(run, outcome):
    (cell,) = (cell for cell in run.pristine.cells if cell.id == "test_normalise")
    cell = nbformat.from_dict(cell)
    cell.outputs = verdict_outputs(Verdict("normalise", outcome, 3, "why"))
    nbformat.validate(cell, ref="code_cell", version=4, version_minor=5)
    assert determine_grade(cell) == (3 if outcome == "passed" else 0, 3)


def outputs(done):
    return {cell.id: cell.get("outputs", []) for cell in done.notebook.cells}


def test_what_cells_print_and_raise_is_kept_without_escapes(grade_one):
    added = [
        ("setup", "print('\\x1b[31mred\\x07 \\u202eend')\nraise KeyError('\\x1b]0;')")
    ]
    done = grade_one(added=added, normalise=normalise(RIGHT, "print('here')"))
    (printed,) = outputs(done)["normalise"]
    assert printed.text == "here\n"
    (own,) = (c for c in done.notebook.cells if c.source == added[0][1])
    text, error = own.outputs
    assert text.text == "red end\n"
    assert error.ename == "KeyError" and "\x1b" not in error.evalue
    nbformat.validate(done.notebook)


def test_a_cell_that_ended_its_process_says_so(grade_one):
    done = grade_one(normalise="import os; os._exit(0)")
    (error,) = outputs(done)["normalise"]
    assert error.evalue == "This cell ended its process (died)."


def test_demo_cells_are_not_run(grade_one):
    assert outputs(grade_one())["cell-03"] == []


def test_forged_outputs_and_scores_are_left_behind(grade_one):
    forged = "from IPython.display import display, HTML\ndisplay(HTML('<b>3 of 3</b>'))"
    done = grade_one(added=[("test_normalise", forged)], normalise=None)
    test = next(c for c in done.notebook.cells if c.id == "test_normalise")
    assert determine_grade(test) == (0, 3)
    assert test.metadata.autograder.outcome == "not attempted"
