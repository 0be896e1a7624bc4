"""Runs inside: the walls of one forked process, put up by itself before student code.

The fork server lives behind bubblewrap's walls already: no network, a read-only system,
nothing of the course. What each of its children adds is what must not be shared among
them: processes, home, shared memory, sockets, a user; and then it gives up every
privilege and takes the filter of system calls. Needs Linux; the numbers are those of
its headers.
"""

import contextlib
import ctypes
import os
import resource

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER = 0x00020000, 0x04000000, 0x10000000
CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x20000000, 0x40000000
OWN = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET

MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_REC, MS_PRIVATE = 0x4000, 0x40000

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 4, 22, 24
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION = 0x20080522
LAST_CAPABILITY = 63
PLAIN_USER = 1000

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


@contextlib.contextmanager
def own_process_numbers():
    """A process that is forked inside is the first of a namespace of its own.

    Who forks it stays outside; only the forked one comes back elsewhere.
    """
    ours = os.open("/proc/self/ns/pid", os.O_RDONLY)
    parent = os.getpid()
    with os.fdopen(ours):
        _call("unshare", CLONE_NEWPID)
        try:
            yield
        finally:
            if os.getpid() == parent:
                _call("setns", ours, CLONE_NEWPID)


def own_namespaces():
    """Leave the other namespaces of the fork server."""
    _call("unshare", OWN)


def own_files(home: str, home_size: int, shared_size: int):
    """A home and shared memory of its own, and only its own processes in /proc."""
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", home, f"size={home_size},mode=1777", MS_NOSUID | MS_NODEV)
    shared = f"size={shared_size},mode=1777"
    _mount("tmpfs", "/dev/shm", shared, MS_NOSUID | MS_NODEV)
    _mount("proc", "/proc", None, MS_NOSUID | MS_NODEV | MS_NOEXEC)
    os.chdir(home)


def limit(most: dict[str, int]):
    """Set limits by their names in `resource`, such as "as" or "nofile"."""
    for name, value in most.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))


def give_up_privileges(user: int | None):
    """Become `user`, or a plain one in a namespace of its own; no capability is left.

    user: one that root can give away; None where the fork server was not started by it.
    """
    if user is None:
        _own_user()
    for capability in range(LAST_CAPABILITY + 1):
        # one that this kernel does not have cannot be dropped
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    _call("capset", ctypes.byref(header), ctypes.byref(none))
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    show_in_proc(False)


def show_in_proc(is_shown: bool):
    """Whether processes of the same user may look into this one by /proc."""
    _call("prctl", PR_SET_DUMPABLE, int(is_shown), 0, 0, 0)


def _own_user():
    """Be a plain user in a namespace of its own, as far as processes inside can see."""
    told = {"setgroups": "deny", "uid_map": f"{PLAIN_USER} {os.getuid()} 1"}
    told["gid_map"] = f"{PLAIN_USER} {os.getgid()} 1"
    _call("unshare", CLONE_NEWUSER)
    for name, text in told.items():
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def filter_calls(program: bytes):
    """Take the filter of system calls, a BPF program, for itself and its children."""
    told = _Program(len(program) // 8, program)
    _call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(told), 0, 0)


def _mount(source, target, options, flags):
    kind = source
    words = [w and w.encode() for w in (source, target, kind, options)]
    source, target, kind, options = words
    what = f"mount {target.decode()}"
    _call("mount", source, target, kind, ctypes.c_ulong(flags), options, what=what)


def _call(name, *arguments, what=""):
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what or name}: {os.strerror(number)}")
