"""Reading it later: what a browser, a terminal or a person meets in the results.

Each is read in the feedback, in the report, and in the autograded notebook as
formgrader shows it, in the session of the instructor.
"""

import functools
import pickle
import subprocess
import sys
import time

import pytest
from attack import (
    BEST,
    ERROR,
    MARK,
    PASSED,
    REACH,
    RIGHT,
    Attack,
    cell_of,
    insert_after,
)
from page_checks import formgraders_view

HONEST = {"normalise": RIGHT, "largest": BEST, "earns": PASSED}
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)>"
ESCAPES = "\\x1b[2J\\x1b]0;owned\\x07\\x1b]8;;http://a.example\\x1b\\\\\\x9b31m\\x08\\r"
TURNED = "\\u202e\\u2066right\\u2069\\u200f"
# what a cell may say it drew, where it has replaced the code that says so
DRAWING = f"""\
{REACH}
import numpy
def drawn(data):
    run = process._run_cell
    def forged(*arguments):
        drawing = [numpy.frombuffer(data, "u1")] * 4
        return dict(run(*arguments), figures=drawing)
    process._run_cell = forged
PNG = b"\\x89PNG\\r\\n\\x1a\\n"
"""


def markdown(text, **more):
    cell = {"cell_type": "markdown", "source": text, "metadata": {}, **more}
    return lambda notebook: insert_after(notebook, "normalise", cell)


def attached(notebook):
    svg = {"image/svg+xml": "PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+"}
    page = {"text/html": SCRIPT}
    files = {"a.svg": svg, "b.html": page}
    markdown("![a](attachment:a.svg) ![b](attachment:b.html)", attachments=files)(
        notebook
    )


def with_outputs(notebook):
    kinds = {
        "text/html": SCRIPT,
        "application/javascript": "alert(1)",
        "image/svg+xml": "<svg onload='alert(1)'/>",
        "text/markdown": SCRIPT,
        "text/latex": r"$\href{javascript:alert(1)}{x}$",
        "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
    }
    output = {"output_type": "display_data", "data": kinds, "metadata": {}}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [output]


def odd_ids(notebook):
    insert_after(notebook, "normalise", 'x = 1  # "><script>alert(1)</script>')
    cell = cell_of(notebook, "normalise")
    cell["metadata"]["tags"] = ['"><script>alert(1)</script>', "demo", "hide-input"]
    added = notebook["cells"][notebook["cells"].index(cell) + 1]
    added["id"] = '"><script>alert(1)</script>'
    notebook["metadata"]["title"] = SCRIPT
    notebook["metadata"]["kernelspec"] = {"name": "../x", "display_name": SCRIPT}


class Pickled:
    """What a `pickle.load` on the grader's side would run."""

    def __reduce__(self):
        return subprocess.call, ([sys.executable, "-c", f"open('/tmp/{MARK}', 'w')"],)


def pickles(path):
    data = pickle.dumps(Pickled())
    for name in ("results.pkl", "model.pt", "points.npy", "cases.json", "a.csv"):
        (path.parent / name).write_bytes(data)


