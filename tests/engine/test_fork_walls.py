"""The fork server: quick, clean for every child, replaced when it fails."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from autograder.sandbox import bubblewrap, fork_walls
from autograder.sandbox.fork_walls import Forking
from autograder.sandbox.imports import WHEN_USED, imported_modules
from autograder.sandbox.notebook_run import Calls, Cell, run_notebook
from autograder.sandbox.session import Session
from autograder.sandbox.walls import Bubblewrap


@pytest.fixture(scope="module")
def shared():
    """One server for all tests that do it no harm."""
    walls = Forking()
    yield walls
    walls.close()


@pytest.fixture
def walls():
    """A server to be harmed."""
    walls = Forking()
    yield walls
    walls.close()


def said(walls, source, **options):
    with Session(walls, **options) as session:
        done = session.run_cell("cell", source, 30)
    assert done.raised is None, done.raised
    return done.printed.strip()


def server_of(walls):
    return walls._server._process


# --- every child is new ---------------------------------------------------------


def test_it_forks_and_says_nothing_else(shared):
    assert said(shared, "import os; print(os.getpid())") == "2"
    assert shared.why_not == ""


def test_children_share_no_state(shared):
    leave = (
        "import builtins, os, sys, numpy\n"
        "builtins.secret = sys.secret = numpy.secret = os.environ['secret'] = 'x'\n"
        "open('secret', 'w').write('x'); open('/dev/shm/secret', 'w').write('x')\n"
        "print('left')"
    )
    look = (
        "import builtins, os, sys, numpy\n"
        "print([hasattr(o, 'secret') for o in (builtins, sys, numpy)],\n"
        "      'secret' in os.environ, os.listdir('.'), os.listdir('/dev/shm'))"
    )
    assert said(shared, leave) == "left"
    assert said(shared, look) == "[False, False, False] False [] []"


def test_random_numbers_differ_between_children(shared):
    draw = "import random, numpy; print(random.random(), numpy.random.random())"
    assert len({said(shared, draw) for _ in range(3)}) == 3


def test_a_child_holds_no_descriptor_but_its_pipes(shared):
    kinds = (
        "import os\n"
        "links = [os.readlink(f'/proc/self/fd/{n}') for n in range(64)\n"
        "         if os.path.lexists(f'/proc/self/fd/{n}')]\n"
        "print(sorted(link.partition(':')[0] for link in links))"
    )
    assert said(shared, kinds) == str(["/dev/null"] * 3 + ["pipe"] * 2)


def test_a_child_cannot_reach_its_server_or_siblings(shared):
    look = "import os; print(sorted(p for p in os.listdir('/proc') if p.isdigit()))"
    with Session(shared) as other:
        assert said(shared, look) == "['1', '2']"
        hurt = "import os\ntry: os.kill(1, 9)\nexcept PermissionError: print('no')"
        assert said(shared, hurt) in ("no", "")
        assert other.run_cell("cell", "print(1)", 20).printed == "1\n"


def test_data_files_are_in_the_home(shared):
    read = "import os; print(open('a.csv').read(), os.listdir())"
    assert said(shared, read, files={"a.csv": b"1,2"}) == "1,2 ['a.csv']"


# --- what is imported beforehand ------------------------------------------------


def test_modules_are_there_before_the_first_cell(shared):
    ask = "import sys; print('torch' in sys.modules)"
    assert said(shared, ask, modules=("torch",)) == "True"


def test_matplotlib_can_be_ready_too(shared):
    draw = "import matplotlib.pyplot as plt\nplt.plot([1, 2])"
    with Session(shared, modules=("matplotlib.pyplot",)) as session:
        assert len(session.run_cell("cell", draw, 30).figures) == 1
    assert shared.why_not == ""


def test_a_notebook_says_what_it_imports():
    cells = [
        Cell("a", "import numpy as np\nfrom torch import nn"),
        Cell("b", "  import matplotlib.pyplot as plt\nimport os"),
        Cell("c", "# import scipy\nimport torchvision_like"),
    ]
    assert imported_modules(cells) == ("matplotlib.pyplot", "numpy", "torch")
    assert imported_modules([Cell("a", "x = 1")]) == ()


def test_what_a_package_imports_when_it_is_used_is_ready_as_well():
    cells = [Cell("a", "import torch\nnp.ma.array(0)\nx.backward()")]
    assert imported_modules(cells) == ("torch", "torch.fx.experimental.symbolic_shapes")


def test_what_is_known_of_packages_is_true(shared):
    import_all = "; ".join(f"import {module}" for _, _, module in WHEN_USED)
    with Session(shared) as session:
        assert session.run_cell("cell", import_all, 60).raised is None


def test_nothing_is_left_to_import_before_the_first_cell(shared):
    """NumPy imports some of its parts when they are first used, in each child anew."""
    ask = "import sys; print('numpy.random' in sys.modules)"
    server = "autograder.sandbox.fork_server"
    command = [sys.executable, "-c", f"import {server}; {ask}"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "True\n"


@pytest.mark.parametrize(
    "source",
    [
        "from scipy.optimize import linear_sum_assignment",
        "from scipy import optimize as o, nothing",
        "def f():\n    import os, scipy.optimize as o",
    ],
)
def test_a_part_of_a_package_is_ready_as_well(source):
    assert imported_modules([Cell("a", source)]) == ("scipy", "scipy.optimize")


def test_a_module_that_is_not_there_is_left_to_the_cell_that_needs_it(shared):
    with Session(shared, modules=("not_there",)) as session:
        assert session.run_cell("cell", "import not_there", 30).raised.kind == (
            "ModuleNotFoundError"
        )
    assert shared.why_not == ""


def test_a_server_with_threads_forks_nothing():
    source = (
        "import threading\n"
        "from autograder.sandbox import fork_server\n"
        "fork_server.PATIENCE = 0.1\n"
        "fork_server._prepare([])\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "fork_server._prepare([])"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "RuntimeError: 2 threads; only one can be forked safely" in done.stderr


@pytest.fixture
def pipes():
    pair = os.pipe()
    yield pair
    for descriptor in pair:
        os.close(descriptor)


@pytest.mark.skipif(os.geteuid() != 0, reason="elsewhere it is root of nothing")
def test_the_server_keeps_only_what_it_needs(walls):
    said(walls, "print(1)")
    inside = psutil.Process(server_of(walls).pid).children()[0].children()
    state = Path(f"/proc/{inside[0].pid}/status").read_text().splitlines()
    (held,) = (int(line.split()[1], 16) for line in state if line.startswith("CapEff"))
    needed = {6, 7, 8, 21, 31}  # SETGID SETUID SETPCAP SYS_ADMIN SETFCAP
    assert held == sum(1 << bit for bit in needed)


# --- when it fails --------------------------------------------------------------


def test_a_server_that_was_killed_is_replaced(walls):
    assert said(walls, "print(1)") == "1"
    first = server_of(walls)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert said(walls, "print(2)") == "2"
    assert walls.why_not == "" and server_of(walls) is not first


@pytest.fixture
def renewing(monkeypatch):
    """A server whose forking process is replaced after two children."""
    change = "from autograder.sandbox import fork_server as s; s.MOST_CHILDREN = 2; "
    command = ("-I", "-c", change + "s.main()")
    monkeypatch.setattr(fork_walls, "SERVER", command)


def forker_of(walls):
    """The process that forks the children now."""
    init = psutil.Process(server_of(walls).pid).children()[0]
    server = min(init.children(), key=lambda process: process.pid)
    while not (forkers := server.children()):  # between two of them
        time.sleep(0.01)
    return forkers[0].pid


def test_the_forking_process_is_renewed_after_many_children(walls, renewing):
    pids = []
    for _ in range(5):
        said(walls, "print(1)")
        pids.append(forker_of(walls))
    assert len(set(pids)) >= 2
    assert walls.why_not == ""


def test_a_child_outlives_the_process_that_forked_it(walls, renewing):
    with Session(walls) as session:
        first = forker_of(walls)
        for _ in range(3):
            assert said(walls, "print(1)") == "1"
        assert forker_of(walls) != first
        assert session.run_cell("cell", "print(2)", 20).printed == "2\n"


def test_processes_have_users_of_their_own_whoever_asks(walls, renewing):
    users = [said(walls, "import os; print(os.getuid())") for _ in range(5)]
    assert len(set(users)) == 5


def test_a_forked_grader_uses_the_same_server_and_cannot_end_it(walls):
    assert said(walls, "print(1)") == "1"
    grader = os.fork()
    if grader == 0:
        try:
            right = said(walls, "print(2)") == "2"
            walls.close()
            os._exit(0 if right else 1)
        finally:
            os._exit(2)
    assert os.waitpid(grader, 0)[1] == 0
    server = server_of(walls)
    assert server.poll() is None
    assert said(walls, "print(3)") == "3" and server_of(walls) is server


@pytest.fixture
def broken(monkeypatch):
    """A server that never comes up."""
    monkeypatch.setattr(fork_walls, "SERVER", ("-c", "import sys; sys.exit('no room')"))


def test_where_it_cannot_be_had_a_fresh_process_does_the_same(walls, broken):
    assert said(walls, "print(1)") == "1"
    assert walls.why_not == ""  # one failure may be chance
    assert said(walls, "print(2)") == "2"
    assert "no room" in walls.why_not
    begin = len(psutil.Process().children())
    assert said(walls, "print(3)") == "3"
    assert len(psutil.Process().children()) == begin


def test_without_the_privilege_it_says_why(walls, monkeypatch):
    options = bubblewrap.server_options().replace(b"CAP_SYS_ADMIN", b"CAP_CHOWN")
    monkeypatch.setattr(bubblewrap, "server_options", lambda: options)
    assert [said(walls, "print(1)") for _ in range(2)] == ["1", "1"]
    assert "unshare: Operation not permitted" in walls.why_not


def test_it_works_without_root_as_well(walls, monkeypatch):
    monkeypatch.setattr(bubblewrap, "_is_root", lambda: False)
    assert said(walls, "import os; print(os.getuid(), os.getpid())") == "1000 2"
    state = said(walls, "print(open('/proc/self/status').read())").splitlines()
    none = [line.split()[1] for line in state if line.startswith("Cap")]
    assert {int(value, 16) for value in none} == {0}
    assert walls.why_not == ""


# --- its life -------------------------------------------------------------------


def test_it_outlives_the_thread_that_needed_it_first(walls):
    first = threading.Thread(target=said, args=(walls, "print(1)"))
    first.start()
    first.join()
    server = server_of(walls)
    assert said(walls, "print(2)") == "2"
    assert server_of(walls) is server and server.poll() is None


def test_many_threads_share_it(walls):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(said(walls, "print(1)")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["1"] * 6
    assert walls.why_not == ""


def test_closing_it_ends_what_it_forked(walls):
    session = Session(walls)
    init = psutil.Process(session._enclosed.init)
    walls.close()
    init.wait(10)
    session.close()


def test_it_ends_with_the_process_that_started_it():
    source = (
        "import time\n"
        "from autograder.sandbox.fork_walls import forking\n"
        "from autograder.sandbox.session import Session\n"
        "session = Session()\n"
        "print(forking()._server._process.pid, session._enclosed.init, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2 and all(map(psutil.pid_exists, pids))
        process.kill()
    deadline = time.monotonic() + 20
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(psutil.pid_exists, pids))


def test_both_kinds_of_walls_say_the_same(shared):
    look = (
        "import os, sys, resource as r\n"
        "print(sorted(os.environ.items()), os.getcwd(), sorted(os.listdir('/')))\n"
        "print([r.getrlimit(k) for k in (r.RLIMIT_AS, r.RLIMIT_NPROC, r.RLIMIT_CPU)])\n"
        "print(os.statvfs('.').f_blocks, os.statvfs('/dev/shm').f_blocks)\n"
        "print(sys.flags, sys.path)"
    )
    assert said(shared, look) == said(Bubblewrap(), look)


def test_what_others_import_meanwhile_takes_no_memory_away(walls, monkeypatch):
    """The limit on memory counts from what this very process has mapped."""
    limit_memory = Session.limit_memory

    def others_first(session, more):
        with Session(walls, modules=("torch", "scipy.optimize")):
            limit_memory(session, more)

    monkeypatch.setattr(Session, "limit_memory", others_first)
    source = (
        "import numpy as np\nfrom autograder import check\n"
        "check('f', lambda x: np.zeros(2**20 * x))"
    )
    cells = [Cell("test_f", source, "f")]
    calls = {"f": Calls([{"x": 1}, {"x": 16}], 20.0, memory=64 * 2**20)}
    called = run_notebook(cells, calls, walls).called["f"]
    assert called.gone == ""
    small, large = called.answers
    assert small.value.nbytes == 2**23
    assert large.raised.kind == "MemoryError"
