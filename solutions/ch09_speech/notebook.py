# %% [markdown]
# # Chapter 9: when L x L is too long
#
# Speech brings a vector every 10 milliseconds. One second is 100 vectors, ten
# minutes are 60,000, and attention compares each with each. Truncated
# self-attention looks at a window instead. Here you count what that saves,
# write it with a mask, and write it again so that the big matrix never exists.
#
# Four exercises, about an hour and a half. Read the page *When L x L is too
# long* beside it.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown] exercise="attention_cells"
# ## 9.1 How many numbers
#
# A recording of `seconds` with one frame every `hop_ms` milliseconds has
# $n = 1000 \cdot \text{seconds} / \text{hop}$ frames, rounded. Frame $i$ sees
# `left` frames before it, itself, and `right` frames after it, as far as they
# exist. Each pair that meets is one cell of the attention matrix. How many
# cells are there?
#
# First on paper: five frames, one neighbour on either side. The two frames at
# the ends see 2, the others 3.


# %% solution="attention_cells"
def attention_cells(seconds, hop_ms, left=None, right=None):
    """Count the pairs (query, key) that meet; returns an exact int.

    seconds: length of the recording. hop_ms: milliseconds from one frame to
    the next; n = round(1000 * seconds / hop_ms) frames. left, right: how many
    frames a frame sees before and after itself (ints; None: all of them).
    Ten minutes are 60,000 frames: count without building the matrix.
    Source: the lecture's slide "Self-attention for Speech".
    """
    ### BEGIN SOLUTION
    n = round(1000 * seconds / hop_ms)
    cells = n
    for reach in (left, right):
        reach = n - 1 if reach is None else min(reach, n - 1)
        cells += reach * n - reach * (reach + 1) // 2
    return cells
    ### END SOLUTION


# %% test="attention_cells"
check("attention_cells", attention_cells)

# %% [markdown]
# With numbers of eight bytes each, what does a matrix of that size weigh? Look
# at the last line before you ever type `Q @ K.T` for a lecture.

# %% tags=["demo"]
for name, seconds in (
    ("one second", 1),
    ("a sentence", 5),
    ("a minute", 60),
    ("ten minutes", 600),
    ("a lecture", 3600),
):
    full = attention_cells(seconds, 10)
    window = attention_cells(seconds, 10, 32, 32)
    print(f"{name:12} full {8e-9 * full:10,.4f} GB, ", end="")
    print(f"window of 65 {8e-9 * window:7.4f} GB")

# %% [markdown] exercise="truncated_keep"
# ## 9.2 The window as a mask
#
# Query $i$ may see keys $i - \text{left}$ to $i + \text{right}$, both included.
# Query in rows, key in columns, True where it may look.


# %% solution="truncated_keep"
def truncated_keep(n, left, right):
    """Return the mask of truncated self-attention: bool (n, n).

    keep[i, j] is True where i - left <= j <= i + right. left, right: ints,
    at least 0; they may exceed n.
    Source: the lecture's slide "Self-attention for Speech".
    """
    ### BEGIN SOLUTION
    offset = np.arange(n) - np.arange(n)[:, None]
    return (-left <= offset) & (offset <= right)
    ### END SOLUTION


# %% test="truncated_keep"
check("truncated_keep", truncated_keep)

# %% [markdown]
# The band runs along the diagonal. In which picture may a frame be labelled
# while the speaker is still talking?

# %% tags=["demo"]
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 3, figsize=(9, 3))
for ax, (left, right) in zip(axes, ((3, 3), (5, 1), (4, 0))):
    ax.imshow(truncated_keep(16, left, right), cmap="Blues")
    ax.set(title=f"left {left}, right {right}", xlabel="key", ylabel="query")
fig.tight_layout()
plt.show()

# %% [markdown] exercise="truncated_attention"
# ## 9.3 Truncated self-attention
#
# Score, scale, mask, softmax, extract. A frame near an end has fewer
# neighbours, and those share the whole 1.
#
# You may use what you have written. It is not fast yet: it still makes all
# $n^2$ scores, then throws most of them away.


