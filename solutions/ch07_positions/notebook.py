# %% [markdown]
# # Chapter 7: far corners are neighbours until you say otherwise
#
# Self-attention has no idea of order: shuffle the words, and the outputs are
# shuffled, nothing else. You will measure that, and then build four ways to
# tell a vector where it stands: sines, a learned table, offsets between pairs,
# and a path that is followed through space.
#
# Six exercises, an hour and three quarters. Read the page *Far corners are
# neighbours until you say otherwise* beside it.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown]
# A few layers to measure. Each takes vectors in rows, (n, d), and gives one
# row for each.


# %%
def attention_layer(Wq, Wk, Wv):
    """Self-attention with these weights."""

    def layer(X):
        Q, K, V = X @ Wq, X @ Wk, X @ Wv
        S = Q @ K.T / np.sqrt(K.shape[1])
        e = np.exp(S - S.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True) @ V

    return layer


def with_positions(layer, P):
    """The same layer, after row i of P was added to row i of the inputs."""
    return lambda X: layer(X + P)


def window_layer(W_before, W_here, W_after):
    """A convolution: each vector sees itself and its two neighbours."""

    def layer(X):
        edge = np.zeros_like(X[:1])
        before = np.concatenate([edge, X[:-1]])
        after = np.concatenate([X[1:], edge])
        return before @ W_before + X @ W_here + after @ W_after

    return layer


# %% [markdown] exercise="equivariance_gap"
# ## 7.1 Does this layer know the order?
#
# Shuffle the inputs by `order`, or shuffle the outputs by `order`. If both
# give the same, the layer is blind to order. The gap is the largest absolute
# entry by which they differ.


# %% solution="equivariance_gap"
def equivariance_gap(layer, X, order):
    """Largest absolute entry of layer(X[order]) - layer(X)[order].

    layer: a function from (n, d) to (n, m). X: (n, d). order: an integer
    permutation (n,). Returns a number, 0 for a layer without order.
    Source: the lecture's slide "Positional encoding"; arXiv 2003.09229, 2.1.
    """
    ### BEGIN SOLUTION
    return np.abs(layer(X[order]) - layer(X)[order]).max()
    ### END SOLUTION


# %% [markdown]
# The check builds its layers from arrays: attention alone, attention with
# positions (where `P` is given) or a window.


# %% test="equivariance_gap"
@check("equivariance_gap")
def probe(X, order, kind, weights, P=None):
    build = {"attention": attention_layer, "window": window_layer}[kind]
    layer = build(*weights)
    if P is not None:
        layer = with_positions(layer, P)
    return equivariance_gap(layer, X, order)


# %% tags=["demo"]
rng = np.random.default_rng(7)
X, order = rng.normal(size=(6, 4)), np.array([2, 0, 5, 1, 3, 4])
weights = rng.normal(size=(3, 4, 4))
layers = {
    "attention": attention_layer(*weights),
    "attention with positions": with_positions(
        attention_layer(*weights), rng.normal(size=(6, 4))
    ),
    "window": window_layer(*weights),
}
for name, layer in layers.items():
    print(f"{name:25} gap {equivariance_gap(layer, X, order):.1e}")

# %% [markdown] exercise="sinusoidal_positions"
# ## 7.2 Sinusoidal positions
#
# Give each position a vector of its own, by hand: a row of clocks, each slower
# than the one before. Pair $i$ of columns is one clock,
#
# $$P_{p, 2i} = \sin \frac{p}{b^{2i/d}}, \qquad
# P_{p, 2i+1} = \cos \frac{p}{b^{2i/d}},$$
#
# with the base $b$ and positions $p$ from 0. Both columns of a pair share one
# speed.


# %% solution="sinusoidal_positions"
def sinusoidal_positions(n, d, base=10000.0):
    """Return the sinusoidal positions 0..n-1, one a row: (n, d), float64.

    Columns 2i and 2i+1 hold sine and cosine of p / base**(2i/d).
    Raises ValueError when d is odd. Source: arXiv 1706.03762, section 3.5.
    """
    ### BEGIN SOLUTION
    if d % 2:
        raise ValueError(f"sines and cosines come in pairs: d is {d}, not even")
    angles = np.arange(n)[:, None] / base ** (np.arange(0, d, 2) / d)
    P = np.empty((n, d))
    P[:, 0::2], P[:, 1::2] = np.sin(angles), np.cos(angles)
    return P
    ### END SOLUTION


