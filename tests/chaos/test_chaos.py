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
from chaos_class import files, gradebook, make_class, take_back, unscored
from chaos_runs import Run

from autograder.cli import EXIT_OK, EXIT_PROBLEM

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", 5))
SEED = 4211
STARTING = 3.0  # seconds in which a fresh command imports all that it needs


@dataclass(frozen=True)
class Undisturbed:
    """A class as handed in, released, and graded, and what all of it took."""

    handed_in: Path
    released: Path
    graded: Path
    seconds: float
    steps: int


@pytest.fixture(scope="session")
def undisturbed(released_once, tmp_path_factory, submit):
    folder = tmp_path_factory.mktemp("undisturbed")
    handed_in, released = folder / "handed in", folder / "released"
    shutil.copytree(released_once, released)
    make_class(released, submit)
    shutil.copytree(released, handed_in)
    take_back(handed_in)
    graded = shutil.copytree(handed_in, folder / "graded")
    run = Run(graded)
    return Undisturbed(handed_in, released, graded, run.finish(), run.steps)


# --- ways to disturb ------------------------------------------------------------


def the_command(class_, root, chance):
    """The command as it is typed, at a moment of its start or of the whole run."""
    if chance.random() < 0.5:
        _replace(root, class_.released)
    Run(root, fresh=True).kill_after(chance.uniform(0, class_.seconds + STARTING))


def a_moment(class_, root, chance):
    """The coordinator, at a moment of the whole run."""
    Run(root).kill_after(chance.uniform(0, class_.seconds))


def a_step(class_, root, chance):
    """The coordinator, between two changes of files or of the gradebook."""
    Run(root, die_at=chance.randint(1, class_.steps)).die()


def again(class_, root, chance):
    """The coordinator, when it grades a graded class once more."""
    _replace(root, class_.graded)
    Run(root, "--force", die_at=chance.randint(1, class_.steps * 6 // 10)).die()


def twice(class_, root, chance):
    """The coordinator, and then the run that was to make up for it."""
    a_step(class_, root, chance)
    a_moment(class_, root, chance)


def workers(class_, root, chance):
    """All processes for student code of one kind; the run itself goes on."""
    _replace(root, class_.released)
    run = Run(root)
    time.sleep(chance.uniform(0, class_.seconds / 2))
    victims = {}
    while not victims and not run.ends_within(0.01):
        victims = run.workers()
    for victim in victims[chance.choice(sorted(victims))] if victims else ():
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    # it stops, and says so, where a sandbox that is only tried out is killed
    run.finish(codes=(EXIT_OK, EXIT_PROBLEM))


def _replace(root, other):
    shutil.rmtree(root)
    shutil.copytree(other, root)


def left_over(folder):
    """Temporary files, but for those of nbgrader while it makes a gradebook.

    It makes a folder and then `alembic.ini` in it; between the two it is empty. What
    is ours has another name.
    """
    paths = sorted(folder.rglob("*"))
    of_alembic = {path.parent for path in paths if path.name == "alembic.ini"}
    of_alembic |= {p for p in paths if p.name.startswith("tmp") and _is_empty(p)}
    return [p for p in paths if not {p, p.parent} & of_alembic]


def _is_empty(path):
    return path.is_dir() and not any(path.iterdir())


WAYS = (a_step, workers, a_moment, again, the_command, a_step, twice, workers)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_disturbed_class_gets_the_same_grades(undisturbed, tmp_path, number):
    root = tmp_path / "course"
    shutil.copytree(undisturbed.handed_in, root)
    way = WAYS[number % len(WAYS)]
    way(undisturbed, root, random.Random(f"{SEED} {number}"))
    assert unscored(root) == 0
    run = Run(root)
    run.finish()
    assert gradebook(root) == gradebook(undisturbed.graded)
    assert files(root) == files(undisturbed.graded)
    assert left_over(run.temporary) == []
