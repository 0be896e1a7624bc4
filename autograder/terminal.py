"""What the terminal shows: one console, one progress bar."""

import functools

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@functools.cache
def console() -> Console:
    """Standard output; students' text is printed without markup."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def progress() -> Progress:
    """A progress bar on standard error; nothing where that is not a terminal."""
    errors = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=errors,
        disable=not errors.is_terminal,
        transient=True,
    )
