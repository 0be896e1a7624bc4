# %% [markdown]
# # Chapter 12: against the RNN, and as an RNN
#
# A recurrent network reads one vector after the other and carries a state.
# Self-attention looks at all vectors at once. You write the first, count how far
# a signal has to travel in each, and then change the softmax for something
# simpler. What comes out is attention that needs no $n \times n$ matrix, and
# that turns out to *be* a recurrent network.
#
# Five exercises, about an hour and a half. Read the page *Against the RNN, and
# as an RNN* beside it.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown] exercise="rnn_forward"
# ## 12.1 A recurrent network
#
# $h_t = \tanh(x_t W^x + h_{t-1} W^h + b)$. The first step starts from $h_0$,
# which is given. Collect $h_1$ to $h_n$; $h_0$ is not one of them.
#
# First on paper: inputs 1, 0, 0, with $W^x = 1$, $W^h = 0.5$, $b = 0$ and
# $h_0 = 0$. What is left of the 1 after three steps?


# %% solution="rnn_forward"
def rnn_forward(X, h0, Wx, Wh, b):
    """Run a recurrent layer over a sequence; returns its states (n, h).

    X: inputs (n, d), n >= 1. h0: the state before the first input (h,).
    Wx: (d, h). Wh: (h, h). b: (h,). Row t of the result is the state after
    input t; h0 itself is not in it.
    Source: the lecture's slide "Self-attention v.s. RNN"; torch.nn.RNN.
    """
    ### BEGIN SOLUTION
    states = []
    h = h0
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh + b)
        states.append(h)
    return np.stack(states)
    ### END SOLUTION


# %% test="rnn_forward"
check("rnn_forward", rnn_forward)

# %% [markdown]
# Two sequences that differ in their first vector only. How long can the states
# tell them apart? Make the recurrent weights larger (1.5) or smaller (0.5).

# %% tags=["demo"]
rng = np.random.default_rng(12)
n, d, h, strength = 60, 3, 8, 1.0
Wx = rng.normal(size=(d, h)) / np.sqrt(d)
Wh = strength * rng.normal(size=(h, h)) / np.sqrt(h)
X = rng.normal(size=(n, d))
other = X.copy()
other[0] = -other[0]
states = [rnn_forward(Y, np.zeros(h), Wx, Wh, np.zeros(h)) for Y in (X, other)]
apart = np.abs(states[0] - states[1]).max(axis=1)
for t in (1, 2, 5, 10, 20, 40, 60):
    print(f"after {t:2} steps: {apart[t - 1]:.1e} apart")

# %% [markdown] exercise="path_length"
# ## 12.2 How far is the first vector?
#
# The last output of a sequence of $n$ vectors shall depend on the first input.
# How many steps, or layers, must the signal go through at least?
#
# - `"rnn"`: from the state at the first position to the state at the last, one
#   step for each.
# - `"attention"`: one layer.
# - `"cnn"`: layers of causal convolution. An output sees its own position and
#   the `kernel - 1` before it. With `dilated=True` layer 0, 1, 2, ... has the
#   dilation $1, k, k^2, \dots$ for kernel $k$: its inputs lie that far apart.
#   After $L$ such layers an output sees exactly $k^L$ positions.
#
# Whole numbers only: `math.log(125, 5)` is 3.0000000000000004.


