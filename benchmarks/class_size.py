"""How long a whole class takes, and how much memory, from 100 to 1,000 students.

`autograder grade` over every chapter, sandbox on, everything written. Then the same
command again, which has nothing to do, for one chapter of the largest class.
"""

import shutil
import tempfile
from pathlib import Path

from measuring import AUTOGRADER, ROOT, Run, parser_for, plt, report
from synthetic import write_class

from autograder.course.layout import Course

EVERY = 2.0  # seconds between two looks at the memory


def main():
    """Grade classes of each size and print what it took."""
    parser = parser_for(__doc__, "4 and 8 students")
    parser.add_argument(
        "--students", type=int, nargs="+", default=[100, 1000], metavar="N"
    )
    options = parser.parse_args()
    sizes = [4, 8] if options.quick else options.students
    course = Course.find(ROOT)
    chapters = list(course.chapters.values())
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(course, chapters, size, Path(folder)))
    lines = [
        f"{len(chapters)} chapters",
        f"{'students':>10}{'minutes':>10}{'ms/notebook':>13}{'cpu ms':>9}"
        f"{'peak MiB':>10}{'again, s':>10}",
    ]
    for row in rows:
        lines.append(
            f"{row['students']:10}{row['seconds'] / 60:10.1f}"
            f"{1e3 * row['seconds'] / row['notebooks']:13.1f}"
            f"{1e3 * row['cpu_seconds'] / row['notebooks']:9.1f}"
            f"{row['peak_bytes'] / 2**20:10.0f}{row['again_seconds']:10.2f}"
        )
    report(options, {"classes": rows}, "\n".join(lines), draw)


def measure(course, chapters, size, root) -> dict:
    """Grade one class; then look for something to do in its first chapter."""
    write_class(course, root, chapters, size)
    shutil.rmtree(root / "variety")
    command = [*AUTOGRADER, "grade", "--course", ROOT, "--class", root]
    run = Run([*command, "--seed", 1], EVERY)
    again = Run([*command, chapters[0].name])
    assert f"graded 0; {size} were up to date" in again.said
    return {
        "students": size,
        "notebooks": size * len(chapters),
        "seconds": run.wall,
        "cpu_seconds": run.cpu,
        "peak_bytes": run.peak,
        "again_seconds": again.wall,
    }


def draw(result):
    """Minutes and memory over the number of students."""
    rows = result["classes"]
    students = [row["students"] for row in rows]
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    left.plot(students, [row["seconds"] / 60 for row in rows], "o-")
    left.set(xlabel="students", ylabel="minutes", xlim=0, ylim=0)
    right.plot(students, [row["peak_bytes"] / 2**20 for row in rows], "o-")
    right.set(xlabel="students", ylabel="MiB of all processes", xlim=0, ylim=0)


if __name__ == "__main__":
    main()
