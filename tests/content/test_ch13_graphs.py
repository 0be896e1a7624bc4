"""Chapter 13's reference solutions against torch, networkx, scipy and plain loops."""

import math
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import scipy.sparse
import torch

from autograder.course.layout import Course

attention = torch.nn.functional.scaled_dot_product_attention


@pytest.fixture(scope="module")
def ch05():
    return Course.find(Path(__file__)).chapters["ch05_matrix"].reference.namespace


@pytest.fixture(scope="module")
def ch13():
    return Course.find(Path(__file__)).chapters["ch13_graphs"].reference.namespace


def some_graph(seed, n, lonely=True):
    """A directed graph with some self loops and, if `lonely`, an empty row."""
    A = np.random.default_rng(seed).random((n, n)) < 0.4
    A[:, 0] = True
    A[1] &= not lonely
    return A


def projections(seed, n=6, d=5, dk=3, dv=4, dtype=float):
    rng = np.random.default_rng(seed)
    shapes = ((n, d), (d, dk), (d, dk), (d, dv))
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def gat_inputs(seed, n=6, d=5, f=3, dtype=float):
    rng = np.random.default_rng(seed)
    shapes = ((n, d), (d, f), (f,), (f,))
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def gat_by_loop(X, W, a_query, a_key, A, slope=0.2):
    """The layer as the paper's equations 1 to 4 say it, one node after the other."""
    a = [*a_query, *a_key]
    H = [[math.fsum(x * column) for column in W.T] for x in X]
    outputs = []
    for i, h in enumerate(H):
        neighbours = [j for j in range(len(H)) if A[i, j]]
        scores = []
        for j in neighbours:
            z = math.fsum(u * v for u, v in zip(a, h + H[j], strict=True))
            scores.append(z if z > 0 else slope * z)
        total = math.fsum(math.exp(s) for s in scores)
        output = [0.0] * len(h)
        for s, j in zip(scores, neighbours, strict=True):
            for c, value in enumerate(H[j]):
                output[c] += math.exp(s) / total * value
        outputs.append(output)
    return np.array(outputs)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("self_loops", [False, True])
@pytest.mark.parametrize("as_array", [False, True])
def test_adjacency_is_networkxs(ch13, directed, self_loops, as_array):
    rng = np.random.default_rng(0)
    edges = [(int(i), int(j)) for i, j in rng.integers(8, size=(20, 2)) if i != j]
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from(range(9))
    graph.add_edges_from(edges)
    if self_loops:
        graph.add_edges_from((i, i) for i in range(9))
    A = ch13["adjacency"](
        np.array(edges) if as_array else edges,
        9,
        directed=directed,
        self_loops=self_loops,
    )
    expected = nx.to_numpy_array(graph, nodelist=range(9), weight=None)
    assert A.dtype == bool
    np.testing.assert_array_equal(A, expected > 0)


def test_adjacency_of_the_karate_club(ch13):
    club = nx.karate_club_graph()
    A = ch13["adjacency"](list(club.edges), 34)
    np.testing.assert_array_equal(A, nx.to_numpy_array(club, weight=None) > 0)
    assert A.sum() == 2 * 78


@pytest.mark.parametrize("edges", [[], np.zeros((0, 2), dtype=int)])
def test_adjacency_without_edges(ch13, edges):
    np.testing.assert_array_equal(ch13["adjacency"](edges, 3), np.zeros((3, 3)))
    loops = ch13["adjacency"](edges, 3, self_loops=True)
    np.testing.assert_array_equal(loops, np.eye(3))


@pytest.mark.parametrize("edge", [(0, 3), (3, 0), (0, -1), (-1, 0)])
@pytest.mark.parametrize("directed", [False, True])
def test_adjacency_refuses_nodes_that_are_not_there(ch13, edge, directed):
    with pytest.raises(ValueError, match="nodes"):
        ch13["adjacency"]([(0, 1), edge], 3, directed)


