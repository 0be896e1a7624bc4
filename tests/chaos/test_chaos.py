"""Killed at any moment and run again, a class has the grades of an undisturbed run."""

import contextlib
import os
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from chaos_class import files, gradebook, make_class, unscored
from chaos_runs import Run

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", 5))
SEED = 4211


@dataclass(frozen=True)
class Undisturbed:
    """A class before grading, the same graded, and what grading it took."""

    ungraded: Path
    graded: Path
    seconds: float
    steps: int


@pytest.fixture(scope="session")
def undisturbed(released_once, tmp_path_factory, submit):
    folder = tmp_path_factory.mktemp("undisturbed")
    ungraded, graded = folder / "ungraded", folder / "graded"
    shutil.copytree(released_once, ungraded)
    make_class(ungraded, submit)
    shutil.copytree(ungraded, graded)
    run = Run(graded)
    return Undisturbed(ungraded, graded, run.finish(), run.steps)


# --- ways to disturb ------------------------------------------------------------


def the_command(class_, root, chance):
    """The command as it is typed, killed when it has begun to write."""
    run = Run(root, fresh=True)
    while not (root / "class" / "source").exists() and not run.ends_within(0.05):
        pass
    run.kill_after(chance.uniform(0, class_.seconds))


def a_moment(class_, root, chance):
    """The coordinator, at a moment of the whole run."""
    Run(root).kill_after(chance.uniform(0, class_.seconds))


def a_step(class_, root, chance):
    """The coordinator, between two changes of files or of the gradebook."""
    Run(root, die_at=chance.randint(1, class_.steps)).die()


def again(class_, root, chance):
    """The coordinator, when it grades a graded class once more."""
    shutil.rmtree(root)
    shutil.copytree(class_.graded, root)
    Run(root, "--force", die_at=chance.randint(1, class_.steps * 6 // 10)).die()


def twice(class_, root, chance):
    """The coordinator, and then the run that was to make up for it."""
    a_step(class_, root, chance)
    a_moment(class_, root, chance)


def workers(class_, root, chance):
    """All processes for student code of one kind; the run itself goes on."""
    run = Run(root)
    time.sleep(chance.uniform(0, class_.seconds))
    released, victims = root / "class" / "released.json", {}
    # before that, a sandbox is only tried out
    while not victims and not run.ends_within(0.01):
        victims = run.workers() if released.exists() else {}
    for victim in victims[chance.choice(sorted(victims))] if victims else ():
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    run.finish()


def left_over(folder):
    """Temporary files, but for those of nbgrader while it makes a gradebook."""
    paths = sorted(folder.rglob("*"))
    of_alembic = {path.parent for path in paths if path.name == "alembic.ini"}
    return [p for p in paths if not {p, p.parent} & of_alembic]


WAYS = (a_step, workers, a_moment, again, the_command, a_step, twice, workers)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_disturbed_class_gets_the_same_grades(undisturbed, tmp_path, number):
    root = tmp_path / "course"
    shutil.copytree(undisturbed.ungraded, root)
    way = WAYS[number % len(WAYS)]
    way(undisturbed, root, random.Random(f"{SEED} {number}"))
    assert unscored(root) == 0
    run = Run(root)
    run.finish()
    assert gradebook(root) == gradebook(undisturbed.graded)
    assert files(root) == files(undisturbed.graded)
    assert left_over(run.temporary) == []
