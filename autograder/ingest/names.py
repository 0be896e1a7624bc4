"""Names: who handed in, and which chapter a file is for."""

import re
import unicodedata

from autograder.ingest.notebook import Unreadable

MAX_NAME = 100
INSIDE = "._-@'’"
NAMED = ("ipynb", "zip")
CHAPTER = re.compile(r"ch[0-9]{2}_[a-z0-9_]+\Z")
# what browsers, systems and Jupyter append to the name of a second copy
COPY = re.compile(r"[\s_-]*(\(\d+\)|copy[\s_-]*(\(?\d+\)?)?|-\d+)\Z")


def student_id(name: str) -> str:
    """The id of the student whose folder is called `name`, in Unicode's form NFC.

    Raises Unreadable unless it is made of letters, digits, ``._-@'’`` and single spaces
    inside, begins with a letter or a digit, and is not longer than 100 characters.
    """
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise Unreadable("the folder's name is not text in UTF-8; rename it") from None
    name = unicodedata.normalize("NFC", name)
    if len(name) > MAX_NAME:
        raise Unreadable(f"a name of {len(name)} characters, more than {MAX_NAME}")
    odd = sorted({c for c in name if not _is_allowed(c)})
    if odd:
        listed = ", ".join(f"U+{ord(c):04X}" for c in odd[:5])
        raise Unreadable(
            f"a student's name holds letters, digits, {INSIDE} and spaces, and not "
            f"{listed}; rename the folder"
        )
    if not name[:1].isalnum() or name != " ".join(name.split()):
        raise Unreadable(
            "a student's name begins with a letter or a digit and has single spaces "
            "inside only; rename the folder"
        )
    return name


def _is_allowed(character):
    # letters and digits of any script, and the marks that stand on them
    is_word = unicodedata.category(character)[0] in "LMN"
    return is_word or character in INSIDE or character == " "


def chapter_of(parts) -> str:
    """The chapter that a path is for, "" where nothing in it says so.

    A notebook's own name counts first, then the folders, the innermost first; case,
    spaces and the marks of a copy ("Ch04 softmax (1).ipynb") do not.
    """
    stem, _, suffix = parts[-1].rpartition(".")
    own = [stem or suffix] if suffix.casefold() in NAMED or not stem else []
    for name in (*own, *reversed(parts[:-1])):
        if CHAPTER.match(plain(name)):
            return plain(name)
    return ""


def plain(name: str) -> str:
    """A name without case and the marks of a copy."""
    name = unicodedata.normalize("NFKC", name).casefold().strip()
    shorter = COPY.sub("", name)
    while shorter != name:
        name, shorter = shorter, COPY.sub("", shorter)
    return re.sub(r"[\s_-]+", "_", name)


def is_notebook(name: str) -> bool:
    """Whether a file is named like a notebook."""
    return name.casefold().endswith(".ipynb")
