"""Calling an answer: one path for student, reference, alternative and misconception."""

import linecache
import traceback
from dataclasses import dataclass

import numpy as np

from autograder.checking.values import portable

QUIET_PARTS = (
    "site-packages",
    "dist-packages",
    "/autograder/",
    "<frozen",
    "/lib/python",
)


@dataclass(frozen=True)
class Raised:
    """An exception as it can travel.

    kind: its type's name. is_value_error and is_missing (NotImplementedError) are what
    the judge asks about. line and text: where the student's code raised it, 0 and ""
    when that is unknown.
    """

    kind: str
    message: str
    is_value_error: bool = False
    is_missing: bool = False
    line: int = 0
    text: str = ""


@dataclass(frozen=True)
class Answer:
    """What one call gave: a value or an exception, and which inputs it changed."""

    value: object = None
    raised: Raised | None = None
    changed: tuple[str, ...] = ()


def call(probe, inputs):
    """Call `probe` with copies of the named `inputs`, in their order."""
    arguments = {name: _copy(value) for name, value in inputs.items()}
    try:
        value = portable(probe(*arguments.values()))
        raised = None
    except (Exception, SystemExit) as error:
        value, raised = None, describe(error)
    changed = tuple(n for n, v in inputs.items() if not same(v, arguments[n]))
    return Answer(value, raised, changed)


def describe(error):
    """Turn an exception into a `Raised`, with the last line of the student's own."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not any(part in f.filename for part in QUIET_PARTS)]
    line, text = (own[-1].lineno or 0, own[-1].line or "") if own else (0, "")
    if isinstance(error, SyntaxError):
        line, text = error.lineno or 0, (error.text or "").strip()
    try:
        message = str(error)
    except Exception:
        message = ""
    # NumPy and torch have exceptions of their own for this
    no_memory = isinstance(error, MemoryError) or "can't allocate memory" in message
    return Raised(
        kind="MemoryError" if no_memory else type(error).__name__[:80],
        message=message[:2000],
        is_value_error=isinstance(error, ValueError),
        is_missing=isinstance(error, NotImplementedError),
        line=line,
        text=text[:200],
    )


def remember_source(filename, source):
    """Let tracebacks show the lines of a cell that exists only in memory."""
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)


def _copy(value):
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple)):
        return type(value)(_copy(item) for item in value)
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return value


def same(a, b):
    """Whether two values are the same to the bit, NaN included."""
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return (
            isinstance(b, dict)
            and a.keys() == b.keys()
            and all(same(a[key], b[key]) for key in a)
        )
    return type(a) is type(b) and (a == b or a != a)
