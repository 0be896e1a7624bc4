# %% [markdown]
# # Chapter 4: from scores to weights to an answer
#
# A query has scored every key. Now the scores become weights, and the weights
# collect an answer from the values. You will build that path, piece by piece,
# and at the end the derivative that training sends back through it.
#
# Six exercises, about an hour. Read the page *From scores to weights to an
# answer* beside it. Every solution is a few lines of NumPy. Work on new
# arrays: what comes in stays as it was.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown] exercise="softmax"
# ## 4.1 Softmax
#
# Scores are any numbers; weights are positive and add up to 1. The
# exponential makes them positive, the division makes them add up. Write it so
# that it survives scores of 10,000.

# %% [markdown]
# First a look at the trap. Three scores with the same differences, far from
# zero and near it: the weights should be equal. Will they be?

# %% tags=["demo"]
for S in (np.array([0.0, 1.0, 2.0]), np.array([1000.0, 1001.0, 1002.0])):
    with np.errstate(over="ignore"):
        print("scores", S, "exponentials", np.exp(S))


# %% solution="softmax"
def softmax(S, axis=-1):
    """Turn scores S (1 to 4 axes) into weights that sum to 1 along `axis`.

    Returns floats of the shape of S; finite for scores of +-10,000.
    Source: the lecture's slide "Self-attention"; arXiv 1706.03762, 3.2.1.
    """
    ### BEGIN SOLUTION
    e = np.exp(S - S.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
    ### END SOLUTION


# %% test="softmax"
check("softmax", softmax)

# %% [markdown]
# The temperature divides the scores before the softmax. Cold is nearly
# argmax, hot is nearly a plain mean.

# %% tags=["demo"]
for temperature in (0.1, 0.5, 1.0, 2.0, 10.0):
    weights = softmax(np.array([0.0, 1.0, 2.0]) / temperature)
    print(f"temperature {temperature:4}: {np.round(weights, 3)}")

# %% [markdown] exercise="masked_softmax"
# ## 4.2 Softmax with a mask
#
# Some keys must not be looked at: padding, or words that come later. `keep`
# is True where attention is allowed. A masked key gets weight 0, the kept
# ones share the whole 1, and a row with nothing kept is zeros.


# %% solution="masked_softmax"
def masked_softmax(S, keep):
    """Softmax over the last axis of S among the entries where `keep` is True.

    S: scores (..., nq, nk). keep: bool, the same shape. Returns weights
    (..., nq, nk), 0 where not kept; a row with nothing kept is zeros.
    Masked scores of any size have no influence. S stays as it is.
    Source: arXiv 1706.03762, section 3.2.3.
    """
    ### BEGIN SOLUTION
    S = np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)
    ### END SOLUTION


# %% test="masked_softmax"
check("masked_softmax", masked_softmax)

# %% tags=["demo"]
import matplotlib.pyplot as plt

S = np.random.default_rng(4).normal(size=(5, 7))
keep = np.arange(7) < np.array([[7], [5], [3], [1], [0]])
fig, axes = plt.subplots(1, 2, figsize=(8, 3))
axes[0].imshow(softmax(S), cmap="Blues", vmin=0, vmax=1)
axes[0].set(title="softmax", xlabel="key", ylabel="query")
axes[1].imshow(masked_softmax(S, keep), cmap="Blues", vmin=0, vmax=1)
axes[1].set(title="masked softmax", xlabel="key", ylabel="query")
plt.show()

# %% [markdown] exercise="relu_weights"
# ## 4.3 ReLU instead of softmax
#
# Softmax is the usual choice, says the lecture, but others work, ReLU among
# them. Cut the negative scores to 0 and divide each row by its sum. Now a
# weight can be exactly 0, and so can a whole row.


# %% solution="relu_weights"
def relu_weights(S):
    """Turn scores S (nq, nk) into weights by ReLU; each row then sums to 1.

    Returns (nq, nk); a row without a positive score is zeros.
    Source: the lecture's slide "Self-attention" (softmax, ReLU, or another).
    """
    ### BEGIN SOLUTION
    R = np.maximum(S, 0)
    total = R.sum(axis=-1, keepdims=True)
    return R / np.where(total == 0, 1, total)
    ### END SOLUTION


# %% test="relu_weights"
check("relu_weights", relu_weights)

