"""The exchange: whatever the process says about itself, or to whom, it is not believed.

The student's code runs in the process that replies to the grader; it can reach the
descriptors, the code that writes to them, and the token of the request at hand.
"""

import pytest
from attack import BEST, ERROR, REACH, RIGHT, Attack


def answering(reply, when="'value' in m"):
    """A process that replies with `reply`, an expression of `t` and `m`, to calls."""
    return (
        f"{REACH}def forge(t, m):\n    if not ({when}): return send(t, m)\n"
        f"    return {reply}\nprocess._send = forge"
    )


def saying(fields):
    return answering(f"send(t, m | {fields})")


def claiming(array):
    header = f'{{"dict": {{"token": m["token"], "value": {{"array": {array}}}}}}}'
    return answering(f"(t.write(frame({header})), t.flush())")


ATTACKS = [
    Attack(
        "points in the reply",
        "Replies that say passed, a score and a small time of their own accord.",
        trick=saying("{'outcome': 'passed', 'score': 5, 'points': 5, 'seconds': 0}"),
    ),
    Attack(
        "an infrastructure failure in the reply",
        "Replies that name the grader's own failure, to be graded again and again.",
        trick=saying("{'outcome': 'infrastructure', 'error': 'no room', 'value': 0}"),
    ),
    Attack(
        "a second notebook's word",
        "Says that it is ready again, as a fresh process would.",
        trick=answering("send(t, {'ready': True})"),
        earns=ERROR,
        says="ended the process",
    ),
    Attack(
        "a guessed token",
        "A reply written to the descriptor before the request, with a token guessed.",
        trick=f"{REACH}os.write(replies, frame({{'dict': {{'token': '0' * 16}}}}))",
        survives=False,
    ),
    Attack(
        "a reply that comes early",
        "The right token, read from the caller's frame, and a reply of its own before.",
        trick=f"{REACH}os.write(replies, frame("
        "{'dict': {'token': token(), 'raised': None, 'printed': 'early'}}))",
        survives=False,
        earns=ERROR,  # the reply of the process itself then stands before all others
    ),
    Attack(
        "a reply that comes twice",
        "Each reply is sent again, to stand as the answer to the next request.",
        trick=answering("(send(t, m), send(t, m))"),
        normalise=RIGHT,
        earns=ERROR,
    ),
    Attack(
        "a reply that comes late",
        "A thread of its own that replies to a request after its time.",
        trick=f"{REACH}import threading, time\n"
        "late = frame({'dict': {'token': token(), 'value': 1}})\n"
        "def reply():\n"
        "    time.sleep(0.2)\n"
        "    while True: os.write(replies, late); time.sleep(0.01)\n"
        "threading.Thread(target=reply, daemon=True).start()",
        normalise="def normalise(X):\n    import time; time.sleep(1)\n    return X",
        largest="def largest(x):\n    import time; time.sleep(1)\n    return 0.0, 0",
        earns=ERROR,
    ),
    Attack(
        "the reply to another case",
        "Answers each case with what it answered to the one before.",
        trick=f"{REACH}call, given = process._call, [{{'value': None}}]\n"
        "def forge(*arguments):\n"
        "    given.append(call(*arguments))\n"
        "    return given[-2]\n"
        "process._call = forge",
        normalise=RIGHT,
        largest=BEST,
    ),
    Attack(
        "words for a reply",
        "Bytes that are no message at all.",
        trick=answering("(t.write(b'all right, 100 points'), t.flush())"),
        earns=ERROR,
    ),
    Attack(
        "a huge header",
        "A message that claims 4 GiB, to be read into the grader's memory.",
        trick=answering("(t.write(b'\\xff' * 8), t.flush())"),
        earns=ERROR,
    ),
    Attack(
        "a deep header",
        "JSON nested a million deep, to exhaust the stack of whoever reads it.",
        trick=answering("(t.write(frame(b'[' * 10**6)), t.flush())"),
        earns=ERROR,
    ),
    Attack(
        "a number without end",
        "JSON with an integer of a million digits, which takes long to read.",
        trick=answering("(t.write(frame(b'9' * 10**6)), t.flush())"),
        earns=ERROR,
    ),
    Attack(
        "1e10 elements",
        "An array that claims 1e10 elements and sends none.",
        trick=claiming('{"dtype": "float64", "shape": [10**5, 10**5]}'),
        earns=ERROR,
    ),
    Attack(
        "an impossible shape",
        "An empty array with sizes whose product is beyond every integer.",
        trick=claiming('{"dtype": "float64", "shape": [0] + [2**39] * 30}'),
        earns=ERROR,
    ),
    Attack(
        "an array of objects",
        "An array of Python objects, which only a pickle could bring across.",
        trick=claiming('{"dtype": "object", "shape": [1]}'),
        earns=ERROR,
    ),
    Attack(
        "the first process's word",
        "Writes to all that the first process behind the walls holds open, and dies.",
        trick="""\
for number in quietly(os.listdir, "/proc/1/fd") or ():
    for words in (b"{", b'{"exit-code": "x"}', b"7", b'{"exit-code": 152}'):
        quietly(lambda: os.write(os.open(f"/proc/1/fd/{number}", os.O_WRONLY), words))
quietly(lambda: open("/proc/1/mem", "r+b").write(b"x"))
os._exit(7)""",
        survives=False,
        normalise=RIGHT,
        largest=BEST,
        earns=("passed", "passed"),
        says="ended its process .died.",
    ),
    Attack(
        "closed descriptors",
        "Closes everything that it inherited.",
        trick="os.closerange(3, 64)",
        survives=False,
    ),
    Attack(
        "swapped descriptors",
        "Lets its requests come from nowhere.",
        trick=f"{REACH}os.dup2(os.open(os.devnull, os.O_RDWR), requests)",
        survives=False,
        earns=ERROR,
    ),
    Attack(
        "a reply drop by drop",
        "Sends one byte at a time, each within its time, and never ends.",
        trick=answering(
            "[(os.write(replies, bytes([byte])), __import__('time').sleep(0.1))"
            " for byte in frame(b' ' * 10**4)]",
            when="isinstance(m.get('value'), np.ndarray)",
        ),
        earns=("timeout", "wrong"),
    ),
    Attack(
        "a flood of replies",
        "Writes to the descriptor without end, faster than anyone reads.",
        trick=answering("[t.write(bytes(2**20)) for _ in iter(int, 1)]"),
        earns=ERROR,
    ),
    Attack(
        "requests read away",
        "A thread that takes the requests before the process itself can read them.",
        trick=f"{REACH}import threading\n"
        "def steal():\n"
        "    while data := os.read(requests, 2**16):\n"
        "        os.write(replies, frame({'dict': {'token': 'x', 'value': 1}}))\n"
        "threading.Thread(target=steal, daemon=True).start()",
        survives=False,
        earns=ERROR,
    ),
    Attack(
        "no probe any more",
        "Says that there is nothing to call, so that nothing can be wrong.",
        trick=saying("{'no_probe': True}"),
        earns=ERROR,
    ),
    Attack(
        "a forged exception",
        "Claims the ValueError that is asked for in one case, in all of them.",
        trick=saying(
            "{'value': None, 'raised': {'kind': 'ValueError', 'message': '', "
            "'is_value_error': True, 'line': 10**9, 'text': ''}}"
        ),
        earns=ERROR,
    ),
    Attack(
        "changed arguments unsaid",
        "Changes its arguments and forges the list of those that it has changed.",
        trick=saying("{'changed': ['y', 7, None]}"),
        normalise="def normalise(X):\n    X *= 0\n    return X",
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_exchange(three, attack):
    three.undergo(attack)
