"""``autograder grade``: progress, a closing table, an exit code."""

import os

from autograder.cli import EXIT_INFRASTRUCTURE, EXIT_OK
from autograder.course.layout import Course
from autograder.grading.class_table import class_tables
from autograder.grading.classroom import grade_class, students_of
from autograder.grading.report import write_report
from autograder.grading.run import GradingRun
from autograder.grading.texts import clean
from autograder.grading.workers import Local
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
        workers = Local(options.workers or os.cpu_count())
        for entry in grade_class(run, chapters, students, options.force, workers):
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
    for table in class_tables(chapters, entries, console().width):
        console().print(table)
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
