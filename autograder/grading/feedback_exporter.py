"""The feedback page: an nbconvert exporter, so that nbgrader uses it as it stands.

Every text of a student goes through `clean` and Jinja's autoescape; no markdown, HTML
or SVG of a submission is ever rendered, and the page's policy forbids scripts.
"""

import functools
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from nbconvert.exporters import Exporter

from autograder.checking.card import MARKS, paragraphs
from autograder.checking.verdict import PASSED, Verdict
from autograder.grading.grade import METADATA_KEY
from autograder.grading.shown_code import ShownCode, style_of
from autograder.grading.texts import clean
from autograder.grading.transplant import ADDED, NOTES

LIGHT, DARK = "default", "github-dark"


class FeedbackExporter(Exporter):
    """Renders an autograded notebook, with the gradebook's scores, as one HTML page."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb, resources=None, **kwargs):
        nb, resources = super().from_notebook_node(nb, resources, **kwargs)
        return render(nb, resources["nbgrader"]), resources


def render(nb, names) -> str:
    """The page of a notebook whose cells hold their scores.

    names: "student", "notebook", "score", "max_score" and "late_penalty".
    """
    code = ShownCode()
    return _template().render(
        names=names,
        notes=nb.metadata.get(NOTES, []),
        exercises=list(_exercises(nb, code)),
        added=[_shown(cell, code) for cell in nb.cells if _is_added(cell)],
        light=style_of(LIGHT),
        dark=style_of(DARK),
    )


@functools.cache
def _template():
    folder = Path(__file__).parent
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True)
    environment.filters["clean"] = lambda text: clean(str(text))
    return environment.get_template("feedback.html.j2")


def _exercises(nb, code):
    """What the page says of each exercise, in order."""
    solutions = {cell.id: cell for cell in nb.cells}
    for cell in nb.cells:
        graded = cell.metadata.get("nbgrader", {})
        if not graded.get("grade"):
            continue
        name = graded["grade_id"].removeprefix("test_")
        solution = solutions.get(name)
        yield {
            "name": name,
            "score": graded.get("score"),
            "points": graded.get("points"),
            "comment": solution and solution.metadata.nbgrader.get("comment"),
            "solution": solution and _shown(solution, code),
            **_verdict(cell),
        }


def _verdict(cell):
    data = cell.metadata.get(METADATA_KEY)
    if data is None:  # graded by something else
        return {"outcome": "", "mark": "", "paragraphs": [], "sentence": ""}
    verdict = Verdict(**{k: v for k, v in data.items() if k != "score"})
    return {
        "outcome": verdict.outcome,
        "mark": MARKS.get(verdict.outcome, "✗"),
        "passed": verdict.outcome == PASSED,
        "paragraphs": paragraphs(verdict, show_values=True),
        "sentence": verdict.sentence,
    }


def _is_added(cell):
    return ADDED in cell.metadata.get("tags", [])


def _shown(cell, code):
    """A cell's code, highlighted, and what it printed, drew and raised."""
    outputs = cell.get("outputs", [])
    is_code = cell.cell_type == "code"
    return {
        "code": code.html(cell.source) if is_code else "",
        "text": "" if is_code else code.text(cell.source),
        "printed": "".join(o.text for o in outputs if o.output_type == "stream"),
        "raised": [o.evalue for o in outputs if o.output_type == "error"],
        "figures": [
            o.data["image/png"]
            for o in outputs
            if o.output_type == "display_data" and "image/png" in o.data
        ],
    }
