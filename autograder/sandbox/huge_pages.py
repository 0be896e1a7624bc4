"""Runs inside: a process that is forked often gathers its memory in huge pages.

Of them there is a hundredth of the page table to copy and to take apart again. Linux
6.1 and newer can; elsewhere nothing changes but the time that a fork takes.
"""

import ctypes

MADV_COLLAPSE = 25  # see madvise(2)
SIZE = 2 * 2**20

_libc = ctypes.CDLL(None)


def gather_memory():
    """Gather what this process has written to and no file stands behind."""
    with open("/proc/self/maps") as maps:
        lines = [line.split() for line in maps]
    for place, access, *_, file in (line for line in lines if len(line) in (5, 6)):
        is_memory = file in ("0", "[heap]")  # a line without a file ends with "0"
        if access.startswith("rw-p") and is_memory:
            begin, end = (int(number, 16) for number in place.split("-"))
            first, last = -(-begin // SIZE) * SIZE, end // SIZE * SIZE
            if first < last:
                size = ctypes.c_size_t(last - first)
                _libc.madvise(ctypes.c_void_p(first), size, MADV_COLLAPSE)
