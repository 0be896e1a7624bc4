"""The real course, in a copy that tests may write to."""

from pathlib import Path

import pytest

from autograder.course.layout import Course

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def repository() -> Course:
    """The course as it stands in the repository; read only."""
    return Course.find(ROOT)


@pytest.fixture(scope="module")
def copied_course(copy_real_course, tmp_path_factory) -> Course:
    """Solutions, released notebooks and the sample class in a folder of their own."""
    root = copy_real_course(tmp_path_factory.mktemp("course"))
    return Course.find(root)
