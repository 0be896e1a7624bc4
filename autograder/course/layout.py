"""Where everything is: `Course`."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder.course.chapter import Chapter
from autograder.problems import Problem

CHAPTER_NAME = re.compile(r"ch[0-9]{2}_[a-z0-9_]+\Z")
MARK = "nbgrader_config.py"


@dataclass(frozen=True)
class Course:
    """A course directory, in nbgrader's layout.

    root holds solutions/ (secret) and notebooks/ (released). class_dir holds what
    belongs to one class: submitted/, autograded/, feedback/, source/, gradebook.db.
    """

    root: Path
    class_dir: Path

    @classmethod
    def find(cls, start: Path | None = None, class_dir: Path | None = None):
        """The course that `start` (default: here) lies in; raises Problem if none."""
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / MARK).is_file() and (folder / "solutions").is_dir():
                return cls(folder, (class_dir or folder / "class").resolve())
        raise Problem(
            f"{start} is not inside a course: no folder above it holds {MARK} and "
            "solutions/. Change into the course, or name it with --course."
        )

    @property
    def solutions(self):
        return self.root / "solutions"

    @property
    def notebooks(self):
        return self.root / "notebooks"

    @property
    def source(self):
        return self.class_dir / "source"

    @property
    def submitted(self):
        return self.class_dir / "submitted"

    @property
    def autograded(self):
        return self.class_dir / "autograded"

    @property
    def feedback(self):
        return self.class_dir / "feedback"

    @property
    def report(self):
        return self.class_dir / "report.html"

    @property
    def database_url(self):
        return f"sqlite:///{self.class_dir / 'gradebook.db'}"

    @cached_property
    def chapters(self) -> dict[str, Chapter]:
        """All chapters by name, in order."""
        folders = sorted(p for p in self.solutions.iterdir() if p.is_dir())
        return {
            folder.name: Chapter(folder)
            for folder in folders
            if CHAPTER_NAME.match(folder.name) and (folder / "notebook.py").is_file()
        }

    def choose(self, names) -> list[Chapter]:
        """The named chapters, or all; raises Problem for an unknown name."""
        unknown = [name for name in names if name not in self.chapters]
        if unknown:
            known = ", ".join(self.chapters)
            raise Problem(f"no chapter {unknown[0]!r}; there are {known}")
        return [self.chapters[name] for name in names or self.chapters]
