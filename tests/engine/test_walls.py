"""Behind the walls: what student code sees, may use, and cannot do."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from autograder.problems import Infrastructure
from autograder.sandbox import bubblewrap, limits
from autograder.sandbox.fork_walls import forking
from autograder.sandbox.session import Gone, Session
from autograder.sandbox.walls import Bubblewrap

ROOT = Path(__file__).resolve().parents[2]
KEYS = f"{pwd.getpwuid(0).pw_dir}/.ssh"


@pytest.fixture(scope="module", params=[forking, Bubblewrap], ids=["forked", "fresh"])
def kind(request):
    """Processes that are forked, and such that are started afresh."""
    return request.param()


@pytest.fixture(scope="module")
def shared(kind):
    with Session(kind) as session:
        yield session


@pytest.fixture
def session(kind):
    with Session(kind) as session:
        yield session


def printed(session, source):
    done = session.run_cell("cell", source, 30)
    assert done.raised is None, done.raised
    return done.printed.strip()


def gone(reason):
    return pytest.raises(Gone, match=f"^{reason}$")


# --- what is there --------------------------------------------------------------


def test_no_file_of_the_course_is_there(shared):
    known = [ROOT / name for name in ("solutions", "tests", "nbgrader_config.py")]
    assert all(path.exists() for path in known)
    source = f"import os; print([os.path.exists(p) for p in {[*map(str, known)]}])"
    assert printed(shared, source) == "[False, False, False]"


def test_of_this_package_only_what_calls_answers_is_there(shared):
    source = (
        "import autograder, os; print(os.listdir(os.path.dirname(autograder.__file__)))"
    )
    assert set(eval(printed(shared, source))) == {"__init__.py", "checking", "sandbox"}


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/shadow", "/sys", KEYS])
def test_the_machines_own_files_are_not_there(shared, path):
    assert printed(shared, f"import os; print(os.path.exists({path!r}))") == "False"


@pytest.mark.parametrize("place", ["/", "/usr", "/etc", sys.prefix, "/usr/lib"])
def test_the_system_cannot_be_written(shared, place):
    source = f"try: open({place!r} + '/x', 'w')\nexcept OSError as e: print(e.errno)"
    assert printed(shared, source) in ("13", "30")  # no permission, or read-only


def test_only_its_own_processes_are_there(shared):
    source = "import os; print([int(n) for n in os.listdir('/proc') if n.isdigit()])"
    assert len(eval(printed(shared, source))) == 2  # the walls' own, and itself
    assert printed(shared, "import os; print(os.getppid())") == "1"


def test_only_the_two_pipes_are_open(shared):
    listed = printed(shared, "import os; print(sorted(os.listdir('/proc/self/fd')))")
    names = [name for name in eval(listed) if name not in "012"]
    assert len(names) == 3  # requests, replies, and the folder that is being listed


def test_the_command_line_tells_nothing_of_the_walls(shared):
    told = printed(shared, "print(open('/proc/1/cmdline').read())")
    assert "--ro-bind" not in told


def test_it_is_nobody_and_can_become_no_one(shared):
    assert printed(shared, "import os; print(0 in os.getresuid())") == "False"
    source = "print([l for l in open('/proc/self/status') if l[:3] in ('Cap', 'NoN')])"
    state = eval(printed(shared, source))
    assert {line.split()[1].strip("0") for line in state} == {"", "1"}
    with pytest.raises(AssertionError, match="PermissionError"):
        printed(shared, "import os; os.setuid(0)")


@pytest.mark.skipif(os.geteuid() != 0, reason="users can only be given away by root")
def test_every_process_has_a_user_of_its_own(kind):
    with Session(kind) as one, Session(kind) as two:
        users = [printed(s, "import os; print(os.getuid())") for s in (one, two)]
    assert users[0] != users[1]
    assert all(int(user) >= bubblewrap.FIRST_USER for user in users)


@pytest.mark.skipif(ROOT.is_relative_to("/tmp"), reason="Python itself lies in /tmp")
def test_what_is_written_is_gone_with_it(kind):
    with Session(kind) as session:
        printed(session, "open('/tmp/mark', 'w').write('x')")
        assert printed(session, "import os; print(os.listdir())") == "['mark']"
    assert not Path("/tmp/mark").exists()
    with Session(kind) as session:
        assert printed(session, "import os; print(os.listdir('/tmp'))") == "[]"


# --- what is refused ------------------------------------------------------------

CALL = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
REFUSED = {  # by its number on x86_64
    "ptrace": 101,
    "syslog": 103,
    "pivot_root": 155,
    "chroot": 161,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "reboot": 169,
    "init_module": 175,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "unshare": 272,
    "perf_event_open": 298,
    "open_by_handle_at": 304,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "kexec_file_load": 320,
    "bpf": 321,
    "userfaultfd": 323,
    "memfd_create": 319,
    "shmget": 29,
    "mq_open": 240,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "clone3": 435,
    "personality": 135,
    "kcmp": 312,
    "acct": 163,
    "settimeofday": 164,
    "a call of the future": 4000,
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")
@pytest.mark.parametrize("number", REFUSED.values(), ids=REFUSED)
def test_a_call_that_no_notebook_needs_is_refused(shared, number):
    source = f"{CALL}print(libc.syscall({number}, 0, 0, 0, 0, 0), ctypes.get_errno())"
    assert printed(shared, source) == "-1 38"  # ENOSYS


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_VSOCK"])
def test_no_network_can_be_spoken_to(shared, family):
    source = f"import socket\nsocket.socket(socket.{family}, socket.SOCK_DGRAM)"
    done = shared.run_cell("cell", source, 20)
    assert done.raised.kind == "OSError" and "not supported" in done.raised.message


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="a number of x86_64")
@pytest.mark.parametrize("flag", [0x20000, 0x2000000, 0x10000000, 0x40000000])
def test_no_namespace_can_be_made(shared, flag):
    source = f"{CALL}print(libc.syscall(56, {flag} | 17, 0, 0, 0, 0))"
    assert printed(shared, source) == "-1"


# --- what is allowed ------------------------------------------------------------

USUAL = {
    "threads": "from threading import Thread\nt = Thread(target=print, args=(1,))\n"
    "t.start(); t.join()",
    "processes": "import multiprocessing as m\n"
    "with m.get_context('fork').Pool(2) as p: print(sum(p.map(abs, [0, 1])))",
    "local sockets": "import socket; a, b = socket.socketpair()\n"
    "a.send(b'1'); print(b.recv(1).decode())",
    "an event loop": "import asyncio\nawait asyncio.sleep(0)\nprint(1)",
    "temporary files": "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as f:\n"
    "    f.write('1'); f.seek(0); print(f.read())",
    "a program": "import subprocess\n"
    "print(subprocess.run(['echo', '1'], capture_output=True, text=True).stdout)",
    "torch": "import torch; print(int(torch.ones(3, 3).det() + 1))",
    "a shared tensor": "import torch; print(int(torch.ones(1).share_memory_()[0]))",
}


@pytest.mark.parametrize("source", USUAL.values(), ids=USUAL)
def test_what_notebooks_do_works(shared, source):
    assert printed(shared, source) == "1"


# --- limits ---------------------------------------------------------------------

FILL = """\
import os
blocks = []
for i in range({processes}):
    if {processes} == 1 or os.fork() == 0:
        while True: blocks.append(bytearray(2**24))
