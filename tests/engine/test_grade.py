"""Grading one notebook: hidden cases, outcomes apart, nothing secret on the way."""

import functools

import nbformat
import numpy as np
import pytest
from nbgrader.utils import determine_grade

from autograder.checking.calling import same
from autograder.checking.verdict import OUTCOMES, Verdict
from autograder.course.chapter import PUBLIC_SEED
from autograder.course.layout import Course
from autograder.course.source import grade_id
from autograder.grading import grade as grade_module
from autograder.grading.feedback_exporter import FeedbackExporter
from autograder.grading.grade import grade_notebook, verdict_outputs
from autograder.grading.ingest import Submission, SubmittedCell
from autograder.grading.run import GradingRun
from autograder.grading.transplant import transplant
from autograder.sandbox.session import Session

CHAPTER = "ch01_sample"
SEED = 5
RIGHT = (
    "    total = X.sum(axis=1, keepdims=True)\n    return X / np.where(total, total, 1)"
)


@pytest.fixture(scope="module")
def run(released_once):
    """A grading run of the sample chapter with a seed of its own."""
    course = Course.find(released_once)
    return GradingRun(course, SEED).of(course.chapters[CHAPTER])


@pytest.fixture(scope="module")
def graded(run):
    """Grade answers; the reference where none is given, None for the stub."""
    return functools.partial(graded_in, run)


def graded_in(run, added=(), **sources):
    solved = {cell.id: cell.source for cell in run.chapter.source.cells}
    cells = []
    for cell in run.pristine.cells:
        name, is_code = cell.id, cell.cell_type == "code"
        source = solved[name] if name in run.chapter.exercises else cell.source
        source = cell.source if name in sources else source
        source = sources.get(name) or source
        cells.append(SubmittedCell(grade_id(cell), name, is_code, source))
        cells += [SubmittedCell("", "", True, s) for after, s in added if after == name]
    planted = transplant(run.pristine, Submission("ada", CHAPTER, cells, ""))
    return grade_notebook(run, planted.notebook)


def verdicts(graded):
    return {verdict.exercise: verdict for verdict in graded.verdicts}


def outcomes(graded):
    return [verdict.outcome for verdict in graded.verdicts]


def normalise(body, before=""):
    return f"{before}\ndef normalise(X):\n{body}"


def with_seconds(edited, seconds):
    course = edited("checks.py", "points=3,", f"points=3, seconds={seconds},")
    return GradingRun(course, SEED).of(course.chapters[CHAPTER])


# --- hidden cases ---------------------------------------------------------------


def inputs(chapter, name, seed):
    return [case.inputs for case in chapter.cases(name, seed)]


@pytest.mark.parametrize("name", ["normalise", "largest"])
def test_the_same_seed_draws_the_same_cases(chapter, name):
    assert same(inputs(chapter, name, 7), inputs(chapter, name, 7))


@pytest.mark.parametrize("name", ["normalise", "largest"])
def test_another_seed_draws_other_cases(chapter, name):
    one, other = inputs(chapter, name, 7), inputs(chapter, name, 8)
    assert same(one[0], other[0])  # made by hand
    assert not same(one[1], other[1])


def test_cases_do_not_depend_on_other_exercises(chapter, edited):
    before = inputs(chapter, "largest", 7)
    course = edited(
        "checks.py", "rng.uniform(1, 2, (4, 3))", "rng.uniform(1, 2, (8, 3))"
    )
    after = course.chapters[CHAPTER]
    assert not same(inputs(after, "normalise", 7), inputs(chapter, "normalise", 7))
    assert same(inputs(after, "largest", 7), before)


def test_hidden_cases_are_not_the_public_ones(run):
    for name in run.chapter.exercises:
        hidden, public = run.hidden[name], run.public[name]
        assert not same(hidden[1].inputs, public[1].inputs)
        assert same(
            [case.inputs for case in public], inputs(run.chapter, name, PUBLIC_SEED)
        )


def test_a_run_draws_a_fresh_seed(course):
    seeds = {GradingRun(course).seed for _ in range(20)}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_expected_answers_come_from_the_reference(run):
    for case in run.hidden["normalise"]:
        np.testing.assert_allclose(
            case.expected.value.sum(axis=1), case.inputs["X"].any(axis=1), rtol=1e-6
        )
    assert run.hidden["largest"][-1].expected.raised.is_value_error


