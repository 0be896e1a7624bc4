# %% [markdown]
# # Chapter 5: all at once
#
# One query had its answer in chapter 4. Now all queries get theirs in a few
# matrix products, and $b^1$ to $b^n$ come out together. At the end you count
# what that costs and send a gradient back through it by hand.
#
# Five exercises, about an hour and a half. Read the page *All at once* beside
# it.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown] exercise="project_qkv"
# ## 5.1 Queries, keys, values
#
# Every vector plays three parts, and each part has a matrix of its own. One
# product does it for all vectors at once.


# %% solution="project_qkv"
def project_qkv(X, Wq, Wk, Wv):
    """Project the inputs to queries, keys and values; returns Q, K, V.

    X: inputs (n, d). Wq, Wk: (d, dk). Wv: (d, dv).
    Returns Q (n, dk), K (n, dk), V (n, dv).
    Source: the lecture's slide "Self-attention" (matrix form), in rows.
    """
    ### BEGIN SOLUTION
    return X @ Wq, X @ Wk, X @ Wv
    ### END SOLUTION


# %% test="project_qkv"
check("project_qkv", project_qkv)

# %% tags=["demo"]
rng = np.random.default_rng(5)
X = rng.normal(size=(4, 3))
Wq, Wk, Wv = (rng.normal(size=(3, width)) for width in (5, 5, 2))
for name, matrix in zip("QKV", project_qkv(X, Wq, Wk, Wv)):
    print(name, matrix.shape)

# %% [markdown] exercise="self_attention"
# ## 5.2 Self-attention
#
# The layer itself. Project, score, scale, softmax, extract: row $i$ of the
# output is what vector $i$ takes from all the others. A mask may forbid some
# pairs, and a batch of sequences may come stacked along a first axis.
#
# `np.swapaxes(K, -1, -2)` transposes the last two axes and leaves a batch
# alone.


# %% solution="self_attention"
def self_attention(X, Wq, Wk, Wv, keep=None):
    """Let every vector attend to all vectors; returns outputs O, weights A.

    X: inputs (..., n, d). Wq, Wk: (d, dk). Wv: (d, dv). keep: None or bool,
    broadcastable to (..., n, n), True where attention is allowed; a row with
    nothing kept gives zeros. Scores are scaled by sqrt(dk), the softmax is
    stable at any size of the scores. Returns O (..., n, dv), A (..., n, n).
    Source: the lecture's slide "Self-attention"; arXiv 1706.03762, eq. 1.
    """
    ### BEGIN SOLUTION
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    if keep is not None:
        S = np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    A = e / np.where(total == 0, 1, total)
    return A @ V, A
    ### END SOLUTION


# %% test="self_attention"
check("self_attention", self_attention)

# %% [markdown]
# The weights of four words that may look only at themselves and at what came
# before. Which words look where?

# %% tags=["demo"]
import matplotlib.pyplot as plt

keep = np.tril(np.ones((4, 4), dtype=bool))
O, A = self_attention(X, Wq, Wk, Wv, keep)
plt.figure(figsize=(3, 3))
plt.imshow(A, cmap="Blues", vmin=0, vmax=1)
plt.xticks(range(4), ["I", "saw", "a", "saw"])
plt.yticks(range(4), ["I", "saw", "a", "saw"])
plt.xlabel("key")
plt.ylabel("query")
plt.show()

# %% [markdown] exercise="self_attention_columns"
# ## 5.3 The slides' own formula
#
# On the slides vectors stand in columns and nothing is scaled:
# $Q = W^q I$, $A = K^{\mathsf T} Q$, $A' = \operatorname{softmax}(A)$,
# $O = V A'$. Column $i$ of $A$ belongs to query $i$. Along which axis does the
# softmax run?


# %% solution="self_attention_columns"
def self_attention_columns(I, Wq, Wk, Wv):
    """Self-attention with vectors in columns and no scale, as on the slides.

    I: inputs (d, n). Wq, Wk: (dk, d). Wv: (dv, d). Returns O (dv, n).
    Source: the lecture's slide "Self-attention" (matrix form).
    """
    ### BEGIN SOLUTION
    Q, K, V = Wq @ I, Wk @ I, Wv @ I
    A = K.T @ Q
    e = np.exp(A - A.max(axis=0, keepdims=True))
    return V @ (e / e.sum(axis=0, keepdims=True))
    ### END SOLUTION


# %% test="self_attention_columns"
check("self_attention_columns", self_attention_columns)

# %% [markdown]
# Rows and columns must agree. The scale has to be undone: multiplying the
# query matrix by $\sqrt{d_k}$ does it.

