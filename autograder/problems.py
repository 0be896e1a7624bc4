"""Errors that are not the student's."""


class Problem(Exception):
    """Something the user can mend: says what is wrong, where, and what to do."""


class Infrastructure(Exception):
    """Our own failure while grading; never a zero for the student."""
