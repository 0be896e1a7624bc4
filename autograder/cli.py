"""The command ``autograder``."""

import argparse
import os
import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

from autograder.problems import Problem

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_PROBLEM = 2
EXIT_INFRASTRUCTURE = 3

# jsonschema compiles a grammar for addresses in any alphabet whenever it is imported,
# where this is installed; that takes seconds, and no notebook's schema asks for it
SLOW_TO_IMPORT = "rfc3987_syntax"

EPILOG = """\
Exit codes: 0 done (grade: the class was graded, whatever students wrote); 1 verify
found something unfair; 2 a problem for you to mend, named on the last line; 3 our own
failure: the submissions named are left ungraded.
"""


def main(arguments=None) -> int:
    """Run one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    sys.modules.setdefault(SLOW_TO_IMPORT, None)
    _use_one_thread()
    try:
        return options.run(options)
    except Problem as problem:
        print(f"autograder: {problem}", file=sys.stderr)
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        print("autograder: stopped; run again to go on", file=sys.stderr)
        return 130


def _use_one_thread():
    """Numbers are computed in one thread a process; there is a process for each core.

    NumPy is imported already and is told; what is imported later reads the environment.
    """
    from autograder.sandbox.bubblewrap import THREADS

    for name in THREADS:
        os.environ[name] = "1"
    threadpool_limits(1)


def _parser():
    parser = argparse.ArgumentParser(
        prog="autograder",
        description="Release notebooks, grade a class, prove that the checks are fair.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_release(commands)
    _add_collect(commands)
    _add_grade(commands)
    _add_verify(commands)
    _add_report(commands)
    _add_doctor(commands)
    return parser


def _command(commands, name, run, summary, description):
    parser = commands.add_parser(name, help=summary, description=description)
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="default: all")
    parser.add_argument("--course", type=Path, help="the course (default: here)")
    parser.set_defaults(run=run)
    return parser


def _add_class(parser):
    parser.add_argument(
        "--class",
        dest="class_dir",
        type=Path,
        metavar="DIR",
        help="with submitted/ and the results (default: from nbgrader_config.py)",
    )
    parser.add_argument(
        "--db",
        dest="database",
        metavar="URL",
        help="of the gradebook, such as postgresql://user@host/name (default: from "
        "nbgrader_config.py, or gradebook.db in --class DIR)",
    )


def _add_workers(parser):
    parser.add_argument(
        "--workers", type=_at_least(1), help="at a time (default: all cores)"
    )


def _add_sandbox(parser):
    parser.add_argument(
        "--no-sandbox",
        dest="sandbox",
        action="store_false",
        help="run student code without walls, as you: only for code that you trust",
    )


def _at_least(least):
    """An argument type: an integer that is not below `least`."""

    def number(text):
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}")
        return value

    number.__name__ = "int"
    return number


def _add_release(commands):
    parser = _command(
        commands,
        "release",
        _release,
        "write notebooks/ from solutions/",
        "Generate the student notebooks and their public cases, and register them in "
        "the gradebook. Chapters that are up to date are left alone.",
    )
    _add_class(parser)


def _add_collect(commands):
    parser = commands.add_parser(
        "collect",
        help="put a platform's download into submitted/",
        description="Take the notebooks out of zip archives and folders, as Moodle, "
        "Canvas, Blackboard or nbgrader hand them out, and put each at "
        "submitted/STUDENT/CHAPTER/CHAPTER.ipynb. Of several by one student the newest "
        "is taken. Links, doubled names and archives made to fill the machine are "
        "refused by name.",
        epilog="Example: autograder collect download.zip",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a zip archive, a folder (of archives or notebooks) or a notebook",
    )
    parser.add_argument(
        "--pattern",
        metavar="REGEX",
        help="finds the group (?P<student>...) in a file's path, where the platform's "
        "own naming is not known",
    )
    parser.add_argument("--course", type=Path, help="the course (default: here)")
    _add_class(parser)
    parser.set_defaults(run=_collect)


def _add_grade(commands):
    parser = _command(
        commands,
        "grade",
        _grade,
        "grade submitted/ into the gradebook, with feedback",
        "Grade STUDENT/CHAPTER/CHAPTER.ipynb in submitted/: autograded notebooks, "
        "scores in nbgrader's gradebook, feedback and a class report. Submissions that "
        "are graded already are skipped.",
    )
    _add_class(parser)
    parser.add_argument("--student", action="append", help="only this one; repeatable")
    exercise_help = "grade this one again, keep the others' results; repeatable"
    parser.add_argument(
        "--exercise", action="append", metavar="NAME", help=exercise_help
    )
    parser.add_argument("--force", action="store_true", help="grade again what is done")
    seed_help = "of the hidden cases (default: fresh)"
    parser.add_argument("--seed", type=_at_least(0), help=seed_help)
    _add_workers(parser)
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a Dask cluster whose workers grade, such as tls://host:8786; "
        "see docs/cluster.md",
    )
    _add_sandbox(parser)


def _add_verify(commands):
    parser = _command(
        commands,
        "verify",
        _verify,
        "prove that the checks of chapters are fair",
        "Run reference, stub, every misconception and every alternative through the "
        "grader, each with many seeds, and say what is unfair.",
    )
    seeds_help = "how many (default: 20)"
    parser.add_argument("--seeds", type=_at_least(1), default=20, help=seeds_help)
    quick_help = "skip the variants of exercises that train a model"
    parser.add_argument("--quick", action="store_true", help=quick_help)
    _add_workers(parser)
    _add_sandbox(parser)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")


def _add_report(commands):
    parser = _command(
        commands,
        "report",
        _report,
        "write the class report again",
        "Write one HTML page about the class from what has been graded.",
    )
    _add_class(parser)


def _add_doctor(commands):
    parser = commands.add_parser(
        "doctor",
        help="say what this machine offers for grading, and what is missing",
        description="Look for all that a sandbox for student code needs, try one, and "
        "say how to get what is missing.",
    )
    parser.set_defaults(run=_doctor)


# the imports stand inside: `--help` answers at once


def _course(options):
    from autograder.course.layout import Course

    class_dir = getattr(options, "class_dir", None)
    return Course.find(options.course, class_dir, getattr(options, "database", None))


def _release(options):
    from autograder.course.release import release
    from autograder.terminal import console

    course = _course(options)
    for chapter in course.choose(options.chapters):
        done = release(course, chapter)
        state = "released" if done else "up to date"
        console().print(f"{chapter.name}: {state}")
    return EXIT_OK


def _collect(options):
    from autograder.ingest.command import collect_command

    return collect_command(_course(options), options)


def _grade(options):
    from autograder.grading.command import grade_command

    return grade_command(_course(options), options)


def _verify(options):
    from autograder.verify.command import verify_command

    return verify_command(_course(options), options)


def _doctor(options):
    from autograder.sandbox.command import doctor_command

    return doctor_command()


def _report(options):
    from autograder.grading.report import write_report

    course = _course(options)
    path = write_report(course, course.choose(options.chapters))
    print(path)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
