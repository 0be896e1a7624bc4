"""How chapter 6, several heads, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result


def _numbers(rng, *shape, dtype=float):
    """Random numbers that read well in the public cases: two decimals, or eighths."""
    steps = 100 if dtype is float else 8  # float32 holds eighths exactly
    return (np.round(rng.normal(size=shape) * steps) / steps).astype(dtype)


def _layer(rng, batch, n, d, dtype=float):
    """X (batch, n, d) and the four weights (d, d), for scores of about 1."""
    inputs = {"X": _numbers(rng, batch, n, d, dtype=dtype)}
    for name in ("Wq", "Wk", "Wv", "Wo"):
        inputs[name] = (np.round(rng.normal(size=(d, d)) * 6) / 8).astype(dtype)
    return inputs


# --- 6.1 split_heads --------------------------------------------------------------

split_heads = Exercise(
    name="split_heads",
    points=2,
    difficulty=2,
    minutes=12,
    source='slide "Multi-head self-attention"; arXiv 1706.03762, section 3.2.2',
    hints=(
        "Reshaping alone can cut the last axis in two. Where do the heads stand then, "
        "and where shall they stand?",
        "Reshape to (..., n, heads, dh): the last axis is cut, nothing moves. Then "
        "exchange the axes of n and heads with `np.swapaxes`. NumPy refuses some wrong "
        "numbers of heads by itself, but 0 needs a check of your own.",
    ),
    inputs={"X": "..., n, width"},
    returns=Result("heads", "..., heads, n, dh"),
)


@split_heads.cases
def split_cases(rng):
    X = np.arange(1.0, 19.0).reshape(3, 6)
    yield Case({"X": X, "heads": 2}, "three vectors of six numbers, two heads")
    yield Case({"X": _numbers(rng, 2, 12), "heads": 3}, "three heads of width 4")
    X = _numbers(rng, 2, 6, dtype=np.float32)
    yield Case({"X": X, "heads": 3}, "float32")
    X = np.arange(24.0).reshape(2, 3, 4)
    yield Case({"X": X, "heads": 2}, "a batch of 2", edge=True)
    X = _numbers(rng, 2, 1, 3, 4)
    yield Case({"X": X, "heads": 2}, "two axes before n", edge=True)
    yield Case({"X": _numbers(rng, 3, 4), "heads": 1}, "one head", edge=True)
    yield Case({"X": _numbers(rng, 2, 5), "heads": 5}, "heads of width 1", edge=True)
    for heads in (4, 7, 0, -2):
        X = _numbers(rng, 1, 6)
        yield Case({"X": X, "heads": heads}, f"heads = {heads}, width 6", edge=True)


@split_heads.misconception(
    "You reshaped to (heads, n, dh) at once. That cuts the list of vectors, so a head "
    "gets all features of some vectors instead of some features of all. Cut the last "
    "axis only, then exchange axes."
)
def reshape_alone(X, heads):
    if heads < 1 or X.shape[-1] % heads:
        raise ValueError
    return X.reshape(*X.shape[:-2], heads, X.shape[-2], X.shape[-1] // heads)


@split_heads.misconception(
    "You dealt the features out in turn, like cards. Each head gets a block of dh "
    "neighbouring features."
)
def interleaved(X, heads):
    if heads < 1 or X.shape[-1] % heads:
        raise ValueError
    cut = X.reshape(*X.shape[:-1], X.shape[-1] // heads, heads)
    return np.moveaxis(cut, -1, -3)


@split_heads.misconception(
    "The cut is right, but the heads still stand behind the vectors. Exchange the two "
    "axes, so that each head is one matrix (n, dh)."
)
def not_exchanged(X, heads):
    if heads < 1 or X.shape[-1] % heads:
        raise ValueError
    return X.reshape(*X.shape[:-1], heads, X.shape[-1] // heads)


@split_heads.misconception(
    "You cut blocks that are `heads` features wide. `heads` is how many blocks there "
    "are; each is width / heads wide."
)
def blocks_of_heads(X, heads):
    if heads < 1 or X.shape[-1] % heads:
        raise ValueError
    return np.swapaxes(X.reshape(*X.shape[:-1], -1, heads), -2, -3)


@split_heads.misconception(
    "With a batch your heads come before it. The batch stays in front: (..., heads, n, "
    "dh)."
)
def heads_before_batch(X, heads):
    if heads < 1 or X.shape[-1] % heads:
        raise ValueError
    return np.stack(np.split(X, heads, axis=-1))


@split_heads.misconception(
    "Your axes are right for n and features only. Count axes from the end, -2 and -3, "
    "so that a batch may stand in front."
)
def no_batch(X, heads):
    if heads < 1 or X.shape[-1] % heads:
        raise ValueError
    return X.reshape(len(X), heads, -1).swapaxes(0, 1)


@split_heads.misconception(
    "Features that do not fill a head were dropped without a word. Raise a ValueError "
    "unless heads divides the width."
)
def drops_the_rest(X, heads):
    dh = X.shape[-1] // heads if heads > 0 else 0
    blocks = [X[..., h * dh : (h + 1) * dh] for h in range(heads)]
    return np.stack(blocks, axis=-3)


@split_heads.misconception(
    "With heads = 0 Python stops at the division, and that is no ValueError. Ask for "
    "heads >= 1 first."
)
def divides_by_zero(X, heads):
    if X.shape[-1] % heads:
        raise ValueError
    cut = X.reshape(*X.shape[:-1], heads, X.shape[-1] // heads)
    return np.swapaxes(cut, -2, -3)


@split_heads.alternative
def by_slices(X, heads):
    if heads < 1 or X.shape[-1] % heads != 0:
        raise ValueError("heads must divide the width")
    dh = X.shape[-1] // heads
    return np.stack([X[..., h * dh : (h + 1) * dh] for h in range(heads)], axis=-3)


@split_heads.alternative
def by_numpys_split(X, heads):
    if heads <= 0:
        raise ValueError("no heads")
    return np.stack(np.split(X, heads, axis=-1), axis=-3)


@split_heads.alternative
def by_index(X, heads):
    width = X.shape[-1]
    if heads not in range(1, width + 1) or width // heads * heads != width:
        raise ValueError("heads must divide the width")
    features = np.arange(width).reshape(heads, 1, -1)
    return X[..., np.arange(X.shape[-2])[None, :, None], features]


# --- 6.2 merge_heads --------------------------------------------------------------

merge_heads = Exercise(
    name="merge_heads",
    points=1,
    difficulty=2,
    minutes=8,
    source='slide "Multi-head self-attention"; arXiv 1706.03762, section 3.2.2',
    hints=(
        "Do the two steps of split_heads backwards. Which comes first now?",
        "Exchange the axes of heads and n, so that a vector's heads lie side by side; "
        "then reshape the last two axes into one.",
    ),
    inputs={"Y": "..., heads, n, dh"},
    returns=Result("merged", "..., n, heads*dh"),
)


@merge_heads.cases
def merge_cases(rng):
    Y = np.array([np.arange(1.0, 13.0), np.arange(13.0, 25.0)]).reshape(2, 3, 4)
    yield Case({"Y": Y}, "two heads, three vectors, width 4")
    yield Case({"Y": _numbers(rng, 4, 2, 3)}, "four heads, two vectors, width 3")
    yield Case({"Y": _numbers(rng, 3, 2, 1, dtype=np.float32)}, "float32")
    yield Case({"Y": np.arange(24.0).reshape(2, 3, 2, 2)}, "a batch of 2", edge=True)
    yield Case({"Y": _numbers(rng, 2, 1, 3, 2, 2)}, "two axes in front", edge=True)
    yield Case({"Y": _numbers(rng, 1, 3, 2)}, "one head", edge=True)
    yield Case({"Y": _numbers(rng, 3, 2, 1)}, "heads of width 1", edge=True)


@merge_heads.misconception(
    "You reshaped without exchanging axes, and vectors got mixed up. A vector's heads "
    "must lie side by side before you reshape."
)
def reshape_alone(Y):
    *batch, heads, n, dh = Y.shape
    return Y.reshape(*batch, n, heads * dh)


@merge_heads.misconception(
    "You took one feature from each head in turn. Each head's dh features stay "
    "together: first all of head 0, then all of head 1."
)
def interleaved(Y):
    *batch, heads, n, dh = Y.shape
    return np.moveaxis(Y, -3, -1).reshape(*batch, n, heads * dh)


@merge_heads.misconception(
    "You put the heads below each other. They belong side by side: as many rows as "
    "there are vectors, heads * dh columns."
)
def below_each_other(Y):
    *batch, heads, n, dh = Y.shape
    return Y.reshape(*batch, heads * n, dh)


@merge_heads.misconception(
    "You added the heads up. They are put side by side; mixing them is left to Wo."
)
def added_up(Y):
    return Y.sum(axis=-3)


@merge_heads.misconception(
    "You averaged the heads. They are put side by side; mixing them is left to Wo."
)
def averaged(Y):
    return Y.mean(axis=-3)


@merge_heads.misconception(
    "Your axes are right without a batch only. Count them from the end: exchange -2 "
    "and -3, and keep all axes before."
)
def no_batch(Y):
    return Y.swapaxes(0, 1).reshape(Y.shape[1], -1)


@merge_heads.misconception(
    "The heads stand in reverse. Head 0 has the first dh columns."
)
def reversed_order(Y):
    return np.concatenate(list(np.moveaxis(Y, -3, 0)[::-1]), axis=-1)


@merge_heads.alternative
def by_concatenation(Y):
    blocks = [Y[..., h, :, :] for h in range(Y.shape[-3])]
    return np.concatenate(blocks, axis=-1)


@merge_heads.alternative
def by_filling(Y):
    *batch, heads, n, dh = Y.shape
    merged = np.empty((*batch, n, heads * dh), Y.dtype)
    for h in range(heads):
        merged[..., h * dh : (h + 1) * dh] = Y[..., h, :, :]
    return merged


@merge_heads.alternative
def by_einsum(Y):
    exchanged = np.einsum("...hnf->...nhf", Y)
    return exchanged.reshape(*exchanged.shape[:-2], -1)


# --- 6.3 stack_head_weights -------------------------------------------------------

stack_head_weights = Exercise(
    name="stack_head_weights",
    points=2,
    difficulty=2,
    minutes=10,
    source='slide "Multi-head self-attention", in rows',
    hints=(
        "Column c of a projection matrix makes feature c of the result. Which "
        "features does head 1 need?",
        "The columns of head 0 come first, then those of head 1: join the matrices "
        "side by side, along axis 1.",
    ),
    inputs={},
    returns=Result("W", "d, heads*dh"),
)


@stack_head_weights.cases
def stack_cases(rng):
    first = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [0, 0, 1]])
    yield Case({"per_head": [first, 10 * first]}, "two heads of width 3")
    weights = [_numbers(rng, 5, 2) for _ in range(3)]
    yield Case({"per_head": weights}, "three heads")
    weights = [_numbers(rng, 3, 1, dtype=np.float32) for _ in range(4)]
    yield Case({"per_head": weights}, "float32")
    weights = [_numbers(rng, 3, 3) for _ in range(3)]
    yield Case({"per_head": weights}, "square matrices, as many as rows", edge=True)
    yield Case({"per_head": [_numbers(rng, 4, 2)]}, "a single head", edge=True)
    weights = [_numbers(rng, 4, 1) for _ in range(4)]
    yield Case({"per_head": weights}, "heads of width 1", edge=True)


@stack_head_weights.misconception(
    "You put the matrices below each other. The rows of all heads meet the same d "
    "inputs; what grows is the number of columns."
)
def below_each_other(per_head):
    return np.concatenate(per_head, axis=0)


@stack_head_weights.misconception(
    "Your columns alternate between the heads. Keep each head's columns together, or "
    "split_heads gives every head a bit of all."
)
def interleaved(per_head):
    return np.stack(per_head, axis=-1).reshape(len(per_head[0]), -1)


@stack_head_weights.misconception(
    "You stacked to (heads, d, dh) and reshaped. That cuts across the matrices; join "
    "them along their columns."
)
def reshaped(per_head):
    return np.array(per_head).reshape(len(per_head[0]), -1)


@stack_head_weights.misconception(
    "You added the matrices up: then all heads are one. Put them side by side."
)
def added_up(per_head):
    return sum(per_head)


@stack_head_weights.misconception(
    "You transposed, as on the slides, where vectors are columns. Here they are rows: "
    "the result is (d, heads*dh)."
)
def as_on_the_slides(per_head):
    return np.concatenate([W.T for W in per_head], axis=0)


@stack_head_weights.misconception(
    "You took two heads. The list may hold any number of them."
)
def two_heads(per_head):
    return np.concatenate([per_head[0], per_head[-1]], axis=1)


@stack_head_weights.misconception("The heads stand in reverse; head 0 comes first.")
def reversed_order(per_head):
    return np.concatenate(per_head[::-1], axis=1)


@stack_head_weights.alternative
def by_hstack(per_head):
    return np.hstack(per_head)


@stack_head_weights.alternative
def by_filling(per_head):
    d, dh = per_head[0].shape
    W = np.zeros((d, len(per_head) * dh), per_head[0].dtype)
    for h, part in enumerate(per_head):
        W[:, h * dh : (h + 1) * dh] = part
    return W


@stack_head_weights.alternative
def by_moving_axes(per_head):
    return np.moveaxis(np.array(per_head), 0, 1).reshape(len(per_head[0]), -1)


# --- 6.4 multi_head_attention -----------------------------------------------------

multi_head_attention = Exercise(
    name="multi_head_attention",
    points=5,
    difficulty=4,
    minutes=30,
    source='slide "Multi-head self-attention"; arXiv 1706.03762, section 3.2.2',
    hints=(
        "Write chapter 5's layer first, for matrices Q, K and V. What changes when "
        "each of them has an axis of heads in front?",
        "Split X Wq, X Wk and X Wv. `np.swapaxes(K, -1, -2)` transposes inside each "
        "head; scale by the root of dh. A mask needs an axis for the heads: "
        "`keep[..., None, :, :]` fits both shapes. Weights times values, merge, then "
        "Wo.",
    ),
    inputs={"X": "B, n, d"},
    returns=[Result("O", "B, n, d"), Result("A", "B, heads, n, n")],
)


def _colour_and_shape():
    """The page's three things; each head compares one half of the features."""
    X = np.array([[[1.0, 0, 1, 0], [1.0, 0, 0, 1], [0.0, 1, 1, 0]]])
    Wv = np.array([[0, 0, 1.0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]])
    Wo = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]])
    Wq = np.diag([2.0, 2.0, 1.0, 1.0])
    return {"X": X, "Wq": Wq, "Wk": np.eye(4), "Wv": Wv, "Wo": Wo}