# %% solution="path_length"
def path_length(kind, n, kernel=3, dilated=False):
    """Steps or layers until the last output can see the first input: an int.

    kind: "rnn", "attention" or "cnn" (causal); another one raises ValueError.
    n: number of vectors, at least 2. kernel: at least 2, and dilated, for
    "cnn" only; the dilation of layer l = 0, 1, ... is kernel**l.
    Source: the lecture's slide "Self-attention v.s. RNN"; arXiv 1706.03762,
    Table 1.
    """
    ### BEGIN SOLUTION
    if kind == "rnn":
        return n - 1
    if kind == "attention":
        return 1
    if kind != "cnn":
        raise ValueError(f"kind must be rnn, attention or cnn, not {kind!r}")
    if not dilated:
        return -(-(n - 1) // (kernel - 1))  # the quotient, rounded up
    layers, seen = 0, 1
    while seen < n:
        layers, seen = layers + 1, seen * kernel
    return layers
    ### END SOLUTION


# %% test="path_length"
check("path_length", path_length)

# %% tags=["demo"]
print("     n    rnn    cnn  dilated  attention")
for n in (10, 100, 1000, 10_000):
    cnn = path_length("cnn", n)
    dilated = path_length("cnn", n, dilated=True)
    rnn, attention = path_length("rnn", n), path_length("attention", n)
    print(f"{n:6} {rnn:6} {cnn:6} {dilated:8} {attention:10}")

# %% [markdown] exercise="linear_attention"
# ## 12.3 Attention without the big matrix
#
# Let the weight of a key be $\phi(q) \cdot \phi(k)$ instead of
# $e^{q \cdot k / \sqrt{d}}$, where $\phi$ has positive entries only. Then
#
# $$
# \begin{aligned}
# o_i &= \frac{\sum_j (\phi(q_i) \cdot \phi(k_j))\, v_j}
#             {\sum_j \phi(q_i) \cdot \phi(k_j)} \\
#     &= \frac{\phi(q_i)\, \sum_j \phi(k_j)^{\mathsf T} v_j}
#             {\phi(q_i) \cdot \sum_j \phi(k_j)} .
# \end{aligned}
# $$
#
# The two sums in the second line do not depend on $i$. Compute them once.
#
# There is no $1/\sqrt{d}$ here and nothing is added to the denominator. Grading
# also calls your function with 12,000 queries and 12,003 keys, and gives it
# 512 MiB. An array of all pairs takes 1.15 GB.
#
# The next cell builds feature maps for the checks. `feature` takes vectors of
# width $d$, one or many, and gives as many of width $m$.


# %%
def make_feature(W, kind="elu"):
    """A positive feature map from (..., d) to (..., m); W: (d, m)."""

    def elu_plus_one(X):
        Y = X @ W
        return np.exp(np.minimum(Y, 0)) + np.maximum(Y, 0)

    def exponential(X):
        return np.exp(X @ W)

    return {"elu": elu_plus_one, "exp": exponential}[kind]


# %% solution="linear_attention"
def linear_attention(Q, K, V, feature):
    """Attention with weights phi(q).phi(k), in linear memory; returns (nq, dv).

    Q: (nq, d). K: (nk, d). V: (nk, dv). feature: phi, a function from
    (..., d) to (..., m) with positive entries. Each row of weights is divided
    by its sum; no scale, nothing added. No array of nq x nk numbers is made.
    Source: arXiv 2006.16236, section 3.2.
    """
    ### BEGIN SOLUTION
    queries, keys = feature(Q), feature(K)
    S, z = keys.T @ V, keys.sum(axis=0)
    return queries @ S / (queries @ z)[:, None]
    ### END SOLUTION


# %% test="linear_attention"
@check("linear_attention")
def probe(Q, K, V, W, kind="elu"):
    return linear_attention(Q, K, V, make_feature(W, kind))


# %% [markdown]
# Twice as many vectors: what happens to the time? The last line would need
# 32 GB for the matrix of all pairs.

# %% tags=["demo"]
import time

rng = np.random.default_rng(3)
W = rng.normal(size=(16, 24)) / 4
for n in (1000, 2000, 4000, 64_000):
    Q, K, V = rng.normal(size=(3, n, 16))
    start = time.perf_counter()
    linear_attention(Q, K, V, make_feature(W))
    print(f"n = {n:6}: {1000 * (time.perf_counter() - start):7.2f} ms")

# %% [markdown] exercise="causal_linear_attention"
# ## 12.4 Only what came before
#
# Now query $i$ may see keys $1$ to $i$ only, itself included. The two sums are
# no longer the same for all queries: each grows by one term from one query to
# the next. Again no array of all pairs; one of shape $(n, m, d_v)$ is allowed,
# and so is a loop.


# %% solution="causal_linear_attention"
def causal_linear_attention(Q, K, V, feature):
    """Linear attention to the vectors so far; returns (n, dv).

    Q, K: (n, d). V: (n, dv). feature: as in linear_attention. Query i attends
    to keys up to i, itself included, with weights phi(q).phi(k) divided by
    their sum. No array of n x n numbers is made.
    Source: arXiv 2006.16236, section 3.3.
    """
    ### BEGIN SOLUTION
    queries, keys = feature(Q), feature(K)
    S = np.cumsum(keys[:, :, None] * V[:, None, :], axis=0)
    z = np.cumsum(keys, axis=0)
    numerator = np.einsum("nm,nmv->nv", queries, S)
    return numerator / np.einsum("nm,nm->n", queries, z)[:, None]
    ### END SOLUTION


# %% test="causal_linear_attention"
@check("causal_linear_attention")
def probe(Q, K, V, W, kind="elu"):
    return causal_linear_attention(Q, K, V, make_feature(W, kind))


# %% [markdown]
# Change the last vector: which outputs may change?

# %% tags=["demo"]
rng = np.random.default_rng(4)
Q, K, V = rng.normal(size=(3, 6, 16))
before = causal_linear_attention(Q, K, V, make_feature(W))
K[-1], V[-1] = 1.0, 5.0
after = causal_linear_attention(Q, K, V, make_feature(W))
print("changes, row by row:", np.abs(after - before).max(axis=1))

# %% [markdown] exercise="linear_attention_step"
# ## 12.5 It is a recurrent network
#
# The two sums are a *state*: $S$ of shape $(m, d_v)$ and $z$ of shape $(m,)$.
# One token comes, with its query, key and value. Add its terms to the state,
# then answer the query from the new state.
#
# Give back a new state. Whoever calls you may still need the old one, for
# example to try another continuation of the same text.


# %% solution="linear_attention_step"
def linear_attention_step(state, q, k, v, feature):
    """Take in one token and answer its query; returns (S, z), y.

    state: a tuple of S (m, dv) and z (m,), sums over the tokens so far; it is
    left as it was. q, k: (d,). v: (dv,). feature: as in linear_attention.
    Returns the new state, a tuple as well, and the output y (dv,), in which
    the token itself counts.
    Source: arXiv 2006.16236, section 3.4.
    """
    ### BEGIN SOLUTION
    S, z = state
    query, key = feature(q), feature(k)
    S = S + np.outer(key, v)
    z = z + key
    return (S, z), query @ S / (query @ z)
    ### END SOLUTION


# %% test="linear_attention_step"
@check("linear_attention_step")
def probe(S, z, q, k, v, W, kind="elu"):
    feature = make_feature(W, kind)
    (new_S, new_z), y = linear_attention_step((S, z), q, k, v, feature)
    return new_S, new_z, y


# %% [markdown]
# One token at a time, from an empty state: the same numbers as all at once? And
# how large is the state after a thousand tokens, beside all keys and values?

# %% tags=["demo"]
rng = np.random.default_rng(5)
Q, K, V = rng.normal(size=(3, 1000, 16))
feature = make_feature(W)
state, outputs = (np.zeros((24, 16)), np.zeros(24)), []
for q, k, v in zip(Q, K, V):
    state, y = linear_attention_step(state, q, k, v, feature)
    outputs.append(y)
together = causal_linear_attention(Q, K, V, feature)
print("largest difference:", np.abs(np.array(outputs) - together).max())
print("numbers in the state:", sum(part.size for part in state))
print("numbers in keys and values:", K.size + V.size)

# %% [markdown]
# ## Try it
#
# Not graded. The state never forgets: all tokens so far count alike. Let it
# fade: multiply $S$ and $z$ by a number $g$ before each step. Change `g`: how
# much does the first token still count in the last answer? What do you gain by
# forgetting? (Several newer models are built on a line like this one.)

# %% tags=["demo"]
g, n = 0.9, 40
rng = np.random.default_rng(6)
Q, K = rng.normal(size=(2, n, 16))
V = np.eye(n)  # then the answer is the weights themselves
state = np.zeros((24, n)), np.zeros(24)
for q, k, v in zip(Q, K, V):
    faded = g * state[0], g * state[1]
    state, y = linear_attention_step(faded, q, k, v, feature)
for j in (0, 10, 20, 30, 39):
    print(f"token {j + 1:2} has the weight {y[j]:.5f} in answer {n}")
