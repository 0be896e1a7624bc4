"""A whole notebook: what ends its process costs only itself."""

import numpy as np
import psutil
import pytest

from autograder.checking.calling import Answer, Raised
from autograder.sandbox import notebook_run
from autograder.sandbox.notebook_run import Called, Calls, Cell, run_notebook
from autograder.sandbox.session import Gone, Session

CHECK = Cell("setup", "from autograder import check")
SLOW = "while True: pass"
DYING = {
    "timeout": SLOW,
    "died": "import os; os._exit(0)",
    "limit": "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)",
}


def run(*cells, seconds=20.0, calls=2, **more):
    """Run cells given as (name, source); `test_f` holds the probe of exercise f."""
    known = [Cell(name, source, exercise_of(name)) for name, source in cells]
    exercises = [cell.exercise for cell in known if cell.exercise]
    asked = Calls([{"x": float(i)} for i in range(calls)], seconds, **more)
    return run_notebook([CHECK, *known], dict.fromkeys(exercises, asked))


@pytest.fixture
def short_cells(monkeypatch):
    """A cell has less than a second."""
    monkeypatch.setattr(notebook_run, "CELL_SECONDS", 0.8)


def exercise_of(name):
    return name.removeprefix("test_") if name.startswith("test_") else ""


def checking(name):
    return f"test_{name}", f"check('{name}', {name})"


def define(name, body="return x + 1"):
    return name, f"def {name}(x):\n    {body}"


def values(result, name):
    called = result.called[name]
    assert called.gone == "", called.gone
    return [answer.value for answer in called.answers]


@pytest.fixture
def started(monkeypatch):
    """How many processes were started: one entry each."""
    sessions = []
    start = Session.__init__
    monkeypatch.setattr(
        Session,
        "__init__",
        lambda self, *rest: sessions.append(self) or start(self, *rest),
    )
    return sessions


# --- what runs ------------------------------------------------------------------


def test_one_process_runs_all_that_behaves(started):
    result = run(
        define("f"),
        ("helper", "ten = 10\nprint(ten)"),
        checking("f"),
        define("g", "return f(x) * ten"),
        checking("g"),
    )
    assert values(result, "f") == [1, 2]
    assert values(result, "g") == [10, 20]
    assert result.cells["helper"].printed == "10\n"
    assert len(started) == 1


def test_an_exercise_is_called_where_its_test_stands():
    result = run(define("f"), checking("f"), define("f", "return 0"))
    assert values(result, "f") == [1, 2]


def test_a_cell_that_raises_costs_only_itself():
    result = run(
        ("broken", "def f(:"),
        ("raising", "1 / 0"),
        checking("f"),
        define("g"),
        checking("g"),
    )
    assert result.cells["broken"].raised.kind == "SyntaxError"
    assert result.cells["raising"].raised.kind == "ZeroDivisionError"
    assert result.cells["test_f"].raised.kind == "NameError"
    assert result.called["f"].no_probe
    assert values(result, "g") == [1, 2]


# --- what ends its process ------------------------------------------------------


@pytest.mark.parametrize("reason", DYING)
def test_a_cell_that_ends_its_process_costs_only_itself(reason, started, monkeypatch):
    if reason == "timeout":
        monkeypatch.setattr(notebook_run, "CELL_SECONDS", 0.8)
    result = run(define("f"), ("bad", DYING[reason]), checking("f"))
    assert result.gone == {"bad": reason}
    assert values(result, "f") == [1, 2]
    assert len(started) == 2


@pytest.mark.parametrize("reason", DYING)
def test_a_call_that_ends_its_process_costs_only_its_exercise(reason):
    result = run(
        define("f"),
        checking("f"),
        define("bad", f"if x: {DYING[reason]}" if reason != "timeout" else SLOW),
        checking("bad"),
        define("g", "return f(x) + 1"),
        checking("g"),
        seconds=0.8 if reason == "timeout" else 20,
    )
    bad = result.called["bad"]
    assert bad.gone == reason
    assert bad.answers == []
    assert values(result, "f") == [1, 2]
    assert values(result, "g") == [2, 3]
    assert result.gone == {}