def _far(rng, first, second):
    """Head 0 of two has scores first_i * second_j / root 2, head 1 small ones."""
    n = len(first)
    X = np.zeros((1, n, 4))
    X[0, :, 0], X[0, :, 1], X[0, :, 2:] = first, second, _numbers(rng, n, 2)
    Wq, Wk, Wv = np.zeros((3, 4, 4))
    Wq[0, 0] = Wk[1, 0] = Wq[2, 2] = Wk[3, 2] = 1.0
    Wv[2:, 1:3] = [[1.0, 2.0], [-1.0, 1.0]]
    return {"X": X, "Wq": Wq, "Wk": Wk, "Wv": Wv, "Wo": np.eye(4)[::-1].copy()}


@multi_head_attention.cases
def multi_head_cases(rng):
    yield Case({**_colour_and_shape(), "heads": 2}, "three things, two heads")
    yield Case({**_layer(rng, 1, 2, 6), "heads": 2}, "random numbers, two heads")
    inputs = {**_layer(rng, 2, 5, 12), "heads": 3}
    yield Case(inputs, "a batch of 2, three heads", large=True)
    inputs = {**_layer(rng, 1, 2, 4, np.float32), "heads": 2}
    yield Case(inputs, "float32")
    keep = np.tril(np.ones((2, 2), dtype=bool))
    inputs = {**_layer(rng, 1, 2, 4), "heads": 2, "keep": keep}
    yield Case(inputs, "a mask (n, n)")
    keep = np.array([[[1, 0], [1, 1]], [[1, 1], [0, 1]]], dtype=bool)
    inputs = {**_layer(rng, 2, 2, 4), "heads": 2, "keep": keep}
    yield Case(inputs, "a mask for each of 2 sequences, two heads", edge=True)
    inputs = {**_layer(rng, 2, 2, 3), "heads": 1, "keep": keep[::-1].copy()}
    yield Case(inputs, "a mask for each of 2 sequences, one head", edge=True)
    yield Case({**_layer(rng, 1, 2, 3), "heads": 1}, "one head", edge=True)
    keep = np.array([[False, False], [True, True]])
    inputs = {**_layer(rng, 1, 2, 4), "heads": 2, "keep": keep}
    yield Case(inputs, "a row with nothing to attend to", edge=True)
    inputs = {**_far(rng, [200.0, -200.0], [100.0, 100.01]), "heads": 2}
    yield Case(inputs, "rows near 10,000 and -10,000", edge=True)
    inputs = {**_far(rng, [200.0, -200.0, 1.0], [100.0, 0.0, 0.01]), "heads": 2}
    inputs["keep"] = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 1]], dtype=bool)
    yield Case(inputs, "masked scores far above the kept ones", edge=True)
    yield Case({**_layer(rng, 1, 2, 6), "heads": 4}, "4 heads, d = 6", edge=True)
    yield Case({**_layer(rng, 1, 2, 3), "heads": 6}, "6 heads, d = 3", edge=True)


