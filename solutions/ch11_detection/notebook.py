# %% [markdown]
# # Chapter 11: a set in, a set out
#
# Which objects are in an image, and where? The answer is a set: some boxes, in
# no order, and nobody knows beforehand how many. A Transformer gives vectors in
# a row. Between the two stands a loss that does not care about order. Here you
# write all of it: boxes, a measure of how well two of them agree, the cost of
# pairing a prediction with an object, the cheapest pairing, and the loss that
# follows. At the end you write positions with two axes, and your loss trains a
# small detector.
#
# Six exercises, about two hours. Read the page *A set in, a set out* beside it.
# What comes in and goes out are tensors. A box is four numbers, as shares of
# the image; $y$ runs downwards, as in images.

# %% locked="setup"
import torch
from torch import nn

from autograder import check

torch.set_num_threads(1)

# %% [markdown] exercise="box_corners"
# ## 11.1 Two ways to write a box
#
# A network finds it easy to say where the centre is and how large the box:
# $(c_x, c_y, w, h)$. Overlaps are easier with corners: $(x_0, y_0, x_1, y_1)$,
# top left and bottom right.
#
# First on paper: centre (0.5, 0.4), width 0.2, height 0.6. Where are the corners?


# %% solution="box_corners"
def box_corners(boxes):
    """Turn boxes from centre and size into corners; returns (..., 4).

    boxes: tensor (..., 4), cx, cy, w, h in the last axis. Any leading shape.
    Returns x0, y0, x1, y1.
    Source: arXiv 2005.12872, section 3.1.
    """
    ### BEGIN SOLUTION
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)
    ### END SOLUTION


# %% test="box_corners"
@check("box_corners")
def probe(boxes):
    return box_corners(torch.from_numpy(boxes))


# %% [markdown] exercise="generalized_iou"
# ## 11.2 How well do two boxes agree?
#
# *Intersection over union* (IoU): the area that both cover, divided by the area
# that either covers. It is 1 for equal boxes and 0 for boxes that don't touch.
# There it has no slope: a box that is far off and one that is nearly there get
# the same 0. The *generalised* IoU looks at the hull as well, the smallest box
# around both, and subtracts the share of it that is empty:
#
# $$
# \operatorname{GIoU} = \frac{I}{U} - \frac{H - U}{H}
# $$
#
# with the areas $I$ of the intersection, $U$ of the union, $H$ of the hull.
# A box without area can make $U = 0$ or $H = 0$. Then the fraction counts as
# 0, and the gradients must stay finite. Keep the sum exact elsewhere: do not
# add a small number to what you divide by, a box may be small.


# %% solution="generalized_iou"
def generalized_iou(a, b):
    """Generalised intersection over union of all pairs; returns (N, M).

    a: (N, 4), b: (M, 4), tensors of corners x0, y0, x1, y1 with x0 <= x1 and
    y0 <= y1. 0/0 counts as 0, and the gradients stay finite.
    Source: arXiv 1902.09630; arXiv 2005.12872, section 3.1.
    """

    ### BEGIN SOLUTION
    def area(low, high):
        return (high - low).clamp(min=0).prod(dim=-1)

    def ratio(part, whole):
        return part / torch.where(whole > 0, whole, 1)

    a, b = a[:, None], b[None]  # (N, 1, 4), (1, M, 4)
    (a0, a1), (b0, b1) = a.split(2, dim=-1), b.split(2, dim=-1)
    both = area(torch.maximum(a0, b0), torch.minimum(a1, b1))
    union = area(a0, a1) + area(b0, b1) - both
    hull = area(torch.minimum(a0, b0), torch.maximum(a1, b1))
    return ratio(both, union) - ratio(hull - union, hull)
    ### END SOLUTION


# %% [markdown]
# The probe asks for the gradient as well. Where two edges coincide there is more
# than one slope; then it asks only whether the gradients are finite.


# %% test="generalized_iou"
@check("generalized_iou")
def probe(a, b, only_finite=False):
    a, b = (torch.from_numpy(x).requires_grad_() for x in (a, b))
    G = generalized_iou(a, b)
    if not getattr(G, "requires_grad", False):
        return G, torch.zeros_like(a), torch.zeros_like(b)
    slopes = torch.autograd.grad(G.sum(), (a, b))
    if only_finite:
        slopes = [torch.isfinite(slope).to(slope.dtype) for slope in slopes]
    return G.detach(), *slopes


# %% [markdown]
# A box comes from the left, meets another of the same size and goes on. Where
# does each measure have a slope?

# %% tags=["demo"]
import matplotlib.pyplot as plt