def test_all_calls_of_an_exercise_share_its_seconds():
    busy = "import time\n    while time.process_time() < end: pass\n    return x"
    work = define("f", f"import time; end = time.process_time() + 0.4\n    {busy}")
    assert values(run(work, checking("f"), seconds=1.5, calls=2), "f")
    assert run(work, checking("f"), seconds=1.5, calls=5).called["f"].gone == "timeout"


def test_waiting_for_the_processor_takes_no_time_of_an_exercise():
    nap = define("f", "import time; time.sleep(0.4); return x")
    result = run(nap, checking("f"), seconds=0.6, calls=3)
    assert result.called["f"].gone == ""
    assert len(result.called["f"].answers) == 3


def test_waiting_has_an_end_too():
    nap = define("f", "import time; time.sleep(0.4); return x")
    result = run(nap, checking("f"), seconds=0.3, calls=5)
    assert result.called["f"].gone == "timeout"
    assert result.called["f"].answers == []


def test_a_solution_cell_that_never_ends_leaves_its_exercise_unanswered(short_cells):
    f = ("f", f"def f(x): return x\n{SLOW}")
    result = run(f, checking("f"), define("g"), checking("g"))
    assert result.gone == {"f": "timeout"}
    assert result.called["f"].no_probe
    assert values(result, "g") == [1, 2]


def test_a_test_cell_that_dies_is_not_called():
    result = run(("test_f", "import os; os._exit(0)"), define("g"), checking("g"))
    assert result.called["f"].gone == "died"
    assert result.called["f"].answers == []
    assert values(result, "g") == [1, 2]


def test_a_cell_that_dies_only_the_second_time_is_dropped_too(monkeypatch):
    runs, run_cell = [], Session.run_cell

    def dies_at_twice(self, name, *rest):
        runs.append(name)
        if name == "twice" and runs.count(name) == 2:
            raise Gone("died")
        return run_cell(self, name, *rest)

    monkeypatch.setattr(Session, "run_cell", dies_at_twice)
    result = run(
        ("twice", "x = 1"),
        ("bad", "import os; os._exit(0)"),
        define("f"),
        checking("f"),
    )
    assert result.gone == {"bad": "died", "twice": "died"}
    assert values(result, "f") == [1, 2]


def test_after_too_many_deaths_nothing_more_is_run(started, monkeypatch):
    monkeypatch.setattr(notebook_run, "MAX_DEATHS", 3)
    bad = [(f"bad{i}", "import os; os._exit(0)") for i in range(5)]
    result = run(*bad, define("f"), checking("f"))
    assert len(started) == 3
    assert [result.gone[f"bad{i}"] for i in range(5)] == ["died"] * 3 + ["limit"] * 2
    assert result.called["f"].gone == "limit"


def test_no_process_is_left(started):
    run(define("f"), checking("f"), ("bad", "import os; os._exit(0)"))
    assert started and not any(is_alive(s._enclosed.init) for s in started)


