"""Inputs that are sent together."""

import numpy as np
import pytest

from autograder.sandbox.batch import MOST_BYTES, batches_of
from autograder.sandbox.notebook_run import Calls, Cell, run_notebook

SMALL = [{"x": float(i)} for i in range(5)]


def test_small_inputs_go_together_and_in_order():
    (batch,) = batches_of(SMALL)
    assert batch.inputs == SMALL


def test_no_more_go_together_than_there_is_room_for():
    half = {"x": np.zeros(MOST_BYTES // 16 - 20)}
    sizes = [len(batch.inputs) for batch in batches_of([half] * 5)]
    assert sizes == [2, 2, 1]
    assert all(len(batch.data) <= MOST_BYTES for batch in batches_of([half] * 5))


def test_inputs_that_are_too_large_go_alone():
    large = {"x": np.zeros(MOST_BYTES)}
    assert [len(b.inputs) for b in batches_of([large, SMALL[0], large])] == [1, 1, 1]


def test_nothing_makes_no_batch():
    assert batches_of([]) == []


def test_inputs_go_one_by_one_where_memory_is_limited():
    assert len(Calls(SMALL, 1.0, memory=2**20).batches) == 5
    assert len(Calls(SMALL, 1.0).batches) == 1


@pytest.mark.parametrize("size", [1, 2_000, 200_000])
def test_answers_of_any_size_come_back(size):
    """Also those that fill the pipe while more inputs wait."""
    source = (
        "import numpy as np\nfrom autograder import check\n"
        f"check('f', lambda x: np.full({size}, x))"
    )
    inputs = [{"x": float(i)} for i in range(12)]
    done = run_notebook([Cell("a", source, "f")], {"f": Calls(inputs, 20.0)})
    got = [answer.value for answer in done.called["f"].answers]
    assert [(len(value), value[0]) for value in got] == [(size, i) for i in range(12)]
