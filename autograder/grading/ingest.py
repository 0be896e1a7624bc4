from autograder.ingest.notebook import *  # noqa
from autograder.ingest.submission import *  # noqa
from autograder.ingest.notebook import (
    MAX_BYTES,
    MAX_CELLS,
    MAX_SOURCE,
    SubmittedCell,
    Unreadable,
)  # noqa
