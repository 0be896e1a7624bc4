"""Chapter 14's reference solutions against torch, scipy, parsers and counting."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch

from autograder.course.layout import Course

attention = torch.nn.functional.scaled_dot_product_attention


@pytest.fixture(scope="module")
def ch14():
    return Course.find(Path(__file__)).chapters["ch14_efficient"].reference.namespace


def drawn(seed, *shapes, dtype=float):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def by_torch(Q, K, V):
    """torch's own attention, in the same precision."""
    return attention(*(torch.from_numpy(M)[None] for M in (Q, K, V)))[0].numpy()


# --- brackets ---------------------------------------------------------------------


def expression(rng, depth):
    """A random expression: its tokens, and Python source that means the same."""
    if depth == 0 or rng.random() < 0.3:
        digit = str(rng.integers(10))
        return [digit], digit
    parts = [expression(rng, depth - 1) for _ in range(rng.integers(1, 6))]
    name = ("MIN", "MAX", "MED", "SM")[rng.integers(4)]
    tokens = [f"[{name}", *(token for part, _ in parts for token in part), "]"]
    return tokens, f"{name}([{','.join(source for _, source in parts)}])"


def middle(values):
    """The median without NumPy, cut down."""
    values = sorted(values)
    low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
    return (low + high) // 2


def test_listops_is_pythons_own_evaluation(ch14):
    meaning = {"MIN": min, "MAX": max, "MED": middle, "SM": lambda v: sum(v) % 10}
    rng = np.random.default_rng(0)
    for _ in range(500):
        tokens, source = expression(rng, 5)
        given = list(tokens)
        assert ch14["eval_listops"](tokens) == eval(source, dict(meaning))
        assert tokens == given


@pytest.mark.parametrize(
    "text, answer",
    [
        ("[MAX 2 9 [MIN 4 7 ] 0 ]", 9),
        ("[SM 6 [MED 1 4 ] [MAX 3 8 ] ]", 6),
        ("[SM 8 [MED 5 2 9 2 ] [MAX 4 ] ]", 5),
        ("[MED 7 8 ]", 7),
    ],
)
def test_listops_by_hand(ch14, text, answer):
    assert ch14["eval_listops"](text.split()) == answer


def test_what_is_no_expression(ch14):
    rng = np.random.default_rng(1)
    for _ in range(60):
        tokens = ["[MAX", *expression(rng, 3)[0], "]"]
        brackets = [k for k, token in enumerate(tokens) if token in ("[MAX", "]")]
        gap = brackets[rng.integers(len(brackets))]
        without = tokens[:gap] + tokens[gap + 1 :]
        for wrong in (without, [*tokens, "3"], [*tokens, "]"], tokens[:-1]):
            with pytest.raises(ValueError):
                ch14["eval_listops"](wrong)
    for wrong in ([], ["[SM", "]"], ["[AVG", "1", "]"], ["]", "[MAX", "1"]):
        with pytest.raises(ValueError):
            ch14["eval_listops"](wrong)


# --- Linformer and Performer ------------------------------------------------------


@pytest.mark.parametrize("dtype, atol", [(float, 1e-12), (np.float32, 1e-5)])
def test_linformer_is_torchs_attention_to_mixtures(ch14, dtype, atol):
    Q, K, V, E, F = drawn(2, (5, 4), (9, 4), (9, 3), (6, 9), (6, 9), dtype=dtype)
    O = ch14["linformer_attention"](Q, K, V, E, F)
    np.testing.assert_allclose(O, by_torch(Q, E @ K, F @ V), atol=atol)


def test_linformer_with_identities_is_full_attention(ch14):
    Q, K, V = drawn(3, (5, 4), (7, 4), (7, 3))
    O = ch14["linformer_attention"](Q, K, V, np.eye(7), np.eye(7))
    np.testing.assert_allclose(O, by_torch(Q, K, V), atol=1e-12)


def test_linformer_at_large_scores(ch14):
    Q, K, V, E = drawn(4, (5, 4), (9, 4), (9, 3), (6, 9))
    O = ch14["linformer_attention"](1e4 * Q, K, V, E, E)
    assert np.isfinite(O).all()
    np.testing.assert_allclose(O, by_torch(1e4 * Q, E @ K, E @ V), atol=1e-9)


def test_performers_mean_is_the_kernel(ch14):
    # Gauss-Hermite quadrature takes the mean over w exactly (d = 2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    W = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    weight = np.outer(weights, weights).ravel() * len(W)
    Q, K = drawn(5, (6, 2), (4, 2))
    features = [ch14["performer_features"](X, W) for X in (Q, K)]
    kernel = (features[0] * weight) @ features[1].T
    np.testing.assert_allclose(kernel, np.exp(Q @ K.T), rtol=1e-10)


