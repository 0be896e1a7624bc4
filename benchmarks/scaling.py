"""How grading scales: one worker and two, and what one coordinator can feed.

The coordinator alone has workers that answer at once with what a real one made before;
it still reads every submission and writes notebook, feedback, record and gradebook. An
exercise's verdict counts as one. With PostgreSQL's programs on the machine, its
gradebook is measured as well.
"""

import dataclasses
import shutil
import sys
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path

from measuring import AUTOGRADER, ROOT, Run, bars, parser_for, report
from synthetic import write_class

from autograder.course.layout import Course
from autograder.course.release import release
from autograder.grading.classroom import grade_class
from autograder.grading.run import GradingRun
from autograder.grading.workers import Here, Local

sys.path.append(str(ROOT / "tests" / "scale"))
CHAPTER = "ch05_matrix"
SEED = 1


def main():
    """Measure both and print them."""
    parser = parser_for(__doc__, "20 students")
    parser.add_argument("--students", type=int, default=400, help="(%(default)s)")
    options = parser.parse_args()
    if options.quick:
        options.students = 20
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        course = Course.find(ROOT)
        write_class(course, root, [course.chapters[CHAPTER]], options.students)
        shutil.rmtree(root / "variety")
        seconds = {n: _with_workers(root, n) for n in (1, 2)}
        rates = {"sqlite": _coordinator(Course.find(ROOT, root))}
        if server := _postgres():
            address = server.new_database("scaling")
            rates["postgresql"] = _coordinator(Course.find(ROOT, root, address))
            server.stop()
    exercises = len(course.chapters[CHAPTER].exercises)
    # what a worker makes in a second, when it does not have to start first
    one_worker = options.students * exercises / seconds[1]
    result = {
        "students": options.students,
        "chapter": CHAPTER,
        "seconds": seconds,
        "speedup": seconds[1] / seconds[2],
        "verdicts_per_second": rates,
        "workers_fed": {name: rate / one_worker for name, rate in rates.items()},
    }
    lines = [
        f"{options.students} students, {CHAPTER}",
        f"1 worker {seconds[1]:.1f} s, 2 workers {seconds[2]:.1f} s: "
        f"{result['speedup']:.2f} times as fast",
    ]
    for name, rate in rates.items():
        fed = result["workers_fed"][name]
        lines.append(
            f"coordinator, {name}: {rate:.0f} verdicts/s, feeds {fed:.0f} workers"
        )
    report(options, result, "\n".join(lines), draw)


def _with_workers(root, count):
    command = [*AUTOGRADER, "grade", CHAPTER, "--course", ROOT, "--class", root]
    return Run([*command, "--seed", SEED, "--force", "--workers", count]).wall


class AtOnce(Local):
    """Workers that answer at once: with what was made of the first submission."""

    def __init__(self):
        super().__init__(2)
        self._made = None

    def executor(self):
        return self

    def end(self, executor):
        pass

    def submit(self, function, order, submission, kept):
        if self._made is None:
            self._made = Here().submit(function, order, submission, kept).result()
        made = self._made
        record = dataclasses.replace(made.record, student=submission.student)
        future = Future()
        future.set_result(dataclasses.replace(made, record=record))
        return future


def _coordinator(course):
    """Verdicts a second, from reading submissions to the last written grade."""
    chapter = course.chapters[CHAPTER]
    release(course, chapter)
    run = GradingRun(course, SEED)
    workers = AtOnce()
    list(grade_class(run, [chapter], ["student-00000"], True, workers))
    begin = time.perf_counter()
    entries = list(grade_class(run, [chapter], None, True, workers))
    seconds = time.perf_counter() - begin
    return sum(len(entry.record.verdicts) for entry in entries) / seconds


def _postgres():
    try:
        from services import Postgres

        return Postgres()
    except AssertionError as missing:
        print(f"without PostgreSQL: {missing}", file=sys.stderr)
        return None


def draw(result):
    """What the coordinator alone writes."""
    rates = result["verdicts_per_second"]
    bars(list(rates), list(rates.values()), "verdicts per second, coordinator alone")


if __name__ == "__main__":
    main()
