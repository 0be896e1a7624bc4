"""Hidden cases: fresh, reproducible, and known to nobody but the judge."""

import nbformat
import numpy as np
import pytest
from engine_helpers import CHAPTER, RIGHT, messages_in, normalise, outcomes, verdicts

from autograder.checking.calling import call, same
from autograder.course import chapter as chapter_module
from autograder.course.chapter import PUBLIC_SEED
from autograder.grading.feedback_exporter import FeedbackExporter
from autograder.grading.run import GradingRun
from autograder.sandbox.session import Session

# --- how they are drawn ---------------------------------------------------------


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
            [case.inputs for case in public],
            inputs(run.chapter, name, PUBLIC_SEED),
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


# --- nothing secret on the way --------------------------------------------------


def arrays_in(value):
    if isinstance(value, np.ndarray):
        yield value
    for item in value if isinstance(value, (list, tuple)) else ():
        yield from arrays_in(item)


def requests_in(data):
    """What was asked of cells, and of exercises with the inputs that followed."""
    cells, calls = [], []
    waiting = messages_in(data)
    for request in waiting:
        assert request.pop("token")
        if request.pop("do") == "cell":
            assert request.keys() == {"name", "source"}
            cells.append(request)
        else:
            given = [next(waiting) for _ in range(request.pop("count"))]
            assert request.keys() == {"exercise"}
            calls.append(request | {"inputs": given})
    return cells, calls


def test_the_process_gets_sources_names_and_inputs_alone(run, grade_one, monkeypatch):
    sent, write = [], Session._write_all
    monkeypatch.setattr(
        Session,
        "_write_all",
        lambda self, data, budget: sent.append(data) or write(self, data, budget),
    )
    wrong = {"normalise": normalise("    return X"), "largest": "largest = max"}
    done = grade_one(**wrong)
    cells, calls = requests_in(b"".join(sent))
    code = {c.id: c.source for c in done.notebook.cells if c.cell_type == "code"}
    assert {cell["name"]: cell["source"] for cell in cells}.items() <= code.items()
    assert "np.where" not in repr(cells) and "argmax" not in repr(cells)
    named = [list(given) for call in calls for given in call["inputs"]]
    assert named and str(run.seed) not in repr(named)
    for name in run.chapter.exercises:
        cases = [*run.hidden[name], *run.public[name]]
        theirs = [i for c in calls if c["exercise"] == name for i in c["inputs"]]
        assert same(theirs, [case.inputs for case in cases])
        expected = [a for case in cases for a in arrays_in(case.expected.value)]
        for array in arrays_in([list(given.values()) for given in theirs]):
            assert not any(np.array_equal(array, answer) for answer in expected)


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
        "raise type(str(X.tolist()), (Exception,), {})",
        "return type(str(X.tolist()), (), {})()",
    ],
)
def test_feedback_shows_no_hidden_value(run, grade_one, body):
    done = grade_one(normalise=only_hidden(run, body))
    assert outcomes(done)[0] in ("wrong", "error")
    page, hidden = page_of(done), list(numbers_of(run.hidden["normalise"]))
    assert len(hidden) > 20
    assert [number for number in hidden if number in page] == []
    assert verdicts(done)["normalise"].detail == ""


@pytest.mark.parametrize("late", ["print(seen)", "raise KeyError(str(seen))"])
@pytest.mark.parametrize("where", ["a cell of its own", "the next answer"])
def test_no_later_cell_shows_a_hidden_input(run, grade_one, late, where):
    seeing = normalise("    seen.append(X.tolist())\n" + RIGHT, "seen = []")
    if where == "the next answer":
        done = grade_one(normalise=seeing, largest=f"{late}\ndef largest(x): return x")
    else:
        done = grade_one(normalise=seeing, added=[("test_normalise", late)])
    page = page_of(done)
    assert not any(number in page for number in numbers_of(run.hidden["normalise"]))
    assert outcomes(done)[0] == "passed"


def test_an_exception_is_not_named_after_a_hidden_input(run, grade_one):
    public = [case.inputs["x"].tolist() for case in run.public["largest"]]
    name = "'public' if x.tolist() in PUBLIC else str(x.tolist())"
    body = f"    raise type({name}, (Exception,), {{}})"
    done = grade_one(largest=f"PUBLIC = {public!r}\ndef largest(x):\n{body}")
    assert outcomes(done)[1] == "error"
    page = page_of(done)
    assert not any(number in page for number in numbers_of(run.hidden["largest"]))


def test_what_cells_print_of_their_own_is_kept_after_a_call(grade_one):
    done = grade_one(added=[("test_normalise", "print('mine', 6 * 7)")])
    (cell,) = (c for c in done.notebook.cells if "mine" in c.source)
    assert [output.text for output in cell.outputs] == ["mine 42\n"]
    assert outcomes(done) == ["passed", "passed"]


def test_misconceptions_answer_when_asked_and_once(chapter, monkeypatch):
    called = []

    def counted(probe, inputs):
        called.append(probe)
        return call(probe, inputs)

    monkeypatch.setattr(chapter_module, "call", counted)
    cases = chapter.cases("normalise", 3)
    assert len(called) == len(cases)  # the reference
    right = [case.expected for case in cases]
    assert chapter.decide("normalise", cases, right).outcome == "passed"
    assert len(called) == len(cases)
    names = list(chapter.sentences("normalise"))
    wrong = [case.misconceptions[names[0]] for case in cases]
    counts = []
    for _ in range(2):
        verdict = chapter.decide("normalise", cases, wrong)
        assert verdict.misconception == names[0]
        counts.append(len(called))
    assert counts[0] == counts[1] <= len(cases) * (1 + len(names))
