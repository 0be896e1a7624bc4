"""The class report: one HTML page about a class, made from what is on disk."""

import os
from collections import Counter, defaultdict
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import median

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from autograder.checking.verdict import ERROR, INFRASTRUCTURE, PASSED, WRONG
from autograder.course.chapter import Chapter
from autograder.course.layout import Course
from autograder.grading import report_figures as figures
from autograder.grading.report_results import ClassResults, Place, read_results
from autograder.grading.texts import clean

TEMPLATE = "report.html.j2"
NAME_LIMIT = 60
TEXT_LIMIT = 1_000
MAP_ROWS = 40
MAP_COLUMNS = 44
MISCONCEPTIONS = 20


def write_report(course: Course, chapters: list[Chapter], made_from: str = "") -> Path:
    """Write the report and return its path; raises Problem when there is no student.

    made_from: names the state of the class, see `report_state`.
    """
    page = as_html(read_results(course, chapters), made_from)
    course.report.parent.mkdir(parents=True, exist_ok=True)
    part = course.report.with_suffix(".part")
    part.write_text(page, encoding="utf-8")
    os.replace(part, course.report)
    return course.report


def as_html(results: ClassResults, made_from: str = "") -> str:
    """The page; the same results give the same page."""
    held = _misconceptions(results)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = "{:g}".format
    environment.filters["percent"] = _percent
    return environment.get_template(TEMPLATE).render(
        made_from=made_from,
        course_id=shown(results.course_id),
        counts=_counts(results),
        chapters=results.chapters,
        points=results.points,
        summary=_summary(results),
        total=_total(results),
        distributions=[_distribution(results, c) for c in results.chapters],
        looks=_legend(results),
        panels=_panels(results),
        exercises=[_rates(results, chapter) for chapter in results.chapters],
        misconceptions=held[:MISCONCEPTIONS],
        rarer=len(held[MISCONCEPTIONS:]),
        named=_named(results),
        missing=[_missing(results, chapter) for chapter in results.chapters],
        unreadable=_listed(results, lambda p: p.problem, lambda p: p.problem),
        ungraded=_listed(results, lambda p: p.is_ungraded, lambda p: p.reason),
        old=_listed(results, lambda p: p.is_old, lambda _: ""),
        noticed=_listed(results, lambda p: p.notes, lambda p: " ".join(p.notes)),
        unwalled=_listed(results, lambda p: p.is_unwalled, lambda _: ""),
    )


def shown(text: str, limit: int = NAME_LIMIT) -> str:
    """Text from outside as one printable line; never empty."""
    line = " ".join(clean(text).split())
    return (line if len(line) <= limit else line[: limit - 1] + "…") or "(no name)"


def _percent(share):
    return f"{share:.0%}".replace("%", "\u202f%")


def _counts(results) -> dict:
    places = results.places.values()
    records = [place.record for place in places if place.record]
    return {
        "students": len(results.students),
        "places": len(places),
        "graded": sum(place.is_graded for place in places),
        "missing": sum(place.is_missing for place in places),
        "unreadable": sum(bool(place.problem) for place in places),
        "ungraded": sum(place.is_ungraded for place in places),
        "seeds": sorted({record.seed for record in records}),
        "graders": sorted({p.record.grader for p in places if p.record}),
    }


def _summary(results) -> dict:
    rows = []
    for student in results.students:
        places = results.of_student(student)
        rows.append(
            {
                "student": shown(student),
                "places": places,
                "total": _score(places),
                "is_open": any(place.is_ungraded for place in places),
            }
        )
    return {"rows": rows, "medians": [_median(results, c) for c in results.chapters]}


def _score(places):
    return sum(place.record.score for place in places if place.record)


def _median(results, chapter):
    scores = [p.record.score for p in results.of_chapter(chapter) if p.is_graded]
    return median(scores) if scores else None


def _total(results) -> dict:
    """The distribution over all chapters; students with nothing graded stay out."""
    everyone = [results.of_student(student) for student in results.students]
    counted = [
        places
        for places in everyone
        if any(p.is_graded for p in places) and not any(p.is_ungraded for p in places)
    ]
    shares = [_score(places) / results.points for places in counted]
    return _histogram("total", "all chapters", shares, (350, 210))


def _distribution(results, chapter) -> dict:
    graded = [place for place in results.of_chapter(chapter) if place.is_graded]
    shares = [place.record.score / chapter.points for place in graded]
    return _histogram(chapter.name, chapter.name, shares, (250, 150))