MARKDOWN = [
    Attack(
        "a script in a text",
        "Markdown with scripts and handlers of events.",
        edit=markdown(f"# Hi\n{SCRIPT}\n<a onclick=alert(1)>x</a>"),
        **HONEST,
    ),
    Attack(
        "a remote image",
        "An image that tells its owner who reads it, and when.",
        edit=markdown("![x](http://a.example/x.png) <img src='//a.example/y.png'>"),
        **HONEST,
    ),
    Attack(
        "a link that acts",
        "Links that run a script, in HTML, markdown and TeX.",
        edit=markdown(
            "[a](javascript:alert(1)) <a href='javascript:alert(1)'>b</a> "
            r"[c](data:text/html;base64,PHM+) $\href{javascript:1}{d}$"
        ),
        **HONEST,
    ),
    Attack(
        "a style of its own",
        "Styles that cover the page with another one.",
        edit=markdown(
            "<style>body{display:none}</style><div style='position:fixed;"
            "background:url(//a.example)'>100 points</div></pre></div>"
        ),
        **HONEST,
    ),
    Attack(
        "a form",
        "A form that asks the instructor for a password.",
        edit=markdown(
            "<form action='//a.example'><input name=password></form>"
            "<iframe src='//a.example'></iframe><base href='//a.example'>"
        ),
        **HONEST,
    ),
    Attack(
        "an attachment",
        "An image with a script, attached to a text.",
        edit=attached,
        **HONEST,
    ),
    Attack(
        "a deep text",
        "HTML nested so deeply that a parser's stack ends.",
        edit=markdown("<div>" * 20_000 + "> " * 5_000 + "* " * 5_000),
        **HONEST,
    ),
]
SAID = [
    Attack(
        "outputs of its own",
        "Outputs of every kind that runs in a browser.",
        edit=with_outputs,
        **HONEST,
    ),
    Attack(
        "odd names in the notebook",
        "Ids, tags, titles and kernels that are HTML.",
        edit=odd_ids,
        **HONEST,
    ),
    Attack(
        "printed HTML",
        "Prints scripts, the ends of tags, and templates.",
        trick=f"print({SCRIPT!r} * 3)\n"
        "print('</pre></div></body>{{ 7 * 7 }}{% raw %}&lt;<!--')",
        says=r"\{\{ 7 \* 7 \}\}",
    ),
    Attack(
        "printed escapes",
        "Prints what a terminal obeys: titles, links, clearing.",
        trick=f"print('{ESCAPES}' * 5)\nprint('{TURNED}')\nsys.stderr.write('\\a')",
    ),
    Attack(
        "an exception that is HTML",
        "An exception whose name and message are HTML.",
        normalise=f"Odd = type({SCRIPT!r}, (Exception,), {{}})\n"
        f"def normalise(X): raise Odd({SCRIPT!r})",
        largest=f"raise type({SCRIPT!r}, (Exception,), {{}})({SCRIPT!r})",
        earns=ERROR,
        says="<script>alert",
    ),
    Attack(
        "an exception of escapes",
        "An exception whose name and message are escapes.",
        normalise=f"Odd = type('{ESCAPES}{TURNED}', (Exception,), {{}})\n"
        f"def normalise(X): raise Odd('{ESCAPES}{TURNED}')",
        largest=f"raise type('O{ESCAPES}', (Exception,), {{}})('{ESCAPES}{TURNED}')",
        earns=ERROR,
    ),
    Attack(
        "a line that is HTML",
        "The line that raises, which is shown, is HTML.",
        normalise=f"def normalise(X):\n    return X[99]  # {SCRIPT}",
        largest=f"largest = undefined  # {SCRIPT}",
        earns=ERROR,
    ),
    Attack(
        "a type that is HTML",
        "Returns an object whose type is named like HTML.",
        normalise=f"def normalise(X): return type({SCRIPT!r}, (), {{}})()",
        largest=f"def largest(x): return {SCRIPT!r}, '{ESCAPES}'",
    ),
    Attack(
        "code that reads otherwise",
        "Code that reads otherwise than it runs.",
        normalise=f"# \u202e\u2066 X / 0 \u2069\u2066\n{RIGHT}",
        trick="points = 'five' # \u202e evif \u2066",
        largest=BEST,
        earns=PASSED,
    ),
    Attack(
        "code that is HTML",
        "Code that ends the elements it is shown in.",
        trick="'''</code></pre></div><script>alert(1)</script>'''\n"
        '# </span><img src=x onerror="alert(1)">',
    ),
    Attack(
        "slow to colour",
        "Code for which a page's colours take hours.",
        trick="x = '\"%' + '" + '"%' + "0" * 90_000 + "'",
        late='"%' + "0" * 150_000 + '"',
    ),
    Attack(
        "lines without end",
        "Code of 3 MB, which makes a page that no one can open.",
        edit=lambda n: (
            [insert_after(n, "setup", "# one more\n" * 16_000) for _ in range(17)]
            and None
        ),
        says="cut",
        **HONEST,
    ),
]
DRAWN = [
    Attack(
        "a figure that is a page",
        "A figure that is HTML behind the marks of a PNG.",
        trick=f"{DRAWING}drawn(PNG + b'<script>alert(1)</script>' * 9)",
    ),
    Attack(
        "a figure that is an SVG",
        "A figure that is an SVG with a script.",
        trick=f"{DRAWING}drawn(b'<svg onload=\"alert(1)\"/>')",
    ),
    Attack(
        "a figure of 10 gigapixels",
        "A small file that a browser cannot unpack.",
        trick=DRAWING + "size = struct.pack('>IIIBBBBB', 13, 10**5, 10**5, 8, 2, 0, 0"
        ", 0)\ndrawn(PNG + size[:4] + b'IHDR' + size[4:])",
    ),
    Attack(
        "figures of 80 MB",
        "Figures of 4 MB each, said to be drawn by every cell.",
        trick=f"{DRAWING}head = struct.pack('>I4sII', 13, b'IHDR', 9, 9)\n"
        "drawn(PNG + head + bytes(4 * 10**6))",
    ),
    Attack(
        "a pickle",
        "Files that run a command when they are loaded.",
        place=pickles,
        **HONEST,
    ),
]
ATTACKS = [*MARKDOWN, *SAID, *DRAWN]


@pytest.fixture(scope="module")
def formgrader(course_once):
    """Formgrader's own exporter, as this course configures it."""
    return functools.partial(formgraders_view, course_once)


@pytest.mark.parametrize("attack", DRAWN, ids=str)
def test_what_is_no_figure_is_not_shown(settled, attack):
    settled.undergo(attack)
    assert "<img" not in settled.page().read_text()
    assert "image/png" not in settled.notebook().read_text()


@pytest.mark.parametrize("attack", MARKDOWN + SAID, ids=str)
def test_reading_later(settled, formgrader, attack):
    settled.undergo(attack)
    begin = time.monotonic()
    view = formgrader(settled.notebook())
    assert time.monotonic() - begin < 20
    assert view.select_one("#notebook-container, main") is not None
    for page in (settled.page(), settled.notebook(), settled.course.report):
        assert page.stat().st_size < 10 * 2**20
