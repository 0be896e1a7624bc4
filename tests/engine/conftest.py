"""Classes and grading runs that several rooms are tested with."""

import functools
import shutil

import pytest
from engine_helpers import CHAPTER, WRONG, graded_in

from autograder.course.layout import Course
from autograder.grading.run import GradingRun

SEED = 5


@pytest.fixture(scope="session")
def run(released_once):
    """A grading run of the sample chapter with a seed of its own."""
    course = Course.find(released_once)
    return GradingRun(course, SEED).of(course.chapters[CHAPTER])


@pytest.fixture(scope="session")
def grade_one(run):
    """``grade_one(largest="def ...")``; see `graded_in`."""
    return functools.partial(graded_in, run)


@pytest.fixture(scope="session")
def pair_once(released_once, tmp_path_factory, submit):
    root = tmp_path_factory.mktemp("pair")
    shutil.copytree(released_once, root, dirs_exist_ok=True)
    course = Course.find(root)
    submit(course, "ada")
    submit(course, "bob", normalise=WRONG)
    return root


@pytest.fixture(scope="session")
def graded_once(pair_once, tmp_path_factory, grade):
    root = tmp_path_factory.mktemp("graded")
    shutil.copytree(pair_once, root, dirs_exist_ok=True)
    grade(Course.find(root), seed=11)
    return root


@pytest.fixture
def pair(pair_once, tmp_path):
    """Two submissions: all right, and one misconception."""
    shutil.copytree(pair_once, tmp_path, dirs_exist_ok=True)
    return Course.find(tmp_path)


@pytest.fixture
def graded(graded_once, tmp_path):
    """The same two, graded with seed 11."""
    shutil.copytree(graded_once, tmp_path, dirs_exist_ok=True)
    return Course.find(tmp_path)
