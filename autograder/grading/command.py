"""``autograder grade``: progress, a closing table, an exit code."""

import dataclasses
import os
from collections import Counter

from autograder.checking.verdict import INFRASTRUCTURE
from autograder.cli import EXIT_INFRASTRUCTURE, EXIT_OK
from autograder.course.layout import Course
from autograder.grading.class_table import class_tables
from autograder.grading.classroom import Entry, grade_class, students_of
from autograder.grading.log import RunLog
from autograder.grading.report_state import is_made_from, state_of
from autograder.grading.run import GradingRun
from autograder.grading.texts import clean
from autograder.grading.workers import Local
from autograder.problems import Problem
from autograder.sandbox.fork_walls import forking
from autograder.sandbox.walls import NoWalls
from autograder.terminal import console, grading_progress


def grade_command(course: Course, options) -> int:
    """Grade as the options say, print the table, write the report."""
    chapters = _chapters(course, options)
    students = _students(course, options.student)
    # whether a sandbox can be had is looked at when something is to be graded
    run = GradingRun(course, walls=forking() if options.sandbox else NoWalls())
    if options.seed is not None:
        run.seed = options.seed
    if options.exercise:
        run.only = frozenset(options.exercise)
    entries, counts = [], Counter()
    with grading_progress() as bar, RunLog(course) as log:
        task = bar.add_task("", total=len(chapters) * len(students))
        for entry in grade_class(
            run, chapters, students, options.force, _workers(options)
        ):
            log.add(entry)
            entries.append(_slim(entry))
            counts.update(_outcomes(entry))
            bar.update(task, advance=1, description=_counted(counts))
    _bring_report_up_to_date(course, chapters, entries)
    if not options.sandbox:
        console().print("graded without a sandbox", style="bold red")
    _print_summary(run, chapters, entries)
    console().print(f"feedback: {course.feedback}\nreport:   {course.report}")
    failed = [e for e in entries if e.record and not e.record.is_complete]
    return EXIT_INFRASTRUCTURE if failed else EXIT_OK


def _chapters(course, options):
    """Those that are named; of them, where exercises are, those that have one."""
    chapters = course.choose(options.chapters)
    for name in options.exercise or []:
        if not any(name in chapter.exercises for chapter in chapters):
            known = ", ".join(name for c in chapters for name in c.exercises)
            raise Problem(f"no exercise {name!r}; there are {known}")
    if not options.exercise:
        return chapters
    return [c for c in chapters if not c.exercises.keys().isdisjoint(options.exercise)]


def _students(course, wanted):
    present = {folder.student for folder in students_of(course)}
    for name in wanted or []:
        if name not in present:
            raise Problem(f"no student {name!r} in {course.submitted}")
    return wanted or sorted(present)


def _workers(options):
    if options.scheduler is None:
        return Local(options.workers or os.cpu_count())
    if options.workers is not None:
        raise Problem("--workers is for this machine; a cluster has its own")
    from autograder.grading.cluster import Cluster

    return Cluster(options.scheduler)


def _bring_report_up_to_date(course, chapters, entries):
    state = state_of(course, chapters, entries)
    if is_made_from(course, state):
        return
    # half a second of Matplotlib, for nothing where nothing is drawn
    from autograder.grading.report import write_report

    write_report(course, chapters, state)


def _slim(entry: Entry) -> Entry:
    """Without the words of its verdicts, which a large class has many of."""
    if entry.record is None or not entry.record.is_complete:
        return entry
    plain = [
        dataclasses.replace(v, message="", detail="", sentence="", blind="")
        for v in entry.record.verdicts
    ]
    notes = entry.record.notes if entry.is_new else []
    record = dataclasses.replace(entry.record, verdicts=plain, notes=notes)
    return dataclasses.replace(entry, record=record)


# --- what is said ---------------------------------------------------------------


def _outcomes(entry):
    """What to count of an entry: outcomes of exercises, or why there are none."""
    if entry.problem:
        return ["unreadable"]
    if entry.is_new:
        return [verdict.outcome for verdict in entry.record.verdicts]
    return []


def _counted(counts):
    words = {INFRASTRUCTURE: "not graded"}
    return ", ".join(f"{n} {words.get(name, name)}" for name, n in counts.most_common())


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