# %% tags=["demo"]
scores = np.array([[2.0, 1.0, 0.0, -1.0]])
print("scores ", scores[0])
print("softmax", np.round(softmax(scores)[0], 3))
print("ReLU   ", np.round(relu_weights(scores)[0], 3))

# %% [markdown] exercise="extract"
# ## 4.4 Extract
#
# The weights say how much; the values say what. Each output row is the sum of
# the value rows, each times its weight. Take the weights as they come.


# %% solution="extract"
def extract(A, V):
    """Sum the values V (..., nk, dv) with the weights A (..., nq, nk).

    Returns O (..., nq, dv) = A V; the rows of A are taken as given.
    Source: the lecture's slide "Self-attention"; arXiv 1706.03762, eq. 1.
    """
    ### BEGIN SOLUTION
    return A @ V
    ### END SOLUTION


# %% test="extract"
check("extract", extract)

# %% [markdown]
# Three values in the plane. Whatever the scores are, the answer lies inside
# their triangle: softmax weights can only mix.

# %% tags=["demo"]
import matplotlib.pyplot as plt

corners = np.array([[0.0, 0.0], [4.0, 0.0], [1.0, 3.0]])
A = softmax(3 * np.random.default_rng(4).normal(size=(200, 3)))
answers = extract(A, corners)
plt.figure(figsize=(4, 3))
plt.scatter(*answers.T, s=8, label="answers")
plt.scatter(*corners.T, s=80, marker="^", label="values")
plt.legend()
plt.show()

# %% [markdown] exercise="attend_one"
# ## 4.5 One query, the whole story
#
# Score, scale, softmax, extract: everything up to here, for a single query.
# You may use what you have written.


# %% solution="attend_one"
def attend_one(q, K, V):
    """Answer one query: score, scale by sqrt(dk), softmax, extract.

    q: (dk,). K: keys (nk, dk). V: values (nk, dv). Returns o (dv,).
    Source: the lecture's slide "Self-attention"; arXiv 1706.03762, eq. 1.
    """
    ### BEGIN SOLUTION
    scores = K @ q / np.sqrt(len(q))
    return softmax(scores) @ V
    ### END SOLUTION


# %% test="attend_one"
check("attend_one", attend_one)

# %% tags=["demo"]
K = np.array([[2.0, 0, 0, 1], [0, 3, 0, 0], [2, 1, 2, 0]])
V = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 5.0]])
for stretch in (0.0, 1.0, 3.0, 10.0):
    q = stretch * np.array([1.0, 0.0, 1.0, 0.0])
    print(f"q times {stretch:4}: answer {np.round(attend_one(q, K, V), 3)}")

# %% [markdown] exercise="softmax_jacobian"
# ## 4.6 The Jacobian of softmax
#
# To train, we must know how each weight moves when each score moves: n times
# n numbers. They can be computed from the weights p alone.


# %% solution="softmax_jacobian"
def softmax_jacobian(p):
    """Return the Jacobian J[i, j] = d p_i / d s_j of p = softmax(s).

    p: weights (n,), >= 0, summing to 1, zeros allowed. Returns (n, n).
    Source: arXiv 1602.02068, section 2.
    """
    ### BEGIN SOLUTION
    return np.diag(p) - np.outer(p, p)
    ### END SOLUTION


# %% test="softmax_jacobian"
check("softmax_jacobian", softmax_jacobian)

# %% [markdown]
# Believe no formula before you have compared it with the differences that it
# predicts.

# %% tags=["demo"]
s, h = np.array([0.0, 1.0, 2.0]), 1e-6
J = softmax_jacobian(softmax(s))
columns = [(softmax(s + d) - softmax(s - d)) / (2 * h) for d in h * np.eye(3)]
measured = np.stack(columns, axis=1)
print(np.round(J, 4))
print("largest difference:", np.abs(J - measured).max())

# %% [markdown]
# ## Try it
#
# Not graded. How much of a gradient gets through as the scores grow? Change
# the scales and `n`. What happens at a scale of 100? And if you divide the
# scores by their scale, as attention does with the root of dk?

# %% tags=["demo"]
rng, n = np.random.default_rng(0), 8
for scale in (0.1, 1.0, 3.0, 10.0, 30.0):
    p = softmax(scale * rng.normal(size=(200, n)))
    through = np.mean([np.abs(softmax_jacobian(row)).sum() for row in p])
    top = p.max(axis=1).mean()
    print(f"scale {scale:4}: top weight {top:.2f}, gradient {through:.3f}")
