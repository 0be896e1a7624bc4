"""Chapter 8's reference solutions against torch's modules and against counting."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import nn

from autograder.course.layout import Course


@pytest.fixture(scope="module")
def chapter():
    return Course.find(Path(__file__)).chapters["ch08_transformer"]


@pytest.fixture(scope="module")
def ch08(chapter):
    return chapter.reference.namespace


def tensors(seed, *shapes, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


# --- layer_norm -------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_layer_norm_is_torchs(ch08, shape, eps):
    x, gain, bias = tensors(0, shape, (5,), (5,))
    expected = nn.functional.layer_norm(x, (5,), gain, bias, eps)
    torch.testing.assert_close(
        ch08["layer_norm"](x, gain, bias, eps), expected, rtol=0, atol=1e-12
    )


def test_layer_norm_is_differentiable(ch08):
    inputs = [x.requires_grad_() for x in tensors(1, (3, 4), (4,), (4,))]
    assert torch.autograd.gradcheck(ch08["layer_norm"], inputs)


# --- EncoderBlock -----------------------------------------------------------------


def torchs_layer(block, d, heads, hidden):
    """torch's own encoder layer with the weights of a block."""
    layer = nn.TransformerEncoderLayer(d, heads, hidden, 0.0, batch_first=True)
    layer = layer.double()
    parts = (block.query, block.key, block.value)
    layer.self_attn.in_proj_weight.data = torch.cat([p.weight for p in parts]).data
    layer.self_attn.in_proj_bias.data = torch.cat([p.bias for p in parts]).data
    layer.self_attn.out_proj.load_state_dict(block.out.state_dict())
    for name in ("norm1", "norm2", "linear1", "linear2"):
        getattr(layer, name).load_state_dict(getattr(block, name).state_dict())
    return layer


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("lengths", [None, (6, 1, 4)])
def test_encoder_block_is_torchs(ch08, heads, lengths):
    torch.manual_seed(heads)
    block = ch08["EncoderBlock"](12, heads, 7).double()
    for parameter in block.parameters():  # gains and biases too
        nn.init.normal_(parameter, std=0.7)
    layer = torchs_layer(block, 12, heads, 7)
    (x,) = tensors(2, (3, 6, 12))
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    keep, real = None, torch.ones(3, 6, dtype=torch.bool)
    if lengths is not None:
        keep = real = torch.arange(6) < torch.tensor(lengths)[:, None]
    a = block(ours, keep)[real]
    b = layer(theirs, src_key_padding_mask=None if keep is None else ~keep)[real]
    torch.testing.assert_close(a, b, rtol=0, atol=1e-11)
    a.square().sum().backward()
    b.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)
    assert (ours.grad[~real] == 0).all()


def test_encoder_block_forgets_the_order(ch08):
    torch.manual_seed(0)
    block, order = ch08["EncoderBlock"](8, 2, 16).double(), torch.randperm(5)
    (x,) = tensors(3, (2, 5, 8))
    torch.testing.assert_close(block(x[:, order]), block(x)[:, order])


# --- causal_keep and cross_attention ----------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7])
def test_causal_keep_is_torchs_mask_turned_round(ch08, n):
    hidden = nn.Transformer.generate_square_subsequent_mask(n)
    keep = ch08["causal_keep"](n)
    assert keep.dtype == torch.bool and (keep == (hidden == 0)).all()


@pytest.mark.parametrize("scale", [1, 1000])
def test_cross_attention_is_torchs(ch08, scale):
    Xq, Xkv, Wq, Wk, Wv = tensors(4, (3, 6), (5, 6), (6, 4), (6, 4), (6, 2))
    parts = scale * Xq @ Wq, Xkv @ Wk, Xkv @ Wv
    expected = nn.functional.scaled_dot_product_attention(*(p[None] for p in parts))[0]
    O = ch08["cross_attention"](scale * Xq, Xkv, Wq, Wk, Wv)
    torch.testing.assert_close(O, expected, rtol=0, atol=1e-11)


def test_cross_attention_with_itself_is_chapter_5(ch08):
    arrays = tensors(5, (4, 3), (3, 5), (3, 5), (3, 2))
    reference = Course.find(Path(__file__)).chapters["ch05_matrix"].reference
    O, _ = reference.namespace["self_attention"](*(a.numpy() for a in arrays))
    X, *weights = arrays
    ours = ch08["cross_attention"](X, X, *weights).numpy()
    np.testing.assert_allclose(ours, O, rtol=0, atol=1e-12)


# --- mask_tokens ------------------------------------------------------------------


@pytest.mark.parametrize("n, specials", [(1, 0), (10, 2), (30, 3), (31, 29), (4, 4)])
def test_the_count_is_berts(ch08, n, specials):
    ids, special = np.arange(n) + 2, np.arange(n) < specials
    rng = np.random.default_rng(0)
    for _ in range(20):
        inputs, labels = ch08["mask_tokens"](ids, special, 1, n + 2, rng)
        chosen = labels != -100
        assert chosen.sum() == min(max(1, round(0.15 * n)), n - specials)
        assert not (chosen & special).any() and (inputs == ids)[~chosen].all()
        assert (labels == ids)[chosen].all()


