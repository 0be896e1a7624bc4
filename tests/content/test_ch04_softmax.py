"""The references of chapter 4 against scipy, torch, closed forms and plain loops."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import torch

from autograder.course.layout import Course


@pytest.fixture(scope="module")
def ch04():
    """The names that the chapter's reference solutions define."""
    return Course.find(Path(__file__)).chapters["ch04_softmax"].reference.namespace


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def exact_weights(scores):
    """Softmax of a list in exact-enough Python, by the largest score."""
    top = max(scores)
    terms = [math.exp(score - top) for score in scores]
    return [term / math.fsum(terms) for term in terms]


@pytest.mark.parametrize("axis", [-4, -3, -2, -1, 0, 1, 2, 3])
def test_softmax_equals_scipy(ch04, rng, axis):
    S = rng.normal(size=(2, 3, 5, 4))
    expected = scipy.special.softmax(S, axis=axis)
    np.testing.assert_allclose(ch04["softmax"](S, axis=axis), expected, rtol=1e-13)


def test_softmax_by_hand(ch04):
    weights = ch04["softmax"](np.log([1.0, 2.0, 5.0]))
    np.testing.assert_allclose(weights, [1 / 8, 2 / 8, 5 / 8], rtol=1e-14)


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_softmax_survives_large_scores(ch04, shift):
    scores = [shift, shift + 0.5, shift - 2.0]
    weights = ch04["softmax"](np.array([scores]))
    np.testing.assert_allclose(weights[0], exact_weights(scores), rtol=1e-12)


