"""The figures of the class report, as SVG that takes its text colours from the page."""

import io
import unicodedata
import warnings
from dataclasses import dataclass
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from autograder.checking.verdict import (
    ERROR,
    INFRASTRUCTURE,
    LIMIT,
    NOT_ATTEMPTED,
    PASSED,
    TIMEOUT,
    WRONG,
)

MISSING = "not handed in"
UNREADABLE = "unreadable"
BINS = 10
BAR_COLOUR = "#228833"

# stand for the page's own colours, so that one drawing serves light, dark and print
INK, SOFT, LINE = "#010203", "#040506", "#070809"
PAGE_COLOURS = {INK: "var(--ink)", SOFT: "var(--soft)", LINE: "var(--line)"}
SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "class report"}

CELL = 18
NAME_WIDTH = 22
BAR_HEIGHT = 18
BAR_PITCH = 46
BAR_WIDTH = 346
LETTER_WIDTH = 7


@dataclass(frozen=True)
class Look:
    """How an outcome is drawn: its colour ("" is hollow), its letter, what it means."""

    colour: str
    letter: str
    meaning: str
    letter_colour: str = "#111111"


LOOKS = {
    PASSED: Look("#4477AA", "", "passed"),
    WRONG: Look("#EE6677", "W", "wrong"),
    ERROR: Look("#AA3377", "E", "raised an error", "#ffffff"),
    TIMEOUT: Look("#CCBB44", "T", "took too long"),
    LIMIT: Look("#66CCEE", "L", "went over a limit"),
    NOT_ATTEMPTED: Look("#BBBBBB", "N", "not attempted"),
    INFRASTRUCTURE: Look("", "?", "not graded", INK),
    UNREADABLE: Look("", "U", "unreadable", INK),
    MISSING: Look("", "–", "not handed in", SOFT),
}


def fit(text: str, limit: int) -> str:
    """Return `text` in one line of at most `limit` columns, shortened with "…"."""
    text = " ".join(text.split())
    widths = [2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text]
    if sum(widths) <= limit:
        return text
    while sum(widths) > limit - 1:
        widths.pop()
    return text[: len(widths)].rstrip() + "…"


def in_bins(shares: list[float]) -> list[int]:
    """How many shares (0 to 1) fall into each tenth; a full 1 counts to the last."""
    counts = [0] * BINS
    for share in shares:
        counts[min(int(share * BINS + 1e-9), BINS - 1)] += 1
    return counts


def histogram(key: str, shares: list[float], alt: str, size) -> Markup:
    """How many students have which share of the points; size: in px."""
    counts = in_bins(shares)
    figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72)
    margin = 20 / size[0]
    axes = figure.add_axes((margin, 40 / size[1], 1 - 2 * margin, 1 - 62 / size[1]))
    bars = axes.bar(range(BINS), counts, width=0.92, align="edge", color=BAR_COLOUR)
    labels = [str(count) if count else "" for count in counts]
    axes.bar_label(bars, labels, padding=2, color=INK, fontsize=11)
    axes.set_xlim(0, BINS)
    axes.set_ylim(0, max(1, *counts))
    axes.set_xticks([0, BINS / 2, BINS], ["0 %", "50 %", "100 %"], color=INK)
    axes.tick_params(color=LINE, labelsize=11)
    axes.set_xlabel("share of the points", color=SOFT, fontsize=11)
    axes.set_yticks([])
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    return _as_svg(figure, key, alt)


def outcome_bars(key: str, rows: list[tuple[str, dict]], alt: str) -> Markup:
    """One stacked bar an exercise; rows: its name, and how many by outcome."""
    figure, axes = _canvas(BAR_WIDTH, len(rows) * BAR_PITCH)
    for i, (name, counts) in enumerate(rows):
        top = i * BAR_PITCH + 20
        passed, total = counts.get(PASSED, 0), sum(counts.values())
        rate = f"{passed} of {total}, {passed / total:.0%}" if total else "none graded"
        _write(axes, 0, top - 9, fit(name, 30))
        _write(axes, BAR_WIDTH, top - 9, rate.replace("%", " %"), ha="right")
        box = {"fc": "none", "ec": LINE, "clip_on": False}
        axes.add_patch(Rectangle((0, top), BAR_WIDTH, BAR_HEIGHT, **box))
        start = 0.0
        for outcome, look in LOOKS.items():
            width = BAR_WIDTH * counts.get(outcome, 0) / total if total else 0
            _segment(axes, start, top, width, look, counts.get(outcome, 0))
            start += width
    return _as_svg(figure, key, alt)


def _segment(axes, start, top, width, look, count):
    if not count:
        return
    # a gap of 1 px keeps neighbours apart without their colours
    axes.add_patch(
        Rectangle(
            (start, top), max(width - 1, 1), BAR_HEIGHT, fc=look.colour, ec="none"
        )
    )
    label = f"{look.letter} {count}" if look.letter else ""
    if len(label) * LETTER_WIDTH + 4 > width:
        label = look.letter
    if label and len(label) * LETTER_WIDTH + 3 <= width:
        middle = top + BAR_HEIGHT / 2
        style = {"ha": "center", "color": look.letter_colour, "fontsize": 11}
        _write(axes, start + (width - 1) / 2, middle, label, **style)


