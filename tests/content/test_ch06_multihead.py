"""Chapter 6's reference solutions against torch, brute force and closed forms."""

from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.course.layout import Course


@pytest.fixture(scope="module")
def ch06():
    return Course.find(Path(__file__)).chapters["ch06_multihead"].reference.namespace


@pytest.fixture(scope="module")
def ch05():
    return Course.find(Path(__file__)).chapters["ch05_matrix"].reference.namespace


def layer(seed, batch=3, n=5, d=12, dtype=float):
    """X (batch, n, d) and Wq, Wk, Wv, Wo (d, d)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(batch, n, d)).astype(dtype)
    return X, *(rng.normal(size=(4, d, d)) / np.sqrt(d)).astype(dtype)


def by_torch(X, Wq, Wk, Wv, Wo, heads, keep=None):
    """O and A of torch.nn.MultiheadAttention with these weights."""
    kind = torch.from_numpy(X).dtype
    module = torch.nn.MultiheadAttention(
        X.shape[-1], heads, bias=False, batch_first=True, dtype=kind
    )
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.from_numpy(np.hstack([Wq, Wk, Wv]).T))
        module.out_proj.weight.copy_(torch.from_numpy(Wo.T))
    if keep is not None and keep.ndim == 3:
        keep = np.repeat(keep, heads, axis=0)  # torch wants (B * heads, n, n)
    forbidden = None if keep is None else torch.from_numpy(~keep)
    x = torch.from_numpy(X)
    O, A = module(x, x, x, attn_mask=forbidden, average_attn_weights=False)
    return O.detach().numpy(), A.detach().numpy()


@pytest.mark.parametrize("batch", [(), (2,), (2, 1, 3)])
@pytest.mark.parametrize("heads", [1, 2, 3, 12])
def test_split_is_one_slice_a_head(ch06, batch, heads):
    X = np.random.default_rng(0).normal(size=(*batch, 5, 12))
    split = ch06["split_heads"](X, heads)
    dh = 12 // heads
    assert split.shape == (*batch, heads, 5, dh)
    for place in np.ndindex(split.shape):
        *b, h, i, f = place
        assert split[place] == X[(*b, i, h * dh + f)]
    assert np.array_equal(ch06["merge_heads"](split), X)


@pytest.mark.parametrize("heads", [0, -1, -3, 5, 24])
def test_split_refuses_what_does_not_come_out_even(ch06, heads):
    with pytest.raises(ValueError):
        ch06["split_heads"](np.ones((2, 12)), heads)


def test_merge_is_concatenation(ch06):
    Y = np.random.default_rng(1).normal(size=(2, 3, 5, 4))
    joined = torch.cat(list(torch.from_numpy(Y).unbind(dim=1)), dim=-1)
    assert np.array_equal(ch06["merge_heads"](Y), joined.numpy())


@pytest.mark.parametrize("heads", [1, 2, 5])
def test_heads_of_stacked_weights_are_the_heads(ch06, heads):
    rng = np.random.default_rng(2)
    X, per_head = rng.normal(size=(7, 4)), list(rng.normal(size=(heads, 4, 3)))
    stacked = ch06["stack_head_weights"](per_head)
    assert stacked.shape == (4, heads * 3)
    expected = np.einsum("nd,hdf->hnf", X, np.array(per_head))
    split = ch06["split_heads"](X @ stacked, heads)
    np.testing.assert_allclose(split, expected, rtol=0, atol=1e-12)


def test_the_slides_matrices_are_one_merged_matrix(ch06):
    """q = x Wq, then q Wq1 and q Wq2, as on the slides; then the outputs times Wo."""
    heads, d = 2, 12
    X, *first, Wo = layer(3)
    second = np.random.default_rng(3).normal(size=(3, heads, d, d // heads))
    found = []
    for h in range(heads):
        q, k, v = (X @ W @ own[h] for W, own in zip(first, second, strict=True))
        tensors = map(torch.from_numpy, (q, k, v))
        attend = torch.nn.functional.scaled_dot_product_attention
        found.append(attend(*tensors).numpy())
    merged = [
        ch06["stack_head_weights"]([W @ own[h] for h in range(heads)])
        for W, own in zip(first, second, strict=True)
    ]
    O, _ = ch06["multi_head_attention"](X, *merged, Wo, heads)
    expected = np.concatenate(found, axis=-1) @ Wo
    np.testing.assert_allclose(O, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("heads", [1, 2, 3, 4, 12])
def test_multi_head_attention_is_torchs(ch06, heads):
    arguments = layer(4)
    ours = ch06["multi_head_attention"](*arguments, heads)
    for got, expected in zip(ours, by_torch(*arguments, heads), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 5), (3, 5, 5)])
@pytest.mark.parametrize("heads", [1, 3])  # 3 heads for 3 sequences: easily mixed up
def test_masked_multi_head_attention_is_torchs(ch06, heads, shape):
    arguments = layer(5)
    keep = np.random.default_rng(5).random(shape) < 0.5
    keep[..., 1] = True  # torch has no rule for a row with nothing kept
    O, A = ch06["multi_head_attention"](*arguments, heads, keep)
    O_torch, A_torch = by_torch(*arguments, heads, keep)
    np.testing.assert_allclose(O, O_torch, rtol=0, atol=1e-12)
    np.testing.assert_allclose(A, A_torch, rtol=0, atol=1e-12)


def test_a_row_with_nothing_kept_gives_zeros_in_every_head(ch06):
    arguments = layer(6)
    keep = np.tril(np.ones((5, 5), dtype=bool))
    keep[2] = False
    O, A = ch06["multi_head_attention"](*arguments, 3, keep)
    O_torch, A_torch = by_torch(*arguments, 3, keep)
    assert (A[:, :, 2] == 0).all() and (O[:, 2] == 0).all()
    others = [0, 1, 3, 4]
    np.testing.assert_allclose(O[:, others], O_torch[:, others], rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        A[:, :, others], A_torch[:, :, others], rtol=0, atol=1e-12
    )


def test_one_head_is_chapter_5_and_wo(ch06, ch05):
    X, Wq, Wk, Wv, Wo = layer(7)
    keep = np.tril(np.ones((5, 5), dtype=bool))
    O, A = ch06["multi_head_attention"](X, Wq, Wk, Wv, Wo, 1, keep)
    plain, weights = ch05["self_attention"](X, Wq, Wk, Wv, keep)
    np.testing.assert_allclose(O, plain @ Wo, rtol=0, atol=1e-12)
    np.testing.assert_allclose(A[:, 0], weights, rtol=0, atol=1e-12)


def test_each_head_is_chapter_5_with_its_own_columns(ch06, ch05):
    X, Wq, Wk, Wv, Wo = layer(8)
    O, A = ch06["multi_head_attention"](X, Wq, Wk, Wv, Wo, 3)
    total = 0
    for h in range(3):
        mine = slice(4 * h, 4 * h + 4)
        own, weights = ch05["self_attention"](X, Wq[:, mine], Wk[:, mine], Wv[:, mine])
        np.testing.assert_allclose(A[:, h], weights, rtol=0, atol=1e-12)
        total = total + own @ Wo[mine]
    np.testing.assert_allclose(O, total, rtol=0, atol=1e-12)


def test_large_scores_and_single_precision(ch06):
    X, Wq, Wk, Wv, Wo = layer(9)
    arguments = 100 * X, 10 * Wq, 10 * Wk, Wv, Wo
    ours = ch06["multi_head_attention"](*arguments, 3)
    for got, expected in zip(ours, by_torch(*arguments, 3), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8)
    single = layer(9, dtype=np.float32)
    for got, expected in zip(
        ch06["multi_head_attention"](*single, 3), by_torch(*single, 3), strict=True
    ):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("heads", [5, 24])
def test_heads_must_divide_d(ch06, heads):
    with pytest.raises(ValueError):
        ch06["multi_head_attention"](*layer(10), heads)
    with pytest.raises(ValueError):
        ch06["multi_head_parameters"](12, heads, True)


@pytest.mark.parametrize("head", [0, 1, 2])
def test_without_head_is_torch_with_its_rows_of_wo_empty(ch06, head):
    X, Wq, Wk, Wv, Wo = layer(11)
    emptied = Wo.copy()
    emptied[4 * head : 4 * head + 4] = 0
    expected, _ = by_torch(X, Wq, Wk, Wv, emptied, 3)
    O = ch06["without_head"](X, Wq, Wk, Wv, Wo, 3, head)
    np.testing.assert_allclose(O, expected, rtol=0, atol=1e-12)


def test_what_the_heads_add_is_the_whole(ch06):
    arguments = layer(12)
    whole, _ = ch06["multi_head_attention"](*arguments, 4)
    parts = [whole - ch06["without_head"](*arguments, 4, h) for h in range(4)]
    np.testing.assert_allclose(sum(parts), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("head", [-1, 3])
def test_there_is_no_such_head(ch06, head):
    with pytest.raises(ValueError):
        ch06["without_head"](*layer(13), 3, head)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("heads", [1, 2, 3, 12])
def test_parameters_are_torchs(ch06, heads, bias):
    module = torch.nn.MultiheadAttention(12, heads, bias=bias)
    count = sum(parameter.numel() for parameter in module.parameters())
    assert ch06["multi_head_parameters"](12, heads, bias) == count


def test_the_floor_of_one_head():
    """The page's derivation: no readout of one weighted sum gets below one half."""
    rng = np.random.default_rng(14)
    x = rng.normal(size=(20_000, 12))  # one of the four numbers, twelve places
    wanted = x[:, [3, 8]]
    for a in (*rng.dirichlet(np.ones(12), size=20), np.eye(12)[3]):
        s = (x @ a)[:, None]
        missed = wanted - s @ np.linalg.lstsq(s, wanted)[0]
        formula = 1 - (a[3] ** 2 + a[8] ** 2) / (2 * a @ a)
        assert (missed**2).mean() == pytest.approx(formula, abs=0.03)
        assert formula >= 0.5


