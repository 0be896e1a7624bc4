"""Chapter 2's reference solutions against torch, loops and the book's language."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from autograder.course.layout import Course

ROOT = Path(__file__).resolve().parents[2]
functional = nn.functional


@pytest.fixture(scope="module")
def ch02():
    return Course.find(ROOT).chapters["ch02_outputs"].reference.namespace


@pytest.fixture(scope="module")
def language():
    sys.path.insert(0, str(ROOT / "book"))
    try:
        import little_language
    finally:
        sys.path.remove(str(ROOT / "book"))
    return little_language


@pytest.fixture
def rng():
    return np.random.default_rng(2)


# --- tag_each -------------------------------------------------------------------


def test_tag_each_is_a_linear_layer(ch02, rng):
    X, W, b = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    expected = functional.linear(*map(torch.from_numpy, (X, W.T.copy(), b)))
    np.testing.assert_allclose(ch02["tag_each"](X, W, b), expected, atol=1e-12)


def test_equal_words_get_equal_tags(ch02, language, rng):
    ids = language.encode("I saw a saw")
    W = rng.normal(size=(len(language.WORDS), 7))
    scores = ch02["tag_each"](np.eye(len(W))[ids], W, rng.normal(size=7))
    assert (scores[1] == scores[3]).all() and (scores[0] != scores[1]).all()


# --- windows --------------------------------------------------------------------


@pytest.mark.parametrize("n, radius", [(7, 0), (7, 2), (7, 7), (2, 5), (1, 1)])
def test_window_stack_is_torchs_unfold(ch02, rng, n, radius):
    X = rng.normal(size=(n, 3))
    columns = functional.unfold(
        torch.from_numpy(X.T[None, :, None].copy()),
        kernel_size=(1, 2 * radius + 1),
        padding=(0, radius),
    )  # (1, d * width, n), channels outermost
    by_channel = columns[0].reshape(3, 2 * radius + 1, n)
    expected = by_channel.permute(2, 1, 0).reshape(n, -1)
    np.testing.assert_array_equal(ch02["window_stack"](X, radius), expected)


@pytest.mark.parametrize("radius", [0, 1, 3, 12])
def test_a_layer_on_a_window_is_a_convolution(ch02, rng, radius):
    n, d, hidden = 11, 5, 6
    X, b = rng.normal(size=(n, d)), rng.normal(size=hidden)
    W = rng.normal(size=((2 * radius + 1) * d, hidden))
    ours = ch02["tag_each"](ch02["window_stack"](X, radius), W, b)
    kernel = W.reshape(2 * radius + 1, d, hidden).transpose(2, 1, 0).copy()
    signal = torch.from_numpy(X.T[None].copy())
    bias = torch.from_numpy(b)
    theirs = functional.conv1d(signal, torch.from_numpy(kernel), bias, padding=radius)
    np.testing.assert_allclose(ours, theirs[0].T, atol=1e-12)


def test_a_window_keeps_the_precision(ch02, rng):
    X = rng.normal(size=(4, 3)).astype(np.float32)
    assert ch02["window_stack"](X, 2).dtype == np.float32


@pytest.mark.parametrize("radius, d, hidden, classes", [(0, 4, 3, 2), (3, 5, 7, 2)])
def test_parameters_are_those_of_a_network(ch02, radius, d, hidden, classes):
    network = nn.Sequential(
        nn.Linear((2 * radius + 1) * d, hidden), nn.ReLU(), nn.Linear(hidden, classes)
    )
    counted = sum(p.numel() for p in network.parameters())
    count = ch02["window_parameters"](radius, d, hidden, classes)
    assert count == counted and type(count) is int


# --- the claims of the page about near and far ------------------------------------


def test_one_neighbour_decides_noun_or_verb(ch02, language, rng):
    # one weight for the left neighbour, no training: an article makes a noun
    articles = [language.ID[word] for word in language.ARTICLES]
    for _ in range(200):
        one = language.sentence(rng)
        X = np.eye(len(language.WORDS))[one.ids]
        left = ch02["window_stack"](X, 1)[:, : len(language.WORDS)]
        is_noun = left[:, articles].sum(axis=1) == 1
        for i, (word, tag) in enumerate(zip(one.ids, one.tags, strict=True)):
            if language.WORDS[word] in language.AMBIGUOUS:
                assert is_noun[i] == (tag == language.NOUN)


@pytest.mark.parametrize("phrases", range(6))
def test_a_window_sees_the_subject_up_to_its_radius(ch02, language, rng, phrases):
    one = language.sentence(rng, phrases=phrases)
    assert one.verb - one.subject == 3 * phrases + 1
    X = np.eye(len(language.WORDS))[one.ids]
    Y = X.copy()
    Y[one.subject] = 0  # hide the subject alone
    for radius in range(23):
        windows = [ch02["window_stack"](side, radius)[one.verb] for side in (X, Y)]
        assert np.array_equal(*windows) == (3 * phrases + 1 > radius)


# --- pooling --------------------------------------------------------------------


def test_pooling_is_the_mean_of_each_sequence_alone(ch02, rng):
    lengths, n = [4, 1, 7, 3], 7
    X, keep = rng.normal(size=(4, n, 3)), np.zeros((4, n), dtype=bool)
    for row, length in enumerate(lengths):
        keep[row, rng.permutation(n)[:length]] = True
    pooled = ch02["pool_sequence"](X, keep)
    nested = [torch.from_numpy(X[i][keep[i]]).mean(dim=0) for i in range(4)]
    np.testing.assert_allclose(pooled, torch.stack(nested), atol=1e-12)
    other = np.where(keep[:, :, None], X, -1e9)
    np.testing.assert_allclose(ch02["pool_sequence"](other, keep), pooled, atol=1e-12)


def test_an_empty_sequence_pools_to_zeros(ch02, rng):
    keep = np.array([[False, False], [True, False]])
    X = rng.normal(size=(2, 2, 3))
    np.testing.assert_array_equal(ch02["pool_sequence"](X, keep), [[0, 0, 0], X[1, 0]])


# --- decoding -------------------------------------------------------------------


def brute_force(step, start, stop, max_length, size):
    """Of all sequences the one in which every id is the first of the best."""
    for length in range(max_length + 1):
        for ids in itertools.product(range(size), repeat=length):
            if stop in ids:
                continue
            said = [start, *ids]
            ends = length == max_length or np.argmax(step(said)) == stop
            steps = range(1, length + 1)
            if ends and all(np.argmax(step(said[:i])) == said[i] for i in steps):
                return list(ids)
    raise AssertionError("greedy decoding always gives one")


@pytest.mark.parametrize("seed", range(12))
def test_decoding_against_brute_force(ch02, seed):
    rng = np.random.default_rng(seed)
    by_length, by_last = (rng.integers(0, 4, size) for size in ((6, 4), (4, 4)))
    by_length[:, 3] = -9  # start

    def step(ids):
        return by_length[len(ids) - 1] + by_last[ids[-1]]

    for max_length in range(5):
        ids = ch02["greedy_decode"](step, 3, 1, max_length)
        assert ids == brute_force(step, 3, 1, max_length, 4)


def test_decoding_gives_step_everything_so_far(ch02):
    seen = []

    def step(ids):
        assert type(ids) is list and all(type(i) is int for i in ids)
        seen.append(list(ids))
        return np.eye(5)[[3, 2, 4, 1][len(ids) - 1]]

    assert ch02["greedy_decode"](step, 0, 1, 9) == [3, 2, 4]
    assert seen == [[0], [0, 3], [0, 3, 2], [0, 3, 2, 4]]


# --- the loss -------------------------------------------------------------------


@pytest.mark.parametrize("ignore", [-100, -1, 0, 2])
@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
def test_the_loss_is_torchs(ch02, rng, ignore, shift):
    logits = rng.normal(size=(3, 5, 4)) + shift
    labels = rng.integers(4, size=(3, 5))
    labels[0, 2:], labels[2, 4] = ignore, ignore
    expected = functional.cross_entropy(
        torch.from_numpy(logits).flatten(0, 1),
        torch.from_numpy(labels).flatten(),
        ignore_index=ignore,
    )
    loss = ch02["token_cross_entropy"](logits, labels, ignore)
    assert loss == pytest.approx(float(expected), abs=1e-9)


def test_the_loss_of_knowing_nothing_and_of_nothing(ch02):
    labels = np.array([[0, 3, -100]])
    loss = ch02["token_cross_entropy"](np.full((1, 3, 4), 7.0), labels)
    assert loss == pytest.approx(np.log(4), abs=1e-12)
    nothing = ch02["token_cross_entropy"](np.ones((1, 3, 4)), np.full((1, 3), -100))
    assert nothing == 0.0


def test_the_losses_that_the_page_computes_by_hand(ch02):
    logits = np.array([[[0.0, 0, 1, 2]]])
    total = 2 + np.e + np.e**2
    for label, by_hand in ((2, np.log(total) - 1), (3, np.log(total) - 2)):
        loss = ch02["token_cross_entropy"](logits, np.array([[label]]))
        assert loss == pytest.approx(by_hand, abs=1e-12)
