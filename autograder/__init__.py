"""The autograder: checks an answer in a notebook and grades a whole class.

Students need one name, ``check``; authors find theirs in ``autograder.author``.
"""

from autograder.checking.check import check

__all__ = ["check"]
__version__ = "1.0.0"
