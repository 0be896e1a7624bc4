# %% [markdown]
# # Chapter 2: what comes out, and why a window is not enough
#
# Vectors go in. What comes out? A label for each of them, one label for all, or
# as many as the model likes. You will build the three in their simplest form,
# the window that lets a word see its neighbours, and the loss that trains them.
#
# Six exercises, about an hour and a half. Read the page *What comes out, and
# why a window is not enough* beside it. One sentence comes along all the way:
# *I saw a saw*. Work on new arrays: what comes in stays as it was.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown] exercise="tag_each"
# ## 2.1 A label for each
#
# The simplest tagger is one linear layer, used on every vector by itself. It
# gives one score for each class; no softmax yet.


# %% solution="tag_each"
def tag_each(X, W, b):
    """Score the classes of each vector: one linear layer, the same for all.

    X: (n, d). W: (d, C). b: (C,). Returns the logits (n, C).
    Source: the lecture's slide "Sequence Labeling" (fully connected).
    """
    ### BEGIN SOLUTION
    return X @ W + b
    ### END SOLUTION


# %% test="tag_each"
check("tag_each", tag_each)

# %% [markdown]
# Now the sentence. Words are one-hot vectors, and the layer is whatever chance
# makes it. Look at the two rows of *saw*. Is there any W for which they differ?

# %% tags=["demo"]
words = ["a", "I", "saw"]
X = np.eye(3)[[words.index(word) for word in "I saw a saw".split()]]
rng = np.random.default_rng(2)
W, b = rng.normal(size=(3, 4)), rng.normal(size=4)
for word, row in zip("I saw a saw".split(), tag_each(X, W, b), strict=True):
    print(f"{word:4}", np.round(row, 3))

# %% [markdown] exercise="window_stack"
# ## 2.2 A window
#
# Let each word bring its neighbours: `radius` to the left, itself, `radius` to
# the right, one after the other in one long vector. Where the sentence ends
# there are zeros.


# %% solution="window_stack"
def window_stack(X, radius):
    """Put each vector's neighbours beside it, from left to right.

    X: (n, d). radius: int >= 0, neighbours on each side; it may exceed n.
    Returns (n, (2 * radius + 1) * d): row i holds rows i - radius to
    i + radius of X, zeros where there is none.
    Source: the lecture's slide "Sequence Labeling" (consider the neighbours).
    """
    ### BEGIN SOLUTION
    n = len(X)
    padded = np.pad(X, ((radius, radius), (0, 0)))
    return np.hstack([padded[i : i + n] for i in range(2 * radius + 1)])
    ### END SOLUTION


# %% test="window_stack"
check("window_stack", window_stack)

# %% [markdown]
# Three blocks of three columns: the word to the left, the word, the word to the
# right. Now the two *saws* have different rows.

# %% tags=["demo"]
for word, row in zip("I saw a saw".split(), window_stack(X, 1), strict=True):
    print(f"{word:4}", row.reshape(3, 3).astype(int).tolist())

# %% [markdown] exercise="window_parameters"
# ## 2.3 What a window costs
#
# A fully connected network reads the window: one hidden layer, one output
# layer, each with weights and biases. How many numbers are to be learned? The
# network is the same for every position.


# %% solution="window_parameters"
def window_parameters(radius, d, hidden, classes):
    """Count the parameters of a two-layer network on a window.

    The input holds 2 * radius + 1 vectors of d numbers; then comes a layer of
    `hidden` units and one of `classes`, both with biases. Returns an int.
    Source: the lecture's slide "Sequence Labeling" (window).
    """
    ### BEGIN SOLUTION
    width = (2 * radius + 1) * d
    return width * hidden + hidden + hidden * classes + classes
    ### END SOLUTION


# %% test="window_parameters"
check("window_parameters", window_parameters)

# %% tags=["demo"]
for radius in (0, 1, 5, 50, 500):
    count = window_parameters(radius, 128, 256, 10)
    print(f"radius {radius:3}: {count:11,} parameters")

# %% [markdown] exercise="pool_sequence"
# ## 2.4 One label for all
#
# A speaker, a verdict, the property of a molecule: one answer for the whole
# sequence. The plain way is to take the mean of its vectors. In a batch the
# short sequences are padded, and `keep` is True where there is a real vector.


# %% solution="pool_sequence"
def pool_sequence(X, keep):
    """Average the vectors of each sequence where `keep` is True.

    X: (B, n, d). keep: bool (B, n), True for a real vector, in any places.
    The padding is finite. Returns (B, d); zeros where nothing is kept.
    Source: the lecture's slide "What is the output?" (one label).
    """
    ### BEGIN SOLUTION
    total = (X * keep[:, :, None]).sum(axis=1)
    count = keep.sum(axis=1, keepdims=True)
    return total / np.maximum(count, 1)
    ### END SOLUTION


# %% test="pool_sequence"
check("pool_sequence", pool_sequence)

# %% [markdown]
# The mean of one-hot vectors says how often each word occurs, and no longer
# where. For some questions that is enough.

