"""Forging points: wrong answers that try to pass for right ones."""

import pytest
from attack import ERROR, Attack, checks_of

SUBCLASS = """\
class Same(np.ndarray):
    __eq__ = __ge__ = __le__ = lambda self, other: np.True_
    __ne__ = lambda self, other: np.False_
    all = any = lambda *_, **__: True
    def __array_function__(self, function, types, args, kwargs): return True
    def __array_ufunc__(self, *_, **__): return True
"""


def skipped(notebook):
    for cell in checks_of(notebook):
        cell["metadata"]["tags"] = ["skip-execution"]


def scoring(text):
    """Put an output that nbgrader takes for a score into the test cells."""

    def edit(notebook):
        for cell in checks_of(notebook):
            data = {"text/plain": text}
            output = {"output_type": "execute_result", "execution_count": 1}
            cell["outputs"] = [output | {"data": data, "metadata": {}}]

    return edit


ATTACKS = [
    Attack(
        "skip-execution",
        "Tags that make nbconvert skip the test cells, which then count as passed.",
        edit=skipped,
    ),
    Attack(
        "a forged output",
        "An output that nbgrader reads as a score, in the cells of the tests.",
        edit=scoring("3"),
    ),
    Attack(
        "not a number",
        "A result that is no number and compares as none, to be taken for all points.",
        edit=scoring("nan"),
        trick="sys.displayhook = lambda value: print(float('nan'))\nfloat('nan')",
        normalise="def normalise(X):\n    return X * np.nan",
        largest="def largest(x):\n    return float('nan'), float('nan')",
    ),
    Attack(
        "more than the maximum",
        "A result of 1e9 points, which aborts nbgrader's run over the class.",
        edit=scoring("1e9"),
    ),
    Attack(
        "np.testing",
        "Patched assertions of NumPy that accept everything.",
        trick="for name in dir(np.testing):\n"
        "    if name.startswith('assert'):\n"
        "        setattr(np.testing, name, lambda *_, **__: None)",
    ),
    Attack(
        "np.allclose",
        "Patched comparisons of NumPy that find everything close.",
        trick="np.allclose = np.array_equal = lambda *_, **__: True\n"
        "np.isclose = lambda a, b, *_, **__: np.ones(np.shape(a), bool)",
    ),
    Attack(
        "builtins",
        "Patched builtins that decide comparisons, as abs and all do.",
        trick="import builtins\n"
        "builtins.abs = lambda x: 0\nbuiltins.all = lambda *_: True\n"
        "builtins.sum = lambda *_: 0",
        earns=("error", "wrong"),  # its own process cannot even write an array
    ),
    Attack(
        "stripped asserts",
        "A transformer of IPython's that removes asserts from every later cell.",
        trick="attempt(lambda: get_ipython().ast_transformers.append(print))",
    ),
    Attack(
        "replaced cells",
        "A clean-up hook of IPython's that replaces the source of the test cells.",
        trick="attempt(lambda: get_ipython().input_transformers_cleanup.append(\n"
        "    lambda lines: ['pass']))",
    ),
    Attack(
        "cleared errors",
        "A hook that runs after each cell and takes its error away.",
        trick="attempt(lambda: get_ipython().events.register(\n"
        "    'post_run_cell', lambda result: setattr(result, 'error_in_exec', None)))",
    ),
    Attack(
        "an array equal to all",
        "A subclass of ndarray whose comparisons are always true.",
        normalise=SUBCLASS + "def normalise(X): return np.zeros_like(X).view(Same)",
    ),
    Attack(
        "numbers equal to all",
        "Subclasses of int and float that equal everything.",
        trick="def yes(*_): return True\n"
        "more = {f'__{n}__': yes for n in 'eq le ge'.split()} | {'__hash__': id}\n"
        "Int, Float = type('Int', (int,), more), type('Float', (float,), more)",
        largest="def largest(x):\n    return Float(0), Int(0)",
    ),
    Attack(
        "a shape that is a lie",
        "An object that claims a shape, a kind and a class that are not its own.",
        trick="class Liar:\n"
        "    shape, dtype, ndim, __class__ = (2, 3), np.dtype('f8'), 2, np.ndarray\n"
        "    def __array__(self, *_, **__): return np.ones((2, 3))\n"
        "    def __eq__(self, other): return True",
        normalise="def normalise(X):\n    return Liar()",
    ),
    Attack(
        "expected in a frame",
        "Looks for the expected answer in the frames of those who call.",
        trick="""\
def look(X):
    frame = sys._getframe()
    while frame is not None:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            if name in ("expected", "reference", "want", "cases", "seed"):
                return getattr(value, "value", value)
        frame = frame.f_back
    return np.zeros_like(X)""",
        normalise="normalise = look",
    ),
    Attack(
        "expected in memory",
        "Searches all objects of the process for one that knows an answer.",
        trick="import gc\n"
        "known = 'JudgedCase Verdict Rules Chapter Exercise Case'.split()\n"
        "for thing in gc.get_objects():\n"
        "    if type(thing).__name__ in known: leaked(type(thing))",
    ),
    Attack(
        "the solution from disk",
        "Looks for the reference solution in all folders, to run it.",
        trick="""\
for top in (ROOT, os.path.dirname(ROOT), "/", ".."):
    for folder, inside, files in os.walk(top):
        inside[:] = set(inside) - {"proc", "usr", "dev", "lib", "lib64"}
        if "checks.py" in files or "public_cases.json" in files: leaked(folder)
attempt(open, ROOT + "/solutions/ch01_sample/notebook.py")""",
    ),
    Attack(
        "points into the gradebook",
        "Writes its own points into nbgrader's database.",
        trick="""\
import sqlite3
def pay():
    book = sqlite3.connect(f"file:{ROOT}/class/gradebook.db?mode=rw", uri=True)
    book.execute("UPDATE grade SET auto_score = 5")
    book.commit()
attempt(pay)""",
    ),
    Attack(
        "a record of one's own",
        "Puts a record with full marks, and feedback, where the grader writes them.",
        trick="""\
import json
for room in ("autograded", "feedback"):
    folder = f"{ROOT}/class/{room}/mallory/ch01_sample"
    quietly(os.makedirs, folder)
    quietly(lambda: open(f"{folder}/record.json", "w").write('{"score": 5}'))""",
        place=lambda path: (path.parent / "record.json").write_text('{"score": 5}'),
    ),
    Attack(
        "a check that is content",
        "Replaces `check` by a function that says nothing.",
        trick="def check(name, probe=None): return lambda function: function",
        earns=ERROR,
    ),
    Attack(
        "a judge in its own process",
        "Patches the judge, which is importable where answers are made.",
        trick="""\
import autograder.checking.check as check_module
import autograder.checking.judge as judge
import autograder.checking.verdict as verdict
judge.find = verdict.find = lambda *_, **__: None
verdict.decide = check_module.decide = lambda name, points, *_: verdict.Verdict(
    name, "passed", points)""",
    ),
    Attack(
        "not implemented on purpose",
        "Claims to be untouched where it is wrong, in hope of a second chance.",
        normalise="def normalise(X):\n    raise NotImplementedError",
        largest="def largest(x):\n    raise ValueError('x is empty')",
        earns=("not attempted", "error"),
    ),
    Attack(
        "an answer of an odd kind",
        "Answers that no comparison is made for: objects, dates, records, text.",
        normalise="def normalise(X):\n    return X.astype(object)",
        largest="def largest(x):\n    return np.datetime64('2021'), np.str_('0')",
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_forging(settled, attack):
    settled.undergo(attack)
