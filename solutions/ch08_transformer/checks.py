"""How chapter 8, the Transformer, is graded."""

import little_language as language
import numpy as np
import torch
from torch import nn

from autograder.author import Case, Exercise, Result


def _numbers(rng, *shape, dtype=float):
    """Random numbers with two decimals: they read well in the public cases."""
    return np.round(rng.normal(size=shape), 2).astype(dtype)


# --- 8.1 layer_norm ---------------------------------------------------------------

layer_norm = Exercise(
    name="layer_norm",
    points=2,
    difficulty=2,
    minutes=10,
    source="arXiv 1607.06450; arXiv 1706.03762, section 3.1",
    hints=(
        "Mean and variance belong to one vector: they are taken over the last axis, "
        "and `keepdim=True` keeps the shapes together.",
        "`Tensor.var` divides by d - 1 unless you say `correction=0`. Divide by "
        "`torch.sqrt(variance + eps)`; gain and bias come last.",
    ),
    inputs={"x": "..., d", "gain": "d", "bias": "d"},
    returns=Result("y", "..., d"),
)


@layer_norm.cases
def layer_norm_cases(rng):
    inputs = {
        "x": np.array([[1.0, 2.0, 6.0], [4.0, 0.0, 2.0]]),
        "gain": np.array([1.0, 2.0, -1.0]),
        "bias": np.array([0.0, 1.0, 3.0]),
    }
    yield Case(inputs, "two vectors of three numbers")

    def draw(*shape, dtype=float):
        x, d = _numbers(rng, *shape, dtype=dtype), shape[-1]
        gain, bias = (_numbers(rng, d, dtype=dtype) for _ in range(2))
        return {"x": x, "gain": gain, "bias": bias}

    yield Case(draw(3, 5), "random numbers")
    yield Case(draw(4, 3, dtype=np.float32), "float32")
    yield Case(draw(2, 3, 4), "a batch of sequences", edge=True)
    yield Case(draw(5), "a single vector", edge=True)
    yield Case({**draw(2, 4), "eps": 0.5}, "a large eps")
    inputs = draw(3, 4)
    inputs["x"] = inputs["x"] / 100
    yield Case(inputs, "small entries, where eps counts", edge=True)
    inputs = draw(2, 3)
    inputs["x"][1] = 2.0
    yield Case(inputs, "a vector whose entries are all the same", edge=True)