# %% test="sinusoidal_positions"
check("sinusoidal_positions", sinusoidal_positions)

# %% [markdown]
# Each row is a position. The left columns change fast, the right ones hardly
# at all. How many columns does a sequence of 64 really use?

# %% tags=["demo"]
import matplotlib.pyplot as plt

plt.figure(figsize=(6, 4))
plt.imshow(sinusoidal_positions(64, 32), cmap="RdBu", aspect="auto")
plt.xlabel("column")
plt.ylabel("position")
plt.colorbar()
plt.show()

# %% [markdown] exercise="shift_rotation"
# ## 7.3 A shift is a rotation
#
# Moving on by an offset turns every clock by a fixed angle, wherever it
# stands. So one matrix $M$ moves *all* positions: with the rows of 7.2,
#
# $$P_{p + \text{offset}} = P_p\, M \quad \text{for every } p.$$
#
# $M$ is made of 2 by 2 blocks on the diagonal, one for each clock. Find the
# block from $\sin(a + b)$ and $\cos(a + b)$, and mind that $P_p$ is a row: it
# stands on the left.


# %% solution="shift_rotation"
def shift_rotation(offset, d, base=10000.0):
    """Return M (d, d) with P[p + offset] = P[p] @ M for all positions p.

    P: the rows of sinusoidal_positions. offset: an int of either sign.
    base > 1. Raises ValueError when d is odd.
    Source: arXiv 1706.03762, section 3.5.
    """
    ### BEGIN SOLUTION
    if d % 2:
        raise ValueError(f"rotations need pairs: d is {d}, not even")
    M = np.zeros((d, d))
    for i in range(0, d, 2):
        angle = offset / base ** (i / d)
        c, s = np.cos(angle), np.sin(angle)
        M[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
    return M
    ### END SOLUTION


# %% test="shift_rotation"
check("shift_rotation", shift_rotation)

# %% [markdown]
# Two shifts in a row are one shift. What is the matrix of a shift there and
# back?

# %% tags=["demo"]
P = sinusoidal_positions(20, 8)
M = shift_rotation(5, 8)
print("P[p + 5] - P[p] M:", np.abs(P[5:] - P[:-5] @ M).max())
twice = shift_rotation(2, 8) @ shift_rotation(3, 8)
print("2 and 3 against 5:", np.abs(twice - M).max())
print("there and back:   ", np.abs(M @ shift_rotation(-5, 8) - np.eye(8)).max())

# %% [markdown] exercise="learned_positions"
# ## 7.4 Learned positions
#
# The simplest way to learn positions: a table with a row for each, trained
# like any other weight. A sequence of length $n$ takes the first $n$ rows.
# Position `n_max` has no row, and nothing should pretend that it has.


# %% solution="learned_positions"
def learned_positions(table, n):
    """Return the rows of the positions 0..n-1 from `table` (n_max, d): (n, d).

    n = 0 gives (0, d). Raises ValueError when n is negative or above n_max.
    Source: the lecture's slide "Positional encoding"; arXiv 1706.03762, 3.5.
    """
    ### BEGIN SOLUTION
    if not 0 <= n <= len(table):
        raise ValueError(f"the table has {len(table)} positions, n is {n}")
    return table[:n]
    ### END SOLUTION


# %% test="learned_positions"
check("learned_positions", learned_positions)

# %% tags=["demo"]
table = rng.normal(size=(32, 4))
for n in (3, 32, 33):
    try:
        print(n, "positions:", learned_positions(table, n).shape)
    except ValueError as error:
        print(n, "positions:", error)

# %% [markdown] exercise="relative_scores"
# ## 7.5 Relative scores
#
# Often it is not the place that matters but how far apart two places are. Give
# each offset $j - i$ a vector, and add it to the key of $j$ when $i$ asks:
#
# $$S_{ij} = \frac{q_i \cdot (k_j + R_{\operatorname{clip}(j - i)})}
# {\sqrt{d_k}}.$$
#
# Offsets beyond `reach` are clipped to it. Row `offset + reach` of `R` belongs
# to an offset: the first row to $-$reach, the middle one to 0.


# %% solution="relative_scores"
def relative_scores(Q, K, R, reach):
    """Score queries with keys that know how far away they are: (n, n).

    Q, K: (n, dk). R: (2*reach+1, dk), row r for the offset r - reach.
    Entry (i, j) is q_i . (k_j + R[clip(j - i, -reach, reach) + reach]),
    divided by sqrt(dk). Source: arXiv 1803.02155, section 3.2, equation 4.
    """
    ### BEGIN SOLUTION
    place = np.arange(len(Q))
    offsets = np.clip(place - place[:, None], -reach, reach)
    by_offset = Q @ R.T  # (n, 2*reach+1): every query with every offset
    relative = np.take_along_axis(by_offset, offsets + reach, axis=1)
    return (Q @ K.T + relative) / Q.shape[1] ** 0.5
    ### END SOLUTION


# %% test="relative_scores"
check("relative_scores", relative_scores)

# %% [markdown]
# One query everywhere, keys of zeros: what is left is the offsets. Where does
# it stop to change?

# %% tags=["demo"]
R = np.arange(-3.0, 4.0)[:, None]  # the vector of an offset is the offset
S = relative_scores(np.ones((8, 1)), np.zeros((8, 1)), R, 3)
plt.figure(figsize=(4, 3.5))
plt.imshow(S, cmap="RdBu")
plt.xlabel("key j")
plt.ylabel("query i")
plt.colorbar()
plt.show()

# %% [markdown] exercise="floater_positions"
# ## 7.6 Positions that flow
#
# FLOATER does not store positions, it travels through them. A start $p_0$ and
# a rule for the speed, $dp/dt = h(t, p)$, give a position at any time. Follow
# the path with the classical Runge-Kutta rule. One part of length $\tau$ from
# $(t, p)$:
#
# $$\begin{aligned}
# k_1 &= h(t, p) \\
# k_2 &= h(t + \tfrac{\tau}{2},\; p + \tfrac{\tau}{2} k_1) \\
# k_3 &= h(t + \tfrac{\tau}{2},\; p + \tfrac{\tau}{2} k_2) \\
# k_4 &= h(t + \tau,\; p + \tau k_3) \\
# p &\leftarrow p + \tfrac{\tau}{6} (k_1 + 2 k_2 + 2 k_3 + k_4)
# \end{aligned}$$
#
# From one position to the next is a `step`, cut into `substeps` equal parts.


# %% solution="floater_positions"
def floater_positions(p0, dynamics, n, step, substeps):
    """Follow dp/dt = dynamics(t, p) from p0 at time 0; returns (n, d).

    p0: (d,). dynamics: a function of a time and a vector (d,), gives (d,).
    Row i is p(i * step), row 0 is p0; classical Runge-Kutta with `substeps`
    equal parts a step. n = 0 gives (0, d).
    Source: arXiv 2003.09229, section 3.1, equation 8, and appendix B.1.
    """
    ### BEGIN SOLUTION
    P = np.empty((n, len(p0)))
    p, part = p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k2)
            k4 = dynamics(t + part, p + part * k3)
            p = p + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P
    ### END SOLUTION


