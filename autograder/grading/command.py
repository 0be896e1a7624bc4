"""``autograder grade``: progress, a closing table, an exit code."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from autograder.cli import EXIT_INFRASTRUCTURE, EXIT_OK
from autograder.course.layout import Course
from autograder.grading.classroom import Entry, grade_class, students_of
from autograder.grading.report import write_report
from autograder.grading.run import GradingRun
from autograder.grading.texts import clean
from autograder.problems import Problem
from autograder.sandbox.machine import walls_for
from autograder.terminal import console, progress


def grade_command(course: Course, options) -> int:
    """Grade as the options say, print the table, write the report."""
    chapters = course.choose(options.chapters)
    students = _students(course, options.student)
    run = GradingRun(course, walls=walls_for(options.sandbox))
    if options.seed is not None:
        run.seed = options.seed
    entries = []
    with progress() as bar:
        task = bar.add_task("grading", total=len(chapters) * len(students))
        for entry in grade_class(
            run, chapters, students, options.force, options.workers
        ):
            entries.append(entry)
            bar.update(task, advance=1, description=clean(entry.student, 30))
    report = write_report(course, chapters)
    if not options.sandbox:
        console().print("graded without a sandbox", style="bold red")
    _print_summary(run, chapters, entries)
    console().print(f"feedback: {course.feedback}\nreport:   {report}")
    failed = [e for e in entries if e.record and not e.record.is_complete]
    return EXIT_INFRASTRUCTURE if failed else EXIT_OK


def _students(course, wanted):
    present = [folder.student for folder in students_of(course)]
    for name in wanted or []:
        if name not in present:
            raise Problem(f"no student {name!r} in {course.submitted}")
    return wanted or present


def _print_summary(run, chapters, entries):
    console().print(class_table(chapters, entries))
    fresh = sum(entry.is_new for entry in entries)
    done = sum(not entry.is_new and entry.record is not None for entry in entries)
    seed = f", seed {run.seed}" if fresh else ""
    console().print(f"graded {fresh}{seed}; {done} were up to date")
    for entry in sorted(entries, key=lambda e: (e.student, e.chapter)):
        who = clean(f"{entry.student}, {entry.chapter}", 200)
        for note in entry.record.notes if entry.is_new else ():
            console().print(f"note: {who}: {clean(note, 500)}")
        if entry.problem:
            console().print(f"not readable: {who}: {clean(entry.problem, 500)}")
        elif entry.record and not entry.record.is_complete:
            message = entry.record.verdicts[0].message
            console().print(f"not graded (our failure): {who}: {clean(message, 500)}")


def class_table(chapters, entries: list[Entry]) -> Table:
    """Students x chapters, points; what is missing is said in words."""
    by_place = {(entry.student, entry.chapter): entry for entry in entries}
    table = Table(title="Points", box=SIMPLE_HEAD)
    table.add_column("student", no_wrap=True)
    for chapter in chapters:
        number = chapter.name.partition("_")[0]
        table.add_column(f"{number}\nof {chapter.points:g}", justify="right")
    total = sum(chapter.points for chapter in chapters)
    table.add_column(f"total\nof {total:g}", justify="right")
    for student in sorted({entry.student for entry in entries}):
        row = [by_place[student, chapter.name] for chapter in chapters]
        scores = [entry.record.score for entry in row if entry.record]
        cells = [_points(entry) for entry in row]
        table.add_row(clean(student, 60), *cells, f"{sum(scores):g}")
    return table


def _points(entry):
    if entry.problem:
        return "unreadable"
    if entry.record is None:
        return "–"
    return f"{entry.record.score:g}" if entry.record.is_complete else "not graded"
