"""A class to grade examples in."""

import pytest
from fuzz_grading import Grader


@pytest.fixture(scope="session")
def grader(released_once, tmp_path_factory):
    """The sample class, in which each distinct notebook is graded once."""
    return Grader(released_once, tmp_path_factory.mktemp("fuzzed"))