def outcome_map(
    key: str,
    students: list[str],
    chapters: list[tuple[str, list[str]]],
    outcomes: dict[tuple[int, int], str],
    alt: str,
    widest: int = 0,
) -> Markup:
    """Students by exercises, each cell coloured and lettered by its outcome.

    chapters: name and exercises of each. outcomes: by row and column, columns counted
    through all chapters. widest: letters to keep room for on the left, at least.
    """
    columns = _column_centres(chapters)
    names = [fit(name, 28) for _, exercises in chapters for name in exercises]
    letters = max(widest, *map(len, students))
    left = 14 + round(6.5 * min(letters, NAME_WIDTH))
    top = 26 + round(6.1 * max(map(len, names)))
    right = max(columns[-1] + CELL / 2, 7 * len(chapters[0][0]))
    figure, axes = _canvas(left + right + 6, top + len(students) * CELL + 4)
    first = 0
    for name, exercises in chapters:
        fits = 7 * len(name) <= len(exercises) * CELL or len(chapters) == 1
        label = name if fits else name.partition("_")[0]
        start = left + columns[first] - CELL / 2
        _write(axes, start, 9, label, fontweight="bold", fontsize=11)
        first += len(exercises)
    for x, name in zip(columns, names, strict=True):
        style = {"rotation": 90, "va": "bottom", "ha": "center", "fontsize": 11}
        _write(axes, left + x, top - 5, name, **style)
    for row, student in enumerate(students):
        y = top + (row + 0.5) * CELL
        _write(axes, left - 8, y, fit(student, NAME_WIDTH), ha="right", fontsize=11)
    centres = {
        (row, column): (left + columns[column], top + (row + 0.5) * CELL)
        for row, column in outcomes
    }
    for outcome, look in LOOKS.items():
        _marks(axes, look, [centres[at] for at, o in outcomes.items() if o == outcome])
    return _as_svg(figure, key, alt)


def _column_centres(chapters):
    """Where the columns stand, with a gap between chapters."""
    centres, start = [], 0.0
    for _, exercises in chapters:
        centres += [start + (i + 0.5) * CELL for i in range(len(exercises))]
        start += len(exercises) * CELL + CELL / 2
    return centres


def _marks(axes, look, places):
    if not places:
        return
    xs, ys = zip(*places, strict=True)
    box = {"mfc": look.colour or "none", "mec": "none" if look.colour else LINE}
    size = CELL - (1 if look.colour else 2)
    axes.plot(xs, ys, ls="none", marker="s", ms=size, clip_on=False, **box)
    if look.letter:
        letter, colour = rf"$\mathrm{{{look.letter}}}$", look.letter_colour
        style = {"ls": "none", "clip_on": False, "mfc": colour, "mec": "none"}
        axes.plot(xs, ys, marker=letter, ms=6 if look.letter == "–" else 9, **style)


def _canvas(width, height):
    """A figure whose axes count pixels, from the top left corner."""
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def _write(axes, x, y, text, **style):
    # a student's "$" is no formula
    style = {"va": "center", "color": INK, "fontsize": 12} | style
    axes.text(x, y, text, parse_math=False, **style)


def _as_svg(figure, key, alt) -> Markup:
    """The figure as an SVG element; key: makes its ids unique within the page."""
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    buffer = io.StringIO()
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        # the browser has letters that the measuring font lacks
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())
    _adapt(root, key)
    width, height = (float(part) for part in root.get("viewBox").split()[2:])
    root.attrib.update({"width": f"{width:g}", "height": f"{height:g}"})
    root.attrib.update({"role": "img", "aria-label": alt})
    root.attrib.pop("version", None)
    for element in root.iter():  # HTML needs no namespaces
        element.tag = element.tag.removeprefix(SVG)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _adapt(parent, key):
    """Take what is not needed out of a tree, let the rest follow the page's style."""
    for child in list(parent):
        if child.tag in (f"{SVG}metadata", f"{SVG}style"):
            parent.remove(child)
            continue
        _adapt(child, key)
        _adapt_attributes(child, key)
    styles = {child.get("style") for child in parent}
    if len(styles) == 1 and all(child.tag == f"{SVG}use" for child in parent):
        parent.set("style", styles.pop() or "")
        for child in parent:
            child.attrib.pop("style", None)


def _adapt_attributes(element, key):
    name = element.attrib.pop("id", None)
    if name and element.tag in (f"{SVG}path", f"{SVG}clipPath"):
        element.set("id", f"{key}-{name}")
    target = element.attrib.pop(HREF, None)
    if target:
        element.set("href", f"#{key}-{target.removeprefix('#')}")
    if "clip-path" in element.attrib:
        element.set("clip-path", element.get("clip-path").replace("#", f"#{key}-"))
    parts = (part.strip() for part in element.attrib.pop("style", "").split(";"))
    kept = "; ".join(p for p in parts if p and not p.startswith("font-family"))
    for colour, variable in PAGE_COLOURS.items():
        kept = kept.replace(colour, variable)
    if kept:
        element.set("style", kept)
