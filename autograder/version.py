"""The version of the grader itself: any change of its code makes a new one."""

import functools
import hashlib
from pathlib import Path


@functools.cache
def grader_version() -> str:
    """A digest of the package's own source."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
