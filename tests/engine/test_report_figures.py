"""The figures of the class report by themselves."""

import warnings

import pytest
from bs4 import BeautifulSoup

from autograder.checking.verdict import INFRASTRUCTURE, PASSED, TIMEOUT, WRONG
from autograder.grading import report_figures as figures


def _texts(svg):
    return [text.get_text() for text in BeautifulSoup(svg, "html.parser")("text")]


@pytest.mark.parametrize(
    ("shares", "place"),
    [([0.0], 0), ([0.0999], 0), ([0.1], 1), ([0.3], 3), ([0.7], 7), ([1.0], 9)],
)
def test_shares_fall_into_tenths(shares, place):
    counts = figures.in_bins(shares)
    assert counts[place] == 1 and sum(counts) == 1


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("a\nb", 9, "a b"), ("李小龙", 5, "李小…")],
)
def test_names_are_fitted(text, limit, expected):
    assert figures.fit(text, limit) == expected


def test_a_bar_says_how_many_passed():
    rows = [("softmax", {PASSED: 3, WRONG: 1}), ("mask", {}), ("heads", {TIMEOUT: 2})]
    texts = _texts(figures.outcome_bars("bars", rows, "alt"))
    assert texts[:3] == ["softmax", "3 of 4, 75 %", "W 1"]
    assert texts[3:] == ["mask", "none graded", "heads", "0 of 2, 0 %", "T 2"]


def test_a_map_has_a_mark_for_every_outcome_but_passed():
    cells = {(0, 0): PASSED, (0, 1): WRONG, (0, 2): INFRASTRUCTURE}
    chapters = [("ch01_a", ["one", "two"]), ("ch02_b", ["three"])]
    svg = figures.outcome_map("map", ["ada"], chapters, cells, "alt")
    page = BeautifulSoup(svg, "html.parser")
    assert len(page("use")) == 5
    assert _texts(svg) == ["ch01", "ch02", "one", "two", "three", "ada"]


def test_letters_without_a_glyph_are_left_to_the_browser():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = figures.outcome_map("m", ["李"], [("c", ["e"])], {(0, 0): PASSED}, "alt")
    assert "李" in _texts(svg)


def test_colours_of_text_come_from_the_page():
    svg = figures.histogram("h", [0.5], 'of "all" <students>', (350, 210))
    assert "var(--ink)" in svg and figures.INK not in svg
    assert "font-family" not in svg
    root = BeautifulSoup(svg, "html.parser").svg
    assert root["aria-label"] == 'of "all" <students>'
    assert (root["width"], root["height"]) == ("350", "210")
