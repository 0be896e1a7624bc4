"""Chapter 12's reference solutions against torch, graphs, masks and closed forms."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.course.layout import Course


@pytest.fixture(scope="module")
def ch12():
    return Course.find(Path(__file__)).chapters["ch12_recurrence"].reference.namespace


def elu_plus_one(X):
    """The paper's feature map, by torch; it keeps the width."""
    return (torch.nn.functional.elu(torch.from_numpy(X)) + 1).numpy()


def triple(seed, nq=7, nk=9, d=5, dv=3, dtype=float):
    rng = np.random.default_rng(seed)
    Q, K, V = (rng.normal(size=shape) for shape in ((nq, d), (nk, d), (nk, dv)))
    return [array.astype(dtype) for array in (Q, K, V)]


def all_pairs(Q, K, V, feature, causal=False):
    """The definition, weight by weight, in plain loops."""
    O = np.zeros((len(Q), V.shape[1]))
    for i, q in enumerate(Q):
        seen = range(i + 1 if causal else len(K))
        weights = [float(feature(q) @ feature(K[j])) for j in seen]
        O[i] = sum(w * V[j] for w, j in zip(weights, seen, strict=True)) / sum(weights)
    return O


def features(ch12, kind="elu", d=5, m=4):
    W = np.random.default_rng(77).normal(size=(d, m)) / d**0.5
    return ch12["make_feature"](W, kind)


# --- the recurrent network --------------------------------------------------------


@pytest.mark.parametrize("n, d, h", [(1, 2, 3), (6, 3, 4), (50, 5, 2)])
def test_rnn_is_torchs(ch12, n, d, h):
    torch.manual_seed(n)
    rnn = torch.nn.RNN(d, h, batch_first=True, dtype=torch.float64)
    X, h0 = torch.randn(n, d, dtype=torch.float64), torch.randn(h, dtype=torch.float64)
    with torch.no_grad():
        theirs = rnn(X[None], h0[None, None])[0][0].numpy()
        weights = (rnn.weight_ih_l0.T, rnn.weight_hh_l0.T)
        b = rnn.bias_ih_l0 + rnn.bias_hh_l0
        ours = ch12["rnn_forward"](*(M.numpy() for M in (X, h0, *weights, b)))
    np.testing.assert_allclose(ours, theirs, atol=1e-13)


def test_the_rnn_of_the_page(ch12):
    X, one = np.array([[1.0], [0.0], [0.0]]), np.ones((1, 1))
    h = ch12["rnn_forward"](X, np.zeros(1), one, one / 2, np.zeros(1))[:, 0]
    np.testing.assert_allclose(h, [0.762, 0.363, 0.180], atol=5e-4)
    assert np.prod(0.5 * (1 - h[1:] ** 2)) == pytest.approx(0.210, abs=5e-4)


def test_the_chain_rule_of_the_page(ch12):
    rng = np.random.default_rng(1)
    X, h0, b = rng.normal(size=(9, 3)), rng.normal(size=4), rng.normal(size=4)
    Wx, Wh = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)) / 2
    H = ch12["rnn_forward"](X, h0, Wx, Wh, b)
    product = np.linalg.multi_dot([Wh @ np.diag(1 - h**2) for h in H[1:]])
    for i, move in enumerate(1e-6 * np.eye(4)):
        ahead, behind = (
            ch12["rnn_forward"](X[1:], H[0] + s, Wx, Wh, b)[-1] for s in (move, -move)
        )
        np.testing.assert_allclose((ahead - behind) / 2e-6, product[i], atol=1e-8)


# --- path lengths, by search in the graph of what needs what ----------------------


def layers_until_seen(n, reaches):
    """Go back from the last output, layer by layer; reaches(layer): how far each."""
    seen, layer = {n - 1}, 0
    while 0 not in seen:
        seen = {p - r for p in seen for r in reaches(layer) if p >= r}
        layer += 1
    return layer


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("n", [*range(2, 30), 64, 81, 82, 124, 125, 126, 243, 244])
def test_convolutions_reach_so_far(ch12, n, kernel):
    def plain(layer):
        return range(kernel)

    def dilated(layer):
        return range(0, kernel * kernel**layer, kernel**layer)

    length = ch12["path_length"]
    assert length("cnn", n, kernel) == layers_until_seen(n, plain)
    assert length("cnn", n, kernel, True) == layers_until_seen(n, dilated)


@pytest.mark.parametrize("n", [2, 3, 10, 41])
def test_paths_of_rnn_and_attention(ch12, n):
    assert ch12["path_length"]("rnn", n) == layers_until_seen(n, lambda _: [1])
    assert ch12["path_length"]("attention", n) == layers_until_seen(
        n, lambda _: range(n)
    )
    with pytest.raises(ValueError):
        ch12["path_length"]("RNN", n)


@pytest.mark.parametrize(
    "kernel, dilated", [(2, False), (3, False), (3, True), (4, True)]
)
def test_torchs_convolutions_see_the_first_at_that_depth(ch12, kernel, dilated):
    for n in (5, 9, 10, 16, 17):
        x = torch.randn(1, 1, n, dtype=torch.float64, requires_grad=True)
        y, depth = x, 0
        while True:
            dilation = kernel**depth if dilated else 1
            padded = torch.nn.functional.pad(y, ((kernel - 1) * dilation, 0))
            ones = torch.ones(1, 1, kernel, dtype=torch.float64)
            y = torch.nn.functional.conv1d(padded, ones, dilation=dilation)
            depth += 1
            if torch.autograd.grad(y[0, 0, -1], x, retain_graph=True)[0][0, 0, 0]:
                break
        assert depth == ch12["path_length"]("cnn", n, kernel, dilated)


