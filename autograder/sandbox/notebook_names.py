"""What a cell may use that plain Python lacks: magics, ``display``, ``get_ipython``.

Students leave ``%matplotlib inline`` or ``!pip install`` behind. Such lines must cost
nothing: magics that run code run it, all others do nothing.
"""

CELL_MAGICS_THAT_RUN = ("time", "timeit", "capture", "prun")


class QuietShell:
    """Stands in for IPython's shell; runs no command and changes no setting."""

    def __init__(self, namespace):
        self._namespace = namespace

    def run_line_magic(self, name, line, *_, **__):
        if name in ("time", "prun") and line.strip():
            exec(line, self._namespace)

    def run_cell_magic(self, name, line, cell):
        if name in CELL_MAGICS_THAT_RUN:
            exec(compile_cell(cell, "<cell>"), self._namespace)

    def system(self, command):
        """Do nothing: no command runs when grading."""

    def getoutput(self, command, *_, **__):
        """An empty output: no command runs when grading."""
        return []


def notebook_names() -> dict:
    """The names that a fresh notebook starts with."""
    namespace = {"__name__": "__main__", "display": _display}
    shell = QuietShell(namespace)
    namespace["get_ipython"] = lambda: shell
    return namespace


def compile_cell(source, filename):
    """Compile a cell; IPython's syntax is translated only when Python refuses it."""
    try:
        return compile(source, filename, "exec")
    except SyntaxError:
        translated = _translate(source)
        if translated.strip() == source.strip():
            raise
    return compile(translated, filename, "exec")


def _translate(source):
    """The cell in plain Python; as it stands where there is nothing to translate."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return TransformerManager().transform_cell(source)
    except SyntaxError:
        return source


def _display(*things, **_):
    for thing in things:
        print(repr(thing))