def test_two_heads_reach_both_places_exactly(ch06):
    """Weights written by hand, sharp enough to be one-hot in float64."""
    n, place = 6, np.eye(6)
    x = np.random.default_rng(15).normal(size=(4, n, 4))
    X = np.zeros((4, n, 12))
    X[..., :4], X[..., 4:10] = x, place
    here, back, ahead, numbers = np.zeros((4, 12, 6))
    here[4:10] = 200 * place
    back[4:10], ahead[4:10] = np.roll(place, 1, axis=1), np.roll(place, -2, axis=1)
    numbers[:4, :4] = np.eye(4)
    stack = ch06["stack_head_weights"]
    weights = stack([here, here]), stack([back, ahead]), stack([numbers, numbers])
    O, _ = ch06["multi_head_attention"](X, *weights, np.eye(12), 2)
    np.testing.assert_allclose(O[..., :4], np.roll(x, 1, axis=1), atol=1e-12)
    np.testing.assert_allclose(O[..., 6:10], np.roll(x, -2, axis=1), atol=1e-12)
    O, _ = ch06["multi_head_attention"](X, *weights, np.eye(12), 1)
    mean = (np.roll(x, 1, axis=1) + np.roll(x, -2, axis=1)) / 2
    np.testing.assert_allclose(O[..., :4], mean, atol=1e-12)
