"""How a verdict looks: a card in a notebook, a few lines elsewhere."""

from html import escape

from autograder.checking.verdict import NOT_ATTEMPTED, PASSED, Verdict

COLOURS = {PASSED: "#1a7f37", NOT_ATTEMPTED: "#9a6700"}
WRONG_COLOUR = "#cf222e"
MARKS = {PASSED: "✓", NOT_ATTEMPTED: "○"}


def headline(verdict: Verdict) -> str:
    """One line: mark, exercise, outcome, points."""
    mark = MARKS.get(verdict.outcome, "✗")
    score = "–" if verdict.score is None else f"{verdict.score:g}"
    return (
        f"{mark} {verdict.exercise}: {verdict.outcome}, "
        f"{score} of {verdict.points:g} points"
    )


def paragraphs(verdict: Verdict, show_values: bool) -> list[str]:
    """What to say below the headline, in the order of the stages."""
    lines = [verdict.message, verdict.sentence]
    if verdict.stage == "values":  # the cause first, then the first wrong number
        lines.reverse()
    lines = [line for line in lines if line]
    if show_values and verdict.detail:
        lines.append(verdict.detail)
    if verdict.note and verdict.stage not in ("raise", "missing"):
        lines.append(f"Seen with: {verdict.note}.")
    return lines


def as_text(verdict: Verdict, show_values=True, closing="") -> str:
    """The verdict as plain text."""
    lines = [headline(verdict), *paragraphs(verdict, show_values)]
    return "\n  ".join(lines + [closing] * bool(closing))


def as_html(verdict: Verdict, show_values=True, closing="") -> str:
    """The verdict as a card, readable on light and dark pages, all text escaped."""
    colour = COLOURS.get(verdict.outcome, WRONG_COLOUR)
    body = [
        f'<div style="color:{colour};font-weight:600">{escape(headline(verdict))}</div>'
    ]
    for line in paragraphs(verdict, show_values):
        strong = line == verdict.sentence
        code = line == verdict.detail
        text = escape(line)
        text = f"<strong>{text}</strong>" if strong else text
        text = f"<code>{text}</code>" if code else text
        body.append(f'<div style="margin-top:.3em">{text}</div>')
    if closing:
        body.append(f'<div style="margin-top:.3em;opacity:.8">{escape(closing)}</div>')
    style = (
        f"border-left:4px solid {colour};padding:.5em .9em;margin:.3em 0;"
        "font-family:system-ui,sans-serif;line-height:1.45"
    )
    return f'<div style="{style}">{"".join(body)}</div>'
