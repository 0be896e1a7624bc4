"""Chapter 7's reference solutions against torch, scipy, closed forms and loops."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from autograder.course.layout import Course


@pytest.fixture(scope="module")
def ch07():
    return Course.find(Path(__file__)).chapters["ch07_positions"].reference.namespace


def encoder(d, layers=1):
    """torch's own encoder in float64, without dropout and without positions."""
    torch.manual_seed(d)
    layer = torch.nn.TransformerEncoderLayer(
        d, 2, 16, dropout=0.0, batch_first=True, dtype=torch.float64
    )
    stack = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(X):
        with torch.no_grad():
            return stack(torch.from_numpy(X)[None])[0].numpy()

    return forward


def generator(d, base=10000.0):
    """The matrix G with dP/dp = P @ G for the rows of the sinusoidal positions."""
    G = np.zeros((d, d))
    for i in range(0, d, 2):
        G[i, i + 1], G[i + 1, i] = -(base ** (-i / d)), base ** (-i / d)
    return G


def test_torchs_encoder_is_equivariant_without_positions_only(ch07):
    rng = np.random.default_rng(0)
    X, order = rng.normal(size=(7, 6)), rng.permutation(7)
    P = ch07["sinusoidal_positions"](7, 6)
    layer = encoder(6, layers=3)
    assert ch07["equivariance_gap"](layer, X, order) < 1e-12
    assert ch07["equivariance_gap"](lambda Y: layer(Y + P), X, order) > 0.1


def test_gap_is_the_largest_of_all_differences(ch07):
    rng = np.random.default_rng(1)
    X, order = rng.normal(size=(5, 3)), rng.permutation(5)
    gap = ch07["equivariance_gap"](lambda Y: np.cumsum(Y, axis=0), X, order)
    shuffled, plain = np.cumsum(X[order], axis=0), np.cumsum(X, axis=0)
    differences = [
        abs(shuffled[i, c] - plain[order[i], c]) for i in range(5) for c in range(3)
    ]
    assert gap == pytest.approx(max(differences), abs=1e-12)


def test_equal_tokens_stay_equal_through_three_layers(ch07):
    X = np.random.default_rng(2).normal(size=(5, 6))
    X[4] = X[1]
    out = encoder(6, layers=3)(X)
    assert np.abs(out[4] - out[1]).max() < 1e-12
    out = encoder(6, layers=3)(X + ch07["sinusoidal_positions"](5, 6))
    assert np.abs(out[4] - out[1]).max() > 0.01


@pytest.mark.parametrize("n, d, base", [(9, 6, 10000.0), (4, 2, 3.0), (3, 10, 77.0)])
def test_sinusoidal_is_the_formula_entry_by_entry(ch07, n, d, base):
    P = ch07["sinusoidal_positions"](n, d, base)
    assert P.shape == (n, d) and P.dtype == np.float64
    for p in range(n):
        for i in range(d // 2):
            angle = p / math.pow(base, 2 * i / d)
            assert P[p, 2 * i] == pytest.approx(math.sin(angle), abs=1e-12)
            assert P[p, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-12)


def test_dot_product_of_positions_depends_on_their_distance_alone(ch07):
    P = ch07["sinusoidal_positions"](40, 12)
    speeds = 10000.0 ** (-np.arange(0, 12, 2) / 12)
    distance = np.arange(40) - np.arange(40)[:, None]
    closed = np.cos(distance[..., None] * speeds).sum(axis=-1)
    np.testing.assert_allclose(P @ P.T, closed, atol=1e-12)


@pytest.mark.parametrize("name", ["sinusoidal_positions", "shift_rotation"])
def test_odd_widths_are_refused(ch07, name):
    with pytest.raises(ValueError):
        ch07[name](3, 5)


@pytest.mark.parametrize("offset", [-7, -1, 0, 1, 12])
def test_shift_is_the_exponential_and_moves_all_positions(ch07, offset):
    d, base = 8, 50.0
    M = ch07["shift_rotation"](offset, d, base)
    np.testing.assert_allclose(M, expm(offset * generator(d, base)), atol=1e-12)
    P = ch07["sinusoidal_positions"](40, d, base)
    p = np.arange(12, 28)
    np.testing.assert_allclose(P[p] @ M, P[p + offset], atol=1e-12)


def test_rotations_are_a_group(ch07):
    def R(offset):
        return ch07["shift_rotation"](offset, 6)

    np.testing.assert_allclose(R(3) @ R(5), R(8), atol=1e-12)
    np.testing.assert_allclose(R(-4), R(4).T, atol=1e-15)
    np.testing.assert_allclose(R(4) @ R(4).T, np.eye(6), atol=1e-12)
    assert np.linalg.det(R(4)) == pytest.approx(1, abs=1e-12)


def test_learned_positions_are_torchs_embedding(ch07):
    table = np.random.default_rng(3).normal(size=(6, 4))
    embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(table))
    for n in range(7):
        expected = embedding(torch.arange(n)).numpy()
        np.testing.assert_array_equal(ch07["learned_positions"](table, n), expected)
    for n in (-1, 7, 100):
        with pytest.raises(ValueError):
            ch07["learned_positions"](table, n)


