"""Chapter 9's reference solutions against torch, scipy, closed forms and counting."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import toeplitz

from autograder.course.layout import Course

WINDOWS = [(2, 1), (0, 3), (4, 0), (0, 0), (8, 8), (50, 2), (3, 70)]


@pytest.fixture(scope="module")
def ch09():
    return Course.find(Path(__file__)).chapters["ch09_speech"].reference.namespace


def inputs(seed, n=9, dk=4, dv=3, scale=1.0):
    rng = np.random.default_rng(seed)
    Q, K = scale * rng.normal(size=(2, n, dk))
    return Q, K, rng.normal(size=(n, dv))


def band(n, left, right):
    """The mask as a Toeplitz matrix: ones `left` below and `right` above."""
    places = np.arange(n)
    return toeplitz(places <= left, places <= right)


def by_torch(Q, K, V, left, right):
    keep = torch.from_numpy(band(len(Q), left, right))
    Q, K, V = map(torch.from_numpy, (Q, K, V))
    attend = torch.nn.functional.scaled_dot_product_attention
    return attend(Q[None], K[None], V[None], attn_mask=keep)[0].numpy()


@pytest.mark.parametrize("left, right", [*WINDOWS, (None, None), (None, 2), (1, None)])
@pytest.mark.parametrize(
    "seconds, hop", [(0.01, 10), (0.05, 10), (2.01, 10), (1, 12.5)]
)
def test_cells_are_counted_one_by_one(ch09, seconds, hop, left, right):
    n = int(np.rint(1000 * seconds / hop))
    l, r = (n if reach is None else reach for reach in (left, right))
    counted = ch09["attention_cells"](seconds, hop, left, right)
    assert type(counted) is int and counted == int(band(n, l, r).sum())


def test_the_numbers_of_the_lecture(ch09):
    cells = ch09["attention_cells"]
    assert cells(1, 10) == 100**2
    assert cells(600, 10) == 60_000**2
    assert cells(0.05, 10, 1, 1) == 13
    assert cells(600, 10, 32, 32) == 60_000 * 65 - 32 * 33


@pytest.mark.parametrize("n", [1, 2, 7, 12])
@pytest.mark.parametrize("left, right", WINDOWS)
def test_keep_is_a_toeplitz_matrix(ch09, n, left, right):
    keep = ch09["truncated_keep"](n, left, right)
    assert keep.dtype == bool
    np.testing.assert_array_equal(keep, band(n, left, right))


@pytest.mark.parametrize("name", ["truncated_attention", "banded_attention"])
@pytest.mark.parametrize("left, right", WINDOWS)
@pytest.mark.parametrize("n", [1, 9, 23])
def test_attention_is_torchs_with_the_mask(ch09, name, left, right, n):
    Q, K, V = inputs(n, n)
    O = ch09[name](Q, K, V, left, right)
    np.testing.assert_allclose(O, by_torch(Q, K, V, left, right), atol=1e-12)


@pytest.mark.parametrize("left, right", WINDOWS)
@pytest.mark.parametrize("scale", [1.0, 70.0])  # scores to about 10,000
def test_banded_equals_masked(ch09, left, right, scale):
    Q, K, V = inputs(4, 40, scale=scale)
    banded = ch09["banded_attention"](Q, K, V, left, right)
    masked = ch09["truncated_attention"](Q, K, V, left, right)
    np.testing.assert_allclose(banded, masked, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", ["truncated_attention", "banded_attention"])
def test_equal_scores_are_a_moving_mean(ch09, name):
    _, _, V = inputs(5, 30)
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(V, axis=0)])
    start = np.maximum(np.arange(30) - 4, 0)
    stop = np.minimum(np.arange(30) + 3, 30)
    means = (sums[stop] - sums[start]) / (stop - start)[:, None]
    O = ch09[name](np.zeros((30, 5)), np.zeros((30, 5)), V, 4, 2)
    np.testing.assert_allclose(O, means, atol=1e-12)


@pytest.mark.parametrize("name", ["truncated_attention", "banded_attention"])
def test_the_example_of_the_page(ch09, name):
    Q = np.ones((5, 1))
    K = np.log([[1.0], [2.0], [1.0], [3.0], [1.0]])
    V = np.array([[6.0], [0.0], [12.0], [4.0], [8.0]])
    O = ch09[name](Q, K, V, 1, 1)
    np.testing.assert_allclose(O[:, 0], [2, 4.5, 4, 6.4, 5], atol=1e-12)


def test_layers_hear_exactly_so_far(ch09):
    X = np.random.default_rng(6).normal(size=(41, 8))
    click = X.copy()
    click[20] += 1
    for layer in range(1, 4):
        X, click = (ch09["banded_attention"](M, M, M, 3, 2) for M in (X, click))
        heard = np.flatnonzero(np.abs(X - click).max(axis=1))
        # who looks 3 back is heard 3 ahead
        np.testing.assert_array_equal(
            heard, np.arange(20 - 2 * layer, 20 + 3 * layer + 1)
        )


def test_forty_thousand_frames_in_little_memory(ch09):
    Q, K, V = inputs(7, 40_000, 16, 6)
    tracemalloc.start()
    O = ch09["banded_attention"](Q, K, V, 40, 24)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 2**20
    for middle in (0, 17, 20_000, 39_990):  # pieces, each with all its neighbours
        piece = slice(max(0, middle - 40), middle + 30 + 24)
        at = middle - piece.start
        alone = by_torch(Q[piece], K[piece], V[piece], 40, 24)
        expected = alone[at : at + min(30, 40_000 - middle)]
        np.testing.assert_allclose(
            O[middle : middle + len(expected)], expected, atol=1e-12
        )
