"""Right answers in every form that students give them; see test_unfair.py."""

from dataclasses import dataclass

from attack import BEST, NORMALISED, RIGHT, Attack, cell_of

BODY = f"    return {NORMALISED}"


def normalise(*lines, head="def normalise(X):"):
    return "\n".join([head, *(f"    {line}" for line in lines), BODY])


def result(expression, before=""):
    """An answer that returns `expression` of the right one, A."""
    return f"{before}\ndef normalise(X):\n    A = {NORMALISED}\n    return {expression}"


def largest(returned, empty="raise ValueError"):
    return f"def largest(x):\n    if len(x) == 0: {empty}\n    return {returned}"


@dataclass(frozen=True)
class Honest:
    """A right notebook, and the sentence that says what might be unfair about it."""

    name: str
    about: str
    normalise: str = RIGHT
    largest: str = BEST
    added: str = ""
    edit: object = None

    def __str__(self):
        return self.name.replace(" ", "-")

    @property
    def student(self):
        return self.name.replace("'", "").replace(" ", "_")

    def as_attack(self):
        """As a submission, made like all others."""

        def edit(notebook):
            if self.added:
                cell = {"cell_type": "code", "source": self.added, "metadata": {}}
                index = notebook["cells"].index(cell_of(notebook, "setup"))
                notebook["cells"].insert(index + 1, cell)
            return self.edit(notebook) if self.edit else None

        return Attack(
            self.name,
            self.about,
            normalise=self.normalise,
            largest=self.largest,
            edit=edit,
            student=self.student,
        )


