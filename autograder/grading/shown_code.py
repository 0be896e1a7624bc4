"""Students' code on a page: coloured where that is quick, cut where it has no end."""

import functools

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.grading.texts import clean

# of one page, in characters
MAX_SHOWN = 400_000
MAX_COLOURED = 50_000
# the rules that colour code can take time with the square of a line
MAX_LINE = 200
CUT = "\n… (cut)"


class ShownCode:
    """The code and text of one page; what is shown first has the room."""

    def __init__(self):
        self._room = MAX_SHOWN
        self._colours = MAX_COLOURED

    def text(self, source: str) -> str:
        """The source, cut where the page is full."""
        source = clean(source, 100_000)
        shown = source if len(source) <= self._room else source[: self._room] + CUT
        self._room = max(0, self._room - len(source))
        return shown

    def html(self, source: str) -> Markup:
        """The same as HTML, in colours where there is time for them."""
        source = self.text(source)
        if self.is_coloured(source):
            return Markup(_coloured(source))
        return Markup('<div class="code"><pre>{}</pre></div>').format(escape(source))

    def is_coloured(self, source: str) -> bool:
        """Whether there is time to colour a source; takes that time."""
        lines = source.split("\n")
        if len(source) > self._colours or max(map(len, lines)) > MAX_LINE:
            return False
        self._colours -= len(source)
        return True


@functools.cache
def style_of(name: str) -> str:
    """The style sheet of a colour scheme of Pygments."""
    return HtmlFormatter(style=name).get_style_defs(".code")


@functools.lru_cache(512)  # stubs, and what many write alike
def _coloured(source):
    return highlight(source, _lexer(), _formatter())


@functools.cache
def _formatter():
    return HtmlFormatter(cssclass="code")


@functools.cache
def _lexer():
    return PythonLexer()
