"""What this machine offers for walling off student code, and what is missing."""

import functools
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from autograder.problems import Infrastructure, Problem
from autograder.sandbox.fork_walls import forking
from autograder.sandbox.session import Gone, Session
from autograder.sandbox.system_calls import filter_program
from autograder.sandbox.walls import Bubblewrap, NoWalls, Walls

INSTALL = (
    "install it (Debian, Ubuntu: sudo apt-get install bubblewrap libseccomp2; "
    "Fedora: sudo dnf install bubblewrap libseccomp)"
)
OLDEST_BUBBLEWRAP = (0, 8)
NAMESPACES = (
    "let users make namespaces: on Ubuntu 24.04 and later sudo sysctl "
    "kernel.apparmor_restrict_unprivileged_userns=0, on older Debian sudo sysctl "
    "kernel.unprivileged_userns_clone=1, in Docker --security-opt seccomp=unconfined "
    "--cap-add SYS_ADMIN"
)
LINUX = "grade on Linux, in a virtual machine or a container if need be"


@dataclass(frozen=True)
class Finding:
    """One thing that grading needs: what was found, and the remedy if that is short."""

    name: str
    found: str
    remedy: str = ""

    @property
    def is_fine(self) -> bool:
        return not self.remedy


def inspect_machine() -> list[Finding]:
    """Look at everything that a sandbox needs; the last finding tries one."""
    looks: list[Callable] = [_system, _bubblewrap, _filter, _tools]
    found = [look() for look in looks]
    if all(finding.is_fine for finding in found):
        found += _tried()
    return found


@functools.cache
def require_sandbox():
    """Raise Problem where student code cannot be walled off, with the remedy."""
    missing = [finding for finding in inspect_machine() if not finding.is_fine]
    if missing:
        first = missing[0]
        raise Problem(
            f"student code cannot be walled off here: {first.name}: {first.found}; "
            f"{first.remedy}. `autograder doctor` says more; --no-sandbox grades "
            "without, at the risk of this machine and of the grades"
        )


def walls_for(sandbox: bool) -> Walls:
    """The walls to grade with; raises Problem where a sandbox cannot be had."""
    if not sandbox:
        return NoWalls()
    require_sandbox()
    return forking()


# --- what is there --------------------------------------------------------------


def _system():
    memory = psutil.virtual_memory().total / 2**30
    found = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, "
    found += f"{memory:.1f} GiB, Python {platform.python_version()}"
    remedy = "" if sys.platform == "linux" else LINUX
    return Finding("system", found, remedy)


def _bubblewrap():
    if shutil.which("bwrap") is None:
        return Finding("bubblewrap", "not installed", INSTALL)
    said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True)
    version = tuple(map(int, re.findall(r"\d+", said.stdout)))
    found = ".".join(map(str, version)) or "gives no version"
    wanted = ".".join(map(str, OLDEST_BUBBLEWRAP))
    remedy = "" if version >= OLDEST_BUBBLEWRAP else f"version {wanted} or later"
    return Finding("bubblewrap", found, remedy)


def _filter():
    try:
        size = len(filter_program())
    except ImportError as error:
        return Finding("libseccomp", str(error), INSTALL)
    except (OSError, RuntimeError) as error:
        return Finding("libseccomp", str(error) or "cannot be loaded", INSTALL)
    return Finding("libseccomp", f"a filter of {size // 8} instructions")


def _tools():
    wanted = ["prlimit"] + ["setpriv"] * (os.geteuid() == 0)
    missing = [name for name in wanted if shutil.which(name) is None]
    if missing:
        return Finding("util-linux", f"no {missing[0]}", "install util-linux")
    return Finding("util-linux", ", ".join(wanted))


# --- what a sandbox does --------------------------------------------------------

LOOK = """\
import os, socket
refused = []
for family in (socket.AF_INET, socket.AF_INET6, 40):
    try:
        socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        refused.append(family)
print(os.getuid() != 0, len(refused) == 3, len(os.listdir("/proc/1/task")) == 1)
"""


def _tried():
    try:
        with Session(Bubblewrap()) as session:
            seen = session.run_cell("look", LOOK, 30).printed.split()
    except Infrastructure as problem:
        return [Finding("sandbox", str(problem), NAMESPACES)]
    except Gone as gone:
        return [Finding("sandbox", f"its process ended: {gone}", NAMESPACES)]
    walls = ("another user", "no network", "own processes")
    missing = [wall for wall, held in zip(walls, seen, strict=False) if held != "True"]
    if missing or len(seen) != len(walls):
        return [Finding("sandbox", f"missing: {', '.join(missing)}", NAMESPACES)]
    return [Finding("sandbox", ", ".join(walls)), _forked()]


def _forked():
    """How processes are started; both ways have the same walls."""
    walls = forking()
    for _ in range(2):  # the first starts the server, or finds that it cannot
        begin = time.monotonic()
        Session(walls).close()
        taken = f"{1000 * (time.monotonic() - begin):.0f} ms"
    if walls.why_not:
        found = f"a new one for each notebook, {taken}; it cannot be forked: "
        return Finding("processes", found + walls.why_not)
    return Finding("processes", f"forked for each notebook, {taken}")
