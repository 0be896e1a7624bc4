"""Text from a student, made safe to print and to write."""

import functools
import re
import sys
import sysconfig
from pathlib import Path

# everything that is not printable text: C0 and C1 controls, bidirectional overrides
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)?")


def clean(text: str, limit: int = 20_000) -> str:
    """Return `text` without escape sequences, controls and lone surrogates."""
    text = text[:limit].replace("\r\n", "\n")
    text = CONTROLS.sub("", ESCAPES.sub("", text))
    return text.encode("utf-8", "replace").decode("utf-8")


def without_places(text: str) -> str:
    """Return `text` with the paths of this machine's Python and course cut short.

    Tracebacks and messages of libraries name them; they are nobody's business. Someone
    who wants to can still spell them: they are visible where the code runs.
    """
    for place in _places():
        text = text.replace(place, "…")
    return text


@functools.cache
def _places():
    paths = sysconfig.get_paths()
    packages = [paths[name] for name in ("purelib", "platlib")]
    standard = [paths[name] for name in ("stdlib", "platstdlib")]
    engine = str(Path(__file__).resolve().parents[2])
    # /usr is the same everywhere, and in what students write themselves
    prefixes = {sys.prefix, sys.base_prefix, engine} - {"/usr", "/usr/local", "/"}
    return sorted({*packages, *standard, *prefixes}, key=len, reverse=True)
