"""The real course, in a copy that tests may write to."""

import shutil
from pathlib import Path

import pytest

from autograder.course.layout import Course

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def repository() -> Course:
    """The course as it stands in the repository; read only."""
    return Course.find(ROOT)


@pytest.fixture(scope="module")
def copied_course(tmp_path_factory) -> Course:
    """Solutions, released notebooks and the sample class in a folder of their own."""
    root = tmp_path_factory.mktemp("course")
    for name in ("solutions", "notebooks", "book"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    shutil.copytree(ROOT / "sample_class" / "submitted", root / "class" / "submitted")
    return Course.find(root)