def test_softmax_survives_rows_far_apart(ch04):
    S = np.array([[1e4, 1e4 + 1], [-1e4, -1e4 + 1]])
    expected = [exact_weights([0, 1])] * 2
    np.testing.assert_allclose(ch04["softmax"](S), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax", "relu_weights"])
def test_float32_stays_float32(ch04, rng, name):
    S = rng.normal(size=(3, 4)).astype(np.float32)
    assert ch04[name](S).dtype == np.float32


def test_masked_softmax_equals_softmax_of_the_kept(ch04, rng):
    S, keep = rng.normal(size=(2, 4, 6)), rng.random((2, 4, 6)) < 0.5
    keep[0, 1] = False
    A = ch04["masked_softmax"](S, keep)
    for row in np.ndindex(2, 4):
        expected = np.zeros(6)
        if keep[row].any():
            expected[keep[row]] = exact_weights(list(S[row][keep[row]]))
        np.testing.assert_allclose(A[row], expected, rtol=1e-12)


def test_masked_softmax_equals_torch(ch04, rng):
    S, keep = rng.normal(size=(3, 5)), rng.random((3, 5)) < 0.6
    keep[:, 2] = True
    # identity as values: what comes out is the weights
    A = torch.nn.functional.scaled_dot_product_attention(
        torch.tensor(S),
        torch.eye(5).double(),
        torch.eye(5).double(),
        attn_mask=torch.tensor(keep),
        scale=1.0,
    )
    np.testing.assert_allclose(
        ch04["masked_softmax"](S, keep), A.numpy(), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("masked", [-1e300, 1e4, 1e300])
@pytest.mark.parametrize("kept", [-1e4, 0.0, 1e4])
def test_masked_scores_have_no_influence(ch04, kept, masked):
    S = np.array([[kept, masked, kept + 1, masked]])
    A = ch04["masked_softmax"](S, np.array([[True, False, True, False]]))
    low, high = exact_weights([0, 1])
    np.testing.assert_allclose(A, [[low, 0, high, 0]], rtol=1e-12)


@pytest.mark.filterwarnings("error")
def test_masked_softmax_gives_zeros_in_silence(ch04, rng):
    S = rng.normal(size=(2, 3)).astype(np.float32)
    A = ch04["masked_softmax"](S, np.zeros((2, 3), bool))
    np.testing.assert_array_equal(A, np.zeros((2, 3)))
    assert A.dtype == np.float32


@pytest.mark.filterwarnings("error")
def test_relu_weights_by_fractions(ch04):
    S = np.array([[3.0, -7.0, 1.0], [0.0, 2.0, -1.0], [-1.0, -2.0, 0.0]])
    expected = [[3 / 4, 0, 1 / 4], [0, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(ch04["relu_weights"](S), expected)


def test_relu_weights_equal_torch(ch04, rng):
    S = rng.normal(size=(6, 9))
    expected = torch.nn.functional.normalize(torch.tensor(S).relu(), p=1, dim=1)
    np.testing.assert_allclose(ch04["relu_weights"](S), expected.numpy(), rtol=1e-12)


def test_extract_equals_its_definition(ch04, rng):
    A, V = rng.random((2, 4, 3)), rng.normal(size=(2, 3, 5))
    A[1, 2] = 0
    answers = ch04["extract"](A, V)
    for b, i, c in np.ndindex(2, 4, 5):
        expected = math.fsum(A[b, i, j] * V[b, j, c] for j in range(3))
        assert answers[b, i, c] == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_attend_one_equals_torch(ch04, rng):
    q, K, V = rng.normal(size=5), rng.normal(size=(7, 5)), rng.normal(size=(7, 3))
    expected = torch.nn.functional.scaled_dot_product_attention(
        torch.tensor(q)[None], torch.tensor(K), torch.tensor(V)
    )[0]
    np.testing.assert_allclose(ch04["attend_one"](q, K, V), expected, rtol=1e-12)


def test_attend_one_survives_large_scores(ch04, rng):
    q, V = np.array([1e4, 0, 0, 0]), rng.normal(size=(3, 2))
    K = np.outer([2.0, 2.0002, -2.0], [1.0, 0, 0, 0])
    low, high = exact_weights([0, 1])
    np.testing.assert_allclose(
        ch04["attend_one"](q, K, V), low * V[0] + high * V[1], rtol=1e-10
    )


def test_jacobian_equals_autograd(ch04, rng):
    s = torch.tensor(rng.normal(size=6))
    expected = torch.autograd.functional.jacobian(lambda x: torch.softmax(x, 0), s)
    J = ch04["softmax_jacobian"](torch.softmax(s, 0).numpy())
    np.testing.assert_allclose(J, expected.numpy(), rtol=1e-12, atol=1e-16)


def test_jacobian_equals_finite_differences(ch04, rng):
    s, h = rng.normal(size=5), 1e-6
    change = [
        (scipy.special.softmax(s + d) - scipy.special.softmax(s - d)) / (2 * h)
        for d in h * np.eye(5)
    ]
    J = ch04["softmax_jacobian"](scipy.special.softmax(s))
    np.testing.assert_allclose(J, np.stack(change, axis=1), atol=1e-9)


def test_jacobian_of_a_weight_of_zero(ch04):
    J = ch04["softmax_jacobian"](np.array([0.75, 0.0, 0.25]))
    expected = np.array([[3, 0, -3], [0, 0, 0], [-3, 0, 3]]) / 16
    np.testing.assert_array_equal(J, expected)


def test_arguments_stay_as_they_are(ch04, rng):
    S, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    p = scipy.special.softmax(S[0])
    keep = rng.random((3, 4)) < 0.5
    calls = {
        "softmax": (S,),
        "masked_softmax": (S, keep),
        "relu_weights": (S,),
        "extract": (S, V),
        "attend_one": (S[0], rng.normal(size=(5, 4)), rng.normal(size=(5, 3))),
        "softmax_jacobian": (p,),
    }
    for name, arguments in calls.items():
        before = [argument.copy() for argument in arguments]
        ch04[name](*arguments)
        for old, new in zip(before, arguments, strict=True):
            np.testing.assert_array_equal(old, new, err_msg=name)
