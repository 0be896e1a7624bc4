"""Exhausting the grader itself: each message is small enough, all of them are not."""

import dataclasses

import numpy as np
import pytest
from attack import REACH, Attack, code_cell, hand_in

from autograder.grading import grade

MOST = 200 * 2**20
LARGE = "np.zeros(15 * 2**18)"  # 30 MiB
SAYING = """\
def answer(*arguments, run=process._run_cell):
    return dict(run(*arguments), **FIELDS)
process._run_cell = answer
"""


def more_cells(count):
    def edit(notebook):
        notebook["cells"] += [code_cell(f"x = {i}") for i in range(count)]

    return edit


ATTACKS = [
    Attack(
        "answers that fill the grader",
        "Every answer is as large as a message may be.",
        normalise=f"def normalise(X): return [{LARGE}, {LARGE}]",
        largest=f"import numpy as np\ndef largest(x): return {LARGE}, {LARGE}",
    ),
    Attack(
        "figures that fill the grader",
        "Every cell says that it drew four figures of 15 MB.",
        trick=REACH
        + "png = np.frombuffer(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(15 * 10**6), 'u1')\n"
        + SAYING.replace("FIELDS", "{'figures': [png] * 4}"),
        edit=more_cells(4),
    ),
    Attack(
        "words that fill the grader",
        "Every cell says that it printed four megabytes.",
        trick=REACH + SAYING.replace("FIELDS", "{'printed': 'x' * 4_000_000}"),
        edit=more_cells(60),
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_what_is_kept_of_a_notebook_has_an_end(three, monkeypatch, attack):
    kept, run_notebook = [], grade.run_notebook

    def watched(*arguments):
        result = run_notebook(*arguments)
        kept.append(size_of(result))
        return result

    monkeypatch.setattr(grade, "run_notebook", watched)
    hand_in(three.course, attack)
    three.grade()
    three.assert_neighbours_are_unharmed()
    assert attack.student in three.booked()
    assert len(kept) >= 3
    assert max(kept) < MOST


def size_of(thing) -> int:
    """The bytes that a result of a run holds on to, as good as they can be counted."""
    if isinstance(thing, (str, bytes)):
        return len(thing)
    if isinstance(thing, np.ndarray):
        return thing.nbytes
    if dataclasses.is_dataclass(thing):
        thing = vars(thing)
    if isinstance(thing, dict):
        return sum(map(size_of, thing.values()))
    if isinstance(thing, (list, tuple)):
        return sum(map(size_of, thing))
    return 8
