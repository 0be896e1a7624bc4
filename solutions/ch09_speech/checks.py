"""How chapter 9, when L x L is too long, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result

SLIDE = 'slide "Self-attention for Speech"'


def _numbers(rng, *shape, dtype=float):
    """Random numbers that read well in the public cases: short in either precision."""
    numbers = rng.normal(size=shape)
    if dtype is float:
        return np.round(numbers, 2)
    return (np.round(32 * numbers) / 32).astype(dtype)


# --- 9.1 attention_cells ----------------------------------------------------------

attention_cells = Exercise(
    name="attention_cells",
    points=2,
    difficulty=2,
    minutes=15,
    source=SLIDE,
    hints=(
        "Count the pairs on one side first. How many frames does frame i find before "
        "it, if it may look back `left` frames and i exist? Add that up over all i.",
        "The first `left` frames find 0, 1, 2, ... frames before them, all others find "
        "`left`: together left n - left (left + 1) / 2, with left at most n - 1. The "
        "other side is the same with `right`. Each frame also meets itself.",
    ),
    inputs={},
    returns=Result("cells", "", kind="int"),
    simple=True,
)


@attention_cells.cases
def cells_cases(rng):
    def case(seconds, hop_ms, left, right, note):
        inputs = {"seconds": seconds, "hop_ms": hop_ms, "left": left, "right": right}
        return Case(inputs, note)

    yield case(0.05, 10, 1, 1, "five frames, one neighbour on either side")
    yield Case({"seconds": 1, "hop_ms": 10}, "one second, no window")
    seconds = int(rng.integers(2, 9))
    left, right = (int(x) for x in rng.permutation(np.arange(3, 40))[:2])
    yield case(seconds, 10, left, right, "a window")
    yield case(seconds, 20, 0, right, "nothing to the left")
    yield case(0.5, 10, None, 0, "all of the past, nothing ahead")
    yield case(0.7, 10, left, None, "no bound to the right")
    yield case(2.01, 10, 6, 8, "2.01 seconds")
    yield case(float(rng.integers(3, 30)) / 2, 12.5, 4, 9, "a hop of 12.5 ms")
    yield case(0.06, 10, 50, 2, "a window wider than the recording")
    yield case(0.08, 10, 9, 70, "a window wider than the recording on both sides")
    yield case(0.01, 10, 3, 1, "a single frame")
    yield case(3, 10, 0, 0, "each frame sees itself only")
    yield case(600, 10, 50 + left, 50, "ten minutes")
    yield case(3600, 10, None, None, "an hour, no window")


@attention_cells.misconception(
    "You counted a full window for every frame. Near the ends a part of the window "
    "does not exist."
)
def border_counted_in_full(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    if left is None and right is None:
        return n * n
    left, right = (n - 1 if x is None else x for x in (left, right))
    return n * (left + right + 1)


@attention_cells.misconception(
    "One side without a bound does not make attention full: the other side still has "
    "its bound."
)
def one_none_is_full(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    if left is None or right is None:
        return n * n
    return sum(min(i, left) + 1 + min(n - 1 - i, right) for i in range(n))


@attention_cells.misconception(
    "You cut a full window at n, the length. That is right for the widest window; a "
    "frame near one end misses a part of a smaller one too."
)
def width_cut_at_n(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    left, right = (n if x is None else x for x in (left, right))
    return n * min(n, left + right + 1)


@attention_cells.misconception(
    "You took left and right for the width of the window, half of it on either side. "
    "Each is a number of frames on its own side."
)
def width_for_radius(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    left, right = (n - 1 if x is None else x // 2 for x in (left, right))
    return sum(min(i, left) + 1 + min(n - 1 - i, right) for i in range(n))


@attention_cells.misconception(
    "You left out the frame itself. It attends to itself too: one cell more in each "
    "row."
)
def without_itself(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    left, right = (n - 1 if x is None else x for x in (left, right))
    return sum(min(i, left) + min(n - 1 - i, right) for i in range(n))


@attention_cells.misconception(
    "A side without a bound came out as 0. None means all frames on that side."
)
def none_for_nothing(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    left, right = left or 0, right or 0
    return sum(min(i, left) + 1 + min(n - 1 - i, right) for i in range(n))


@attention_cells.misconception(
    "A bound of 0 became no bound at all: in Python 0 counts as false. Ask "
    "`left is None` instead."
)
def zero_for_none(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    left, right = left or n - 1, right or n - 1
    return sum(min(i, left) + 1 + min(n - 1 - i, right) for i in range(n))


@attention_cells.misconception(
    "`int` cuts off what stands behind the point: 200.99999999999997 frames became "
    "200. Round instead."
)
def cut_not_rounded(seconds, hop_ms, left=None, right=None):
    n = int(1000 * seconds / hop_ms)
    left, right = (n - 1 if x is None else x for x in (left, right))
    return sum(min(i, left) + 1 + min(n - 1 - i, right) for i in range(n))


@attention_cells.misconception(
    "You took 100 frames a second, whatever the hop. There is one frame every hop_ms "
    "milliseconds."
)
def always_hundred(seconds, hop_ms, left=None, right=None):
    n = round(100 * seconds)
    left, right = (n - 1 if x is None else x for x in (left, right))
    return sum(min(i, left) + 1 + min(n - 1 - i, right) for i in range(n))


@attention_cells.misconception(
    "You counted the frames of the signal that have a whole window behind them and "
    "lost one. Here n is simply 1000 seconds / hop_ms, rounded."
)
def one_frame_less(seconds, hop_ms, left=None, right=None):
    n = max(1, round(1000 * seconds / hop_ms) - 1)
    left, right = (n - 1 if x is None else x for x in (left, right))
    return sum(min(i, left) + 1 + min(n - 1 - i, right) for i in range(n))


@attention_cells.misconception(
    "The count came out as a float. A number of cells is an int: divide with //."
)
def as_float(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    left, right = (n - 1 if x is None else min(x, n - 1) for x in (left, right))
    corners = (left * (left + 1) + right * (right + 1)) / 2
    return n * (left + right + 1) - corners


@attention_cells.alternative
def frame_by_frame(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    left, right = (n if x is None else x for x in (left, right))
    return sum(min(n - 1, i + right) - max(0, i - left) + 1 for i in range(n))


@attention_cells.alternative
def by_arrays(seconds, hop_ms, left=None, right=None):
    i = np.arange(int(np.rint(1000 * seconds / hop_ms)))
    before = i if left is None else np.minimum(i, left)
    after = i if right is None else np.minimum(i, right)
    return len(i) + before.sum() + after.sum()


@attention_cells.alternative
def by_diagonals(seconds, hop_ms, left=None, right=None):
    n = round(1000 * seconds / hop_ms)
    left, right = (n - 1 if x is None else x for x in (left, right))
    return sum(max(0, n - abs(m)) for m in range(-left, right + 1))


# --- 9.2 truncated_keep -----------------------------------------------------------

truncated_keep = Exercise(
    name="truncated_keep",
    points=1,
    difficulty=1,
    minutes=10,
    source=f"{SLIDE}; arXiv 1910.12977",
    hints=(
        "Whether i may see j depends on the distance j - i alone.",
        "`np.arange(n) - np.arange(n)[:, None]` holds j - i in row i and column j. "
        "Keep what lies between -left and right, both included.",
    ),
    inputs={},
    returns=Result("keep", "n, n", kind="bool"),
    simple=True,
)


@truncated_keep.cases
def keep_cases(rng):
    yield Case({"n": 5, "left": 1, "right": 2}, "n = 5, left = 1, right = 2")
    n = int(rng.integers(6, 8))
    left, right = (int(x) for x in rng.permutation(np.arange(1, 5))[:2])
    yield Case({"n": n, "left": left, "right": right}, "random sizes")
    yield Case({"n": 6, "left": 3, "right": 0}, "nothing ahead")
    yield Case({"n": 5, "left": 0, "right": 2}, "nothing behind")
    yield Case({"n": 4, "left": 0, "right": 0}, "each sees itself only")
    yield Case({"n": 4, "left": 9, "right": 1}, "left beyond n")
    yield Case({"n": 3, "left": 11, "right": 8}, "left and right beyond n")
    yield Case({"n": 1, "left": 2, "right": 3}, "a single frame")


@truncated_keep.misconception(
    "Your mask is upside down: True is where attention is allowed."
)
def inverted(n, left, right):
    offset = np.arange(n) - np.arange(n)[:, None]
    return (offset < -left) | (offset > right)


@truncated_keep.misconception(
    "Left and right are swapped. Queries are rows and keys are columns, so what comes "
    "before a frame lies to the left of the diagonal."
)
def sides_swapped(n, left, right):
    offset = np.arange(n)[:, None] - np.arange(n)
    return (-left <= offset) & (offset <= right)


@truncated_keep.misconception(
    "You took left and right for the width of the window, half of it on either side. "
    "Each is a number of frames on its own side."
)
def halves(n, left, right):
    offset = np.arange(n) - np.arange(n)[:, None]
    return (-(left // 2) <= offset) & (offset <= right // 2)


@truncated_keep.misconception(
    "Your window is the same on both sides. Left and right are two numbers, each for "
    "its own side."
)
def symmetric(n, left, right):
    offset = np.arange(n) - np.arange(n)[:, None]
    return abs(offset) <= (left + right) // 2


@truncated_keep.misconception(
    "The last frame on the right is missing. Both ends are included, and the end of a "
    "Python range or slice is not: i + right + 1."
)
def right_end_missing(n, left, right):
    offset = np.arange(n) - np.arange(n)[:, None]
    return (-left <= offset) & (offset < right)


@truncated_keep.misconception(
    "The frames at the ends of the window are missing on both sides. They belong to "
    "it: use <=, not <."
)
def both_ends_missing(n, left, right):
    offset = np.arange(n) - np.arange(n)[:, None]
    return (-left < offset) & (offset < right)


@truncated_keep.misconception(
    "The frame itself is missing. It is inside its own window, even with left = right "
    "= 0."
)
def itself_missing(n, left, right):
    offset = np.arange(n) - np.arange(n)[:, None]
    return (-left <= offset) & (offset <= right) & (offset != 0)


@truncated_keep.misconception(
    "Your window wraps around: the first frames see the last ones. Time has two ends."
)
def wraps(n, left, right):
    keep = np.zeros((n, n), dtype=bool)
    for i in range(n):
        keep[i, [j % n for j in range(i - left, i + right + 1)]] = True
    return keep


@truncated_keep.misconception(
    "A slice that starts below 0 counts from the end, and the first rows lose their "
    "window. Start at max(0, i - left)."
)
def negative_start(n, left, right):
    keep = np.zeros((n, n), dtype=bool)
    for i in range(n):
        keep[i, i - left : i + right + 1] = True
    return keep


@truncated_keep.misconception(
    "You cut time into blocks. The window moves with the frame: each has its own "
    "`left` before and `right` after it."
)
def blocks(n, left, right):
    block = np.arange(n) // (left + right + 1)
    return block[:, None] == block


@truncated_keep.misconception(
    "The mask holds 0 and 1 as numbers. Return booleans: a mask of ints picks rows "
    "when it is used as an index."
)
def numbers_not_booleans(n, left, right):
    offset = np.arange(n) - np.arange(n)[:, None]
    return ((-left <= offset) & (offset <= right)).astype(float)


@truncated_keep.alternative
def by_triangles(n, left, right):
    ones = np.ones((n, n), dtype=bool)
    return np.tril(ones, right) & np.triu(ones, -left)


@truncated_keep.alternative
def row_by_row(n, left, right):
    keep = np.zeros((n, n), dtype=bool)
    for i in range(n):
        keep[i, max(0, i - left) : i + right + 1] = True
    return keep


@truncated_keep.alternative
def pair_by_pair(n, left, right):
    return [[i - left <= j <= i + right for j in range(n)] for i in range(n)]


# --- 9.3 and 9.4: the same cases --------------------------------------------------

ROWS = {"Q": "n, dk", "K": "n, dk", "V": "n, dv"}


def _inputs(rng, n, dk, dv, left, right, dtype=float):
    Q, K = _numbers(rng, n, dk, dtype=dtype), _numbers(rng, n, dk, dtype=dtype)
    V = _numbers(rng, n, dv, dtype=dtype)
    return {"Q": Q, "K": K, "V": V, "left": left, "right": right}


def _five_frames():
    """Scaled scores 0, log 2, 0, log 3, 0 for every query: weights as 1, 2, 1, 3, 1."""
    K = np.zeros((5, 4))
    K[:, 0] = np.log([1.0, 2.0, 1.0, 3.0, 1.0])
    Q = np.zeros((5, 4))
    Q[:, 0] = 2.0
    V = np.array([[6.0], [0.0], [12.0], [4.0], [8.0]])
    return {"Q": Q, "K": K, "V": V, "left": 1, "right": 1}


def _far_scores(rng, sign):
    """Five frames whose scaled scores lie near +-10,000, apart by hundredths."""
    inputs = _inputs(rng, 5, 4, 2, 1, 2)
    Q, K = np.zeros((2, 5, 4))
    Q[:, 0] = 200.0
    K[:, 0] = sign * 100 + 0.01 * rng.permutation(5)
    Q[2] *= -1  # rows of both signs in one array
    return {**inputs, "Q": Q, "K": K}


def attention_cases(rng):
    yield Case(_five_frames(), "five frames with weights 1, 2, 1, 3, 1")
    yield Case(_inputs(rng, 7, 4, 2, 2, 1), "random numbers, left = 2, right = 1")
    yield Case(_inputs(rng, 6, 3, 2, 3, 0), "nothing ahead")
    yield Case(_inputs(rng, 6, 5, 2, 1, 3, np.float32), "float32")
    yield Case(_inputs(rng, 4, 5, 3, 10, 8), "a window wider than the recording")
    yield Case(_inputs(rng, 4, 3, 2, 0, 0), "each frame sees itself only")
    yield Case(_inputs(rng, 1, 3, 2, 2, 4), "a single frame", edge=True)
    inputs = _inputs(rng, 6, 4, 2, 2, 1)
    inputs["Q"][:, 0], inputs["K"][:, 0] = 100.0, 0.0
    inputs["K"][5, 0] = 200.0  # a score of 10,000, for the last frames only
    yield Case(inputs, "a score of 10,000 outside most windows", edge=True)
    yield Case(_far_scores(rng, 1), "scores near 10,000 and -10,000", edge=True)
    # not shipped, to keep the public cases short
    for sizes, note in (
        ((6, 3, 2, 0, 2), "nothing behind"),
        ((5, 3, 2, 7, 1), "left beyond n"),
        ((5, 4, 2, 1, 11), "right beyond n"),
        ((29, 6, 5, 3, 7), "a longer recording"),
    ):
        yield Case(_inputs(rng, *sizes), note, large=True)
    note = "scores near -10,000 and 10,000"
    yield Case(_far_scores(rng, -1), note, edge=True, large=True)


truncated_attention = Exercise(
    name="truncated_attention",
    points=3,
    difficulty=3,
    minutes=25,
    source=f"{SLIDE}; arXiv 1910.12977",
    hints=(
        "It is masked self-attention, as in chapter 4, with the mask that you have "
        "just made.",
        "Scores divided by the root of dk; minus infinity where `truncated_keep` is "
        "False; subtract each row's maximum, exponentiate, divide by the row's sum; "
        "times V. No row is empty, since a frame sees itself.",
    ),
    inputs=ROWS,
    returns=Result("O", "n, dv"),
)

truncated_attention.cases(attention_cases)


@truncated_attention.misconception(
    "You padded the ends with zeros, and the padding takes a share: a zero key has "
    "score 0 and weight e to the 0. Give it minus infinity."
)
def zeros_that_get_weight(Q, K, V, left, right):
    n, width = len(Q), left + right + 1
    K, V = (np.pad(M, ((left, right), (0, 0))) for M in (K, V))
    O = []
    for i in range(n):
        s = K[i : i + width] @ Q[i] / np.sqrt(Q.shape[1])
        e = np.exp(s - s.max())
        O.append(e / e.sum() @ V[i : i + width])
    return np.array(O)


@truncated_attention.misconception(
    "You multiplied the scores by the mask. A score of 0 still has the weight e to the "
    "0; a frame outside of the window needs minus infinity."
)
def scores_times_mask(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(Q.shape[1]) * truncated_keep(len(Q), left, right)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "You masked after the softmax, so the weights no longer sum to 1. Mask the scores, "
    "then normalise."
)
def masked_too_late(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    e = np.exp(S - S.max(axis=1, keepdims=True))
    A = e / e.sum(axis=1, keepdims=True)
    return A * truncated_keep(len(Q), left, right) @ V


@truncated_attention.misconception(
    "The window is ignored: each frame sees the whole recording."
)
def no_window(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "The scale is missing: divide the scores by the root of dk."
)
def no_scale(Q, K, V, left, right):
    S = np.where(truncated_keep(len(Q), left, right), Q @ K.T, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception("You divided by dk. Divide the scores by its root.")
def scaled_by_dk(Q, K, V, left, right):
    S = Q @ K.T / Q.shape[1]
    S = np.where(truncated_keep(len(Q), left, right), S, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "You divided by the root of the number of frames. The scale is the root of dk, the "
    "width of queries and keys."
)
def scaled_by_n(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(len(Q))
    S = np.where(truncated_keep(len(Q), left, right), S, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "You divided by the root of the window's width. The scale is the root of dk, the "
    "width of queries and keys."
)
def scaled_by_window(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(left + right + 1)
    S = np.where(truncated_keep(len(Q), left, right), S, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "Left and right are swapped: `left` is how far a frame looks back."
)
def looks_the_other_way(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    S = np.where(truncated_keep(len(Q), right, left), S, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "The last frame of each window is missing: the end of a slice is not included. "
    "Write i + right + 1."
)
def last_frame_missing(Q, K, V, left, right):
    O = np.zeros(V.shape)
    for i in range(len(Q)):
        near = slice(max(0, i - left), max(1, i + right))
        s = K[near] @ Q[i] / np.sqrt(Q.shape[1])
        e = np.exp(s - s.max(initial=-np.inf))
        O[i] = e / e.sum() @ V[near]
    return O


@truncated_attention.misconception(
    "The window wraps around: the first frames attend to the last ones. Time has two "
    "ends; let the window shrink there."
)
def wraps_around(Q, K, V, left, right):
    n = len(Q)
    O = np.zeros(V.shape)
    for i in range(n):
        near = np.unique(np.arange(i - left, i + right + 1) % n)
        s = K[near] @ Q[i] / np.sqrt(Q.shape[1])
        e = np.exp(s - s.max())
        O[i] = e / e.sum() @ V[near]
    return O


@truncated_attention.misconception(
    "You repeated the first and last frame to fill the window, so they count several "
    "times. Let the window shrink instead."
)
def border_repeated(Q, K, V, left, right):
    n = len(Q)
    O = np.zeros(V.shape)
    for i in range(n):
        near = np.clip(np.arange(i - left, i + right + 1), 0, n - 1)
        s = K[near] @ Q[i] / np.sqrt(Q.shape[1])
        e = np.exp(s - s.max())
        O[i] = e / e.sum() @ V[near]
    return O


@truncated_attention.misconception(
    "Near the ends you moved the window inwards to keep its width. A frame there sees "
    "fewer neighbours, not others."
)
def window_moved_inwards(Q, K, V, left, right):
    n, width = len(Q), left + right + 1
    O = np.zeros(V.shape)
    for i in range(n):
        start = max(0, min(i - left, n - width))
        near = slice(start, start + width)
        s = K[near] @ Q[i] / np.sqrt(Q.shape[1])
        e = np.exp(s - s.max())
        O[i] = e / e.sum() @ V[near]
    return O


@truncated_attention.misconception(
    "You cut the recording into blocks that don't see each other. The window moves "
    "with each frame."
)
def in_blocks(Q, K, V, left, right):
    block = np.arange(len(Q)) // (left + right + 1)
    S = Q @ K.T / np.sqrt(Q.shape[1])
    S = np.where(block[:, None] == block, S, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "Key and query are swapped: row i of the scores asks with the query of frame i."
)
def keys_ask(Q, K, V, left, right):
    S = K @ Q.T / np.sqrt(Q.shape[1])
    S = np.where(truncated_keep(len(Q), left, right), S, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "Your softmax runs over the queries. The weights of one query are a row, and rows "
    "must sum to 1."
)
def over_the_queries(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    S = np.where(truncated_keep(len(Q), left, right), S, -np.inf)
    e = np.exp(S - S.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True) @ V


@truncated_attention.misconception(
    "Your maximum includes scores outside of the window; a large one pushes all others "
    "to 0. Mask first, then take the maximum."
)
def maximum_before_mask(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    e = np.exp(S - S.max(axis=1, keepdims=True))
    e = e * truncated_keep(len(Q), left, right)
    with np.errstate(invalid="ignore"):
        return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "You subtracted one maximum from all rows, and rows far below it became 0/0. Each "
    "row needs its own."
)
def one_maximum_for_all(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    S = np.where(truncated_keep(len(Q), left, right), S, -np.inf)
    e = np.exp(S - S.max())
    with np.errstate(invalid="ignore"):
        return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "The exponentials overflow or vanish. Subtract each row's maximum first."
)
def nothing_subtracted(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    S = np.where(truncated_keep(len(Q), left, right), S, -np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(S)
        return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.misconception(
    "You filled with -10,000. Scores inside of the window can be as low, and then "
    "frames outside get weight. Fill with minus infinity."
)
def fill_not_low_enough(Q, K, V, left, right):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    S = np.where(truncated_keep(len(Q), left, right), S, -1e4)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@truncated_attention.alternative
def frame_for_frame(Q, K, V, left, right):
    O = []
    for i, q in enumerate(Q):
        near = slice(max(0, i - left), i + right + 1)
        s = K[near] @ q / np.sqrt(len(q))
        e = np.exp(s - s.max())
        O.append(e @ V[near] / e.sum())
    return np.array(O)


@truncated_attention.alternative
def by_a_bias(Q, K, V, left, right):
    bias = np.where(truncated_keep(len(Q), left, right), 0.0, -np.inf)
    S = np.einsum("id,jd->ij", Q, K) * Q.shape[1] ** -0.5 + bias
    return np.exp(S - np.logaddexp.reduce(S, axis=1, keepdims=True)) @ V


@truncated_attention.alternative
def with_a_large_negative_number(Q, K, V, left, right):
    far = np.abs(np.subtract.outer(np.arange(len(Q)), np.arange(len(Q)))) < 0
    far = far | ~np.asarray(truncated_keep(len(Q), left, right))
    S = Q @ K.T / np.sqrt(Q.shape[1])
    S[far] = -1e30
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


# --- 9.4 banded_attention ---------------------------------------------------------

banded_attention = Exercise(
    name="banded_attention",
    points=5,
    difficulty=4,
    minutes=40,
    source="arXiv 1910.12977; arXiv 2004.05150, section 3",
    hints=(
        "Loop over the distance m from -left to right: at most left + right + 1 turns, "
        "however many frames there are. At distance m query i meets key i + m. For "
        "which i does that key exist?",
        "For m >= 0 these are Q[: n - m] with K[m:], for m < 0 Q[-m:] with K[: n + m]. "
        "Put the dot products into a row of an array of minus infinities (w, n), take "
        "the softmax along its first axis, and add up the shifted values in a second "
        "loop. Cut left and right at n - 1 first.",
    ),
    inputs=ROWS,
    returns=Result("O", "n, dv"),
    memory=512,
)


@banded_attention.cases
def banded_cases(rng):
    yield from attention_cases(rng)
    inputs = _inputs(rng, 40_000, 16, 6, 40, 24)
    yield Case(inputs, "40,000 frames, a window of 65", large=True)


@banded_attention.misconception(
    "That took more than 512 MiB. The n x n scores of 40,000 frames are 12 GB, their "
    "mask alone is 1.6 GB. A copy of the keys (or values) for each query, (n, w, dk), "
    "is 333 MB; hold one such copy at a time, or none. The scores (n, w) are 21 MB.",
    cost="memory",
)
def all_pairs(Q, K, V, left, right):
    n, dk = Q.shape
    offset = np.arange(n) - np.arange(n)[:, None]
    S = np.where((-left <= offset) & (offset <= right), Q @ K.T / dk**0.5, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


@banded_attention.misconception(
    "Places beyond the ends kept score 0, and so they take a share: e to the 0 is 1. "
    "Start from minus infinity."
)
def zeros_beyond_the_ends(Q, K, V, left, right):
    n, dk = Q.shape
    S = np.zeros((left + right + 1, n))
    for row, m in zip(S, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        row[i] = (Q[i] * K[i + m]).sum(axis=1) / dk**0.5
    A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    O = np.zeros(V.shape)
    for row, m in zip(A, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        O[i] += row[i, None] * V[i + m]
    return O


@banded_attention.misconception(
    "`np.roll` wraps around: the first frames attend to the last ones. Time has two "
    "ends; leave out what lies beyond them."
)
def rolls(Q, K, V, left, right):
    offsets = range(-left, right + 1)
    S = np.array([(Q * np.roll(K, -m, axis=0)).sum(axis=1) for m in offsets])
    S /= Q.shape[1] ** 0.5
    A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    return sum(a[:, None] * np.roll(V, -m, axis=0) for a, m in zip(A, offsets))


@banded_attention.misconception(
    "You repeated the first and last frame to fill the window, so they count several "
    "times. Leave out what lies beyond the ends."
)
def ends_repeated(Q, K, V, left, right):
    n = len(Q)
    at = [np.clip(np.arange(n) + m, 0, n - 1) for m in range(-left, right + 1)]
    S = np.array([(Q * K[j]).sum(axis=1) for j in at]) / Q.shape[1] ** 0.5
    A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    return sum(a[:, None] * V[j] for a, j in zip(A, at))


@banded_attention.misconception(
    "You cut the recording into blocks that don't see each other. Keep the blocks if "
    "you like, but give each the `left` frames before and `right` after it."
)
def blocks_alone(Q, K, V, left, right):
    width, O = left + right + 1, np.zeros(V.shape)
    for start in range(0, len(Q), width):
        b = slice(start, start + width)
        S = Q[b] @ K[b].T / Q.shape[1] ** 0.5
        e = np.exp(S - S.max(axis=1, keepdims=True))
        O[b] = e / e.sum(axis=1, keepdims=True) @ V[b]
    return O


@banded_attention.misconception(
    "The blocks see their neighbours, but inside a block all frames see the same keys. "
    "Mask in each block what is out of a frame's own window."
)
def blocks_without_mask(Q, K, V, left, right):
    width, O = left + right + 1, np.zeros(V.shape)
    for start in range(0, len(Q), width):
        b = slice(start, start + width)
        near = slice(max(0, start - left), start + width + right)
        S = Q[b] @ K[near].T / Q.shape[1] ** 0.5
        e = np.exp(S - S.max(axis=1, keepdims=True))
        O[b] = e / e.sum(axis=1, keepdims=True) @ V[near]
    return O


@banded_attention.misconception(
    "Near the ends you moved the window inwards to keep its width. A frame there sees "
    "fewer neighbours, not others."
)
def window_pushed_inwards(Q, K, V, left, right):
    n, dk = Q.shape
    width = min(n, left + right + 1)
    first = np.clip(np.arange(n) - left, 0, n - width)
    S = np.array([(Q * K[first + c]).sum(axis=1) for c in range(width)]) / dk**0.5
    A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    return sum(a[:, None] * V[first + c] for c, a in enumerate(A))


@banded_attention.misconception(
    "The last distance, `right`, is missing: a range ends before its end. Write "
    "range(-left, right + 1)."
)
def range_too_short(Q, K, V, left, right):
    n, dk = Q.shape
    offsets = range(-left, max(right, 1 - left))
    S = np.full((len(offsets), n), -np.inf)
    for row, m in zip(S, offsets):
        i = np.arange(max(0, -m), min(n, n - m))
        row[i] = (Q[i] * K[i + m]).sum(axis=1) / dk**0.5
    with np.errstate(invalid="ignore"):
        A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    O = np.zeros(V.shape)
    for row, m in zip(A, offsets):
        i = np.arange(max(0, -m), min(n, n - m))
        O[i] += row[i, None] * V[i + m]
    return O


@banded_attention.misconception(
    "Left and right are swapped: at distance m query i meets key i + m, and m runs "
    "from -left to right."
)
def shifted_the_other_way(Q, K, V, left, right):
    n, dk = Q.shape
    S = np.full((left + right + 1, n), -np.inf)
    for row, m in zip(S, range(-right, left + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        row[i] = (Q[i] * K[i + m]).sum(axis=1) / dk**0.5
    A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    O = np.zeros(V.shape)
    for row, m in zip(A, range(-right, left + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        O[i] += row[i, None] * V[i + m]
    return O


@banded_attention.misconception(
    "Scores and values are shifted in opposite directions. If query i meets key i + m, "
    "it takes value i + m."
)
def values_shifted_back(Q, K, V, left, right):
    n, dk = Q.shape
    S = np.full((left + right + 1, n), -np.inf)
    for row, m in zip(S, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        row[i] = (Q[i] * K[i + m]).sum(axis=1) / dk**0.5
    A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    O = np.zeros(V.shape)
    for row, m in zip(A, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        O[i + m] += row[i, None] * V[i]
    return O


@banded_attention.misconception(
    "The scale is missing: divide the scores by the root of dk."
)
def scale_forgotten(Q, K, V, left, right):
    n = len(Q)
    S = np.full((left + right + 1, n), -np.inf)
    for row, m in zip(S, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        row[i] = (Q[i] * K[i + m]).sum(axis=1)
    A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    O = np.zeros(V.shape)
    for row, m in zip(A, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        O[i] += row[i, None] * V[i + m]
    return O


@banded_attention.misconception(
    "Your softmax runs over the frames. Each frame's weights, one for each distance, "
    "must sum to 1."
)
def softmax_over_frames(Q, K, V, left, right):
    n, dk = Q.shape
    left, right = min(left, n - 1), min(right, n - 1)
    S = np.full((left + right + 1, n), -np.inf)
    for row, m in zip(S, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        row[i] = (Q[i] * K[i + m]).sum(axis=1) / dk**0.5
    A = np.exp(S - S.max(axis=1, keepdims=True))
    A /= A.sum(axis=1, keepdims=True)
    O = np.zeros(V.shape)
    for row, m in zip(A, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        O[i] += row[i, None] * V[i + m]
    return O


@banded_attention.misconception(
    "You subtracted one maximum from all frames, and frames far below it became 0/0. "
    "Each frame needs its own."
)
def one_maximum(Q, K, V, left, right):
    n, dk = Q.shape
    S = np.full((left + right + 1, n), -np.inf)
    for row, m in zip(S, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        row[i] = (Q[i] * K[i + m]).sum(axis=1) / dk**0.5
    A = np.exp(S - S.max())
    with np.errstate(invalid="ignore"):
        A /= A.sum(axis=0)
    O = np.zeros(V.shape)
    for row, m in zip(A, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        O[i] += row[i, None] * V[i + m]
    return O


@banded_attention.misconception(
    "The exponentials overflow or vanish. Subtract each frame's maximum first; a "
    "running sum needs a running maximum."
)
def sums_without_maximum(Q, K, V, left, right):
    n, dk = Q.shape
    O, total = np.zeros(V.shape), np.zeros((n, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for m in range(-left, right + 1):
            i = np.arange(max(0, -m), min(n, n - m))
            e = np.exp((Q[i] * K[i + m]).sum(axis=1, keepdims=True) / dk**0.5)
            O[i] += e * V[i + m]
            total[i] += e
        return O / total


@banded_attention.misconception(
    "You filled with -10,000. Scores inside of the window can be as low, and then "
    "places beyond the ends get weight. Fill with minus infinity."
)
def low_fill(Q, K, V, left, right):
    n, dk = Q.shape
    S = np.full((left + right + 1, n), -1e4)
    for row, m in zip(S, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        row[i] = (Q[i] * K[i + m]).sum(axis=1) / dk**0.5
    A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    O = np.zeros(V.shape)
    for row, m in zip(A, range(-left, right + 1)):
        i = np.arange(max(0, -m), min(n, n - m))
        O[i] += row[i, None] * V[i + m]
    return O


@banded_attention.alternative
def one_query_at_a_time(Q, K, V, left, right):
    O = np.empty((len(Q), V.shape[1]), dtype=V.dtype)
    for i, q in enumerate(Q):
        near = slice(max(0, i - left), i + right + 1)
        s = K[near] @ q / np.sqrt(len(q))
        e = np.exp(s - s.max())
        O[i] = e @ V[near] / e.sum()
    return O


@banded_attention.alternative
def in_blocks_with_neighbours(Q, K, V, left, right):
    size, O = 256, np.zeros_like(V)
    for start in range(0, len(Q), size):
        stop = min(start + size, len(Q))
        first, last = max(0, start - left), min(stop + right, len(Q))
        offset = np.arange(first, last) - np.arange(start, stop)[:, None]
        S = Q[start:stop] @ K[first:last].T / np.sqrt(Q.shape[1])
        S = np.where((offset >= -left) & (offset <= right), S, -np.inf)
        e = np.exp(S - S.max(axis=1, keepdims=True))
        O[start:stop] = e / e.sum(axis=1, keepdims=True) @ V[first:last]
    return O


@banded_attention.alternative
def by_a_sliding_view(Q, K, V, left, right):
    view = np.lib.stride_tricks.sliding_window_view
    n, width = len(Q), left + right + 1
    keys, values = (np.pad(M, ((left, right), (0, 0))) for M in (K, V))
    S = np.einsum("nd,ndw->nw", Q, view(keys, width, axis=0)) / Q.shape[1] ** 0.5
    at = np.arange(n)[:, None] + np.arange(-left, right + 1)
    S[(at < 0) | (at >= n)] = -np.inf
    e = np.exp(S - S.max(axis=1, keepdims=True))
    A = e / e.sum(axis=1, keepdims=True)
    return np.einsum("nw,ndw->nd", A, view(values, width, axis=0))


@banded_attention.alternative
def one_copy_at_a_time(Q, K, V, left, right):
    n = len(Q)
    at = np.arange(n)[:, None] + np.arange(-left, right + 1)
    inside = (at >= 0) & (at < n)
    at = np.clip(at, 0, n - 1)
    S = np.einsum("nd,nwd->nw", Q, K[at]) / np.sqrt(Q.shape[1])
    S[~inside] = -np.inf
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return np.einsum("nw,nwd->nd", e / e.sum(axis=1, keepdims=True), V[at])


@banded_attention.alternative
def with_a_running_maximum(Q, K, V, left, right):
    n, dk = Q.shape
    top, total = np.full((n, 1), -np.inf), np.zeros((n, 1))
    O = np.zeros(V.shape)
    for m in sorted(range(-min(left, n), min(right, n) + 1), key=abs):
        i = slice(max(0, -m), max(0, min(n, n - m)))
        j = slice(max(0, m), max(0, min(n, n + m)))
        s = (Q[i] * K[j]).sum(axis=1, keepdims=True) / dk**0.5
        new = np.maximum(top[i], s)
        shrink, e = np.exp(top[i] - new), np.exp(s - new)
        O[i] = shrink * O[i] + e * V[j]
        total[i] = shrink * total[i] + e
        top[i] = new
    return O / total
