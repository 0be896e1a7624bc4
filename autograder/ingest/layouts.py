"""How learning platforms name, in a download, who handed in which file."""

import re

from autograder.ingest.names import CHAPTER, chapter_of, plain

# one pattern a platform, for one part of a path
LAYOUTS = {
    # Full Name_4711_assignsubmission_file_/x.ipynb, or ..._file_x.ipynb
    "Moodle": r"(?P<student>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)",
    # homework_USER_attempt_2026-01-31-10-00-00_x.ipynb
    "Blackboard": r".+_(?P<student>[^_]+)_attempt_\d{4}(-\d+)+(_(?P<file>.*))?",
    # lovelaceada_4711_815_x.ipynb, with LATE_ after the name where it was late
    "Canvas": r"(?P<student>[^_]+)_(LATE_)?(?P<number>\d+)_\d+_(?P<file>.+)",
}
PATTERNS = [re.compile(pattern, re.DOTALL) for pattern in LAYOUTS.values()]


def student_of(parts, pattern: re.Pattern | None = None, shared: int = 0) -> str:
    """Who handed in the file at a path, "" where the path does not say.

    pattern: an instructor's own, searched in the whole path, with a group `student`.
    Else a platform's name decides, or the folder above the chapter's. Else it is the
    first folder (or archive) below the `shared` ones that all files lie in, or the last
    of those, the chapter's left out.
    """
    if pattern is not None:
        found = pattern.search("/".join(parts))
        return (found["student"] or "") if found else ""
    for part in parts:
        if found := _named_by_platform(part):
            return found["student"]
    folders = parts[:-1]
    chapters = [i for i, part in enumerate(folders) if CHAPTER.match(plain(part))]
    if chapters and chapters[-1] > 0:
        return folders[chapters[-1] - 1]
    own = [f for i, f in enumerate(folders) if i >= shared and i not in chapters]
    above = [f for i, f in enumerate(folders) if i < shared and i not in chapters]
    return (own[:1] or above[-1:] or [""])[0]


def shared_folders(paths) -> int:
    """How many folders at the beginning all paths have in common."""
    folders = [parts[:-1] for parts in paths]
    count = 0
    for level in zip(*folders, strict=False):
        if len(set(level)) > 1:
            break
        count += 1
    return count


def number_of(parts) -> str:
    """The platform's own number of who handed in, "" where the path has none."""
    for part in parts:
        if found := _named_by_platform(part):
            return found.groupdict().get("number") or ""
    return ""


def chapter_in(parts) -> str:
    """The chapter that a path is for, "" where it does not say."""
    found = _named_by_platform(parts[-1])
    own = found["file"] if found and found["file"] else parts[-1]
    return chapter_of((*parts[:-1], own))


def _named_by_platform(part):
    matches = (pattern.fullmatch(part) for pattern in PATTERNS)
    return next((match for match in matches if match), None)
