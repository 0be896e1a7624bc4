"""What must hold of every page and every line that people read."""

import functools
import re
import sys
from pathlib import Path

import numpy as np
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader import handlers

from autograder.grading.run import GradingRun

REPOSITORY = Path(__file__).resolve().parents[2]
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
ACTIVE = "script iframe object embed link base form input audio video template".split()
# what a terminal obeys, and what turns the order of letters around
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
PLACES = (sys.prefix, sys.base_prefix, "/usr/", "site-packages", "/home/", "/tmp/")


def assert_is_printable(text):
    """No escape sequence, no control, no half character."""
    assert CONTROLS.search(text) is None, CONTROLS.search(text)
    text.encode("utf-8")


def assert_is_harmless(html):
    """A page that runs nothing and asks nobody, whatever a student wrote."""
    assert_is_printable(html)
    page = BeautifulSoup(html, "html.parser")
    policy = page.head.find("meta", {"http-equiv": "Content-Security-Policy"})
    assert policy["content"] == POLICY
    assert page(ACTIVE) == []
    for tag in page():
        assert_attributes_are_harmless(tag)
    return page


def assert_attributes_are_harmless(tag):
    for name, value in tag.attrs.items():
        assert not name.startswith("on"), f"{tag.name} {name}"
        if name in ("href", "src", "xlink:href", "action", "srcset", "data"):
            assert value.startswith(("#", "data:image/png;base64,", "feedback/")), value
        if name == "style":
            assert "url(" not in value and "@import" not in value


def assert_names_no_place(page, course):
    """Nothing but the student's own code may hold a path of this machine."""
    for code in page.select(".code"):
        code.decompose()
    text = page.get_text()
    for place in (*PLACES, str(REPOSITORY), str(course.root)):
        assert place not in text, text[max(0, text.find(place) - 80) :][:200]


@functools.cache
def formgraders_exporter(course):
    """The exporter that formgrader makes of the course's configuration."""
    config = course.config
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    return HTMLExporter(config=config)


def formgraders_view(course, path):
    """An autograded notebook as formgrader shows it; harmless, or it fails."""
    names = "assignment_id notebook_id submission_id student base_url".split()
    names += ["last_name", "first_name", "notebook_path"]
    resources = dict.fromkeys(names, "") | {"index": 0, "total": 1}
    html, _ = formgraders_exporter(course).from_filename(str(path), resources=resources)
    page = BeautifulSoup(html, "html.parser")
    view = page.find(id="notebook-container")
    for own in view.select("input.score, input.extra-credit, textarea, button"):
        own.decompose()  # where points are given by hand
    assert view(ACTIVE) == []
    for tag in view():
        assert_attributes_are_harmless(tag)
    return view


# --- what is hidden -------------------------------------------------------------


def hidden_numbers(course, seed) -> set[str]:
    """The hidden inputs and answers, as they might be written."""
    (chapter,) = course.chapters.values()
    run = GradingRun(course, seed).of(chapter)
    cases = [case for cases in run.hidden.values() for case in cases]
    arrays = [array for case in cases for array in _arrays(case)]
    public = {w for cases in run.public.values() for w in _written_all(cases)}
    return {w for array in arrays for w in _written(array)} - public


def _written_all(cases):
    return {w for case in cases for array in _arrays(case) for w in _written(array)}


def _arrays(case):
    values = [*case.inputs.values()]
    expected = case.expected.value
    values += expected if isinstance(expected, tuple) else [expected]
    return [value for value in values if isinstance(value, (np.ndarray, np.floating))]


def _written(array):
    numbers = np.asarray(array).ravel().tolist()
    texts = [t for n in numbers for t in (f"{n:.6g}", repr(n)[:8], _digits(n))]
    return {text for text in texts if len(text) >= 6}


def _digits(number):
    """The first digits without a point, as a size or a count might spell them."""
    return str(int(abs(number) * 1e5)) if abs(number) >= 1 else ""
