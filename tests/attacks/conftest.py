"""The class of three, released once for all attacks."""

# ruff: noqa: E402

import shutil
import tempfile

import pytest

pytest.register_assert_rewrite("class_of_three", "page_checks")

from class_of_three import MISTAKEN, SEED, ClassOfThree, Surroundings
from page_checks import hidden_numbers

from autograder.course.layout import Course
from autograder.course.release import release
from autograder.sandbox import walls

SECONDS = 1


@pytest.fixture(scope="session")
def three_once(course_once, submit):
    """The two neighbours' submissions; exercises have little time."""
    submit(course_once, "right")
    submit(course_once, "wrong", normalise=MISTAKEN)
    return course_once.root


@pytest.fixture(scope="session")
def course_once(tmp_path_factory):
    root = tmp_path_factory.mktemp("three")
    tests = __file__.rpartition("/attacks/")[0]
    shutil.copy(f"{tests}/../nbgrader_config.py", root)
    shutil.copytree(f"{tests}/sample_course/solutions", root / "solutions")
    course = Course.find(root)
    checks = next(course.solutions.glob("*/checks.py"))
    text = checks.read_text()
    for points in ("points=3,", "points=2,"):
        assert text.count(points) == 1
        text = text.replace(points, f"{points} seconds={SECONDS},")
    checks.write_text(text)
    for chapter in course.chapters.values():
        release(course, chapter)
    return course


@pytest.fixture(scope="session")
def undisturbed(three_once, tmp_path_factory):
    """The class of the neighbours alone, graded without an attacker in it."""
    root = tmp_path_factory.mktemp("undisturbed") / "course"
    shutil.copytree(three_once, root)
    graded = ClassOfThree(Course.find(root), None, lambda: ())
    graded.grade()
    return graded


@pytest.fixture(scope="session")
def baseline(undisturbed):
    """What the neighbours get there: digests by file."""
    return undisturbed.neighbours_files()


@pytest.fixture(scope="session")
def hidden(three_once):
    """What nobody may read: the numbers of the hidden cases."""
    return hidden_numbers(Course.find(three_once), SEED)


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """A home and a folder for temporary files of this run's own."""
    places = [tmp_path / "home", tmp_path / "temporary"]
    for place in places:
        place.mkdir()
    monkeypatch.setenv("HOME", str(places[0]))
    monkeypatch.setattr(tempfile, "tempdir", str(places[1]))
    around = Surroundings(places)

    initialise = walls.Enclosed.__init__

    def watched(self, process, init, **more):
        around.watch(init)
        initialise(self, process, init, **more)

    monkeypatch.setattr(walls.Enclosed, "__init__", watched)
    yield around
    around.close()


@pytest.fixture
def copied(baseline, hidden, tmp_path, surroundings, capfd):
    """``copied(root)``: a class of three in a copy of a course."""

    def copy(root):
        shutil.copytree(root, tmp_path / "course")
        course, read = Course.find(tmp_path / "course"), capfd.readouterr
        return ClassOfThree(course, surroundings, read, baseline, hidden)

    return copy


@pytest.fixture
def three(copied, three_once):
    """The class of three, to be graded with an attacker in it."""
    return copied(three_once)


@pytest.fixture
def settled(copied, undisturbed):
    """The same where the neighbours are graded already, and the attacker comes late."""
    return copied(undisturbed.course.root)
