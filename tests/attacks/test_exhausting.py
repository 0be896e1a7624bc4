"""Exhausting: time, memory, processes, disk, descriptors, and those who read."""

import io
import json

import numpy as np
import pytest
from attack import (
    BEST,
    CHAPTER,
    REFUSED,
    RIGHT,
    Attack,
    code_cell,
    insert_after,
)

from autograder.sandbox import limits, notebook_run

SLOW = ("timeout", "timeout")
OVER = ("limit", "limit")
FILL = """\
def fill(size=2**24):
    blocks = []
    while True: blocks.append(np.ones(size // 8))
"""


@pytest.fixture(autouse=True)
def small_machine(monkeypatch):
    """A machine where little is allowed, so that little has to be used up."""
    for name, most in (("MEMORY", 300), ("HOME_SIZE", 16), ("SHARED_SIZE", 16)):
        monkeypatch.setattr(limits, name, most * 2**20)
    for name, most in (("PROCESSES", 40), ("FILES", 2_000), ("SOCKETS", 60)):
        monkeypatch.setattr(limits, name, most)
    monkeypatch.setattr(notebook_run, "CELL_SECONDS", 0.6)
    monkeypatch.setattr(notebook_run, "MAX_DEATHS", 4)


def cells(number, source="x = 1", after="test_largest"):
    def edit(notebook):
        for _ in range(number):
            insert_after(notebook, after, source)

    return edit


def million_cells(notebook):
    text = json.dumps(notebook)
    end = text.rindex("]", 0, text.index('"metadata": {"kernel') + 1)
    return text[:end] + ',{"cell_type":"code","source":""}' * 10**6 + text[end:]


def beside(name, data):
    return lambda path: (path.parent / name).write_bytes(data)


def claiming():
    """An .npy file whose header claims 1e10 elements."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f8", "fortran_order": False, "shape": (10**10,)}
    )
    return file.getvalue()


ATTACKS = [
    Attack(
        "an endless loop",
        "An answer that never comes.",
        normalise="def normalise(X):\n    while True: pass",
        largest=BEST,
        earns=("timeout", "passed"),
        says="No answer within 1 seconds",
    ),
    Attack(
        "a loop that ignores signals",
        "Catches every exception and ignores every signal that it may ignore.",
        normalise="""\
def normalise(X):
    import signal
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except Exception: pass
    while True:
        try: 1 / 0
        except BaseException: pass""",
        largest=BEST,
        earns=("timeout", "passed"),
    ),
    Attack(
        "a process that stops itself",
        "Sends itself SIGSTOP, so that it neither answers nor ends.",
        normalise="def normalise(X):\n    import os; os.kill(os.getpid(), 19)",
        earns=("timeout", "wrong"),
    ),
    Attack(
        "an endless cell",
        "A cell of its own that never ends, before all answers.",
        trick="while True:\n    try: pass\n    except BaseException: pass",
        survives=False,
        normalise=RIGHT,
        earns=("passed", "wrong"),
    ),
    Attack(
        "many endless cells",
        "Cells that each take all the time they may have.",
        edit=lambda notebook: notebook["cells"].__setitem__(
            slice(0, 0), [code_cell("while True: pass")] * 9
        ),
        earns=OVER,
    ),
    Attack(
        "a fork bomb",
        "Processes that start processes.",
        trick="while True:\n    try: os.fork()\n    except OSError: pass",
        survives=False,
        largest=BEST,
        earns=("wrong", "passed"),
    ),
    Attack(
        "a thread bomb",
        "Threads that start threads.",
        trick="""\
import threading
def more():
    while True:
        try: threading.Thread(target=more).start()
        except RuntimeError: pass
more()""",
        survives=False,
    ),
    Attack(
        "all memory",
        "Fills memory until there is none.",
        normalise=f"{FILL}def normalise(X): fill()",
        largest=BEST,
        earns=("limit", "passed"),
    ),
    Attack(
        "all memory in many processes",
        "Lets several processes fill memory, each within its own limit.",
        trick=f"{FILL}for _ in range(3):\n    if os.fork() == 0: fill()\nfill()",
        survives=False,
    ),
    Attack(
        "shared mappings",
        "Fills memory through mappings that are shared, and so nobody's own.",
        normalise="""\
