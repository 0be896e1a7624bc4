# %% [markdown]
# # Chapter 3: how relevant is one vector to another
#
# Before a vector can look at the others it needs a number for each of them:
# how much does that one matter to me? You will build the lecture's two
# scores, the dot product and the additive one, first for one pair, then for
# all pairs at once.
#
# Four exercises, about forty minutes. Read the page *How relevant is one
# vector to another* beside it. Every solution is one to three lines of NumPy.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown] exercise="relevance"
# ## 3.1 One pair
#
# Vector $i$ asks with its query, vector $j$ answers with its key. Both are
# projections of the vectors themselves, each with a matrix of its own. The
# relevance of $j$ to $i$ is their dot product.

# %% [markdown]
# Two vectors and two matrices. What does `a @ W` do to a vector in a row?

# %% tags=["demo"]
a = np.array([1.0, 2.0])
W = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
print("a has shape", a.shape)
print("a @ W =", a @ W, "has shape", (a @ W).shape)


# %% solution="relevance"
def relevance(a_i, a_j, Wq, Wk):
    """Return the unscaled relevance of a_j to a_i: query of i times key of j.

    a_i, a_j: vectors (d,). Wq, Wk: (d, dk). Returns a number.
    Source: the lecture's slide "Self-attention" (dot product).
    """
    ### BEGIN SOLUTION
    return (a_i @ Wq) @ (a_j @ Wk)
    ### END SOLUTION


# %% test="relevance"
check("relevance", relevance)

# %% [markdown]
# Relevance has a direction. How much $j$ matters to $i$ says nothing about
# how much $i$ matters to $j$.

# %% tags=["demo"]
rng = np.random.default_rng(3)
a_1, a_2 = rng.normal(size=(2, 4))
Wq, Wk = rng.normal(size=(2, 4, 3))
print("of 2 to 1:", relevance(a_1, a_2, Wq, Wk))
print("of 1 to 2:", relevance(a_2, a_1, Wq, Wk))

# %% [markdown] exercise="dot_product_scores"
# ## 3.2 Every query with every key
#
# One pair gave one number; a table of pairs gives a matrix. Row $i$ holds all
# scores of query $i$. There may be more keys than queries, or fewer.


# %% solution="dot_product_scores"
def dot_product_scores(Q, K):
    """Return S (nq, nk) with S[i, j] = q_i . k_j, unscaled.

    Q: queries (nq, dk). K: keys (nk, dk).
    Source: the lecture's slide "Self-attention"; arXiv 1508.04025,
    section 3.1.
    """
    ### BEGIN SOLUTION
    return Q @ K.T
    ### END SOLUTION


# %% test="dot_product_scores"
check("dot_product_scores", dot_product_scores)

# %% tags=["demo"]
Q = np.array([[1.0, 0.0], [0.0, 1.0]])
K = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, -3.0]])
print(dot_product_scores(Q, K))

# %% [markdown] exercise="scaled_dot_product_scores"
# ## 3.3 Scaled
#
# A dot product adds up $d_k$ terms; the more terms, the larger it gets. The
# Transformer divides by $\sqrt{d_k}$, which keeps the spread of the scores
# the same for every $d_k$. Here queries and keys of different widths are a
# mistake of the caller: say so.

# %% tags=["demo"]
rng = np.random.default_rng(3)
for dk in (4, 64, 1024):
    q, k = rng.normal(size=(2, 5000, dk))
    products = (q * k).sum(axis=1)
    print(f"dk = {dk:4}: standard deviation {products.std():6.2f}")


# %% solution="scaled_dot_product_scores"
def scaled_dot_product_scores(Q, K):
    """Return S (nq, nk) with S[i, j] = q_i . k_j / sqrt(dk).

    Q: queries (nq, dk). K: keys (nk, dk). Raises ValueError when their dk
    differ. Source: arXiv 1706.03762, section 3.2.1.
    """
    ### BEGIN SOLUTION
    if Q.shape[1] != K.shape[1]:
        raise ValueError(
            f"queries have {Q.shape[1]} entries, keys {K.shape[1]}; "
            "project both to the same dk"
        )
    return Q @ K.T / Q.shape[1] ** 0.5
    ### END SOLUTION


# %% test="scaled_dot_product_scores"
check("scaled_dot_product_scores", scaled_dot_product_scores)

# %% tags=["demo"]
for dk in (4, 64, 1024):
    Q, K = rng.normal(size=(50, dk)), rng.normal(size=(60, dk))
    S = scaled_dot_product_scores(Q, K)
    print(f"dk = {dk:4}: standard deviation {S.std():6.2f}")

# %% [markdown] exercise="additive_scores"
# ## 3.4 Additive
#
# The other score on the slide: project query and key to $h$ numbers, add
# them, squash the sum with tanh, and weigh the result with a vector $w$.
# Queries and keys may have different widths here.


# %% solution="additive_scores"
def additive_scores(Q, K, Wq, Wk, w):
    """Return S (nq, nk) with S[i, j] = w . tanh(q_i Wq + k_j Wk).

    Q: (nq, dq). K: (nk, dk). Wq: (dq, h). Wk: (dk, h). w: (h,).
    Source: the lecture's slide "Self-attention" (additive); arXiv 1409.0473.
    """
    ### BEGIN SOLUTION
    query, key = Q @ Wq, K @ Wk
    return np.tanh(query[:, None, :] + key[None, :, :]) @ w
    ### END SOLUTION


# %% test="additive_scores"
check("additive_scores", additive_scores)

# %% [markdown]
# However large the vectors grow, an additive score stays within the sum of
# $|w|$: tanh does not go beyond 1.

# %% tags=["demo"]
rng = np.random.default_rng(3)
Wq, Wk = rng.normal(size=(4, 8)), rng.normal(size=(6, 8))
w = rng.normal(size=8)
for size in (1, 10, 1000):
    Q = size * rng.normal(size=(3, 4))
    K = size * rng.normal(size=(5, 6))
    S = additive_scores(Q, K, Wq, Wk, w)
    print(f"size {size:4}: largest {abs(S).max():5.2f} of {abs(w).sum():.2f}")

# %% [markdown]
# ## Try it
#
# Not graded. Sixteen random keys compete for one query. How much does the
# winner get, without the scale and with it? Change the number of keys and the
# size of the vectors. What happens?

# %% tags=["demo"]
import matplotlib.pyplot as plt

rng, keys, size = np.random.default_rng(0), 16, 1.0
widths = (4, 16, 64, 256, 1024)
largest = []
for dk in widths:
    q = size * rng.normal(size=(200, 1, dk))
    K = size * rng.normal(size=(200, keys, dk))
    raw = (q * K).sum(axis=-1)
    e = [np.exp(S - S.max(1, keepdims=True)) for S in (raw, raw / dk**0.5)]
    largest.append([(x / x.sum(1, keepdims=True)).max(1).mean() for x in e])

fig, ax = plt.subplots(figsize=(5, 3))
ax.plot(widths, largest, "o-", label=["unscaled", "scaled"])
ax.axhline(1 / keys, color="grey", ls=":", label="equal shares")
ax.set(xscale="log", xlabel="dk", ylabel="largest weight", ylim=(0, 1))
ax.legend()
plt.show()
