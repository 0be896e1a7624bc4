"""Hurting others: the neighbours, the grader's process, the machine, the next run."""

import copy
import os

import pytest
from attack import (
    BEST,
    CHAPTER,
    ERROR,
    NORMALISED,
    PASSED,
    RIGHT,
    Attack,
    cell_of,
    checks_of,
    insert_after,
)

# refused by the kernel's filter, by their numbers on x86_64
CALLS = """\
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
forbidden = dict(
    ptrace=101, mount=165, umount=166, swapoff=168, reboot=169, pivot_root=155,
    unshare=272, setns=308, bpf=321, keyctl=250, add_key=248, perf_event_open=298,
    io_uring_setup=425, process_vm_readv=310, process_vm_writev=311, kexec_load=246,
    init_module=175, finit_module=313, userfaultfd=323, clone3=435, chroot=161,
    name_to_handle_at=303, open_by_handle_at=304, fsopen=430, landlock=444, kcmp=312,
    memfd_secret=447, pidfd_getfd=438, process_madvise=440, sethostname=170, ioperm=173)
for name, number in forbidden.items():
    if libc.syscall(number, GRADER, 0, 0, 0, 0) != -1: leaked(name)
"""


def every_version(version):
    def edit(notebook):
        for cell in notebook["cells"]:
            if "nbgrader" in cell["metadata"]:
                cell["metadata"]["nbgrader"]["schema_version"] = version

    return edit


def copied(notebook):
    """As an honest student does: the answer is copied, and the copy filled in."""
    answer = copy.deepcopy(cell_of(notebook, "normalise"))
    cell_of(notebook, "normalise")["source"] = "raise NotImplementedError"
    insert_after(notebook, "normalise", answer)
    for cell in [*checks_of(notebook)]:
        insert_after(notebook, cell["id"], copy.deepcopy(cell))


def beside(**files):
    def place(path):
        for name, text in files.items():
            file = path.parent / name.replace("__", ".")
            file.write_text(text)

    return place


STARTUP = "open('/tmp/mark-of-mallory', 'w'); X = 1 / 0\n"