def normalise(X):
    import mmap
    shared = [mmap.mmap(-1, 2**26) for _ in range(20)]
    for one in shared: one.write(b"x" * 2**26)
    while True: pass""",
        earns=("limit", "wrong"),
    ),
    Attack(
        "memory asked for at once",
        "Asks for more memory than any machine has.",
        normalise="def normalise(X):\n    return np.ones(10**13)",
        earns=("limit", "wrong"),
    ),
    Attack(
        "memory behind quick replies",
        "Fills memory in a process of its own, while cells are answered quickly.",
        trick=f"{FILL}if os.fork() == 0: fill(2**21)",
        edit=cells(30, "import time; time.sleep(0.05)", after="cell-03"),
        survives=False,
        earns=OVER,
    ),
    Attack(
        "300 MB of output",
        "Prints 300 MB, by print and past it.",
        trick="for _ in range(150): print('x' * 2**20); os.write(1, bytes(2**20))",
        survives=False,
    ),
    Attack(
        "80 MB to display",
        "Displays objects of 80 MB, as text and as HTML.",
        trick="display('<b>' * 10**7, {'text/html': 'x' * 10**7}, raw=True)",
        survives=False,
    ),
    Attack(
        "the disk",
        "Fills its home, the shared memory and every other place it may write to.",
        trick="""\
for place in ("/home/student", "/tmp", "/dev/shm", "/var/tmp", "/dev", "/run"):
    for i in range(4):
        quietly(lambda: open(f"{place}/{i}", "wb").write(bytes(2**23)))
os.statvfs("/home/student").f_bavail == 0 or leaked("more disk")""",
    ),
    Attack(
        "many small files",
        "Makes empty files without end; the system keeps each of them in memory.",
        trick="for i in range(10**9): os.close(os.open(f'{i}', os.O_CREAT))",
        survives=False,
        says="ended its process .limit.",
    ),
    Attack(
        "open files",
        "Opens files until it can open no more, and keeps them open.",
        trick="kept = []\nwhile file := quietly(open, '/dev/null'): kept.append(file)",
    ),
    Attack(
        "filled sockets",
        "Fills the buffers of sockets, which are the system's memory and not its own.",
        trick="""\
import socket
pairs, full = [], bytes(2**18)
while pair := quietly(socket.socketpair):
    pair[0].setblocking(False)
    quietly(pair[0].send, full)
    pairs.append(pair)
while True: pass""",
        survives=False,
        says="ended its process .limit.",
    ),
    Attack(
        "endless recursion",
        "Lifts the limit of recursion until the stack is gone.",
        normalise="import sys\nsys.setrecursionlimit(10**9)\n"
        "def normalise(X): return normalise(X)",
        largest=BEST,
        earns=("limit", "passed"),
    ),
    Attack(
        "an answer without end",
        "Answers that contain themselves, or never stop giving more.",
        normalise="def normalise(X):\n    a = []; a.append(a); return a",
        largest="import itertools\ndef largest(x): return itertools.count(), 0",
    ),
    Attack(
        "a huge answer",
        "An answer larger than a message may be.",
        normalise="def normalise(X): return np.zeros(9 * 2**20)",
        largest="def largest(x): return 'x' * 2**23, 0",
        earns=OVER,
    ),
    Attack(
        "3,000 cells",
        "More cells than a notebook may have.",
        edit=cells(3000),
        earns=REFUSED,
        says="cells, more than",
    ),
    Attack(
        "a million cells",
        "A million empty cells, each of which costs a reader more than its bytes.",
        edit=million_cells,
        earns=REFUSED,
        says=f"{CHAPTER}.ipynb: [0-9]+ (bytes|cells), more than",
    ),
    Attack(
        "a million things that are no cells",
        "A list of cells that holds a million numbers, to be looked at one by one.",
        edit=lambda notebook: notebook["cells"].extend([7] * 10**6),
    ),
    Attack(
        "deep JSON",
        "Brackets nested so deeply that a reader's stack ends.",
        edit=lambda notebook: '{"cells": ' + "[" * 10**6 + "]" * 10**6 + "}",
        earns=REFUSED,
        says=f"{CHAPTER}.ipynb: ",
    ),
    Attack(
        "a long number",
        "An integer of two million digits among the metadata.",
        edit=lambda notebook: '{"cells": [], "nbformat": ' + "9" * 2 * 10**6 + "}",
        earns=REFUSED,
        says=f"{CHAPTER}.ipynb: ",
    ),
    Attack(
        "an .npy of 1e10 elements",
        "A data file whose header claims more than any memory holds.",
        place=beside("points.npy", claiming()),
        trick="import glob\n"
        "for name in glob.glob('*.npy'): attempt(np.load, name)\n"
        "attempt(lambda: np.load('points.npy', mmap_mode='r')[0])",
    ),
    Attack(
        "large data files",
        "Data files that together fill the home, and more of them than anyone needs.",
        place=lambda path: [
            (path.parent / f"{i}.csv").write_bytes(bytes(2**20)) for i in range(60)
        ],
        trick="sum(map(os.path.getsize, os.listdir())) > 2**25 and leaked('room')",
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_exhausting(three, attack):
    three.undergo(attack)
