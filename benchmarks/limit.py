"""How far grading is from its limit: the students' cells in one warm process.

The limit runs the cells of each submission, and each probe on the same hidden inputs,
in a process that has imported everything, without walls, wire, judge or pages. What
`autograder grade` takes beyond that is set out by what it does.
"""

import contextlib
import importlib
import io
import json
import resource
import tempfile
from pathlib import Path

from measuring import AUTOGRADER, ROOT, Run, bars, parser_for, report
from synthetic import answers_of, student, write_submission

from autograder.checking.calling import call
from autograder.checking.check import recording
from autograder.course.layout import Course
from autograder.grading.grade import code_cells
from autograder.grading.log import FILE_NAME
from autograder.grading.run import GradingRun
from autograder.grading.transplant import transplant
from autograder.ingest.submission import find_submission
from autograder.sandbox.imports import imported_modules

SEED = 1


def main():
    """Measure both for each chapter."""
    parser = parser_for(__doc__, "5 submissions of one chapter")
    parser.add_argument("--students", type=int, default=60, help="(%(default)s)")
    parser.add_argument(
        "--chapters", nargs="+", default=["ch05_matrix", "ch11_detection"]
    )
    options = parser.parse_args()
    if options.quick:
        options.students, options.chapters = 5, options.chapters[:1]
    course = Course.find(ROOT)
    rows = [
        measure(course, course.chapters[n], options.students) for n in options.chapters
    ]
    names = [key for key in rows[0] if key.endswith("_ms")]
    lines = [f"{'ms per notebook':24}" + "".join(f"{r['chapter']:>18}" for r in rows)]
    for name in names:
        words = name.removesuffix("_ms").replace("_", " ")
        lines.append(f"{words:24}" + "".join(f"{row[name]:18.1f}" for row in rows))
    lines.append(
        f"{'times the limit':24}" + "".join(f"{r['ratio']:18.1f}" for r in rows)
    )
    report(options, {"chapters": rows}, "\n".join(lines), draw)


def measure(course, chapter, students) -> dict:
    """The processor time of a chapter's submissions, ours and at the limit."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path = course.notebooks / chapter.name / f"{chapter.name}.ipynb"
        for number in range(students):
            target = root / "submitted" / student(number) / chapter.name
            write_submission(path, target, chapter, answers_of(chapter, number))
        limit = _limit(course, chapter, root / "submitted", students)
        # what does not depend on the number of students: imports, drawing the cases;
        # the first run of all also releases the chapter
        command = [*AUTOGRADER, "grade", chapter.name, "--course", ROOT]
        command += ["--class", root, "--seed", SEED, "--workers", 1, "--force"]
        Run([*command, "--student", student(0)])
        alone = Run([*command, "--student", student(0)])
        whole = Run(command)
        log = [json.loads(s) for s in (root / FILE_NAME).read_text().splitlines()]
    ours = (whole.cpu - alone.cpu) / (students - 1)
    row = {"chapter": chapter.name, "students": students, "limit_ms": 1e3 * limit}
    row["autograder_ms"] = 1e3 * ours
    for step in ("ingest", "run", "judge", "write"):
        total = sum(line["seconds"][step] for line in log)
        row[f"clock_of_{step}_ms"] = 1e3 * total / students
    return row | {"ratio": ours / limit}


def _limit(course, chapter, submitted, students):
    """Processor seconds a submission where nothing is between it and the machine."""
    run = GradingRun(course, SEED).of(chapter)
    prepared = []
    for number in range(students):
        submission = find_submission(submitted, student(number), chapter.name)
        notebook = transplant(run.pristine, submission).notebook
        prepared.append(list(code_cells(notebook)))
    calls = run.hidden_calls
    for module in imported_modules([cell for cells in prepared for cell in cells]):
        importlib.import_module(module)
    for cells in prepared[:2]:
        _run(cells, calls)
    before = _own_cpu()
    for cells in prepared:
        _run(cells, calls)
    return (_own_cpu() - before) / students


def _own_cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _run(cells, calls):
    """The cells, and each probe with its hidden inputs, as they come."""
    namespace = {"__name__": "__main__"}
    quiet = contextlib.redirect_stdout(io.StringIO())
    with recording() as probes, quiet, contextlib.redirect_stderr(io.StringIO()):
        for cell in cells:
            with contextlib.suppress(Exception):
                exec(compile(cell.source, cell.name, "exec"), namespace)
            if cell.exercise in probes:
                for inputs in calls[cell.exercise].inputs:
                    call(probes[cell.exercise], inputs)


def draw(result):
    """The limit beside what grading takes."""
    names, numbers = [], []
    for row in result["chapters"]:
        names += [f"{row['chapter']}, limit", f"{row['chapter']}, autograder"]
        numbers += [row["limit_ms"], row["autograder_ms"]]
    bars(names, numbers, "processor milliseconds per notebook")


if __name__ == "__main__":
    main()