x = torch.linspace(-0.6, 0.6, 121)
moving = torch.stack([x + 0.4, 0.4 + 0 * x, x + 0.6, 0.6 + 0 * x], dim=1)
still = torch.tensor([[0.4, 0.4, 0.6, 0.6]])
shared = (0.2 - x.abs()).clamp(min=0) * 0.2
plt.figure(figsize=(6, 3))
plt.plot(x, shared / (0.08 - shared), label="IoU")
plt.plot(x, generalized_iou(moving, still)[:, 0], label="GIoU")
plt.xlabel("distance")
plt.legend()
plt.show()

# %% [markdown] exercise="match_cost"
# ## 11.3 What does it cost to pair a prediction with an object?
#
# The network has $N$ slots. Each predicts a class, or *no object*, and a box.
# The image has $M$ objects. Before anybody is blamed for anything, it must be
# settled who was meant for what. Pairing prediction $i$ with object $j$ costs
#
# $$
# -w_c\, p_i(c_j) + w_1 \lVert b_i - t_j \rVert_1
# - w_g \operatorname{GIoU}(b_i, t_j) .
# $$
#
# $p_i$ is the softmax over all $C + 1$ classes, the last of which is *no object*.
# It is a probability and not its logarithm, so that all three parts have about
# the same size. The second part is the sum of the four absolute differences of
# $c_x, c_y, w, h$. GIoU wants corners.


# %% solution="match_cost"
def match_cost(logits, boxes, labels, targets, weights):
    """The cost of pairing each prediction with each object; returns (N, M).

    logits: (N, C + 1), the last class is "no object". boxes: (N, 4). labels:
    int64 (M,), 0 to C - 1. targets: (M, 4). All tensors, boxes as cx, cy, w, h.
    weights: three floats, of class, L1 and GIoU. Stable at logits of any size.
    Source: arXiv 2005.12872, section 3.1, equation 1 and appendix A.2.
    """
    ### BEGIN SOLUTION
    w_class, w_l1, w_giou = weights
    p = logits.softmax(dim=-1)[:, labels]
    l1 = (boxes[:, None] - targets[None]).abs().sum(dim=-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -w_class * p + w_l1 * l1 - w_giou * giou
    ### END SOLUTION


# %% test="match_cost"
@check("match_cost")
def probe(logits, boxes, labels, targets, weights):
    tensors = map(torch.from_numpy, (logits, boxes, labels, targets))
    return match_cost(*tensors, weights)


# %% [markdown] exercise="match"
# ## 11.4 The cheapest pairing
#
# Each prediction may have one object, each object one prediction, and as many
# pairs are made as there can be. Of all such pairings find one with the smallest
# total cost. To take the cheapest pair first and go on with the rest is not the
# same:
#
# | | object 0 | object 1 |
# |---|---|---|
# | prediction 0 | 1 | 2 |
# | prediction 1 | 3 | 9 |
#
# What does the greedy way cost, and what the best?
#
# You may go through all pairings (there will be few), or use
# `scipy.optimize.linear_sum_assignment`, which takes an array.


# %% solution="match"
def match(cost):
    """Pair rows with columns at the smallest total cost; returns rows, columns.

    cost: tensor (N, M), which may require a gradient; M may be 0. Returns two
    int64 tensors of min(N, M) indices; pair k is (rows[k], columns[k]), and the
    rows are ascending.
    Source: arXiv 2005.12872, section 3.1, equation 1.
    """
    ### BEGIN SOLUTION
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(cost.detach().numpy())
    return torch.from_numpy(rows), torch.from_numpy(columns)
    ### END SOLUTION


# %% test="match"
@check("match")
def probe(cost, gradient=False):
    return match(torch.from_numpy(cost).requires_grad_(gradient))


# %% [markdown]
# How often is the greedy way as good as yours? Here for random costs.


# %% tags=["demo"]
def greedy_total(cost):
    cost, total = cost.clone(), 0.0
    for _ in range(min(cost.shape)):
        i, j = divmod(int(cost.argmin()), cost.shape[1])
        total += float(cost[i, j])
        cost[i], cost[:, j] = torch.inf, torch.inf
    return total


torch.manual_seed(11)
for size in (2, 3, 5, 10):
    same = 0
    for _ in range(200):
        cost = torch.rand(size, size)
        same += greedy_total(cost) < float(cost[match(cost)].sum()) + 1e-5
    print(f"{size} objects: as good in {same / 2:.0f} % of the draws")

# %% [markdown] exercise="set_loss"
# ## 11.5 The loss of a set
#
# Now each prediction knows what it should have been. A matched one should have
# the class of its object, all others the last class, *no object*. Most
# predictions are for nothing, so that class counts less, with the weight
# `no_object`. The boxes of the matched ones should be where the objects are;
# what an unmatched one says about its box is not asked.
#
# - class: cross-entropy of all $N$ predictions, the mean weighted by class as
#   in `torch.nn.functional.cross_entropy`,
# - L1: the four absolute differences of $c_x, c_y, w, h$, summed over the
#   matched pairs and divided by $\max(M, 1)$,
# - GIoU: $1 - \operatorname{GIoU}$, summed over the matched pairs and divided
#   by $\max(M, 1)$.
#
# The total weighs the three with `weights`, and the same weights decide the
# matching.


# %% solution="set_loss"
def set_loss(logits, boxes, labels, targets, weights=(1.0, 5.0, 2.0), no_object=0.1):
    """The loss of N predictions against a set of M objects; returns a scalar.

    logits: (N, C + 1), the last class is "no object". boxes: (N, 4). labels:
    int64 (M,), 0 to C - 1. targets: (M, 4). All tensors, boxes as cx, cy, w, h;
    N >= M >= 0. weights: three floats, of class, L1 and GIoU, in the matching
    and in the total. no_object > 0: the weight of the last class in the
    cross-entropy. The gradient reaches logits and boxes.
    Source: arXiv 2005.12872, section 3.1, equation 2 and appendix A.2.
    """
    ### BEGIN SOLUTION
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, weight=importance)

    ours, theirs = boxes[rows], targets[columns]
    l1 = (ours - theirs).abs().sum()
    giou = generalized_iou(box_corners(ours), box_corners(theirs)).diagonal()
    count = max(len(labels), 1)
    w_class, w_l1, w_giou = weights
    return w_class * cross + (w_l1 * l1 + w_giou * (1 - giou).sum()) / count
    ### END SOLUTION


