"""Chapter 10's reference solutions against torch and against brute force."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from autograder.course.layout import Course


@pytest.fixture(scope="module")
def chapter():
    return Course.find(Path(__file__)).chapters["ch10_images"]


@pytest.fixture(scope="module")
def ch10(chapter):
    return chapter.reference.namespace


def drawn(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def conv2d(X, W):
    images = torch.from_numpy(X).permute(2, 0, 1)[None]
    kernel = torch.from_numpy(W).permute(3, 2, 0, 1)
    return F.conv2d(images, kernel, padding=len(W) // 2)[0].permute(1, 2, 0).numpy()


def softmax(S):
    e = np.exp(S - S.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# --- patches ----------------------------------------------------------------------


@pytest.mark.parametrize("B, C, H, W, size", [(2, 3, 6, 4, 2), (1, 2, 3, 9, 3)])
def test_patchify_is_torchs_unfold(ch10, B, C, H, W, size):
    (images,) = drawn(0, (B, C, H, W))
    patches = ch10["patchify"](images, size)
    expected = F.unfold(torch.from_numpy(images), size, stride=size).mT.numpy()
    np.testing.assert_array_equal(patches, expected)
    back = ch10["unpatchify"](patches, size, H, W, C)
    np.testing.assert_array_equal(back, images)


@pytest.mark.parametrize("H, W", [(5, 4), (4, 5)])
def test_patches_must_fill_the_image(ch10, H, W):
    with pytest.raises(ValueError):
        ch10["patchify"](np.zeros((1, 1, H, W)), 2)
    with pytest.raises(ValueError):
        ch10["unpatchify"](np.zeros((1, 4, 4)), 2, H, W, 1)


def test_projected_patches_are_a_convolution_with_stride(ch10):
    images, E, cls, positions = drawn(1, (2, 3, 8, 4), (48, 5), (5,), (3, 5))
    kernel = torch.from_numpy(E.T).reshape(5, 3, 4, 4)
    x = F.conv2d(torch.from_numpy(images), kernel, stride=4).flatten(2).mT.numpy()
    tokens = ch10["vit_tokens"](ch10["patchify"](images, 4), E, cls, positions)
    np.testing.assert_allclose(tokens[:, 1:], x + positions[1:], rtol=0, atol=1e-12)
    first = np.broadcast_to(cls + positions[0], (2, 5))
    np.testing.assert_allclose(tokens[:, 0], first, rtol=0, atol=1e-12)


# --- a convolution as attention ---------------------------------------------------


@pytest.mark.parametrize("delta", [(0, 0), (1, -2), (-1, 0), (9, 0)])
def test_scores_and_shifts_by_brute_force(ch10, delta):
    h, w, alpha = 3, 4, 1.7
    S = ch10["quadratic_scores"](h, w, delta, alpha)
    A = ch10["shift_attention"](h, w, delta)
    for q in np.ndindex(h, w):
        for k in np.ndindex(h, w):
            at = np.ravel_multi_index(q, (h, w)), np.ravel_multi_index(k, (h, w))
            miss = np.subtract(k, q) - delta
            assert S[at] == pytest.approx(-alpha * (miss @ miss), abs=1e-12)
            assert A[at] == (not miss.any())
    assert A.dtype.kind == "f"


def test_sharp_softmax_is_the_shift_where_there_is_a_key(ch10):
    A = ch10["shift_attention"](4, 5, (1, -1))
    sharp = softmax(ch10["quadratic_scores"](4, 5, (1, -1), 46.0))
    inside = A.sum(axis=1) == 1
    np.testing.assert_allclose(sharp[inside], A[inside], rtol=0, atol=1e-15)
    assert not inside.all()


@pytest.mark.parametrize("h, w, K", [(5, 6, 3), (4, 7, 5), (2, 3, 5), (1, 1, 3)])
def test_convolution_as_attention_is_conv2d(ch10, h, w, K):
    X, W = drawn(2, (h, w, 2), (K, K, 2, 3))
    O = ch10["convolution_as_attention"](X, W)
    np.testing.assert_allclose(O, conv2d(X, W), rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha, within", [(5, 0.5), (20, 1e-6), (46, 1e-14)])
def test_softmax_heads_approach_the_convolution(ch10, alpha, within):
    X, W = drawn(3, (6, 5, 2), (3, 3, 2, 4))
    wide = np.pad(X, ((1, 1), (1, 1), (0, 0)))
    O = np.zeros((56, 4))
    for row, column in np.ndindex(3, 3):
        S = ch10["quadratic_scores"](8, 7, (row - 1, column - 1), alpha)
        O += softmax(S) @ wide.reshape(56, 2) @ W[row, column] / 3
    error = O.reshape(8, 7, 4)[1:-1, 1:-1] - conv2d(X, W / 3)
    assert np.abs(error).max() < within


# --- receptive_field --------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_windows_of_three_see_2n_plus_1(ch10, layers):
    at = np.arange(13)
    near = (np.abs(at[:, None] - at) <= 1) / 3
    field = ch10["receptive_field"](np.stack([near] * layers), 6)
    assert (field == (np.abs(at - 6) <= layers)).all()


@pytest.mark.parametrize("seed", range(5))
def test_receptive_field_is_the_support_of_the_jacobian(ch10, seed):
    rng = np.random.default_rng(seed)
    A = rng.random((3, 8, 8)) * (rng.random((3, 8, 8)) < 0.25)
    x = torch.randn(8, dtype=torch.float64, requires_grad=True)
    y = x
    for layer in torch.from_numpy(A):
        y = layer @ y
    (slope,) = torch.autograd.grad(y[2], x)
    field = ch10["receptive_field"](A, 2, tolerance=0.0)
    assert field.dtype == bool and (field == (slope != 0).numpy()).all()


# --- VisionTransformer ------------------------------------------------------------


@pytest.mark.parametrize("heads, layers", [(1, 1), (2, 3), (4, 2)])
def test_vision_transformer_is_made_of_torchs_layers(ch10, heads, layers):
    torch.manual_seed(heads)
    model = ch10["VisionTransformer"](6, 2, 3, 8, heads, layers, 5).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    images = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    kernel = model.projection.weight.reshape(8, 3, 2, 2)
    x = F.conv2d(images, kernel, model.projection.bias, stride=2).flatten(2).mT
    x = torch.cat([model.cls.expand(2, 1, 8), x], dim=1) + model.positions
    for block in model.blocks:
        layer = nn.TransformerEncoderLayer(
            8, heads, 32, 0.0, "gelu", batch_first=True, norm_first=True
        ).double()
        layer.self_attn.load_state_dict(block.attention.state_dict())
        for name in ("norm1", "norm2", "linear1", "linear2"):
            getattr(layer, name).load_state_dict(getattr(block, name).state_dict())
        x = layer(x)
    expected = model.head(F.layer_norm(x, (8,), model.norm.weight, model.norm.bias))
    torch.testing.assert_close(model(images), expected[:, 0], rtol=0, atol=1e-11)


# --- train_vit --------------------------------------------------------------------


def known_digits():
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    images = digits.data.astype(int)
    return dict(zip((i.tobytes() for i in images), digits.target, strict=True))


def perfect(inputs):
    """The right answers to a case, as logits of the three parts."""
    known = known_digits()
    greys = [[int(x, 17) for x in row] for row in inputs["rows"] + inputs["unseen"]]
    labels = [known[np.array(row).tobytes()] for row in greys]
    logits = 9.0 * np.eye(10)[labels]
    return [logits[:1400], logits[1400:], logits[1400:1450]]


def test_the_cases_hold_every_digit_once_with_its_label(chapter):
    for case in chapter.draw("train_vit", 3):
        rows = case.inputs["rows"] + case.inputs["unseen"]
        assert len(set(rows)) == len(rows) == len(known_digits()) == 1797
        seen = perfect(case.inputs)[0].argmax(axis=1)
        assert "".join(map(str, seen)) == case.inputs["labels"]


@pytest.mark.parametrize("wrong, passes", [(27, True), (28, False)])
def test_the_judge_asks_for_93_percent(chapter, wrong, passes):
    inputs = chapter.draw("train_vit", 0)[0].inputs
    seen, new, _ = perfect(inputs)
    new[-wrong:] *= -1
    complaint = chapter.exercises["train_vit"].judge_function(
        inputs, [seen, new, new[:50]]
    )
    assert (complaint is None) == passes, complaint  # 27 of 397 are 6.8 %


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda s, n: (s[:, :9], n, n[:50]), "must turn images"),
        (lambda s, n: (s, n * np.nan, n[:50]), "NaN"),
        (lambda s, n: (s, n, n[50:100]), "training mode"),
        (lambda s, n: (s, -n, -n[:50]), "by heart"),
        (lambda s, n: (np.roll(s, 1, 0), -n, -n[:50]), "belong together"),
    ],
)
def test_the_judge_says_what_is_wrong(chapter, spoil, words):
    inputs = chapter.draw("train_vit", 0)[0].inputs
    seen, new, _ = perfect(inputs)
    judge = chapter.exercises["train_vit"].judge_function
    assert words in judge(inputs, spoil(seen, new))
