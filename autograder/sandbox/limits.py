"""What a process for student code may use.

The kernel keeps the limits and we look on from outside; the process is never asked.
Sizes in bytes, times in seconds.
"""

import contextlib
import os
import shutil
import time
from pathlib import Path

import psutil

MEMORY = 2 * 2**30  # of all its processes together, what they really hold
ADDRESS_SPACE = 4 * 2**30  # of each process, what it has asked for
HOME_SIZE = 256 * 2**20
SHARED_SIZE = 128 * 2**20
FILE_SIZE = 128 * 2**20
PROCESSES = 128  # threads count
OPEN_FILES = 512
# what the system keeps in its own memory for a process
FILES = 20_000  # in folders that are memory themselves
SOCKETS = 256
CPU_SECONDS = 900
WATCH_SECONDS = 0.1
# of what a cell says: characters, figures, bytes of a figure; and all cells together
PRINTED = 20_000
FIGURES = 4
FIGURE_SIZE = 500_000
ALL_PRINTED = 500_000
ALL_DRAWN = 8 * 2**20


def command(own_user: bool) -> list[str]:
    """The command (util-linux) that limits what is started by the words after it.

    own_user: nobody else runs under its user, so that its processes can be counted.
    Empty where a system has no such command; there are no walls either then.
    """
    if shutil.which("prlimit") is None:
        return []
    named = most(own_user)
    return ["prlimit", *(f"--{name}={value}" for name, value in named.items())]


def most(own_user: bool) -> dict[str, int]:
    """The limits by name, for `command`'s arguments."""
    named = {
        "as": ADDRESS_SPACE,
        "fsize": FILE_SIZE,
        "nofile": OPEN_FILES,
        "cpu": CPU_SECONDS,
        "core": 0,
    }
    return named | {"nproc": PROCESSES} if own_user else named


def is_over(pid: int) -> bool:
    """Whether a process and its descendants hold more than they may.

    Pages that several share are counted once, as their shares.
    """
    return _has_too_much_memory(pid) or _has_too_many_files(pid)


def cpu_seconds(pid: int) -> float:
    """The processor time of a process, and of all processes that it has started.

    Its own, threads included, to the nanosecond; the clock's number is made as
    clock_getcpuclockid(3) makes it. Theirs to a hundredth of a second.
    """
    own = time.clock_gettime((~pid << 3) | 2)
    return own + sum(_ticks(pid)) / os.sysconf("SC_CLK_TCK")


def waited_seconds(pid: int | None) -> float:
    """How long a process waited for a processor; 0 where the system does not say."""
    try:
        return int(_told(f"/proc/{pid}/schedstat").split()[1]) / 1e9
    except OSError:
        return 0.0


def _told(path):
    """What a file of /proc says; it is asked so often that a `Path` costs too much."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 65_536)
    finally:
        os.close(file)


def _ticks(pid):
    """The ticks of those that a process started, or that init adopted from it."""
    stat = _stat(pid)
    yield stat[REAPED]
    yield from _ticks_below(pid)
    init = stat[PARENT]
    if init != os.getpid():  # without walls it is our own child
        yield _stat(init)[REAPED]
        yield from _ticks_below(init, but=pid)


def _ticks_below(pid, but=None):
    for child in children(pid):
        if child != but:
            stat = _stat(child)
            yield stat[OWN] + stat[REAPED]
            yield from _ticks_below(child)


PARENT, OWN, REAPED = range(3)


def _stat(pid):
    """Its parent, its own ticks, those of children that it has waited for."""
    try:
        told = _told(f"/proc/{pid}/stat")
    except OSError:
        return 0, 0, 0
    fields = told.rpartition(b")")[2].split()
    user, system, reaped_user, reaped_system = map(int, fields[11:15])
    return int(fields[1]), user + system, reaped_user + reaped_system


def children(pid: int):
    """The processes that a process has started and that still live."""
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            yield from map(int, _told(f"/proc/{pid}/task/{task}/children").split())


def _has_too_much_memory(pid):
    found = list(family(pid))
    if sum(_bytes_of(process, "memory_info", "rss") for process in found) <= MEMORY:
        return False
    return sum(_bytes_of(p, "memory_full_info", "pss") for p in found) > MEMORY


def _has_too_many_files(pid):
    """Whether it has made more files or sockets than a notebook ever needs."""
    inside = Path(f"/proc/{pid}")
    try:
        if os.readlink(inside / "ns/mnt") == os.readlink("/proc/self/ns/mnt"):
            return False  # without walls they are everybody's
        mounts = (inside / "mountinfo").read_text().splitlines()
        places = [line.split()[4] for line in mounts if " - tmpfs " in line]
        found = [os.statvfs(f"{inside}/root{place}") for place in places]
        sockets = (inside / "net/unix").read_text().count("\n")
    except OSError:  # it is gone, as the next read will show
        return False
    files = sum(place.f_files - place.f_ffree for place in found)
    return files > FILES or sockets > SOCKETS


def family(pid):
    """A process and its descendants, as far as they still live."""
    with contextlib.suppress(psutil.Error):
        yield psutil.Process(pid)
        for child in children(pid):
            yield from family(child)


def _bytes_of(process, method, field):
    try:
        return getattr(getattr(process, method)(), field)
    except psutil.Error:
        return 0
