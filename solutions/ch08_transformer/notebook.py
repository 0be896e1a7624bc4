# %% [markdown]
# # Chapter 8: the Transformer
#
# All parts are there; now you put them together. You build the block of which
# a Transformer's encoder consists, the two ideas that make a decoder of it (do
# not look ahead, do look across), the gaps from which BERT learns, and at the
# end you train a model of your own that must look far back to be right.
#
# Six exercises, about two and a half hours. Read the page *The Transformer*
# beside it. From here on we use PyTorch: what comes in and goes out are
# tensors, unless a docstring says otherwise, and gradients must flow through.

# %% locked="setup"
import numpy as np
import torch
from torch import nn
from torch.nn.utils import vector_to_parameters

from autograder import check

torch.set_num_threads(1)

# %% [markdown] exercise="layer_norm"
# ## 8.1 Layer normalisation
#
# Each vector on its own: subtract the mean of its entries, divide by their
# standard deviation, then let a learned gain and bias stretch and shift every
# entry. The variance is the mean of the squared deviations. A small `eps` is
# added to it, *inside* the root, so that nobody divides by zero.


# %% solution="layer_norm"
def layer_norm(x, gain, bias, eps=1e-5):
    """Normalise each vector of x over its last axis, then gain and bias.

    x: (..., d). gain, bias: (d,). eps: added to the variance, in the root.
    All tensors. Returns (..., d).
    Source: arXiv 1607.06450; arXiv 1706.03762, section 3.1.
    """
    ### BEGIN SOLUTION
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    return gain * centred / torch.sqrt(variance + eps) + bias
    ### END SOLUTION


# %% test="layer_norm"
@check("layer_norm")
def probe(x, gain, bias, eps=1e-5):
    x, gain, bias = map(torch.from_numpy, (x, gain, bias))
    return layer_norm(x, gain, bias, eps)


# %% [markdown]
# Three vectors, two of them the same up to a factor and a shift. What does
# the norm leave of the difference?

# %% tags=["demo"]
x = torch.tensor([[1.0, 2.0, 6.0], [10.0, 20.0, 60.0], [101.0, 102.0, 106.0]])
print(layer_norm(x, torch.ones(3), torch.zeros(3)))

# %% [markdown] exercise="EncoderBlock"
# ## 8.2 The encoder block
#
# Multi-head self-attention, then a small network for each vector alone. Around
# each of the two goes a *residual connection*: what comes in is added to what
# comes out. After each sum a layer norm:
#
# $$
# \begin{aligned}
# Y &= \operatorname{norm}_1\big(X + \operatorname{attention}(X)\big) \\
# Z &= \operatorname{norm}_2\big(Y + W_2 \operatorname{ReLU}(W_1 Y)\big)
# \end{aligned}
# $$
#
# `__init__` is given: it makes all the learned parts. You write `forward`.
# Head $h$ has the columns $h d_h$ to $(h + 1) d_h - 1$ of the projections, with
# $d_h = d / H$, and its scores are scaled by $\sqrt{d_h}$. `keep` says which
# tokens are words; no query may look at the others, which are padding. What
# comes out at padding does not matter, as long as it is a number.