# --- linear attention -------------------------------------------------------------


@pytest.mark.parametrize("kind", ["elu", "exp"])
@pytest.mark.parametrize("nq, nk", [(1, 4), (7, 9), (9, 2)])
def test_linear_attention_is_the_definition(ch12, kind, nq, nk):
    arrays, feature = triple(2, nq, nk), features(ch12, kind)
    O = ch12["linear_attention"](*arrays, feature)
    np.testing.assert_allclose(O, all_pairs(*arrays, feature), atol=1e-12)


@pytest.mark.parametrize("kind", ["elu", "exp"])
@pytest.mark.parametrize("n", [1, 2, 30])
def test_causal_form_is_the_masked_explicit_form(ch12, kind, n):
    Q, K, V = triple(3, n, n)
    feature = features(ch12, kind)
    A = np.tril(feature(Q) @ feature(K).T)
    O = ch12["causal_linear_attention"](Q, K, V, feature)
    expected = A @ V / A.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(O, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(O, all_pairs(Q, K, V, feature, True), atol=1e-12)
    np.testing.assert_allclose(O[0], V[0], atol=1e-12)


def test_three_forms_agree(ch12):
    Q, K, V = triple(4, 200, 200)
    state, outputs = (np.zeros((5, 3)), np.zeros(5)), []
    for q, k, v in zip(Q, K, V, strict=True):
        state, y = ch12["linear_attention_step"](state, q, k, v, elu_plus_one)
        outputs.append(y)
    parallel = ch12["causal_linear_attention"](Q, K, V, elu_plus_one)
    np.testing.assert_allclose(outputs, parallel, rtol=0, atol=1e-12)
    last = ch12["linear_attention"](Q[-1:], K, V, elu_plus_one)
    np.testing.assert_allclose(outputs[-1], last[0], rtol=0, atol=1e-12)


def test_exponentials_of_one_feature_are_softmax(ch12):
    # with m = 1, exp(a) exp(b) = exp(a + b): softmax attention whose scores are a + b
    Q, K, V = triple(5)
    w = np.random.default_rng(6).normal(size=(5, 1))
    O = ch12["linear_attention"](Q, K, V, ch12["make_feature"](w, "exp"))
    scores = torch.from_numpy(Q @ w + (K @ w).T)
    expected = torch.softmax(scores, dim=1).numpy() @ V
    np.testing.assert_allclose(O, expected, atol=1e-12)


def test_a_step_leaves_the_state(ch12):
    rng = np.random.default_rng(7)
    S, z = rng.random((5, 3)), rng.random(5)
    kept = S.copy(), z.copy()
    q, k, v = rng.normal(size=5), rng.normal(size=5), rng.normal(size=3)
    (new_S, new_z), _ = ch12["linear_attention_step"]((S, z), q, k, v, elu_plus_one)
    np.testing.assert_array_equal(S, kept[0])
    np.testing.assert_array_equal(z, kept[1])
    assert not np.shares_memory(S, new_S) and not np.shares_memory(z, new_z)


def test_the_tokens_of_the_page(ch12):
    K, V = np.array([[1.0, 1], [1, 2], [2, 1]]), np.array([[6.0], [0], [3]])
    Q = np.array([[3.0, 1], [2, 1], [1, 1]])

    def same(X):
        return X

    O = ch12["causal_linear_attention"](Q, K, V, same)
    np.testing.assert_allclose(O[:, 0], [6, 18 / 7, 21 / 8], atol=1e-12)
    state = np.zeros((2, 1)), np.zeros(2)
    table = (([6, 6], [1, 1]), ([6, 6], [2, 3]), ([12, 9], [4, 4]))
    for q, k, v, (S, z) in zip(Q, K, V, table, strict=True):
        state, _ = ch12["linear_attention_step"](state, q, k, v, same)
        assert state[0][:, 0].tolist() == S and state[1].tolist() == z


@pytest.mark.parametrize("name", ["linear_attention", "causal_linear_attention"])
def test_single_precision_stays(ch12, name):
    O = ch12[name](*triple(8, 6, 6, dtype=np.float32), elu_plus_one)
    assert O.dtype == np.float32


@pytest.mark.parametrize("name", ["linear_attention", "causal_linear_attention"])
def test_twenty_thousand_tokens_in_little_memory(ch12, name):
    Q, K, V = triple(9, 20_000, 20_000)
    tracemalloc.start()
    O = ch12[name](Q, K, V, elu_plus_one)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 2**20
    rows = elu_plus_one(Q[-3:]) @ elu_plus_one(K).T
    if name.startswith("causal"):
        rows = np.tril(rows, 20_000 - 3)
    expected = rows @ V / rows.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(O[-3:], expected, atol=1e-11)


def test_the_rank_of_the_weights(ch12):
    Y = np.random.default_rng(2).normal(size=(64, 16))
    A = ch12["linear_attention"](Y, Y, np.eye(64), elu_plus_one)
    assert np.linalg.matrix_rank(A) == 16