@layer_norm.misconception(
    "Your variance divides by d - 1. Here it is the plain mean of the squares: "
    "`correction=0`."
)
def unbiased(x, gain, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / torch.sqrt(x.var(-1, keepdim=True) + eps) + bias


@layer_norm.misconception(
    "You added eps to the standard deviation. It belongs inside the root: add it to "
    "the variance."
)
def eps_outside(x, gain, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / (x.std(-1, correction=0, keepdim=True) + eps) + bias


@layer_norm.misconception(
    "eps is missing, so a vector with equal entries becomes 0/0. Add it to the "
    "variance."
)
def no_eps(x, gain, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / x.std(-1, correction=0, keepdim=True) + bias


@layer_norm.misconception(
    "You normalised each entry over the vectors, as batch normalisation does. Each "
    "vector is normalised over its own entries: the last axis."
)
def over_the_batch(x, gain, bias, eps=1e-5):
    centred = x - x.mean(0, keepdim=True)
    variance = x.var(0, correction=0, keepdim=True)
    return gain * centred / torch.sqrt(variance + eps) + bias


@layer_norm.misconception(
    "You took one mean and one variance for all vectors together. Each vector has its "
    "own: take them over the last axis, with `keepdim=True`."
)
def over_everything(x, gain, bias, eps=1e-5):
    return gain * (x - x.mean()) / torch.sqrt(x.var(correction=0) + eps) + bias


@layer_norm.alternative
def by_torch(x, gain, bias, eps=1e-5):
    return nn.functional.layer_norm(x, x.shape[-1:], gain, bias, eps)


@layer_norm.alternative
def by_moments(x, gain, bias, eps=1e-5):
    mean = x.mean(-1, keepdim=True)
    variance = (x * x).mean(-1, keepdim=True) - mean**2
    return (x - mean) * torch.rsqrt(variance + eps) * gain + bias


# --- 8.2 EncoderBlock -------------------------------------------------------------

EncoderBlock = Exercise(
    name="EncoderBlock",
    points=5,
    difficulty=4,
    minutes=35,
    source="arXiv 1706.03762, sections 3.1 to 3.3",
    hints=(
        "Five steps: project to Q, K and V and cut them into heads; scores and mask; "
        "softmax and weighted sum; merge the heads, `out`, sum, norm1; the network, "
        "sum, norm2. Write down the shape after each.",
        "Heads: `view(B, n, heads, dh)`, then `transpose(1, 2)`. The scores are (B, "
        "heads, nq, nk), and padding concerns the last axis: fill with minus infinity "
        "where `~keep[:, None, None, :]`. Exchange the axes back before you reshape "
        "to (B, n, d).",
    ),
    inputs={"x": "B, n, d", "weights": "parameters"},
    returns=[Result("z", "B, n, d"), Result("dx", "B, d")],
)


def _block(rng, B, n, d, heads, hidden, scale=0.5, dtype=float):
    """x (B, n, d) and random weights for a block of these sizes."""
    count = 4 * (d * d + d) + 4 * d + 2 * d * hidden + hidden + d
    return {
        "x": _numbers(rng, B, n, d, dtype=dtype),
        "weights": np.round(scale * rng.normal(size=count), 2).astype(dtype),
        "heads": heads,
        "hidden": hidden,
    }


def _small_block():
    """The example of the page: equal weights, values as they are, identities."""
    zero, one, ones, zeros = np.zeros((4, 4)), np.eye(4), np.ones(4), np.zeros(4)
    attention = [zero, zeros, zero, zeros, one, zeros, one, zeros]
    rest = [ones, zeros, ones, zeros, one, zeros, one, zeros]
    weights = np.concatenate([part.ravel() for part in attention + rest])
    x = np.array([[[4.0, 0.0, 2.0, 0.0], [-2.0, 2.0, 4.0, 2.0]]])
    return {"x": x, "weights": weights, "heads": 2, "hidden": 4}


@EncoderBlock.cases
def encoder_block_cases(rng):
    yield Case(_small_block(), "two tokens of four numbers")
    yield Case(_block(rng, 1, 3, 6, 2, 5), "random weights")
    keep = np.array([[True, True, True, False], [True, False, True, False]])
    inputs = {**_block(rng, 2, 4, 6, 2, 3), "keep": keep}
    yield Case(inputs, "padding at the end and in the middle")
    inputs = _block(rng, 1, 2, 6, 2, 4)
    inputs["weights"][: 2 * 42] *= 200  # queries and keys
    yield Case(inputs, "scores of many thousands", edge=True)
    inputs = _block(rng, 3, 4, 8, 2, 5, dtype=np.float32)
    yield Case(inputs, "float32", large=True)
    yield Case(_block(rng, 2, 5, 9, 3, 7), "three heads", large=True)
    yield Case(_block(rng, 2, 3, 5, 1, 7), "a single head", edge=True, large=True)
    keep = np.arange(7) < np.array([[7], [1], [4]])
    inputs = {**_block(rng, 3, 7, 8, 2, 4), "keep": keep}
    yield Case(inputs, "sentences of 7 words, 1 word and 4 words", large=True)
    inputs = {**_block(rng, 2, 4, 6, 3, 5), "keep": np.ones((2, 4), dtype=bool)}
    yield Case(inputs, "a mask that allows everything", edge=True, large=True)


@EncoderBlock.misconception(
    "You normalised before attention and network. That is a later variant; here the "
    "norm comes after the sum: norm(x + f(x))."
)
class norm_first(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        h = self.norm1(x)
        Q, K, V = (
            f(h).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = x + self.out(O.transpose(1, 2).flatten(2))
        return x + self.linear2(self.linear1(self.norm2(x)).relu())


@EncoderBlock.misconception(
    "The first residual connection is missing: add x to what attention gives, then "
    "normalise the sum."
)
class no_residual_around_attention(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = self.norm1(self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "The second residual connection is missing: the network's output is added to "
    "what went into it, then comes norm2."
)
class no_residual_around_network(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "Your second residual adds the block's input. It adds what went into the "
    "network: the output of norm1."
)
class residual_from_the_start(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        y = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(y).relu()))


@EncoderBlock.misconception(
    "You used norm1 twice. The second sum has a norm with a gain and a bias of its "
    "own: norm2."
)
class one_norm_for_both(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm1(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "The heads are never mixed: their outputs, side by side, go through `self.out` "
    "before the sum."
)
class no_output_projection(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = self.norm1(x + O.transpose(1, 2).flatten(2))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "You scaled by the root of d, the whole width. Each head's scores are dot "
    "products of dh numbers: divide by the root of dh = d / heads."
)
class scaled_by_d(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        S = Q @ K.mT / x.shape[-1] ** 0.5
        S = S if keep is None else S.masked_fill(~keep[:, None, None], -torch.inf)
        O = S.softmax(-1) @ V
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "All heads were taken together as one. Each head has its own d / heads columns, "
    "its own scores and its own softmax."
)
class one_head(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (1, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "You cut the heads out of the memory as it lies: `view(B, heads, n, dh)` mixes "
    "up tokens. View as (B, n, heads, dh), then exchange the middle axes."
)
class split_by_reshape(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).reshape(len(x), self.heads, x.shape[1], -1)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "Words take from padding: the mask is ignored, or it masks the queries. Padding "
    "must not be looked *at*, so mask the keys, the last axis of the scores."
)
class mask_ignored(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        O = nn.functional.scaled_dot_product_attention(Q, K, V)
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "Your mask is upside down: keep is True for words, and words may be looked at."
)
class mask_upside_down(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else ~keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "You masked the queries as well as the keys. A padded query may then look at "
    "nothing, its softmax is 0/0, and the NaN spreads. Mask the keys alone."
)
class queries_masked_too(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        pairs = None if keep is None else keep[:, :, None] & keep[:, None]
        S = Q @ K.mT / Q.shape[-1] ** 0.5
        if keep is not None:
            S = S.masked_fill(~pairs[:, None], -torch.inf)
        O = S.softmax(-1) @ V
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.misconception(
    "No gradient comes through: you left the world of tensors, or detached them. "
    "Compute with torch from x to the output."
)
class no_gradient(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(x).relu())).detach()


@EncoderBlock.alternative
class by_torchs_attention(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        Q, K, V = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        mask = None if keep is None else keep[:, None, None]
        O = nn.functional.scaled_dot_product_attention(Q, K, V, mask)
        x = self.norm1(x + self.out(O.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


@EncoderBlock.alternative
class by_loops_over_heads(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in "qkvo")
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        parts = []
        chunks = (
            f(x).chunk(self.heads, -1) for f in (self.query, self.key, self.value)
        )
        for q, k, v in zip(*chunks, strict=True):
            S = torch.einsum("bid,bjd->bij", q, k) / np.sqrt(q.shape[-1])
            if keep is not None:
                S = S + torch.zeros(keep.shape, dtype=x.dtype).masked_fill(
                    ~keep, float("-inf")
                ).unsqueeze(1)
            parts.append(torch.einsum("bij,bjd->bid", torch.softmax(S, 2), v))
        y = self.norm1(self.out(torch.cat(parts, 2)) + x)
        return self.norm2(self.linear2(nn.functional.relu(self.linear1(y))) + y)


# --- 8.3 causal_keep --------------------------------------------------------------

causal_keep = Exercise(
    name="causal_keep",
    points=1,
    difficulty=1,
    minutes=5,
    source="arXiv 1706.03762, section 3.2.3",
    hints=(
        "Row i is the query at position i. How many True does it hold?",
        "It is the lower triangle with the diagonal: `tril` of a matrix of True.",
    ),
    inputs={},
    returns=Result("keep", "n, n", kind="bool"),
    simple=True,
)


@causal_keep.cases
def causal_keep_cases(rng):
    yield Case({"n": 3}, "three positions")
    yield Case({"n": int(rng.integers(5, 9))}, "more positions")
    yield Case({"n": 1}, "a single position", edge=True)


@causal_keep.misconception(
    "Your mask is strictly below the diagonal. A position sees itself too; the first "
    "one would see nothing."
)
def without_itself(n):
    return torch.ones(n, n, dtype=torch.bool).tril(-1)


@causal_keep.misconception(
    "Your mask is transposed: row i is the query, and it sees the columns 0 to i."
)
def transposed(n):
    return torch.ones(n, n, dtype=torch.bool).triu()


@causal_keep.misconception(
    "Your mask is upside down. Some of torch's functions want True for what is hidden; "
    "here True means allowed."
)
def hidden_is_true(n):
    return torch.ones(n, n, dtype=torch.bool).triu(1)


@causal_keep.misconception(
    "You built a mask to be added to the scores, of 0 and minus infinity. This one is "
    "boolean, True where attention is allowed."
)
def to_be_added(n):
    return torch.full((n, n), -torch.inf).triu(1)


@causal_keep.alternative
def by_comparison(n):
    places = torch.arange(n)
    return places <= places[:, None]


@causal_keep.alternative
def by_lists(n):
    return torch.tensor([[j <= i for j in range(n)] for i in range(n)])


# --- 8.4 cross_attention ----------------------------------------------------------

cross_attention = Exercise(
    name="cross_attention",
    points=3,
    difficulty=2,
    minutes=15,
    source='arXiv 1706.03762, section 3.2.3, "encoder-decoder attention"',
    hints=(
        "Who asks? The queries come from Xq. Who answers? Keys *and* values come from "
        "Xkv.",
        "The scores are (nq, nk), divided by the root of dk, the width of the keys; "
        "`torch.softmax(..., dim=-1)` makes rows that sum to 1.",
    ),
    inputs={
        "Xq": "nq, d",
        "Xkv": "nk, d",
        "Wq": "d, dk",
        "Wk": "d, dk",
        "Wv": "d, dv",
    },
    returns=Result("O", "nq, dv"),
)


@cross_attention.cases
def cross_attention_cases(rng):
    inputs = {
        "Xq": np.array([[1.0, 0.0]]),
        "Xkv": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        "Wq": np.array([[2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]]),
        "Wk": np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]),
        "Wv": np.array([[1.0, 0.0, 2.0, 0.0, 3.0], [0.0, 1.0, 0.0, 2.0, 3.0]]),
    }
    yield Case(inputs, "one query, three vectors to look at")

    def draw(nq, nk, d, dk, dv, dtype=float):
        shapes = {"Xq": (nq, d), "Xkv": (nk, d), "Wq": (d, dk), "Wk": (d, dk)}
        shapes["Wv"] = (d, dv)
        return {k: _numbers(rng, *s, dtype=dtype) for k, s in shapes.items()}

    yield Case(draw(3, 5, 4, 6, 2), "random numbers")
    yield Case(draw(6, 2, 3, 4, 5), "more queries than keys")
    yield Case(draw(2, 4, 5, 3, 6, np.float32), "float32")
    yield Case(draw(4, 4, 3, 5, 2), "as many queries as keys", edge=True)
    inputs = draw(2, 3, 3, 4, 2)
    inputs["Xq"] = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    inputs["Xkv"][:, 1] = [100.0, 100.01, 100.02]
    inputs["Wq"], inputs["Wk"] = np.zeros((2, 3, 4))
    inputs["Wq"][0, 0], inputs["Wk"][1, 0] = 200.0, 1.0
    inputs["Wv"][1] = 0
    yield Case(inputs, "rows near 10,000 and -10,000", edge=True)


@cross_attention.misconception(
    "Your values come from the decoder. What is extracted is the encoder's: V = Xkv Wv."
)
def decoder_values(Xq, Xkv, Wq, Wk, Wv):
    Q, K, V = Xq @ Wq, Xkv @ Wk, Xq @ Wv
    return torch.softmax(Q @ K.T / K.shape[1] ** 0.5, dim=-1) @ V


@cross_attention.misconception(
    "Encoder and decoder are swapped. The decoder asks, so there is one output for "
    "each row of Xq."
)
def encoder_asks(Xq, Xkv, Wq, Wk, Wv):
    Q, K, V = Xkv @ Wq, Xq @ Wk, Xq @ Wv
    return torch.softmax(Q @ K.T / K.shape[1] ** 0.5, dim=-1) @ V


@cross_attention.misconception(
    "That is self-attention of the decoder: Xkv is never used. Keys and values come "
    "from it."
)
def decoder_alone(Xq, Xkv, Wq, Wk, Wv):
    Q, K, V = Xq @ Wq, Xq @ Wk, Xq @ Wv
    return torch.softmax(Q @ K.T / K.shape[1] ** 0.5, dim=-1) @ V


@cross_attention.misconception(
    "The scale is missing: divide the scores by the root of dk before the softmax."
)
def no_scale(Xq, Xkv, Wq, Wk, Wv):
    return torch.softmax(Xq @ Wq @ (Xkv @ Wk).T, dim=-1) @ (Xkv @ Wv)


@cross_attention.misconception(
    "You divided by the root of d, the width of the inputs. The scale is the root of "
    "dk, the width of queries and keys."
)
def scaled_by_d(Xq, Xkv, Wq, Wk, Wv):
    S = Xq @ Wq @ (Xkv @ Wk).T / Xq.shape[1] ** 0.5
    return torch.softmax(S, dim=-1) @ (Xkv @ Wv)


@cross_attention.misconception(
    "Your softmax runs over the queries. Each query's weights are a row, and rows must "
    "sum to 1: use the last axis."
)
def over_the_queries(Xq, Xkv, Wq, Wk, Wv):
    S = Xq @ Wq @ (Xkv @ Wk).T / Wk.shape[1] ** 0.5
    return torch.softmax(S, dim=0) @ (Xkv @ Wv)


@cross_attention.misconception(
    "Large scores overflow to NaN. Use `torch.softmax`, or subtract the largest score "
    "of each row before you exponentiate."
)
def overflow(Xq, Xkv, Wq, Wk, Wv):
    e = torch.exp(Xq @ Wq @ (Xkv @ Wk).T / Wk.shape[1] ** 0.5)
    return e / e.sum(dim=-1, keepdim=True) @ (Xkv @ Wv)


@cross_attention.alternative
def by_torchs_attention(Xq, Xkv, Wq, Wk, Wv):
    Q, K, V = Xq @ Wq, Xkv @ Wk, Xkv @ Wv
    return nn.functional.scaled_dot_product_attention(Q[None], K[None], V[None])[0]


@cross_attention.alternative
def query_by_query(Xq, Xkv, Wq, Wk, Wv):
    outputs = []
    for x in Xq:
        scores = torch.mv(Xkv @ Wk, x @ Wq) / np.sqrt(Wk.shape[1])
        e = torch.exp(scores - scores.max())
        outputs.append((e / e.sum()) @ Xkv @ Wv)
    return torch.stack(outputs)


# --- 8.5 mask_tokens --------------------------------------------------------------

mask_tokens = Exercise(
    name="mask_tokens",
    points=4,
    difficulty=3,
    minutes=30,
    source="arXiv 1810.04805, section 3.1 and appendix A.1",
    hints=(
        "First choose the positions, all at once and without repetition, among those "
        "that are not special. Only then roll a die for each of them.",
        "`rng.choice(ordinary, count, replace=False)` chooses. Write the labels from "
        "the original ids; then, on a copy, put `mask_id` where the die is below 0.8 "
        "and a random id where it is at least 0.9.",
    ),
    inputs={"ids": "n", "special": "n"},
    returns=[Result("inputs", "n"), Result("labels", "n")],
)


@mask_tokens.cases
def mask_tokens_cases(rng):
    def draw(n, specials, vocabulary_size, draws, mask_id=1, **more):
        ids = rng.integers(2, vocabulary_size, size=n)
        special = np.zeros(n, dtype=bool)
        special[rng.choice(n, specials, replace=False)] = True
        ids[special] = 0
        seed = int(rng.integers(2**31))
        inputs = {"ids": ids, "special": special, "mask_id": mask_id}
        inputs |= {"vocabulary_size": vocabulary_size, "seed": seed, "draws": draws}
        return inputs | more

    yield Case(draw(13, 3, 9, 100), "thirteen tokens, three of them special")
    yield Case(draw(240, 9, 17, 250), "a long text, many draws")
    yield Case(draw(200, 4, 4, 500), "a small vocabulary", edge=True)
    yield Case(draw(30, 12, 40, 100), "many special tokens, and half a token: 4.5")
    yield Case(draw(8, 5, 11, 50, rate=0.9), "fewer ordinary tokens than asked for")
    yield Case(draw(90, 3, 17, 100, rate=0.4), "another rate")
    yield Case(draw(3, 1, 9, 50), "three tokens: at least one is chosen", edge=True)
    yield Case(draw(4, 4, 9, 20), "special tokens alone", edge=True)
    yield Case(draw(7, 2, 9, 50, mask_id=8, rate=1.0), "rate 1", edge=True)


@mask_tokens.judge
def judge_masks(inputs, got):
    import numpy as np

    ids, special = inputs["ids"], inputs["special"]
    V, rate, n = inputs["vocabulary_size"], inputs.get("rate", 0.15), len(ids)
    masked, labels = (np.asarray(part) for part in got[:2])
    draws = inputs["draws"]
    if masked.shape != (draws, n) or labels.shape != (draws, n):
        return "Return two arrays of the shape of ids: inputs, then labels."
    chosen = labels != -100
    counts = chosen.sum(axis=1)
    ordinary = int((~special).sum())
    k = min(max(1, round(rate * n)), ordinary)
    changed = masked != ids

    if k < ordinary and chosen[:, ~special].all():
        return (
            "Every token has a label. Labels are -100, which the loss skips, except at "
            "the tokens that were chosen."
        )
    if (chosen & special).any():
        return (
            "A special token was chosen. They carry no word to guess; choose among the "
            "others alone."
        )
    if changed[~chosen].any() and not (changed & ~chosen)[0].any():
        return (
            "You wrote into ids itself, so the gaps of one call were there in the "
            "next. Work on a copy."
        )
    if (labels != ids)[chosen].any():
        if (labels == masked)[chosen].all():
            return (
                "The labels hold what was put in. They must hold the original ids: "
                "those are what the model is to guess."
            )
        return "At the chosen tokens the labels are the original ids."
    if (counts != k).any():
        if counts.max() <= k and changed[chosen].all():
            return (
                "Chosen tokens that stayed as they are have no label. They are asked "
                "too, one in ten: that is why the model must look at every word."
            )
        if counts.max() <= k and counts.min() < counts.max():
            return (
                "Some tokens were chosen twice, so there are fewer than asked for. "
                "Choose without repetition: `replace=False`."
            )
        if counts.min() < counts.max():
            return (
                "The number of chosen tokens changes from call to call: each token had "
                "a die of its own. BERT chooses exactly max(1, round(rate * n))."
            )
        if (counts == min(max(1, round(rate * ordinary)), ordinary)).all():
            return (
                "You counted the ordinary tokens alone. The count is round(rate * n), "
                "and n counts all tokens, special ones too."
            )
        return (
            "Not as many tokens are chosen as asked for: exactly max(1, round(rate * "
            "n)) with Python's round, or all ordinary ones if there are fewer."
        )
    if changed[~chosen].any():
        return "Tokens that are not chosen must stay as they are."
    if draws > 1 and (masked == masked[0]).all() and 0 < k < ordinary:
        return (
            "Every call makes the same gaps. Draw from the rng that is given; do not "
            "make a new one."
        )
    again = got[2]
    if not all(np.array_equal(a, b) for a, b in zip(again, (masked[0], labels[0]))):
        return (
            "A generator in the same state gave other gaps. All chance must come from "
            "the rng that is given."
        )
    if draws * k < 2000:
        return None

    def is_off(counted, trials, share):
        return abs(counted - trials * share) > 5.5 * np.sqrt(
            trials * share * (1 - share) + 1e-9
        )

    if any(is_off(c, draws, k / ordinary) for c in chosen[:, ~special].sum(axis=0)):
        return (
            "Some tokens are chosen more often than others. Every ordinary token must "
            "have the same chance."
        )
    hidden = masked == inputs["mask_id"]
    if hidden[chosen].all():
        return (
            "Every chosen token became the mask. Only 80 % do: 10 % become a random "
            "word and 10 % stay, since no mask is there when the model is used."
        )
    total, kept = draws * k, (chosen & ~changed).sum()
    if not (chosen & changed & ~hidden).any():
        return (
            "No chosen token became a random word. One in ten does; others must not "
            "be sure that what they see is right."
        )
    share = hidden[chosen].mean()
    per_call = (chosen & hidden).sum(axis=1).var() / (k * share * (1 - share) + 1e-9)
    per_call = per_call if share else 1.0  # no masks at all: told below
    if per_call < 0.5:
        return (
            "Every call has the same number of masks. The shares hold on average: each "
            "chosen token has a die of its own."
        )
    if per_call > 2:
        return (
            "All chosen tokens of a call share one die. Each of them needs its own, "
            "so that masks, random and kept words come mixed."
        )
    if is_off(hidden[chosen].sum(), total, 0.8 + 0.1 / V):
        return "The share of masks is not 80 % of the chosen tokens."
    words = masked[chosen & changed & ~hidden]
    counted = np.bincount(words[(words >= 0) & (words < V)].astype(int), minlength=V)
    # an id cannot be seen as random where it was there before
    before = np.bincount(np.broadcast_to(ids, masked.shape)[chosen], minlength=V)
    possible = [v for v in range(V) if v != inputs["mask_id"]]
    if counted.sum() < len(words) or any(
        is_off(counted[v], total - before[v], 0.1 / V) for v in possible
    ):
        if not is_off(kept, total, 0.1) and counted[possible].all():
            return (
                "Your random word is never the old one. It is uniform over the whole "
                "vocabulary, so now and then it is."
            )
        return (
            "The random words are not uniform over the vocabulary. Draw from 0 to V - "
            "1, each id with the same chance, special ones included."
        )
    if is_off(kept, total, 0.1 + 0.1 / V):
        return "The share of tokens that stay is not 10 % of the chosen ones."
    return None


@mask_tokens.misconception(
    "The number of chosen tokens changes from call to call: each token had a die of "
    "its own. BERT chooses exactly max(1, round(rate * n))."
)
def each_token_alone(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    chosen = (rng.random(len(ids)) < rate) & ~special
    labels = np.where(chosen, ids, -100)
    die = rng.random(len(ids))
    inputs = np.where(chosen & (die < 0.8), mask_id, ids)
    words = rng.integers(vocabulary_size, size=len(ids))
    return np.where(chosen & (die >= 0.9), words, inputs), labels


@mask_tokens.misconception(
    "Every chosen token became the mask. Only 80 % do: 10 % become a random word and "
    "10 % stay, since no mask is there when the model is used."
)
def masks_alone(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ids))), len(ordinary))
    chosen = rng.choice(ordinary, count, replace=False)
    inputs, labels = ids.copy(), np.full(len(ids), -100)
    labels[chosen], inputs[chosen] = ids[chosen], mask_id
    return inputs, labels


@mask_tokens.misconception(
    "Every token has a label. Labels are -100, which the loss skips, except at the "
    "tokens that were chosen."
)
def labels_everywhere(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ids))), len(ordinary))
    inputs = ids.copy()
    for place in rng.choice(ordinary, count, replace=False):
        die = rng.random()
        if die < 0.9:
            inputs[place] = mask_id if die < 0.8 else rng.integers(vocabulary_size)
    return inputs, ids.copy()


@mask_tokens.misconception(
    "A special token was chosen. They carry no word to guess; choose among the others "
    "alone."
)
def special_too(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    count = max(1, round(rate * len(ids)))
    inputs, labels = ids.copy(), np.full(len(ids), -100)
    for place in rng.choice(len(ids), count, replace=False):
        labels[place], die = ids[place], rng.random()
        if die < 0.9:
            inputs[place] = mask_id if die < 0.8 else rng.integers(vocabulary_size)
    return inputs, labels


@mask_tokens.misconception(
    "You counted the ordinary tokens alone. The count is round(rate * n), and n counts "
    "all tokens, special ones too."
)
def share_of_the_ordinary(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ordinary))), len(ordinary))
    inputs, labels = ids.copy(), np.full(len(ids), -100)
    for place in rng.choice(ordinary, count, replace=False):
        labels[place], die = ids[place], rng.random()
        if die < 0.9:
            inputs[place] = mask_id if die < 0.8 else rng.integers(vocabulary_size)
    return inputs, labels


