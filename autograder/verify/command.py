"""``autograder verify``: a table, or JSON, and an exit code."""

import json
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.table import Table

from autograder.cli import EXIT_FAILED, EXIT_OK
from autograder.course.layout import Course
from autograder.sandbox.machine import walls_for
from autograder.terminal import console, progress
from autograder.verify.verification import count_gradings, verify_chapter


def verify_command(course: Course, options) -> int:
    """Verify the chapters that the options name."""
    chapters = course.choose(options.chapters)
    walls = walls_for(options.sandbox)
    seeds = range(options.seeds)
    reports = []
    with progress() as bar:
        total = sum(count_gradings(c, seeds, options.quick) for c in chapters)
        task = bar.add_task("verifying", total=total)
        for chapter in chapters:
            bar.update(task, description=chapter.name)
            for report in verify_chapter(
                course, chapter, seeds, options.workers, walls, options.quick
            ):
                if report is None:
                    bar.advance(task)
                else:
                    reports.append(report)
    if options.json:
        data = [asdict(report) | {"is_fair": report.is_fair} for report in reports]
        print(json.dumps({"seeds": options.seeds, "exercises": data}, indent=1))
    else:
        _print(reports, options.seeds)
    return EXIT_OK if all(report.is_fair for report in reports) else EXIT_FAILED


def _print(reports, seeds):
    for chapter in dict.fromkeys(report.chapter for report in reports):
        title = f"{chapter}, {seeds} seeds"
        console().print(_table(title, [r for r in reports if r.chapter == chapter]))
    for report in reports:
        for complaint in report.complaints:
            console().print(f"{report.chapter} {report.exercise}: {complaint}")
    unfair = sum(not report.is_fair for report in reports)
    fair = len(reports) - unfair
    console().print(f"{fair} exercises fair, {unfair} not")


def _table(title, reports):
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("exercise", no_wrap=True)
    for name in ("cases", "ref", "stub", "rejected", "accepted", "fair"):
        table.add_column(name, justify="right", no_wrap=True)
    for report in reports:
        table.add_row(
            report.exercise,
            str(report.cases),
            "yes" if report.reference else "NO",
            "zero" if report.stub else "WRONG",
            _of(report, report.rejected, report.misconceptions),
            _of(report, report.accepted, report.alternatives),
            "yes" if report.is_fair else "NO",
        )
    return table


def _of(report, proved, known):
    return "skipped" if report.skipped else f"{proved}/{known}"
