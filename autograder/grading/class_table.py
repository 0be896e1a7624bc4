"""Students by chapters, as the terminal shows it."""

from statistics import fmean

from rich.box import SIMPLE_HEAD
from rich.table import Table

from autograder.course.chapter import Chapter
from autograder.grading.classroom import Entry
from autograder.grading.texts import clean

NAME_WIDTH = 30
MOST_STUDENTS = 60  # in a table of the terminal; the report has them all
BETWEEN = 3  # columns of the terminal between two of the table


def class_tables(
    chapters: list[Chapter], entries: list[Entry], width: int
) -> list[Table]:
    """Points by student and chapter; what is missing is said in words.

    Several tables, one below the other, where the terminal is too narrow for one; the
    last one ends with the total. Of a class that no screen holds, one row a chapter.
    """
    by_place = {(entry.student, entry.chapter): entry for entry in entries}
    students = sorted({entry.student for entry in entries})
    if len(students) > MOST_STUDENTS:
        return [_by_chapter(chapters, entries)]
    names = ["student", *(clean(student, NAME_WIDTH) for student in students)]
    columns = [
        _column(
            chapter.name.partition("_")[0],
            chapter.points,
            [_points(by_place[student, chapter.name]) for student in students],
        )
        for chapter in chapters
    ]
    points = sum(chapter.points for chapter in chapters)
    totals = [_total(by_place, student, chapters) for student in students]
    columns.append(_column("total", points, totals))
    room = width - _width(names) - 1  # its left edge
    return [_table(names, part) for part in _parts(columns, room)]


def _by_chapter(chapters, entries):
    """How many handed in, how many were graded, and what they got on average."""
    table = Table(title="Chapters", box=SIMPLE_HEAD)
    table.add_column("chapter", no_wrap=True)
    for name in ("handed in", "unreadable", "not graded", "mean", "of"):
        table.add_column(name, justify="right", no_wrap=True)
    for chapter in chapters:
        mine = [entry for entry in entries if entry.chapter == chapter.name]
        records = [entry.record for entry in mine if entry.record]
        scores = [record.score for record in records if record.is_complete]
        unreadable = sum(bool(entry.problem) for entry in mine)
        handed_in = len(records) + unreadable
        mean = f"{fmean(scores):.1f}" if scores else "–"
        counts = (handed_in, unreadable, len(records) - len(scores))
        row = (*map(str, counts), mean, f"{chapter.points:g}")
        table.add_row(chapter.name, *row)
    return table


def _parts(columns, room):
    """The columns in runs that each fit into `room`, one column at least."""
    part, left = [], room
    for column in columns:
        needed = _width(line for text in column for line in text.split("\n"))
        if part and needed > left:
            yield part
            part, left = [], room
        part.append(column)
        left -= needed
    yield part


def _table(names, columns):
    table = Table(title="Points", box=SIMPLE_HEAD)
    for heading, justify in ((names[0], "left"), *((c[0], "right") for c in columns)):
        table.add_column(heading, justify=justify, no_wrap=True)
    for row in zip(names[1:], *(column[1:] for column in columns), strict=True):
        table.add_row(*row)
    return table


def _width(texts):
    return max(map(len, texts)) + BETWEEN


def _column(name, points, texts):
    """A heading and the texts below it."""
    return [f"{name}\nof {points:g}", *texts]


def _points(entry):
    if entry.problem:
        return "unreadable"
    if entry.record is None:
        return "–"
    return f"{entry.record.score:g}" if entry.record.is_complete else "not graded"


def _total(by_place, student, chapters):
    row = [by_place[student, chapter.name] for chapter in chapters]
    return f"{sum(entry.record.score for entry in row if entry.record):g}"
