"""What the answers of a notebook deserve, found out in another way than grading does.

A forked child runs the cells as they stand, asks each probe and compares with a plain
formula. It is no sandbox: the sources come from this folder. A fork, since mutated code
may end its process, hang, or change NumPy.
"""

import contextlib
import os
import resource

import numpy as np

from autograder.checking.calling import call
from autograder.checking.check import recording
from autograder.sandbox.notebook_names import notebook_names, run_code

SECONDS = 10
MEMORY = 8 * 2**30


def deserving(cells) -> set[str] | None:
    """The exercises that `cells` answer rightly; None when their process ended.

    cells: as `autograder.grading.grade.code_cells` lists them.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            os.write(write, _found(cells).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(pid, 0)
    return set(said.split(",")[:-1]) if said.endswith(".") else None


def _found(cells):
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    namespace, right = notebook_names(), []
    with recording() as probes:
        for cell in cells:
            with contextlib.suppress(Exception, SystemExit):
                run_code(cell.source, "<cell>", namespace)
            probe = probes.get(cell.exercise)
            if probe and all(_is_right(cell.exercise, probe, x) for x in INPUTS):
                right.append(cell.exercise)
    return "".join(f"{name}," for name in right) + "."


def _is_right(name, probe, inputs):
    array = inputs[name]
    answer = call(probe, {"x": array})
    if answer.changed:
        return False
    if name == "largest" and array.size == 0:
        return answer.raised is not None and answer.raised.is_value_error
    if answer.raised:
        return False
    return COMPARE[name](array, answer.value)


def _is_normalised(X, got):
    if not isinstance(got, np.ndarray) or got.dtype.kind != "f":
        return False
    sums = [sum(map(float, row)) or 1.0 for row in X]
    want = [[float(x) / s for x in row] for row, s in zip(X, sums, strict=True)]
    tolerance = 1e-3 if X.dtype == np.float32 else 1e-6
    return got.shape == X.shape and np.allclose(got, want, tolerance, tolerance)


def _is_largest(x, got):
    if not isinstance(got, (list, tuple)) or len(got) != 2:
        return False
    value, index = (np.asarray(item) for item in got)
    if value.shape or index.shape or index.dtype.kind not in "iu":
        return False
    want = max(x.tolist())
    return bool(abs(value - want) < 1e-6 and index == x.tolist().index(want))


COMPARE = {"normalise": _is_normalised, "largest": _is_largest}


def _inputs():
    rng = np.random.default_rng(3)
    for size in (2, 3, 4, 5, 6, 7, 0):
        X = rng.uniform(1, 2, (size + 1, size + 2))
        if size % 2:
            X[size // 2] = 0
        yield {"normalise": X, "largest": rng.normal(size=size) - 5}
    small = np.array([[1, 1, 2], [3, 1, 0]])
    yield {"normalise": small.astype(np.float32), "largest": np.array([1.0, -7, 5])}


INPUTS = tuple(_inputs())
