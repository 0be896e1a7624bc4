# %% [markdown]
# # Chapter 13: edges say who may look
#
# In a sequence everybody may look at everybody, and attention finds out who
# matters. In a graph the edges say it beforehand. Here you turn a list of edges
# into a mask, let attention run along the edges only, write the layer of the
# graph attention network, and write the plain mean that it generalises.
#
# Five exercises, about an hour and a half. Read the page *Edges say who may
# look* beside it.
#
# One letter: as in chapter 1, `A` is the adjacency matrix here, True where there
# is an edge. `A[i, j]` says that `i` may look at `j`.

# %% locked="setup"
import numpy as np

from autograder import check


def masked_softmax(S, keep):
    """Chapter 4's, for you to use: zeros where not kept, empty rows zero."""
    S = np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


# %% [markdown] exercise="adjacency"
# ## 13.1 From edges to a mask
#
# Networks come as lists of pairs. Attention wants a table: may $i$ look at $j$?
# A friendship goes both ways. "Follows" does not: then the edge $(i, j)$ lets
# $i$ look at $j$ and not the other way round. And may a node look at itself?
# Only if we say so.
#
# First on paper: four nodes, the edges (0, 1), (0, 2), (1, 2) and (2, 3). How
# many of the 16 cells are True, and how many with self loops?


# %% solution="adjacency"
def adjacency(edges, n, directed=False, self_loops=False):
    """Turn edges into a mask A, True where i attends to j; returns (n, n) bool.

    edges: a list of pairs (i, j) or an int array (E, 2), possibly empty, without
    pairs (i, i); pairs may repeat. n: number of nodes. An edge (i, j) sets
    A[i, j], and A[j, i] as well unless `directed`. `self_loops` fills the
    diagonal. Raises a ValueError if an index lies outside 0..n-1.
    Source: the lecture's slide "Self-attention for Graph".
    """
    ### BEGIN SOLUTION
    A = np.eye(n, dtype=bool) if self_loops else np.zeros((n, n), dtype=bool)
    for i, j in edges:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError(f"edge ({i}, {j}), but nodes are 0 to {n - 1}")
        A[i, j] = True
        if not directed:
            A[j, i] = True
    return A
    ### END SOLUTION


# %% test="adjacency"
check("adjacency", adjacency)

# %% [markdown]
# A real network: the members of a karate club, and who met whom outside the
# club. How much of the table is empty?

# %% tags=["demo"]
import matplotlib.pyplot as plt
import networkx as nx

club = nx.karate_club_graph()
A = adjacency(list(club.edges), 34)
plt.figure(figsize=(4, 4))
plt.imshow(A, cmap="Blues")
plt.xlabel("key")
plt.ylabel("query")
plt.show()
print(f"{A.sum()} of {A.size} cells are True")

# %% [markdown] exercise="graph_attention"
# ## 13.2 Attention along edges
#
# Chapter 5's layer, with a graph for a mask: queries, keys, scaled scores, and
# weights only where $A$ has an edge. The neighbours of a node share the whole
# weight 1 among themselves. A node that may look at nobody takes nothing:
# zeros. The diagonal is an edge like any other; if it is not in $A$, a node
# does not see itself.
#
# `masked_softmax` of chapter 4 stands in the first cell.


# %% solution="graph_attention"
def graph_attention(X, Wq, Wk, Wv, A):
    """Let every node attend to its neighbours; returns outputs (n, dv).

    X: node vectors (n, d). Wq, Wk: (d, dk). Wv: (d, dv). A: bool (n, n), True
    where i attends to j; need not be symmetric. Scores are scaled by sqrt(dk),
    the softmax is stable at any size of the scores. A node without neighbours
    gives zeros.
    Source: the lecture's slide "Self-attention for Graph"; arXiv 1706.03762.
    """
    ### BEGIN SOLUTION
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / Q.shape[1] ** 0.5
    return masked_softmax(S, A) @ V
    ### END SOLUTION


# %% test="graph_attention"
check("graph_attention", graph_attention)

# %% [markdown]
# Move one node and see whose output moves. In the path 0 - 1 - 2 - 3, who
# notices that node 3 has changed? And who after two layers?

# %% tags=["demo"]
rng = np.random.default_rng(13)
path = adjacency([(0, 1), (1, 2), (2, 3)], 4, self_loops=True)
X, weights = rng.normal(size=(4, 3)), rng.normal(size=(3, 3, 3))
moved = X + np.array([[0], [0], [0], [1]])
for layers in (1, 2, 3):
    before, after = X, moved
    for _ in range(layers):
        before = graph_attention(before, *weights, path)
        after = graph_attention(after, *weights, path)
    print(layers, "layers:", np.abs(after - before).max(axis=1).round(3))