# %% test="set_loss"
@check("set_loss")
def probe(logits, boxes, labels, targets, weights=(1.0, 5.0, 2.0), no_object=0.1):
    logits, boxes = (torch.from_numpy(x).requires_grad_() for x in (logits, boxes))
    labels, targets = torch.from_numpy(labels), torch.from_numpy(targets)
    loss = set_loss(logits, boxes, labels, targets, weights, no_object)
    if not getattr(loss, "requires_grad", False):
        return loss, torch.zeros_like(logits), torch.zeros_like(boxes)
    slopes = torch.autograd.grad(loss, (logits, boxes), allow_unused=True)
    inputs = zip((logits, boxes), slopes)
    return loss.detach(), *(torch.zeros_like(x) if s is None else s for x, s in inputs)


# %% [markdown]
# Two predictions, two objects. Shuffle either side: the loss must not notice.

# %% tags=["demo"]
logits = torch.tensor([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]])
boxes = torch.tensor([[0.3, 0.3, 0.2, 0.2], [0.7, 0.6, 0.2, 0.4], [0.1, 0.9, 0.1, 0.1]])
labels = torch.tensor([1, 0])
targets = torch.tensor([[0.7, 0.6, 0.3, 0.4], [0.3, 0.3, 0.2, 0.2]])
print("as they stand     ", float(set_loss(logits, boxes, labels, targets)))
order = [2, 0, 1]
print(
    "predictions turned", float(set_loss(logits[order], boxes[order], labels, targets))
)
print(
    "objects turned    ",
    float(set_loss(logits, boxes, labels.flip(0), targets.flip(0))),
)

# %% [markdown] exercise="sine_positions_2d"
# ## 11.6 Positions with two axes
#
# Attention reads an image as a set of cells; without positions it could not say
# where anything is. The sine encoding of chapter 7 knows one axis. For two, let
# half of the channels say in which row a cell is, and half in which column.
#
# Recall, for position $p$ and width $m$: columns $2i$ and $2i + 1$ hold the sine
# and the cosine of $p / b^{2i/m}$, with the base $b$.


# %% solution="sine_positions_2d"
def sine_positions_2d(h, w, d, base=10000.0):
    """Positions for a grid of h rows and w columns; returns (h * w, d).

    Row by row: cell (i, j) is row i * w + j of the result. The first d/2 channels
    encode i, the last d/2 encode j, each as sinusoidal positions of width d/2 do,
    counted from 0. In torch's default dtype. Raises ValueError unless 4 divides d.
    Source: arXiv 2005.12872, appendix A.4; arXiv 1706.03762, section 3.5.
    """
    ### BEGIN SOLUTION
    if d % 4:
        raise ValueError(f"two axes, each with sines and cosines: 4 must divide {d}")
    m = d // 2
    speeds = base ** (-torch.arange(0, m, 2, dtype=torch.float64) / m)

    def encode(n):
        angles = torch.arange(n, dtype=torch.float64)[:, None] * speeds
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)

    rows = encode(h)[:, None].expand(h, w, m)
    columns = encode(w)[None].expand(h, w, m)
    both = torch.cat([rows, columns], dim=-1).reshape(h * w, d)
    return both.to(torch.get_default_dtype())
    ### END SOLUTION