@mask_tokens.misconception(
    "Chosen tokens that stayed as they are have no label. They are asked too, one in "
    "ten: that is why the model must look at every word."
)
def kept_ones_forgotten(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ids))), len(ordinary))
    inputs = ids.copy()
    for place in rng.choice(ordinary, count, replace=False):
        die = rng.random()
        if die < 0.9:
            inputs[place] = mask_id if die < 0.8 else rng.integers(vocabulary_size)
    return inputs, np.where(inputs != ids, ids, -100)


@mask_tokens.misconception(
    "The labels hold what was put in. They must hold the original ids: those are what "
    "the model is to guess."
)
def labels_after_masking(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ids))), len(ordinary))
    inputs, labels = ids.copy(), np.full(len(ids), -100)
    for place in rng.choice(ordinary, count, replace=False):
        die = rng.random()
        if die < 0.9:
            inputs[place] = mask_id if die < 0.8 else rng.integers(vocabulary_size)
        labels[place] = inputs[place]
    return inputs, labels


@mask_tokens.misconception(
    "You wrote into ids itself, so the gaps of one call were there in the next. Work "
    "on a copy."
)
def no_copy(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ids))), len(ordinary))
    labels = np.full(len(ids), -100)
    for place in rng.choice(ordinary, count, replace=False):
        labels[place], die = ids[place], rng.random()
        if die < 0.9:
            ids[place] = mask_id if die < 0.8 else rng.integers(vocabulary_size)
    return ids.copy(), labels