ATTACKS = [
    Attack(
        "a file in the next one's home",
        "Leaves start-up files in the home, in which the next kernel would find them.",
        trick="""\
for name in (".bashrc", ".profile", ".ipython/profile_default/startup/00.py",
             ".local/lib/python3.11/site-packages/usercustomize.py", "sitecustomize.py",
             ".config/matplotlib/matplotlibrc", ".jupyter/jupyter_config.py",
             ".pdbrc", ".pythonrc", "numpy.py", "autograder.py", MARK):
    os.makedirs(os.path.dirname(f"/home/student/{name}"), exist_ok=True)
    open(f"/home/student/{name}", "w").write("raise SystemExit('no more')")""",
    ),
    Attack(
        "a module for the next process",
        "Puts numpy.py into its home and dies; a fresh process might import it.",
        trick="for name in ('numpy', 'autograder', 'json', 'sitecustomize'):\n"
        "    open(f'/home/student/{name}.py', 'w').write('raise SystemExit')\n"
        "os.environ['PYTHONPATH'] = '/home/student'",
        normalise="def normalise(X):\n    os._exit(3)",
        largest=BEST,
        earns=("error", "passed"),
        survives=False,
    ),
    Attack(
        "modules beside the notebook",
        "Hands in files that shadow numpy, the engine and the start of Python.",
        place=beside(
            numpy__py=STARTUP,
            autograder__py=STARTUP,
            sitecustomize__py=STARTUP,
            conftest__py=STARTUP,
            ipython_config__py=STARTUP,
            nbgrader_config__py=STARTUP,
            evil__pth="import os; os.abort()",
        ),
        trick="import json\nif os.path.exists('numpy.py'): leaked('a module')",
    ),
    Attack(
        "another's submission",
        "Overwrites, links and removes what the neighbours handed in.",
        trick="""\
theirs = f"{ROOT}/class/submitted/right/ch01_sample/ch01_sample.ipynb"
quietly(lambda: os.makedirs(os.path.dirname(theirs)))
quietly(lambda: open(theirs, "w").write("{}"))
quietly(lambda: os.replace(theirs, theirs.replace("right", "wrong")))
import shutil; shutil.rmtree(f"{ROOT}/class", ignore_errors=True)""",
    ),
    Attack(
        "the engine on disk",
        "Changes the engine and the packages that the next process will import.",
        trick="""\
import autograder, shutil
for module in (np, autograder, os):
    attempt(open, module.__file__, "a")
    attempt(os.chmod, module.__file__, 0o777)
    attempt(os.unlink, module.__file__)
    attempt(os.symlink, "/tmp", module.__file__ + ".x")
attempt(os.link, sys.executable, "/home/student/python")
attempt(os.mkdir, "/usr/lib/x")
attempt(open, "/etc/ld.so.preload", "w")""",
    ),
    Attack(
        "a preloaded library",
        "Sets LD_PRELOAD and its like for every process that starts after it.",
        trick="""\
for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PYTHONHOME",
             "PYTHONSTARTUP", "PYTHONINSPECT", "BASH_ENV", "GCONV_PATH"):
    os.environ[name] = "/home/student/evil.so"
open("/home/student/evil.so", "wb").write(bytes(64))""",
        largest="def largest(x):\n    os._exit(0)",
        normalise=RIGHT,
        earns=("passed", "error"),
    ),
    Attack(
        "a process that stays",
        "Detaches a process from its session, twice forked, to outlive the run.",
        trick="""\
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        os.closerange(0, 100)
        os.execvp("sleep", ["sleep", "86399.25"])
    os._exit(0)""",
    ),
    Attack(
        "a lock on the gradebook",
        "Opens the database and keeps it locked for good.",
        trick="""\
import fcntl, sqlite3, time
for name in ("gradebook.db", "gradebook.db-journal", "gradebook.db-wal"):
    file = quietly(open, f"{ROOT}/class/{name}", "r+b")
    if file: fcntl.flock(file, fcntl.LOCK_EX); leaked(name)
attempt(lambda: sqlite3.connect(f"file:{ROOT}/class/gradebook.db?mode=rw", uri=True)
        .execute("BEGIN EXCLUSIVE"))""",
    ),
    Attack(
        "the parent killed",
        "Sends SIGKILL to its parent, to the grader, to everything.",
        trick="""\
for pid in (1, os.getppid(), GRADER, GRADER + 1, -1, 2):
    if pid != os.getpid():
        for number in (9, 19, 15, 2): quietly(os.kill, pid, number)
quietly(os.killpg, 1, 9)""",
        earns=PASSED,
        normalise=RIGHT,
        largest=BEST,
    ),
    Attack(
        "its own death",
        "Ends its process in every way it knows, in the middle of an answer.",
        normalise="def normalise(X):\n    import os\n    os.kill(os.getpid(), 11)",
        largest="def largest(x):\n    import os\n    os.abort()",
        earns=ERROR,
        says="ended the process",
    ),
    Attack(
        "a way out by exception",
        "Raises what a server does not expect: exits, interrupts, exceptions' roots.",
        normalise="def normalise(X):\n    raise GeneratorExit",
        largest="class Out(BaseException): pass\ndef largest(x):\n    raise Out",
        trick="import atexit, threading\natexit.register(os.abort)\n"
        "sys.excepthook = sys.unraisablehook = threading.excepthook = print",
        earns=ERROR,
    ),
    Attack(
        "forbidden system calls",
        "ptrace, mount, unshare, bpf, keyctl, io_uring and more, by their numbers.",
        trick=CALLS if os.uname().machine == "x86_64" else "pass",
    ),
    Attack(
        "the machine's settings",
        "Writes to /proc and /sys: cores, processes to be killed first, the trigger.",
        trick="""\
for place in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/dev/kmsg",
              "/proc/1/oom_score_adj", "/proc/sys/vm/drop_caches", "/dev/ptmx2",
              "/sys/fs/cgroup/cgroup.procs", "/proc/self/uid_map"):
    attempt(lambda: os.write(os.open(place, os.O_WRONLY), b"0"))
attempt(os.setuid, 0)
attempt(os.nice, -5)
attempt(os.mknod, "disk", 0o60666, os.makedev(8, 0))""",
    ),
    Attack(
        "a wrong schema",
        "A schema version from the past, for which nbgrader ends the whole run.",
        edit=every_version(1),
        normalise=RIGHT,
        earns=("passed", "wrong"),
    ),
    Attack(
        "a schema to come",
        "A schema version from the future, and one that is no number.",
        edit=every_version("ninety-nine"),
    ),
    Attack(
        "copied answers",
        "A cell copied and pasted, with its id; nbgrader then ends the whole run.",
        edit=copied,
        normalise=RIGHT,
        largest=BEST,
        earns=PASSED,
        says="was there 2 times",
    ),
    Attack(
        "a notebook that knows its neighbours",
        "Handed in under another's name: the metadata says that it is right's.",
        edit=lambda notebook: notebook["metadata"].update(
            student="right", nbgrader={"student": "right", "assignment": CHAPTER}
        ),
    ),
    Attack(
        "a trap for the garbage collector",
        "Objects that do harm when they are compared, copied, printed or let go.",
        trick="""\
class Trap(np.ndarray):
    def __del__(self): os._exit(1) if sys.is_finalizing() else None
    def __repr__(self): raise SystemExit
    def __reduce_ex__(self, version): raise SystemExit
    def __deepcopy__(self, memo): raise SystemExit
    def copy(self, *_): raise SystemExit
    def tobytes(self, *_): raise SystemExit""",
        normalise=f"def normalise(X):\n    return ({NORMALISED}).view(Trap)",
        earns=("passed", "wrong"),
    ),
    Attack(
        "a message without end",
        "An exception whose message is endless, and raises when it is read.",
        trick="class Odd(Exception):\n"
        "    def __str__(self): raise Odd\n    def __repr__(self): return self.x",
        normalise="def normalise(X):\n    raise Odd",
        largest="def largest(x):\n    raise ValueError('x' * 10**7)",
        earns=ERROR,
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_hurting(three, attack):
    three.undergo(attack)
