"""Chapter 3's reference solutions against other ways to the same numbers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.course.layout import Course


@pytest.fixture(scope="module")
def ch03():
    return Course.find(Path(__file__)).chapters["ch03_scoring"].reference.namespace


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_relevance_is_a_sum_over_all_entries(ch03, rng):
    a_i, a_j = rng.normal(size=(2, 4))
    Wq, Wk = rng.normal(size=(2, 4, 3))
    expected = math.fsum(
        a_i[r] * Wq[r, c] * a_j[s] * Wk[s, c]
        for c in range(3)
        for r in range(4)
        for s in range(4)
    )
    assert ch03["relevance"](a_i, a_j, Wq, Wk) == pytest.approx(expected, abs=1e-12)


def test_relevance_has_a_direction(ch03, rng):
    a_i, a_j = rng.normal(size=(2, 4))
    Wq, Wk = rng.normal(size=(2, 4, 3))
    there, back = (ch03["relevance"](*p, Wq, Wk) for p in ((a_i, a_j), (a_j, a_i)))
    assert abs(there - back) > 0.1


def test_dot_product_scores_are_all_relevances(ch03, rng):
    X, (Wq, Wk) = rng.normal(size=(5, 4)), rng.normal(size=(2, 4, 3))
    S = ch03["dot_product_scores"](X @ Wq, X @ Wk)
    for i, j in np.ndindex(5, 5):
        one = ch03["relevance"](X[i], X[j], Wq, Wk)
        assert S[i, j] == pytest.approx(one, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaled_scores_against_torch(ch03, rng, dtype):
    Q, K = rng.normal(size=(3, 7)).astype(dtype), rng.normal(size=(5, 7)).astype(dtype)
    S = ch03["scaled_dot_product_scores"](Q, K)
    # with the identity as values torch's attention returns its weights
    weights = torch.nn.functional.scaled_dot_product_attention(
        *(torch.from_numpy(x)[None] for x in (Q, K, np.eye(5, dtype=dtype)))
    )[0]
    ours = torch.softmax(torch.from_numpy(S), dim=-1)
    torch.testing.assert_close(ours, weights)
    assert S.dtype == dtype


@pytest.mark.parametrize("width", [1, 2, 8])
def test_scaled_scores_refuse_other_widths(ch03, rng, width):
    with pytest.raises(ValueError, match="dk"):
        ch03["scaled_dot_product_scores"](np.ones((2, 3)), np.ones((4, width)))


def test_scaled_scores_have_variance_one(ch03, rng):
    for dk in (4, 64, 1024):
        Q, K = rng.normal(size=(200, dk)), rng.normal(size=(300, dk))
        S = ch03["scaled_dot_product_scores"](Q, K)
        assert S.std() == pytest.approx(1, abs=0.05)


def test_additive_scores_against_one_matrix_and_a_bilinear_layer(ch03, rng):
    Q, K = rng.normal(size=(3, 4)), rng.normal(size=(5, 6))
    Wq, Wk, w = rng.normal(size=(4, 8)), rng.normal(size=(6, 8)), rng.normal(size=8)
    S = ch03["additive_scores"](Q, K, Wq, Wk, w)
    hidden = torch.nn.Linear(10, 8, bias=False, dtype=torch.float64)
    hidden.weight.data = torch.from_numpy(np.concatenate([Wq, Wk]).T.copy())
    for i, j in np.ndindex(3, 5):
        pair = torch.from_numpy(np.concatenate([Q[i], K[j]]))
        one = torch.tanh(hidden(pair)) @ torch.from_numpy(w)
        assert S[i, j] == pytest.approx(one.item(), abs=1e-12)


def test_additive_scores_are_bounded(ch03, rng):
    Q, K = 1e4 * rng.normal(size=(3, 4)), 1e4 * rng.normal(size=(5, 6))
    Wq, Wk, w = rng.normal(size=(4, 8)), rng.normal(size=(6, 8)), rng.normal(size=8)
    S = ch03["additive_scores"](Q, K, Wq, Wk, w)
    assert np.isfinite(S).all() and np.abs(S).max() <= np.abs(w).sum()