def _histogram(key, name, shares, size):
    bins = enumerate(figures.in_bins(shares))
    parts = [f"{10 * i} to {10 * i + 10} %: {count}" for i, count in bins if count]
    alt = f"Students by share of the points, {name}. {'; '.join(parts)}"
    drawn = figures.histogram(f"hist-{key}", shares, alt, size) if shares else ""
    middle = median(shares) if shares else None
    return {"name": name, "figure": drawn, "median": middle, "count": len(shares)}


def _outcome(place: Place, exercise):
    if place.problem:
        return figures.UNREADABLE
    if place.is_missing:
        return figures.MISSING
    verdict = place.verdict(exercise)
    return verdict.outcome if verdict else INFRASTRUCTURE


def _legend(results):
    """The looks that occur in this class."""
    places = results.places.values()
    present = {_outcome(p, name) for p in places for name in p.chapter.exercises}
    return [look for outcome, look in figures.LOOKS.items() if outcome in present]


def _panels(results) -> list:
    """The map in pieces that fit a page, the best students first."""
    ranked = sorted(results.students, key=lambda s: (-_score(results.of_student(s)), s))
    pieces = ceil(len(ranked) / MAP_ROWS)
    edges = [round(i * len(ranked) / pieces) for i in range(pieces + 1)]
    return [
        _panel(results, ranked, start, stop, chapters)
        for chapters in _map_groups(results.chapters)
        for start, stop in pairwise(edges)
    ]


def _map_groups(chapters):
    """The chapters in groups whose exercises fit beside each other."""
    groups, columns = [], MAP_COLUMNS + 1
    for chapter in chapters:
        columns += len(chapter.exercises)
        if columns > MAP_COLUMNS:
            groups.append([])
            columns = len(chapter.exercises)
        groups[-1].append(chapter)
    return groups


def _panel(results, ranked, start, stop, chapters):
    columns = [(chapter, name) for chapter in chapters for name in chapter.exercises]
    outcomes = {
        (row, column): _outcome(results.places[student, chapter.name], name)
        for row, student in enumerate(ranked[start:stop])
        for column, (chapter, name) in enumerate(columns)
    }
    counts = Counter(outcomes.values())
    said = [f"{look.meaning} {counts[o]}" for o, look in figures.LOOKS.items()]
    alt = (
        f"Outcomes of students {start + 1} to {stop} of {len(ranked)} by points, in "
        f"{', '.join(c.name for c in chapters)}. Cells: {', '.join(said)}"
    )
    return figures.outcome_map(
        f"map-{chapters[0].name}-{start}",
        [shown(student) for student in ranked[start:stop]],
        [(chapter.name, list(chapter.exercises)) for chapter in chapters],
        outcomes,
        alt,
        widest=max(len(shown(student)) for student in ranked),
    )


def _rates(results, chapter) -> dict:
    counts = {name: Counter() for name in chapter.exercises}
    for place, verdict in results.graded():
        if place.chapter is chapter:
            counts[verdict.exercise][verdict.outcome] += 1
    said = [f"{n} {c[PASSED]} of {c.total()}" for n, c in counts.items()]
    alt = f"Pass rate by exercise, {chapter.name}: {', '.join(said)}"
    drawn = figures.outcome_bars(f"bars-{chapter.name}", list(counts.items()), alt)
    return {"name": chapter.name, "figure": drawn}


def _misconceptions(results) -> list[dict]:
    """Misconceptions by how many students hold them, most first."""
    who, graded = defaultdict(list), Counter()
    for place, verdict in results.graded():
        exercise = (place.chapter.name, verdict.exercise)
        graded[exercise] += 1
        if verdict.sentence:
            key = (*exercise, verdict.misconception, verdict.sentence)
            who[key].append(shown(place.student))
    ranked = sorted(who.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        {
            "chapter": chapter,
            "exercise": exercise,
            "sentence": shown(sentence, TEXT_LIMIT),
            "students": students,
            "of": graded[chapter, exercise],
        }
        for (chapter, exercise, _, sentence), students in ranked
    ]


def _named(results) -> tuple[int, int]:
    """How many wrong answers equal a misconception that has a name, of how many."""
    wrong = [v for _, v in results.graded() if v.outcome in (WRONG, ERROR)]
    return sum(bool(verdict.sentence) for verdict in wrong), len(wrong)


def _missing(results, chapter) -> dict:
    places = [place for place in results.of_chapter(chapter) if place.is_missing]
    return {"name": chapter.name, "students": [shown(p.student) for p in places]}


def _listed(results, wanted, reason) -> list[dict]:
    """Where `wanted` holds: who, which chapter, and the reason."""
    return [
        {
            "student": shown(place.student),
            "chapter": place.chapter.name,
            "reason": shown(reason(place), TEXT_LIMIT),
        }
        for place in results.places.values()
        if wanted(place)
    ]
