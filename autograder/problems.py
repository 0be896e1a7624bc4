"""Errors that the user can mend."""


class Problem(Exception):
    """Says what is wrong, where, and what to do; shown without a traceback."""