# %% tags=["demo"]
O_rows, _ = self_attention(X, Wq * np.sqrt(5), Wk, Wv)
O_columns = self_attention_columns(X.T, Wq.T, Wk.T, Wv.T)
print("largest difference:", np.abs(O_rows - O_columns.T).max())

# %% [markdown] exercise="attention_operations"
# ## 5.4 What it costs
#
# Count the multiplications of numbers: in the three projections, in the
# scores, and in the weighted sums. A product of an $(a, b)$ and a $(b, c)$
# matrix takes $a \cdot b \cdot c$. Scaling and softmax are not counted.


# %% solution="attention_operations"
def attention_operations(n, d, dk, dv):
    """Count the multiplications of self-attention; returns an exact int.

    n vectors of width d, queries and keys of width dk, values of width dv
    (all ints). Counts projections, scores and weighted sums.
    Source: the lecture's slide "Self-attention" (matrix form).
    """
    ### BEGIN SOLUTION
    projections = n * d * (dk + dk + dv)
    scores, sums = n * n * dk, n * n * dv
    return projections + scores + sums
    ### END SOLUTION


# %% test="attention_operations"
check("attention_operations", attention_operations)

# %% [markdown]
# Twice as many vectors: what happens to the count when $n$ is small, and what
# when it is large?

# %% tags=["demo"]
for n in (16, 64, 256, 1024, 4096):
    once, twice = (attention_operations(m, 64, 64, 64) for m in (n, 2 * n))
    print(f"n = {n:5}: {once:14,}, twice n: {twice / once:.2f} times")

# %% [markdown] exercise="self_attention_gradient"
# ## 5.5 The way back
#
# Training needs the derivative of a loss with respect to the inputs and the
# three matrices, given its derivative `dO` with respect to the output. Go back
# through the steps, one at a time:
#
# - $O = A V$ gives $dA = dO\, V^{\mathsf T}$ and $dV = A^{\mathsf T} dO$.
# - Each row of the softmax gives
#   $dS_i = A_i \circ (dA_i - \textstyle\sum_j A_{ij}\, dA_{ij})$.
# - $S = Q K^{\mathsf T} / \sqrt{d_k}$ and the three projections are products
#   again.
#
# $X$ went three ways; its derivative is the sum of what comes back on each.


# %% solution="self_attention_gradient"
def self_attention_gradient(X, Wq, Wk, Wv, dO):
    """Send dO back through self-attention; returns dX, dWq, dWk, dWv.

    X: (n, d). Wq, Wk: (d, dk). Wv: (d, dv). dO: (n, dv), the derivative of a
    loss with respect to O of self_attention(X, Wq, Wk, Wv) (scaled, no mask).
    Each result has the shape of what it is the derivative of.
    Source: the chain rule; compare torch.autograd.
    """
    ### BEGIN SOLUTION
    scale = Wq.shape[1] ** -0.5
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = scale * Q @ K.T
    e = np.exp(S - S.max(axis=1, keepdims=True))
    A = e / e.sum(axis=1, keepdims=True)

    dA, dV = dO @ V.T, A.T @ dO
    dS = A * (dA - (A * dA).sum(axis=1, keepdims=True))
    dQ, dK = scale * dS @ K, scale * dS.T @ Q
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return dX, X.T @ dQ, X.T @ dK, X.T @ dV
    ### END SOLUTION


# %% test="self_attention_gradient"
check("self_attention_gradient", self_attention_gradient)

# %% [markdown]
# A derivative that is right predicts a small difference. Move one input by a
# little and compare.

# %% tags=["demo"]
dO = rng.normal(size=(4, 2))
dX, *_ = self_attention_gradient(X, Wq, Wk, Wv, dO)
step = np.zeros_like(X)
step[2, 1] = 1e-5
ahead, behind = (
    (self_attention(X + s, Wq, Wk, Wv)[0] * dO).sum() for s in (step, -step)
)
print("predicted", dX[2, 1], "measured", (ahead - behind) / 2e-5)

# %% [markdown]
# ## Try it
#
# Not graded. Self-attention has no idea of order: swap two inputs and the
# outputs are swapped. Try it with a mask that lets each vector see only the
# ones before it. Does it still hold?

# %% tags=["demo"]
order = np.array([2, 0, 3, 1])
earlier = np.tril(np.ones((4, 4), dtype=bool))
for name, keep in (("no mask", None), ("only earlier", earlier)):
    plain, _ = self_attention(X, Wq, Wk, Wv, keep)
    swapped, _ = self_attention(X[order], Wq, Wk, Wv, keep)
    difference = np.abs(plain[order] - swapped).max()
    print(f"{name:12}: largest difference {difference:.3f}")
