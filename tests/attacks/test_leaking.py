"""Leaking: getting at hidden cases, solutions, other students, or the network."""

import os

import pytest
from attack import BEST, NORMALISED, Attack

SEEING = f"def normalise(X):\n    seen.append(X.tolist())\n    return {NORMALISED}"
# right for the inputs that a student knows, so that feedback is about hidden ones
ONLY_HIDDEN = """\
PUBLIC = {public}
def normalise(X):
    if X.shape == (4, 3) and f"{{X[0, 0]:.4f}}" not in PUBLIC:
        {body}
    return {right}
"""
HALF = ("passed", "wrong")


def linked(target):
    """Put a link beside the notebook; {root} is the course's folder."""

    def place(path):
        root = path.parents[4]
        os.symlink(target.format(root=root), path.parent / "notes.csv")

    return place


def if_hidden(body):
    """Answers of which the first does something odd where the input is not public."""
    fields = {"public": ["1.1017"], "body": body, "right": NORMALISED}
    return {"normalise": ONLY_HIDDEN.format(**fields), "largest": BEST}


ATTACKS = [
    Attack(
        "cell history",
        "Prints what IPython keeps of earlier cells: In, _ih, _i, the history.",
        trick="for name in ('In', '_ih', '_i', '_ii', 'Out', '_oh'):\n"
        "    if name in globals(): leaked(name)\n"
        "attempt(lambda: get_ipython().history_manager)",
        late="attempt(lambda: get_ipython().run_line_magic('history', '') or 1 / 0)",
    ),
    Attack(
        "a shell",
        "Runs commands by `!`, `%%bash`, `%sx` and `%run`.",
        trick="!touch /tmp/$MARK\n"
        "lines = !id\n"
        "if lines: leaked(lines)\n"
        "%sx id\n%run /etc/passwd\n%load_ext autoreload\n%cd /\n%env HOME",
        late="%%bash\ncat /etc/passwd; touch /tmp/mark-of-mallory",
    ),
    Attack(
        "the network",
        "Opens sockets of every family that leads out of the machine.",
        trick="import socket\n"
        "for family in (2, 10, 16, 17, 21, 29, 31, 38, 40, 44):\n"
        "    for kind in (1, 2, 3): attempt(socket.socket, family, kind)\n"
        "attempt(socket.create_connection, ('127.0.0.1', 22))\n"
        "attempt(socket.getaddrinfo, 'localhost.localdomain', 80)",
    ),
    Attack(
        "sockets of the machine",
        "Speaks to services through sockets in the file system or without a name.",
        trick="import glob, socket\n"
        "places = glob.glob('/run/**', recursive=True) + glob.glob('/var/run/**')\n"
        "places += ['/run/docker.sock', '/tmp/.X11-unix/X0', '\\0/tmp/dbus-x']\n"
        "for place in places:\n"
        "    attempt(socket.socket(socket.AF_UNIX).connect, place)",
    ),
    Attack(
        "files of the machine",
        "Reads accounts, keys, configuration and the disks themselves.",
        trick="""\
places = ["/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/machine-id",
          f"{SUPERUSER}/.ssh/id_rsa", f"{SUPERUSER}/.bash_history",
          "/proc/kcore", "/proc/kmsg",
          "/dev/mem", "/dev/sda", "/dev/vda", "/var/log/dpkg.log", "/sys/class/net",
          *(f"/proc/1/{what}" for what in ("environ", "root/etc/passwd")),
          "/proc/sys/kernel/core_pattern"]
for place in places:
    attempt(lambda: open(place, "r+b"))
# what leads to Python itself may be seen, wherever it is installed
way = {part for path in [sys.executable, *sys.path] for part in path.split("/")}
for folder in ("/var", "/srv", "/mnt", "/opt", "/boot", "/sys", "/run"):
    if set(quietly(os.listdir, folder) or ()) - way: leaked(folder)""",
    ),
    Attack(
        "files of the course",
        "Reads solutions, gradebook and the submissions of others.",
        trick="""\
mine = "class/submitted/right/ch01_sample/ch01_sample.ipynb"
for place in ("nbgrader_config.py", "solutions", "class/gradebook.db", mine):
    attempt(os.stat, f"{ROOT}/{place}")
for folder in ("..", "../..", "/home"):
    for name in quietly(os.listdir, folder) or ():
        if name in ("right", "wrong", "class", "course"): leaked(name)""",
    ),
    Attack(
        "the environment",
        "Reads the environment of the grader for names and tokens.",
        trick="""\
known = "HOME TMPDIR USER PATH LANG PWD LC_CTYPE MPLBACKEND PYTHONHASHSEED".split()
for name in os.environ:
    if name not in known and not name.endswith("_NUM_THREADS"): leaked(name)
for process in filter(str.isdigit, os.listdir("/proc")):
    text = quietly(lambda: open(f"/proc/{process}/environ").read()) or ""
    if "VIRTUAL_ENV" in text or "PYTEST" in text: leaked(text)""",
    ),
    Attack(
        "other processes",
        "Looks at the grader's process and at those of other students.",
        trick="""\
mine = {"1", str(os.getpid())}
for name in filter(str.isdigit, os.listdir("/proc")):
    if name not in mine: leaked(name)
for what in ("cmdline", "maps", "mem", "fd", "cwd", "root"):
    attempt(os.stat, f"/proc/{GRADER}/{what}") if str(GRADER) not in mine else None""",
    ),
    Attack(
        "a link to the solutions",
        "A link beside the notebook that copies the solutions into the graded folder.",
        place=linked("{root}/solutions/ch01_sample/notebook.py"),
        trick="for name in os.listdir():\n"
        "    if 'BEGIN SOLUTION' in open(name).read(): leaked(name)",
    ),
    Attack(
        "a link to the gradebook",
        "A link beside the notebook that brings everybody's points along.",
        place=linked("{root}/class/gradebook.db"),
        trick="for name in os.listdir():\n"
        "    if open(name, 'rb').read(6) == b'SQLite': leaked(name)",
    ),
    Attack(
        "hidden inputs printed later",
        "Keeps the inputs of the hidden cases and prints them in a later cell.",
        trick="seen = []",
        normalise=SEEING,
        late="print(seen)",
        earns=HALF,
    ),
    Attack(
        "hidden inputs on disk",
        "Writes the hidden inputs into its home and reads them back in a later cell.",
        normalise="def normalise(X):\n"
        f"    open('seen', 'a').write(repr(X.tolist()))\n    return {NORMALISED}",
        late="import os\nprint([open(n).read() for n in os.listdir()])",
        earns=HALF,
    ),
    Attack(
        "hidden inputs in a figure",
        "Draws the hidden inputs, and writes them into the title of the figure.",
        trick="seen = []",
        normalise=SEEING,
        late="import matplotlib.pyplot as plt\nplt.title(str(seen)); print(seen)",
        earns=HALF,
    ),
    Attack(
        "hidden inputs from a thread",
        "A thread that waits for the calls and prints while a later cell runs.",
        trick="import threading, time\n"
        "seen, out = [], sys.stdout\n"
        "def tell():\n"
        "    while True: print(seen, file=sys.stdout); time.sleep(0.005)\n"
        "threading.Thread(target=tell, daemon=True).start()",
        normalise=SEEING,
        late="import time; time.sleep(0.1)",
        earns=HALF,
    ),
    Attack(
        "hidden inputs in a public case",
        "Keeps the hidden inputs and returns, or raises, them for a public case.",
        trick="seen = []",
        normalise="def normalise(X):\n    seen.extend(X.ravel())\n"
        "    return np.resize(seen[-20:], X.shape)",
        largest="def largest(x):\n    seen.extend(x)\n    raise KeyError(str(seen))",
        earns=("wrong", "error"),
    ),
    Attack(
        "hidden inputs in an exception",
        "Raises an exception whose message and name are the hidden inputs.",
        **if_hidden("raise type(str(X.tolist()), (Exception,), {})(repr(X))"),
        earns=("error", "passed"),
    ),
    Attack(
        "hidden inputs in a name",
        "Returns an object whose type is named after the hidden inputs.",
        **if_hidden("return type(str(X.tolist()), (), {})()"),
        earns=("wrong", "passed"),
    ),
    Attack(
        "hidden inputs as a shape",
        "Returns an empty array whose sizes are the digits of the hidden inputs.",
        **if_hidden("return np.zeros([0, *(int(n * 1e5) for n in X[0, :2])])"),
        earns=("wrong", "passed"),
        says="Shape of A: expected",
    ),
    Attack(
        "hidden inputs as a count",
        "Returns as many results as the digits of a hidden input say.",
        **if_hidden("return (*[0.0] * (int(X[0, 0] * 1e5) - 1), [0.0, 1.0])"),
        earns=("wrong", "passed"),
    ),
    Attack(
        "hidden inputs as a line",
        "Raises on a line whose number is that of a hidden input.",
        **if_hidden(
            "lines = '\\n' * (int(X[0, 0] * 1e5) - 1) + 'raise KeyError'; "
            "exec(compile(lines, 'cell', 'exec'))"
        ),
        earns=("error", "passed"),
    ),
    Attack(
        "where the grader lives",
        "Prints the paths of interpreter, packages and engine that it can see.",
        trick="import autograder\n"
        "print(np.__file__, autograder.__file__, os.__file__)\n"
        "print(sys.executable, sys.path, sys.prefix)\n"
        "import traceback, warnings; warnings.warn('careful')\n"
        "try: from numpy import nothing\nexcept ImportError: traceback.print_exc()\n"
        "try: np.linalg.inv(np.zeros((2, 2)))\n"
        "except Exception: print(traceback.format_exc())",
        normalise="from numpy import nothing_of_that_name",
        earns=("error", "wrong"),
    ),
    Attack(
        "another's answers",
        "Imports what the process before it may have left in shared memory.",
        trick="from multiprocessing import shared_memory\n"
        "attempt(shared_memory.SharedMemory, 'mark-of-mallory')\n"
        "quietly(shared_memory.SharedMemory, 'mark-of-mallory', True, 4096)\n"
        "if os.listdir('/dev/shm') not in ([], ['mark-of-mallory']): leaked('shm')",
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_leaking(three, attack):
    three.undergo(attack)
