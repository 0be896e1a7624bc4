"""One process for student code: what it is given, and that its word is only a word."""

import contextlib
import os
import secrets
import select
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from engine_helpers import messages_in

from autograder.checking.calling import same
from autograder.sandbox import limits
from autograder.sandbox.budget import Patience
from autograder.sandbox.session import Gone, Session
from autograder.sandbox.walls import NoWalls

PROBE = "from autograder import check\ncheck('f', lambda *inputs: {})"
SLOW = "while True: pass"


@pytest.fixture(scope="module")
def shared():
    """A process for tests that leave it alive and their names behind."""
    with Session() as session:
        yield session


@pytest.fixture
def session():
    with Session() as session:
        yield session


def run(session, source, seconds=20.0):
    return session.run_cell("cell", source, seconds)


def answer(session, result, *inputs, name="f"):
    """Register a probe that returns `result` of x0, x1, ..., and call it."""
    names = [f"x{i}" for i in range(len(inputs))]
    probe = f"lambda {', '.join(names)}: {result}"
    done = run(session, f"from autograder import check\ncheck({name!r}, {probe})")
    assert done.raised is None, done.raised
    return session.call(
        name, dict(zip(names, inputs, strict=True)), session.budget(20.0)
    )


def gone(reason):
    return pytest.raises(Gone, match=f"^{reason}$")


# --- cells ----------------------------------------------------------------------


def test_cells_share_their_names(shared):
    run(shared, "a = 20")
    assert run(shared, "print(a + 1)").printed == "21\n"


def test_a_notebook_is_its_own_main_module(shared):
    assert run(shared, "print(__name__)").printed == "__main__\n"


