"""Proving that a chapter's checks are fair, by grading what is known."""