# %% tags=["demo"]
backwards = X[::-1]
pooled = pool_sequence(np.stack([X, backwards]), np.ones((2, 4), dtype=bool))
print(words)
print(pooled)

# %% [markdown] exercise="greedy_decode"
# ## 2.5 As many as the model likes
#
# A translation need not have as many words as the sentence. So the model says
# one word after the other, each time given what it has said so far, and one
# special word means: I am done. Greedy decoding takes the best next word every
# time.


# %% solution="greedy_decode"
def greedy_decode(step, start, stop, max_length):
    """Decode a sequence, at each step the id with the highest score.

    step(ids): takes the list of all ids so far, `start` included, and returns
    the scores (V,) of the next id; it never prefers `start`. Decoding ends
    when `stop` comes out, or after max_length ids (>= 0). Among equal scores
    the lower id wins. Returns a list of ints without start and stop.
    Source: the lecture's slide "What is the output?" (seq2seq);
    arXiv 1409.3215, section 2.
    """
    ### BEGIN SOLUTION
    ids = [start]
    while len(ids) <= max_length:
        best = int(np.argmax(step(ids)))
        if best == stop:
            break
        ids.append(best)
    return ids[1:]
    ### END SOLUTION


# %% [markdown]
# The check builds a small model from two tables: one says which ids are likely
# after how many, the other which are likely after which.


# %% test="greedy_decode"
@check("greedy_decode")
def probe(by_length, by_last, start, stop, max_length):
    def step(ids):
        return by_length[len(ids) - 1] + by_last[ids[-1]]

    return greedy_decode(step, start, stop, max_length)


# %% [markdown]
# Four words in, five out. The table stands in for a trained model: it holds 1
# where one word may follow another.

# %% tags=["demo"]
vocabulary = ["(start)", "(stop)", "我", "看見", "一", "把", "鋸子"]
follows = np.eye(7)[[2, 1, 3, 4, 5, 6, 1]]
said = greedy_decode(lambda ids: follows[ids[-1]], 0, 1, 20)
print("I saw a saw:", " ".join(vocabulary[i] for i in said))

# %% [markdown] exercise="token_cross_entropy"
# ## 2.6 The loss
#
# To train a tagger, ask how surprised it is by the right label: minus the
# logarithm of the probability that softmax gives it. Take the mean over all
# tokens of the batch that count. Padding does not count; its label is `ignore`.


# %% solution="token_cross_entropy"
def token_cross_entropy(logits, labels, ignore=-100):
    """Mean of -log softmax(logits)[label] over the tokens that count.

    logits: (B, n, C). labels: ints (B, n), in 0..C-1 where they count.
    ignore: the label of tokens that do not count; any int, also a class.
    Returns a float, 0.0 when no token counts; finite for logits of +-10,000.
    Source: the lecture's slide "Sequence Labeling"; torch's cross_entropy.
    """
    ### BEGIN SOLUTION
    counts = labels != ignore
    if not counts.any():
        return 0.0
    scores, right = logits[counts], labels[counts]
    scores = scores - scores.max(axis=-1, keepdims=True)
    log_total = np.log(np.exp(scores).sum(axis=-1))
    return float(np.mean(log_total - scores[np.arange(len(right)), right]))
    ### END SOLUTION


# %% test="token_cross_entropy"
check("token_cross_entropy", token_cross_entropy)

# %% [markdown]
# Who knows nothing gives each of C classes the same score, and loses log C.

# %% tags=["demo"]
labels = np.array([[0, 3, 2, 1, -100]])
for sure in (0.0, 1.0, 3.0, 10.0):
    logits = sure * np.eye(4)[np.maximum(labels, 0)]
    loss = token_cross_entropy(logits, labels)
    print(f"sure {sure:4}: loss {loss:.4f}")
print(f"log 4 = {np.log(4):.4f}")

# %% [markdown]
# ## Try it
#
# Not graded. A made-up tagging task: the tag of a word is decided by the word
# `distance` places to its left. A linear layer on a window is fitted by least
# squares, and tested on a new text.
#
# Change the distance: what happens when it passes the radius? Then put it back
# and look at the widest windows: they see all that is needed and more, and yet
# they do worse. Why? What does it take to cure them: more words to learn from
# (`known`), or fewer?


# %% tags=["demo"]
def text(rng, length, distance, vocabulary=6):
    ids = rng.integers(vocabulary, size=length)
    tags = np.roll(ids, distance) % 2  # even or odd, `distance` words ago
    return np.eye(vocabulary)[ids], tags


rng, distance, known = np.random.default_rng(0), 3, 100
X_known, tags_known = text(rng, known, distance)
X_new, tags_new = text(rng, 2000, distance)
for radius in (0, 1, 2, 3, 5, 10, 20, 40):
    seen, new = window_stack(X_known, radius), window_stack(X_new, radius)
    W = np.linalg.lstsq(seen, np.eye(2)[tags_known], rcond=None)[0]
    guess = tag_each(new, W, np.zeros(2)).argmax(axis=1)
    right = (guess == tags_new).mean()
    print(f"radius {radius:2}: {W.size:4} parameters, {right:.0%} right")
