"""What a process for student code may use.

The kernel keeps the limits and we look on from outside; the process is never asked.
Sizes in bytes, times in seconds.
"""

import shutil
import time

import psutil

MEMORY = 2 * 2**30  # of all its processes together, what they really hold
ADDRESS_SPACE = 4 * 2**30  # of each process, what it has asked for
HOME_SIZE = 256 * 2**20
SHARED_SIZE = 128 * 2**20
FILE_SIZE = 128 * 2**20
PROCESSES = 128  # threads count
OPEN_FILES = 512
CPU_SECONDS = 900
WATCH_SECONDS = 0.1


def command(own_user: bool, address_space: int | None = None) -> list[str]:
    """The command (util-linux) that limits what is started by the words after it.

    own_user: nobody else runs under its user, so that its processes can be counted.
    Empty where a system has no such command; there are no walls either then.
    """
    if shutil.which("prlimit") is None:
        return []
    most = {
        "as": address_space or ADDRESS_SPACE,
        "fsize": FILE_SIZE,
        "nofile": OPEN_FILES,
        "cpu": CPU_SECONDS,
        "core": 0,
    }
    if own_user:
        most["nproc"] = PROCESSES
    return ["prlimit", *(f"--{name}={value}" for name, value in most.items())]


def mapped(pid: int) -> int:
    """The size of a process's address space; 0 when it is gone."""
    return _bytes_of(psutil.Process(pid), "memory_info", "vms")


def is_over(pid: int) -> bool:
    """Whether a process and its descendants hold more than `MEMORY`.

    Pages that several share are counted once, as their shares.
    """
    family = _family(pid)
    if sum(_bytes_of(process, "memory_info", "rss") for process in family) <= MEMORY:
        return False
    return sum(_bytes_of(p, "memory_full_info", "pss") for p in family) > MEMORY


def cpu_seconds(pid: int) -> float:
    """The processor time of a process and its threads, to the nanosecond.

    The clock's number is made as clock_getcpuclockid(3) makes it.
    """
    return time.clock_gettime((~pid << 3) | 2)


def _family(pid):
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _bytes_of(process, method, field):
    try:
        return getattr(getattr(process, method)(), field)
    except psutil.Error:
        return 0
