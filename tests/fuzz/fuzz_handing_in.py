"""Strategies for what lies in a student's folder: a notebook, under some name."""

import os
from dataclasses import dataclass

from fuzz_answers import NAME
from fuzz_archives import archives
from fuzz_notebooks import notebooks
from hypothesis import strategies as st

FILE = f"{NAME}.ipynb"
RENAMED = (
    f"{NAME} (1).ipynb",
    f"{NAME.upper()}.IPYNB",
    f"{NAME}-Copy1.ipynb",
    f"sub folder/{FILE}",
    f"{NAME}/{NAME}/{FILE}",
    "Untitled.ipynb",
    "e\u0301 \u202e<script>.ipynb",
    "a\nb\x1b[2J.ipynb",
    "$(id);'\".ipynb",
    ".ipynb",
    f".{FILE}",
    f"{FILE}.txt",
    "x" * 240 + ".ipynb",
    os.fsdecode(b"\xff\xfe.ipynb"),
    f".ipynb_checkpoints/{NAME}-checkpoint.ipynb",
)
BESIDE = (
    "data.csv",
    "numpy.py",
    "autograder.py",
    ".hidden",
    "notes.txt",
    "record.json",
    "hand-in.zip",
    os.fsdecode(b"caf\xe9.csv"),
)
CONTENT = st.sampled_from((b"", b"\x00\xff", b"raise SystemExit", b"1,2\n" * 9))
KINDS = ("folder", "link to nothing", "link to itself", "pipe", "nothing")


@dataclass(frozen=True)
class HandedIn:
    """Files by name, and what stands where a notebook should: one of `KINDS`."""

    files: dict[str, bytes]
    odd: dict[str, str]

    @property
    def names(self):
        """The names that a refusal may give, as they can be printed."""
        there = [name for name, kind in self.odd.items() if kind != "nothing"]
        return [os.path.basename(name) for name in (*self.files, *there)]

    def put_into(self, folder):
        """Write all of it."""
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for name, kind in self.odd.items():
            _make(folder / name, kind)


def _make(path, kind):
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind.startswith("link"):
        path.symlink_to(path if kind == "link to itself" else "nowhere")


@st.composite
def handed_in(draw, pristine):
    """What a student hands in; most often a notebook of the right name, alone."""
    if draw(st.integers(0, 19)) == 0:
        return HandedIn({}, {FILE: draw(st.sampled_from(KINDS))})
    rename = draw(st.integers(0, 6)) == 0
    name = draw(st.sampled_from(RENAMED)) if rename else FILE
    files = {name: draw(notebooks(pristine))}
    if draw(st.integers(0, 6)) == 0:
        other = draw(st.sampled_from((*BESIDE, *BESIDE, *RENAMED, FILE)))
        files.setdefault(other, draw(CONTENT | notebooks(pristine) | archives()))
    return HandedIn(files, {})