@pytest.mark.parametrize("n, reach", [(6, 2), (4, 0), (3, 5), (1, 1)])
def test_relative_scores_by_loops(ch07, n, reach):
    rng = np.random.default_rng(4)
    Q, K, R = (rng.normal(size=(rows, 3)) for rows in (n, n, 2 * reach + 1))
    S = ch07["relative_scores"](Q, K, R, reach)
    for i in range(n):
        for j in range(n):
            offset = min(max(j - i, -reach), reach)
            key = [K[j, c] + R[offset + reach, c] for c in range(3)]
            score = sum(Q[i, c] * key[c] for c in range(3)) / math.sqrt(3)
            assert S[i, j] == pytest.approx(score, abs=1e-12)


def test_relative_scores_are_torchs_attention_with_a_bias(ch07):
    rng = np.random.default_rng(5)
    n, reach = 6, 2
    Q, K, R = (rng.normal(size=(rows, 4)) for rows in (n, n, 2 * reach + 1))
    V = rng.normal(size=(n, 3))
    S = torch.from_numpy(ch07["relative_scores"](Q, K, R, reach))
    place = torch.arange(n)
    index = (place - place[:, None]).clamp(-reach, reach) + reach
    q, k, v, r = map(torch.from_numpy, (Q, K, V, R))
    bias = (q @ r.T).gather(1, index) / 2  # the root of 4
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    np.testing.assert_allclose(S.softmax(1) @ v, theirs, atol=1e-12)


def test_relative_scores_do_not_know_where_they_are(ch07):
    rng = np.random.default_rng(6)
    Q, K, R = (rng.normal(size=(rows, 3)) for rows in (9, 9, 7))
    whole = ch07["relative_scores"](Q, K, R, 3)
    part = ch07["relative_scores"](Q[4:], K[4:], R, 3)
    np.testing.assert_allclose(whole[4:, 4:], part, atol=1e-12)


def test_floater_with_linear_dynamics_is_rk4s_polynomial(ch07):
    # classical RK4 on dp/dt = p G multiplies by the first five terms of exp(part * G)
    d, n, step, substeps = 6, 5, 0.8, 3
    G, p0 = generator(d), np.random.default_rng(7).normal(size=d)
    P = ch07["floater_positions"](p0, lambda t, p: p @ G, n, step, substeps)
    H = step / substeps * G
    once = sum(np.linalg.matrix_power(H, k) / math.factorial(k) for k in range(5))
    for i in range(n):
        expected = p0 @ np.linalg.matrix_power(once, i * substeps)
        np.testing.assert_allclose(P[i], expected, atol=1e-12)


def test_floater_with_clocks_is_sinusoidal(ch07):
    d, n = 8, 12
    P = ch07["sinusoidal_positions"](n, d)
    G = generator(d)
    exact = np.stack([P[0] @ expm(i * G) for i in range(n)])
    np.testing.assert_allclose(exact, P, atol=1e-12)
    flow = ch07["floater_positions"](P[0], lambda t, p: p @ G, n, 1.0, 64)
    np.testing.assert_allclose(flow, P, atol=1e-6)


def test_floater_converges_to_scipy_with_order_four(ch07):
    rng = np.random.default_rng(8)
    W, u, p0 = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)

    def dynamics(t, p):
        return np.tanh(p @ W + t * u)

    times = 0.5 * np.arange(6)
    exact = solve_ivp(
        dynamics, (0, 2.5), p0, "DOP853", times, rtol=1e-12, atol=1e-12
    ).y.T
    errors = [
        np.abs(ch07["floater_positions"](p0, dynamics, 6, 0.5, m) - exact).max()
        for m in (4, 8, 16)
    ]
    assert errors[2] < 1e-6
    assert 10 < errors[0] / errors[1] < 24 and 10 < errors[1] / errors[2] < 24


def test_floater_integrates_cubics_of_time_exactly(ch07):
    # for dynamics of t alone RK4 is Simpson's rule, exact up to degree three
    P = ch07["floater_positions"](
        np.zeros(2), lambda t, p: np.array([4 * t**3, 1 - 3 * t**2]), 5, 0.7, 2
    )
    t = 0.7 * np.arange(5)
    np.testing.assert_allclose(P, np.stack([t**4, t - t**3], axis=1), atol=1e-12)


def test_floater_without_positions(ch07):
    p0 = np.ones(3)
    assert ch07["floater_positions"](p0, lambda t, p: p, 0, 1.0, 1).shape == (0, 3)
    np.testing.assert_array_equal(
        ch07["floater_positions"](p0, lambda t, p: p, 1, 1.0, 1), [p0]
    )
