"""How chapter 5, all at once, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result


def _numbers(rng, *shape, dtype=float):
    """Random numbers with two decimals: they read well in the public cases."""
    return np.round(rng.normal(size=shape), 2).astype(dtype)


def _weights(rng, d, dk, dv, dtype=float):
    """Wq, Wk (d, dk) and Wv (d, dv)."""
    return {
        "Wq": _numbers(rng, d, dk, dtype=dtype),
        "Wk": _numbers(rng, d, dk, dtype=dtype),
        "Wv": _numbers(rng, d, dv, dtype=dtype),
    }


def _far_rows(rng):
    """X (3, 3) and Wq, Wk (3, 4): scaled scores of +-10,000 in rows of their own.

    The scores are products of the first two columns over 2. Wv looks at the third
    alone, so that values stay small.
    """
    X = np.array([[200.0, 100.0, 0.0], [-200.0, 100.01, 0.0], [3.0, 100.02, 0.0]])
    X[:, 2] = _numbers(rng, 3)
    Wq, Wk = np.zeros((2, 3, 4))
    Wq[0, 0] = Wk[1, 0] = 1.0
    return {"X": X, "Wq": Wq, "Wk": Wk, "Wv": np.array([[0, 0], [0, 0], [1, -2.0]])}


ROWS = {"X": "n, d", "Wq": "d, dk", "Wk": "d, dk", "Wv": "d, dv"}

# --- 5.1 project_qkv --------------------------------------------------------------

project_qkv = Exercise(
    name="project_qkv",
    points=1,
    difficulty=1,
    minutes=5,
    source='slide "Self-attention" (matrix form)',
    hints=(
        "A row of X times a matrix is the projection of one vector. What is X times "
        "it?",
        "Three products of X, one with each matrix, in the order query, key, value; "
        "return them as a tuple.",
    ),
    inputs=ROWS,
    returns=[Result("Q", "n, dk"), Result("K", "n, dk"), Result("V", "n, dv")],
)


@project_qkv.cases
def project_cases(rng):
    inputs = {
        "X": np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
        "Wq": np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
        "Wk": np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]]),
        "Wv": np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 2.0, 3.0]]),
    }
    yield Case(inputs, "five vectors of two numbers")
    for n, d, dk, dv, dtype, note in (
        (4, 3, 5, 2, float, "random numbers"),
        (2, 5, 3, 4, float, "fewer vectors than entries"),
        (3, 4, 6, 5, np.float32, "float32"),
    ):
        X = _numbers(rng, n, d, dtype=dtype)
        yield Case({"X": X, **_weights(rng, d, dk, dv, dtype)}, note)
    inputs = {"X": _numbers(rng, 4, 3), **_weights(rng, 3, 3, 3)}
    yield Case(inputs, "square matrices", edge=True)


@project_qkv.misconception(
    "You used one matrix for all three. Query, key and value have a matrix each: Wq, "
    "Wk, Wv."
)
def one_matrix(X, Wq, Wk, Wv):
    return X @ Wq, X @ Wq, X @ Wq


@project_qkv.misconception(
    "You transposed the weights. They are (d, dk) and (d, dv): X stands on their left "
    "as it is."
)
def transposed_weights(X, Wq, Wk, Wv):
    return X @ Wq.T, X @ Wk.T, X @ Wv.T


@project_qkv.misconception(
    "Your results are transposed: here a vector is a row, also after the projection."
)
def in_columns(X, Wq, Wk, Wv):
    return (X @ Wq).T, (X @ Wk).T, (X @ Wv).T


@project_qkv.misconception("Key and query are swapped; return Q, K, V in this order.")
def keys_first(X, Wq, Wk, Wv):
    return X @ Wk, X @ Wq, X @ Wv


@project_qkv.misconception(
    "You returned the inputs as values. The values are a projection too: X Wv."
)
def raw_values(X, Wq, Wk, Wv):
    return X @ Wq, X @ Wk, X


@project_qkv.alternative
def by_einsum(X, Wq, Wk, Wv):
    return tuple(np.einsum("nd,dk->nk", X, W) for W in (Wq, Wk, Wv))


@project_qkv.alternative
def by_one_product(X, Wq, Wk, Wv):
    dk = Wq.shape[1]
    together = np.matmul(X, np.concatenate([Wq, Wk, Wv], axis=1))
    return np.split(together, [dk, 2 * dk], axis=1)


@project_qkv.alternative
def by_rows(X, Wq, Wk, Wv):
    return [np.array([np.dot(x, W) for x in X]) for W in (Wq, Wk, Wv)]


# --- 5.2 self_attention -----------------------------------------------------------

self_attention = Exercise(
    name="self_attention",
    points=5,
    difficulty=4,
    minutes=30,
    source='slide "Self-attention"; arXiv 1706.03762, section 3.2.1, equation 1',
    hints=(
        "You have written every part: project, scaled scores, masked softmax along the "
        "last axis, extract.",
        "Use `np.swapaxes(K, -1, -2)` for the transpose. Where `keep` is False put "
        "minus infinity before the softmax. A row of minus infinities needs care: "
        "subtract 0 instead of its maximum, and divide by 1 instead of its sum.",
    ),
    inputs={**ROWS, "X": "..., n, d"},
    returns=[Result("O", "..., n, dv"), Result("A", "..., n, n")],
)


@self_attention.cases
def self_attention_cases(rng):
    inputs = {
        "X": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        "Wq": np.array([[2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]]),
        "Wk": np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]),
        "Wv": np.array([[1.0, 0.0, 2.0, 0.0, 3.0], [0.0, 1.0, 0.0, 2.0, 3.0]]),
    }
    yield Case(inputs, "three vectors of two numbers")
    for n, d, dk, dv, dtype, note in (
        (4, 3, 5, 2, float, "random numbers"),
        (3, 5, 4, 6, np.float32, "float32"),
    ):
        X = _numbers(rng, n, d, dtype=dtype)
        weights = {
            k: w * dtype(0.7) for k, w in _weights(rng, d, dk, dv, dtype).items()
        }
        yield Case({"X": X, **weights}, note)
    weights = _weights(rng, 3, 5, 2)
    keep = np.tril(np.ones((4, 4), dtype=bool))
    inputs = {"X": _numbers(rng, 4, 3), **weights, "keep": keep}
    yield Case(inputs, "a mask: each vector sees itself and earlier ones")
    keep = rng.random((4, 4)) < 0.6
    keep[1], keep[2] = False, [True, False, True, False]
    inputs = {"X": _numbers(rng, 4, 3), **weights, "keep": keep}
    yield Case(inputs, "a row with nothing to attend to", edge=True)
    inputs = {"X": _numbers(rng, 2, 4, 3), **weights}
    yield Case(inputs, "a batch of 2", edge=True)
    keep = np.array([[[True, True, True, False]], [[True, True, False, False]]])
    inputs = {"X": _numbers(rng, 2, 4, 3), **weights, "keep": keep}
    yield Case(inputs, "a batch with a padding mask (2, 1, n)", edge=True)
    keep = np.array([True, False, True, True])
    inputs = {"X": _numbers(rng, 4, 3), **weights, "keep": keep}
    yield Case(inputs, "a mask of one row for all queries", edge=True)
    eye, Wv = np.eye(3, 4), _numbers(rng, 3, 2)
    X = np.array([[100.0, 0.0, 1.0], [50.0, 3.0, 0.0], [60.0, 1.0, 0.0]])
    keep = np.array([[False, True, True]] * 3)
    inputs = {"X": X, "Wq": 2 * eye, "Wk": eye, "Wv": Wv, "keep": keep}
    yield Case(inputs, "masked scores far above the kept ones", edge=True)
    yield Case(_far_rows(rng), "rows near 10,000 and -10,000", edge=True)
    X = np.array([[100.0, -200.0, 0.0], [99.0, -200.02, 0.0], [0.0, 0.0, 0.0]])
    X[:, 2] = _numbers(rng, 3)
    keep = np.array([[True, True, False]] * 3)
    inputs = {**_far_rows(rng), "X": X, "keep": keep}
    yield Case(inputs, "kept scores near -10,000, masked ones 0", edge=True)
    inputs = {"X": _numbers(rng, 2, 1, 4, 3), **weights}
    yield Case(inputs, "two axes before n", edge=True)
    inputs = {"X": _numbers(rng, 1, 3), **weights}
    yield Case(inputs, "a single vector", edge=True)


@self_attention.misconception(
    "You divided by d, the width of the inputs, under the root. The scale is the root "
    "of dk, the width of queries and keys."
)
def scaled_by_d(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(X.shape[-1])
    S = S if keep is None else np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "You divided by the root of n, the number of vectors. The scale is the root of dk, "
    "the width of queries and keys."
)
def scaled_by_n(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(X.shape[-2])
    S = S if keep is None else np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "The scale is missing: divide the scores by the root of dk before the softmax."
)
def no_scale(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2)
    S = S if keep is None else np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "You divided by dk. Divide by its root: the spread of a dot product grows with the "
    "root of its length."
)
def scaled_by_dk(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / Wq.shape[-1]
    S = S if keep is None else np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "Query and key are swapped. Row i of the scores asks with the query of i: Q comes "
    "first, and K is transposed."
)
def keys_ask(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wk) @ np.swapaxes(X @ Wq, -1, -2) / np.sqrt(Wq.shape[-1])
    S = S if keep is None else np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "Your softmax runs over the queries. Each query's weights are a row of A, and rows "
    "must sum to 1: use the last axis."
)
def over_the_queries(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    S = S if keep is None else np.where(keep, S, -np.inf)
    top = S.max(axis=-2, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-2, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "The mask is ignored. Where keep is False a key must get weight 0, and the others "
    "share the whole 1."
)
def mask_ignored(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    e = np.exp(S - S.max(axis=-1, keepdims=True))
    A = e / e.sum(axis=-1, keepdims=True)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "Your mask is upside down: keep is True where attention is allowed."
)
def mask_inverted(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    S = S if keep is None else np.where(keep, -np.inf, S)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "Your maximum includes masked scores; a large one pushes all kept ones to 0. Mask "
    "first, then take the maximum."
)
def maximum_before_mask(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    e = np.exp(S - S.max(axis=-1, keepdims=True))
    e = e if keep is None else e * keep
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "With a large negative number for minus infinity, a query that may see nothing "
    "sees all keys alike. Give such a row zeros."
)
def large_negative_number(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    S = S if keep is None else np.where(keep, S, -1e9)
    e = np.exp(S - S.max(axis=-1, keepdims=True))
    A = e / e.sum(axis=-1, keepdims=True)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "You filled masked scores with -10,000. Kept scores can be as low as that, and "
    "then masked keys get weight. Fill with minus infinity; a row with nothing kept "
    "gives zeros."
)
def fill_not_low_enough(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    S = S if keep is None else np.where(keep, S, -1e4)
    e = np.exp(S - S.max(axis=-1, keepdims=True))
    A = e / e.sum(axis=-1, keepdims=True)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "You subtracted one maximum from all rows, and rows far below it vanish. Each row "
    "needs its own: `max(axis=-1, keepdims=True)`."
)
def one_maximum_for_all(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    S = S if keep is None else np.where(keep, S, -np.inf)
    e = np.exp(S - S.max())
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ (X @ Wv), A


@self_attention.misconception(
    "`.T` turns all axes around, also those of a batch. Exchange the last two only: "
    "`np.swapaxes(K, -1, -2)`."
)
def batch_transposed(X, Wq, Wk, Wv, keep=None):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / np.sqrt(Wq.shape[-1])
    S = S if keep is None else np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ V, A


@self_attention.misconception(
    "You returned the weights first. Return the outputs O, then the weights A."
)
def weights_first(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    S = S if keep is None else np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A, A @ (X @ Wv)


@self_attention.misconception(
    "You masked after the softmax, so the rows no longer sum to 1. Mask the scores, "
    "then normalise."
)
def masked_too_late(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    e = np.exp(S - S.max(axis=-1, keepdims=True))
    A = e / e.sum(axis=-1, keepdims=True)
    A = A if keep is None else A * keep
    return A @ (X @ Wv), A


@self_attention.misconception(
    "A row with nothing to attend to became NaN (minus infinity minus minus infinity). "
    "Such a row gives zeros."
)
def nan_rows(X, Wq, Wk, Wv, keep=None):
    with np.errstate(all="ignore"):
        S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
        S = S if keep is None else np.where(keep, S, -np.inf)
        e = np.exp(S - S.max(axis=-1, keepdims=True))
        A = e / e.sum(axis=-1, keepdims=True)
        return A @ (X @ Wv), A


@self_attention.misconception(
    "Large scores overflow to NaN. Subtract the largest score of each row before you "
    "exponentiate."
)
def overflow(X, Wq, Wk, Wv, keep=None):
    with np.errstate(all="ignore"):
        S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
        e = np.exp(S) if keep is None else np.where(keep, np.exp(S), 0)
        total = e.sum(axis=-1, keepdims=True)
        A = e / np.where(total == 0, 1, total)
        return A @ (X @ Wv), A


@self_attention.misconception(
    "The weights mix the inputs X. They must mix the values, X Wv."
)
def mixes_inputs(X, Wq, Wk, Wv, keep=None):
    S = (X @ Wq) @ np.swapaxes(X @ Wk, -1, -2) / np.sqrt(Wq.shape[-1])
    S = S if keep is None else np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ X, A


@self_attention.alternative
def one_query_at_a_time(X, Wq, Wk, Wv, keep=None):
    *batch, n, _ = X.shape
    allowed = np.ones((*batch, n, n), bool)
    if keep is not None:
        allowed = np.broadcast_to(keep, allowed.shape)
    A = np.zeros((*batch, n, n))
    O = np.zeros((*batch, n, Wv.shape[1]))
    for place in np.ndindex(*batch, n):
        *b, i = place
        rows, kept = X[tuple(b)], np.flatnonzero(allowed[place])
        if len(kept) == 0:
            continue
        query, keys = rows[i] @ Wq, rows[kept] @ Wk
        scores = [float(query @ key) / np.sqrt(len(query)) for key in keys]
        shares = np.exp(np.array(scores) - max(scores))
        A[place][kept] = shares / shares.sum()
        O[place] = A[place][kept] @ (rows[kept] @ Wv)
    return O, A


@self_attention.alternative
def by_einsum(X, Wq, Wk, Wv, keep=None):
    Q, K, V = (np.einsum("...nd,dk->...nk", X, W) for W in (Wq, Wk, Wv))
    S = np.einsum("...ik,...jk->...ij", Q / np.sqrt(Q.shape[-1]), K)
    keep = np.ones(S.shape, bool) if keep is None else np.broadcast_to(keep, S.shape)
    low = np.where(keep, S, S.min(initial=0) - 1)
    e = np.where(
        keep, np.exp(low - low.max(-1, keepdims=True, where=keep, initial=-1e300)), 0
    )
    A = e / np.maximum(e.sum(-1, keepdims=True), np.finfo(e.dtype).tiny)
    return [np.einsum("...ij,...jv->...iv", A, V), A]


@self_attention.alternative
def through_torch(X, Wq, Wk, Wv, keep=None):
    import torch

    X, Wq, Wk, Wv = map(torch.from_numpy, (X, Wq, Wk, Wv))
    S = (X @ Wq) @ (X @ Wk).mT / Wq.shape[1] ** 0.5
    if keep is not None:
        S = S.masked_fill(~torch.from_numpy(keep), float("-inf"))
    A = torch.softmax(S, dim=-1).nan_to_num(0.0)
    return A @ (X @ Wv), A


# --- 5.3 self_attention_columns ---------------------------------------------------

self_attention_columns = Exercise(
    name="self_attention_columns",
    points=3,
    difficulty=3,
    minutes=15,
    source='slide "Self-attention" (matrix form)',
    hints=(
        "Write down the four lines of the slide, from left to right. Which index of A "
        "counts keys, and which counts queries?",
        "`A = K.T @ Q` has keys along axis 0 and queries along axis 1. Each query's "
        "weights are a column, so the softmax runs down axis 0. There is no scale.",
    ),
    inputs={"I": "d, n", "Wq": "dk, d", "Wk": "dk, d", "Wv": "dv, d"},
    returns=Result("O", "dv, n"),
)


@self_attention_columns.cases
def columns_cases(rng):
    inputs = {
        "I": np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
        "Wq": np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]),
        "Wk": np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.0, 1.0]]),
        "Wv": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0], [0.0, 2.0]]),
    }
    yield Case(inputs, "three vectors of two numbers, in columns")
    for n, d, dk, dv, dtype, note in (
        (4, 3, 5, 2, float, "random numbers"),
        (5, 2, 3, 4, float, "more vectors than entries"),
        (3, 5, 4, 6, np.float32, "float32"),
    ):
        inputs = {"I": _numbers(rng, d, n, dtype=dtype)}
        for name, rows in (("Wq", dk), ("Wk", dk), ("Wv", dv)):
            inputs[name] = _numbers(rng, rows, d, dtype=dtype) * dtype(0.5)
        yield Case(inputs, note)
    inputs = {"I": _numbers(rng, 3, 3)}
    inputs |= {name: _numbers(rng, 3, 3) * 0.5 for name in ("Wq", "Wk", "Wv")}
    yield Case(inputs, "all sizes equal", edge=True)
    I = np.array([[100.0, 0.0, 99.0], [0.0, 100.0, 1.0]])
    inputs = {"I": I, "Wq": np.eye(4, 2), "Wk": np.eye(4, 2), "Wv": _numbers(rng, 5, 2)}
    yield Case(inputs, "scores near 10,000", edge=True)
    rows = _far_rows(rng)
    X = rows.pop("X") / np.array([2.0, 1.0, 1.0])
    inputs = {"I": X.T.copy()} | {name: W.T.copy() for name, W in rows.items()}
    yield Case(inputs, "columns near 10,000 and -10,000", edge=True)


@self_attention_columns.misconception(
    "Your softmax runs along the rows of A. On the slides a query's scores are a "
    "column: normalise down axis 0."
)
def along_the_rows(I, Wq, Wk, Wv):
    A = (Wk @ I).T @ (Wq @ I)
    e = np.exp(A - A.max(axis=1, keepdims=True))
    return (Wv @ I) @ (e / e.sum(axis=1, keepdims=True))


@self_attention_columns.misconception(
    "You scaled the scores. The slides' formula has no scale."
)
def scaled(I, Wq, Wk, Wv):
    A = (Wk @ I).T @ (Wq @ I) / np.sqrt(Wq.shape[0])
    e = np.exp(A - A.max(axis=0, keepdims=True))
    return (Wv @ I) @ (e / e.sum(axis=0, keepdims=True))


@self_attention_columns.misconception(
    "You computed Q transposed times K. On the slides the scores are K transposed "
    "times Q: keys down, queries across."
)
def queries_down(I, Wq, Wk, Wv):
    A = (Wq @ I).T @ (Wk @ I)
    e = np.exp(A - A.max(axis=0, keepdims=True))
    return (Wv @ I) @ (e / e.sum(axis=0, keepdims=True))


@self_attention_columns.misconception(
    "Your outputs stand in rows. On the slides each vector is a column, the outputs "
    "too."
)
def outputs_in_rows(I, Wq, Wk, Wv):
    A = (Wk @ I).T @ (Wq @ I)
    e = np.exp(A - A.max(axis=0, keepdims=True))
    return ((Wv @ I) @ (e / e.sum(axis=0, keepdims=True))).T


@self_attention_columns.misconception(
    "Large scores overflow to NaN. Subtract the largest score of each column first."
)
def overflow(I, Wq, Wk, Wv):
    with np.errstate(all="ignore"):
        e = np.exp((Wk @ I).T @ (Wq @ I))
        return (Wv @ I) @ (e / e.sum(axis=0, keepdims=True))


@self_attention_columns.misconception(
    "You subtracted one maximum from all scores, and columns far below it become 0/0. "
    "Each column needs its own: `max(axis=0)`."
)
def one_maximum_for_all(I, Wq, Wk, Wv):
    with np.errstate(all="ignore"):
        A = (Wk @ I).T @ (Wq @ I)
        e = np.exp(A - A.max())
        return (Wv @ I) @ (e / e.sum(axis=0, keepdims=True))


@self_attention_columns.misconception(
    "You transposed the weights before the last product. Column i of A' belongs to "
    "query i: O = V A' as it stands."
)
def weights_transposed(I, Wq, Wk, Wv):
    A = (Wk @ I).T @ (Wq @ I)
    e = np.exp(A - A.max(axis=0, keepdims=True))
    return (Wv @ I) @ (e / e.sum(axis=0, keepdims=True)).T


@self_attention_columns.misconception(
    "The softmax is missing: A' is the softmax of A, column by column."
)
def no_softmax(I, Wq, Wk, Wv):
    return (Wv @ I) @ ((Wk @ I).T @ (Wq @ I))


@self_attention_columns.alternative
def column_by_column(I, Wq, Wk, Wv):
    outputs = []
    for a in I.T:
        scores = [(Wk @ b) @ (Wq @ a) for b in I.T]
        e = np.exp(np.array(scores) - max(scores))
        outputs.append(sum(w * (Wv @ b) for w, b in zip(e / e.sum(), I.T)))
    return np.stack(outputs, axis=1)


@self_attention_columns.alternative
def through_the_rows(I, Wq, Wk, Wv):
    # undo the scale of the row form
    return self_attention(I.T, Wq.T * np.sqrt(len(Wq)), Wk.T, Wv.T)[0].T


@self_attention_columns.alternative
def by_logarithms(I, Wq, Wk, Wv):
    A = np.einsum("kj,ki->ji", Wk @ I, Wq @ I)
    return Wv @ I @ np.exp(A - np.logaddexp.reduce(A, axis=0))


# --- 5.4 attention_operations -----------------------------------------------------

attention_operations = Exercise(
    name="attention_operations",
    points=2,
    difficulty=2,
    minutes=10,
    source='slide "Self-attention" (matrix form); arXiv 1706.03762, table 1',
    hints=(
        "Write down the shapes of the five products: three projections, the scores, "
        "the weighted sums.",
        "(n, d) times (d, dk) takes n d dk multiplications, and it happens twice with "
        "dk and once with dv. Then (n, dk) times (dk, n), and (n, n) times (n, dv).",
    ),
    inputs={},
    returns=Result("operations", "", kind="int"),
    simple=True,
)


@attention_operations.cases
def operations_cases(rng):
    yield Case({"n": 2, "d": 3, "dk": 4, "dv": 5}, "n = 2, d = 3, dk = 4, dv = 5")
    n, d, dk, dv = (int(x) for x in rng.permutation(np.arange(5, 40))[:4])
    yield Case({"n": n, "d": d, "dk": dk, "dv": dv}, "small sizes")
    n = int(rng.integers(500, 2000))
    yield Case({"n": n, "d": 64, "dk": 16, "dv": 32}, "n far above d")
    n = int(rng.integers(3, 9))
    yield Case({"n": n, "d": 512, "dk": 64, "dv": 96}, "d far above n")
    yield Case({"n": 1, "d": 7, "dk": 3, "dv": 2}, "a single vector")
    n = 10**8 + 2 * int(rng.integers(1000)) + 1
    yield Case({"n": n, "d": 31, "dk": 7, "dv": 12}, "more than a float can count")


@attention_operations.misconception(
    "You counted two projections. There are three: queries, keys and values."
)
def two_projections(n, d, dk, dv):
    return n * d * (dk + dv) + n * n * (dk + dv)


@attention_operations.misconception(
    "The scores and sums grow with n squared: each of n queries meets each of n keys."
)
def linear_in_n(n, d, dk, dv):
    return n * d * (2 * dk + dv) + n * (dk + dv)


@attention_operations.misconception(
    "The projections are missing. They cost n d (2 dk + dv), and for short sequences "
    "that is the larger part."
)
def no_projections(n, d, dk, dv):
    return n * n * (dk + dv)


@attention_operations.misconception(
    "The weighted sums are missing: each output adds up n values of width dv."
)
def no_sums(n, d, dk, dv):
    return n * d * (2 * dk + dv) + n * n * dk


@attention_operations.misconception(
    "You took values as wide as keys. Their widths differ: dk for the scores, dv for "
    "the weighted sums."
)
def one_width(n, d, dk, dv):
    return 3 * n * d * dk + 2 * n * n * dk


@attention_operations.misconception(
    "You counted multiplications and additions. Only multiplications are asked for."
)
def counts_both(n, d, dk, dv):
    return 2 * (n * d * (2 * dk + dv) + n * n * (dk + dv))


@attention_operations.misconception(
    "The count came out as a float. Beyond 2**53 a float skips integers: stay with "
    "ints."
)
def as_float(n, d, dk, dv):
    return float(n * d * (2 * dk + dv) + n**2.0 * (dk + dv))


@attention_operations.misconception(
    "Your count went through a float on its way. Beyond 2**53 that loses the last "
    "digits: use ints from the start."
)
def rounded_by_a_float(n, d, dk, dv):
    return int(n * d * (2.0 * dk + dv) + n**2.0 * (dk + dv))


@attention_operations.alternative
def by_products(n, d, dk, dv):
    products = [(n, d, dk), (n, d, dk), (n, d, dv), (n, dk, n), (n, n, dv)]
    return sum(a * b * c for a, b, c in products)


@attention_operations.alternative
def factored(n, d, dk, dv):
    return np.int64(n) * ((n + d) * (dk + dv) + d * dk)


# --- 5.5 self_attention_gradient --------------------------------------------------

self_attention_gradient = Exercise(
    name="self_attention_gradient",
    points=4,
    difficulty=5,
    minutes=35,
    source="the chain rule; chapter 4.6 for the softmax",
    hints=(
        "Compute Q, K, V and A first, as forwards. Then take the steps of the text "
        "from the bottom to the top; each has two lines.",
        "dQ is dS K and dK is dS transposed times Q, both divided by the root of dk. "
        "A projection Q = X Wq gives dWq = X transposed times dQ, and adds dQ Wq "
        "transposed to dX. Keys and values add to dX too.",
    ),
    inputs={**ROWS, "dO": "n, dv"},
    returns=[
        Result("dX", "n, d"),
        Result("dWq", "d, dk"),
        Result("dWk", "d, dk"),
        Result("dWv", "d, dv"),
    ],
)


@self_attention_gradient.cases
def gradient_cases(rng):
    inputs = {
        "X": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        "Wq": np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]),
        "Wk": np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]),
        "Wv": np.array([[1.0, 0.0, 2.0, 0.0, 1.0], [0.0, 1.0, 0.0, 2.0, 1.0]]),
        "dO": np.array([[1.0, 0.0, 0.0, 0.0, 0.0]] * 3),
    }
    yield Case(inputs, "three vectors of two numbers")
    for n, d, dk, dv, dtype, note in (
        (4, 3, 5, 2, float, "random numbers"),
        (5, 2, 3, 4, float, "more vectors than entries"),
        (3, 4, 6, 5, np.float32, "float32"),
    ):
        X = _numbers(rng, n, d, dtype=dtype)
        weights = {
            k: w * dtype(0.5) for k, w in _weights(rng, d, dk, dv, dtype).items()
        }
        dO = _numbers(rng, n, dv, dtype=dtype)
        yield Case({"X": X, **weights, "dO": dO}, note)
    inputs = {"X": _numbers(rng, 1, 3), **_weights(rng, 3, 4, 2), "dO": np.ones((1, 2))}
    yield Case(inputs, "a single vector: its weight is always 1", edge=True)
    dO = _numbers(rng, 3, 2)
    inputs = {**_far_rows(rng), "dO": dO}
    yield Case(inputs, "rows near 10,000 and -10,000", edge=True)
    X = inputs["X"] * np.array([0.0, 1.0, 1.0]) + np.array([200.0, 0.0, 0.0])
    yield Case(inputs | {"X": X}, "all scores near 10,000", edge=True)


@self_attention_gradient.misconception(
    "You treated the softmax entry by entry, A(1 - A). A score moves all weights of "
    "its row: subtract the row's sum of A times dA."
)
def softmax_elementwise(X, Wq, Wk, Wv, dO):
    r = np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dV, dS = A.T @ dO, A * (1 - A) * (dO @ V.T)
    dQ, dK = dS @ K / r, dS.T @ Q / r
    return dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "The scale is missing on the way back. The scores were divided by the root of dk, "
    "so dQ and dK are too."
)
def scale_forgotten(X, Wq, Wk, Wv, dO):
    r = np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dA, dV = dO @ V.T, A.T @ dO
    dS = A * (dA - (A * dA).sum(1, keepdims=True))
    dQ, dK = dS @ K, dS.T @ Q
    return dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "Your dX has only the path through the values. X is also in the queries and the "
    "keys: add what comes back through Wq and Wk."
)
def values_path_only(X, Wq, Wk, Wv, dO):
    r = np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dA, dV = dO @ V.T, A.T @ dO
    dS = A * (dA - (A * dA).sum(1, keepdims=True))
    dQ, dK = dS @ K / r, dS.T @ Q / r
    return dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "Your dX misses the path through the keys. Each vector is also a key for all "
    "others: add dK times Wk transposed."
)
def no_keys_path(X, Wq, Wk, Wv, dO):
    r = np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dA, dV = dO @ V.T, A.T @ dO
    dS = A * (dA - (A * dA).sum(1, keepdims=True))
    dQ, dK = dS @ K / r, dS.T @ Q / r
    return dQ @ Wq.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "dK uses dS as it stands. Keys are the columns of the scores: transpose dS there."
)
def keys_not_transposed(X, Wq, Wk, Wv, dO):
    r = np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dA, dV = dO @ V.T, A.T @ dO
    dS = A * (dA - (A * dA).sum(1, keepdims=True))
    dQ, dK = dS @ K / r, dS @ Q / r
    return dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "dV uses A as it stands. A value goes into every output that looks at it: "
    "transpose A there."
)
def values_not_transposed(X, Wq, Wk, Wv, dO):
    r = np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dA, dV = dO @ V.T, A @ dO
    dS = A * (dA - (A * dA).sum(1, keepdims=True))
    dQ, dK = dS @ K / r, dS.T @ Q / r
    return dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "The scale is missing, forwards and back. The scores are divided by the root of "
    "dk, and so are dQ and dK."
)
def scale_nowhere(X, Wq, Wk, Wv, dO):
    r = 1.0
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dA, dV = dO @ V.T, A.T @ dO
    dS = A * (dA - (A * dA).sum(1, keepdims=True))
    dQ, dK = dS @ K / r, dS.T @ Q / r
    return dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "Your dS is A times dA alone. Subtract the row's sum of A times dA from dA first: "
    "weights that sum to 1 trade with each other."
)
def sum_forgotten(X, Wq, Wk, Wv, dO):
    r = np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dA, dV = dO @ V.T, A.T @ dO
    dS = A * dA
    dQ, dK = dS @ K / r, dS.T @ Q / r
    return dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "You summed A times dA down the columns. The softmax ran along each row, so the "
    "sum does too."
)
def sum_down_the_columns(X, Wq, Wk, Wv, dO):
    r = np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dA, dV = dO @ V.T, A.T @ dO
    dS = A * (dA - (A * dA).sum(0, keepdims=True))
    dQ, dK = dS @ K / r, dS.T @ Q / r
    return dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "Your dX misses the path through the queries: add dQ times Wq transposed."
)
def no_queries_path(X, Wq, Wk, Wv, dO):
    r = np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / r
    A = np.exp(S - S.max(1, keepdims=True))
    A = A / A.sum(1, keepdims=True)
    dA, dV = dO @ V.T, A.T @ dO
    dS = A * (dA - (A * dA).sum(1, keepdims=True))
    dQ, dK = dS @ K / r, dS.T @ Q / r
    return dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "You subtracted one maximum from all rows, and rows far below it become 0/0. Each "
    "row needs its own."
)
def one_maximum_for_all(X, Wq, Wk, Wv, dO):
    with np.errstate(all="ignore"):
        r = np.sqrt(Wq.shape[1])
        Q, K, V = X @ Wq, X @ Wk, X @ Wv
        S = Q @ K.T / r
        A = np.exp(S - S.max())
        A = A / A.sum(1, keepdims=True)
        dA, dV = dO @ V.T, A.T @ dO
        dS = A * (dA - (A * dA).sum(1, keepdims=True))
        dQ, dK = dS @ K / r, dS.T @ Q / r
        return dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.misconception(
    "Large scores overflow to NaN on the way forwards. Subtract the largest score of "
    "each row before you exponentiate."
)
def overflow(X, Wq, Wk, Wv, dO):
    with np.errstate(all="ignore"):
        r = np.sqrt(Wq.shape[1])
        Q, K, V = X @ Wq, X @ Wk, X @ Wv
        S = Q @ K.T / r
        A = np.exp(S)
        A = A / A.sum(1, keepdims=True)
        dA, dV = dO @ V.T, A.T @ dO
        dS = A * (dA - (A * dA).sum(1, keepdims=True))
        dQ, dK = dS @ K / r, dS.T @ Q / r
        return dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.alternative
def by_jacobians(X, Wq, Wk, Wv, dO):
    n, scale = len(X), 1 / np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    dQ, dK, dV = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    for i in range(n):
        s = K @ Q[i] * scale
        p = np.exp(s - s.max())
        p = p / p.sum()
        ds = (np.diag(p) - np.outer(p, p)) @ (V @ dO[i])
        dQ[i] += scale * ds @ K
        dK += scale * np.outer(ds, Q[i])
        dV += np.outer(p, dO[i])
    dX = sum(g @ W.T for g, W in ((dQ, Wq), (dK, Wk), (dV, Wv)))
    return dX, X.T @ dQ, X.T @ dK, X.T @ dV


@self_attention_gradient.alternative
def by_autograd(X, Wq, Wk, Wv, dO):
    import torch

    leaves = [torch.tensor(M, requires_grad=True) for M in (X, Wq, Wk, Wv)]
    x, wq, wk, wv = leaves
    A = torch.softmax((x @ wq) @ (x @ wk).T / wq.shape[1] ** 0.5, dim=1)
    (A @ (x @ wv)).backward(torch.from_numpy(dO))
    return [leaf.grad for leaf in leaves]
