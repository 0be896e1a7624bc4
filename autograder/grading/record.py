"""The machine-readable record beside each autograded notebook."""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from autograder.checking.verdict import INFRASTRUCTURE, Verdict
from autograder.version import grader_version

FILE_NAME = "record.json"


@dataclass(frozen=True)
class Record:
    """What a grading of one submission gave, and what it depended on.

    key: of submission, chapter and grader; grading again is needed when it changes.
    sandboxed: False where student code ran without walls.
    """

    student: str
    chapter: str
    key: str
    seed: int
    verdicts: list[Verdict]
    notes: list[str] = field(default_factory=list)
    grader: str = field(default_factory=grader_version)
    sandboxed: bool = True

    @property
    def score(self) -> float:
        return sum(verdict.score or 0.0 for verdict in self.verdicts)

    @property
    def is_complete(self) -> bool:
        """Whether every exercise was graded."""
        return all(verdict.outcome != INFRASTRUCTURE for verdict in self.verdicts)


def key_of(submission_digest: str, chapter_version: str) -> str:
    """What a result depends on, as one short string."""
    parts = "\n".join((submission_digest, chapter_version, grader_version()))
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def write(folder: Path, record: Record):
    """Write the record into the folder of the autograded notebook."""
    data = asdict(record) | {"score": record.score}
    data["verdicts"] = [verdict.as_dict() for verdict in record.verdicts]
    text = json.dumps(data, indent=1, ensure_ascii=False)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Record | None:
    """Read it back, None where there is none (or none that can be read)."""
    try:
        data = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        verdicts = [_verdict(fields) for fields in data["verdicts"]]
        fields = ("student", "chapter", "key", "seed", "notes", "grader", "sandboxed")
        return Record(verdicts=verdicts, **{name: data[name] for name in fields})
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _verdict(fields):
    """A verdict; words that many have in common are in memory once."""
    fields.pop("score", None)
    once = {k: sys.intern(v) if type(v) is str else v for k, v in fields.items()}
    return Verdict(**once)