# %% solution="EncoderBlock"
class EncoderBlock(nn.Module):
    """One block of the Transformer's encoder, norms after the sums.

    Called with x (B, n, d) and keep, None or bool (B, n), True for words, at
    least one in each row. Returns (B, n, d).
    Source: arXiv 1706.03762, sections 3.1 to 3.3.
    """

    def __init__(self, d, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(d, d)
        self.key = nn.Linear(d, d)
        self.value = nn.Linear(d, d)
        self.out = nn.Linear(d, d)
        self.norm1 = nn.LayerNorm(d)
        self.norm2 = nn.LayerNorm(d)
        self.linear1 = nn.Linear(d, hidden)
        self.linear2 = nn.Linear(hidden, d)

    def forward(self, x, keep=None):
        ### BEGIN SOLUTION
        batch, n, d = x.shape
        Q, K, V = (
            project(x).view(batch, n, self.heads, -1).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )  # each (B, heads, n, dh)
        S = Q @ K.transpose(-1, -2) / Q.shape[-1] ** 0.5
        if keep is not None:
            S = S.masked_fill(~keep[:, None, None, :], -torch.inf)
        O = S.softmax(dim=-1) @ V
        merged = O.transpose(1, 2).reshape(batch, n, d)
        y = self.norm1(x + self.out(merged))
        return self.norm2(y + self.linear2(torch.relu(self.linear1(y))))
        ### END SOLUTION


# %% [markdown]
# The probe fills your block with given weights, in the order in which
# `__init__` makes them, and also asks for a gradient.


# %% test="EncoderBlock"
@check("EncoderBlock")
def probe(x, weights, heads, hidden, keep=None):
    x = torch.from_numpy(x).requires_grad_()
    block = EncoderBlock(x.shape[-1], heads, hidden).to(x.dtype)
    vector_to_parameters(torch.from_numpy(weights), block.parameters())
    if keep is None:
        z = block(x)
    else:
        keep = torch.from_numpy(keep)
        z = block(x, keep).masked_fill(~keep[..., None], 0)
    if not z.requires_grad:
        return z, torch.zeros_like(x)
    (dx,) = torch.autograd.grad(z[..., 0].sum(), x)
    return z.detach(), dx


# %% [markdown]
# A block mixes: how much does each output depend on each input? Below, the
# size of the derivative of output $i$ with respect to input $j$, for a block
# and for two blocks one after the other. Which cells are 0 when the last two
# tokens are padding?

# %% tags=["demo"]
import matplotlib.pyplot as plt

torch.manual_seed(0)
x = torch.randn(1, 6, 8)
keep = torch.tensor([[True, True, True, True, False, False]])
one, other = EncoderBlock(8, 2, 16), EncoderBlock(8, 2, 16)
fig, axes = plt.subplots(1, 2, figsize=(7, 3))
for ax, title, blocks in (
    (axes[0], "one block", lambda x: one(x, keep)),
    (axes[1], "two blocks", lambda x: other(one(x, keep), keep)),
):
    J = torch.autograd.functional.jacobian(blocks, x)[0, :, :, 0]
    ax.imshow(J.norm(dim=(1, 3)), cmap="Blues")
    ax.set(title=title, xlabel="input", ylabel="output")
plt.show()

# %% [markdown] exercise="causal_keep"
# ## 8.3 Do not look ahead
#
# A decoder writes one token after the other. While it learns, all tokens are
# there already, so a mask must hide what comes later. `keep[i, j]` is True
# where position `i` may look at position `j`.


# %% solution="causal_keep"
def causal_keep(n):
    """The mask with which position i sees positions 0 to i.

    n: an int. Returns a bool tensor (n, n), True where attention is allowed.
    Source: arXiv 1706.03762, section 3.2.3.
    """
    ### BEGIN SOLUTION
    return torch.ones(n, n, dtype=torch.bool).tril()
    ### END SOLUTION


# %% test="causal_keep"
check("causal_keep", causal_keep)

# %% [markdown] exercise="cross_attention"
# ## 8.4 Look across
#
# The decoder asks, the encoder answers: the queries are projected from the
# decoder's vectors, the keys and the values from the encoder's. Everything
# else is as it was: scores scaled by $\sqrt{d_k}$, softmax over the keys,
# weighted sum.


# %% solution="cross_attention"
def cross_attention(Xq, Xkv, Wq, Wk, Wv):
    """Let each vector of Xq attend to all vectors of Xkv; returns outputs O.

    Xq: the decoder's vectors (nq, d). Xkv: the encoder's (nk, d). Wq, Wk:
    (d, dk). Wv: (d, dv). All tensors; stable at scores of any size.
    Returns O (nq, dv).
    Source: arXiv 1706.03762, section 3.2.3, "encoder-decoder attention".
    """
    ### BEGIN SOLUTION
    Q, K, V = Xq @ Wq, Xkv @ Wk, Xkv @ Wv
    A = torch.softmax(Q @ K.T / K.shape[1] ** 0.5, dim=-1)
    return A @ V
    ### END SOLUTION


# %% test="cross_attention"
@check("cross_attention")
def probe(Xq, Xkv, Wq, Wk, Wv):
    return cross_attention(*map(torch.from_numpy, (Xq, Xkv, Wq, Wk, Wv)))


# %% [markdown]
# An encoder has read seven tokens, a decoder has written three. How many
# vectors come out? And if the encoder's seven are shuffled?

# %% tags=["demo"]
torch.manual_seed(0)
written, read = torch.randn(3, 8), torch.randn(7, 8)
matrices = [torch.randn(8, width) for width in (4, 4, 5)]
O = cross_attention(written, read, *matrices)
shuffled = cross_attention(written, read[torch.randperm(7)], *matrices)
print(tuple(O.shape), "largest difference:", float((O - shuffled).abs().max()))

# %% [markdown] exercise="mask_tokens"
# ## 8.5 Gaps to fill
#
# BERT learns from sentences without any label: hide some words and guess them.
# Choose tokens at random, then for each of the chosen roll a die of its own:
#
# - with 80 % it becomes the mask token,
# - with 10 % a random id of the vocabulary, uniform over 0 to V − 1 (it may be
#   any id, also the old one),
# - with 10 % it stays as it is.
#
# How many? *Exactly* `max(1, round(rate * n))`, with Python's `round`, where `n`
# counts all tokens. Special tokens are never chosen; if there are fewer
# ordinary ones than that, all of them are. The labels hold the original ids of
# the chosen tokens, also of those that stayed, and −100 everywhere else, the
# number that PyTorch's cross-entropy skips.


# %% solution="mask_tokens"
def mask_tokens(ids, special, mask_id, vocabulary_size, rng, rate=0.15):
    """Hide some tokens of a sentence; returns inputs and labels.

    ids: int array (n,). special: bool array (n,), True for tokens that are
    never chosen. rng: a numpy Generator, from which all chance comes.
    Returns two int arrays (n,): inputs, with some of the chosen tokens
    replaced; labels, the original ids of the chosen tokens, elsewhere -100.
    Source: arXiv 1810.04805, section 3.1 and appendix A.1.
    """
    ### BEGIN SOLUTION
    ordinary = np.flatnonzero(~special)
    count = min(max(1, round(rate * len(ids))), len(ordinary))
    chosen = rng.choice(ordinary, count, replace=False)
    labels = np.full_like(ids, -100)
    labels[chosen] = ids[chosen]
    die = rng.random(count)
    inputs = ids.copy()
    inputs[chosen[die < 0.8]] = mask_id
    replaced = chosen[die >= 0.9]
    inputs[replaced] = rng.integers(vocabulary_size, size=len(replaced))
    return inputs, labels
    ### END SOLUTION


# %% [markdown]
# Chance cannot be compared with an answer, but it can be counted. The probe
# calls your function many times, and then once more with a generator in the
# state of the first call: the same must come out.


# %% test="mask_tokens"
@check("mask_tokens")
def probe(ids, special, mask_id, vocabulary_size, seed, draws, rate=0.15):
    def draw(rng):
        return mask_tokens(ids, special, mask_id, vocabulary_size, rng, rate)

    rng = np.random.default_rng(seed)
    inputs, labels = zip(*[draw(rng) for _ in range(draws)])
    again = draw(np.random.default_rng(seed))
    return np.stack(inputs), np.stack(labels), again


# %% tags=["demo"]
words = "[MASK] I saw a with the tree near boat [END]".split()
sentence = "I saw a saw with the tree near the boat [END]".split()
ids = np.array([words.index(word) for word in sentence])
special = ids == words.index("[END]")
rng = np.random.default_rng(8)
for _ in range(6):
    inputs, labels = mask_tokens(ids, special, 0, len(words), rng)
    asked = [words[label] for label in labels if label != -100]
    print(" ".join(words[i] for i in inputs), "  asked:", *asked)

# %% [markdown] exercise="train_tagger"
# ## 8.6 A model of your own
#
# The last exercise gives you data and asks for a trained model. The sentences
# are in the book's little language. Each word gets one of seven tags, among
# them *singular verb* and *plural verb*. The verbs look the same in both; only
# the first noun tells, and up to five other nouns may stand between:
#
# > the **cats** with the tree near the boat **saw** a girl
#
# What you return is a module that takes ids `(B, m)` and gives logits for
# each word, `(B, m, classes)`. It is tested on sentences that it has never
# seen, and only on such verbs: **more than 95 %** must be right. And padding
# must not matter: when zeros are appended to the ids, up to 64 columns, the
# logits of the words stay as they are.
#
# Grading trains your model twice, on sentences of its own, and the words have
# other ids there. Both trainings together may take **60 seconds of processor
# time**; five seconds each is enough. Your model may be built from your
# `EncoderBlock`, from PyTorch's layers, or from something else. The model
# knows nothing of order unless you tell it.


# %%
def padded(rows, width, filler):
    """Rows of ints side by side, as an int64 tensor (len(rows), width)."""
    table = torch.full((len(rows), width), filler)
    for line, numbers in zip(table, rows):
        line[: len(numbers)] = torch.tensor(numbers)
    return table


def encoded(sentences, words):
    """The ids of sentences, padded with 0 to 22 columns; words[0] is padding."""
    number = {word: index for index, word in enumerate(words)}
    return padded([[number[w] for w in s.split()] for s in sentences], 22, 0)


# %% [markdown]
# Some of the sentences that `check` trains on, with their tags: 0 pronoun, 1
# article, 2 noun, 3 singular verb, 4 plural verb, 5 preposition, 6 adverb.

# %% tags=["demo"]
import json

with open("public_cases.json", encoding="utf-8") as file:
    case = json.load(file)["exercises"]["train_tagger"]["cases"][0]["inputs"]
for sentence, tags in list(zip(case["sentences"], case["tags"]))[:8]:
    print(" ".join(f"{w}/{t}" for w, t in zip(sentence.split(), tags)))


# %% solution="train_tagger"
def train_tagger(sequences, tags, vocabulary_size, classes, seed):
    """Train a model that tags each word of a sentence; returns the module.

    sequences: int64 tensor (N, n), ids from 1, padded with 0. tags: int64
    tensor (N, n), -100 at padding. N is 2,000. seed: an int for all chance.
    The module maps ids (B, m), m up to 64, to logits (B, m, classes).
    Source: the lecture's slide "I saw a saw"; arXiv 1706.03762.
    """

    ### BEGIN SOLUTION
    class Tagger(nn.Module):
        def __init__(self, d=48, longest=64):
            super().__init__()
            self.embed = nn.Embedding(vocabulary_size, d)
            self.positions = nn.Parameter(0.5 * torch.randn(longest, d))
            self.block = EncoderBlock(d, 4, 96)
            self.tag = nn.Linear(d, classes)

        def forward(self, ids):
            x = self.embed(ids) + self.positions[: ids.shape[1]]
            return self.tag(self.block(x, ids > 0))

    torch.manual_seed(seed)
    model, epochs, size = Tagger(), 15, 64
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    steps = epochs * -(-len(sequences) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, steps)
    for _ in range(epochs):
        for some in torch.randperm(len(sequences)).split(size):
            logits = model(sequences[some]).flatten(0, 1)
            loss = nn.functional.cross_entropy(logits, tags[some].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model
    ### END SOLUTION


# %% test="train_tagger"
@check("train_tagger")
def probe(sentences, tags, words, seed, unseen, twins):
    ids = encoded(sentences, words)
    labels = padded([[int(t) for t in row] for row in tags], 22, -100)
    model = train_tagger(ids, labels, len(words), 7, seed).eval()
    new = encoded(unseen, words)
    more = nn.functional.pad(new, (0, 9))  # nine columns of padding
    with torch.no_grad():
        asked = (ids[:300], new, more, encoded(twins, words))
        return [model(part) for part in asked]


# %% [markdown]
# ## Try it
#
# Not graded. What does your tagger look at? A model that is right may look at
# the first noun, or do something else. Change the sentence: other nouns, more
# phrases than it has ever seen, two subjects. When does it break? And how few
# sentences would have been enough?

# %% tags=["demo"]
words, tags = case["words"], [[int(t) for t in row] for row in case["tags"]]
ids, labels = encoded(case["sentences"], words), padded(tags, 22, -100)
model = train_tagger(ids, labels, len(words), 7, seed=0).eval()
names = "pronoun article noun singular plural preposition adverb".split()
for sentence in (
    "the cat near the trees saw a boat",
    "the cats near the tree saw a boat",
    "now the saw with the cats saw the saw",
):
    with torch.no_grad():
        best = model(encoded([sentence], words))[0].argmax(dim=-1)
    for word, tag in zip(sentence.split(), best):
        print(f"{word}/{names[tag]}", end=" ")
    print()