def test_what_a_cell_raises_is_described(shared):
    done = run(shared, "x = 1\nprint('so far')\nundefined")
    assert (done.raised.kind, done.raised.line) == ("NameError", 3)
    assert done.printed == "so far\n"
    assert done.raised.text == "undefined"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def f(:", "SyntaxError"),
        ("if True:\nx", "IndentationError"),
        ("x = '\0'", "SyntaxError"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("input()", "EOFError"),
        ("exit()", "SystemExit"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_the_process_survives(shared, source, kind):
    assert run(shared, source).raised.kind == kind
    assert run(shared, "print(1)").printed == "1\n"


def test_printing_is_kept_up_to_a_limit(shared):
    assert len(run(shared, "print('x' * 10**7)").printed) == 20_000


@pytest.mark.parametrize(
    "source",
    [
        "import sys; sys.stderr.write('oops')",
        "import warnings; warnings.warn('careful')",
        "import os; os.write(1, b'raw'); os.write(2, b'raw')",
        "import sys; sys.__stdout__.write('raw')",
    ],
)
def test_errors_and_raw_output_are_not_printing(shared, source):
    done = run(shared, source)
    assert (done.raised, done.printed) == (None, "")


def test_a_figure_is_kept_as_png(session):
    source = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    (png,) = run(session, source).figures
    assert png.startswith(b"\x89PNG")
    assert run(session, "1").figures == []
    many = run(session, "for _ in range(6): plt.figure()")
    assert len(many.figures) == 4


# --- calls ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3),
        np.zeros((0, 3), np.float32),
        (np.array(1.5), [1, "é", None], True),
        2**70,
        float("nan"),
        "\ud800",
    ],
    ids=["array", "empty", "mixed", "large", "nan", "surrogate"],
)
def test_inputs_and_answers_cross_unchanged(shared, value):
    got = answer(shared, "x0", value)
    assert same(got.value, value)
    assert (got.raised, got.changed) == (None, ())


def test_inputs_go_in_order(shared):
    assert answer(shared, "x0 - x1", 7, 2).value == 5


def test_a_call_says_what_it_raised_and_changed(shared):
    run(shared, "def f(x):\n    x[0] = 1\n    raise ValueError('no')")
    run(shared, "from autograder import check\ncheck('f', f)")
    got = shared.call("f", {"x": np.zeros(2)}, shared.budget(20.0))
    assert (got.raised.kind, got.raised.line) == ("ValueError", 3)
    assert got.raised.is_value_error
    assert got.changed == ("x",)


def test_a_call_prints_nothing(shared):
    assert answer(shared, "print('x' * 10**6)").value is None
    assert run(shared, "1").printed == ""


def test_an_exercise_without_a_probe_has_no_answer(shared):
    assert shared.call("never checked", {}, shared.budget(20.0)) is None


def test_random_state_and_prints_left_behind_do_no_harm(shared):
    run(shared, "import numpy as np, random, sys\nnp.random.seed(0); random.seed(0)")
    run(shared, "np.set_printoptions(precision=1)\nnp.seterr(all='raise')")
    run(shared, "sys.stdout = sys.stderr = None")
    assert answer(shared, "x0 * 2", 1.5).value == 3.0
    assert run(shared, "print('still')").printed == "still\n"
    run(shared, "np.seterr(all='warn')")


# --- what the process is given --------------------------------------------------


def test_only_sources_names_and_inputs_are_sent(session, monkeypatch):
    sent = []
    write = Session._write_all
    monkeypatch.setattr(
        Session,
        "_write_all",
        lambda self, data, *rest: sent.append(data) or write(self, data, *rest),
    )
    run(session, PROBE)
    session.call("f", {"X": np.ones(2)}, session.budget(20.0))
    cell, call, inputs = messages_in(b"".join(sent))
    tokens = {message.pop("token") for message in (cell, call)}
    assert cell == {"do": "cell", "name": "cell", "source": PROBE}
    assert call == {"do": "call", "exercise": "f", "count": 1}
    assert inputs.keys() == {"X"} and inputs["X"].tolist() == [1, 1]
    assert len(tokens) == 2


def test_the_environment_is_not_inherited(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    with Session() as session:
        seen = run(session, "import os; print(sorted(os.environ))").printed
        home = run(session, "print(os.environ['HOME'] == os.getcwd())").printed
    assert "SECRET_TOKEN" not in seen and "PYTHONPATH" not in seen
    assert home == "True\n"


def test_libraries_use_one_thread(shared):
    source = "import os; print(os.environ['OMP_NUM_THREADS'])"
    assert run(shared, source).printed == "1\n"


def test_files_beside_the_process_shadow_nothing(session):
    run(session, "open('numpy.py', 'w').write('x = 1')")
    source = "import os, sys; print({'', '.', os.getcwd()} & set(sys.path))"
    assert run(session, source).printed == "set()\n"


def test_every_process_has_a_home_of_its_own():
    with Session() as one, Session() as two:
        run(one, "open('left', 'w').write('x')")
        assert run(one, "import os; print(os.listdir())").printed == "['left']\n"
        assert run(two, "import os; print(os.listdir())").printed == "[]\n"
    with Session() as three:
        assert run(three, "import os; print(os.listdir())").printed == "[]\n"


def test_the_home_without_walls_goes_with_its_process():
    with Session(NoWalls(), {"a.csv": b"1"}) as session:
        source = "import os; print(os.getcwd()); print(os.listdir())"
        home, files = run(session, source).printed.split()
        assert files == "['a.csv']"
        assert Path(home).is_dir()
    assert not Path(home).exists()


def test_data_files_are_there_to_be_read():
    with Session(files={"points.csv": b"1,2"}) as session:
        assert run(session, "print(open('points.csv').read())").printed == "1,2\n"


def processes_with(argument):
    """The processes that were started with an argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if argument.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def soon(look):
    """What `look` finds; a process shows its arguments a moment after it starts."""
    for _ in range(500):
        if found := look():
            return found
        time.sleep(0.01)
    return look()


def test_processes_that_were_started_end_with_it():
    marker = f"60{secrets.randbits(40)}"
    with Session() as session:
        run(session, f"import subprocess\nsubprocess.Popen(['sleep', '{marker}'])")
        (pid,) = soon(lambda: processes_with(marker))
        child = os.pidfd_open(pid)
        assert select.select([child], [], [], 0)[0] == []
    ended, _, _ = select.select([child], [], [], 30)
    os.close(child)
    assert ended == [child]


# --- how it ends ----------------------------------------------------------------


def test_an_endless_cell_is_a_timeout(session):
    with gone("timeout"):
        run(session, SLOW, seconds=0.3)


def test_an_endless_call_is_a_timeout(session):
    run(session, f"def f():\n    {SLOW}\nfrom autograder import check\ncheck('f', f)")
    with gone("timeout"):
        session.call("f", {}, session.budget(0.3))


def test_waiting_for_a_processor_takes_no_patience(monkeypatch):
    waited = [30.0]
    monkeypatch.setattr(limits, "waited_seconds", lambda pid: waited[0])
    patience = Patience(1, seconds=100)
    assert 290 < patience.left() <= 300
    waited[0] += 50
    assert 340 < patience.left() <= 350
    waited[0] += 10_000  # what keeps the machine busy may be the process itself
    assert 990 < patience.left() <= 1_000


def test_the_system_says_how_long_a_process_waited():
    assert limits.waited_seconds(os.getpid()) > 0
    assert limits.waited_seconds(None) == 0


def test_ignoring_signals_does_not_help():
    stubborn = (
        "import signal\n"
        "for number in (2, 15): signal.signal(number, signal.SIG_IGN)\n"
        "while True:\n"
        "    try: 1 / 0\n"
        "    except BaseException: pass"
    )
    with Session() as session:
        pid = session._enclosed.init
        with gone("timeout"):
            run(session, stubborn, seconds=0.4)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(20)
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os; os._exit(0)", "died"),
        ("import os; os._exit(77)", "died"),
        ("raise KeyboardInterrupt", "died"),
        ("raise BaseException", "died"),
        ("import os; os.abort()", "died"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "limit"),
        ("import os; os.closerange(3, 100)", "died"),
    ],
)
def test_a_process_that_ends_is_told_apart(session, source, reason):
    with gone(reason):
        run(session, source)


def test_the_next_question_to_a_dead_process_is_answered(session):
    with os.fdopen(os.pidfd_open(session._enclosed.init)) as init:
        os.kill(session._enclosed.init, signal.SIGKILL)
        select.select([init], [], [], 30)
    with gone("killed"):
        run(session, "1")
