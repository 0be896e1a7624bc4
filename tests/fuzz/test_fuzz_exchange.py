"""Whatever a process says is a value, a refusal, or the end of the process."""

import nbformat
import numpy as np
import pytest
from fuzz_answers import NAMES
from fuzz_frames import READY, Speaker, frames, replies
from fuzz_settings import many, some
from hypothesis import example, given
from hypothesis import strategies as st

from autograder.checking.calling import Answer, Raised, same
from autograder.checking.values import (
    FRAME,
    BadMessage,
    frame_size,
    from_bytes,
    to_bytes,
)
from autograder.checking.verdict import INFRASTRUCTURE, PASSED
from autograder.grading.grade import grade_notebook
from autograder.grading.run import GradingRun
from autograder.problems import Infrastructure
from autograder.sandbox.batch import batches_of
from autograder.sandbox.session import CellRun, Gone, Session

EXIT_CODES = (0, 1, None, -9, -11, -24, -25)
REASONS = ("died", "limit", "killed", "timeout")


def read(frame):
    """The value of a frame; raises BadMessage."""
    header, payload = frame_size(frame[: FRAME.size].ljust(FRAME.size, b"\0"))
    body = frame[FRAME.size :]
    return from_bytes(body[:header], body[header : header + payload])


@many
@given(frames())
def test_a_frame_is_a_value_or_refused(frame):
    try:
        value = read(frame)
    except BadMessage as refusal:
        assert str(refusal)
    else:
        assert same(read(to_bytes(value)), value)


(TWO,) = batches_of([{"x": 1}, {"x": 2}])

# what cannot be compared with the word that it is ready
NOT_READY = [
    Speaker(to_bytes(said), [], 0)
    for said in (np.zeros(3), {"ready": np.zeros(3)}, [True], None)
]


@st.composite
def speakers(draw):
    first = draw(st.just(READY) | st.just(READY) | st.just(READY) | frames())
    answers = draw(st.lists(replies | frames(), max_size=6))
    return Speaker(first, answers, draw(st.sampled_from(EXIT_CODES)))


@some
@example(NOT_READY[0])
@example(NOT_READY[1])
@example(NOT_READY[2])
@example(NOT_READY[3])
@given(speakers())
def test_a_process_that_says_anything_gives_a_result_or_is_gone(speaker):
    try:
        with Session(speaker) as session:
            for _ in range(2):
                require_cell(session.run_cell("cell", "x = 1", 20))
                for answer in session.answers("f", TWO, session.budget(20)):
                    require_answer(answer)
    except Gone as gone:
        assert gone.reason in REASONS
    except Infrastructure:
        assert speaker.first != READY


def require_cell(run):
    assert isinstance(run, CellRun)
    require_raised(run.raised)
    assert type(run.printed) is str
    assert all(type(figure) is bytes for figure in run.figures)


def require_answer(answer):
    assert answer is None or isinstance(answer, Answer)
    if answer is not None:
        require_raised(answer.raised)
        assert all(type(name) is str for name in answer.changed)
        to_bytes(answer.value)


def require_raised(raised):
    if raised is not None:
        assert isinstance(raised, Raised)
        assert {type(getattr(raised, f)) for f in ("kind", "message", "text")} == {str}
        assert type(raised.line) is int


@pytest.fixture(scope="module")
def chapter_run(grader):
    return GradingRun(grader.course, seed=6).of(grader.chapter)


@some
@given(speaker=speakers())
def test_a_process_that_says_anything_earns_nothing(chapter_run, speaker):
    chapter_run.walls = speaker
    notebook = nbformat.from_dict(chapter_run.pristine)
    try:
        graded = grade_notebook(chapter_run, notebook)
    except Infrastructure:
        assert speaker.first != READY
        return
    assert [verdict.exercise for verdict in graded.verdicts] == list(NAMES)
    outcomes = {verdict.outcome for verdict in graded.verdicts}
    assert not outcomes & {PASSED, INFRASTRUCTURE}
    nbformat.validate(nbformat.reads(nbformat.writes(graded.notebook), as_version=4))