def test_complete_graph_is_chapter_5(ch05, ch13):
    arguments = projections(1)
    O, _ = ch05["self_attention"](*arguments)
    complete = np.ones((6, 6), dtype=bool)
    ours = ch13["graph_attention"](*arguments, complete)
    np.testing.assert_allclose(ours, O, rtol=0, atol=1e-12)


def test_graph_attention_is_torchs_with_a_mask(ch13):
    X, Wq, Wk, Wv = arguments = projections(2)
    A = some_graph(2, 6, lonely=False)
    Q, K, V = (torch.from_numpy(X @ W) for W in (Wq, Wk, Wv))
    expected = attention(Q, K, V, attn_mask=torch.from_numpy(A)).numpy()
    ours = ch13["graph_attention"](*arguments, A)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


def test_a_graph_is_a_mask_of_chapter_5(ch05, ch13):
    arguments, A = projections(3), some_graph(3, 6)
    O, _ = ch05["self_attention"](*arguments, A)
    ours = ch13["graph_attention"](*arguments, A)
    np.testing.assert_allclose(ours, O, rtol=0, atol=1e-12)
    assert (ours[1] == 0).all()


def test_only_neighbours_matter(ch13):
    X, *weights = projections(4)
    A = some_graph(4, 6)
    before = ch13["graph_attention"](X, *weights, A)
    for j in range(6):
        moved = X.copy()
        moved[j] += 1
        after = ch13["graph_attention"](moved, *weights, A)
        changed = np.abs(after - before).max(axis=1) > 1e-9
        unrelated = ~A[:, j] & (np.arange(6) != j)
        assert not changed[unrelated].any()
        assert changed[A[:, j]].all()


def test_new_names_for_the_nodes_change_nothing(ch13):
    X, W, a_query, a_key = gat_inputs(5)
    A = some_graph(5, 6)
    order = np.random.default_rng(5).permutation(6)
    renamed = ch13["gat_layer"](X[order], W, a_query, a_key, A[np.ix_(order, order)])
    original = ch13["gat_layer"](X, W, a_query, a_key, A)
    np.testing.assert_allclose(renamed, original[order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.2, 0.7, 1.0])
def test_gat_scores_are_a_linear_layer_and_torchs_leaky_relu(ch13, slope):
    _, H, a_query, a_key = gat_inputs(6, d=7)
    n = len(H)
    pairs = np.concatenate([np.repeat(H, n, axis=0), np.tile(H, (n, 1))], axis=1)
    z = torch.nn.functional.linear(
        torch.from_numpy(pairs),
        torch.from_numpy(np.concatenate([a_query, a_key]))[None],
    )
    expected = torch.nn.functional.leaky_relu(z, slope).reshape(n, n).numpy()
    ours = ch13["gat_scores"](H, a_query, a_key, slope)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


def test_the_papers_slope_is_the_default(ch13):
    _, H, a_query, a_key = gat_inputs(7)
    np.testing.assert_array_equal(
        ch13["gat_scores"](H, a_query, a_key),
        ch13["gat_scores"](H, a_query, a_key, slope=0.2),
    )


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_gat_layer_is_the_loop_over_nodes(ch13, seed, slope):
    arguments, A = gat_inputs(seed), some_graph(seed, 6)
    ours = ch13["gat_layer"](*arguments, A, slope)
    expected = gat_by_loop(*arguments, A, slope)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)
    assert (ours[1] == 0).all()


def test_all_nodes_rank_their_neighbours_alike(ch13):
    _, H, a_query, a_key = gat_inputs(8, d=9)
    order = ch13["gat_scores"](H, a_query, a_key).argsort(axis=1)
    assert (order == (H @ a_key).argsort()).all()


def test_without_the_bend_the_query_cancels(ch13):
    X, W, a_query, a_key = gat_inputs(9)
    A = some_graph(9, 6)
    with_query = ch13["gat_layer"](X, W, a_query, a_key, A, slope=1.0)
    without = ch13["gat_layer"](X, W, 0 * a_query, a_key, A, slope=1.0)
    np.testing.assert_allclose(with_query, without, rtol=0, atol=1e-12)


