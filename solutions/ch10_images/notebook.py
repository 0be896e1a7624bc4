# %% [markdown]
# # Chapter 10: the CNN is a special case
#
# An image is a set of vectors too, one for each pixel, so self-attention can
# read it. In this notebook you cut images into tokens, build a convolution out
# of attention heads, follow backwards what an output can see, and end with a
# Vision Transformer that you train on real handwritten digits.
#
# Nine exercises, about two and a half hours. Read the page *The CNN is a
# special case* beside it. The first seven are in NumPy, the last two in
# PyTorch.

# %% locked="setup"
import numpy as np
import torch
from torch import nn
from torch.nn.utils import vector_to_parameters

from autograder import check

torch.set_num_threads(1)

# %% [markdown] exercise="patchify"
# ## 10.1 Cut an image into patches
#
# Pixels are many: attention compares each with each. A Vision Transformer cuts
# the image into squares first and makes one vector of each square. The squares
# are read as one reads a page, row by row. Inside a square: channel by channel,
# and in each channel row by row.


# %% solution="patchify"
def patchify(images, size):
    """Cut images into squares, one vector for each; returns the patches.

    images: (B, C, H, W). size: the side of a patch, an int. Returns
    (B, N, C*size*size) with N = (H/size)*(W/size), patches row by row; inside
    a patch first the channel, then the row, then the column.
    Raises ValueError when size does not divide H and W.
    Source: arXiv 2010.11929, section 3.1.
    """
    ### BEGIN SOLUTION
    B, C, H, W = images.shape
    if H % size or W % size:
        raise ValueError(f"{size} does not divide {H} and {W}")
    cut = images.reshape(B, C, H // size, size, W // size, size)
    ordered = cut.transpose(0, 2, 4, 1, 3, 5)  # patch first, then its pixels
    return ordered.reshape(B, -1, C * size * size)
    ### END SOLUTION


# %% test="patchify"
check("patchify", patchify)

# %% [markdown]
# A real digit, 8 by 8 pixels, in patches of four sizes. What is left for
# attention to compare when a patch is the whole image?

# %% tags=["demo"]
from sklearn.datasets import load_digits

digits = load_digits()
image = digits.images[:1, None] / 16  # (1, 1, 8, 8)
for size in (1, 2, 4, 8):
    patches = patchify(image, size)
    pairs = patches.shape[1] ** 2
    print(f"size {size}: {patches.shape[1:]}, {pairs} pairs to compare")

# %% [markdown] exercise="unpatchify"
# ## 10.2 And put it together again
#
# The way back: whoever generates images from tokens needs it, and so does
# whoever wants to draw what each patch got.


# %% solution="unpatchify"
def unpatchify(patches, size, H, W, C):
    """Put patches together again; returns the images.

    patches: (B, N, C*size*size), ordered as `patchify` orders them. size: the
    side of a patch. H, W, C: height, width and channels of the images.
    Returns (B, C, H, W).
    Raises ValueError when size does not divide H and W.
    Source: arXiv 2010.11929, section 3.1, backwards.
    """
    ### BEGIN SOLUTION
    if H % size or W % size:
        raise ValueError(f"{size} does not divide {H} and {W}")
    cut = patches.reshape(-1, H // size, W // size, C, size, size)
    return cut.transpose(0, 3, 1, 4, 2, 5).reshape(-1, C, H, W)
    ### END SOLUTION


# %% test="unpatchify"
check("unpatchify", unpatchify)

# %% [markdown]
# With both, one can rearrange an image. A convolution sees the second picture
# quite differently. And attention without positions?

# %% tags=["demo"]
import matplotlib.pyplot as plt

patches = patchify(image, 2)
shuffled = patches[:, np.random.default_rng(1).permutation(16)]
fig, axes = plt.subplots(1, 2, figsize=(5, 2.5))
for ax, drawn in zip(axes, (patches, shuffled)):
    ax.imshow(unpatchify(drawn, 2, 8, 8, 1)[0, 0], cmap="Greys")
    ax.axis("off")
plt.show()

# %% [markdown] exercise="quadratic_scores"
# ## 10.3 Look over there
#
# Can a head look at "the pixel above" and nowhere else? Let its scores depend
# on the places alone. The pixel at `query + delta` gets 0, the largest score;
# the others lose by the square of their distance from it:
#
# $$
# S_{qk} = -\alpha\, \lVert (k - q) - \Delta \rVert^2
# $$
#
# where $q$ and $k$ are the places of query and key, each (row, column). Pixels
# are numbered row by row.


# %% solution="quadratic_scores"
def quadratic_scores(h, w, delta, alpha):
    """Scores of a head that looks `delta` away from each pixel.

    h, w: height and width of the image, pixels row by row. delta: two numbers,
    (rows, columns), the wanted offset from query to key. alpha: how sharp, > 0.
    Returns S (h*w, h*w), queries in rows:
    -alpha * the squared length of (key - query) - delta.
    Source: arXiv 1911.03584, section 3, "quadratic encoding".
    """
    ### BEGIN SOLUTION
    places = np.stack(np.divmod(np.arange(h * w), w), axis=1)  # (h*w, 2)
    offsets = places[None, :] - places[:, None]  # [query, key]
    return -alpha * ((offsets - np.asarray(delta)) ** 2).sum(axis=-1)
    ### END SOLUTION


# %% test="quadratic_scores"
check("quadratic_scores", quadratic_scores)

# %% [markdown]
# The softmax of these scores, drawn for the pixel in the middle of a 5 by 7
# image, with the offset "one up, two to the right". What does `alpha` do?

# %% tags=["demo"]
fig, axes = plt.subplots(1, 3, figsize=(7, 2))
for ax, alpha in zip(axes, (0.1, 0.5, 3)):
    S = quadratic_scores(5, 7, (-1, 2), alpha)[17]
    A = np.exp(S - S.max()) / np.exp(S - S.max()).sum()
    ax.imshow(A.reshape(5, 7), cmap="Blues", vmin=0, vmax=1)
    ax.plot(3, 2, "rx")
    ax.set_title(f"alpha = {alpha}")
plt.show()

# %% [markdown] exercise="shift_attention"
# ## 10.4 As sharp as can be
#
# When $\alpha$ grows without bound, all the weight lands on one pixel. That
# limit needs no softmax: write it down. Where `query + delta` falls outside the
# image there is nothing to look at, and the row is zeros.


# %% solution="shift_attention"
def shift_attention(h, w, delta):
    """Weights of a head that looks exactly `delta` away from each pixel.

    h, w: height and width of the image, pixels row by row. delta: two ints,
    (rows, columns), the offset from query to key. Returns floats A (h*w, h*w),
    queries in rows: 1 at query + delta, and a row of zeros where that falls
    outside the image.
    Source: arXiv 1911.03584, section 3, the limit of large alpha.
    """
    ### BEGIN SOLUTION
    A = np.zeros((h * w, h * w))
    for query in range(h * w):
        row, column = query // w + delta[0], query % w + delta[1]
        if 0 <= row < h and 0 <= column < w:
            A[query, row * w + column] = 1
    return A
    ### END SOLUTION


# %% test="shift_attention"
check("shift_attention", shift_attention)

# %% [markdown] exercise="convolution_as_attention"
# ## 10.5 A convolution made of heads
#
# Now the theorem. A $K \times K$ convolution adds up, for each pixel, what its
# $K^2$ neighbours are after a matrix each. One neighbour is one head: its
# weights are a shift, its value matrix is the kernel's slice
# `W[row, column]`, shape `(cin, cout)`. Add up the heads.
#
# The deep learning convention, which PyTorch's `conv2d` follows: `W[0, 0]`
# belongs to the neighbour up and to the left, and outside the image is zero.


# %% solution="convolution_as_attention"
def convolution_as_attention(X, W):
    """A convolution with zero padding, computed by K*K attention heads.

    X: an image (h, w, cin). W: a kernel (K, K, cin, cout), K odd; W[K//2, K//2]
    belongs to the pixel itself, W[0, 0] to the one K//2 up and K//2 left.
    Returns (h, w, cout), what torch's conv2d with padding K//2 gives.
    Source: arXiv 1911.03584, theorem 1.
    """
    ### BEGIN SOLUTION
    h, w, cin = X.shape
    K, _, _, cout = W.shape
    pixels = X.reshape(h * w, cin)
    O = np.zeros((h * w, cout), dtype=X.dtype)
    for row, column in np.ndindex(K, K):
        A = shift_attention(h, w, (row - K // 2, column - K // 2))
        O += (A @ (pixels @ W[row, column])).astype(X.dtype)
    return O.reshape(h, w, cout)
    ### END SOLUTION


# %% test="convolution_as_attention"
check("convolution_as_attention", convolution_as_attention)

# %% [markdown]
# A kernel that finds horizontal edges, as nine heads over a digit. Six of the
# nine do any work. Which?

# %% tags=["demo"]
edges = np.zeros((3, 3, 1, 1))
edges[0], edges[2] = -1, 1
found = convolution_as_attention(image[0, 0][..., None], edges)
fig, axes = plt.subplots(1, 2, figsize=(5, 2.5))
axes[0].imshow(image[0, 0], cmap="Greys")
axes[1].imshow(found[..., 0], cmap="RdBu", vmin=-3, vmax=3)
plt.show()

# %% [markdown] exercise="receptive_field"
# ## 10.6 What can an output see?
#
# The *receptive field* of an output is the set of inputs that can change it.
# Here are the attention weights of several layers; follow them backwards from
# one output. A weight counts when it is above the tolerance by itself: many
# faint paths are no path. Only the weights carry anything, there are no
# residual connections.


# %% solution="receptive_field"
def receptive_field(weights, query, tolerance=1e-6):
    """Which inputs can reach the output at `query` through all layers.

    weights: (layers, n, n), queries in rows; weights[0] reads the inputs, each
    further layer the outputs of the one before. query: an index into the last
    layer's outputs. tolerance: a single weight carries something when it is
    above this. Returns bool (n,), True for the inputs that reach.
    Source: the slide "Self-attention v.s. CNN".
    """
    ### BEGIN SOLUTION
    reach = np.arange(weights.shape[1]) == query
    for A in weights[::-1]:
        reach = (A[reach] > tolerance).any(axis=0)
    return reach
    ### END SOLUTION


# %% test="receptive_field"
check("receptive_field", receptive_field)

# %% [markdown]
# Fifteen places in a row, each layer looks at itself and its two neighbours.
# How many layers until the one in the middle sees everything? And with a single
# layer of attention over all?

# %% tags=["demo"]
places = np.arange(15)
near = (np.abs(places[:, None] - places) <= 1) / 3
for layers in range(1, 8):
    field = receptive_field(np.stack([near] * layers), 7)
    print(layers, "".join(".#"[int(seen)] for seen in field), field.sum())

# %% [markdown] exercise="vit_tokens"
# ## 10.7 Tokens for a Transformer
#
# Three things turn patches into what a Transformer reads. Each patch is
# projected to width $d$. A *class token*, one learned vector, goes in front: it
# belongs to no patch, and in the end it is what the answer is read from. Then
# every token, that one too, gets a learned vector for its position.


# %% solution="vit_tokens"
def vit_tokens(patches, projection, cls, positions):
    """Project patches, put the class token in front, add the positions.

    patches: (B, N, p). projection: (p, d). cls: (d,). positions: (N+1, d).
    Returns tokens (B, N+1, d), the class token first.
    Source: arXiv 2010.11929, equation 1.
    """
    ### BEGIN SOLUTION
    x = patches @ projection
    first = np.broadcast_to(cls, (len(x), 1, len(cls)))
    return np.concatenate([first, x], axis=1) + positions
    ### END SOLUTION


# %% test="vit_tokens"
check("vit_tokens", vit_tokens)

# %% [markdown] exercise="VisionTransformer"
# ## 10.8 The Vision Transformer
#
# Tokens as in 10.7, then blocks. They differ from those of chapter 8 in two
# points: the norm comes *before* attention and before the network, so that
# the sum is left alone, and the network has GELU instead of ReLU.
#
# $$
# \begin{aligned}
# Y &= X + \operatorname{attention}(\operatorname{norm}_1(X)) \\
# Z &= Y + W_2 \operatorname{GELU}(W_1 \operatorname{norm}_2(Y))
# \end{aligned}
# $$
#
# After the last block one more norm; then the head turns the class token, and
# it alone, into scores of classes. These are tensors now, and gradients must
# flow through.
#
# The learned parts are made here. Those of a block have no `forward` of their
# own:


# %%
def block_parts(d, heads):
    """The learned parts of one block, to be used as `block.norm1(x)` etc."""
    parts = {
        "norm1": nn.LayerNorm(d),
        "attention": nn.MultiheadAttention(d, heads, batch_first=True),
        "norm2": nn.LayerNorm(d),
        "linear1": nn.Linear(d, 4 * d),
        "linear2": nn.Linear(4 * d, d),
    }
    return nn.ModuleDict(parts)


class VisionTransformerParts(nn.Module):
    """All learned parts of a Vision Transformer for square images.

    size: side of the images. patch: side of a patch. channels: of the images.
    d: width of the tokens. heads, layers: of the blocks. classes: how many.
    """

    def __init__(self, size, patch, channels, d, heads, layers, classes):
        super().__init__()
        self.patch = patch
        self.projection = nn.Linear(channels * patch * patch, d)
        self.cls = nn.Parameter(0.02 * torch.randn(d))
        count = (size // patch) ** 2
        self.positions = nn.Parameter(0.02 * torch.randn(count + 1, d))
        self.blocks = nn.ModuleList(block_parts(d, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, classes)


# %% [markdown]
# `block.attention(q, k, v)` takes queries, keys and values, projects them
# itself, and returns *two* things: the outputs and the weights. You write
# `forward`.


# %% solution="VisionTransformer"
class VisionTransformer(VisionTransformerParts):
    """A Vision Transformer: VisionTransformer(size, patch, channels, d, heads,
    layers, classes).

    Called with images (B, channels, size, size); returns logits (B, classes).
    Uses self.patch, projection, cls, positions, blocks, norm and head.
    Source: arXiv 2010.11929, section 3.1.
    """

    def forward(self, images):
        ### BEGIN SOLUTION
        patches = nn.functional.unfold(images, self.patch, stride=self.patch)
        x = self.projection(patches.mT)  # unfold has patches in columns
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], dim=1)
        x = x + self.positions
        for block in self.blocks:
            y = block.norm1(x)
            x = x + block.attention(y, y, y, need_weights=False)[0]
            hidden = nn.functional.gelu(block.linear1(block.norm2(x)))
            x = x + block.linear2(hidden)
        return self.head(self.norm(x)[:, 0])
        ### END SOLUTION


# %% [markdown]
# The probe fills your module with given weights and also asks how the first
# class's scores depend on the images.


# %% test="VisionTransformer"
@check("VisionTransformer")
def probe(images, weights, patch, d, heads, layers, classes):
    images = torch.from_numpy(images).requires_grad_()
    _, channels, size, _ = images.shape
    model = VisionTransformer(size, patch, channels, d, heads, layers, classes)
    model = model.to(images.dtype)
    vector_to_parameters(torch.from_numpy(weights), model.parameters())
    logits = model(images)
    if not logits.requires_grad:
        return logits, torch.zeros_like(images)
    (slope,) = torch.autograd.grad(logits[:, 0].sum(), images)
    return logits.detach(), slope


# %% [markdown]
# Where are the parameters? Change the sizes. Which part grows with the number
# of patches?

# %% tags=["demo"]
model = VisionTransformer(8, 4, 1, d=32, heads=4, layers=2, classes=10)
counts = {"cls": model.cls.numel(), "positions": model.positions.numel()}
for name, module in model.named_children():
    counts[name] = sum(p.numel() for p in module.parameters())
print(counts, "together", sum(counts.values()))

# %% [markdown] exercise="train_vit"
# ## 10.9 Train it
#
# You get 1,400 handwritten digits, 8 by 8 pixels, grey values from 0 to 1. What
# you return is a trained module, *in evaluation mode*: `check` does not call
# `eval()` for you. It is tested on about 400 digits that it has never seen, and
# **at least 93 %** must be right.
#
# Grading trains twice, with other digits set aside each time. A training may
# take **20 seconds of processor time**; three are enough. Any module counts.
# But try your `VisionTransformer` first.


# %%
def images_of(rows):
    """Digits from text, 64 grey values each, 0 to 9 and a (10) to g (16)."""
    values = [[int(letter, 17) for letter in row] for row in rows]
    pixels = torch.tensor(values, dtype=torch.float32) / 16
    return pixels.view(-1, 1, 8, 8)


# %% solution="train_vit"
def train_vit(images, labels, classes, seed):
    """Train a model that recognises images; returns the module.

    images: float32 tensor (N, 1, 8, 8), values in 0 to 1. labels: int64 tensor
    (N,), from 0 to classes - 1. N is 1,400. seed: an int for all chance.
    The module maps images (B, 1, 8, 8) to logits (B, classes) and is returned
    in evaluation mode.
    Source: arXiv 2010.11929.
    """
    ### BEGIN SOLUTION
    torch.manual_seed(seed)
    model = VisionTransformer(8, 4, 1, 32, 4, 2, classes)
    epochs, size, fastest = 16, 64, 5e-3
    optimizer = torch.optim.AdamW(model.parameters(), fastest, weight_decay=0.05)
    steps = epochs * -(-len(images) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, fastest, steps)
    for _ in range(epochs):
        for some in torch.randperm(len(images)).split(size):
            logits = model(images[some])
            loss = nn.functional.cross_entropy(logits, labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()
    ### END SOLUTION


# %% test="train_vit"
@check("train_vit")
def probe(rows, labels, seed, unseen):
    images, new = images_of(rows), images_of(unseen)
    labels = torch.tensor([int(label) for label in labels])
    model = train_vit(images, labels, 10, seed)
    with torch.no_grad():  # twice the same question, in other company
        return model(images), model(new), model(new[:50])


# %% [markdown]
# ## Try it
#
# Not graded. How many digits does it take? Train with the first 50, 100, 400,
# and compare with a small CNN of your own. Then change the size of the patches
# to 2 or 8, or leave the positions at zero. What happens, and what did you
# expect?

# %% tags=["demo"]
images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
labels = torch.tensor(digits.target)
for count in (50, 100, 400):
    model = train_vit(images[:count], labels[:count], 10, seed=0)
    with torch.no_grad():
        right = model(images[1400:]).argmax(dim=1) == labels[1400:]
    print(f"{count} digits: {right.float().mean():.3f} of the unseen right")
