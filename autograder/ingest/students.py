"""The students of a class: one folder each."""

from dataclasses import dataclass
from pathlib import Path

from autograder.ingest.names import student_id
from autograder.ingest.notebook import Unreadable


@dataclass(frozen=True)
class StudentFolder:
    """A folder of submissions. problem: why nobody can be graded by it, else "".

    student: the id, or where there is a problem the name in printable characters.
    """

    student: str
    path: Path
    problem: str = ""


def student_folders(submitted: Path) -> list[StudentFolder]:
    """All folders of a class, by name; none where there is no such class."""
    if not submitted.is_dir():
        return []
    paths = sorted(p for p in submitted.iterdir() if not p.name.startswith("."))
    folders = [_folder(path) for path in paths if path.is_dir()]
    names = [folder.student for folder in folders]
    return [
        StudentFolder(
            folder.student,
            folder.path,
            folder.problem or _twice(folder.student, names),
        )
        for folder in folders
    ]


def folder_of(submitted: Path, student: str) -> Path | None:
    """The folder of one student, whatever Unicode form its name has."""
    if (submitted / student).is_dir():
        return submitted / student
    found = [f.path for f in student_folders(submitted) if f.student == student]
    return found[0] if found else None


def _folder(path):
    try:
        if path.is_symlink():
            raise Unreadable("the folder is a link; put it there itself")
        return StudentFolder(student_id(path.name), path)
    except Unreadable as problem:
        return StudentFolder(_printable(path.name), path, str(problem))


def _printable(name):
    """A name that no other folder shows, however it is written."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name)


def _twice(student, names):
    if names.count(student) == 1:
        return ""
    return "two folders have this name, in two forms of Unicode; keep one"