# %% test="sine_positions_2d"
check("sine_positions_2d", sine_positions_2d)

# %% [markdown]
# How alike is one cell to all others? The brightest place should be the cell
# itself. What would you see if both halves encoded the row?

# %% tags=["demo"]
P = sine_positions_2d(9, 12, 32)
alike = (P @ P[4 * 12 + 8]).reshape(9, 12)
plt.figure(figsize=(5, 3.2))
plt.imshow(alike, cmap="Blues")
plt.xlabel("column")
plt.ylabel("row")
plt.show()
# %% [markdown]
# ## Try it
#
# Not graded. A detector that is small enough to learn in your notebook: three
# convolutions see the image, five learned queries ask, your positions say where,
# and your loss decides who was meant. It takes about half a minute.

# %% tags=["demo"]
SIZE, SIDE = 20, 10  # pixels, cells


def scene(most=2):
    """One image (SIZE, SIZE) of 1 to `most` filled or hollow squares, and the set."""
    image, labels, targets = 0.05 * torch.randn(SIZE, SIZE), [], []
    for _ in range(int(torch.randint(1, most + 1, ()))):
        s = int(torch.randint(6, 10, ()))
        x, y = torch.randint(0, SIZE - s + 1, (2,)).tolist()
        if image[y : y + s, x : x + s].max() > 0.5:
            continue  # taken
        image[y : y + s, x : x + s] = 1
        labels.append(int(torch.randint(2, ())))
        if labels[-1]:
            image[y + 2 : y + s - 2, x + 2 : x + s - 2] = 0
        targets.append([x + s / 2, y + s / 2, s, s])
    return image, torch.tensor(labels), torch.tensor(targets) / SIZE


class Detector(nn.Module):
    def __init__(self, d=32, slots=5):
        super().__init__()
        self.see = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, d, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(d, d, 3, 1, 1),
        )
        self.positions = sine_positions_2d(SIDE, SIDE, d)
        self.queries = nn.Parameter(torch.randn(slots, d))
        layer = nn.TransformerDecoderLayer(d, 4, 64, dropout=0, batch_first=True)
        self.ask = nn.TransformerDecoder(layer, 2)
        self.classes, self.boxes = nn.Linear(d, 3), nn.Linear(d, 4)

    def forward(self, images):
        seen = self.see(images[:, None]).flatten(2).transpose(1, 2)
        queries = self.queries.expand(len(images), -1, -1)
        found = self.ask(queries, seen + self.positions)
        return self.classes(found), self.boxes(found).sigmoid()


# %% tags=["demo"]
torch.manual_seed(0)
model, steps = Detector(), 700
optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
for step in range(steps):
    images, *sets = zip(*[scene() for _ in range(16)])
    answers = zip(*model(torch.stack(images)), *sets)
    loss = sum(set_loss(*answer, no_object=0.4) for answer in answers) / 16
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 100 == 99:
        print(f"step {step + 1}: loss {loss.item():.2f}")

# %% [markdown]
# Blue boxes were found to be filled, red ones hollow. Change something and
# train again: `no_object=1.0` or `0.02` in the loss, one slot, twenty slots, no
# positions (multiply them by 0), a matching in the order of the list. What
# happens to the boxes that are found, and to those that are missed? And what
# does the detector say to an image with four squares, more than it ever saw?

# %% tags=["demo"]
torch.manual_seed(1)
fig, axes = plt.subplots(1, 4, figsize=(10, 2.7))
for ax in axes:
    image, labels, targets = scene()
    with torch.no_grad():
        logits, boxes = (part[0] for part in model(image[None]))
    ax.imshow(image, cmap="Greys")
    for row, (x0, y0, x1, y1) in zip(
        logits, (SIZE * box_corners(boxes) - 0.5).tolist()
    ):
        if (kind := int(row.argmax())) < 2:
            frame = plt.Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, lw=2)
            ax.add_patch(frame).set_edgecolor(("tab:blue", "tab:red")[kind])
    ax.axis("off")
plt.show()