def test_scores_of_any_size(ch13):
    # H is X: the first entry answers, the second asks, the third is carried along
    X = np.array([[-5e4, 0.0, 3.0], [-5e4 + 1, 0.0, -2.0], [1e4, 2e4, 7.0]])
    A = np.array([[True, True, False], [True, True, False], [True, False, True]])
    first, second = np.eye(3)[:2]
    O = ch13["gat_layer"](X, np.eye(3), second, first, A)
    p = 1 / (1 + math.exp(0.2))  # scores -10,000 and -9,999.8
    np.testing.assert_allclose(O[:2, 2], p * 3 + (1 - p) * -2, rtol=0, atol=1e-10)
    np.testing.assert_allclose(O[2], X[2], rtol=0, atol=1e-12)


def test_equal_scores_are_the_mean(ch13):
    X, Wq, Wk, _ = projections(10)
    A, eye, zero = some_graph(10, 6), np.eye(5), np.zeros(5)
    mean = ch13["mean_aggregate"](X, A)
    by_dot = ch13["graph_attention"](X, 0 * Wq, 0 * Wk, eye, A)
    by_gat = ch13["gat_layer"](X, eye, zero, zero, A)
    np.testing.assert_allclose(by_dot, mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(by_gat, mean, rtol=0, atol=1e-12)


def test_mean_is_a_sparse_product(ch13):
    rng = np.random.default_rng(11)
    A, X = some_graph(11, 7), rng.normal(size=(7, 3))
    sparse = scipy.sparse.csr_array(A.astype(float))
    degree = np.asarray(sparse.sum(axis=1)).ravel()
    inverse = np.divide(1, degree, out=np.zeros(7), where=degree > 0)
    expected = scipy.sparse.diags_array(inverse) @ sparse @ X
    ours = ch13["mean_aggregate"](X, A)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


def test_mean_on_a_grid_is_a_convolution(ch13):
    h, w = 5, 6
    image = np.random.default_rng(12).normal(size=(h, w))
    grid = nx.strong_product(nx.path_graph(h), nx.path_graph(w))
    nodes = [(i, j) for i in range(h) for j in range(w)]
    A = nx.to_numpy_array(grid, nodelist=nodes) > 0
    np.fill_diagonal(A, True)
    mean = ch13["mean_aggregate"](image.reshape(-1, 1), A).reshape(h, w)
    # the mean over the pixels that exist, borders included
    expected = torch.nn.functional.avg_pool2d(
        torch.from_numpy(image)[None, None], 3, 1, 1, count_include_pad=False
    )
    np.testing.assert_allclose(mean, expected[0, 0].numpy(), rtol=0, atol=1e-12)


def test_attention_cannot_count(ch13):
    one, four = ([[1.0, 0.0]] + count * [[0.0, 1.0]] for count in (1, 4))
    weights = np.random.default_rng(13).normal(size=(3, 2, 2))
    centres = []
    for atoms in (one, four):
        n = len(atoms)
        A = ch13["adjacency"]([(0, j) for j in range(1, n)], n)
        centres.append(ch13["graph_attention"](np.array(atoms), *weights, A)[0])
    np.testing.assert_allclose(*centres, rtol=0, atol=1e-12)


def test_many_means_end_at_one_vector(ch13):
    club = nx.karate_club_graph()
    A = ch13["adjacency"](list(club.edges), 34, self_loops=True)
    Y = X = np.random.default_rng(14).normal(size=(34, 3))
    for _ in range(400):
        Y = ch13["mean_aggregate"](Y, A)
    degree = A.sum(axis=1)
    limit = np.broadcast_to(degree @ X / degree.sum(), Y.shape)
    np.testing.assert_allclose(Y, limit, rtol=0, atol=1e-6)


def test_single_precision_stays(ch13):
    A = some_graph(15, 6)
    arguments = projections(15, dtype=np.float32)
    assert ch13["graph_attention"](*arguments, A).dtype == np.float32
    arguments = gat_inputs(15, dtype=np.float32)
    assert ch13["gat_layer"](*arguments, A).dtype == np.float32
    assert ch13["mean_aggregate"](arguments[0], A).dtype == np.float32