def test_variants_leave_the_reference_as_it_was(chapter):
    first = chapter.cases("normalise", 3)
    second = chapter.cases("normalise", 3)
    for a, b in zip(first, second, strict=True):
        assert same(a.expected.value, b.expected.value)
    assert "by_the_total" not in chapter.reference.namespace


# --- outcomes -------------------------------------------------------------------


def test_the_reference_passes(graded):
    done = graded()
    assert outcomes(done) == ["passed", "passed"]
    assert [verdict.score for verdict in done.verdicts] == [3.0, 2.0]


def test_an_untouched_notebook_is_not_attempted(graded):
    assert outcomes(graded(normalise=None, largest=None)) == ["not attempted"] * 2


def test_a_misconception_is_told_its_sentence(graded):
    verdict = verdicts(graded(normalise=normalise("    return X / X.sum()")))[
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
def test_whatever_one_answer_does_the_other_is_graded(graded, source, outcome, words):
    found = verdicts(graded(normalise=source))
    assert found["normalise"].outcome == outcome
    assert words in found["normalise"].message
    assert found["normalise"].score == 0
    assert found["largest"].outcome == "passed"


def test_an_endless_answer_is_a_timeout(edited):
    run = with_seconds(edited, 0.5)
    found = verdicts(graded_in(run, normalise=normalise("    while True: pass")))
    assert found["normalise"].outcome == "timeout"
    assert found["normalise"].message == "No answer within 0.5 seconds."
    assert found["largest"].outcome == "passed"


def test_an_endless_cell_is_a_timeout(graded, monkeypatch):
    quick = functools.partial(grade_module.run_notebook, cell_seconds=0.5)
    monkeypatch.setattr(grade_module, "run_notebook", quick)
    found = verdicts(graded(normalise=normalise(RIGHT) + "\nwhile True: pass"))
    assert found["normalise"].outcome == "timeout"
    assert found["normalise"].message == "Your cell did not end in time."
    assert found["largest"].outcome == "passed"


def test_a_broken_cell_of_the_students_own_costs_nothing(graded):
    added = [("setup", "def broken(:"), ("normalise", "import os; os._exit(1)")]
    assert outcomes(graded(added=added)) == ["passed", "passed"]


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
def test_a_right_answer_in_another_way_passes(graded, source):
    found = verdicts(graded(normalise=source))["normalise"]
    assert found.outcome == "passed", (found.message, found.detail)


@pytest.mark.parametrize(
    "returned",
    ["[x.max(), x.argmax()]", "np.array(x.max()), np.int32(x.argmax())", "*best(x),"],
    ids=["a list for a tuple", "NumPy scalars", "a helper in a cell of its own"],
)
def test_several_results_may_come_in_any_form(graded, returned):
    helper = (
        "class Empty(ValueError): pass\ndef best(x): return max(x), int(x.argmax())"
    )
    source = "def largest(x):\n    if not x.size: raise Empty\n    return " + returned
    done = graded(added=[("normalise", helper)], largest=source)
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
def test_a_wrong_answer_stays_wrong(graded, trick):
    before = f"Same = np.ndarray\n{trick}"
    source = normalise("    return np.zeros_like(X).view(Same)", before)
    found = verdicts(graded(normalise=source))["normalise"]
    no_probe = trick in (FORGED["another check"], FORGED["a check that passes"])
    assert found.outcome == ("error" if no_probe else "wrong")
    assert found.score == 0


# --- nothing secret on the way --------------------------------------------------


def arrays_in(value):
    if isinstance(value, np.ndarray):
        yield value
    for item in value if isinstance(value, (list, tuple)) else ():
        yield from arrays_in(item)


def test_the_process_gets_sources_names_and_inputs_alone(run, graded, monkeypatch):
    sent, ask = [], Session._ask
    monkeypatch.setattr(
        Session, "_ask", lambda self, req, s: sent.append(req) or ask(self, req, s)
    )
    done = graded(normalise=None, largest=None)
    cells = [request for request in sent if request["do"] == "cell"]
    calls = [request for request in sent if request["do"] == "call"]
    assert len(cells) + len(calls) == len(sent)
    assert {frozenset(cell) for cell in cells} == {frozenset(("do", "name", "source"))}
    assert {frozenset(c) for c in calls} == {frozenset(("do", "exercise", "inputs"))}
    code = {c.id: c.source for c in done.notebook.cells if c.cell_type == "code"}
    assert {cell["name"]: cell["source"] for cell in cells}.items() <= code.items()
    assert "np.where" not in repr(cells) and "argmax" not in repr(cells)
    assert str(SEED) not in repr([list(call["inputs"]) for call in calls])
    for name in run.chapter.exercises:
        cases = [*run.hidden[name], *run.public[name]]
        theirs = [call["inputs"] for call in calls if call["exercise"] == name]
        assert same(theirs, [case.inputs for case in cases])
        answers = [a for case in cases for a in arrays_in(case.expected.value)]
        for array in arrays_in([list(given.values()) for given in theirs]):
            assert not any(np.array_equal(array, answer) for answer in answers)


def page_of(done):
    """The feedback, and the notebook it is made from, as one text."""
    for cell in done.notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata.nbgrader["score"] = 0
    names = {"student": "ada", "notebook": CHAPTER, "score": 0, "max_score": 5}
    resources = {"nbgrader": names}
    page, _ = FeedbackExporter().from_notebook_node(done.notebook, resources)
    return page + nbformat.writes(done.notebook)


def numbers_of(cases):
    """The hidden numbers as they might be written."""
    values = [case.expected.value for case in cases]
    values += [value for case in cases for value in case.inputs.values()]
    for array in arrays_in(values):
        for number in array.ravel().tolist():
            if len(f"{number:.6g}") > 6:
                yield f"{number:.6g}"
                yield repr(number)[:8]


def only_hidden(run, body):
    """An answer that is right for public inputs and runs `body` for all others."""
    public = [case.inputs["X"].tolist() for case in run.public["normalise"]]
    before = f"PUBLIC = {public!r}"
    return normalise(
        f"    if X.tolist() not in PUBLIC:\n        {body}\n{RIGHT}", before
    )


@pytest.mark.parametrize(
    "body",
    [
        "return X + 1",
        "return X.T",
        "return X / 0",
        "raise KeyError(X.tolist())",
        "raise ValueError(repr(X))",
        "X += 1",
        "print(X); return X",
        "import sys; sys.exit(repr(X))",
        "import sys; print(X, file=sys.__stdout__); return X",
        pytest.param(
            "raise type('E' + ''.join(map(str, X.ravel())), (Exception,), {})",
            marks=pytest.mark.xfail(
                strict=True, reason="the name of its type is shown"
            ),
        ),
    ],
)
def test_feedback_shows_no_hidden_value(run, graded, body):
    done = graded(normalise=only_hidden(run, body))
    assert outcomes(done)[0] in ("wrong", "error")
    page, hidden = page_of(done), list(numbers_of(run.hidden["normalise"]))
    assert len(hidden) > 20
    assert [number for number in hidden if number in page] == []
    assert verdicts(done)["normalise"].detail == ""


@pytest.mark.xfail(strict=True, reason="what a call keeps, a later cell can print")
def test_a_later_cell_prints_no_hidden_input(run, graded):
    keeping = normalise("    seen.append(X.tolist())\n" + RIGHT, "seen = []")
    done = graded(normalise=keeping, added=[("test_normalise", "print(seen)")])
    page = page_of(done)
    assert not any(number in page for number in numbers_of(run.hidden["normalise"]))


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


def test_what_cells_print_and_raise_is_kept_without_escapes(graded):
    added = [
        ("setup", "print('\\x1b[31mred\\x07 \\u202eend')\nraise KeyError('\\x1b]0;')")
    ]
    done = graded(added=added, normalise=normalise(RIGHT, "print('here')"))
    (printed,) = outputs(done)["normalise"]
    assert printed.text == "here\n"
    (own,) = (c for c in done.notebook.cells if c.source == added[0][1])
    text, error = own.outputs
    assert text.text == "red end\n"
    assert error.ename == "KeyError" and "\x1b" not in error.evalue
    nbformat.validate(done.notebook)


def test_a_cell_that_ended_its_process_says_so(graded):
    done = graded(normalise="import os; os._exit(0)")
    (error,) = outputs(done)["normalise"]
    assert error.evalue == "This cell ended its process (died)."


def test_demo_cells_are_not_run(graded):
    assert outputs(graded())["cell-03"] == []


def test_forged_outputs_and_scores_are_left_behind(graded):
    forged = "from IPython.display import display, HTML\ndisplay(HTML('<b>3 of 3</b>'))"
    done = graded(added=[("test_normalise", forged)], normalise=None)
    test = next(c for c in done.notebook.cells if c.id == "test_normalise")
    assert determine_grade(test) == (0, 3)
    assert test.metadata.autograder.outcome == "not attempted"