def test_what_replaces_a_token_has_berts_shares(ch08):
    V, ids, rng = 12, np.full(400, 5), np.random.default_rng(1)
    counted = np.zeros(V)
    for _ in range(200):
        inputs, labels = ch08["mask_tokens"](ids, ids == 0, 1, V, rng)
        counted += np.bincount(inputs[labels != -100], minlength=V)
    shares = np.full(V, 0.1 / V)
    shares[1] += 0.8
    shares[5] += 0.1
    assert counted.sum() == 200 * 60
    assert chisquare(counted, shares * counted.sum()).pvalue > 1e-4


RIGHT = """
def mask_tokens(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ids))), len(ordinary))
    chosen = rng.choice(ordinary, count, replace=False)
    inputs, labels = ids.copy(), np.full(len(ids), -100)
    labels[chosen] = ids[chosen]
    die = rng.random(count)
    inputs[chosen[die < 0.8]] = mask_id
    new = chosen[die >= 0.9]
    inputs[new] = rng.integers(0, vocabulary_size, size=len(new))
    return inputs, labels
"""

OTHER_MISTAKES = {
    "round(rate": ("int(rate", "Not as many tokens"),
    "len(ids)))": ("len(ids) + 0.01))", "Not as many tokens"),
    "rate * len(ids)": ("0.15 * len(ids)", "Not as many tokens"),
    "replace=False": ("replace=True", "chosen twice"),
    "rng.choice(ordinary, count, replace=False)": ("ordinary[:count]", "more often"),
    "die = rng.random(count)": (
        "die = rng.permutation(np.linspace(0, 1, count, endpoint=False))",
        "same number of masks",
    ),
    "die < 0.8": ("die < 0.9", "is not 80 %"),
    "die >= 0.9": ("die >= 0.85", "not uniform"),
    "0, vocabulary_size, size": ("0, vocabulary_size - 1, size", "not uniform"),
    "inputs[new] = rng.integers(0, vocabulary_size, size=len(new))": (
        "inputs[new] = (ids[new] + rng.integers(1, vocabulary_size, size=len(new)))"
        " % vocabulary_size",
        "never the old one",
    ),
    "    ordinary =": (
        "    rng = np.random.default_rng(0)\n    ordinary =",
        "same gaps",
    ),
    "die = rng": ("die = np.random", "All chance"),
}


@pytest.mark.parametrize("old", OTHER_MISTAKES)
@pytest.mark.parametrize("seed", [0, 1])
def test_other_mistakes_are_refused(chapter, ch08, old, seed):
    new, words = OTHER_MISTAKES[old]
    complaints = complaints_about(chapter, ch08, RIGHT.replace(old, new, 1), seed)
    assert any(words in complaint for complaint in complaints), complaints


def test_the_unchanged_lines_are_right(chapter, ch08):
    assert not complaints_about(chapter, ch08, RIGHT, 0)


def complaints_about(chapter, ch08, source, seed):
    """What the judge says about a `mask_tokens`, over the cases of a seed."""
    names = dict(ch08)
    exec(source, names)
    exercise, found = chapter.exercises["mask_tokens"], []
    probe = chapter.reference.probe("mask_tokens")
    patched = type(probe)(probe.__code__, names)
    patched.__defaults__ = probe.__defaults__
    for case in chapter.draw("mask_tokens", seed):
        complaint = exercise.judge_function(case.inputs, patched(**case.inputs))
        found += [complaint] * bool(complaint)
    return found


# --- train_tagger -----------------------------------------------------------------


def test_the_judge_knows_the_right_tags(chapter):
    """A module that looks the answers up passes; one that is wrong at 6 % does not."""
    exercise = chapter.exercises["train_tagger"]
    inputs = chapter.draw("train_tagger", 0)[0].inputs
    plural = {"cats", "trees", "boats", "girls"}
    skipped = {"a", "the", "then", "now", "often"}

    def logits(lines, columns=22):
        table = np.zeros((len(lines), columns, 7))
        for row, line in enumerate(line.split() for line in lines):
            head = next(word for word in line if word not in skipped)
            table[row, len(line) - 3, 4 if head in plural else 3] = 1
        return table

    seen, new = logits(inputs["sentences"][:300]), logits(inputs["unseen"])
    more, twins = logits(inputs["unseen"], 31), logits(inputs["twins"])
    judge = exercise.judge_function
    assert judge(inputs, [seen, new, more, twins]) is None
    for table in (new, more):
        table[: int(0.06 * len(new))] *= -1
    assert "by heart" in judge(inputs, [seen, new, more, twins])


def test_twins_tell_models_apart(chapter):
    """The words of a sentence and of its exchanged twin are the same."""
    for case in chapter.draw("train_tagger", 1):
        twins = [line.split() for line in case.inputs["twins"]]
        triples = (twins[k::3] for k in range(3))
        for plain, other, exchanged in zip(*triples, strict=True):
            assert sorted(plain) == sorted(exchanged) != sorted(other)
            assert len(plain) == len(other) == len(exchanged)
            assert plain[-4:] == other[-4:] or plain[-3:] == other[-3:]
