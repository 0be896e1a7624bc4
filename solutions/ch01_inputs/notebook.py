# %% [markdown]
# # Chapter 1: a set of vectors
#
# Self-attention takes vectors, as many as there happen to be. Words, sound,
# molecules and images are not vectors until somebody makes them so. Here you
# are that somebody.
#
# Six exercises, about an hour and a quarter. Read the page *A set of vectors*
# beside it. Every solution is a few lines of NumPy.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown] exercise="one_hot"
# ## 1.1 One-hot
#
# The simplest vector for a word: as long as the vocabulary, zeros everywhere,
# and a 1 at the word's own place. An id outside the vocabulary has no place:
# say so, before it silently becomes the last word.

# %% tags=["demo"]
words = ["a", "I", "saw"]
print([words.index(word) for word in "I saw a saw".split()])


# %% solution="one_hot"
def one_hot(ids, vocabulary_size):
    """Return one-hot vectors (n, V), floats, one row for each id.

    ids: ints (n,). vocabulary_size: V. Raises ValueError for an id outside
    0..V-1. Source: the lecture's slide "Vector Set as Input" (one-hot
    encoding).
    """
    ### BEGIN SOLUTION
    ids = np.asarray(ids)
    if ((ids < 0) | (ids >= vocabulary_size)).any():
        raise ValueError(
            f"ids must lie in 0..{vocabulary_size - 1}; "
            f"yours go from {ids.min()} to {ids.max()}"
        )
    vectors = np.zeros((len(ids), vocabulary_size))
    vectors[np.arange(len(ids)), ids] = 1
    return vectors
    ### END SOLUTION


# %% test="one_hot"
check("one_hot", one_hot)

# %% tags=["demo"]
print(one_hot(np.array([1, 2, 0, 2]), 3))

# %% [markdown] exercise="embed"
# ## 1.2 Embedding
#
# One-hot vectors are long and say nothing. A table with a short row for each
# word does better, once it is learned. Looking up a row is the same as
# multiplying a one-hot vector by the table, only faster. A batch of sentences
# comes as ids of any shape.


# %% solution="embed"
def embed(ids, table):
    """Return the rows of `table` for the ids: (..., d).

    ids: valid ints of any shape (...,), () included. table: (V, d).
    Equals one_hot(ids, V) @ table.
    Source: the lecture's slide "Vector Set as Input" (word embedding).
    """
    ### BEGIN SOLUTION
    return table[ids]
    ### END SOLUTION


# %% test="embed"
check("embed", embed)

# %% tags=["demo"]
table = np.round(np.random.default_rng(1).normal(size=(3, 4)), 1)
sentence = np.array([1, 2, 0, 2])
print(embed(sentence, table))
print(
    "same as a product:",
    np.array_equal(embed(sentence, table), one_hot(sentence, 3) @ table),
)

# %% [markdown] exercise="nearest_words"
# ## 1.3 Nearest words
#
# In a good table words that are used alike lie in the same *direction*. How
# long their vectors are is another matter, so compare by cosine.


# %% solution="nearest_words"
def nearest_words(table, word, k):
    """Return the ids (k,) of the k words nearest to `word` by cosine.

    table: (V, d), no row of zeros. word: an id. 1 <= k <= V - 1. Nearest
    first, never the word itself; among equals the lower id comes first.
    Source: arXiv 1301.3781, section 4.
    """
    ### BEGIN SOLUTION
    lengths = np.sqrt((table * table).sum(axis=1))
    cosines = table @ table[word] / (lengths * lengths[word])
    cosines[word] = -np.inf
    return np.argsort(-cosines, kind="stable")[:k]
    ### END SOLUTION


# %% test="nearest_words"
check("nearest_words", nearest_words)

# %% tags=["demo"]
names = ["dog", "cat", "run", "jump", "tree"]
table = np.array([[2.0, 0.1], [0.9, 0.1], [0.1, 1.0], [0.2, 3.0], [1.0, 1.0]])
for word in range(5):
    nearest = nearest_words(table, word, 2)
    print(f"{names[word]:5}", [names[i] for i in nearest])

# %% [markdown] exercise="frame_signal"
# ## 1.4 Frames
#
# Sound is one long row of numbers. Cut a window of it, move on by a hop, cut
# the next: each window is a vector, a frame. With 25 ms windows every 10 ms
# neighbours overlap. A window that would reach beyond the end is left out.