@multi_head_attention.misconception(
    "You divided by the root of d, the width of all heads together. A head's dot "
    "products run over dh = d / heads numbers: divide by the root of dh."
)
def scaled_by_d(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / X.shape[-1] ** 0.5
    A = masked_softmax(S, None if keep is None else keep[..., None, :, :])
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "The scale is missing: divide each head's scores by the root of dh."
)
def no_scale(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2)
    A = masked_softmax(S, None if keep is None else keep[..., None, :, :])
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "Wo is missing. What the heads found is put side by side and then mixed: times Wo."
)
def without_wo(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    A = masked_softmax(S, None if keep is None else keep[..., None, :, :])
    return merge_heads(A @ V), A


@multi_head_attention.misconception(
    "You averaged the weights over the heads, so all heads see alike. Each head mixes "
    "its values with its own weights."
)
def one_map_for_all(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    A = masked_softmax(S, None if keep is None else keep[..., None, :, :])
    A = np.repeat(A.mean(axis=1, keepdims=True), heads, axis=1)
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "You returned the weights averaged over the heads. Return those of every head: A "
    "is (B, heads, n, n)."
)
def weights_averaged(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    A = masked_softmax(S, None if keep is None else keep[..., None, :, :])
    return merge_heads(A @ V) @ Wo, A.mean(axis=1)


@multi_head_attention.misconception(
    "Only the first head obeys the mask. It holds for every head."
)
def mask_on_one_head(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    A = masked_softmax(S)
    if keep is not None:
        A[:, 0] = masked_softmax(S[:, 0], keep)
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "A mask (B, n, n) has no axis for the heads. As it stands, NumPy lines up its "
    "sequences with your heads. Give it one, keep[:, None]; an (n, n) mask needs none."
)
def sequences_for_heads(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    A = masked_softmax(S, keep)
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "The mask is ignored. Where keep is False a key gets weight 0, in every head."
)
def mask_ignored(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    A = masked_softmax(Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5)
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "You masked after the softmax, so rows no longer sum to 1. Mask the scores, then "
    "normalise."
)
def masked_too_late(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    A = masked_softmax(Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5)
    A = A if keep is None else A * keep[..., None, :, :]
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "Your mask is upside down. Here keep is True where attention is allowed; in "
    "torch.nn.MultiheadAttention a True forbids."
)
def mask_inverted(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    A = masked_softmax(S, None if keep is None else ~keep[..., None, :, :])
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "A row with nothing kept became a mean over keys that nobody may see, since they "
    "all got the same large negative score. Its weights are zeros."
)
def large_negative_number(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    S = S if keep is None else np.where(keep[..., None, :, :], S, -1e9)
    A = masked_softmax(S)
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "A row with nothing kept became NaN. Its weights are zeros; masked_softmax sees to "
    "it."
)
def nan_rows(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    S = S if keep is None else np.where(keep[..., None, :, :], S, -np.inf)
    with np.errstate(invalid="ignore"):
        e = np.exp(S - S.max(axis=-1, keepdims=True))
        A = e / e.sum(axis=-1, keepdims=True)
        return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "Large scores overflow to NaN. Subtract the largest score of each row first, or "
    "use masked_softmax, which does."
)
def overflow(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    S = S if keep is None else np.where(keep[..., None, :, :], S, -np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(S)
        total = e.sum(axis=-1, keepdims=True)
        A = e / np.where(total == 0, 1, total)
        return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "Your softmax runs over the heads. The heads do not compete with each other; each "
    "head's weights sum to 1 over the keys, the last axis."
)
def over_the_heads(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    keep = None if keep is None else keep[..., None, :, :]
    S = S if keep is None else np.where(keep, S, -np.inf)
    A = np.moveaxis(masked_softmax(np.moveaxis(S, 1, -1)), -1, 1)
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "You cut into heads by reshape alone, so a head gets whole vectors instead of a "
    "share of each. Use split_heads."
)
def split_by_reshape(X, Wq, Wk, Wv, Wo, heads, keep=None):
    B, n, d = X.shape
    Q, K, V = ((X @ W).reshape(B, heads, n, d // heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / (d // heads) ** 0.5
    A = masked_softmax(S, None if keep is None else keep[..., None, :, :])
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.misconception(
    "You glued the heads by reshape alone, and vectors got mixed up. Use merge_heads."
)
def merged_by_reshape(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    A = masked_softmax(S, None if keep is None else keep[..., None, :, :])
    return (A @ V).reshape(X.shape) @ Wo, A


@multi_head_attention.misconception(
    "You transposed the weights, as torch stores them. Here X stands on their left: X "
    "Wq, and at the end times Wo."
)
def as_torch_stores_them(X, Wq, Wk, Wv, Wo, heads, keep=None):
    Q, K, V = (split_heads(X @ W.T, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    A = masked_softmax(S, None if keep is None else keep[..., None, :, :])
    return merge_heads(A @ V) @ Wo.T, A


@multi_head_attention.misconception(
    "You cut the inputs into heads before projecting, with a block of each matrix. A "
    "head sees all of the input: project first, then cut."
)
def inputs_cut_first(X, Wq, Wk, Wv, Wo, heads, keep=None):
    d = X.shape[-1]
    if d % heads:
        raise ValueError
    same = np.arange(d) // (d // heads)
    block = same[:, None] == same
    Q, K, V = (split_heads(X @ (W * block), heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    A = masked_softmax(S, None if keep is None else keep[..., None, :, :])
    return merge_heads(A @ V) @ Wo, A


@multi_head_attention.alternative
def head_by_head(X, Wq, Wk, Wv, Wo, heads, keep=None):
    (B, n, d), dh = X.shape, X.shape[-1] // heads
    if dh * heads != d:
        raise ValueError("heads must divide d")
    keep = np.broadcast_to(True if keep is None else keep, (B, n, n))
    O, A = np.zeros((B, n, d)), np.zeros((B, heads, n, n))
    for b, h, i in np.ndindex(B, heads, n):
        mine, kept = slice(h * dh, (h + 1) * dh), np.flatnonzero(keep[b, i])
        if len(kept) == 0:
            continue
        query, keys = X[b, i] @ Wq[:, mine], X[b, kept] @ Wk[:, mine]
        scores = keys @ query / np.sqrt(dh)
        shares = np.exp(scores - scores.max())
        A[b, h, i, kept] = shares / shares.sum()
        O[b, i] += A[b, h, i, kept] @ (X[b, kept] @ Wv[:, mine]) @ Wo[mine]
    return O, A


@multi_head_attention.alternative
def by_einsum(X, Wq, Wk, Wv, Wo, heads, keep=None):
    d = X.shape[-1]
    if d % heads:
        raise ValueError("heads must divide d")
    parts = (W.reshape(d, heads, d // heads) for W in (Wq, Wk, Wv))
    Q, K, V = (np.einsum("bnd,dhf->bhnf", X, W) for W in parts)
    S = np.einsum("bhif,bhjf->bhij", Q, K) / np.sqrt(d // heads)
    if keep is not None:
        keep = keep[None] if keep.ndim == 2 else keep
        keep = np.repeat(np.broadcast_to(keep, (len(X), *keep.shape[1:])), heads, 0)
        keep = keep.reshape(S.shape)
    A = masked_softmax(S, keep)
    return np.einsum("bhij,bhjf,hfd->bid", A, V, Wo.reshape(heads, -1, d)), A


@multi_head_attention.alternative
def through_torch(X, Wq, Wk, Wv, Wo, heads, keep=None):
    import torch

    if X.shape[-1] % heads:
        raise ValueError("heads must divide d")
    X, Wq, Wk, Wv, Wo = map(torch.tensor, (X, Wq, Wk, Wv, Wo))
    B, n, d = X.shape
    Q, K, V = ((X @ W).view(B, n, heads, -1).transpose(1, 2) for W in (Wq, Wk, Wv))
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    if keep is not None:
        keep = torch.from_numpy(keep)
        S = S.masked_fill(~(keep if keep.ndim == 2 else keep[:, None]), -torch.inf)
    A = torch.softmax(S, dim=-1).nan_to_num(0.0)
    return (A @ V).transpose(1, 2).reshape(B, n, d) @ Wo, A


# --- 6.5 without_head -------------------------------------------------------------

without_head = Exercise(
    name="without_head",
    points=3,
    difficulty=3,
    minutes=15,
    source='slide "Multi-head self-attention"; arXiv 1905.10650',
    hints=(
        "multi_head_attention gives you the weights of all heads. What is between them "
        "and the output?",
        "Weights times split values are the heads' outputs, (B, heads, n, dh). Set "
        "that of `head` to zero, merge, times Wo. Check first that head is one of 0 "
        "to heads - 1: Python would take -1 for the last.",
    ),
    inputs={"X": "B, n, d"},
    returns=Result("O", "B, n, d"),
)


@without_head.cases
def without_head_cases(rng):
    inputs = {**_colour_and_shape(), "heads": 2, "head": 0}
    yield Case(inputs, "three things, the first of two heads off")
    inputs = {**_layer(rng, 3, 2, 4), "heads": 2, "head": 1}
    yield Case(inputs, "a batch of 3, the last of two heads off")
    inputs = {**_layer(rng, 1, 2, 6), "heads": 3, "head": 1}
    yield Case(inputs, "the middle one of three heads off")
    inputs = {**_layer(rng, 1, 2, 4, np.float32), "heads": 2, "head": 0}
    yield Case(inputs, "float32, the first of two heads off")
    inputs = {**_layer(rng, 1, 2, 3), "heads": 3, "head": 2}
    yield Case(inputs, "heads of width 1", edge=True)
    inputs = {**_layer(rng, 1, 2, 4), "heads": 1, "head": 0}
    yield Case(inputs, "the only head off", edge=True)
    for head in (2, -1):
        inputs = {**_layer(rng, 1, 1, 2), "heads": 2, "head": head}
        yield Case(inputs, f"head = {head} of 2", edge=True)


@without_head.misconception(
    "You set columns to zero after Wo. Each column there is a mix of all heads; the "
    "head's own columns are those before Wo."
)
def zero_after_wo(X, Wq, Wk, Wv, Wo, heads, head):
    if not 0 <= head < heads:
        raise ValueError
    O, _ = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    dh = O.shape[-1] // heads
    O[..., head * dh : (head + 1) * dh] = 0
    return O


@without_head.misconception(
    "You switched off the head before. Heads are counted from 0 here, though the "
    "slides begin with 1."
)
def counts_from_one(X, Wq, Wk, Wv, Wo, heads, head):
    if not 0 <= head < heads:
        raise ValueError
    _, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    outputs = A @ split_heads(X @ Wv, heads)
    outputs[:, head - 1] = 0
    return merge_heads(outputs) @ Wo


@without_head.misconception(
    "You kept this head alone and switched off the others. It is the other way round."
)
def only_that_head(X, Wq, Wk, Wv, Wo, heads, head):
    if not 0 <= head < heads:
        raise ValueError
    _, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    outputs = A @ split_heads(X @ Wv, heads)
    outputs[:, np.arange(heads) != head] = 0
    return merge_heads(outputs) @ Wo


@without_head.misconception(
    "You switched off the head's queries. Then its scores are all 0, and it still "
    "reports the mean of its values. Its output must be zero."
)
def blind_head(X, Wq, Wk, Wv, Wo, heads, head):
    if not 0 <= head < heads:
        raise ValueError
    dh = X.shape[-1] // heads
    Wq = Wq.copy()
    Wq[:, head * dh : (head + 1) * dh] = 0
    return multi_head_attention(X, Wq, Wk, Wv, Wo, heads)[0]


@without_head.misconception(
    "You switched off every heads-th column. A head's columns are neighbours: dh of "
    "them, from head * dh on."
)
def every_other_column(X, Wq, Wk, Wv, Wo, heads, head):
    if not 0 <= head < heads:
        raise ValueError
    _, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    merged = merge_heads(A @ split_heads(X @ Wv, heads))
    merged[..., head::heads] = 0
    return merged @ Wo


@without_head.misconception(
    "You scaled the other heads up to make up for it. They stay as they are: the gap "
    "is what we want to measure."
)
def scaled_up(X, Wq, Wk, Wv, Wo, heads, head):
    if not 0 <= head < heads:
        raise ValueError
    _, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    outputs = A @ split_heads(X @ Wv, heads)
    outputs[:, head] = 0
    return merge_heads(outputs) @ Wo * (heads / max(heads - 1, 1))


@without_head.misconception(
    "You removed the head's columns, and the others moved up to rows of Wo that are "
    "not theirs. Set the columns to zero and leave them in place."
)
def moved_up(X, Wq, Wk, Wv, Wo, heads, head):
    if not 0 <= head < heads:
        raise ValueError
    _, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    outputs = np.delete(A @ split_heads(X @ Wv, heads), head, axis=1)
    merged = merge_heads(outputs)
    return merged @ Wo[: merged.shape[-1]]


@without_head.misconception(
    "Nothing was switched off: this is the output of all heads."
)
def all_heads(X, Wq, Wk, Wv, Wo, heads, head):
    if not 0 <= head < heads:
        raise ValueError
    return multi_head_attention(X, Wq, Wk, Wv, Wo, heads)[0]


@without_head.misconception(
    "A negative head was taken from the end, as Python does with indices. Raise a "
    "ValueError for every head outside 0 to heads - 1."
)
def negative_from_the_end(X, Wq, Wk, Wv, Wo, heads, head):
    if head >= heads:
        raise ValueError
    _, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    outputs = A @ split_heads(X @ Wv, heads)
    outputs[:, head] = 0
    return merge_heads(outputs) @ Wo


@without_head.misconception(
    "A head that does not exist was switched off without a word: a slice beyond the "
    "end is empty. Raise a ValueError unless 0 <= head < heads."
)
def empty_slice(X, Wq, Wk, Wv, Wo, heads, head):
    _, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    merged = merge_heads(A @ split_heads(X @ Wv, heads))
    dh = merged.shape[-1] // heads
    merged[..., head * dh : (head + 1) * dh] = 0
    return merged @ Wo


@without_head.misconception(
    "You emptied the head's rows of Wo in place, and Wo belongs to the caller. Work on "
    "a copy."
)
def changes_wo(X, Wq, Wk, Wv, Wo, heads, head):
    if not 0 <= head < heads:
        raise ValueError
    dh = len(Wo) // heads
    Wo[head * dh : (head + 1) * dh] = 0
    return multi_head_attention(X, Wq, Wk, Wv, Wo, heads)[0]


@without_head.alternative
def through_wo(X, Wq, Wk, Wv, Wo, heads, head):
    if head < 0 or head > heads - 1:
        raise ValueError("no such head")
    rows = np.arange(len(Wo)) // (len(Wo) // heads)
    Wo = np.where((rows == head)[:, None], 0, Wo)
    return multi_head_attention(X, Wq, Wk, Wv, Wo, heads)[0]


@without_head.alternative
def through_wv(X, Wq, Wk, Wv, Wo, heads, head):
    if head not in range(heads):
        raise ValueError("no such head")
    dh = X.shape[-1] // heads
    Wv = Wv.copy()
    Wv[:, head * dh : (head + 1) * dh] = 0
    return multi_head_attention(X, Wq, Wk, Wv, Wo, heads)[0]


@without_head.alternative
def by_subtraction(X, Wq, Wk, Wv, Wo, heads, head):
    if head < 0 or head >= heads:
        raise ValueError("no such head")
    O, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    dh = X.shape[-1] // heads
    mine = slice(head * dh, (head + 1) * dh)
    return O - A[:, head] @ (X @ Wv[:, mine]) @ Wo[mine]


# --- 6.6 multi_head_parameters ----------------------------------------------------

multi_head_parameters = Exercise(
    name="multi_head_parameters",
    points=1,
    difficulty=1,
    minutes=8,
    source="arXiv 1706.03762, section 3.2.2",
    hints=(
        "Write down the four matrices and their shapes. Where do the heads occur?",
        "Four matrices (d, d); with bias, four vectors of d numbers more. The heads "
        "only say how the columns are shared out, and that must come out even.",
    ),
    returns=Result("parameters", "", kind="int"),
    simple=True,
)


@multi_head_parameters.cases
def parameters_cases(rng):
    yield Case({"d": 6, "heads": 2, "bias": False}, "d = 6, 2 heads, no bias")
    yield Case({"d": 6, "heads": 3, "bias": True}, "d = 6, 3 heads, bias")
    heads, dh = (int(x) for x in rng.permutation(np.arange(2, 20))[:2])
    d = heads * dh
    yield Case({"d": d, "heads": heads, "bias": True}, "random sizes, bias")
    yield Case({"d": d, "heads": dh, "bias": False}, "random sizes, no bias")
    yield Case({"d": 512, "heads": 8, "bias": True}, "d = 512, 8 heads, bias")
    yield Case({"d": 7, "heads": 1, "bias": True}, "one head", edge=True)
    yield Case({"d": 5, "heads": 5, "bias": False}, "heads of width 1", edge=True)
    yield Case({"d": 6, "heads": 4, "bias": True}, "4 heads, d = 6", edge=True)
    yield Case({"d": 3, "heads": 6, "bias": False}, "6 heads, d = 3", edge=True)


@multi_head_parameters.misconception(
    "You multiplied by the number of heads. The heads share the columns of one matrix: "
    "each has d / heads of them, so the total stays the same."
)
def times_heads(d, heads, bias):
    if d % heads:
        raise ValueError
    return heads * (4 * d * d + (4 * d if bias else 0))


@multi_head_parameters.misconception(
    "You counted one head only. All heads together have matrices (d, d)."
)
def one_head_only(d, heads, bias):
    if d % heads:
        raise ValueError
    dh = d // heads
    return 4 * d * dh + (4 * dh if bias else 0)


@multi_head_parameters.misconception(
    "You counted one bias. Each of the four matrices has one, d numbers each."
)
def one_bias(d, heads, bias):
    if d % heads:
        raise ValueError
    return 4 * d * d + (d if bias else 0)


@multi_head_parameters.misconception(
    "Wo is missing: it mixes what the heads found, and it is learned as well."
)
def without_wo(d, heads, bias):
    if d % heads:
        raise ValueError
    return 3 * d * d + (3 * d if bias else 0)


@multi_head_parameters.misconception(
    "Each head has a full (d, d) matrix for its queries, keys and values in your "
    "count. A head's matrices are (d, d / heads)."
)
def full_width_heads(d, heads, bias):
    if d % heads:
        raise ValueError
    return (3 * heads + 1) * d * d + ((3 * heads + 1) * d if bias else 0)


@multi_head_parameters.misconception(
    "The bias is left out. With bias, each of the four matrices has d numbers more."
)
def bias_ignored(d, heads, bias):
    if d % heads:
        raise ValueError
    return 4 * d * d


@multi_head_parameters.misconception(
    "There is a bias also where none is asked for. Count it only if bias is true."
)
def bias_always(d, heads, bias):
    if d % heads:
        raise ValueError
    return 4 * d * (d + 1)


@multi_head_parameters.misconception(
    "Heads that do not divide d cannot be built. Raise a ValueError for them."
)
def any_heads(d, heads, bias):
    return 4 * d * d + (4 * d if bias else 0)


@multi_head_parameters.misconception(
    "You rounded the heads' width down and counted what is left. Raise a ValueError "
    "unless heads divides d."
)
def rounded_down(d, heads, bias):
    width = d // heads * heads
    return 4 * d * width + (3 * width + d if bias else 0)


@multi_head_parameters.alternative
def head_by_head(d, heads, bias):
    dh, rest = divmod(d, heads)
    if rest:
        raise ValueError("heads must divide d")
    projections = sum(3 * (d + bool(bias)) * dh for _ in range(heads))
    return projections + (d + bool(bias)) * d


@multi_head_parameters.alternative
def counted_in_torch(d, heads, bias):
    import torch

    if d % heads != 0:
        raise ValueError("heads must divide d")
    layer = torch.nn.MultiheadAttention(d, heads, bias=bias)
    return sum(parameter.numel() for parameter in layer.parameters())
