"""How fast a class is graded, against plain nbgrader and otter-grader.

The three grade the same answers with the same cases, in turns, in one run; what counts
is the ratio. `autograder grade` runs with its sandbox and writes scores, feedback and
report; the others do what they do by default.

otter-grader lives in an environment of its own that also has this course's NumPy and
torch: python3.11 -m venv DIR && DIR/bin/pip install -r benchmarks/otter.txt
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import ROOT, Run, bars, parser_for, report
from peer_courses import Nbgrader, Otter, Ours

from autograder.course.layout import Course


def main():
    """Grade in turns and print what it took."""
    options = _options()
    course = Course.find(ROOT)
    chapter = course.chapters[options.chapter]
    with tempfile.TemporaryDirectory() as folder:
        graders = []
        for kind, *more in _kinds(options.otter):
            root = Path(folder) / kind.name
            root.mkdir()
            graders.append(kind(root, course, chapter, options.students, *more))
        took = {grader.name: [] for grader in graders}
        for turn in range(options.rounds):
            for grader in graders:
                took[grader.name].append(measure(grader))
                _progress(turn, grader.name, took[grader.name][-1])
    result = {
        "chapter": chapter.name,
        "notebooks": options.students,
        "rounds": options.rounds,
        "graders": {
            name: _figures(times, options.students) for name, times in took.items()
        },
    }
    report(options, result, _table(result), draw)


def _options():
    parser = parser_for(__doc__, "4 students, one round")
    parser.add_argument("--chapter", default="ch05_matrix", help="(%(default)s)")
    parser.add_argument("--students", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--otter", type=Path, help="the command, in its environment")
    options = parser.parse_args()
    if options.quick:
        options.students, options.rounds = 4, 1
    return options


def _kinds(otter):
    yield (Ours,)
    yield (Nbgrader,)
    if otter:
        yield Otter, otter.absolute()
    else:
        print("without otter-grader; see --help for how to add it", file=sys.stderr)


def measure(grader) -> tuple[float, float]:
    """Seconds by the clock and of processors that the grader takes for its class."""
    runs = [
        Run(
            command,
            cwd=grader.folder(),
            env=os.environ | grader.environment(),
            stderr=subprocess.STDOUT,
        )
        for command in grader.command()
    ]
    return sum(run.wall for run in runs), sum(run.cpu for run in runs)


def _figures(times, notebooks):
    """The best round: noise of a shared machine only ever adds."""
    return {
        "notebooks_per_second": notebooks / min(wall for wall, _ in times),
        "cpu_seconds_per_notebook": min(cpu for _, cpu in times) / notebooks,
    }


def _progress(turn, name, taken):
    wall, cpu = taken
    print(f"round {turn + 1}, {name}: {wall:.1f} s, cpu {cpu:.1f} s", file=sys.stderr)


def _table(result):
    lines = [
        f"{result['notebooks']} notebooks of {result['chapter']}, "
        f"best of {result['rounds']}",
        f"{'grader':12}{'notebooks/s':>14}{'cpu s/notebook':>18}{'times ours':>14}",
    ]
    ours = result["graders"]["autograder"]["cpu_seconds_per_notebook"]
    for name, found in result["graders"].items():
        cpu = found["cpu_seconds_per_notebook"]
        rate = found["notebooks_per_second"]
        lines.append(f"{name:12}{rate:14.2f}{cpu:18.3f}{cpu / ours:14.1f}")
    return "\n".join(lines)


def draw(result):
    """Processor seconds of each grader as bars, on a logarithmic axis."""
    names = list(result["graders"])
    cpu = [result["graders"][name]["cpu_seconds_per_notebook"] for name in names]
    bars(names, cpu, "processor seconds per notebook").set(xscale="log")


if __name__ == "__main__":
    main()
