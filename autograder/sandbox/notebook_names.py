"""What a cell may use that plain Python lacks: magics, ``display``, ``get_ipython``.

Students leave ``%matplotlib inline`` or ``!pip install`` behind. Such lines must cost
nothing: magics that run code run it, all others do nothing.
"""

import ast
import inspect

CELL_MAGICS_THAT_RUN = ("time", "timeit", "capture", "prun")


class QuietShell:
    """Stands in for IPython's shell; runs no command and changes no setting."""

    def __init__(self, namespace):
        self._namespace = namespace

    def run_line_magic(self, name, line, *_, **__):
        if name in ("time", "prun") and line.strip():
            run_code(line, "<line>", self._namespace)

    def run_cell_magic(self, name, line, cell):
        if name in CELL_MAGICS_THAT_RUN:
            run_code(cell, "<cell>", self._namespace)

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


def run_code(source, filename, namespace):
    """Run a cell's source; a cell that awaits has an event loop of its own."""
    code = compile_cell(source, filename)
    if code.co_flags & inspect.CO_COROUTINE:
        import asyncio  # few cells need it

        asyncio.run(eval(code, namespace))
    else:
        exec(code, namespace)


def compile_cell(source, filename):
    """Compile a cell; IPython's syntax is translated only when Python refuses it."""
    try:
        return _compile(source, filename)
    except SyntaxError:
        translated = _translate(source)
        if translated.strip() == source.strip():
            raise
    return _compile(translated, filename)


def _compile(source, filename):
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compile(source, filename, "exec", flags, dont_inherit=True)


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
