"""What attacks earn: plain nbgrader against this grader, measured in one run.

Both grade the same submissions to a chapter of two exercises (3 and 2 points): nbgrader
with its default configuration and ordinary tests written for the chapter, this grader
with the chapter's cases. The submissions are harmless forms of the attacks; plain
nbgrader runs them without walls, in a temporary folder.

Prints a table, or writes JSON with --json; --quick takes less than a minute.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from attack_list import ATTACKS, RIGHT, STOPPING, WRONG, Attack
from plain_nbgrader import CHAPTER, PlainCourse

from autograder.course.layout import Course
from autograder.grading import record as records

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("deserved", "plain nbgrader", "ours")
NEIGHBOUR = Attack("a right neighbour", 5, RIGHT)
NEXT = Attack("a wrong neighbour", 0, WRONG)


class OurCourse:
    """The sample course, graded by ``autograder grade``."""

    def __init__(self, root: Path):
        root.mkdir(parents=True)
        self._root = root
        shutil.copy(ROOT / "nbgrader_config.py", root)
        shutil.copytree(ROOT / "tests/sample_course/solutions", root / "solutions")
        self._autograder("release")
        self._course = Course.find(root)
        self.submitted = self._course.submitted
        path = self._course.notebooks / CHAPTER / f"{CHAPTER}.ipynb"
        self.released = json.loads(path.read_text())

    def grade(self) -> dict[str, float | None]:
        """Grade all; scores by student, None where there is no grade."""
        self._autograder("grade")
        folder = self._course.autograded
        found = {p.name: records.read(p / CHAPTER) for p in folder.iterdir()}
        return {name: record and record.score for name, record in found.items()}

    def _autograder(self, command):
        subprocess.run(
            [sys.executable, "-m", "autograder.cli", command, "--course", self._root],
            capture_output=True,
            timeout=600,
        )


def main():
    """Measure both graders and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write JSON")
    parser.add_argument("--quick", action="store_true", help="a few attacks only")
    options = parser.parse_args()
    begin = time.monotonic()
    rows = measure(options.quick)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{'attack':40}" + "".join(f"{name:>25}" for name in COLUMNS))
    for row in rows:
        print(f"{row['attack']:40}" + "".join(f"{row[name]:>25}" for name in COLUMNS))
    for name in COLUMNS[1:]:
        fair = sum(row[name] == row["deserved"] for row in rows)
        print(f"{name}: {fair} of {len(rows)} as deserved")
    print(f"measured in {time.monotonic() - begin:.0f} s")


def measure(quick=False) -> list[dict[str, str]]:
    """A row an attack: points deserved, given by plain nbgrader, and by ours."""
    attacks = [a for a in ATTACKS if a.is_quick or not quick]
    classes = [attacks, *([a] for a in STOPPING if a.is_quick or not quick)]
    rows = []
    with tempfile.TemporaryDirectory(prefix="attacks-") as folder:
        for number, attacks in enumerate(classes):
            plain = _scores(PlainCourse(Path(folder, f"plain-{number}")), attacks)
            ours = _scores(OurCourse(Path(folder, f"ours-{number}")), attacks)
            for attack, *given in zip(attacks, plain, ours, strict=True):
                words = (_points(attack.deserved), *given)
                points = dict(zip(COLUMNS, words, strict=True))
                rows.append({"attack": attack.name, **points})
    return rows


def _scores(course, attacks) -> list[str]:
    """What each of a class gets, in words; a right neighbour is graded after them."""
    students = {}
    for number, attack in enumerate(attacks):
        students[f"s{number:02}"] = attack
        if attack.watched:
            students[f"s{number:02}x"] = NEXT
    students["z-neighbour"] = NEIGHBOUR
    for name, attack in students.items():
        _hand_in(course.submitted / name / CHAPTER, attack, course.released)
    found = course.grade()
    stopped = "" if found.get("z-neighbour") == 5 else ", class stopped"
    names = (f"s{n:02}{'x' * a.watched}" for n, a in enumerate(attacks))
    return [_points(found.get(name)) + stopped for name in names]


def _hand_in(folder, attack, released):
    folder.mkdir(parents=True)
    notebook = json.dumps(attack.fill(released))
    for name, text in {f"{CHAPTER}.ipynb": notebook, **attack.beside}.items():
        (folder / name).write_text(text)


def _points(score):
    return "no grade" if score is None else f"{score:g} of 5"


if __name__ == "__main__":
    main()
