"""An attack as data: what it tries, how it is handed in, what its answers deserve."""

import json
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CHAPTER = "ch01_sample"
ATTACKER = "mallory"

# what it gets: an outcome for each of the two exercises, or no grade at all
WRONG = ("wrong", "wrong")
PASSED = ("passed", "passed")
ERROR = ("error", "error")
UNTOUCHED = ("not attempted", "not attempted")
REFUSED = ()

ZEROS = "def normalise(X):\n    return np.zeros_like(X)"
NOTHING = "def largest(x):\n    return 0.0, 0"
NORMALISED = "X / np.maximum(X.sum(1), 1e-300)[:, None]"
RIGHT = f"def normalise(X):\n    return {NORMALISED}"
BEST = """\
def largest(x):
    best = max(range(len(x)), key=x.__getitem__, default=None)
    if best is None:
        raise ValueError("nothing to choose from")
    return x[best], best
"""

# the attacker's first cell; what must not succeed says so in one word
PREAMBLE = """\
import os, sys
import numpy as np
ROOT, GRADER, SUPERUSER = {root!r}, {grader}, {home!r}
MARK = "mark-" + "of-mallory"

def leaked(*things):
    print("LEA" + "KED", *things)

def attempt(action, *arguments):
    try:
        got = action(*arguments)
    except Exception:
        return
    leaked(got)

def quietly(action, *arguments):
    try:
        return action(*arguments)
    except Exception:
        pass

"""
# what student code can reach: the module that replies, its descriptors, the request
REACH = """\
import json, struct
process = sys.modules.get("autograder.sandbox.child", sys.modules["__main__"])
send, serving = process._send, sys._getframe()
while "target" not in serving.f_locals:
    serving = serving.f_back
requests, replies = (serving.f_locals[name].fileno() for name in ("source", "target"))

def token():
    return serving.f_locals["request"]["token"]

def frame(header, payload=b""):
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<II", len(data), len(payload)) + data + payload

"""
LEAKED = "LEAKED"
MARK = "mark-of-mallory"
AT_THE_END = '\nprint("DO" + "NE")'
DONE = "DONE"


@dataclass(frozen=True)
class Attack:
    """One submission that means no good, or is at least malformed.

    name: short. attacks: one sentence, what it attacks. normalise, largest: sources of
    the two answers (wrong ones where none are given, None for the stub). trick: a cell
    before them, run to its end unless `survives` is False; late: a cell after the last
    test. edit: changes the notebook (JSON data), or gives what to write instead. place:
    puts things beside or in place of the notebook, given its path. earns: the outcome
    of each exercise, REFUSED for none at all. says: words that the feedback, or the
    refusal, must hold. student: the folder's name.
    """

    name: str
    attacks: str
    trick: str = ""
    late: str = ""
    normalise: str | None = ZEROS
    largest: str | None = NOTHING
    edit: Callable | None = None
    place: Callable | None = None
    earns: tuple = WRONG
    says: str = ""
    student: str = ATTACKER
    survives: bool = True

    def __str__(self):
        return self.name.replace(" ", "-")

    @property
    def reaches_its_end(self) -> bool:
        """Whether the trick's last line must have been run."""
        return bool(self.trick and self.survives and self.earns)


def hand_in(course, attack: Attack) -> Path:
    """Put the attack's submission where it belongs; returns its folder."""
    notebook = released_notebook(course)
    fill(notebook, normalise=attack.normalise, largest=attack.largest)
    if attack.trick:
        home = pwd.getpwuid(0).pw_dir
        first = PREAMBLE.format(root=str(course.root), grader=os.getpid(), home=home)
        insert_after(notebook, "setup", first + attack.trick + AT_THE_END)
    if attack.late:
        insert_after(notebook, "test_largest", attack.late)
    content = attack.edit(notebook) if attack.edit else None
    path = course.submitted / attack.student / CHAPTER / f"{CHAPTER}.ipynb"
    write(path, notebook if content is None else content)
    if attack.place:
        attack.place(path)
    return path.parent


def write(path: Path, content):
    """Write a notebook: JSON data, text or bytes as they are."""
    if not isinstance(content, (str, bytes)):
        content = json.dumps(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


# --- notebooks as JSON data -----------------------------------------------------


def released_notebook(course) -> dict:
    """The notebook that students get."""
    path = course.notebooks / CHAPTER / f"{CHAPTER}.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def cell_of(notebook, name) -> dict:
    """The (first) cell of an id: ``normalise``, ``test_normalise``, ``setup`` ..."""
    return next(cell for cell in notebook["cells"] if cell.get("id") == name)


def fill(notebook, **sources):
    """Write sources into cells by id; None leaves a cell as it is."""
    for name, source in sources.items():
        if source is not None:
            cell_of(notebook, name)["source"] = source


def code_cell(source, **more) -> dict:
    empty = {"metadata": {}, "outputs": [], "execution_count": None}
    return {"cell_type": "code", "source": source, **empty, **more}


def insert_after(notebook, name, source):
    """Put a code cell, or a whole cell, after the one of that id."""
    cell = source if isinstance(source, dict) else code_cell(source)
    ids = [cell.get("id") for cell in notebook["cells"]]
    notebook["cells"].insert(ids.index(name) + 1, cell)


def checks_of(notebook) -> list[dict]:
    """The cells that hold the checks."""
    ids = ("test_normalise", "test_largest")
    return [cell for cell in notebook["cells"] if cell.get("id") in ids]
