"""One cluster and one database server for all tests of this folder."""

import shutil

import pytest
from services import Dask, Postgres

from autograder.course.layout import Course

CHAPTERS = 7


@pytest.fixture(scope="session")
def dask(tmp_path_factory):
    cluster = Dask(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def pair(released, submit):
    """The sample course with two submissions: all right, and one misconception."""
    submit(released, "ada")
    submit(released, "bob", normalise="def normalise(X):\n    return X / X.sum()")
    return released


@pytest.fixture(scope="module")
def sample_class(copy_real_course, tmp_path_factory) -> Course:
    """The real course with the sample class, in its first chapters.

    What another chapter would show is shown without a cluster.
    """
    root = copy_real_course(tmp_path_factory.mktemp("course"))
    for name in list(Course.find(root).chapters)[CHAPTERS:]:
        shutil.rmtree(root / "solutions" / name)
    return Course.find(root)