# %% solution="truncated_attention"
def truncated_attention(Q, K, V, left, right):
    """Let each frame attend to its window only; returns O (n, dv).

    Q, K: (n, dk). V: (n, dv). Frame i attends to i - left .. i + right, as far
    as these exist; left, right >= 0 may exceed n. Scores are scaled by
    sqrt(dk), each row's weights sum to 1, stable at any size of the scores.
    Source: the lecture's slide "Self-attention for Speech"; arXiv 1910.12977.
    """
    ### BEGIN SOLUTION
    n, dk = Q.shape
    S = Q @ K.T / dk**0.5
    S = np.where(truncated_keep(n, left, right), S, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V
    ### END SOLUTION


# %% test="truncated_attention"
check("truncated_attention", truncated_attention)

# %% [markdown]
# If all scores are equal, the answer is the mean of the window: it smooths. A
# wider window smooths more, and at the ends it is narrower.

# %% tags=["demo"]
import matplotlib.pyplot as plt

rng = np.random.default_rng(9)
truth = np.repeat([0.0, 1.0, 0.0, 2.0], 25)[:, None]
noisy = truth + 0.5 * rng.normal(size=truth.shape)
same = np.zeros((100, 3))
fig, ax = plt.subplots(figsize=(8, 3))
ax.plot(noisy, ".", color="grey", label="values")
for radius in (2, 8, 40):
    smooth = truncated_attention(same, same, noisy, radius, radius)
    ax.plot(smooth, label=f"radius {radius}")
ax.set(xlabel="frame")
ax.legend()
plt.show()

# %% [markdown] exercise="banded_attention"
# ## 9.4 Without the big matrix
#
# The same answer, but the $n \times n$ matrix may never exist. A frame meets
# $w = \text{left} + 1 + \text{right}$ keys, so $n \cdot w$ scores are enough.
# Store them by *distance*: one row for the frame before the last, one for the
# last, one for itself, one for the next, and so on. All pairs at the same
# distance are one elementwise product of `Q` with a shifted piece of `K`.
#
# Careful with memory: `K[indices]` with indices of shape $(n, w)$ is a *copy*
# of shape $(n, w, d_k)$. The check calls your function with 40,000 frames, a
# window of 65 and 512 MiB. Try small sizes first; the check in this notebook
# uses small ones only.


# %% solution="banded_attention"
def banded_attention(Q, K, V, left, right):
    """Truncated self-attention in memory O(n (left + right)): O (n, dv).

    Q, K: (n, dk). V: (n, dv). The same result as truncated_attention(Q, K, V,
    left, right). For n = 40,000, dk = 16 and left + right = 64, with float64,
    it may need 512 MiB beyond what is in use before the call.
    Source: arXiv 1910.12977; arXiv 2004.05150, section 3.
    """
    ### BEGIN SOLUTION
    n, dk = Q.shape
    left, right = min(left, n - 1), min(right, n - 1)
    pairs = [  # queries i and keys j at one distance, from -left to right
        (slice(max(0, -m), n - max(0, m)), slice(max(0, m), n - max(0, -m)))
        for m in range(-left, right + 1)
    ]
    S = np.full((len(pairs), n), -np.inf)
    for row, (i, j) in zip(S, pairs):
        row[i] = np.einsum("nd,nd->n", Q[i], K[j]) / dk**0.5
    A = np.exp(S - S.max(axis=0))
    A /= A.sum(axis=0)
    O = np.zeros(V.shape)
    for row, (i, j) in zip(A, pairs):
        O[i] += row[i, None] * V[j]
    return O
    ### END SOLUTION


# %% test="banded_attention"
check("banded_attention", banded_attention)

# %% [markdown]
# Both give the same numbers. Twice as many frames: what happens to the time of
# each? The last line is for the band alone. How long would the other take?

# %% tags=["demo"]
import time

for n in (1000, 2000, 4000, 60_000):
    Q, K, V = np.random.default_rng(n).normal(size=(3, n, 16))
    for attend in (truncated_attention, banded_attention):
        if n > 4000 and attend is truncated_attention:
            continue  # 29 GB for the scores alone
        start = time.perf_counter()
        attend(Q, K, V, 16, 16)
        seconds = time.perf_counter() - start
        print(f"{n:6} frames, {attend.__name__:20} {seconds:7.3f} s")

# %% [markdown]
# ## Try it
#
# Not graded. Let one frame of a recording click. Through how many layers of
# truncated attention must it go until all hear it? Change `layers`, `left` and
# `right`. What changes when `right` is 0?

# %% tags=["demo"]
n, layers, left, right = 61, 3, 4, 2
rng = np.random.default_rng(1)
quiet = rng.normal(size=(n, 8))
click = quiet.copy()
click[30] += 1.0
for layer in range(1, layers + 1):
    quiet, click = (truncated_attention(X, X, X, left, right) for X in (quiet, click))
    heard = np.flatnonzero(np.abs(quiet - click).max(axis=1) > 0)
    print(f"layer {layer}: frames {heard.min()} to {heard.max()} have heard it")