def is_alive(pid):
    """Whether a process runs; one that waits to be counted among the dead does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- what notebooks are used to -------------------------------------------------

MAGIC = {
    "line magic": "%matplotlib inline",
    "unknown magic": "%load_ext nothing_of_that_name",
    "shell": "!pip install numpy",
    "shell with names": "version = '1'\n!pip install numpy=={version}",
    "output of a shell": "files = !ls\nassert files == []",
    "cell of another language": "%%bash\nrm -rf everything",
    "timed cell": "%%time\nvalue = 1",
    "captured cell": "%%capture out\nprint(1)",
    "timed line": "%time other = 2",
    "measured line": "%timeit [i for i in range(1000)]",
    "help": "print?",
    "more help": "?print",
    "display": "display({'a': 1}, [2])",
    "imported display": "from IPython.display import display\ndisplay(3)",
    "get_ipython": "get_ipython().run_line_magic('matplotlib', 'inline')",
    "system": "get_ipython().system('ls')",
    "magic after code": "x = 1\n%matplotlib inline\ny = 2",
    "indented magic": "if True:\n    %matplotlib inline",
}


@pytest.fixture(scope="module")
def with_magic():
    """One notebook with every kind of magic before its exercise."""
    return run(*MAGIC.items(), define("f"), checking("f"))


@pytest.mark.parametrize("name", MAGIC)
def test_magics_cost_nothing(with_magic, name):
    assert with_magic.cells[name].raised is None
    assert values(with_magic, "f") == [1, 2]


def test_magics_that_run_code_run_it():
    result = run(
        ("cell", "%%time\nfive = 5"),
        ("line", "%time seven = 7"),
        ("between", "a = 1\n%matplotlib inline\nb = 2"),
        ("print", "print(five + seven + a + b)"),
    )
    assert result.cells["print"].printed == "15\n"


def test_what_is_displayed_is_kept():
    result = run(("show", "display([1], 'two')"))
    assert result.cells["show"].printed == "[1]\n'two'\n"


def test_no_command_is_run(tmp_path):
    mark = tmp_path / "mark"
    run(("shell", f"!touch {mark}"), ("cell", f"%%bash\ntouch {mark}"))
    assert not mark.exists()


def test_plain_python_is_not_translated():
    result = run(("percent", "a = 7\nprint(a\n%4)"), ("text", "print('!ls %time')"))
    assert result.cells["percent"].printed == "3\n"
    assert result.cells["text"].printed == "!ls %time\n"


def test_what_neither_language_explains_is_a_syntax_error():
    result = run(("bad", "%matplotlib inline\ndef f(:\n    pass"))
    assert result.cells["bad"].raised.kind == "SyntaxError"


def test_a_syntax_error_after_a_magic_names_its_own_line():
    result = run(("bad", "%matplotlib inline\ndef f(:\n    pass"))
    assert result.cells["bad"].raised.line == 2


def test_an_answer_that_there_is_no_memory_to_send_is_over_the_limit():
    source = (
        "import numpy as np\nfrom autograder import check\n"
        "check('f', lambda x: np.zeros(2**20 * x))"
    )
    calls = {"f": Calls([{"x": 5}], 20.0, memory=64 * 2**20)}
    called = run_notebook([Cell("test_f", source, "f")], calls).called["f"]
    said = called.gone or called.answers[0].raised.kind
    assert said in ("limit", "MemoryError")


def test_a_helper_that_was_started_before_has_no_more_memory_either():
    source = (
        "import os, numpy as np\nfrom autograder import check\n"
        "(asked, ask), (told, tell) = os.pipe(), os.pipe()\n"
        "if os.fork() == 0:\n"
        "    while os.read(asked, 1):\n"
        "        try:\n            np.ones(2**24)\n"
        "        except MemoryError:\n            os.write(tell, b'0')\n"
        "        else:\n            os.write(tell, b'1')\n"
        "def f(x):\n    os.write(ask, b'x')\n    return int(os.read(told, 1))\n"
        "check('f', f)"
    )
    cells = [Cell("test_f", source, "f")]
    for memory, value in ((None, 1), (64 * 2**20, 0)):
        calls = {"f": Calls([{"x": 1}], 20.0, memory=memory)}
        (answer,) = run_notebook(cells, calls).called["f"].answers
        assert answer.value == value


def test_a_stub_is_asked_no_more_than_it_must():
    """Inputs that are large go in messages of their own; one answer says it all."""
    source = "import numpy as np\ncalls = []\n"
    source += "def f(x):\n    calls.append(1); raise NotImplementedError"
    cells = [
        Cell("f", source),
        Cell("test_f", "from autograder import check\ncheck('f', f)", "f"),
        Cell("said", "print(len(calls))"),
    ]
    large = [{"x": np.zeros(100_000)}] * 3
    result = run_notebook(cells, {"f": Calls(large, 20.0)})
    assert len(result.called["f"].answers) == 1
    assert result.cells["said"].printed == "1\n"


def test_answers_that_are_missing_are_never_taken_for_right_ones():
    """Only a stub may answer less than it was asked."""
    cases = ["first", "second", "third"]
    stub = Answer(raised=Raised("NotImplementedError", "", is_missing=True))
    assert Called([stub]).answered(cases) == ["first"]
    for answers in ([], [Answer(1.0)], [Answer(1.0), stub]):
        assert Called(answers).answered(cases) == cases
