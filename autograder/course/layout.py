"""Where everything is: `Course`."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from traitlets.config import Config, PyFileConfigLoader

from autograder.course.chapter import Chapter
from autograder.problems import Problem

CHAPTER_NAME = re.compile(r"ch[0-9]{2}_[a-z0-9_]+\Z")
CONFIG = "nbgrader_config.py"
CLASS_FOLDERS = ("source", "submitted", "autograded", "feedback")


@dataclass(frozen=True)
class Course:
    """A course directory, as its nbgrader_config.py lays it out.

    class_dir: another folder for what belongs to one class (submitted/, autograded/,
    feedback/, source/, gradebook.db) than the one in nbgrader_config.py. database: the
    address of another gradebook, as SQLAlchemy reads it.
    """

    root: Path
    class_dir: Path | None = None
    database: str | None = None

    @classmethod
    def find(
        cls,
        start: Path | None = None,
        class_dir: Path | None = None,
        database: str | None = None,
    ):
        """The course that `start` (default: here) lies in; raises Problem if none."""
        start = Path(start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / CONFIG).is_file() and (folder / "solutions").is_dir():
                return cls(folder, class_dir and Path(class_dir).resolve(), database)
        raise Problem(
            f"{start} is not inside a course: no folder above it holds {CONFIG} and "
            "solutions/. Change into the course, or name it with --course."
        )

    @cached_property
    def config(self) -> Config:
        """nbgrader's configuration for this course and class."""
        config = PyFileConfigLoader(CONFIG, path=str(self.root)).load_config()
        config.CourseDirectory.root = str(self.root)
        if self.class_dir:
            for name in CLASS_FOLDERS:
                config.CourseDirectory[f"{name}_directory"] = str(self.class_dir / name)
            database = self.class_dir / "gradebook.db"
            config.CourseDirectory.db_url = f"sqlite:///{database}"
        if self.database:
            config.CourseDirectory.db_url = self.database
        return config

    def _folder(self, name):
        return self.root / self.config.CourseDirectory[f"{name}_directory"]

    @property
    def solutions(self) -> Path:
        return self.root / "solutions"

    @property
    def notebooks(self) -> Path:
        """What students get."""
        return self._folder("release")

    @property
    def source(self) -> Path:
        """nbgrader's source notebooks, generated, with solutions."""
        return self._folder("source")

    @property
    def submitted(self) -> Path:
        return self._folder("submitted")

    @property
    def autograded(self) -> Path:
        return self._folder("autograded")

    @property
    def feedback(self) -> Path:
        return self._folder("feedback")

    @property
    def report(self) -> Path:
        return self.feedback.parent / "report.html"

    @property
    def database_url(self) -> str:
        return self.config.CourseDirectory.db_url

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
