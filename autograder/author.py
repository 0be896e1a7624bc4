"""The few names that a chapter's ``checks.py`` needs."""

from autograder.checking.exercise import Case, Exercise, Result

__all__ = ["Case", "Exercise", "Result"]
