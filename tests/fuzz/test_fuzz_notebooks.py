"""Whatever is handed in gives a verdict, or a refusal that names the file."""

from fuzz_answers import CHAPTER, NAME, NAMES
from fuzz_handing_in import handed_in
from fuzz_settings import EXAMPLES, many
from hypothesis import given
from hypothesis import strategies as st

from autograder.checking.verdict import INFRASTRUCTURE, PASSED


def test_any_submission_gives_a_verdict_or_a_named_refusal(grader):
    @many
    @given(st.data())
    def graded_or_refused(data):
        example = data.draw(handed_in(grader.pristine))
        looked = grader.look_at(example.put_into)
        if looked.refusal:
            assert any(name in looked.refusal for name in (*example.names, NAME))
        elif looked.submission is None:
            assert not example.names
        else:
            require_nothing_made_up(grader.pristine, looked)
            require_fair(looked.graded)

    graded_or_refused()
    # a memory of few verdicts would make many examples look like a proof
    assert len(grader.seen) > EXAMPLES // 20


def require_fair(graded):
    """Every exercise has its outcome, and the score that its answer deserves."""
    record, deserved = graded.record, graded.deserved
    assert [verdict.exercise for verdict in record.verdicts] == list(NAMES)
    for verdict in record.verdicts:
        points = CHAPTER.exercises[verdict.exercise].points
        assert verdict.outcome != INFRASTRUCTURE, verdict.message
        assert verdict.score == (points if verdict.outcome == PASSED else 0)
    passed = {v.exercise for v in record.verdicts if v.outcome == PASSED}
    assert passed == deserved if deserved is not None else not passed


def require_nothing_made_up(pristine, looked):
    """Each source in the graded notebook is the student's, or stood there before."""
    theirs = {cell.source for cell in looked.submission.cells}
    ours = {cell.id: cell.source for cell in pristine.cells}
    for cell in looked.planted.notebook.cells:
        assert cell.source in theirs or cell.source == ours.get(cell.id)