HONEST = [
    Honest(
        "a warning",
        "A right answer that warns: plain nbgrader gives nothing for it.",
        normalise("import warnings; warnings.warn('careful')"),
    ),
    Honest(
        "a warning of numpy's",
        "Divides by zero first and mends it after, with NumPy's warning.",
        "def normalise(X):\n    A = X / X.sum(1, keepdims=True)\n"
        "    return np.nan_to_num(A)",
    ),
    Honest(
        "words on stderr",
        "Writes to the standard error, as progress bars do.",
        normalise("import sys; print('50%', file=sys.stderr)"),
    ),
    Honest(
        "prints",
        "Prints what it does, in cells and in calls.",
        normalise("print('working on', X)"),
        added="print('hello')\n'a value that is shown'",
    ),
    Honest(
        "much printing",
        "Prints more than anyone reads, left over from a search for a mistake.",
        normalise("for _ in range(1000): print(X)"),
    ),
    Honest(
        "random state",
        "Seeds, and uses up, the random numbers that others may rely on.",
        normalise(
            "np.random.seed(0); np.random.rand(3); import random; random.seed(1)"
        ),
        added="import random\nrandom.seed(0)\nnp.random.seed(0)",
    ),
    Honest(
        "a helper in a cell",
        "Depends on a function in a cell of its own.",
        "def normalise(X):\n    return divided(X)",
        added=f"def divided(X):\n{BODY}",
    ),
    Honest(
        "a helper below",
        "Depends on a function that is defined after it in the same cell.",
        f"def normalise(X): return divided(X)\ndef divided(X):\n{BODY}",
    ),
    Honest("float32", "Computes in single precision.", result("A.astype(np.float32)")),
    Honest("rounding", "Right, but not to the last bit.", result("A * (1 + 1e-12)")),
    Honest("float128", "Computes in extended precision.", result("A.astype('g')")),
    Honest(
        "big endian",
        "An array of the other order of bytes.",
        result("A + A.astype('>f8') * 0"),
    ),
    Honest(
        "column order", "An array in Fortran's order.", result("np.asfortranarray(A)")
    ),
    Honest("a view", "A view with negative strides.", result("A[::-1].copy()[::-1]")),
    Honest(
        "a read-only array",
        "An array that may not be written.",
        result("np.broadcast_to(A, A.shape)"),
    ),
    Honest("a list", "Nested lists for an array.", result("A.tolist()")),
    Honest("a matrix", "An old-fashioned matrix.", result("np.matrix(A)")),
    Honest(
        "a masked array", "A masked array without a mask.", result("np.ma.array(A)")
    ),
    Honest(
        "a subclass",
        "An array of a class of its own.",
        result("A.view(Mine)", "class Mine(np.ndarray): pass"),
    ),
    Honest(
        "a tensor",
        "An answer by torch, as a tensor.",
        result("torch.tensor(A, requires_grad=True)", "import torch"),
    ),
    Honest(
        "its own copy",
        "Works in place, on a copy of its own.",
        "def normalise(X):\n    X = X.copy()\n"
        "    X /= np.maximum(X.sum(1), 1e-30)[:, None].astype(X.dtype)\n    return X",
    ),
    Honest("another name", "Renames the argument.", RIGHT.replace("X", "table")),
    Honest(
        "another argument",
        "Adds optional arguments.",
        normalise(head="def normalise(X, axis=1, *rest, eps=0, **more):"),
    ),
    Honest(
        "another call",
        "Another function of the library, and loops.",
        "def normalise(X):\n"
        "    return np.apply_along_axis(lambda r: r / (r.sum() or 1), 1, X)",
        largest("(lambda i: (x[i], i))(int(np.argsort(x)[-1]))"),
    ),
    Honest(
        "type hints",
        "Says what it takes and gives.",
        normalise(head="def normalise(X: np.ndarray) -> 'np.ndarray':"),
    ),
    Honest(
        "a lambda", "A function without `def`.", f"normalise = lambda X: {NORMALISED}"
    ),
    Honest(
        "a class",
        "An object that can be called.",
        f"class N:\n    def __call__(self, X): return {NORMALISED}\nnormalise = N()",
    ),
    Honest(
        "a decorator",
        "Decorated, as by a clock or a cache.",
        f"import functools\ndef timed(f):\n    @functools.wraps(f)\n"
        f"    def g(*a): return f(*a)\n    return g\n@timed\n{RIGHT}",
    ),
    Honest(
        "numpy's numbers",
        "NumPy's numbers for Python's.",
        largest="import numpy as np\n" + largest("np.max(x), np.int64(np.argmax(x))"),
    ),
    Honest(
        "arrays for numbers",
        "Arrays without axes for numbers.",
        largest=largest("np.array(x.max()), np.array(x.argmax())"),
    ),
    Honest(
        "a list for a tuple",
        "A list of the results.",
        largest=largest("[max(x), list(x).index(max(x))]"),
    ),
    Honest(
        "a named tuple",
        "A tuple with names.",
        largest="from collections import namedtuple\n"
        + "Best = namedtuple('Best', 'value index')\n"
        + largest("Best(x.max(), x.argmax())"),
    ),
    Honest(
        "an error of its own",
        "A kind of ValueError of its own.",
        largest="class Empty(ValueError): pass\n"
        + largest("x.max(), int(x.argmax())", "raise Empty('no numbers')"),
    ),
    Honest(
        "numpy's own error",
        "Leaves it to NumPy to raise the ValueError.",
        largest="def largest(x):\n    return np.max(x), int(np.argmax(x))",
    ),
    Honest(
        "magics",
        "Leaves magics of a notebook behind.",
        added="%matplotlib inline\n%load_ext autoreload\n%autoreload 2\n"
        "%config InlineBackend.figure_format = 'svg'",
    ),
    Honest(
        "an installation",
        "Installs what is there already.",
        added="!pip install -q numpy\n%pip install torch\n!ls -la > files.txt",
    ),
    Honest("a timed cell", "Measures how long its cell takes.", "%%time\n" + RIGHT),
    Honest(
        "a figure",
        "Draws what it has computed.",
        added="import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()",
    ),
    Honest("a broken cell", "A cell of its own that does not run.", added="1 / 0"),
    Honest(
        "a cell that waits for input",
        "A cell that asks who is there.",
        added="name = input('your name? ')",
    ),
    Honest(
        "print options",
        "Changes how numbers are printed.",
        added="np.set_printoptions(precision=1)\nnp.seterr(all='ignore')",
    ),
    Honest(
        "its own tests",
        "Tests its answers itself.",
        added=f"{RIGHT}\nassert np.allclose(normalise(np.eye(2)), np.eye(2))\n"
        "check('normalise', normalise)",
    ),
    Honest(
        "another import",
        "Imports things again, under other names.",
        "import numpy as np, numpy as xp, math\nfrom math import *\n"
        + RIGHT.replace("np.", "xp."),
    ),
    Honest(
        "global names",
        "Keeps state in global names.",
        "calls = 0\n" + normalise("global calls; calls += 1"),
    ),
    Honest(
        "a notebook run before",
        "Handed in with the outputs of a run.",
        edit=lambda n: (
            [
                c.update(
                    outputs=[
                        {"output_type": "stream", "name": "stderr", "text": "Warning"}
                    ],
                    execution_count=7,
                )
                for c in n["cells"]
                if c["cell_type"] == "code"
            ]
            and None
        ),
    ),
    Honest("tabs", "Indented with tabs.", f"def normalise(X):\n\treturn {NORMALISED}"),
    Honest(
        "other alphabets",
        "Names and comments in other alphabets.",
        "# 归一化 ∑ — «»\ndef normalise(X):\n    σ = X.sum(1)\n"
        "    return X / np.maximum(σ, 1e-300)[:, None]",
    ),
    Honest(
        "an awaiting cell",
        "A cell that awaits, as notebooks may.",
        added="import asyncio\nawait asyncio.sleep(0)",
    ),
    Honest(
        "processes of its own",
        "Computes in several processes and threads.",
        added="from multiprocessing import get_context\n"
        "with get_context('fork').Pool(2) as pool: print(pool.map(abs, [1, -2]))",
    ),
]
