"""Strategies for archives as a platform or a student hands them out."""

import io
import stat
import warnings
import zipfile

from fuzz_answers import NAME
from fuzz_files import BYTES
from hypothesis import strategies as st

FILE = f"{NAME}.ipynb"
NOTEBOOK = b'{"cells": [{"cell_type": "code", "source": "x = 1"}]}'
NAMES = (
    f"ada/{FILE}",
    f"ada/{NAME}/{FILE}",
    f"bob/{FILE}",
    f"BOB/{NAME} (1).ipynb",
    f"Ada King_4711_assignsubmission_file_/{FILE}",
    f"Ada King_4712_assignsubmission_file_/{FILE}",
    f"kingada_LATE_12_345_{FILE}",
    FILE,
    f"../{FILE}",
    f"../../ada/{NAME}/{FILE}",
    f"/{FILE}",
    f"C:\\ada\\{FILE}",
    f"..\\..\\{FILE}",
    f"a/../../{FILE}",
    f"<script>/{FILE}",
    f"e\u0301/{FILE}",
    f"\u00e9/{FILE}",
    f"\u202eada/\x1b[2J{FILE}",
    f"{'deep/' * 40}{FILE}",
    f"{'x' * 300}/{FILE}",
    "ada/data.csv",
    "ada/",
    f"ada/{FILE}/",
    "",
    ".",
    "a.zip",
    f"__MACOSX/ada/._{FILE}",
)
MODES = (0, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFIFO, stat.S_IFCHR)
DATES = ((1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58), (2026, 13, 32, 25, 61, 61))
CONTENT = (NOTEBOOK, NOTEBOOK, b"", b"{", b"../../etc/passwd", b"\0" * 300_000)


@st.composite
def members(draw, nested):
    """One member: what is claimed of it, and its bytes."""
    info = zipfile.ZipInfo(draw(st.sampled_from(NAMES)), draw(st.sampled_from(DATES)))
    info.external_attr = draw(st.sampled_from((*MODES, *MODES[:2] * 3))) << 16
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
    info.compress_type = draw(st.sampled_from(kinds))
    content = st.sampled_from(CONTENT)
    if nested:
        content |= archives(nested - 1)
    return info, draw(content)


@st.composite
def archives(draw, nested=2):
    """An archive as bytes, most often mutated."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of a name that is there twice
        with zipfile.ZipFile(buffer, "w") as archive:
            for info, data in draw(st.lists(members(nested), max_size=3)):
                _add(archive, info, data)
    data = buffer.getvalue()
    mutations = st.sampled_from((*BYTES, _flip_in_claims))
    for mutate in draw(st.lists(mutations, max_size=2)):
        data = mutate(draw, data)
    return data


def _add(archive, info, data):
    try:
        archive.writestr(info, data)
    except (ValueError, IndexError, OverflowError):  # a claim that cannot be written
        archive.writestr(info.filename or "x", data)


def _flip_in_claims(draw, data):
    """A flip in the directory of the archive, at its end."""
    changed = bytearray(data)
    start = max(0, data.find(b"PK\x01\x02"))
    for _ in range(draw(st.integers(1, 4)) if data else 0):
        place = draw(st.integers(start, len(data) - 1))
        changed[place] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)
