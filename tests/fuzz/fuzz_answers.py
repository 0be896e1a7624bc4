"""Answers to the sample chapter, right and wrong, and cells that students add."""

from pathlib import Path

from autograder.course.chapter import Chapter, replacement

FOLDER = Path(__file__).parents[1] / "sample_course/solutions/ch01_sample"
CHAPTER = Chapter(FOLDER)
NAME = CHAPTER.name
NAMES = tuple(CHAPTER.exercises)

SAID = "<script>alert(1)</script><img src=x onerror=alert(1)>\\x1b[2J\\u202e\\ud83d"


def _right():
    solved = {cell.id: cell.source for cell in CHAPTER.source.cells}
    for name, exercise in CHAPTER.exercises.items():
        yield name, [solved[name], *_variants(name, exercise.alternatives)]


def _variants(name, variants):
    return [replacement(name, variant) for variant in variants]


RIGHT = dict(_right())

# %s: the name of the exercise
_WRONG = (
    "",
    "def %s(x: nothing)\n    return",
    "def %s(x):\n    pass",
    "def %s(x):\n    return %s(x)",
    f"def %s(x):\n    raise ValueError('{SAID}')",
    f"def %s(x):\n    return '{SAID}'",
    "def %s(x):\n    x[...] = 0\n    return x",
    "def %s(x):\n    return [[]] * 3, {'a': x}, object()",
    "def %s():\n    return 1",
    "%s = 3",
    "raise SystemExit('%s')",
    "class %s:\n    pass",
    "async def %s(x):\n    return x",
    "x = '\\ud83d %s'\nx.encode()",
    "del %s",
)


def _wrong():
    for name, exercise in CHAPTER.exercises.items():
        sources = [source.replace("%s", name) for source in _WRONG]
        yield name, [*_variants(name, exercise.misconceptions), *sources]


WRONG = dict(_wrong())

ADDED = (
    "x = 1",
    "print(1)",
    f"print('{SAID}')",
    f"raise KeyError('{SAID}')",
    "def helper(x):\n    return x",
    "%matplotlib inline\n!ls\nnormalise?",
    "%%bash\nls",
    "await something",
    "largest = normalise = None",
    "check('largest', lambda x: (1.0, 0))",
    "<b onclick='x'>text</b> that is no Python",
    "\x00\x1b]0;title\x07",
    "[" * 300 + "]" * 300,
    *RIGHT["normalise"],
    *RIGHT["largest"],
)
