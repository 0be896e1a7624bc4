"""How chapter 2, what comes out and why a window is not enough, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result


def _normal(rng, *shape):
    """Normal numbers with two decimals: short in the public cases, easy to read."""
    return rng.normal(size=shape).round(2)


# --- 2.1 tag_each -----------------------------------------------------------------

tag_each = Exercise(
    name="tag_each",
    points=1,
    difficulty=1,
    minutes=5,
    source='slide "Sequence Labeling" (fully connected)',
    hints=(
        "One row of X times W gives the scores of one vector. Which operator does "
        "that for all rows at once?",
        "The matrix product `X @ W` has shape (n, C). Adding b (C,) adds it to every "
        "row.",
    ),
    inputs={"X": "n, d", "W": "d, C", "b": "C"},
    returns=Result("logits", "n, C", kind="float"),
)


@tag_each.cases
def tag_each_cases(rng):
    X = np.eye(3)[[1, 2, 0, 2]]
    W = np.array([[3.0, 0, 0, 0, 1], [0, 3, 0, 0, -1], [0, 0, 1, 1, 2]])
    b = np.array([0.5, -0.5, 0.25, 0.0, 1.0])
    yield Case({"X": X, "W": W, "b": b}, '"I saw a saw" in one-hot vectors')
    X, W, b = _normal(rng, 5, 4), _normal(rng, 4, 3), _normal(rng, 3)
    yield Case({"X": X, "W": W, "b": b}, "random vectors")
    arrays = _normal(rng, 3, 5), _normal(rng, 5, 2), _normal(rng, 2)
    X, W, b = (array.astype(np.float32) for array in arrays)
    yield Case({"X": X, "W": W, "b": b}, "float32")
    X = _normal(rng, 2, 3)[rng.permutation([0, 1, 0, 1, 0, 0])]
    W, b = _normal(rng, 3, 4), _normal(rng, 4)
    yield Case({"X": X, "W": W, "b": b}, "two vectors, repeated")
    X, W, b = _normal(rng, 1, 4), _normal(rng, 4, 3), _normal(rng, 3)
    yield Case({"X": X, "W": W, "b": b}, "a single vector", edge=True)
    X, W, b = _normal(rng, 3, 2), _normal(rng, 2, 3), _normal(rng, 3)
    yield Case({"X": X, "W": W, "b": b}, "as many vectors as classes", edge=True)


@tag_each.misconception(
    "You applied softmax. What is asked for are the logits, the scores before it; the "
    "loss brings its own softmax."
)
def softmax_applied(X, W, b):
    S = X @ W + b
    e = np.exp(S - S.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@tag_each.misconception(
    "You lined the bias up with the positions. It belongs to the classes: every "
    "position gets the same b."
)
def bias_per_position(X, W, b):
    return X @ W + b[:, None]


@tag_each.misconception("You left out the bias b.")
def no_bias(X, W, b):
    return X @ W


@tag_each.misconception(
    "W is (d, C) here, so it needs no transpose: `X @ W`. (A layer of torch stores it "
    "the other way round.)"
)
def transposed_weights(X, W, b):
    return X @ W.T + b


@tag_each.misconception(
    "Your output has the vectors in columns, as on the slides. In this book each "
    "vector is a row: X W + b."
)
def vectors_in_columns(X, W, b):
    return W.T @ X.T + b[:, None]


@tag_each.misconception(
    "You returned the best class. Return all scores; training needs every one of them."
)
def best_class(X, W, b):
    return (X @ W + b).argmax(axis=-1)


@tag_each.misconception(
    "You set negative scores to 0. The last layer has no ReLU: a negative score is a "
    "score."
)
def relu_applied(X, W, b):
    return np.maximum(X @ W + b, 0)


@tag_each.misconception(
    "You averaged the vectors first, so every position gets the same scores. Each "
    "vector is scored by itself."
)
def mean_of_all(X, W, b):
    return np.repeat((X.mean(axis=0) @ W + b)[None], len(X), axis=0)


@tag_each.alternative
def one_by_one(X, W, b):
    return np.array([[x @ w + bias for w, bias in zip(W.T, b)] for x in X])


@tag_each.alternative
def with_einsum(X, W, b):
    return np.einsum("nd,dc->nc", X, W) + b[None, :]


@tag_each.alternative
def bias_as_a_row_of_weights(X, W, b):
    return np.hstack([X, np.ones((len(X), 1))]) @ np.vstack([W, b])


@tag_each.alternative
def with_a_layer_of_torch(X, W, b):
    import torch

    X, W, b = (torch.from_numpy(array) for array in (X, W, b))
    return torch.nn.functional.linear(X, W.T, b).numpy()


# --- 2.2 window_stack -------------------------------------------------------------

window_stack = Exercise(
    name="window_stack",
    points=3,
    difficulty=3,
    minutes=20,
    source='slide "Sequence Labeling" (consider the neighbours); '
    "JMLR 12 (2011) 2493 (window approach)",
    hints=(
        "Add `radius` rows of zeros above and below X (`np.pad`). How far down does "
        "the first neighbour of every row then begin?",
        "In the padded array, rows i to i + n are the neighbours at place i of the "
        "window, i = 0 to 2 * radius. Put these 2 * radius + 1 blocks side by side "
        "with `np.hstack`.",
    ),
    inputs={"X": "n, d"},
    returns=Result("stacked", "n, (2*radius+1)*d", kind="float"),
)


@window_stack.cases
def window_stack_cases(rng):
    X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    yield Case({"X": X, "radius": 1}, "three vectors, radius 1")
    yield Case({"X": _normal(rng, 7, 3), "radius": 2}, "random vectors, radius 2")
    X = _normal(rng, 5, 2).astype(np.float32)
    yield Case({"X": X, "radius": 1}, "float32")
    yield Case({"X": _normal(rng, 2, 4), "radius": 1}, "two vectors of four numbers")
    yield Case({"X": _normal(rng, 4, 3), "radius": 0}, "radius 0", edge=True)
    X = _normal(rng, 3, 2)
    yield Case({"X": X, "radius": 3}, "radius as long as the sequence", edge=True)
    yield Case({"X": X[:2], "radius": 5}, "radius beyond the sequence", edge=True)
    yield Case({"X": _normal(rng, 1, 3), "radius": 1}, "a single vector", edge=True)


@window_stack.misconception(
    "Your window wraps around: the first word sees the last one. Beyond the ends of "
    "the sequence there are zeros."
)
def wraps_around(X, radius):
    shifts = range(radius, -radius - 1, -1)
    return np.hstack([np.roll(X, shift, axis=0) for shift in shifts])


@window_stack.misconception(
    "You repeated the vector at the border. Beyond the ends of the sequence there are "
    "zeros."
)
def repeats_the_border(X, radius):
    n = len(X)
    padded = np.pad(X, ((radius, radius), (0, 0)), mode="edge")
    return np.hstack([padded[i : i + n] for i in range(2 * radius + 1)])


@window_stack.misconception(
    "Your window runs from right to left. The left neighbour comes first, then the "
    "vector itself, then the right one."
)
def right_to_left(X, radius):
    n = len(X)
    padded = np.pad(X, ((radius, radius), (0, 0)))
    return np.hstack([padded[i : i + n] for i in range(2 * radius, -1, -1)])


@window_stack.misconception(
    "Your numbers are interleaved: first entry of each neighbour, then the second. "
    "Keep each neighbour's d numbers together."
)
def interleaved(X, radius):
    n = len(X)
    padded = np.pad(X, ((radius, radius), (0, 0)))
    blocks = [padded[i : i + n] for i in range(2 * radius + 1)]
    return np.stack(blocks, axis=2).reshape(n, -1)


@window_stack.misconception(
    "You took the radius for the width. `radius` counts the neighbours on each side; "
    "the window holds 2 * radius + 1 vectors."
)
def radius_as_width(X, radius):
    n, left = len(X), radius // 2
    padded = np.pad(X, ((left, radius), (0, 0)))
    return np.hstack([padded[i : i + n] for i in range(max(radius, 1))])


@window_stack.misconception(
    "You stacked only what stands to the left. The window reaches to both sides."
)
def left_side_only(X, radius):
    padded = np.pad(X, ((radius, 0), (0, 0)))
    return np.hstack([padded[i : i + len(X)] for i in range(radius + 1)])


@window_stack.misconception(
    "Your window ends at the vector itself: all of the padding stands before the "
    "sequence. Put half of it after the end."
)
def not_centred(X, radius):
    padded = np.pad(X, ((2 * radius, 0), (0, 0)))
    return np.hstack([padded[i : i + len(X)] for i in range(2 * radius + 1)])


@window_stack.misconception(
    "You left out the vector itself. It stands in the middle of its window."
)
def without_itself(X, radius):
    n = len(X)
    padded = np.pad(X, ((radius, radius), (0, 0)))
    places = [i for i in range(2 * radius + 1) if i != radius]
    blocks = [padded[i : i + n] for i in places]
    return np.hstack(blocks) if blocks else np.zeros((n, 0))


@window_stack.misconception(
    "You added the neighbours up. Put them side by side, or nobody can tell which "
    "was where."
)
def adds_up(X, radius):
    padded = np.pad(X, ((radius, radius), (0, 0)))
    return sum(padded[i : i + len(X)] for i in range(2 * radius + 1))


@window_stack.misconception(
    "You put the blocks below one another. Each vector keeps its row: put them side by "
    "side (`np.hstack`, or axis=1)."
)
def below_one_another(X, radius):
    n = len(X)
    padded = np.pad(X, ((radius, radius), (0, 0)))
    return np.concatenate([padded[i : i + n] for i in range(2 * radius + 1)])


@window_stack.misconception(
    "You kept only windows that lie inside the sequence. Every vector has one; pad "
    "with zeros."
)
def complete_windows_only(X, radius):
    rows = range(radius, len(X) - radius)
    inside = [X[i - radius : i + radius + 1].ravel() for i in rows]
    return np.array(inside).reshape(-1, (2 * radius + 1) * X.shape[1])


@window_stack.misconception(
    "Your slices fail when the radius exceeds the sequence: a negative end such as "
    "`X[:-1]` counts from the back. Then the whole block is zeros."
)
def negative_slices(X, radius):
    n, d = X.shape
    blocks = []
    for shift in range(-radius, radius + 1):
        gap = np.zeros((abs(shift), d))
        inside = X[: n + shift] if shift < 0 else X[shift:]
        blocks.append(np.vstack([gap, inside] if shift < 0 else [inside, gap]))
    return np.hstack(blocks)


@window_stack.alternative
def vector_by_vector(X, radius):
    n, d = X.shape
    width = 2 * radius + 1
    stacked = np.zeros((n, width * d), dtype=X.dtype)
    for i in range(n):
        for place in range(width):
            j = i + place - radius
            if 0 <= j < n:
                stacked[i, place * d : (place + 1) * d] = X[j]
    return stacked


@window_stack.alternative
def with_indices(X, radius):
    n = len(X)
    j = np.arange(n)[:, None] + np.arange(-radius, radius + 1)
    inside = (j >= 0) & (j < n)
    return (X[np.clip(j, 0, n - 1)] * inside[:, :, None]).reshape(n, -1)


@window_stack.alternative
def with_a_sliding_view(X, radius):
    padded = np.pad(X, ((radius, radius), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=0)
    return view.transpose(0, 2, 1).reshape(len(X), -1)


@window_stack.alternative
def with_shift_matrices(X, radius):
    n, shifts = len(X), range(-radius, radius + 1)
    return np.hstack([np.eye(n, k=shift) @ X for shift in shifts])


# --- 2.3 window_parameters --------------------------------------------------------

window_parameters = Exercise(
    name="window_parameters",
    points=1,
    difficulty=1,
    minutes=10,
    source='slide "Sequence Labeling" (a window over the whole sequence)',
    hints=(
        "How many numbers go into the first layer? A layer from a to b numbers has a "
        "times b weights; what else does it learn?",
        "The input has (2 * radius + 1) * d numbers. Each layer has as many biases as "
        "it has outputs.",
    ),
    returns=Result("count", "", kind="int"),
    simple=True,
)


@window_parameters.cases
def window_parameters_cases(rng):
    names = ("radius", "d", "hidden", "classes")
    sizes = [(1, 2, 3, 4), (2, 3, 5, 4)]
    sizes += [tuple(rng.permutation(np.arange(1, 9))[:4].tolist()) for _ in range(3)]
    for numbers in sizes:
        inputs = dict(zip(names, numbers, strict=True))
        yield Case(inputs, "radius {}, d = {}, {} hidden, {} classes".format(*numbers))
    inputs = dict(zip(names, (0, 4, 3, 2), strict=True))
    yield Case(inputs, "radius 0", edge=True)
    inputs = dict(zip(names, (3, 1, 1, 1), strict=True))
    yield Case(inputs, "one number, one unit, one class", edge=True)


@window_parameters.misconception(
    "You counted the weights only. Each layer has biases too, one for each of its "
    "outputs."
)
def forgets_biases(radius, d, hidden, classes):
    return (2 * radius + 1) * d * hidden + hidden * classes


@window_parameters.misconception(
    "You counted the biases of the hidden layer but not those of the output layer."
)
def forgets_output_bias(radius, d, hidden, classes):
    return (2 * radius + 1) * d * hidden + hidden + hidden * classes


@window_parameters.misconception(
    "You counted the biases of the output layer but not those of the hidden layer."
)
def forgets_hidden_bias(radius, d, hidden, classes):
    return (2 * radius + 1) * d * hidden + hidden * classes + classes


@window_parameters.misconception(
    "You took the radius for the width. A window of radius r holds 2r + 1 vectors."
)
def radius_for_width(radius, d, hidden, classes):
    return radius * d * hidden + hidden + hidden * classes + classes


@window_parameters.misconception(
    "You left out the vector in the middle: a window of radius r holds 2r + 1 vectors, "
    "not 2r."
)
def forgets_the_middle(radius, d, hidden, classes):
    return 2 * radius * d * hidden + hidden + hidden * classes + classes


@window_parameters.misconception(
    "You counted one side of the window only. Radius r reaches r vectors to the left "
    "and r to the right."
)
def one_side(radius, d, hidden, classes):
    return (radius + 1) * d * hidden + hidden + hidden * classes + classes


@window_parameters.misconception(
    "You counted the network of one vector once for each place of the window. Only "
    "the weights of the first layer grow with the window."
)
def whole_network_per_place(radius, d, hidden, classes):
    return (2 * radius + 1) * (d * hidden + hidden + hidden * classes + classes)


@window_parameters.misconception(
    "You went from the window to the classes directly. There is a hidden layer in "
    "between."
)
def no_hidden_layer(radius, d, hidden, classes):
    return (2 * radius + 1) * d * classes + classes


@window_parameters.alternative
def built_and_counted(radius, d, hidden, classes):
    shapes = [((2 * radius + 1) * d, hidden), (hidden,), (hidden, classes), (classes,)]
    return sum(np.zeros(shape).size for shape in shapes)


@window_parameters.alternative
def with_torch(radius, d, hidden, classes):
    from torch import nn

    convolution = nn.Conv1d(d, hidden, 2 * radius + 1, padding=radius)
    network = nn.Sequential(convolution, nn.ReLU(), nn.Conv1d(hidden, classes, 1))
    return sum(parameter.numel() for parameter in network.parameters())


# --- 2.4 pool_sequence ------------------------------------------------------------

pool_sequence = Exercise(
    name="pool_sequence",
    points=2,
    difficulty=2,
    minutes=15,
    source='slide "What is the output?" (the whole sequence has a label)',
    hints=(
        "Set what is not kept to zero, in a new array, and add up. By what do you "
        "divide?",
        "`keep[:, :, None]` lines up with X. Divide by the number of kept vectors of "
        "each sequence, and by 1 where that is 0 (`np.maximum`): zeros stay zeros.",
    ),
    inputs={"X": "B, n, d", "keep": "B, n"},
    returns=Result("pooled", "B, d", kind="float"),
)


def _padded(rng, lengths, n, d):
    """Random sequences and a mask that keeps the first vectors of each."""
    keep = np.arange(n) < np.array(lengths)[:, None]
    return _normal(rng, len(lengths), n, d), keep


@pool_sequence.cases
def pool_sequence_cases(rng):
    X = np.array(
        [
            [[1.0, 0, 0, 2], [3.0, 0, 0, 2], [8.0, 8, 8, 8]],
            [[3.0, 6, 0, 3], [0.0, 6, 3, 0], [3.0, 0, 3, 9]],
        ]
    )
    keep = np.array([[True, True, False], [True, True, True]])
    yield Case({"X": X, "keep": keep}, "two sequences, one of them padded")
    X, keep = _padded(rng, (5, 2, 4), 5, 4)
    yield Case({"X": X, "keep": keep}, "random sequences of three lengths")
    X, keep = _padded(rng, (3, 1), 4, 3)
    yield Case({"X": X.astype(np.float32), "keep": keep}, "float32")
    X, keep = _padded(rng, (3, 0, 4, 2), 5, 2)
    yield Case({"X": X, "keep": keep}, "a sequence with nothing kept")
    X, keep = _normal(rng, 3, 5, 2), rng.random((3, 5)) < 0.5
    keep[:, 0], keep[:, 4] = False, True
    yield Case({"X": X, "keep": keep}, "kept vectors in any place")
    X, keep = _padded(rng, (4, 2), 4, 3)
    X[:, 1] = 0.0
    yield Case({"X": X, "keep": keep}, "a kept vector of zeros")
    X, keep = _padded(rng, (2, 3), 4, 3)
    X = np.where(keep[:, :, None], X, 1e6)
    yield Case({"X": X, "keep": keep}, "padding of a million")
    X, keep = _padded(rng, (0, 0), 3, 4)
    yield Case({"X": X, "keep": keep}, "nothing kept anywhere", edge=True)
    X, keep = _padded(rng, (3,), 3, 3)
    yield Case({"X": X, "keep": keep}, "as many numbers as vectors", edge=True)


@pool_sequence.misconception(
    "You divided by n, the padded length. The mean runs over the kept vectors: divide "
    "by how many there are in each sequence."
)
def divides_by_n(X, keep):
    return (X * keep[:, :, None]).mean(axis=1)


@pool_sequence.misconception(
    "A sequence with nothing kept became NaN: 0/0 has no value. It must be zeros."
)
def nan_on_empty(X, keep):
    with np.errstate(all="ignore"):
        count = keep.sum(axis=1, keepdims=True)
        return (X * keep[:, :, None]).sum(axis=1) / count


@pool_sequence.misconception(
    "You added the vectors up. A long sequence then counts for more: divide by the "
    "number of kept vectors."
)
def sum_only(X, keep):
    return (X * keep[:, :, None]).sum(axis=1)


@pool_sequence.misconception(
    "You averaged the padding as well. Only vectors with `keep` True are real."
)
def ignores_keep(X, keep):
    return X.mean(axis=1)


@pool_sequence.misconception("Your mask is inverted: `keep` is True for real vectors.")
def inverted(X, keep):
    count = (~keep).sum(axis=1, keepdims=True)
    return (X * ~keep[:, :, None]).sum(axis=1) / np.maximum(count, 1)


@pool_sequence.misconception(
    "You divided by the number of kept vectors in the whole batch. Each sequence has "
    "its own."
)
def count_of_the_batch(X, keep):
    return (X * keep[:, :, None]).sum(axis=1) / max(keep.sum(), 1)


@pool_sequence.misconception(
    "You took the first vectors, as many as are kept. They may stand in other places: "
    "use the mask itself."
)
def first_vectors(X, keep):
    counts = keep.sum(axis=1)
    rows = [x[:m].sum(axis=0) / max(m, 1) for x, m in zip(X, counts)]
    return np.array(rows)


@pool_sequence.misconception(
    "You counted the vectors that are not zero. A kept vector may be zero, and it "
    "counts: use `keep`."
)
def counts_what_is_not_zero(X, keep):
    kept = X * keep[:, :, None]
    count = (kept != 0).any(axis=2).sum(axis=1, keepdims=True)
    return kept.sum(axis=1) / np.maximum(count, 1)


@pool_sequence.misconception(
    "You took the largest entries. That is max pooling; here the mean is asked for."
)
def maximum(X, keep):
    top = np.where(keep[:, :, None], X, -np.inf).max(axis=1)
    return np.where(np.isfinite(top), top, 0.0)


@pool_sequence.misconception(
    "You averaged over the batch. Sequences do not mix: the positions are axis 1."
)
def over_the_batch(X, keep):
    count = keep.sum(axis=0)[:, None]
    return (X * keep[:, :, None]).sum(axis=0) / np.maximum(count, 1)


@pool_sequence.misconception(
    "The means are right, but you changed X: `X[~keep] = 0` writes into the caller's "
    "array. `X * keep[:, :, None]` makes a new one."
)
def changes_its_argument(X, keep):
    X[~keep] = 0
    return X.sum(axis=1) / np.maximum(keep.sum(axis=1, keepdims=True), 1)


@pool_sequence.alternative
def sequence_by_sequence(X, keep):
    pooled = np.zeros((X.shape[0], X.shape[2]))
    for b in range(len(X)):
        if keep[b].any():
            pooled[b] = X[b][keep[b]].mean(axis=0)
    return pooled


@pool_sequence.alternative
def by_weights(X, keep):
    weights = keep / np.maximum(keep.sum(axis=1, keepdims=True), 1)
    return np.einsum("bn,bnd->bd", weights, X)


@pool_sequence.alternative
def with_numpys_where(X, keep):
    count = keep.sum(axis=1)[:, None]
    total = np.sum(X, axis=1, where=keep[:, :, None])
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0)


@pool_sequence.alternative
def with_masked_arrays(X, keep):
    hidden = np.broadcast_to(~keep[:, :, None], X.shape)
    return np.ma.masked_array(X, hidden).mean(axis=1).filled(0)


# --- 2.5 greedy_decode ------------------------------------------------------------

greedy_decode = Exercise(
    name="greedy_decode",
    points=3,
    difficulty=3,
    minutes=20,
    source='slide "What is the output?" (seq2seq); arXiv 1409.3215, section 2',
    hints=(
        "Keep one list that begins with `start`. Ask `step` for the scores, take the "
        "best id, and look at it before you append it.",
        "Loop while fewer than max_length ids have been appended. `np.argmax` returns "
        "the lowest of equal ids. Leave the loop when the id is `stop`, and return "
        "the list without its first entry.",
    ),
    inputs={"by_length": "L, V", "by_last": "V, V"},
    returns=Result("ids", kind="int"),
)


def _tables(rng, ids, start, stop, max_length, size):
    """Two tables of whole numbers that lead to `ids`, and then to `stop`.

    Further rows serve whoever asks on after the end.
    """
    path = [start, *ids, stop]
    length = max(max_length, len(path)) + 3
    by_length = rng.integers(-2, 3, (length, size)).astype(float)
    by_last = rng.integers(-2, 3, (size, size)).astype(float)
    for i, best in enumerate(path[1:]):
        by_length[i, best] += 9.0
    by_length[:, start] = by_last[:, start] = -20.0
    return {
        "by_length": by_length,
        "by_last": by_last,
        "start": start,
        "stop": stop,
        "max_length": max_length,
    }


def _chain(follows, length, start, stop, max_length):
    """Tables where the last id alone decides: `follows[i]` comes after i."""
    return {
        "by_length": np.zeros((length, len(follows))),
        "by_last": np.eye(len(follows))[follows],
        "start": start,
        "stop": stop,
        "max_length": max_length,
    }


@greedy_decode.cases
def greedy_decode_cases(rng):
    inputs = _chain([2, 1, 3, 4, 5, 6, 1], 12, 0, 1, 9)
    yield Case(inputs, "each id decides the next one, until stop")
    inputs = _tables(rng, rng.integers(3, 6, 5).tolist(), 1, 2, 7, 6)
    yield Case(inputs, "stop after five ids")
    inputs = _tables(rng, rng.permutation(3).tolist(), 3, 4, 3, 5)
    yield Case(inputs, "stop comes when max_length is reached")
    inputs = _tables(rng, rng.integers(2, 6, 8).tolist(), 0, 1, 4, 6)
    yield Case(inputs, "cut off at max_length")
    inputs = _chain([2, 1, 3, 2, 3], 9, 0, 1, 6)
    yield Case(inputs, "stop never comes")
    inputs = _tables(rng, rng.permutation([0, 0, 3, 2]).tolist(), 1, 4, 6, 5)
    yield Case(inputs, "id 0 is a word like any other")
    inputs = _tables(rng, [3, 4, 2], 0, 1, 6, 6)
    for i, (last, best) in enumerate([(0, 3), (3, 4), (4, 2), (2, 1)]):
        scores = inputs["by_length"][i] + inputs["by_last"][last]
        inputs["by_length"][i, 5] += scores[best] - scores[5]  # 5 is as good
    yield Case(inputs, "equal scores")
    inputs = _tables(rng, [], 2, 0, 5, 6)
    yield Case(inputs, "stop comes at once", edge=True)
    inputs = _tables(rng, rng.integers(2, 5, 3).tolist(), 1, 0, 0, 5)
    yield Case(inputs, "max_length = 0", edge=True)
    inputs = _tables(rng, rng.integers(2, 5, 3).tolist(), 1, 0, 1, 5)
    yield Case(inputs, "max_length = 1", edge=True)


@greedy_decode.misconception(
    "Your list begins with start. It is where decoding begins, not what was decoded: "
    "leave it out of the result."
)
def includes_start(step, start, stop, max_length):
    ids = [start]
    while len(ids) <= max_length:
        best = int(np.argmax(step(ids)))
        if best == stop:
            break
        ids.append(best)
    return ids


@greedy_decode.misconception(
    "Your list ends with stop. It says that nothing more comes: look at the id before "
    "you append it."
)
def includes_stop(step, start, stop, max_length):
    ids = [start]
    while len(ids) <= max_length and ids[-1] != stop:
        ids.append(int(np.argmax(step(ids))))
    return ids[1:]


@greedy_decode.misconception(
    "You took one step before you looked at max_length. With max_length = 0 nothing "
    "may come out."
)
def at_least_one(step, start, stop, max_length):
    ids = [start]
    while True:
        best = int(np.argmax(step(ids)))
        if best == stop:
            break
        ids.append(best)
        if len(ids) > max_length:
            break
    return ids[1:]


@greedy_decode.misconception(
    "You took one step too many. At most max_length ids may come out; the list with "
    "start in it has one more."
)
def one_step_too_many(step, start, stop, max_length):
    ids = [start]
    while len(ids) <= max_length + 1:
        best = int(np.argmax(step(ids)))
        if best == stop:
            break
        ids.append(best)
    return ids[1:]


@greedy_decode.misconception(
    "You took one step too few: start does not count towards max_length."
)
def start_counts(step, start, stop, max_length):
    ids = [start]
    while len(ids) < max_length:
        best = int(np.argmax(step(ids)))
        if best == stop:
            break
        ids.append(best)
    return ids[1:]


@greedy_decode.misconception(
    "You do not look at max_length. A model that never says stop would run for ever."
)
def no_limit(step, start, stop, max_length):
    ids = [start]
    while True:
        best = int(np.argmax(step(ids)))
        if best == stop:
            return ids[1:]
        ids.append(best)


@greedy_decode.misconception(
    "You do not look at stop. When it comes out, decoding ends and it is left out."
)
def never_stops(step, start, stop, max_length):
    ids = [start]
    while len(ids) <= max_length:
        ids.append(int(np.argmax(step(ids))))
    return ids[1:]


@greedy_decode.misconception(
    "You left stop out but went on after it. When it comes out, decoding ends."
)
def skips_stop(step, start, stop, max_length):
    ids = [start]
    for _ in range(max_length):
        ids.append(int(np.argmax(step(ids))))
    return [i for i in ids[1:] if i != stop]


@greedy_decode.misconception(
    "You gave `step` the last id alone. It needs the whole list so far, start included."
)
def last_id_alone(step, start, stop, max_length):
    ids = [start]
    while len(ids) <= max_length:
        best = int(np.argmax(step(ids[-1:])))
        if best == stop:
            break
        ids.append(best)
    return ids[1:]


@greedy_decode.misconception(
    "You gave `step` a list without start. It needs all ids so far, start included."
)
def start_forgotten(step, start, stop, max_length):
    ids = []
    while len(ids) < max_length:
        best = int(np.argmax(step(ids or [start])))
        if best == stop:
            break
        ids.append(best)
    return ids


@greedy_decode.misconception(
    "Among equal scores you took the highest id. The lower one wins, which is what "
    "`np.argmax` does by itself."
)
def highest_of_equals(step, start, stop, max_length):
    ids = [start]
    while len(ids) <= max_length:
        scores = np.asarray(step(ids))
        best = int(np.flatnonzero(scores == scores.max())[-1])
        if best == stop:
            break
        ids.append(best)
    return ids[1:]


@greedy_decode.misconception(
    "You scored once and read off all ids. Each id depends on those before it: call "
    "`step` again for every one."
)
def scores_once(step, start, stop, max_length):
    order = np.argsort(-np.asarray(step([start])), kind="stable")
    ids = order[:max_length].tolist()
    return ids[: ids.index(stop)] if stop in ids else ids


@greedy_decode.alternative
def with_a_for_loop(step, start, stop, max_length):
    decoded = []
    for _ in range(max_length):
        scores = np.asarray(step([start, *decoded]))
        best = np.flatnonzero(scores == scores.max())[0]
        if best == stop:
            return decoded
        decoded.append(best)
    return decoded


@greedy_decode.alternative
def by_recursion(step, start, stop, max_length):
    def rest(ids):
        if len(ids) > max_length:
            return []
        best = int(np.argmax(step(ids)))
        return [] if best == stop else [best, *rest([*ids, best])]

    return rest([start])


@greedy_decode.alternative
def with_an_iterator(step, start, stop, max_length):
    from itertools import islice

    ids = [start]

    def following():
        scores = list(step(ids))
        ids.append(scores.index(max(scores)))
        return ids[-1]

    return list(islice(iter(following, stop), max_length))


@greedy_decode.alternative
def in_an_array(step, start, stop, max_length):
    ids = np.zeros(max_length + 1, dtype=int)
    ids[0], count = start, 0
    while count < max_length:
        best = np.argmax(step(ids[: count + 1].tolist()))
        if best == stop:
            break
        count += 1
        ids[count] = best
    return ids[1 : count + 1]


# --- 2.6 token_cross_entropy ------------------------------------------------------

token_cross_entropy = Exercise(
    name="token_cross_entropy",
    points=3,
    difficulty=3,
    minutes=20,
    source='slide "Sequence Labeling"; torch.nn.functional.cross_entropy',
    hints=(
        "-log(e^s / total) = log(total) - s: no probability is needed, only the "
        "logarithm of the sum of exponentials. Which tokens enter the mean?",
        "Select with `counts = labels != ignore`: `logits[counts]` is (m, C). Subtract "
        "the maximum of each row, take the log of the sum of exponentials, subtract "
        "the score of the right class, and average the m numbers. For m = 0 return "
        "0.0.",
    ),
    inputs={"logits": "B, n, C", "labels": "B, n"},
    returns=Result("loss", ""),
)


def _labels(rng, shape, classes, lengths, ignore=-100):
    """Random labels; from `lengths` on they are `ignore`."""
    labels = rng.integers(classes, size=shape)
    return np.where(np.arange(shape[1]) < np.array(lengths)[:, None], labels, ignore)


@token_cross_entropy.cases
def token_cross_entropy_cases(rng):
    logits = np.log([[[1.0, 3.0], [2.0, 2.0], [1.0, 7.0]]])
    labels = np.array([[1, 0, -100]])
    yield Case({"logits": logits, "labels": labels}, "two tokens and padding")
    labels = _labels(rng, (2, 5), 4, (5, 2))
    yield Case({"logits": _normal(rng, 2, 5, 4), "labels": labels}, "random logits")
    logits = _normal(rng, 3, 4, 5).astype(np.float32)
    labels = _labels(rng, (3, 4), 5, (4, 1, 2))
    yield Case({"logits": logits, "labels": labels}, "float32")
    labels = _labels(rng, (2, 4), 3, (4, 4))
    yield Case({"logits": _normal(rng, 2, 4, 3), "labels": labels}, "nothing ignored")
    labels = _labels(rng, (2, 5), 3, (2, 4), ignore=-1)
    inputs = {"logits": _normal(rng, 2, 5, 3), "labels": labels, "ignore": -1}
    yield Case(inputs, "ignore = -1")
    labels = rng.permuted(np.array([[0, 1, 2, 2, 1], [2, 0, 1, 0, 1]]), axis=1)
    inputs = {"logits": _normal(rng, 2, 5, 3), "labels": labels, "ignore": 1}
    yield Case(inputs, "ignore is a class")
    inputs = {"logits": _normal(rng, 2, 5, 3), "labels": labels, "ignore": 0}
    yield Case(inputs, "ignore = 0")
    inputs = {"logits": _normal(rng, 2, 3, 4), "labels": np.full((2, 3), -100)}
    yield Case(inputs, "all tokens ignored")
    labels = _labels(rng, (2, 3), 4, (3, 2))
    inputs = {"logits": _normal(rng, 2, 3, 4) + 1e4, "labels": labels}
    yield Case(inputs, "logits near 10,000", edge=True)
    logits = _normal(rng, 2, 3, 4)
    logits[0] += 1e4
    logits[1] -= 1e4
    inputs = {"logits": logits, "labels": labels}
    yield Case(inputs, "logits near 10,000 and -10,000", edge=True)
    logits = rng.permuted(np.tile([-1e4, 0.0, 1e4], (2, 4, 1)), axis=2)
    labels = _labels(rng, (2, 4), 3, (4, 2))
    labels[0, 0] = logits[0, 0].argmin()
    yield Case({"logits": logits, "labels": labels}, "surprised by 20,000", edge=True)


@token_cross_entropy.misconception(
    "You divided by B * n. Padding is in that number; divide by the tokens that count."
)
def divides_by_all(logits, labels, ignore=-100):
    top = logits.max(axis=-1, keepdims=True)
    log_p = logits - top
    log_p = log_p - np.log(np.exp(log_p).sum(axis=-1, keepdims=True))
    counts = labels != ignore
    right = np.where(counts, labels, 0)[..., None]
    chosen = np.take_along_axis(log_p, right, axis=-1)[..., 0]
    return float(-(chosen * counts).sum() / labels.size)


@token_cross_entropy.misconception(
    "You counted the padding as tokens of class 0. A token whose label is `ignore` "
    "must not enter the mean at all."
)
def padding_counts(logits, labels, ignore=-100):
    right = np.where(labels == ignore, 0, labels)
    log_total = np.logaddexp.reduce(logits, axis=-1)
    chosen = np.take_along_axis(logits, right[..., None], axis=-1)[..., 0]
    return float((log_total - chosen).mean())


@token_cross_entropy.misconception(
    "You applied softmax twice: a loss of probabilities instead of logits. Even the "
    "surest answer then has a loss far from 0."
)
def softmax_twice(logits, labels, ignore=-100):
    counts = labels != ignore
    if not counts.any():
        return 0.0
    scores, right = logits[counts], labels[counts]
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    log_total = np.log(np.exp(p).sum(axis=-1))
    return float(np.mean(log_total - p[np.arange(len(right)), right]))


@token_cross_entropy.misconception(
    "You took the logarithm of a probability that was rounded to 0, which is "
    "-infinity. Write log(total) - score, and no probability has to be formed."
)
def logarithm_of_zero(logits, labels, ignore=-100):
    counts = labels != ignore
    if not counts.any():
        return 0.0
    scores, right = logits[counts], labels[counts]
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    with np.errstate(all="ignore"):
        return float(-np.mean(np.log(p[np.arange(len(right)), right])))


@token_cross_entropy.misconception(
    "Large logits overflow: exp(10,000) is infinity. Subtract the maximum of each row "
    "first."
)
def overflow(logits, labels, ignore=-100):
    counts = labels != ignore
    if not counts.any():
        return 0.0
    scores, right = logits[counts], labels[counts]
    with np.errstate(all="ignore"):
        log_total = np.log(np.exp(scores).sum(axis=-1))
        return float(np.mean(log_total - scores[np.arange(len(right)), right]))


@token_cross_entropy.misconception(
    "You added a small number inside the logarithm, or clipped the probability: a "
    "loss of 20,000 then shows as 28 or so. Write log(total) - score instead."
)
def clipped(logits, labels, ignore=-100):
    counts = labels != ignore
    if not counts.any():
        return 0.0
    scores, right = logits[counts], labels[counts]
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return float(-np.mean(np.log(p[np.arange(len(right)), right] + 1e-12)))


@token_cross_entropy.misconception(
    "With no token that counts you divided 0 by 0. Return 0.0 then."
)
def nan_when_all_ignored(logits, labels, ignore=-100):
    counts = labels != ignore
    scores, right = logits[counts], labels[counts]
    losses = np.logaddexp.reduce(scores, axis=-1) - scores[np.arange(len(right)), right]
    with np.errstate(all="ignore"):
        return float(losses.sum() / np.float64(len(right)))


@token_cross_entropy.misconception(
    "You left out all negative labels. Only the label `ignore` is left out, and it "
    "may be a class."
)
def leaves_out_negative(logits, labels, ignore=-100):
    counts = labels >= 0
    if not counts.any():
        return 0.0
    scores, right = logits[counts], labels[counts]
    losses = np.logaddexp.reduce(scores, axis=-1) - scores[np.arange(len(right)), right]
    return float(losses.mean())


@token_cross_entropy.misconception(
    "You compared the labels with -100 whatever `ignore` is. Use the argument."
)
def always_minus_hundred(logits, labels, ignore=-100):
    counts = labels != -100
    if not counts.any():
        return 0.0
    scores, right = logits[counts], labels[counts]
    losses = np.logaddexp.reduce(scores, axis=-1) - scores[np.arange(len(right)), right]
    return float(losses.mean())


@token_cross_entropy.misconception(
    "You averaged each sequence first and then the sequences, so a token of a short "
    "one weighs more. Take one mean over all tokens that count."
)
def mean_of_means(logits, labels, ignore=-100):
    means = []
    for scores, right in zip(logits, labels):
        counts = right != ignore
        scores, right = scores[counts], right[counts]
        log_total = np.logaddexp.reduce(scores, axis=-1)
        if len(right):
            means.append(np.mean(log_total - scores[np.arange(len(right)), right]))
    return float(np.mean(means)) if means else 0.0


@token_cross_entropy.misconception(
    "You added the losses up. Take the mean, or a large batch has a large loss."
)
def sum_only_of_losses(logits, labels, ignore=-100):
    counts = labels != ignore
    scores, right = logits[counts], labels[counts]
    log_total = np.logaddexp.reduce(scores, axis=-1)
    return float(np.sum(log_total - scores[np.arange(len(right)), right]))


@token_cross_entropy.misconception(
    "Your loss is negative: the logarithm of a probability is below 0, and the loss "
    "is minus that."
)
def sign(logits, labels, ignore=-100):
    counts = labels != ignore
    if not counts.any():
        return 0.0
    scores, right = logits[counts], labels[counts]
    log_total = np.logaddexp.reduce(scores, axis=-1)
    return float(np.mean(scores[np.arange(len(right)), right] - log_total))


@token_cross_entropy.misconception(
    "Your softmax runs over the positions. The classes of one token compete, not the "
    "tokens: use the last axis."
)
def over_the_positions(logits, labels, ignore=-100):
    counts = labels != ignore
    log_total = np.logaddexp.reduce(logits, axis=1, keepdims=True)
    right = np.where(counts, labels, 0)[..., None]
    losses = -np.take_along_axis(logits - log_total, right, axis=-1)[..., 0]
    return float((losses * counts).sum() / max(counts.sum(), 1))


@token_cross_entropy.misconception(
    "You used the logarithm to base 2. The loss is the natural logarithm, as in torch."
)
def base_two(logits, labels, ignore=-100):
    counts = labels != ignore
    if not counts.any():
        return 0.0
    scores, right = logits[counts], labels[counts]
    log_total = np.logaddexp.reduce(scores, axis=-1)
    losses = log_total - scores[np.arange(len(right)), right]
    return float(losses.mean() / np.log(2))


@token_cross_entropy.misconception(
    "The loss is right, but you changed the labels: `labels[...] = 0` writes into the "
    "caller's array. Select the tokens that count, or use `np.where`."
)
def changes_the_labels(logits, labels, ignore=-100):
    counts = labels != ignore
    labels[~counts] = 0
    log_total = np.logaddexp.reduce(logits, axis=-1)
    chosen = np.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    losses = (log_total - chosen) * counts
    return float(losses.sum() / max(counts.sum(), 1))


@token_cross_entropy.alternative
def with_torchs_cross_entropy(logits, labels, ignore=-100):
    import torch

    flat = torch.from_numpy(logits).flatten(0, 1)
    targets = torch.from_numpy(labels).flatten()
    loss = torch.nn.functional.cross_entropy(flat, targets, ignore_index=ignore)
    return float(loss.nan_to_num(0.0))


@token_cross_entropy.alternative
def token_by_token(logits, labels, ignore=-100):
    from math import fsum, log

    losses = []
    for scores, label in zip(logits.reshape(-1, logits.shape[-1]), labels.ravel()):
        if label != ignore:
            top = max(scores)
            total = sum(np.exp(score - top) for score in scores)
            losses.append(top + log(total) - scores[label])
    return fsum(losses) / len(losses) if losses else 0.0


@token_cross_entropy.alternative
def with_scipys_log_softmax(logits, labels, ignore=-100):
    from scipy.special import log_softmax

    counts = labels != ignore
    right = np.where(counts, labels, 0)[..., None]
    chosen = np.take_along_axis(log_softmax(logits, axis=-1), right, axis=-1)[..., 0]
    return -(chosen * counts).sum() / max(counts.sum(), 1)


@token_cross_entropy.alternative
def by_one_hot_labels(logits, labels, ignore=-100):
    counts = labels != ignore
    if not counts.any():
        return 0
    wanted = np.eye(logits.shape[-1])[labels[counts]]
    log_total = np.logaddexp.reduce(logits[counts], axis=-1)
    return log_total.mean() - (wanted * logits[counts]).sum(axis=-1).mean()
