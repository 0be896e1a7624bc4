"""``autograder doctor``: what this machine offers, as a table."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from autograder.cli import EXIT_OK, EXIT_PROBLEM
from autograder.sandbox.machine import inspect_machine
from autograder.terminal import console


def doctor_command() -> int:
    """Print what was found; the exit code says whether student code can be graded."""
    findings = inspect_machine()
    table = Table(box=SIMPLE_HEAD)
    for name in ("needed", "found", ""):
        table.add_column(name)
    for finding in findings:
        state = Text("ok", "green") if finding.is_fine else Text("missing", "bold red")
        table.add_row(finding.name, Text(finding.found), state)
    console().print(table)
    missing = [finding for finding in findings if not finding.is_fine]
    for finding in missing:
        console().print(Text(f"{finding.name}: {finding.remedy}"))
    if missing:
        return EXIT_PROBLEM
    console().print("student code runs behind walls on this machine")
    return EXIT_OK
