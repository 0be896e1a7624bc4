"""What is counted from outside: the time of all, what the system keeps for them."""

import pytest

from autograder.sandbox import limits
from autograder.sandbox.session import Gone, Session

BUSY = "import os, time\ndef busy():\n    while time.process_time() < 0.3: pass\n"
CHILD = "if os.fork() == 0: busy(); os._exit(0)\n"
ORPHAN = "if os.fork() == 0:\n    if os.fork() == 0: busy()\n    os._exit(0)\n"


@pytest.fixture
def session():
    with Session() as session:
        yield session


@pytest.mark.parametrize(
    "source",
    [
        f"{CHILD}os.wait()",
        f"{CHILD}time.sleep(1)",
        f"{ORPHAN}os.wait(); time.sleep(1)",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', "
        "'import time\\nwhile time.process_time() < 0.3: pass'])",
    ],
    ids=["a child", "a child that is left", "an orphan", "a program"],
)
def test_the_time_of_all_processes_counts(session, source):
    before = session.cpu_seconds()
    assert session.run_cell("cell", BUSY + source, 20).raised is None
    assert session.cpu_seconds() - before > 0.2


@pytest.mark.parametrize(
    ("name", "most", "source"),
    [
        ("FILES", 500, "for i in range(600): open(f'{i}', 'w').close()"),
        ("FILES", 500, "for i in range(600): os.mkdir(f'/dev/shm/{i}')"),
        ("SOCKETS", 40, "kept = [socket.socketpair() for _ in range(40)]"),
    ],
    ids=["files", "folders in shared memory", "sockets"],
)
def test_what_the_system_keeps_in_its_memory_is_limited(
    session, monkeypatch, name, most, source
):
    monkeypatch.setattr(limits, name, most)
    with pytest.raises(Gone, match=r"^limit$"):
        session.run_cell("cell", f"import os, socket\n{source}\nwhile True: pass", 20)


def test_what_notebooks_keep_is_less(session):
    source = (
        "for i in range(200): open(f'{i}', 'w').close()\nimport time; time.sleep(1)"
    )
    assert session.run_cell("cell", source, 20).raised is None