while True: pass
"""


@pytest.fixture
def small(kind, monkeypatch):
    """A machine where little is allowed."""
    for name, most in (("MEMORY", 300), ("HOME_SIZE", 20), ("SHARED_SIZE", 20)):
        monkeypatch.setattr(limits, name, most * 2**20)
    monkeypatch.setattr(limits, "FILE_SIZE", 8 * 2**20)
    monkeypatch.setattr(limits, "PROCESSES", 20)
    with Session(kind) as session:
        yield session


@pytest.mark.parametrize("processes", [1, 3])
def test_memory_that_is_filled_ends_it(small, processes):
    with gone("limit"):
        small.run_cell("cell", FILL.format(processes=processes), 60)


def test_memory_that_is_asked_for_at_once_is_an_error(session):
    done = session.run_cell("cell", "import numpy as np\nnp.ones(10**12)", 20)
    assert done.raised.kind == "MemoryError"
    done = session.run_cell("cell", "import torch\ntorch.ones(10**12)", 60)
    assert done.raised.kind == "MemoryError"


def test_a_shared_mapping_counts(small):
    source = (
        "import mmap, os\nm = mmap.mmap(-1, 2**30)\n"
        "for i in range(0, 2**30, 4096): m[i] = 1\nwhile True: pass"
    )
    with gone("limit"):
        small.run_cell("cell", source, 60)


@pytest.mark.parametrize("place", ["/home/student", "/dev/shm"])
def test_the_disk_cannot_be_filled(small, place):
    source = (
        f"for i in range(9):\n    with open('{place}/%d' % i, 'wb') as f:\n"
        "        f.write(bytes(4 * 2**20))"
    )
    done = small.run_cell("cell", source, 20)
    assert "No space left" in done.raised.message


def test_a_large_file_ends_it(small):
    source = (
        "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "open('x', 'wb').write(bytes(9 * 2**20))"
    )
    with gone("limit"):
        small.run_cell("cell", source, 20)


def test_processes_are_counted(small):
    source = (
        "import os, time\nmade = 0\ntry:\n    for _ in range(100):\n"
        "        if os.fork() == 0: time.sleep(60)\n        made += 1\n"
        "except OSError: print(made < 20)"
    )
    assert printed(small, source) == "True"


def test_a_fork_bomb_ends_with_its_time(small):
    init = psutil.Process(small._enclosed.init)
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    with gone("timeout"):
        small.run_cell("cell", bomb, 0.5)
    family = init.children(recursive=True)
    small._enclosed.end()
    _, alive = psutil.wait_procs(family, 10)
    assert alive == []


def test_a_limit_cannot_be_raised(shared):
    source = (
        "import resource as r\n"
        "for kind in (r.RLIMIT_AS, r.RLIMIT_NPROC, r.RLIMIT_FSIZE):\n"
        "    try: r.setrlimit(kind, (-1, -1))\n    except ValueError: print('no')"
    )
    assert printed(shared, source).split() == ["no"] * 3


def test_another_sandbox_cannot_be_hurt(kind, session):
    with Session(kind) as attacker, gone("killed"):
        everyone = "try: os.kill(-1, 9)\nexcept OSError: pass"
        attacker.run_cell("cell", f"import os\n{everyone}\nos.kill(os.getpid(), 9)", 20)
    assert printed(session, "print(1)") == "1"


# --- walls that cannot be put up ------------------------------------------------


def test_a_machine_without_bubblewrap_is_our_failure(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Infrastructure, match="bwrap"):
        Session(Bubblewrap())


def test_what_bubblewrap_says_is_passed_on(monkeypatch):
    monkeypatch.setattr(limits, "HOME_SIZE", -1)
    with pytest.raises(Infrastructure, match=r"could not put up its walls: bwrap: "):
        Session(Bubblewrap())


def test_python_may_have_been_started_by_a_relative_path(tmp_path):
    """As ``../.venv/bin/python -m autograder``: the walls need the place itself."""
    (tmp_path / "here").mkdir()
    python = os.path.relpath(sys.executable, tmp_path / "here")
    source = (
        "from autograder.sandbox.session import Session\n"
        "from autograder.sandbox.fork_walls import forking\n"
        "print(Session(forking()).run_cell('a', 'print(6 * 7)', 20).printed)\n"
        "print(forking().why_not)"
    )
    done = subprocess.run(
        [python, "-c", source], cwd=tmp_path / "here", capture_output=True, text=True
    )
    assert done.stdout.split() == ["42"], done.stderr
