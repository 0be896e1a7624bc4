"""Chapter 5's reference solutions against torch, loops and finite differences."""

from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.course.layout import Course

attention = torch.nn.functional.scaled_dot_product_attention


@pytest.fixture(scope="module")
def ch05():
    return Course.find(Path(__file__)).chapters["ch05_matrix"].reference.namespace


def inputs(seed, n=5, d=4, dk=3, dv=6, batch=(), dtype=float):
    rng = np.random.default_rng(seed)
    shapes = ((*batch, n, d), (d, dk), (d, dk), (d, dv))
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def by_torch(X, Wq, Wk, Wv, keep=None):
    """torch's own attention, in the same precision."""
    X, Wq, Wk, Wv = map(torch.from_numpy, (X, Wq, Wk, Wv))
    mask = None if keep is None else torch.from_numpy(keep)
    return attention(X @ Wq, X @ Wk, X @ Wv, attn_mask=mask).numpy()


def test_projections_are_linear_layers(ch05):
    X, *weights = inputs(0)
    for result, W in zip(ch05["project_qkv"](X, *weights), weights, strict=True):
        expected = torch.nn.functional.linear(*map(torch.from_numpy, (X, W.T.copy())))
        np.testing.assert_allclose(result, expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_self_attention_is_torchs(ch05, batch):
    arguments = inputs(1, batch=batch)
    O, A = ch05["self_attention"](*arguments)
    np.testing.assert_allclose(O, by_torch(*arguments), atol=1e-12)
    np.testing.assert_allclose(A.sum(axis=-1), 1, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 5), (2, 5, 5), (2, 1, 5), (1, 5)])
def test_masked_self_attention_is_torchs(ch05, shape):
    arguments = inputs(2, batch=(2,))
    keep = np.random.default_rng(2).random(shape) < 0.6
    keep[..., 0] = True  # torch has no rule for a row with nothing kept
    O, A = ch05["self_attention"](*arguments, keep)
    whole = np.broadcast_to(keep, (2, 5, 5)).copy()
    np.testing.assert_allclose(O, by_torch(*arguments, whole), atol=1e-12)
    assert (A[~whole] == 0).all()


def test_a_row_with_nothing_kept_is_zeros(ch05):
    keep = np.ones((5, 5), dtype=bool)
    keep[3] = False
    O, A = ch05["self_attention"](*inputs(3), keep)
    assert (A[3] == 0).all() and (O[3] == 0).all() and np.isfinite(O).all()


@pytest.mark.parametrize("kept, masked", [(-1e4, 0.0), (-1e4, 1e4), (1e4, -1e4)])
def test_masked_scores_have_no_influence(ch05, kept, masked):
    # X has a column for the query's part, one for the key's and one for the value's
    X = np.array([[1.0, kept, 2.0], [1.0, kept + 1, -3.0], [1.0, masked, 5.0]])
    Wq, Wk, Wv = np.eye(3)[:, :1], np.eye(3)[:, 1:2], np.eye(3)[:, 2:]
    O, A = ch05["self_attention"](X, Wq, Wk, Wv, np.array([True, True, False]))
    p = 1 / (1 + np.e)
    np.testing.assert_allclose(A, [[p, 1 - p, 0]] * 3, atol=1e-12)
    np.testing.assert_allclose(O, [[2 * p - 3 * (1 - p)]] * 3, atol=1e-11)


def test_single_precision_stays(ch05):
    O, A = ch05["self_attention"](*inputs(4, dtype=np.float32))
    assert O.dtype == A.dtype == np.float32


def test_large_scores_stay_finite(ch05):
    X, Wq, Wk, Wv = inputs(5)
    O, _ = ch05["self_attention"](100 * X, 10 * Wq, 10 * Wk, Wv)
    np.testing.assert_allclose(O, by_torch(100 * X, 10 * Wq, 10 * Wk, Wv), atol=1e-9)


def test_columns_are_torchs_without_scale(ch05):
    X, Wq, Wk, Wv = inputs(6)
    O = ch05["self_attention_columns"](X.T, Wq.T, Wk.T, Wv.T)
    tensors = (torch.from_numpy(X @ W) for W in (Wq, Wk, Wv))
    np.testing.assert_allclose(O.T, attention(*tensors, scale=1.0).numpy(), atol=1e-12)


@pytest.mark.parametrize("n, d, dk, dv", [(2, 3, 4, 5), (7, 2, 3, 1), (1, 1, 1, 1)])
def test_operations_are_counted_one_by_one(ch05, n, d, dk, dv):
    def product(a, b, c):
        return sum(1 for _ in np.ndindex(a, b, c))

    counted = 2 * product(n, d, dk) + product(n, d, dv)
    counted += product(n, dk, n) + product(n, n, dv)
    assert ch05["attention_operations"](n, d, dk, dv) == counted


def test_operations_are_exact(ch05):
    count = ch05["attention_operations"](10**9 + 1, 3, 5, 7)
    n = 10**9 + 1
    assert type(count) is int and count == n * 3 * 17 + n * n * 12


def test_gradient_is_autograds(ch05):
    arrays = inputs(7)
    dO = np.random.default_rng(8).normal(size=(5, 6))
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    X, Wq, Wk, Wv = leaves
    attention(X @ Wq, X @ Wk, X @ Wv).backward(torch.from_numpy(dO))
    ours = ch05["self_attention_gradient"](*arrays, dO)
    for gradient, leaf in zip(ours, leaves, strict=True):
        np.testing.assert_allclose(gradient, leaf.grad.numpy(), atol=1e-11)


def test_gradient_is_the_finite_difference(ch05):
    arrays = inputs(9, n=3, d=2, dk=3, dv=2)
    dO = np.random.default_rng(10).normal(size=(3, 2))
    gradients = ch05["self_attention_gradient"](*arrays, dO)

    def loss(k, place, move):
        moved = [array.copy() for array in arrays]
        moved[k][place] += move
        return (ch05["self_attention"](*moved)[0] * dO).sum()

    for k, gradient in enumerate(gradients):
        for place in np.ndindex(gradient.shape):
            difference = (loss(k, place, 1e-6) - loss(k, place, -1e-6)) / 2e-6
            assert gradient[place] == pytest.approx(difference, abs=1e-7)
