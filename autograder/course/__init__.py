"""The course on disk: where things are, and how a chapter's files become notebooks."""