# %% [markdown] exercise="gat_scores"
# ## 13.3 The scores of the graph attention network
#
# The graph attention network (GAT) scores a pair without a product. One vector
# $a$ is laid along the two node vectors, put one after the other:
#
# $$
# e_{ij} = \operatorname{LeakyReLU}\bigl( a^{\mathsf T}
# [\,h_i \,\Vert\, h_j\,] \bigr) .
# $$
#
# Cut $a$ in the middle: the first half belongs to $h_i$, which asks, the second
# to $h_j$, which answers. LeakyReLU leaves positive numbers as they are and
# multiplies negative ones by a small slope.


# %% solution="gat_scores"
def gat_scores(H, a_query, a_key, slope=0.2):
    """Score all pairs: LeakyReLU(a_query . h_i + a_key . h_j); returns (n, n).

    H: node vectors (n, f). a_query, a_key: (f,). slope: factor for negative
    numbers, 0 <= slope <= 1. Row i belongs to the node that asks. No softmax yet.
    Source: arXiv 1710.10903, equations 1 and 3.
    """
    ### BEGIN SOLUTION
    z = (H @ a_query)[:, None] + (H @ a_key)[None, :]
    return np.where(z > 0, z, slope * z)
    ### END SOLUTION


# %% test="gat_scores"
check("gat_scores", gat_scores)

# %% [markdown]
# Sort the keys of each query by their scores. What do the rows have in common?
# The page says why.

# %% tags=["demo"]
H = rng.normal(size=(5, 3))
a_query, a_key = rng.normal(size=(2, 3))
print(gat_scores(H, a_query, a_key).argsort(axis=1))

# %% [markdown] exercise="gat_layer"
# ## 13.4 The layer
#
# Project all nodes with one matrix, score the pairs, keep the edges, softmax,
# and add up the projected neighbours. Queries, keys and values are the same
# vectors here, $X W$. The paper applies a nonlinearity to the result; leave it
# out, it belongs to the network around the layer.


# %% solution="gat_layer"
def gat_layer(X, W, a_query, a_key, A, slope=0.2):
    """One head of a graph attention network; returns outputs (n, f).

    X: node vectors (n, d). W: (d, f). a_query, a_key: (f,). A: bool (n, n), True
    where i attends to j (to itself only where A says so; need not be symmetric).
    slope: of LeakyReLU, 0 <= slope <= 1. Softmax over the neighbours, stable at
    any size of the scores; no nonlinearity afterwards. A node without neighbours
    gives zeros.
    Source: arXiv 1710.10903, equations 1 to 4.
    """
    ### BEGIN SOLUTION
    H = X @ W
    S = gat_scores(H, a_query, a_key, slope)
    return masked_softmax(S, A) @ H
    ### END SOLUTION


# %% test="gat_layer"
check("gat_layer", gat_layer)

# %% [markdown]
# The karate club again, nobody trained yet: each node is a one-hot vector, so
# the output of a node is an average over its neighbours' rows of $W$.

# %% tags=["demo"]
A = adjacency(list(club.edges), 34, self_loops=True)
W = rng.normal(size=(34, 2))
O = gat_layer(np.eye(34), W, rng.normal(size=2), rng.normal(size=2), A)
print("spread of the rows of W:", W.std(axis=0).round(2))
print("spread of the outputs:  ", O.std(axis=0).round(2))

# %% [markdown] exercise="mean_aggregate"
# ## 13.5 The mean: no attention at all
#
# The simplest layer on a graph asks nobody: every neighbour gets the same
# share. Like a convolution, its weights are fixed before it sees the data.


# %% solution="mean_aggregate"
def mean_aggregate(X, A):
    """Average the vectors of each node's neighbours; returns (n, d).

    X: node vectors (n, d). A: bool (n, n), True where i looks at j (at itself
    only where A says so; need not be symmetric). A node without neighbours gives
    zeros.
    Source: arXiv 1706.02216 (mean aggregator), as the case of equal weights of
    arXiv 1710.10903.
    """
    ### BEGIN SOLUTION
    degree = A.sum(axis=1, keepdims=True)
    return A.astype(X.dtype) @ X / np.maximum(degree, 1).astype(X.dtype)
    ### END SOLUTION


# %% test="mean_aggregate"
check("mean_aggregate", mean_aggregate)

# %% [markdown]
# The mean is the attention whose scores are all alike. Set both halves of $a$
# to zero and compare:

# %% tags=["demo"]
zero = np.zeros(2)
same = gat_layer(np.eye(34), W, zero, zero, A)
print("largest difference:", np.abs(same - mean_aggregate(W, A)).max())

# %% [markdown]
# ## Try it
#
# Not graded. Take the mean again and again: each node hears from farther away,
# and what it hears grows more alike. Change `A`: without self loops, with one
# edge less, or complete. What happens to the spread, and how fast?

# %% tags=["demo"]
X = rng.normal(size=(34, 3))
for layer in range(31):
    if layer % 5 == 0:
        print(f"after {layer:2} layers: spread {X.std(axis=0).mean():.4f}")
    X = mean_aggregate(X, A)