# %% solution="frame_signal"
def frame_signal(signal, window, hop):
    """Cut a signal into frames: (number of frames, window).

    signal: samples (T,). window, hop: in samples, at least 1. Frame i starts
    at sample i * hop; only complete frames are kept, so there are
    max(0, 1 + (T - window) // hop). Source: the lecture's slide "Vector Set
    as Input" (frames of 25 ms every 10 ms).
    """
    ### BEGIN SOLUTION
    count = max(0, 1 + (len(signal) - window) // hop)
    starts = hop * np.arange(count)[:, None]
    return signal[starts + np.arange(window)]
    ### END SOLUTION


# %% test="frame_signal"
check("frame_signal", frame_signal)

# %% [markdown]
# One second at 16,000 samples: how many vectors is that?

# %% tags=["demo"]
second = np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)
print(frame_signal(second, window=400, hop=160).shape)

# %% [markdown] exercise="molecule_graph"
# ## 1.5 A molecule
#
# A molecule is atoms and bonds. Each atom becomes a one-hot vector over the
# elements that we care about; the bonds become a table that says who is
# joined to whom. A bond joins both ways.


# %% solution="molecule_graph"
def molecule_graph(atoms, bonds, elements):
    """Return one-hot atoms X (n, len(elements)) and bonds A (n, n) bool.

    atoms: symbols of one or two letters, ["C", "Cl"]. bonds: pairs (i, j) of
    indices, i != j; doubles and both directions are harmless. elements: the
    symbols in the order of X's columns. A is symmetric without self loops.
    Raises ValueError for an element or an index that is not there (negative
    ones too). Source: the lecture's slide "Vector Set as Input" (molecule).
    """
    ### BEGIN SOLUTION
    n, elements = len(atoms), list(elements)
    X = np.zeros((n, len(elements)))
    for i, atom in enumerate(atoms):
        if atom not in elements:
            raise ValueError(f"atom {i} is {atom!r}, not one of {elements}")
        X[i, elements.index(atom)] = 1
    A = np.zeros((n, n), dtype=bool)
    for i, j in bonds:
        if not (0 <= i < n and 0 <= j < n):
            raise ValueError(f"bond ({i}, {j}): atoms are 0..{n - 1}")
        A[i, j] = A[j, i] = True
    return X, A
    ### END SOLUTION


# %% test="molecule_graph"
check("molecule_graph", molecule_graph)

# %% tags=["demo"]
X, A = molecule_graph(["O", "H", "H"], [(0, 1), (0, 2)], ["H", "C", "O"])
print("water:", X, A.astype(int), sep="\n")

# %% [markdown] exercise="image_vectors"
# ## 1.6 An image
#
# A pixel is a vector with three entries, red, green and blue. An image is a
# set of such vectors, row after row.


# %% solution="image_vectors"
def image_vectors(image):
    """Return the pixels of an image as vectors (H * W, C), row by row.

    image: (H, W, C). Source: the lecture's slide "Self-attention for Image".
    """
    ### BEGIN SOLUTION
    return image.reshape(-1, image.shape[-1])
    ### END SOLUTION


# %% test="image_vectors"
check("image_vectors", image_vectors)

# %% tags=["demo"]
import matplotlib.pyplot as plt

rows, columns = np.mgrid[0:5, 0:8]
image = np.stack([columns / 7, rows / 4, np.full((5, 8), 0.5)], axis=-1)
fig, axes = plt.subplots(2, 1, figsize=(6, 4), height_ratios=[5, 1])
axes[0].imshow(image)
axes[1].imshow(image_vectors(image)[None], aspect="auto")
axes[1].set(title="the same pixels as a sequence", yticks=[])
fig.tight_layout()
plt.show()

# %% [markdown]
# ## Try it
#
# Not graded. Speech at 16,000 samples a second, windows of 25 ms. Change the
# hop: how many vectors does a minute give? What would you lose with a hop
# longer than the window?

# %% tags=["demo"]
minute = np.zeros(60 * 16_000)
for hop_ms in (5, 10, 20, 40):
    frames = frame_signal(minute, window=400, hop=16 * hop_ms)
    size = frames.nbytes / 1e6
    print(f"hop {hop_ms:2} ms: {len(frames):6} vectors, {size:4.0f} MB")