@mask_tokens.misconception(
    "All chosen tokens of a call share one die. Each of them needs its own, so that "
    "masks, random and kept words come mixed."
)
def one_die(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ids))), len(ordinary))
    chosen = rng.choice(ordinary, count, replace=False)
    inputs, labels = ids.copy(), np.full(len(ids), -100)
    labels[chosen], die = ids[chosen], rng.random()
    if die < 0.9:
        words = rng.integers(vocabulary_size, size=count)
        inputs[chosen] = mask_id if die < 0.8 else words
    return inputs, labels


@mask_tokens.misconception(
    "The random words are not uniform over the vocabulary. Draw from 0 to V - 1, each "
    "id with the same chance, special ones included."
)
def never_the_first_id(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ids))), len(ordinary))
    inputs, labels = ids.copy(), np.full(len(ids), -100)
    for place in rng.choice(ordinary, count, replace=False):
        labels[place], die = ids[place], rng.random()
        if die < 0.9:
            inputs[place] = mask_id if die < 0.8 else rng.integers(1, vocabulary_size)
    return inputs, labels


@mask_tokens.alternative
def by_permutation(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    n = len(ids)
    inputs, labels = np.array(ids), np.array([-100] * n)
    shuffled = [int(i) for i in rng.permutation(n) if not special[i]]
    for i in shuffled[: max(1, round(rate * n))]:
        labels[i] = ids[i]
        if rng.random() < 0.8:
            inputs[i] = mask_id
        elif rng.random() < 0.5:
            inputs[i] = rng.integers(0, vocabulary_size)
    return inputs, labels


@mask_tokens.alternative
def by_sorting(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    keys = np.where(special, 2.0, rng.random(len(ids)))
    rank = keys.argsort().argsort()
    chosen = (rank < max(1, round(rate * len(ids)))) & ~special
    kind = rng.choice(3, len(ids), p=[0.8, 0.1, 0.1])
    words = rng.integers(0, vocabulary_size, len(ids))
    replaced = np.where(kind == 0, mask_id, np.where(kind == 1, words, ids))
    return [np.where(chosen, replaced, ids), np.where(chosen, ids, -100)]


# --- 8.6 train_tagger -------------------------------------------------------------

train_tagger = Exercise(
    name="train_tagger",
    points=5,
    difficulty=4,
    minutes=50,
    source='slide "I saw a saw"; arXiv 1706.03762',
    hints=(
        "Embedding, plus one learned vector for each position (64 of them, not too "
        "small at the start), one `EncoderBlock` with `ids > 0` as its mask, one "
        "linear layer to the classes. Cross-entropy skips the label -100 by itself.",
        "Width 48, 4 heads, Adam with a step of 0.005, batches of 64 and 15 passes "
        "over the 2,000 sentences are enough. Begin the positions with a spread of "
        "0.5, and let the step size fall towards the end (`OneCycleLR`). Print the "
        "loss now and then: it must come close to 0.",
    ),
    inputs={},
    returns=Result("logits", "B, m, classes"),
    seconds=60.0,
    seeds=1,
)


def _lines(drawn):
    return [language.decode(one.ids) for one in drawn]


def _twins(rng):
    """A sentence of the longest kind, and two others that tell models apart.

    The second has a subject of the other number. The third has the same words as the
    first, its subject exchanged with a later noun of the other number.
    """
    others = []
    while not others:
        one = language.sentence(rng, language.MOST_PHRASES)
        words = language.decode(one.ids).split()
        plural = [word in language.PLURAL_NOUNS for word in words]
        nouns = range(one.subject, one.verb, 3)
        others = [i for i in nouns if plural[i] != plural[one.subject]]
    first = slice(one.subject - 1, one.subject + 1)
    later = slice(others[-1] - 1, others[-1] + 1)
    another = words.copy()
    another[first] = words[later]
    exchanged = another.copy()
    exchanged[later] = words[first]
    return [" ".join(line) for line in (words, another, exchanged)]


def _corpus(rng, sentences=2000, unseen=400, twins=12):
    """Sentences with tags to learn from, unseen ones with far verbs, and twins."""
    drawn = [language.sentence(rng) for _ in range(sentences)]
    phrases = rng.integers(1, language.MOST_PHRASES + 1, size=unseen)
    return {
        "sentences": _lines(drawn),
        "tags": ["".join(map(str, one.tags)) for one in drawn],
        "words": ["", *rng.permutation(language.WORDS[1:]).tolist()],
        "seed": int(rng.integers(2**31)),
        "unseen": _lines(language.sentence(rng, int(count)) for count in phrases),
        "twins": [line for _ in range(twins) for line in _twins(rng)],
    }


@train_tagger.cases
def train_tagger_cases(rng):
    yield Case(_corpus(rng), "2,000 sentences to learn from")
    yield Case(_corpus(rng), "2,000 other sentences", large=True)


@train_tagger.judge
def judge_tagger(inputs, got):
    import numpy as np

    def split(lines):
        return [line.split() for line in lines]

    def at_verbs(logits, lines):  # every sentence ends with verb, article, noun
        return logits[np.arange(len(lines)), [len(line) - 3 for line in lines]]

    sentences, unseen = split(inputs["sentences"]), split(inputs["unseen"])
    seen, new, more, twins = (np.asarray(part, dtype=float) for part in got)
    columns = {part.shape[-1] for part in (seen, new, more, twins)}
    sizes = [part.shape[:2] for part in (new, more)]
    if columns != {7} or sizes != [(len(unseen), 22), (len(unseen), 31)]:
        return "The module must turn ids (B, m) into logits (B, m, classes)."
    if not all(np.isfinite(part).all() for part in (seen, new, twins)):
        return "The logits hold NaN or infinity."

    words = np.arange(22) < np.array([len(line) for line in unseen])[:, None]
    tolerance = 1e-3 * max(1.0, np.abs(new).max())
    if not np.abs(more[:, :22] - new)[words].max() < tolerance:
        return (
            "More padding changes the logits of the words: the model looks at padding. "
            "Tell the attention which ids are words, `ids > 0`."
        )

    # what decides: the first pronoun or noun, tags 0 and 2; verbs have 3 and 4
    number, not_first = {}, set()
    for line, tags in zip(sentences, inputs["tags"]):
        head = min(i for i, tag in enumerate(tags) if tag in "02")
        number[line[head]] = int(tags[len(line) - 3])
        not_first |= {w for w, tag in zip(line, tags) if tag in "16"}
    subjects = [next(w for w in line if w not in not_first) for line in unseen]
    wanted = np.array([number[word] for word in subjects])
    right = (at_verbs(new, unseen).argmax(axis=1) == wanted).mean()
    if right > 0.95:
        return None

    a, b, c = (at_verbs(twins, split(inputs["twins"]))[k::3] for k in range(3))
    same = 1e-4 * max(1.0, np.abs(twins).max())
    if np.abs(a - b).max() < same:
        return (
            "When the first noun changes, the verb far behind it does not notice: your "
            "model sees a window. Let every word look at every other."
        )
    if np.abs(a - c).max() < same:
        return (
            "When two nouns change places, nothing changes at the verb: your model "
            "knows no order. Add a vector for each position."
        )
    far = [i for i, t in enumerate(inputs["tags"][:300]) if t.count("5")]
    known = [int(inputs["tags"][i][len(sentences[i]) - 3]) for i in far]
    guessed = at_verbs(seen[far], [sentences[i] for i in far]).argmax(axis=1)
    if (guessed == known).mean() < 0.95:
        return (
            "The model is not even right on the sentences that it has learned from. "
            "Train it for more steps, or with larger ones."
        )
    return (
        "The model is right on the sentences that it has learned from and wrong on new "
        "ones: it knows them by heart. It must find the rule, with fewer parameters or "
        "from all the sentences."
    )


@train_tagger.misconception(
    "More padding changes the logits of the words: the model looks at padding. Tell "
    "the attention which ids are words, `ids > 0`."
)
def attends_to_padding(sequences, tags, vocabulary_size, classes, seed):
    class Tagger(nn.Module):
        def __init__(self, d=24):
            super().__init__()
            self.embed = nn.Embedding(vocabulary_size, d)
            self.positions = nn.Parameter(0.5 * torch.randn(64, d))
            self.block, self.tag = EncoderBlock(d, 4, 48), nn.Linear(d, classes)

        def forward(self, ids):
            return self.tag(
                self.block(self.embed(ids) + self.positions[: ids.shape[1]])
            )

    torch.manual_seed(seed)
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(2):
        for some in torch.randperm(len(sequences)).split(64):
            logits = model(sequences[some]).flatten(0, 1)
            loss = nn.functional.cross_entropy(logits, tags[some].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@train_tagger.misconception(
    "When two nouns change places, nothing changes at the verb: your model knows no "
    "order. Add a vector for each position."
)
def no_positions(sequences, tags, vocabulary_size, classes, seed):
    class Tagger(nn.Module):
        def __init__(self, d=24):
            super().__init__()
            self.embed = nn.Embedding(vocabulary_size, d)
            self.block, self.tag = EncoderBlock(d, 4, 48), nn.Linear(d, classes)

        def forward(self, ids):
            return self.tag(self.block(self.embed(ids), ids > 0))

    torch.manual_seed(seed)
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(2):
        for some in torch.randperm(len(sequences)).split(64):
            logits = model(sequences[some]).flatten(0, 1)
            loss = nn.functional.cross_entropy(logits, tags[some].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@train_tagger.misconception(
    "When the first noun changes, the verb far behind it does not notice: your model "
    "sees a window. Let every word look at every other."
)
def window_only(sequences, tags, vocabulary_size, classes, seed):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(vocabulary_size, 24, padding_idx=0)
            self.window = nn.Conv1d(24, 48, 5, padding=2)
            self.tag = nn.Linear(48, classes)

        def forward(self, ids):
            x = self.window(self.embed(ids).transpose(1, 2)).relu()
            return self.tag(x.transpose(1, 2))

    torch.manual_seed(seed)
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(2):
        for some in torch.randperm(len(sequences)).split(64):
            logits = model(sequences[some]).flatten(0, 1)
            loss = nn.functional.cross_entropy(logits, tags[some].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@train_tagger.misconception(
    "The model is not even right on the sentences that it has learned from. Train it "
    "for more steps, or with larger ones."
)
def too_few_steps(sequences, tags, vocabulary_size, classes, seed):
    class Tagger(nn.Module):
        def __init__(self, d=48):
            super().__init__()
            self.embed = nn.Embedding(vocabulary_size, d)
            self.positions = nn.Parameter(0.5 * torch.randn(64, d))
            self.block, self.tag = EncoderBlock(d, 4, 96), nn.Linear(d, classes)

        def forward(self, ids):
            x = self.embed(ids) + self.positions[: ids.shape[1]]
            return self.tag(self.block(x, ids > 0))

    torch.manual_seed(seed)
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for some in torch.randperm(len(sequences)).split(64):
        logits = model(sequences[some]).flatten(0, 1)
        loss = nn.functional.cross_entropy(logits, tags[some].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@train_tagger.misconception(
    "The model is right on the sentences that it has learned from and wrong on new "
    "ones: it knows them by heart. It must find the rule, with fewer parameters or "
    "from all the sentences."
)
def by_heart(sequences, tags, vocabulary_size, classes, seed):
    class Book(nn.Module):
        def __init__(self):
            super().__init__()
            pages = zip(sequences.tolist(), tags.tolist(), strict=True)
            self.pages = {tuple(i for i in ids if i): row for ids, row in pages}

        def forward(self, ids):
            logits = torch.zeros(*ids.shape, classes)
            for line, words in zip(logits, ids.tolist(), strict=True):
                words = tuple(i for i in words if i)
                guess = [sum(i * w for i, w in enumerate(words)) % classes] * len(words)
                for place, tag in enumerate(self.pages.get(words, guess)[: len(words)]):
                    line[place, tag] = 1
            return logits

    return Book()


@train_tagger.alternative
def by_torchs_encoder(sequences, tags, vocabulary_size, classes, seed):
    class Tagger(nn.Module):
        def __init__(self, d=48):
            super().__init__()
            self.embed = nn.Embedding(vocabulary_size, d, padding_idx=0)
            self.place = nn.Embedding(64, d)
            layer = nn.TransformerEncoderLayer(d, 4, 96, 0.0, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 1)
            self.tag = nn.Linear(d, classes)

        def forward(self, ids):
            x = self.embed(ids) + self.place(torch.arange(ids.shape[1]))
            return self.tag(self.encoder(x, src_key_padding_mask=ids == 0))

    torch.manual_seed(seed)
    model = Tagger()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(10):
        for some in torch.randperm(len(sequences)).split(50):
            logits = model(sequences[some]).transpose(1, 2)
            loss = nn.functional.cross_entropy(logits, tags[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@train_tagger.alternative
def by_recurrence(sequences, tags, vocabulary_size, classes, seed):
    class Tagger(nn.Module):
        def __init__(self, d=48):
            super().__init__()
            self.embed = nn.Embedding(vocabulary_size, d)
            self.run, self.tag = nn.GRU(d, 64, batch_first=True), nn.Linear(64, classes)

        def forward(self, ids):
            return self.tag(self.run(self.embed(ids))[0])

    torch.manual_seed(seed)
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(12):
        for some in torch.randperm(len(sequences)).split(64):
            logits = model(sequences[some]).transpose(1, 2)
            loss = nn.functional.cross_entropy(logits, tags[some])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return model
