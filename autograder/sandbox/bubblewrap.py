"""What bubblewrap is told: which namespaces, which files, which user.

Inside there are the machine's libraries, the running Python with its packages, the part
of this package that calls answers, and a home in memory. Nothing else of the disk.
"""

import itertools
import os
import sys
from pathlib import Path

import autograder
from autograder.sandbox import limits

HOME = "/home/student"
# users that no package creates; systemd lends the same ones for a while
FIRST_USER, USERS = 61184, 4336
SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64")
SETTINGS = ("ld.so.cache", "alternatives", "fonts", "localtime")

# to become another user, and to make namespaces and the mounts in them
FOR_ONE = ("SETUID", "SETGID", "SETPCAP")
FOR_SERVER = (*FOR_ONE, "SETFCAP", "SYS_ADMIN")

# how many threads the libraries that compute with arrays may use
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# far from those of a grader with the next process number
_turn = itertools.count(97 * os.getpid())


def options(status: int, filter_file: int, files: dict[str, int]) -> bytes:
    """All options, as bubblewrap reads them from a file.

    status, filter_file and the values of `files` are descriptors: where it reports, the
    program that filters system calls, the data for the home by name.
    """
    said = [
        *("--json-status-fd", str(status), "--seccomp", str(filter_file)),
        *_walls(FOR_ONE if _is_root() else ()),
        *_own(),
        *_memory("/dev/shm", limits.SHARED_SIZE),
        *_memory(HOME, limits.HOME_SIZE),
        *_data_files(files),
        *("--remount-ro", "/", "--chdir", HOME),
    ]
    return "\0".join(said).encode()


def server_options() -> bytes:
    """All options for a process that runs no student code and forks those that do.

    It keeps the privileges, inside its own walls, to put up walls around each of them.
    """
    said = [
        # with another user than 0 it would lose the right to mount
        *_walls(FOR_SERVER, user="0"),
        *_memory(HOME, limits.HOME_SIZE),  # some modules keep a cache there
        *("--dir", "/dev/shm"),
        *("--remount-ro", "/", "--chdir", HOME),
    ]
    return "\0".join(said).encode()


def next_user() -> int | None:
    """Where root grades, student code runs as a user of its own, one a process."""
    return FIRST_USER + next(_turn) % USERS if _is_root() else None


def users() -> tuple[int, int, int] | None:
    """The same for one that hands out users itself: the first, how many, the next."""
    return (FIRST_USER, USERS, next(_turn) % USERS) if _is_root() else None


def command_prefix() -> list[str]:
    """What makes the next user of what is started by the words after it."""
    user = next_user()
    if user is None:
        return []
    user = str(user)
    names = ("--reuid", user, "--regid", user, "--clear-groups")
    return ["setpriv", *names, "--inh-caps=-all", "--bounding-set=-all"]


def environment(home: str) -> dict[str, str]:
    """A process for student code inherits nothing; libraries use one thread."""
    return {
        "HOME": home,
        "TMPDIR": home,
        "USER": "student",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "PYTHONHASHSEED": "0",
        **dict.fromkeys(THREADS, "1"),
    }


def _walls(capabilities, user="1000"):
    yield from ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts")
    yield from ("--unshare-cgroup-try", "--die-with-parent", "--new-session")
    if not _is_root():
        yield from ("--unshare-user", "--uid", user, "--gid", user)
    yield from ("--cap-drop", "ALL")
    for capability in capabilities:
        yield from ("--cap-add", f"CAP_{capability}")
    yield from ("--hostname", "notebook", "--clearenv")
    yield from _set(environment(HOME))
    yield from _system()
    places = _python_places()
    if not any(place.is_relative_to("/tmp") for place in places):
        yield from ("--symlink", HOME.lstrip("/"), "/tmp")
    yield from _bound(places)


def _set(variables):
    for name, value in variables.items():
        yield from ("--setenv", name, value)


def _own():
    """Where no root grades: no further namespaces, whatever the filter forgets."""
    return () if _is_root() else ("--disable-userns",)


def _system():
    """The machine's libraries and programs, read-only; devices that hold nothing."""
    yield from ("--ro-bind", "/usr", "/usr")
    for name in SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    yield from ("--perms", "0755", "--dir", "/etc")
    for name in SETTINGS:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    yield from ("--proc", "/proc", "--dev", "/dev")


def _memory(place, size):
    """A folder in memory that any user may write to, and no more than `size` bytes."""
    yield from ("--perms", "1777", "--size", str(size), "--tmpfs", place)


def _python_places():
    """The running Python with its packages, and what a notebook needs of us."""
    prefixes = dict.fromkeys(map(os.path.abspath, (sys.base_prefix, sys.prefix)))
    places = [
        Path(prefix, part)
        for prefix in prefixes
        for part in ("bin", "lib", "lib64", "pyvenv.cfg")
    ]
    engine = Path(autograder.__file__).resolve().parent
    places += [engine / part for part in ("__init__.py", "checking", "sandbox")]
    return [p for p in places if p.exists() and not p.is_relative_to("/usr")]


def _bound(places):
    """The places as they are, read-only, below folders that any user may pass."""
    above = {folder for place in places for folder in place.parents[:-1]}
    for folder in sorted(above):
        yield from ("--perms", "0755", "--dir", str(folder))
    for place in places:
        yield from ("--ro-bind", str(place), str(place))


def _data_files(files):
    for name, file in files.items():
        yield from ("--perms", "0444", "--ro-bind-data", str(file))
        yield f"{HOME}/{name}"


def _is_root():
    return os.geteuid() == 0