# %% [markdown]
# The check builds the dynamics from arrays: a small network of $p$ and $t$, as
# in the paper.


# %% test="floater_positions"
@check("floater_positions")
def probe(p0, W, u, n, step, substeps):
    def dynamics(t, p):
        return np.tanh(p @ W + t * u)

    return floater_positions(p0, dynamics, n, step, substeps)


# %% [markdown]
# With the right dynamics, clocks that run at constant speed, the path *is* the
# sinusoidal encoding. How good is it with 1, 2, 4, 8 parts a step?

# %% tags=["demo"]
d = 8
speeds = 10000.0 ** (-np.arange(0, d, 2) / d)
generator = np.zeros((d, d))
generator[range(0, d, 2), range(1, d, 2)] = -speeds
generator[range(1, d, 2), range(0, d, 2)] = speeds
exact = sinusoidal_positions(30, d)
for substeps in (1, 2, 4, 8):
    flow = floater_positions(exact[0], lambda t, p: p @ generator, 30, 1.0, substeps)
    print(f"{substeps} parts a step: error {np.abs(flow - exact).max():.1e}")

# %% [markdown]
# ## Try it
#
# Not graded. The dot product of two sinusoidal positions depends on their
# distance alone. It is largest at distance 0. Does it always fall with the
# distance? Change the base to 100, and to 2. What happens, and what would
# attention make of it?

# %% tags=["demo"]
for base in (10000.0, 100.0, 2.0):
    P = sinusoidal_positions(64, 32, base)
    plt.plot(P @ P[0], label=f"base {base:.0f}")
plt.xlabel("distance")
plt.ylabel("dot product")
plt.legend()
plt.show()
