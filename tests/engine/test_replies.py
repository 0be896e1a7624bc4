"""What a process with student code says is only its word, however it is forged."""

import contextlib

import pytest

from autograder.problems import Infrastructure
from autograder.sandbox import session as session_module
from autograder.sandbox import walls
from autograder.sandbox.batch import batches_of
from autograder.sandbox.fork_walls import forking
from autograder.sandbox.session import Gone, Session
from autograder.sandbox.walls import Bubblewrap

# what a student's cell can reach of the process it runs in, forked or started afresh
FORGE = (
    "import sys, numpy as np\n"
    "process = sys.modules.get('autograder.sandbox.child', sys.modules['__main__'])\n"
)


@pytest.fixture(params=[forking, Bubblewrap], ids=["forked", "fresh"])
def session(request):
    with Session(request.param()) as session:
        yield session


(TWO,) = batches_of([{"x": 1}, {"x": 2}])


def run(session, source, seconds=20.0):
    return session.run_cell("cell", source, seconds)


def gone(reason):
    return pytest.raises(Gone, match=f"^{reason}$")


RESEND = "send = process._send; process._send = lambda t, m: {}"
FORGED_FRAMES = {
    "words": "b'all right, 100 points'",
    "a claim of 4 GiB": "b'\\xff' * 8",
    "a header that is not JSON": "b'\\x02\\0\\0\\0\\0\\0\\0\\0{]'",
    "no dict": "b'\\x01\\0\\0\\0\\0\\0\\0\\x001'",
}


@pytest.mark.parametrize("frame", FORGED_FRAMES.values(), ids=FORGED_FRAMES)
def test_what_is_no_reply_ends_the_session(session, frame):
    forge = f"process._send = lambda t, m: (t.write({frame}), t.flush())"
    with gone("died"):
        run(session, FORGE + forge)


@pytest.mark.parametrize("token", ["'guessed'", "None", "7", "['a']"])
def test_a_reply_with_another_token_is_discarded(session, token):
    with gone("died"):
        run(session, FORGE + RESEND.format(f"send(t, m | {{'token': {token}}})"))


def test_a_reply_prepared_beforehand_is_discarded(session):
    run(session, FORGE + RESEND.format("(send(t, m), send(t, m))"))
    with gone("died"):
        run(session, "print('the reply to this comes second')")


PROBED = "from autograder import check\ncheck('f', lambda x: x)"


@pytest.mark.parametrize(
    "case", ["1 - m['case']", "True", "None", "np.zeros(2)", "0.0"]
)
def test_a_reply_to_another_case_is_discarded(session, case):
    run(session, PROBED)
    send = f"(send(t, m | {{'case': {case}}}) if 'case' in m else send(t, m))"
    run(session, FORGE + RESEND.format(send))
    with gone("died"):
        list(session.answers("f", TWO, session.budget(20.0)))


def test_an_answer_given_twice_ends_the_session(session):
    run(session, PROBED)
    send = "(send(t, m), 'case' in m and send(t, m))"
    run(session, FORGE + RESEND.format(send))
    with gone("died"):
        list(session.answers("f", TWO, session.budget(20.0)))


FORGED_REPLIES = {
    "an odd answer": {
        "value": "np.array([1, 2])",
        "raised": "{'kind': 3, 'line': 'x'}",
    },
    "inputs that are none": {"changed": "['other', 3]"},
    "no list of changes": {"changed": "'x'"},
    "an exception that is none": {"raised": "'x'"},
    "a very late line": {"raised": "{'kind': 'E', 'message': '', 'line': 10**9}"},
}


@pytest.mark.parametrize("reply", FORGED_REPLIES.values(), ids=FORGED_REPLIES)
def test_a_forged_answer_is_only_an_answer(session, reply):
    fields = ", ".join(f"'{name}': {value}" for name, value in reply.items())
    run(session, FORGE + f"process._call = lambda *_: {{{fields}}}")
    got = session.call("f", {"x": 1}, session.budget(20.0))
    assert got.changed == ()
    assert got.raised is None or (got.raised.line, got.raised.text) == (0, "")
    assert not hasattr(got, "score")


@pytest.mark.parametrize(
    "forge",
    [
        RESEND.format("send(t, m | {'token': np.array([1, 2])})"),
        "process._call = lambda *_: {'changed': [np.array([1, 2])]}",
        "process._call = lambda *_: {'no_probe': np.array([1, 2])}",
    ],
    ids=["token", "changed", "no probe"],
)
def test_arrays_in_odd_places_of_a_reply_do_no_harm(session, forge):
    with contextlib.suppress(Gone):
        run(session, FORGE + forge)
        assert session.call("f", {"x": 1}, session.budget(20.0)).changed == ()


def test_forged_printing_and_figures_are_checked(session):
    reply = "{'printed': 3, 'figures': [np.zeros(3), None, 'x', np.array(9)]}"
    run(session, FORGE + f"process._run_cell = lambda *_: {reply}")
    done = run(session, "print('x')")
    assert (done.printed, done.figures, done.raised) == ("", [], None)


# --- our own failures -----------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("import sys; sys.exit('no memory for you')", "no memory for you"),
        ("import time; time.sleep(60)", "timeout"),
        (
            f"import sys, os; os.write(int(sys.argv[2]), {FORGED_FRAMES['no dict']})",
            "sign",
        ),
    ],
)
def test_a_process_that_does_not_start_is_our_failure(monkeypatch, command, words):
    monkeypatch.setattr(walls, "CHILD", ("-S", "-c", command))
    if words == "timeout":
        monkeypatch.setattr(session_module, "START_SECONDS", 0.4)
    with pytest.raises(Infrastructure, match=words):
        Session(Bubblewrap())


def test_a_machine_without_room_is_our_failure(monkeypatch):
    def full(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(walls.subprocess, "Popen", full)
    with pytest.raises(Infrastructure):
        Session(Bubblewrap())