def test_performers_error_falls_like_the_root(ch14):
    Q, K = (0.25 * M for M in drawn(6, (300, 16), (300, 16)))
    exact, errors = np.exp((Q * K).sum(axis=1)), []
    for m in (64, 1024):
        (W,) = drawn(m, (m, 16))
        both = ch14["performer_features"](Q, W) * ch14["performer_features"](K, W)
        errors.append(np.abs(both.sum(axis=1) / exact - 1).mean())
    assert 2.5 < errors[0] / errors[1] < 6  # 4


# --- the sparse mask --------------------------------------------------------------


@pytest.mark.parametrize(
    "n, window, globals_, random",
    [(12, 2, 1, 3), (9, 0, 0, 2), (7, 1, 3, 9), (5, 8, 0, 1), (4, 1, 4, 1)],
)
def test_mask_is_counted_cell_by_cell(ch14, n, window, globals_, random):
    keep = ch14["block_keep"](n, window, globals_, random, np.random.default_rng(7))
    assert keep.dtype == bool and keep.shape == (n, n)
    for i in range(n):
        fixed = {j for j in range(n) if abs(i - j) <= window or min(i, j) < globals_}
        row = set(np.flatnonzero(keep[i]))
        assert fixed <= row
        assert len(row - fixed) == min(random, n - len(fixed))


def test_random_keys_are_uniform_and_rows_are_independent(ch14):
    n, window, globals_, random, draws = 10, 1, 1, 2, 3000
    rng = np.random.default_rng(8)
    masks = np.array(
        [ch14["block_keep"](n, window, globals_, random, rng) for _ in range(draws)]
    )
    i, j = np.indices((n, n))
    free = (np.abs(i - j) > window) & (np.minimum(i, j) >= globals_)
    for row in range(globals_, n):
        counted = masks[:, row, free[row]].sum(axis=0)
        assert scipy.stats.chisquare(counted).pvalue > 1e-6
    both = free[3] & free[7]
    one, other = masks[:, 3][:, both], masks[:, 7][:, both]
    expected = both.sum() * random**2 / free[3].sum() / free[7].sum()
    assert (one & other).sum(axis=1).mean() == pytest.approx(expected, rel=0.15)


# --- the online softmax -----------------------------------------------------------


@pytest.mark.parametrize("factor", [1.0, 1e4])
def test_online_softmax_is_the_direct_one_at_any_block_size(ch14, factor):
    Q, K, V = drawn(9, (6, 5), (37, 5), (37, 3))
    direct = by_torch(factor * Q, K, V)
    for block in range(1, 40):
        O = ch14["online_softmax_attention"](factor * Q, K, V, block)
        np.testing.assert_allclose(O, direct, atol=1e-9)


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_online_softmax_far_from_zero(ch14, shift):
    Q, K, V = drawn(10, (4, 3), (11, 3), (11, 2))
    Q[:, 0], K[:, 0] = 1, shift * 3**0.5
    O = ch14["online_softmax_attention"](Q, K, V, 4)
    np.testing.assert_allclose(O, by_torch(Q, K, V), atol=1e-10)


def test_online_softmax_by_hand(ch14):
    Q, K = np.ones((1, 1)), np.log([[1.0], [3.0], [2.0]])
    V = np.array([[8.0], [4.0], [1.0]])
    for block in (1, 2, 3, 9):
        O = ch14["online_softmax_attention"](Q, K, V, block)
        np.testing.assert_allclose(O, [[11 / 3]], atol=1e-12)


# --- the exponent -----------------------------------------------------------------


def test_exponent_is_scipys_regression(ch14):
    rng = np.random.default_rng(11)
    sizes = rng.integers(2, 5000, size=9)
    costs = rng.uniform(0.1, 9, size=9)
    slope = scipy.stats.linregress(np.log(sizes), np.log(costs)).slope
    assert ch14["scaling_exponent"](sizes, costs) == pytest.approx(slope, abs=1e-12)


@pytest.mark.parametrize("power", [-1, 0, 0.5, 1, 2, 3])
def test_exponent_of_a_power(ch14, power):
    sizes = np.array([512.0, 32, 128, 32, 2048])
    p = ch14["scaling_exponent"](sizes, 7e-9 * sizes**power)
    assert p == pytest.approx(power, abs=1e-10)
