# %% [markdown]
# # Chapter 6: different kinds of relevance
#
# One query asks one question. Here every vector asks several at once: its
# query, key and value are cut into heads, each head attends by itself, and a
# last matrix mixes what they found. You write the cut, the glue and the layer,
# then switch off one head at a time to see what it was good for.
#
# Six exercises, about an hour and a half. Read the page *Different kinds of
# relevance* beside it.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown]
# The softmax with a mask is the one from chapter 4. It is given here, so that
# you can think about heads. `keep` may have any shape that NumPy stretches to
# that of `S`; a row with nothing kept gives zeros.


# %%
def masked_softmax(S, keep=None):
    """Turn scores (..., nq, nk) into weights; masked keys get 0."""
    if keep is not None:
        S = np.where(keep, S, -np.inf)
    top = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


# %% [markdown] exercise="split_heads"
# ## 6.1 Cut into heads
#
# A projected vector has `heads * dh` features. The first `dh` belong to head 0,
# the next `dh` to head 1, and so on. Bring the heads in front of the vectors,
# so that `result[h]` holds the same $n$ vectors, as head $h$ sees them. A batch
# may stand before everything else.


# %% solution="split_heads"
def split_heads(X, heads):
    """Cut the features into heads: (..., n, heads*dh) -> (..., heads, n, dh).

    Head h gets features h*dh to (h+1)*dh - 1 of every vector.
    Raises ValueError unless heads >= 1 divides the number of features.
    Source: the lecture's slide "Multi-head self-attention"; arXiv 1706.03762,
    section 3.2.2.
    """
    ### BEGIN SOLUTION
    *batch, n, width = X.shape
    if heads < 1 or width % heads:
        raise ValueError(f"{heads} heads cannot share {width} features")
    return np.swapaxes(X.reshape(*batch, n, heads, width // heads), -2, -3)
    ### END SOLUTION


# %% test="split_heads"
check("split_heads", split_heads)

# %% [markdown]
# Three vectors, a, b and c, with six features each. Which features does each
# head hold, and of which vectors?

# %% tags=["demo"]
names = np.array([[f"{v}{f}" for f in range(6)] for v in "abc"])
print(names)
for h, head in enumerate(split_heads(names, 2)):
    print(f"head {h}:", *head.tolist(), sep="\n  ")

# %% [markdown] exercise="merge_heads"
# ## 6.2 And glue them together
#
# Every head has an output for every vector. Put the heads' outputs side by
# side again, so that merging undoes splitting.


# %% solution="merge_heads"
def merge_heads(Y):
    """Put the heads side by side: (..., heads, n, dh) -> (..., n, heads*dh).

    The inverse of split_heads.
    Source: the lecture's slide "Multi-head self-attention"; "Concat" in arXiv
    1706.03762, section 3.2.2.
    """
    ### BEGIN SOLUTION
    *batch, heads, n, dh = Y.shape
    return np.swapaxes(Y, -2, -3).reshape(*batch, n, heads * dh)
    ### END SOLUTION


# %% test="merge_heads"
check("merge_heads", merge_heads)

# %% tags=["demo"]
print("there and back:", (merge_heads(split_heads(names, 3)) == names).all())

# %% [markdown] exercise="stack_head_weights"
# ## 6.3 Many small matrices, one large one
#
# On the slides each head has matrices of its own, $W^{q,1}$ and $W^{q,2}$. Libraries
# keep one matrix for all heads. Make it: projecting with it and then splitting
# must give what each head's own matrix gives.


# %% solution="stack_head_weights"
def stack_head_weights(per_head):
    """Join the projections of all heads: list of (d, dh) -> (d, heads*dh).

    per_head: one matrix a head, any number of heads. Head h of
    split_heads(X @ result, len(per_head)) is X @ per_head[h].
    Source: the lecture's slide "Multi-head self-attention", in rows.
    """
    ### BEGIN SOLUTION
    return np.concatenate(per_head, axis=1)
    ### END SOLUTION


# %% test="stack_head_weights"
check("stack_head_weights", stack_head_weights)

# %% tags=["demo"]
rng = np.random.default_rng(6)
X = rng.normal(size=(5, 8))
per_head = [rng.normal(size=(8, 3)) for _ in range(4)]
together = split_heads(X @ stack_head_weights(per_head), 4)
for h, W in enumerate(per_head):
    print(f"head {h}: largest difference", np.abs(together[h] - X @ W).max())

# %% [markdown] exercise="multi_head_attention"
# ## 6.4 Multi-head self-attention
#
# Project once, split, let every head attend by itself, merge, and mix with
# `Wo`. Each head's vectors are only `dh` wide, and that is the width that its
# scores are scaled by. All heads obey the same mask, which may be one for all
# sequences, `(n, n)`, or one for each, `(B, n, n)`.


# %% solution="multi_head_attention"
def multi_head_attention(X, Wq, Wk, Wv, Wo, heads, keep=None):
    """Attend with several heads at once; returns outputs O, weights A.

    X: inputs (B, n, d). Wq, Wk, Wv, Wo: (d, d). keep: None or bool, (n, n) or
    (B, n, n), True where attention is allowed, the same for every head; a row
    with nothing kept gives zeros in A. Scores are scaled by sqrt(dh), where
    dh = d / heads; the softmax is stable at any size of the scores.
    Returns O (B, n, d), A (B, heads, n, n).
    Raises ValueError unless heads divides d.
    Source: the lecture's slide "Multi-head self-attention"; arXiv 1706.03762,
    section 3.2.2.
    """
    ### BEGIN SOLUTION
    Q, K, V = (split_heads(X @ W, heads) for W in (Wq, Wk, Wv))
    S = Q @ np.swapaxes(K, -1, -2) / Q.shape[-1] ** 0.5
    if keep is not None:
        keep = keep[..., None, :, :]  # one mask for all heads
    A = masked_softmax(S, keep)
    return merge_heads(A @ V) @ Wo, A
    ### END SOLUTION


# %% test="multi_head_attention"
check("multi_head_attention", multi_head_attention)

# %% [markdown]
# Three things from the page: a red circle, a red square, a blue circle. Their
# four features are red, blue, circle, square. Two heads compare them in
# different ways. What does each head look for?

# %% tags=["demo"]
import matplotlib.pyplot as plt

things = np.array([[[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0]]], dtype=float)
names = ["red circle", "red square", "blue circle"]
eye = np.eye(4)
ours = multi_head_attention(things, 2 * eye, eye, eye, eye, heads=2)
fig, axes = plt.subplots(1, 2, figsize=(7, 3))
for h, ax in enumerate(axes):
    ax.imshow(ours[1][0, h], cmap="Blues", vmin=0, vmax=1)
    ax.set(title=f"head {h}", xticks=range(3), yticks=range(3))
    ax.set_xticklabels(names, rotation=30)
    ax.set_yticklabels(names)
fig.tight_layout()
plt.show()

# %% [markdown] exercise="without_head"
# ## 6.5 Without one head
#
# What is a head good for? Switch it off and see what breaks. Between merging
# and `Wo`, the columns of head `head` become zero; everything else stays as it
# is. Nothing is scaled up to make up for it.


# %% solution="without_head"
def without_head(X, Wq, Wk, Wv, Wo, heads, head):
    """Multi-head attention with one head switched off; returns O (B, n, d).

    X: inputs (B, n, d). Wq, Wk, Wv, Wo: (d, d). head: 0 to heads - 1; its
    output is zero before it meets Wo. Raises ValueError for any other head.
    Source: ablation of heads as in arXiv 1905.10650.
    """
    ### BEGIN SOLUTION
    if not 0 <= head < heads:
        raise ValueError(f"there is no head {head} among {heads}")
    _, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads)
    outputs = A @ split_heads(X @ Wv, heads)
    outputs[:, head] = 0
    return merge_heads(outputs) @ Wo
    ### END SOLUTION


# %% test="without_head"
check("without_head", without_head)

# %% [markdown] exercise="multi_head_parameters"
# ## 6.6 What heads cost
#
# Count the numbers that are learned in a layer with `heads` heads and vectors
# of width `d`: four matrices and, with `bias`, one more vector for each of
# them. What happens when you double the heads?


# %% solution="multi_head_parameters"
def multi_head_parameters(d, heads, bias):
    """Count the learned numbers of multi-head attention; returns an int.

    Wq, Wk, Wv and Wo are (d, d); with bias each has d numbers more.
    Raises ValueError unless heads divides d.
    Source: arXiv 1706.03762, section 3.2.2; torch.nn.MultiheadAttention.
    """
    ### BEGIN SOLUTION
    if d % heads:
        raise ValueError(f"{heads} heads cannot share {d} features")
    return 4 * d * d + (4 * d if bias else 0)
    ### END SOLUTION


# %% test="multi_head_parameters"
check("multi_head_parameters", multi_head_parameters)

# %% tags=["demo"]
for heads in (1, 2, 4, 8, 16, 64):
    count = multi_head_parameters(512, heads, bias=True)
    print(f"{heads:2} heads of width {512 // heads:3}: {count:,} numbers")

# %% [markdown]
# ## Try it
#
# Not graded. Here is a layer with two heads, written by hand instead of
# learned. Every vector has four random numbers and a one-hot place. The vector
# at place $i$ must find the numbers of places $i - 1$ and $i + 2$ (counted in a
# circle). Head 0 looks one back, head 1 two ahead.

# %% tags=["demo"]
n, sharp = 6, 40
place = np.eye(n)
x = rng.normal(size=(200, n, 4))
X = np.zeros((200, n, 12))
X[..., :4], X[..., 4:10] = x, place

here, one_back, two_ahead, numbers = np.zeros((4, 12, 6))
here[4:10] = sharp * place
one_back[4:10] = np.roll(place, 1, axis=1)
two_ahead[4:10] = np.roll(place, -2, axis=1)
numbers[:4, :4] = np.eye(4)

Wq = stack_head_weights([here, here])
Wk = stack_head_weights([one_back, two_ahead])
Wv = stack_head_weights([numbers, numbers])
wanted = np.roll(x, 1, axis=1), np.roll(x, -2, axis=1)


def errors(O):
    """Mean squared error of what should be i - 1, and of what should be i + 2."""
    found = O[..., :4], O[..., 6:10]
    pairs = zip(found, wanted, strict=True)
    return [round(float(((f - w) ** 2).mean()), 2) for f, w in pairs]


Wo = np.eye(12)
for head in (0, 1):
    O = without_head(X, Wq, Wk, Wv, Wo, 2, head)
    print(f"without head {head}:", errors(O))

# %% [markdown]
# In the next cell, change `heads=2` to `heads=1`: the same numbers as *one*
# head of width 12. What happens to the two errors, and why just these values?
# What if `sharp` is 4? And what does one head do when you set `two_ahead` to
# zero?

# %% tags=["demo"]
O, A = multi_head_attention(X, Wq, Wk, Wv, Wo, heads=2)
print("with all heads:", errors(O))
print("place 0 looks at:", A[0, :, 0].round(2))
