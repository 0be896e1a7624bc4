"""How chapter 13, edges say who may look, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result

SLIDE = 'slide "Self-attention for Graph"'


def _numbers(rng, *shape, dtype=float):
    """Random numbers that read well in the public cases: short in either precision."""
    numbers = rng.normal(size=shape)
    if dtype is float:
        return np.round(numbers, 2)
    return (np.round(32 * numbers) / 32).astype(dtype)


def _directed(rng, n, loops=True):
    """A random mask that is not symmetric, with a neighbour in each row and column.

    Node i sees i + 1 (the last sees the first) and never i - 1.
    """
    A = rng.random((n, n)) < 0.4
    nodes = np.arange(n)
    A[nodes, nodes] = loops
    A[nodes, (nodes + 1) % n], A[(nodes + 1) % n, nodes] = True, False
    return A


# --- 13.1 adjacency ---------------------------------------------------------------

adjacency = Exercise(
    name="adjacency",
    points=2,
    difficulty=2,
    minutes=15,
    source=SLIDE,
    hints=(
        "Start with a table of False, or with the identity as booleans if there are "
        "self loops. Then walk through the edges and set True.",
        "An undirected edge (i, j) sets A[i, j] and A[j, i]. Before that, compare both "
        "ends with 0 and n: for NumPy a negative index is no error but a node at the "
        "end, and a large one is an IndexError.",
    ),
    inputs={},
    returns=Result("A", "n, n", kind="bool"),
)


@adjacency.cases
def adjacency_cases(rng):
    edges = [(0, 1), (0, 2), (1, 2), (2, 3)]
    yield Case({"edges": edges, "n": 4}, "a triangle with a tail")
    yield Case({"edges": edges, "n": 4, "directed": True}, "directed edges")
    inputs = {"edges": edges, "n": 4, "directed": False, "self_loops": True}
    yield Case(inputs, "self loops")
    n = int(rng.integers(5, 8))
    pairs = np.array([(i, j) for i in range(n) for j in range(n) if i != j])
    some = rng.permutation(pairs)[: n + 3]
    yield Case({"edges": some, "n": n}, "random edges in an array")
    inputs = {"edges": some, "n": n, "directed": True, "self_loops": True}
    yield Case(inputs, "directed, with self loops")
    edges = [tuple(int(i) for i in pair) for pair in rng.permutation(pairs)[:5]]
    twice = [*edges, edges[1], edges[3][::-1]]
    yield Case({"edges": twice, "n": n}, "edges that are listed twice")
    inputs = {"edges": [edges[0], *edges, edges[0]], "n": n, "directed": True}
    yield Case(inputs, "directed edges that are listed three times")
    inputs = {"edges": [(0, 1)], "n": 5, "directed": False, "self_loops": True}
    yield Case(inputs, "nodes without edges, self loops", edge=True)
    yield Case({"edges": [], "n": 3}, "no edges", edge=True)
    edges = np.zeros((0, 2), int)
    inputs = {"edges": edges, "n": 2, "directed": False, "self_loops": True}
    yield Case(inputs, "an empty array of edges, self loops", edge=True)
    # either end may be wrong, too large or negative, and both must be looked at
    for edge in ((0, 3), (3, 0), (0, -1), (-1, 0)):
        inputs = {"edges": [(0, 1), edge], "n": 3}
        yield Case(inputs, f"the edge {edge} among three nodes", edge=True)
    inputs = {"edges": np.array([(1, 0), (1, -2)]), "n": 4, "directed": True}
    yield Case(inputs, "a negative index in an array", edge=True)


@adjacency.misconception(
    "Your edges point one way. Without `directed` an edge lets both ends look: set "
    "A[i, j] and A[j, i]."
)
def one_direction(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool) & self_loops
    for i, j in edges:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError("no such node")
        A[i, j] = True
    return A


@adjacency.misconception(
    "`directed` is ignored. With it the edge (i, j) lets i look at j, and not j at i."
)
def always_both_ways(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool) & self_loops
    for i, j in edges:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError("no such node")
        A[i, j] = A[j, i] = True
    return A


@adjacency.misconception(
    "Your directed edges are turned around. The edge (i, j) lets i look at j: row i, "
    "column j."
)
def turned_around(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool) & self_loops
    for i, j in edges:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError("no such node")
        A[j, i] = True
        A[i, j] |= not directed
    return A


@adjacency.misconception(
    "You counted edges. A says whether there is one: booleans, also for an edge that "
    "is listed twice."
)
def counts_edges(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=int) * self_loops
    for i, j in edges:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError("no such node")
        A[i, j] += 1
        A[j, i] += not directed
    return A


@adjacency.misconception(
    "An edge that is listed twice disappeared: you flipped its cell instead of setting "
    "it to True."
)
def flips_the_cell(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool) & self_loops
    for i, j in edges:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError("no such node")
        A[i, j] ^= True
        A[j, i] ^= not directed
    return A


@adjacency.misconception(
    "Your nodes always see themselves. The diagonal is True only with `self_loops`."
)
def loops_always(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool)
    for i, j in edges:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError("no such node")
        A[i, j] = True
        A[j, i] |= not directed
    return A


@adjacency.misconception(
    "`self_loops` is ignored. With it every node sees itself: fill the diagonal."
)
def loops_never(edges, n, directed=False, self_loops=False):
    A = np.zeros((n, n), dtype=bool)
    for i, j in edges:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError("no such node")
        A[i, j] = True
        A[j, i] |= not directed
    return A


@adjacency.misconception(
    "Only nodes that have an edge got their self loop. With `self_loops` every node "
    "sees itself, also one without edges."
)
def loops_where_edges_are(edges, n, directed=False, self_loops=False):
    A = np.zeros((n, n), dtype=bool)
    for i, j in edges:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError("no such node")
        A[i, j] = True
        A[j, i] |= not directed
        A[i, i] = A[j, j] = self_loops
    return A


@adjacency.misconception(
    "A negative index slips through: -1 is the last node for NumPy. Check that both "
    "ends lie in 0..n-1."
)
def negative_slips(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool) & self_loops
    for i, j in edges:
        if i >= n or j >= n:
            raise ValueError("no such node")
        A[i, j] = True
        A[j, i] |= not directed
    return A


@adjacency.misconception(
    "You looked at one end of each edge only. Both must lie in 0..n-1."
)
def checks_one_end(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool) & self_loops
    for i, j in edges:
        if not 0 <= i < n:
            raise ValueError("no such node")
        A[i, j] = True
        A[j, i] |= not directed
    return A


@adjacency.misconception(
    "An edge to a node that is not there must raise a ValueError. NumPy raises an "
    "IndexError for a large index and takes a negative one for a node at the end."
)
def never_checks(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool) & self_loops
    for i, j in edges:
        A[i, j] = True
        A[j, i] |= not directed
    return A


@adjacency.misconception(
    "You left out edges to nodes that are not there. Raise a ValueError: a wrong list "
    "of edges should be noticed."
)
def skips_wrong_edges(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool) & self_loops
    for i, j in edges:
        if 0 <= i < n and 0 <= j < n:
            A[i, j] = True
            A[j, i] |= not directed
    return A


@adjacency.misconception(
    "You counted nodes from 1. The first node is 0, and n - 1 is the last."
)
def counts_from_one(edges, n, directed=False, self_loops=False):
    A = np.eye(n, dtype=bool) & self_loops
    for i, j in edges:
        if not (1 <= i <= n and 1 <= j <= n):
            raise ValueError("nodes count from 1")
        A[i - 1, j - 1] = True
        A[j - 1, i - 1] |= not directed
    return A


@adjacency.misconception(
    "An empty list of edges fails: an array of nothing has no columns. Use "
    "`reshape(-1, 2)`, or a loop."
)
def fails_when_empty(edges, n, directed=False, self_loops=False):
    pairs = np.array(edges)
    i, j = pairs[:, 0], pairs[:, 1]
    if pairs.min() < 0 or pairs.max() >= n:
        raise ValueError("no such node")
    A = np.eye(n, dtype=bool) & self_loops
    A[i, j] = True
    return A if directed else A | A.T


@adjacency.alternative
def by_indexing(edges, n, directed=False, self_loops=False):
    pairs = np.array(edges, dtype=int).reshape(-1, 2)
    if ((pairs < 0) | (pairs >= n)).any():
        raise ValueError("an index outside the graph")
    A = np.zeros((n, n), dtype=bool)
    A[pairs[:, 0], pairs[:, 1]] = True
    if not directed:
        A |= A.T
    if self_loops:
        np.fill_diagonal(A, True)
    return A


@adjacency.alternative
def by_sets(edges, n, directed=False, self_loops=False):
    joined = {(int(i), int(j)) for i, j in edges}
    if not directed:
        joined |= {(j, i) for i, j in joined}
    if self_loops:
        joined |= {(i, i) for i in range(n)}
    nodes = range(n)
    if any(i not in nodes or j not in nodes for i, j in joined):
        raise ValueError(f"nodes are 0 to {n - 1}")
    return np.array([[(i, j) in joined for j in nodes] for i in nodes])


@adjacency.alternative
def by_networkx(edges, n, directed=False, self_loops=False):
    import networkx as nx

    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((int(i), int(j)) for i, j in edges)
    if len(graph) != n:
        raise ValueError("an edge brought a node that is not there")
    A = nx.to_numpy_array(graph, nodelist=range(n), weight=None) > 0
    return A | np.eye(n, dtype=bool) if self_loops else A


# --- 13.2 graph_attention ---------------------------------------------------------

graph_attention = Exercise(
    name="graph_attention",
    points=3,
    difficulty=3,
    minutes=20,
    source=f"{SLIDE}; arXiv 1706.03762, section 3.2.1",
    hints=(
        "It is the self-attention of chapter 5 with A as the mask.",
        "Project, score, scale with the root of dk, `masked_softmax(S, A)`, and add up "
        "the values with the weights. Nothing else about the graph is needed.",
    ),
    inputs={"X": "n, d", "Wq": "d, dk", "Wk": "d, dk", "Wv": "d, dv", "A": "n, n"},
    returns=Result("O", "n, dv", kind="float"),
)


def _attention_inputs(rng, n, d, dk, dv, A, dtype=float):
    X = _numbers(rng, n, d, dtype=dtype)
    Wq, Wk = (_numbers(rng, d, dk, dtype=dtype) for _ in range(2))
    return {"X": X, "Wq": Wq, "Wk": Wk, "Wv": _numbers(rng, d, dv, dtype=dtype), "A": A}


@graph_attention.cases
def graph_attention_cases(rng):
    inputs = {
        "X": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0]]),
        "Wq": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        "Wk": np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
        "Wv": np.array([[1.0, 0.0, 2.0, 0.0, 1.0], [0.0, 1.0, 0.0, 2.0, 1.0]]),
        "A": np.eye(4, dtype=bool),
    }
    for i, j in ((0, 1), (0, 2), (1, 2), (2, 3)):
        inputs["A"][i, j] = inputs["A"][j, i] = True
    yield Case(inputs, "a triangle with a tail, self loops")
    A = _directed(rng, 5)
    yield Case(_attention_inputs(rng, 5, 3, 4, 2, A), "directed edges, self loops")
    A = _directed(rng, 4, loops=False)
    inputs = _attention_inputs(rng, 4, 5, 3, 2, A, np.float32)
    yield Case(inputs, "directed edges without self loops, float32")
    A = _directed(rng, 5, loops=np.arange(5) % 2 == 0)
    A[rng.integers(5)] = False
    yield Case(_attention_inputs(rng, 5, 4, 3, 2, A), "a node that sees nobody")
    A = np.ones((4, 4), dtype=bool)
    inputs = _attention_inputs(rng, 4, 5, 3, 2, A)
    yield Case(inputs, "a complete graph with self loops", edge=True)
    A = np.zeros((3, 3), dtype=bool)
    inputs = _attention_inputs(rng, 3, 5, 4, 2, A)
    yield Case(inputs, "no edges at all", edge=True)
    inputs = _attention_inputs(rng, 3, 4, 5, 2, np.eye(3, dtype=bool))
    yield Case(inputs, "self loops only", edge=True)
    # X has a column for the query, one for the key and one for the value
    Wq, Wk = np.zeros((2, 3, 4))
    Wq[0, 0] = Wk[1, 0] = 1.0
    Wv = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, -2.0]])
    X = np.array([[200.0, 100, 0], [-200, 100.01, 0], [3, 100.02, 0], [1, 99.0, 0]])
    X[:, 2] = _numbers(rng, 4)
    A = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1]], bool)
    inputs = {"X": X, "Wq": Wq, "Wk": Wk, "Wv": Wv, "A": A}
    yield Case(inputs, "scores near 10,000 and -10,000", edge=True)
    X = np.array([[100.0, -200, 0], [100, -200.02, 0], [100, 200, 0]])
    X[:, 2] = _numbers(rng, 3)
    A = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0]], bool)
    inputs = {"X": X, "Wq": Wq, "Wk": Wk, "Wv": Wv, "A": A}
    yield Case(inputs, "neighbours near -10,000, a stranger at 10,000", edge=True)


@graph_attention.misconception(
    "Your maximum includes strangers; a large score of one pushes all neighbours to 0. "
    "Mask first, then take the maximum."
)
def maximum_before_mask(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    e = np.exp(S - S.max(axis=1, keepdims=True)) * A
    total = e.sum(axis=1, keepdims=True)
    return e / np.where(total == 0, 1, total) @ (X @ Wv)


@graph_attention.misconception(
    "You used A transposed. Row i of A says at whom i may look, and row i of the "
    "scores belongs to i."
)
def a_transposed(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    return masked_softmax(S, A.T) @ (X @ Wv)


@graph_attention.misconception(
    "You multiplied the scores by A. A score of 0 is no refusal: exp(0) = 1. Use minus "
    "infinity, or `masked_softmax`."
)
def scores_times_a(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5 * A
    return masked_softmax(S, np.ones_like(A)) @ (X @ Wv)


@graph_attention.misconception(
    "You multiplied the weights by A after the softmax, and the rows no longer add up "
    "to 1. Mask the scores before."
)
def weights_times_a(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    return (masked_softmax(S, np.ones_like(A)) * A) @ (X @ Wv)


@graph_attention.misconception(
    "You added A to the scores. That favours neighbours, and strangers still get a "
    "share: mask them."
)
def a_added(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5 + A
    return masked_softmax(S, np.ones_like(A)) @ (X @ Wv)


@graph_attention.misconception(
    "The edges are ignored: everybody looks at everybody. Only where A is True may a "
    "node look."
)
def edges_ignored(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    return masked_softmax(S, np.ones_like(A)) @ (X @ Wv)


@graph_attention.misconception(
    "Your mask is upside down: A is True where attention is allowed."
)
def upside_down(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    return masked_softmax(S, ~A) @ (X @ Wv)


@graph_attention.misconception(
    "You let every node see itself. Take A as it is: the diagonal is an edge like any "
    "other."
)
def loops_added(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    return masked_softmax(S, A | np.eye(len(A), dtype=bool)) @ (X @ Wv)


@graph_attention.misconception(
    "You made the edges go both ways. A may be directed: take it as it is."
)
def both_ways(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    return masked_softmax(S, A | A.T) @ (X @ Wv)


@graph_attention.misconception(
    "A node that sees nobody became NaN: its row is all minus infinity. Such a node "
    "gets zeros."
)
def nan_when_alone(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    S = np.where(A, S, -np.inf)
    with np.errstate(all="ignore"):
        e = np.exp(S - S.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True) @ (X @ Wv)


@graph_attention.misconception(
    "With a large negative number for minus infinity, a node that may look at nobody "
    "looks at everybody alike. Such a node gets zeros."
)
def large_negative_number(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    S = np.where(A, S, -1e9)
    return masked_softmax(S, np.ones_like(A)) @ (X @ Wv)


@graph_attention.misconception(
    "A node that sees nobody kept its own value. It takes nothing: zeros. A node sees "
    "itself only where A says so."
)
def alone_keeps_itself(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    alone = ~A.any(axis=1, keepdims=True) & np.eye(len(A), dtype=bool)
    return masked_softmax(S, A | alone) @ (X @ Wv)


@graph_attention.misconception(
    "The scale is missing: divide the scores by the root of dk, as in chapter 5."
)
def no_scale(X, Wq, Wk, Wv, A):
    return masked_softmax((X @ Wq) @ (X @ Wk).T, A) @ (X @ Wv)


@graph_attention.misconception(
    "You divided by the root of d, the width of the inputs. The scale is the root of "
    "dk, the width of queries and keys."
)
def scaled_by_d(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / X.shape[1] ** 0.5
    return masked_softmax(S, A) @ (X @ Wv)


@graph_attention.misconception(
    "You divided by the root of the number of nodes. The scale is the root of dk, the "
    "width of queries and keys."
)
def scaled_by_n(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / len(X) ** 0.5
    return masked_softmax(S, A) @ (X @ Wv)


@graph_attention.misconception("You divided by dk. Divide by its root.")
def scaled_by_dk(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1]
    return masked_softmax(S, A) @ (X @ Wv)


@graph_attention.misconception(
    "Query and key are swapped. Row i of the scores asks with the query of i: Q comes "
    "first, and K is transposed."
)
def keys_ask(X, Wq, Wk, Wv, A):
    S = (X @ Wk) @ (X @ Wq).T / Wq.shape[1] ** 0.5
    return masked_softmax(S, A) @ (X @ Wv)


@graph_attention.misconception(
    "Your softmax runs over the nodes that ask. The weights of one node are a row: use "
    "the last axis."
)
def over_the_queries(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    return masked_softmax(S.T, A.T).T @ (X @ Wv)


@graph_attention.misconception(
    "You took the mean of the neighbours' values. Attention weighs them: softmax of "
    "the scores."
)
def plain_mean(X, Wq, Wk, Wv, A):
    return A @ (X @ Wv) / np.maximum(A.sum(axis=1, keepdims=True), 1)


@graph_attention.misconception(
    "You took the value of the best neighbour alone. Every neighbour takes part, in "
    "proportion to its weight."
)
def best_neighbour(X, Wq, Wk, Wv, A):
    S = (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5
    best = np.where(A, S, -np.inf).argmax(axis=1)
    return (X @ Wv)[best] * A.any(axis=1, keepdims=True)


@graph_attention.misconception(
    "Large scores overflow, and very small ones give 0/0. Subtract the largest score "
    "among the neighbours before you exponentiate."
)
def overflow(X, Wq, Wk, Wv, A):
    with np.errstate(all="ignore"):
        e = np.exp(np.where(A, (X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5, -np.inf))
        total = e.sum(axis=1, keepdims=True)
        return e / np.where(A.any(axis=1, keepdims=True), total, 1) @ (X @ Wv)


@graph_attention.misconception(
    "You added up the neighbours' inputs. What is added up are their values: X Wv."
)
def raw_inputs(X, Wq, Wk, Wv, A):
    return masked_softmax((X @ Wq) @ (X @ Wk).T / Wq.shape[1] ** 0.5, A) @ X


@graph_attention.alternative
def node_by_node(X, Wq, Wk, Wv, A):
    O = np.zeros((len(X), Wv.shape[1]), dtype=X.dtype)
    for i, x in enumerate(X):
        mine = X[A[i]]
        if len(mine):
            s = (mine @ Wk) @ (x @ Wq) / np.sqrt(Wk.shape[1])
            e = np.exp(s - s.max())
            O[i] = e / e.sum() @ (mine @ Wv)
    return O


@graph_attention.alternative
def edge_by_edge(X, Wq, Wk, Wv, A):
    i, j = np.nonzero(A)
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    s = (Q[i] * K[j]).sum(axis=1) / np.sqrt(Q.shape[1])
    top = np.full(len(X), -np.inf)
    np.maximum.at(top, i, s)
    e = np.exp(s - top[i])
    total, O = np.zeros(len(X)), np.zeros((len(X), V.shape[1]))
    np.add.at(total, i, e)
    np.add.at(O, i, (e / total[i])[:, None] * V[j])
    return O


@graph_attention.alternative
def by_torch(X, Wq, Wk, Wv, A):
    import torch

    Q, K, V = (torch.from_numpy(X @ W) for W in (Wq, Wk, Wv))
    S = (Q @ K.T / Q.shape[1] ** 0.5).masked_fill(~torch.from_numpy(A), -torch.inf)
    return torch.softmax(S, dim=1).nan_to_num(0.0) @ V


# --- 13.3 gat_scores --------------------------------------------------------------

gat_scores = Exercise(
    name="gat_scores",
    points=2,
    difficulty=2,
    minutes=15,
    source="arXiv 1710.10903, equations 1 and 3",
    hints=(
        "The dot product of a with two vectors, one after the other, is the sum of two "
        "dot products. Each node needs two numbers only: what it says when it asks, "
        "and what it says when it answers.",
        "A column of n numbers plus a row of n numbers broadcasts to (n, n): "
        "`[:, None]` makes the column of those who ask. Then `np.where(z > 0, z, "
        "slope * z)`.",
    ),
    inputs={"H": "n, f", "a_query": "f", "a_key": "f"},
    returns=Result("S", "n, n", kind="float"),
)


def _score_inputs(rng, n, f, dtype=float, **more):
    return {
        "H": _numbers(rng, n, f, dtype=dtype),
        "a_query": _numbers(rng, f, dtype=dtype),
        "a_key": _numbers(rng, f, dtype=dtype),
        **more,
    }


@gat_scores.cases
def gat_scores_cases(rng):
    inputs = {
        "H": np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 1.0], [1.0, 1.0, 0.0], [0, 0, 1]]),
        "a_query": np.array([1.0, -2.0, 0.0]),
        "a_key": np.array([0.0, 1.0, 2.0]),
    }
    yield Case(inputs, "four nodes of three numbers")
    yield Case(_score_inputs(rng, 5, 3), "random numbers")
    yield Case(_score_inputs(rng, 3, 6, np.float32), "float32")
    slope = float(rng.integers(30, 70)) / 100
    yield Case(_score_inputs(rng, 4, 3, slope=slope), f"slope = {slope}")
    inputs = _score_inputs(rng, 3, 4, slope=0.0)
    yield Case(inputs, "slope = 0", edge=True)
    yield Case(_score_inputs(rng, 3, 4, slope=1.0), "slope = 1", edge=True)
    yield Case(_score_inputs(rng, 3, 3), "as many nodes as numbers", edge=True)
    yield Case(_score_inputs(rng, 1, 3), "a single node", edge=True)
    inputs = _score_inputs(rng, 4, 3)
    yield Case({**inputs, "H": 1e4 * inputs["H"]}, "scores around 10,000", edge=True)


@gat_scores.misconception(
    "You used ReLU, and all negative scores became 0. LeakyReLU multiplies them by "
    "`slope`, so that they still differ."
)
def relu(H, a_query, a_key, slope=0.2):
    return np.maximum((H @ a_query)[:, None] + (H @ a_key)[None, :], 0)


@gat_scores.misconception(
    "Query and key are swapped: row i belongs to the node that asks, so a_query goes "
    "with the rows and a_key with the columns."
)
def swapped(H, a_query, a_key, slope=0.2):
    z = (H @ a_query)[None, :] + (H @ a_key)[:, None]
    return np.where(z > 0, z, slope * z)


@gat_scores.misconception(
    "You left out LeakyReLU. It comes last: the sum where that is positive, `slope` "
    "times the sum where it is negative."
)
def no_leaky_relu(H, a_query, a_key, slope=0.2):
    return (H @ a_query)[:, None] + (H @ a_key)[None, :]


@gat_scores.misconception(
    "`slope` is ignored: you always multiply negative numbers by 0.2."
)
def slope_fixed(H, a_query, a_key, slope=0.2):
    z = (H @ a_query)[:, None] + (H @ a_key)[None, :]
    return np.where(z > 0, z, 0.2 * z)


@gat_scores.misconception(
    "Your slope is 0.01, the default of many libraries. Here `slope` is given, and 0.2 "
    "as in the paper if it is not."
)
def slope_of_libraries(H, a_query, a_key, slope=0.2):
    z = (H @ a_query)[:, None] + (H @ a_key)[None, :]
    return np.where(z > 0, z, 0.01 * z)


@gat_scores.misconception(
    "You applied LeakyReLU to the two parts and then added them. Add first: the bend "
    "comes after the sum."
)
def bent_before_the_sum(H, a_query, a_key, slope=0.2):
    q, k = H @ a_query, H @ a_key
    q, k = np.where(q > 0, q, slope * q), np.where(k > 0, k, slope * k)
    return q[:, None] + k[None, :]


@gat_scores.misconception(
    "You applied LeakyReLU to the node vectors before the dot product with a. In this "
    "layer it comes last; the other order is a later paper's, GATv2."
)
def bent_before_the_product(H, a_query, a_key, slope=0.2):
    L = np.where(H > 0, H, slope * H)
    return (L @ a_query)[:, None] + (L @ a_key)[None, :]


@gat_scores.misconception(
    "You multiplied the two parts. One vector laid along both nodes gives a sum: a_q . "
    "h_i + a_k . h_j."
)
def product(H, a_query, a_key, slope=0.2):
    z = np.outer(H @ a_query, H @ a_key)
    return np.where(z > 0, z, slope * z)


@gat_scores.misconception(
    "The slope is on the wrong side: positive numbers stay, negative ones are "
    "multiplied by it. With a slope below 1 that is the larger of z and slope * z."
)
def wrong_side(H, a_query, a_key, slope=0.2):
    z = (H @ a_query)[:, None] + (H @ a_key)[None, :]
    return np.where(z > 0, slope * z, z)


@gat_scores.misconception(
    "You used tanh, the bend of chapter 3's additive score. GAT uses LeakyReLU."
)
def tanh(H, a_query, a_key, slope=0.2):
    return np.tanh((H @ a_query)[:, None] + (H @ a_key)[None, :])


@gat_scores.misconception(
    "You used ELU for negative numbers. In the paper ELU comes after the layer; the "
    "scores are bent by LeakyReLU."
)
def elu(H, a_query, a_key, slope=0.2):
    z = (H @ a_query)[:, None] + (H @ a_key)[None, :]
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


@gat_scores.misconception(
    "You applied a softmax. These are the scores; the layer turns them into weights, "
    "over the neighbours."
)
def softmax_applied(H, a_query, a_key, slope=0.2):
    z = (H @ a_query)[:, None] + (H @ a_key)[None, :]
    z = np.where(z > 0, z, slope * z)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@gat_scores.misconception(
    "You divided by the root of f. That scale belongs to dot products of queries with "
    "keys; GAT has none."
)
def scaled(H, a_query, a_key, slope=0.2):
    z = (H @ a_query)[:, None] + (H @ a_key)[None, :]
    return np.where(z > 0, z, slope * z) / H.shape[1] ** 0.5


@gat_scores.misconception(
    "You scored each node with itself only, n numbers. There is a score for each pair, "
    "(n, n): a column plus a row."
)
def no_pairs(H, a_query, a_key, slope=0.2):
    z = H @ a_query + H @ a_key
    return np.where(z > 0, z, slope * z)


@gat_scores.alternative
def as_a_maximum(H, a_query, a_key, slope=0.2):
    z = np.add.outer(H @ a_query, H @ a_key)
    return np.maximum(z, slope * z)


@gat_scores.alternative
def pair_by_pair(H, a_query, a_key, slope=0.2):
    n, a = len(H), np.concatenate([a_query, a_key])
    S = np.empty((n, n), dtype=H.dtype)
    for i in range(n):
        for j in range(n):
            z = a @ np.concatenate([H[i], H[j]])
            S[i, j] = z if z >= 0 else slope * z
    return S


@gat_scores.alternative
def in_two_parts(H, a_query, a_key, slope=0.2):
    ones = np.ones_like(H)
    z = (H * a_query) @ ones.T + ones @ (H * a_key).T
    return z.clip(min=0) + slope * z.clip(max=0)


@gat_scores.alternative
def by_torch_scores(H, a_query, a_key, slope=0.2):
    import torch

    H, q, k = map(torch.from_numpy, (H, a_query, a_key))
    z = (H @ q)[:, None] + (H @ k)[None]
    return torch.nn.functional.leaky_relu(z, slope)


# --- 13.4 gat_layer ---------------------------------------------------------------

gat_layer = Exercise(
    name="gat_layer",
    points=4,
    difficulty=3,
    minutes=25,
    source="arXiv 1710.10903, equations 1 to 4",
    hints=(
        "Four lines: H = X W, the scores of H from your `gat_scores`, the masked "
        "softmax over A, the weighted sum of ... which vectors?",
        "`masked_softmax(S, A) @ H`. The same H is scored and added up. Pass `slope` "
        "on, and return the sum as it is.",
    ),
    inputs={"X": "n, d", "W": "d, f", "a_query": "f", "a_key": "f", "A": "n, n"},
    returns=Result("O", "n, f", kind="float"),
)


def _layer_inputs(rng, n, d, f, A, dtype=float, **more):
    return {
        "X": _numbers(rng, n, d, dtype=dtype),
        "W": _numbers(rng, d, f, dtype=dtype),
        "a_query": _numbers(rng, f, dtype=dtype),
        "a_key": _numbers(rng, f, dtype=dtype),
        "A": A,
        **more,
    }


@gat_layer.cases
def gat_layer_cases(rng):
    A = np.eye(4, dtype=bool)
    for i, j in ((0, 1), (0, 2), (1, 2), (2, 3)):
        A[i, j] = A[j, i] = True
    inputs = {
        "X": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]]),
        "W": np.array([[1.0, 0.0, 1.0], [0.0, 1.0, -1.0]]),
        "a_query": np.array([1.0, -1.0, 0.0]),
        "a_key": np.array([0.0, 1.0, -1.0]),
        "A": A,
    }
    yield Case(inputs, "a triangle with a tail, self loops")
    inputs = _layer_inputs(rng, 5, 4, 3, _directed(rng, 5))
    yield Case(inputs, "directed edges, self loops")
    A = _directed(rng, 4, loops=False)
    inputs = _layer_inputs(rng, 4, 5, 3, A, np.float32)
    yield Case(inputs, "directed edges without self loops, float32")
    A = _directed(rng, 5, loops=np.arange(5) % 2 == 0)
    A[rng.integers(5)] = False
    yield Case(_layer_inputs(rng, 5, 3, 2, A), "a node that sees nobody")
    slope = float(rng.integers(40, 70)) / 100
    inputs = _layer_inputs(rng, 4, 5, 3, _directed(rng, 4), slope=slope)
    yield Case(inputs, f"slope = {slope}")
    inputs = _layer_inputs(rng, 4, 3, 3, _directed(rng, 4))
    yield Case(inputs, "d = f", edge=True)
    inputs = _layer_inputs(rng, 4, 5, 2, np.ones((4, 4), dtype=bool))
    yield Case(inputs, "a complete graph with self loops", edge=True)
    inputs = _layer_inputs(rng, 3, 4, 2, np.zeros((3, 3), dtype=bool))
    yield Case(inputs, "no edges at all", edge=True)
    # H is X: its first entry answers, its second asks, its third is carried along
    eye, first, second = np.eye(3), np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    X = np.array([[1e4, 0, 0], [1e4 + 1, -3e4, 0], [1e4 - 2, 5, 0], [9.0, 1e4, 0]])
    X[:, 2] = _numbers(rng, 4)
    A = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1], [0, 1, 1, 0]], bool)
    inputs = {"X": X, "W": eye, "a_query": second, "a_key": first, "A": A}
    yield Case(inputs, "scores near 10,000 and far below 0", edge=True)
    X = np.array([[-5e4, 0, 0], [-5e4 + 1, 0, 0], [1e4, 0, 0]])
    X[:, 2] = _numbers(rng, 3)
    A = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0]], bool)
    inputs = {"X": X, "W": eye, "a_query": second, "a_key": first, "A": A}
    yield Case(inputs, "neighbours near -10,000, a stranger at 10,000", edge=True)


@gat_layer.misconception(
    "Your maximum includes strangers; a large score of one pushes all neighbours to 0. "
    "Mask first, then take the maximum."
)
def layer_maximum_before_mask(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    e = np.exp(S - S.max(axis=1, keepdims=True)) * A
    total = e.sum(axis=1, keepdims=True)
    return e / np.where(total == 0, 1, total) @ (X @ W)


@gat_layer.misconception(
    "Your softmax runs over all nodes. Only those that A allows may get a share."
)
def over_all_nodes(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    return masked_softmax(S, np.ones_like(A)) @ X @ W


@gat_layer.misconception(
    "You scored X. The scores come from the projected vectors, X W."
)
def scores_from_x(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X, a_query, a_key, slope)
    return masked_softmax(S, A) @ X @ W


@gat_layer.misconception(
    "You multiplied the scores by A. A score of 0 is no refusal: exp(0) = 1. Use minus "
    "infinity, or `masked_softmax`."
)
def multiplied_not_masked(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope) * A
    return masked_softmax(S, np.ones_like(A)) @ X @ W


@gat_layer.misconception(
    "You multiplied the weights by A after the softmax, and the rows no longer add up "
    "to 1. Mask the scores before."
)
def masked_afterwards(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    return (masked_softmax(S, np.ones_like(A)) * A) @ X @ W


@gat_layer.misconception(
    "You added up the inputs X. What is added up are the projected vectors, X W."
)
def sums_x(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    return masked_softmax(S, A) @ X


@gat_layer.misconception("You used A transposed. Row i of A says at whom i may look.")
def layer_a_transposed(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    return masked_softmax(S, A.T) @ X @ W


@gat_layer.misconception(
    "You made the edges go both ways. A may be directed: take it as it is."
)
def layer_both_ways(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    return masked_softmax(S, A | A.T) @ X @ W


@gat_layer.misconception(
    "Query and key are swapped: a_query goes with the node that asks, the row."
)
def layer_swapped(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_key, a_query, slope)
    return masked_softmax(S, A) @ X @ W


@gat_layer.misconception(
    "You let every node see itself. The paper adds self loops to the graph; the layer "
    "takes A as it is."
)
def layer_loops_added(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    keep = A | np.eye(len(A), dtype=bool)
    return masked_softmax(S, keep) @ X @ W


@gat_layer.misconception(
    "You applied ELU to the result. Return the weighted sum as it is; the nonlinearity "
    "belongs to the network around the layer."
)
def elu_afterwards(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    O = masked_softmax(S, A) @ X @ W
    return np.where(O > 0, O, np.expm1(np.minimum(O, 0)))


@gat_layer.misconception(
    "You applied ReLU to the result. Return the weighted sum as it is; the "
    "nonlinearity belongs to the network around the layer."
)
def relu_afterwards(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    return np.maximum(masked_softmax(S, A) @ X @ W, 0)


@gat_layer.misconception("`slope` is ignored: pass it on to the scores.")
def slope_not_passed_on(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key)
    return masked_softmax(S, A) @ X @ W


@gat_layer.misconception(
    "LeakyReLU is missing. Without the bend the part of the node that asks cancels in "
    "the softmax, and all nodes weigh alike."
)
def layer_without_leaky_relu(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, 1.0)
    return masked_softmax(S, A) @ X @ W


@gat_layer.misconception(
    "You used ReLU in the scores, and all negative ones became alike. LeakyReLU "
    "multiplies them by `slope`."
)
def layer_with_relu(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, 0.0)
    return masked_softmax(S, A) @ X @ W


@gat_layer.misconception(
    "You divided the scores by the root of f. That scale belongs to dot products of "
    "queries with keys; GAT has none."
)
def layer_scaled(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope) / W.shape[1] ** 0.5
    return masked_softmax(S, A) @ X @ W


@gat_layer.misconception(
    "You took the mean of the neighbours. Attention weighs them: softmax of the scores."
)
def layer_mean(X, W, a_query, a_key, A, slope=0.2):
    return A @ (X @ W) / np.maximum(A.sum(axis=1, keepdims=True), 1)


@gat_layer.misconception(
    "Your softmax runs over the nodes that ask. The weights of one node are a row: use "
    "the last axis."
)
def layer_over_the_queries(X, W, a_query, a_key, A, slope=0.2):
    S = gat_scores(X @ W, a_query, a_key, slope)
    return masked_softmax(S.T, A.T).T @ X @ W


@gat_layer.misconception(
    "A node that sees nobody became NaN: its row is all minus infinity. Such a node "
    "gets zeros."
)
def layer_nan_when_alone(X, W, a_query, a_key, A, slope=0.2):
    S = np.where(A, gat_scores(X @ W, a_query, a_key, slope), -np.inf)
    with np.errstate(all="ignore"):
        e = np.exp(S - S.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True) @ (X @ W)


@gat_layer.misconception(
    "With a large negative number for minus infinity, as in the authors' own program, "
    "a node that may look at nobody looks at everybody alike. Such a node gets zeros."
)
def layer_large_negative(X, W, a_query, a_key, A, slope=0.2):
    S = np.where(A, gat_scores(X @ W, a_query, a_key, slope), -1e9)
    return masked_softmax(S, np.ones_like(A)) @ X @ W


@gat_layer.misconception(
    "Large scores overflow, and very small ones give 0/0. Subtract the largest score "
    "among the neighbours before you exponentiate."
)
def layer_overflow(X, W, a_query, a_key, A, slope=0.2):
    S = np.where(A, gat_scores(X @ W, a_query, a_key, slope), -np.inf)
    with np.errstate(all="ignore"):
        e = np.exp(S)
        total = e.sum(axis=1, keepdims=True)
        return e / np.where(A.any(axis=1, keepdims=True), total, 1) @ (X @ W)


@gat_layer.alternative
def layer_node_by_node(X, W, a_query, a_key, A, slope=0.2):
    H = X @ W
    O = np.zeros_like(H)
    for i in range(len(X)):
        neighbours = [j for j in range(len(X)) if A[i][j]]
        if not neighbours:
            continue
        z = [a_query @ H[i] + a_key @ H[j] for j in neighbours]
        s = np.array([v if v > 0 else slope * v for v in z])
        e = np.exp(s - max(s))
        O[i] = sum(w * H[j] for w, j in zip(e / sum(e), neighbours))
    return O


@gat_layer.alternative
def layer_edge_by_edge(X, W, a_query, a_key, A, slope=0.2):
    H, (i, j) = X @ W, np.nonzero(A)
    s = (H @ a_query)[i] + (H @ a_key)[j]
    s = np.maximum(s, slope * s)
    top, total, O = np.full(len(X), -np.inf), np.zeros(len(X)), np.zeros(H.shape)
    np.maximum.at(top, i, s)
    e = np.exp(s - top[i])
    np.add.at(total, i, e)
    np.add.at(O, i, (e / total[i])[:, None] * H[j])
    return O


@gat_layer.alternative
def layer_by_torch(X, W, a_query, a_key, A, slope=0.2):
    import torch

    X, W, q, k, A = map(torch.from_numpy, (X, W, a_query, a_key, A))
    H = X @ W
    S = torch.nn.functional.leaky_relu((H @ q)[:, None] + H @ k, slope)
    return torch.softmax(S.masked_fill(~A, -torch.inf), 1).nan_to_num(0.0) @ H


# --- 13.5 mean_aggregate ----------------------------------------------------------

mean_aggregate = Exercise(
    name="mean_aggregate",
    points=2,
    difficulty=2,
    minutes=10,
    source="arXiv 1706.02216, section 3.3 (mean aggregator); compare arXiv 1710.10903",
    hints=(
        "A @ X adds up the vectors of each node's neighbours. By what must each row be "
        "divided?",
        "By the number of True in that row of A, as a column: `A.sum(axis=1, "
        "keepdims=True)`. Divide by 1 where that number is 0, and zeros stay zeros.",
    ),
    inputs={"X": "n, d", "A": "n, n"},
    returns=Result("M", "n, d", kind="float"),
)


@mean_aggregate.cases
def mean_aggregate_cases(rng):
    X = np.array([[3.0, 0.0, 6.0], [0.0, 6.0, 0.0], [6.0, 3.0, 0.0], [1.0, -2.0, 4.0]])
    A = np.zeros((4, 4), dtype=bool)
    for i, j in ((0, 1), (0, 2), (1, 2), (2, 3)):
        A[i, j] = A[j, i] = True
    yield Case({"X": X, "A": A}, "a triangle with a tail")
    inputs = {"X": _numbers(rng, 5, 3), "A": _directed(rng, 5, loops=False)}
    yield Case(inputs, "directed edges")
    X = _numbers(rng, 6, 2, dtype=np.float32)
    yield Case({"X": X, "A": _directed(rng, 6)}, "directed, self loops, float32")
    A = _directed(rng, 5, loops=np.arange(5) % 2 == 0)
    A[rng.integers(5)] = False
    yield Case({"X": _numbers(rng, 5, 4), "A": A}, "a node that sees nobody")
    A = _directed(rng, 5)
    A[:, rng.integers(5)] = False
    yield Case({"X": _numbers(rng, 5, 2), "A": A}, "a node that nobody sees")
    inputs = {"X": _numbers(rng, 3, 4), "A": np.zeros((3, 3), dtype=bool)}
    yield Case(inputs, "no edges at all", edge=True)
    inputs = {"X": _numbers(rng, 4, 2), "A": np.ones((4, 4), dtype=bool)}
    yield Case(inputs, "a complete graph with self loops", edge=True)
    inputs = {"X": _numbers(rng, 3, 3), "A": _directed(rng, 3, loops=False)}
    yield Case(inputs, "as many nodes as numbers", edge=True)


@mean_aggregate.misconception(
    "You divided by the wrong degree: how many look at j, not at how many i looks. "
    "Count the True in each row of A."
)
def degree_of_columns(X, A):
    return A @ X / np.maximum(A.sum(axis=0), 1)[:, None]


@mean_aggregate.misconception(
    "You used A transposed. Row i of A says at whom i looks; their vectors are "
    "averaged."
)
def mean_a_transposed(X, A):
    return A.T @ X / np.maximum(A.sum(axis=0), 1)[:, None]


@mean_aggregate.misconception(
    "You added up the neighbours of the wrong side: A.T @ X collects from those who "
    "look at i. The division is right."
)
def sum_transposed(X, A):
    return A.T @ X / np.maximum(A.sum(axis=1), 1)[:, None]


@mean_aggregate.misconception(
    "You added up and did not divide. A mean needs the number of neighbours."
)
def sum_only(X, A):
    return A @ X


@mean_aggregate.misconception(
    "You divided by the number of all nodes. Divide by the number of neighbours, row "
    "by row."
)
def divided_by_n(X, A):
    return A @ X / len(A)


@mean_aggregate.misconception(
    "A node that sees nobody became NaN: 0/0 has no value. Such a node gets zeros."
)
def mean_nan_when_alone(X, A):
    with np.errstate(all="ignore"):
        return A @ X / A.sum(axis=1, keepdims=True)


@mean_aggregate.misconception(
    "A node that sees nobody kept its own vector. It takes nothing: zeros."
)
def mean_alone_keeps_itself(X, A):
    degree = A.sum(axis=1, keepdims=True)
    return np.where(degree == 0, X, A @ X / np.maximum(degree, 1))


@mean_aggregate.misconception(
    "A node that sees nobody got the mean of all. It takes nothing: zeros."
)
def mean_alone_sees_all(X, A):
    keep = np.where(A.any(axis=1, keepdims=True), A, True)
    return keep @ X / keep.sum(axis=1, keepdims=True)


@mean_aggregate.misconception(
    "You averaged each node with itself as well. A node sees itself only where A says "
    "so."
)
def mean_with_itself(X, A):
    keep = A | np.eye(len(A), dtype=bool)
    return keep @ X / keep.sum(axis=1, keepdims=True)


@mean_aggregate.misconception(
    "You divided by one more than the number of neighbours. Where it is 0 divide by 1, "
    "elsewhere by the number itself."
)
def one_too_many(X, A):
    return A @ X / (1 + A.sum(axis=1, keepdims=True))


@mean_aggregate.misconception(
    "You divided by the roots of both ends' degrees. That is the graph convolutional "
    "network; a mean divides by the number of neighbours of i."
)
def as_the_gcn(X, A):
    out, into = (np.maximum(A.sum(axis=k), 1) ** 0.5 for k in (1, 0))
    return (A / out[:, None] / into[None, :]) @ X


@mean_aggregate.misconception(
    "You made the edges go both ways. A may be directed: take it as it is."
)
def mean_both_ways(X, A):
    keep = A | A.T
    return keep @ X / np.maximum(keep.sum(axis=1, keepdims=True), 1)


@mean_aggregate.misconception(
    "You averaged the differences to the node's own vector. The mean is of the "
    "neighbours' vectors themselves."
)
def mean_of_differences(X, A):
    degree = A.sum(axis=1, keepdims=True)
    return np.where(degree == 0, 0, A @ X / np.maximum(degree, 1) - X)


@mean_aggregate.misconception(
    "You took the largest entries of the neighbours. That is another aggregator; here "
    "it is their mean."
)
def maximum(X, A):
    top = np.where(A[:, :, None], X[None], -np.inf).max(axis=1)
    return np.where(A.any(axis=1, keepdims=True), top, 0)


@mean_aggregate.alternative
def mean_node_by_node(X, A):
    return np.stack([X[a].mean(axis=0) if a.any() else 0 * X[0] for a in A])


@mean_aggregate.alternative
def by_masked_softmax(X, A):
    return masked_softmax(np.zeros(A.shape), A) @ X


@mean_aggregate.alternative
def by_degree_matrix(X, A):
    return np.linalg.pinv(np.diag(A.sum(axis=1)).astype(float)) @ A @ X


@mean_aggregate.alternative
def mean_edge_by_edge(X, A):
    total, count = np.zeros_like(X), np.zeros(len(X))
    for i, j in zip(*np.nonzero(A)):
        total[i] += X[j]
        count[i] += 1
    return total / np.where(count == 0, 1, count)[:, None]
