"""Chapter 1's reference solutions against scipy, torch and loops."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from autograder.course.layout import Course


@pytest.fixture(scope="module")
def ch01():
    return Course.find(Path(__file__)).chapters["ch01_inputs"].reference.namespace


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_one_hot_is_torchs(ch01, rng):
    ids = rng.integers(6, size=9)
    expected = torch.nn.functional.one_hot(torch.from_numpy(ids), 6).double().numpy()
    np.testing.assert_array_equal(ch01["one_hot"](ids, 6), expected)


def test_one_hot_vectors_are_equally_far(ch01):
    vectors = ch01["one_hot"](np.arange(8), 8)
    distances = cdist(vectors, vectors)[~np.eye(8, dtype=bool)]
    np.testing.assert_array_equal(distances, np.sqrt(2))


@pytest.mark.parametrize("ids", [[-1], [0, 3], [5, -7, 1]])
def test_one_hot_refuses_ids_outside(ch01, ids):
    with pytest.raises(ValueError, match=r"0\.\.2"):
        ch01["one_hot"](np.array(ids), 3)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 1, 3)])
def test_embed_is_a_product_and_torchs_layer(ch01, rng, shape):
    table, ids = rng.normal(size=(7, 5)), rng.integers(7, size=shape)
    vectors = ch01["embed"](ids, table)
    layer = torch.nn.functional.embedding(torch.tensor(ids), torch.from_numpy(table))
    np.testing.assert_array_equal(vectors, layer.numpy())
    product = ch01["one_hot"](ids.ravel() if shape else [ids], 7) @ table
    np.testing.assert_array_equal(vectors.reshape(-1, 5), product)


def test_nearest_words_against_scipys_cosine(ch01, rng):
    table = rng.normal(size=(30, 4)) * rng.uniform(0.1, 9, size=(30, 1))
    distances = cdist(table, table, metric="cosine")
    for word in range(30):
        others = np.delete(np.arange(30), word)
        expected = others[np.argsort(distances[word, others], kind="stable")]
        np.testing.assert_array_equal(ch01["nearest_words"](table, word, 29), expected)


def test_nearest_words_in_float32_and_of_opposites(ch01):
    table = np.array([[1, 1], [-1, -1], [2, -2], [-4, -4]], dtype=np.float32)
    before = table.copy()
    assert list(ch01["nearest_words"](table, 0, 3)) == [2, 1, 3]
    np.testing.assert_array_equal(table, before)


def test_nearest_words_leaves_ties_in_order(ch01):
    table = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 1.0], [4.0, 0.0], [0.0, 8.0]])
    assert list(ch01["nearest_words"](table, 2, 4)) == [1, 4, 0, 3]


@pytest.mark.parametrize("window, hop", [(1, 1), (4, 3), (3, 4), (7, 7), (20, 5)])
def test_frames_are_torchs_unfold(ch01, rng, window, hop):
    for length in (20, 21, 33):
        signal = rng.normal(size=length)
        expected = torch.from_numpy(signal).unfold(0, window, hop).numpy()
        frames = ch01["frame_signal"](signal, window, hop)
        np.testing.assert_array_equal(frames, expected)


@pytest.mark.parametrize("window, hop", [(400, 160), (256, 100), (401, 333)])
def test_one_more_sample_would_be_needed_for_one_more_frame(ch01, window, hop):
    for length in range(window, window + 2 * hop, 37):
        last = (len(ch01["frame_signal"](np.zeros(length), window, hop)) - 1) * hop
        assert last + window <= length < last + hop + window


def test_a_short_signal_has_no_frames(ch01):
    assert ch01["frame_signal"](np.zeros(3), 5, 2).shape == (0, 5)


def test_molecule_against_a_loop_over_pairs(ch01, rng):
    atoms = [str(a) for a in rng.choice(["C", "H", "O"], size=8)]
    bonds = [(i, int(rng.integers(i))) for i in range(1, 8)]
    X, A = ch01["molecule_graph"](atoms, bonds, ["O", "C", "H"])
    for i, j in np.ndindex(8, 8):
        assert A[i, j] == ((i, j) in bonds or (j, i) in bonds)
    assert [["O", "C", "H"][k] for k in X.argmax(axis=1)] == atoms
    assert (X.sum(axis=1) == 1).all() and A.dtype == bool


def test_molecule_refuses_an_unknown_element(ch01):
    with pytest.raises(ValueError, match="Xe"):
        ch01["molecule_graph"](["C", "Xe"], [(0, 1)], ["H", "C"])


@pytest.mark.parametrize("bond", [(0, 2), (2, 0), (0, -1), (-1, 0)])
def test_molecule_refuses_a_bond_to_nobody(ch01, bond):
    with pytest.raises(ValueError, match=r"0\.\.1"):
        ch01["molecule_graph"](["C", "H"], [bond], ["H", "C"])


def test_image_vectors_against_a_loop_over_pixels(ch01, rng):
    image = rng.normal(size=(3, 5, 4))
    vectors = ch01["image_vectors"](image)
    assert vectors.shape == (15, 4)
    for i, j in np.ndindex(3, 5):
        np.testing.assert_array_equal(vectors[5 * i + j], image[i, j])
