"""What the terminal shows: one console, one progress bar."""

import functools

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


@functools.cache
def console() -> Console:
    """Standard output; students' text is printed without markup."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def progress() -> Progress:
    """A progress bar on standard error; nothing where that is not a terminal."""
    return _bar(TextColumn("{task.description}"), BarColumn())


def grading_progress() -> Progress:
    """The same with the rate; the description says what was found so far."""
    return _bar(BarColumn(), _Rate(), after=[TextColumn("{task.description}")])


def _bar(*before, after=()):
    errors = Console(stderr=True)
    return Progress(
        *before,
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        *after,
        console=errors,
        disable=not errors.is_terminal,
        transient=True,
    )


class _Rate(ProgressColumn):
    """Notebooks a second, over the last while."""

    def render(self, task):
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s")
