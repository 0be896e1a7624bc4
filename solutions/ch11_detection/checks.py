"""How chapter 11, a set in, a set out, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result


def _numbers(rng, *shape, dtype=float):
    """Random numbers with two decimals: they read well in the public cases."""
    return np.round(rng.normal(size=shape), 2).astype(dtype)


def _boxes(rng, n, dtype=float):
    """Boxes cx, cy, w, h inside the image with sides of at least 0.05."""
    sides = rng.uniform(0.05, 0.6, size=(n, 2))
    centres = sides / 2 + rng.random((n, 2)) * (1 - sides)
    return np.round(np.concatenate([centres, sides], axis=1), 6).astype(dtype)


def _corners(rng, n, dtype=float):
    boxes = _boxes(rng, n)
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], 1).astype(dtype)


# --- 11.1 box_corners -------------------------------------------------------------

box_corners = Exercise(
    name="box_corners",
    points=1,
    difficulty=1,
    minutes=10,
    source="arXiv 2005.12872, section 3.1",
    hints=(
        "From the centre it is half the width to the left edge and half to the right. "
        "`boxes[..., :2]` are the centres, whatever axes come before.",
        "Centre minus half the size is the top left corner, centre plus half the size "
        "the bottom right one. `torch.cat([..., ...], dim=-1)` puts them side by side.",
    ),
    inputs={},
    returns=Result("corners", "..., 4", kind="float"),
)


@box_corners.cases
def box_corners_cases(rng):
    boxes = np.array([[0.5, 0.4, 0.2, 0.6], [0.25, 0.75, 0.5, 0.25]])
    yield Case({"boxes": boxes}, "two boxes")
    yield Case({"boxes": _boxes(rng, 5)}, "five boxes")
    yield Case({"boxes": _boxes(rng, 3, np.float32)}, "float32")
    boxes = _boxes(rng, 6).reshape(2, 3, 4)
    yield Case({"boxes": boxes}, "two images of three boxes")
    yield Case({"boxes": _boxes(rng, 1)[0]}, "one box without further axes", edge=True)
    yield Case({"boxes": np.zeros((0, 4))}, "no boxes", edge=True)
    boxes = _boxes(rng, 12).reshape(3, 1, 4, 4)
    yield Case({"boxes": boxes}, "three leading axes", edge=True)


@box_corners.misconception(
    "You added and took away the whole size. From the centre to an edge it is half."
)
def whole_sizes(boxes):
    c, s = boxes[..., :2], boxes[..., 2:]
    return torch.cat([c - s, c + s], dim=-1)


@box_corners.misconception(
    "You took the centre for the top left corner. The box reaches half its size to "
    "either side of it."
)
def centre_is_corner(boxes):
    c, s = boxes[..., :2], boxes[..., 2:]
    return torch.cat([c, c + s], dim=-1)


@box_corners.misconception(
    "You took the centre for the bottom right corner. The box reaches half its size to "
    "either side of it."
)
def centre_is_last_corner(boxes):
    c, s = boxes[..., :2], boxes[..., 2:]
    return torch.cat([c - s, c], dim=-1)


@box_corners.misconception(
    "The boxes came back as they were. They hold centre and size, not corners yet."
)
def already_corners(boxes):
    return boxes.clone()


@box_corners.misconception(
    "The other way round: you went from corners to centre and size."
)
def other_way_round(boxes):
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


@box_corners.misconception(
    "Your order is x0, x1, y0, y1. A corner's two numbers stand together: x0, y0, x1, "
    "y1."
)
def edges_by_axis(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cx - w / 2, cx + w / 2, cy - h / 2, cy + h / 2], dim=-1)


@box_corners.misconception(
    "Width and height are swapped: width belongs to x, height to y."
)
def width_and_height_swapped(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cx - h / 2, cy - w / 2, cx + h / 2, cy + w / 2], dim=-1)


@box_corners.misconception("x and y are swapped: the first number is along x.")
def y_first(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cy - h / 2, cx - w / 2, cy + h / 2, cx + w / 2], dim=-1)


@box_corners.misconception(
    "The corners are swapped. y runs downwards, so the top left one has the smaller x "
    "and the smaller y: first centre minus half the size."
)
def high_corner_first(boxes):
    c, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([c + half, c - half], dim=-1)


@box_corners.misconception(
    "You turned y around. In an image y runs downwards, and y0 is the smaller one."
)
def y_upwards(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cx - w / 2, cy + h / 2, cx + w / 2, cy - h / 2], dim=-1)


@box_corners.misconception(
    "Your result is laid out the wrong way. The four numbers of a box stay in the last "
    "axis: `torch.stack(..., dim=-1)`."
)
def stacked_in_front(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])


@box_corners.misconception(
    "You always take the second axis for the four numbers. Any axes may come before; "
    "index from the end: `boxes[..., 0]`."
)
def only_two_axes(boxes):
    c, half = boxes[:, :2], boxes[:, 2:4] / 2
    return torch.cat([c - half, c + half], dim=1)


@box_corners.alternative
def by_matrix(boxes):
    M = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 1], [-1, 0, 1, 0], [0, -1, 0, 1]])
    M = M.to(boxes.dtype)
    M[2:] /= 2
    return boxes @ M


@box_corners.alternative
def by_unbinding(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], dim=-1)


@box_corners.alternative
def filled_in(boxes):
    corners = torch.empty_like(boxes)
    corners[..., :2] = boxes[..., :2] - 0.5 * boxes[..., 2:]
    corners[..., 2:] = corners[..., :2] + boxes[..., 2:]
    return corners


# --- 11.2 generalized_iou ---------------------------------------------------------

generalized_iou = Exercise(
    name="generalized_iou",
    points=3,
    difficulty=3,
    minutes=25,
    source="arXiv 1902.09630; arXiv 2005.12872, section 3.1",
    hints=(
        "With `a[:, None]` and `b[None]` all pairs are computed at once. The "
        "intersection begins at the larger of the two left edges and ends at the "
        "smaller of the two right ones; if that is backwards, it is empty.",
        "Intersection: (minimum of the high corners − maximum of the low corners), "
        "clamped at 0, multiplied along the last axis. Union: the two areas less the "
        "intersection. Hull: minimum of the low, maximum of the high corners. For 0/0 "
        "divide by `torch.where(whole > 0, whole, 1)`.",
    ),
    inputs={"a": "N, 4", "b": "M, 4"},
    returns=[
        Result("G", "N, M", kind="float"),
        Result("the gradient of a", "N, 4"),
        Result("the gradient of b", "M, 4"),
    ],
)


@generalized_iou.cases
def generalized_iou_cases(rng):
    a = np.array([[0.0, 0.0, 0.4, 0.4], [0.1, 0.5, 0.3, 0.6]])
    b = np.array([[0.2, 0.1, 0.6, 0.3], [0.7, 0.7, 0.8, 0.9], [0.05, 0.05, 0.2, 0.1]])
    yield Case({"a": a, "b": b}, "a small example")
    yield Case({"a": _corners(rng, 3), "b": _corners(rng, 2)}, "random boxes")
    inputs = {"a": _corners(rng, 5), "b": _corners(rng, 7)}
    yield Case(inputs, "more boxes", large=True)
    a, b = _corners(rng, 2, np.float32), _corners(rng, 3, np.float32)
    yield Case({"a": a, "b": b}, "float32")
    # nine small boxes far apart, shifted a little: overlaps are rare and tiny
    low = np.array([[i, j] for i in (0.1, 0.4, 0.8) for j in (0.1, 0.5, 0.9)])
    low = low + np.round(rng.uniform(0, 0.03, (9, 2)), 4)
    small = np.concatenate([low, low + 0.05], axis=1)
    near = small[:3] + np.round(rng.uniform(0.005, 0.01, (3, 4)), 4)
    yield Case({"a": near, "b": small[2:7]}, "sides of 0.05")
    one = np.array([[0.2, 0.3, 0.7, 0.4]])
    inputs = {"a": one, "b": one.copy(), "only_finite": True}
    yield Case(inputs, "a box and itself", edge=True)
    a = np.array([[0.0, 0.0, 0.5, 0.5], [0.2, 0.2, 0.3, 0.3]])
    b = np.array([[0.5, 0.5, 1.0, 1.0], [0.2, 0.5, 0.4, 0.9], [0.0, 0.0, 0.5, 0.5]])
    yield Case({"a": a, "b": b, "only_finite": True}, "boxes that touch", edge=True)
    points = np.array([[0.5, 0.5, 0.5, 0.5], [0.2, 0.6, 0.2, 0.6]])
    b = np.array([[0.5, 0.5, 0.5, 0.5], [0.1, 0.4, 0.3, 0.7], [0.5, 0.1, 0.5, 0.5]])
    inputs = {"a": points, "b": b, "only_finite": True}
    yield Case(inputs, "boxes without area", edge=True)
    inputs = {"a": points[:1], "b": points[:1].copy(), "only_finite": True}
    yield Case(inputs, "a point and itself", edge=True)


@generalized_iou.misconception(
    "This is the plain IoU. Subtract the share of the hull that neither box covers, "
    "so that boxes which don't touch have a slope too."
)
def plain_iou(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    return both / torch.where(union > 0, union, 1)


@generalized_iou.misconception(
    "Your union counts what both cover twice: it is the two areas less the "
    "intersection."
)
def union_is_the_sum(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return both / u - (hull - union) / h


@generalized_iou.misconception(
    "Boxes that don't touch got an area in common: two negative lengths make a "
    "positive product. Clamp width and height at 0 before you multiply."
)
def never_clamped(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return both / u - (hull - union) / h


@generalized_iou.misconception(
    "You clamped the area, and that is too late: two negative lengths already made a "
    "positive product. Clamp width and height."
)
def area_clamped(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).prod(-1).clamp(min=0)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return both / u - (hull - union) / h


@generalized_iou.misconception(
    "Your penalty is divided by the union. What is empty counts as a share of the hull."
)
def penalty_by_union(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u = torch.where(union > 0, union, 1)
    return both / u - (hull - union) / u


@generalized_iou.misconception(
    "Your penalty is the whole share of the hull that lies outside the intersection. "
    "Only what neither box covers counts: hull less union."
)
def penalty_from_intersection(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return both / u - (hull - both) / h


@generalized_iou.misconception(
    "You added the penalty. Boxes that are far apart would look better than near "
    "ones: subtract it."
)
def penalty_added(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return both / u + (hull - union) / h


@generalized_iou.misconception(
    "This is the loss, 1 − GIoU. Here the measure itself is asked: 1 for equal boxes."
)
def one_minus(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return 1 - both / u + (hull - union) / h


@generalized_iou.misconception(
    "The small number that you add to what you divide by shows: the smaller the "
    "boxes, the more. Divide by 1 where the whole is 0, and add nothing elsewhere."
)
def visible_eps(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    return both / (union + 1e-6) - (hull - union) / (hull + 1e-6)


@generalized_iou.misconception(
    "You turned corners into corners once more. a and b come as x0, y0, x1, y1."
)
def converted_again(a, b):
    a, b = box_corners(a), box_corners(b)
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return both / u - (hull - union) / h


@generalized_iou.misconception(
    "Rows and columns are swapped: row i belongs to box i of a, column j to box j of b."
)
def transposed_pairs(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return (both / u - (hull - union) / h).T


@generalized_iou.misconception(
    "Boxes without area became NaN: 0/0. Such a fraction counts as 0; divide by 1 "
    "where the whole is 0."
)
def nan_without_area(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    return both / union - (hull - union) / hull


@generalized_iou.misconception(
    "The values are right, but for boxes without area a gradient is NaN: you replaced "
    "0/0 after dividing, and its slope is still there. Divide by a safe number, "
    "`torch.where(whole > 0, whole, 1)`."
)
def nan_in_the_gradient(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    iou = torch.where(union > 0, both / union, 0)
    return iou - torch.where(hull > 0, (hull - union) / hull, 0)


@generalized_iou.misconception(
    "No gradient comes through. Stay with tensors all the way: no `detach`, no "
    "`no_grad`, no NumPy and no `.item()`."
)
def gradient_cut(a, b):
    a, b = a.detach(), b.detach()
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return both / u - (hull - union) / h


@generalized_iou.misconception(
    "For boxes without area you left out the penalty too. Only a fraction that is 0/0 "
    "counts as 0; the other one stays."
)
def no_penalty_without_area(a, b):
    least, most = torch.minimum(a[:, None], b), torch.maximum(a[:, None], b)
    both = (least[..., 2:] - most[..., :2]).clamp(min=0).prod(-1)
    hull = (most[..., 2:] - least[..., :2]).prod(-1)
    own, other = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    union = own[:, None] + other - both
    u, h = torch.where(union > 0, union, 1), torch.where(hull > 0, hull, 1)
    return torch.where(union > 0, both / u - (hull - union) / h, 0)


@generalized_iou.alternative
def pair_by_pair(a, b):
    def one(p, q):
        width = torch.relu(torch.minimum(p[2], q[2]) - torch.maximum(p[0], q[0]))
        height = torch.relu(torch.minimum(p[3], q[3]) - torch.maximum(p[1], q[1]))
        both = width * height
        union = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - both
        hull = torch.maximum(p[2], q[2]) - torch.minimum(p[0], q[0])
        hull = hull * (torch.maximum(p[3], q[3]) - torch.minimum(p[1], q[1]))
        total = both * 0
        if union > 0:
            total = total + both / union
        if hull > 0:
            total = total - (hull - union) / hull
        return total

    return torch.stack([torch.stack([one(p, q) for q in b]) for p in a])


@generalized_iou.alternative
def clamped_denominators(a, b):
    tiny = 1e-30
    ax0, ay0, ax1, ay1 = a.T.unsqueeze(-1)
    bx0, by0, bx1, by1 = b.T.unsqueeze(1)
    width = torch.clamp(torch.minimum(ax1, bx1) - torch.maximum(ax0, bx0), min=0)
    height = torch.clamp(torch.minimum(ay1, by1) - torch.maximum(ay0, by0), min=0)
    union = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - width * height
    hull = torch.maximum(ax1, bx1) - torch.minimum(ax0, bx0)
    hull = hull * (torch.maximum(ay1, by1) - torch.minimum(ay0, by0))
    iou = width * height / union.clamp(min=tiny)
    return iou - (hull - union) / hull.clamp(min=tiny)


@generalized_iou.alternative
def hull_from_the_sum(a, b):
    sides_a, sides_b = a[:, None, 2:] - a[:, None, :2], b[None, :, 2:] - b[None, :, :2]
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    common = torch.minimum(a[:, None, 2:], b[None, :, 2:]) - low
    hull = (sides_a + sides_b - common).prod(-1)  # also where common is negative
    both = torch.where((common > 0).all(-1), common.prod(-1), 0)
    union = sides_a.prod(-1) + sides_b.prod(-1) - both
    iou = both / torch.where(union == 0, 1, union)
    safe = torch.where(hull == 0, 1, hull)
    return iou - torch.where(hull == 0, 0, 1 - union / safe)


# --- 11.3 match_cost --------------------------------------------------------------

match_cost = Exercise(
    name="match_cost",
    points=2,
    difficulty=3,
    minutes=20,
    source="arXiv 2005.12872, section 3.1, equation 1 and appendix A.2",
    hints=(
        "Three tables of shape (N, M), added up. Only the one for the class needs the "
        "labels: it takes M columns, one for each object, out of the probabilities.",
        "`logits.softmax(dim=-1)[:, labels]`; `(boxes[:, None] - targets[None]).abs()"
        ".sum(dim=-1)`; `generalized_iou` of the corners of both. The first and the "
        "last make a pair cheaper, so they get a minus.",
    ),
    inputs={"logits": "N, C1", "boxes": "N, 4", "labels": "M", "targets": "M, 4"},
    returns=Result("cost", "N, M", kind="float"),
)


def _prediction(rng, N, C, M, dtype=float):
    """N predictions over C classes and "no object", M objects."""
    return {
        "logits": _numbers(rng, N, C + 1, dtype=dtype),
        "boxes": _boxes(rng, N, dtype),
        "labels": rng.integers(C, size=M),
        "targets": _boxes(rng, M, dtype),
    }


@match_cost.cases
def match_cost_cases(rng):
    inputs = {
        "logits": np.log([[0.5, 0.25, 0.25], [0.1, 0.7, 0.2]]),
        "boxes": np.array([[0.3, 0.3, 0.2, 0.4], [0.75, 0.5, 0.5, 0.5]]),
        "labels": np.array([1]),
        "targets": np.array([[0.4, 0.3, 0.2, 0.2]]),
        "weights": (1.0, 5.0, 2.0),
    }
    yield Case(inputs, "two predictions, one object")
    yield Case(_prediction(rng, 6, 2, 5) | {"weights": (1.0, 5.0, 2.0)}, "random")
    inputs = _prediction(rng, 5, 5, 3) | {"weights": (2.0, 0.5, 3.0)}
    yield Case(inputs, "other weights, more classes")
    inputs = _prediction(rng, 5, 2, 2, np.float32) | {"weights": (1.0, 5.0, 2.0)}
    yield Case(inputs, "float32")
    inputs = _prediction(rng, 2, 4, 3) | {"weights": (0.5, 2.0, 1.0)}
    inputs["labels"] = np.array([2, 0, 2])
    yield Case(inputs, "two objects of the same class")
    logits = np.array([[1e4, 1e4 + 1, 0], [-1e4, 0, 1e4], [-1e4, -1e4 + 1, -1e4 - 1]])
    inputs = _prediction(rng, 3, 2, 2) | {"weights": (3.0, 1.0, 1.0)}
    yield Case(inputs | {"logits": logits}, "logits near 10,000 and -10,000", edge=True)


@match_cost.misconception(
    "You took the logarithm of the probability. The matching uses the probability "
    "itself, so that the three parts have about the same size."
)
def log_probability(logits, boxes, labels, targets, weights):
    p = logits.log_softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception(
    "The sign of the class is wrong: a likely class must make the pair cheaper."
)
def class_added(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception(
    "The sign of GIoU is wrong: boxes that agree must make the pair cheaper."
)
def giou_added(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[1] * l1 + weights[2] * giou


@match_cost.misconception(
    "All signs are turned around: this is how good a pair is. A cost is small where "
    "the pair is good."
)
def all_signs(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return weights[0] * p - weights[1] * l1 + weights[2] * giou


@match_cost.misconception(
    "You used 1 − p and 1 − GIoU. The constants would not change the matching, but the "
    "formula has −p and −GIoU."
)
def constants_added(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return weights[0] * (1 - p) + weights[1] * l1 + weights[2] * (1 - giou)


@match_cost.misconception(
    'Your softmax leaves out the last class. A slot that says "no object" has little '
    "left for the others: softmax over all C + 1."
)
def without_no_object(logits, boxes, labels, targets, weights):
    p = logits[:, :-1].softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception(
    "Your softmax runs over the predictions. Each prediction has probabilities of its "
    "own, over the classes: the last axis."
)
def softmax_over_predictions(logits, boxes, labels, targets, weights):
    p = logits.softmax(0)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception(
    "You used the logits as they are. Softmax makes probabilities of them."
)
def raw_logits(logits, boxes, labels, targets, weights):
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * logits[:, labels] + weights[1] * l1 - weights[2] * giou


@match_cost.misconception("You averaged the four differences. L1 here is their sum.")
def mean_of_four(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().mean(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception(
    "You squared the differences. L1 is the sum of their absolute values."
)
def squared(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).square().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception(
    "You took the Euclidean distance. L1 is the sum of the absolute differences."
)
def euclidean(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).norm(dim=-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception(
    "Your L1 compares corners. It is the difference of cx, cy, w, h; only GIoU wants "
    "corners."
)
def l1_of_corners(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    boxes, targets = box_corners(boxes), box_corners(targets)
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(boxes, targets)
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception(
    "You gave centres and sizes to GIoU. It wants corners: `box_corners` first."
)
def giou_of_centres(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(boxes, targets)
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception("The weights are in another order: class, L1, GIoU.")
def weights_swapped(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[2] * l1 - weights[1] * giou


@match_cost.misconception("`weights` is ignored: each of the three parts has its own.")
def weights_ignored(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    return l1 - p - generalized_iou(box_corners(boxes), box_corners(targets))


@match_cost.misconception(
    "Rows and columns are swapped: a row for each prediction, a column for each object."
)
def transposed_cost(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return (-weights[0] * p + weights[1] * l1 - weights[2] * giou).T


@match_cost.misconception(
    "You took the largest probability of each prediction. The object has a class: "
    "take the probability of that one."
)
def best_class(logits, boxes, labels, targets, weights):
    p = logits.softmax(-1)[:, :-1].amax(-1, keepdim=True)
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.misconception(
    "Your softmax overflows at large logits. Subtract the largest of each row before "
    "you exponentiate, or use torch's."
)
def cost_overflow(logits, boxes, labels, targets, weights):
    e = logits.exp()
    p = (e / e.sum(-1, keepdim=True))[:, labels]
    l1 = (boxes[:, None] - targets).abs().sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    return -weights[0] * p + weights[1] * l1 - weights[2] * giou


@match_cost.alternative
def pairs_by_loop(logits, boxes, labels, targets, weights):
    cost = logits.new_zeros(len(boxes), len(targets))
    p = torch.softmax(logits, dim=1)
    for i, box in enumerate(boxes):
        for j, target in enumerate(targets):
            l1 = sum(abs(x - y) for x, y in zip(box, target))
            pair = (box_corners(x)[None] for x in (box, target))
            giou = generalized_iou(*pair).squeeze()
            cost[i, j] = -weights[0] * p[i, labels[j]] + weights[1] * l1
            cost[i, j] -= weights[2] * giou
    return cost


@match_cost.alternative
def by_cdist(logits, boxes, labels, targets, weights):
    one_hot = nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    parts = (
        -logits.softmax(-1) @ one_hot.T,
        torch.cdist(boxes, targets, p=1),
        -generalized_iou(*map(box_corners, (boxes, targets))),
    )
    return sum(weight * part for weight, part in zip(weights, parts))


# --- 11.4 match -------------------------------------------------------------------

match = Exercise(
    name="match",
    points=2,
    difficulty=3,
    minutes=15,
    source="arXiv 2005.12872, section 3.1, equation 1",
    hints=(
        "SciPy's function takes an array, rectangular if need be, and returns rows and "
        "columns in the order that is asked for. A tensor that requires a gradient "
        "does not become an array by itself.",
        "`linear_sum_assignment(cost.detach().numpy())`; then `torch.from_numpy` on "
        "both. By hand: `itertools.permutations` of the longer side gives every "
        "pairing.",
    ),
    inputs={"cost": "N, M"},
    returns=[Result("rows", "min(N, M)", "int"), Result("columns", "min(N, M)", "int")],
)


@match.cases
def match_cases(rng):
    yield Case(
        {"cost": np.array([[1.0, 2.0], [3.0, 9.0], [5.0, 8.0]])}, "a small table"
    )
    yield Case({"cost": _numbers(rng, 6, 3)}, "six predictions, three objects")
    yield Case(
        {"cost": _numbers(rng, 5, 2), "gradient": True}, "a gradient is required"
    )
    yield Case({"cost": _numbers(rng, 5, 4, dtype=np.float32)}, "float32")
    # the cheapest pair of all must not be taken: it leaves two that cost more
    trap = np.round(rng.uniform(5, 6, (4, 3)), 2)
    trap[2, 1], trap[2, 0], trap[0, 1] = 0.5, 1.0, 1.5
    yield Case({"cost": trap}, "the cheapest pair is a trap")
    yield Case({"cost": -3 - np.abs(_numbers(rng, 5, 3))}, "negative costs")
    yield Case({"cost": np.zeros((3, 0))}, "no objects", edge=True)
    yield Case({"cost": np.ones((4, 2))}, "all the same", edge=True)
    yield Case(
        {"cost": _numbers(rng, 4, 4)}, "as many objects as predictions", edge=True
    )
    yield Case(
        {"cost": _numbers(rng, 2, 5)}, "more objects than predictions", edge=True
    )
    yield Case({"cost": _numbers(rng, 1, 1), "gradient": True}, "one pair", edge=True)


@match.judge
def judge_match(inputs, got, expected):
    """Any pairing of the smallest total is right."""
    import numpy as np

    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return "Return two results, rows and columns."
    rows, columns = (np.asarray(part) for part in got)
    cost, (best_rows, best_columns) = inputs["cost"], map(np.asarray, expected)
    for name, part in (("rows", rows), ("columns", columns)):
        if part.dtype.kind not in "iu" and part.size:
            return f"{name} must hold integers."
        if part.shape != best_rows.shape:
            return f"{name} must hold min(N, M) indices."
    if not len(best_rows):
        return None
    for part, size in zip((rows, columns), cost.shape):
        if part.min() < 0 or part.max() >= size:
            return "An index lies outside of the table: rows first, then columns."
        if len(set(part.tolist())) < len(part):
            return "An index appears twice: each may be in one pair only."
    if (np.diff(rows) < 0).any():
        return "The rows are not ascending."
    totals = cost[rows, columns].sum(), cost[best_rows, best_columns].sum()
    if totals[0] > totals[1] + 1e-5 * (1 + abs(totals[1])):
        return "There is a pairing with a smaller total."
    return None


@match.misconception(
    "You took the cheapest pair first and went on with the rest. That can leave dear "
    "pairs for the end; the total of all is what counts."
)
def greedy(cost):
    left = cost.detach().clone()
    pairs = []
    for _ in range(min(left.shape)):
        i, j = divmod(int(left.argmin()), left.shape[1])
        pairs.append((i, j))
        left[i], left[:, j] = torch.inf, torch.inf
    pairs = torch.tensor(sorted(pairs), dtype=torch.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


@match.misconception(
    "Object by object you took the best prediction that was left. The first ones "
    "choose freely, and the last take what remains; the total of all is what counts."
)
def first_come(cost):
    left = cost.detach().clone()
    pairs = []
    for j in range(min(left.shape)):
        i = int(left[:, j].argmin())
        pairs.append((i, j))
        left[i] = torch.inf
    pairs = torch.tensor(sorted(pairs), dtype=torch.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


@match.misconception(
    "Each object took its best prediction, and two may have the same one. A prediction "
    "can have one object only."
)
def best_of_each_column(cost):
    if not cost.shape[1]:
        return torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)
    rows, columns = cost.argmin(0).sort()
    return rows, columns


@match.misconception(
    "Each prediction took its best object. An object can have one prediction only, "
    "and all others get none."
)
def best_of_each_row(cost):
    count = len(cost) if cost.shape[1] else 0
    columns = cost.argmin(1) if count else torch.zeros(0, dtype=torch.int64)
    return torch.arange(count), columns


@match.misconception(
    "You paired the first with the first and so on. Objects have no order; look for "
    "the smallest total."
)
def in_order(cost):
    k = torch.arange(min(cost.shape))
    return k, k.clone()


@match.misconception(
    "You found the largest total. It is a cost: the smallest is asked for."
)
def largest(cost):
    from scipy.optimize import linear_sum_assignment

    found = linear_sum_assignment(cost.detach().numpy(), maximize=True)
    return tuple(map(torch.from_numpy, found))


@match.misconception(
    "Rows and columns are swapped: first the predictions, then the objects."
)
def columns_first(cost):
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(cost.detach().numpy())
    return torch.from_numpy(columns), torch.from_numpy(rows)


@match.misconception(
    "Your pairs are right but in another order: sort them by their rows."
)
def sorted_by_columns(cost):
    from scipy.optimize import linear_sum_assignment

    columns, rows = linear_sum_assignment(cost.detach().numpy().T)
    order = columns.argsort()
    return torch.from_numpy(rows[order]), torch.from_numpy(columns[order])


@match.misconception(
    "You sorted rows and columns each by itself, and the pairs fell apart. Sort the "
    "pairs."
)
def sorted_apart(cost):
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(cost.detach().numpy())
    columns.sort()
    return torch.from_numpy(rows), torch.from_numpy(columns)


@match.misconception(
    "Your function fails where a gradient is required: such a tensor must be detached "
    "before it becomes an array. The pairing needs no gradient."
)
def not_detached(cost):
    from scipy.optimize import linear_sum_assignment

    return tuple(map(torch.from_numpy, linear_sum_assignment(cost.numpy())))


@match.misconception("You took absolute values. A cost below 0 is the best there is.")
def absolute_costs(cost):
    from scipy.optimize import linear_sum_assignment

    found = linear_sum_assignment(cost.detach().abs().numpy())
    return tuple(map(torch.from_numpy, found))


@match.misconception(
    "Your function gives every prediction a pair, also those that get no object. "
    "Return only the min(N, M) pairs."
)
def all_predictions(cost):
    from scipy.optimize import linear_sum_assignment

    columns = torch.full((len(cost),), -1)
    rows, found = linear_sum_assignment(cost.detach().numpy())
    columns[rows] = torch.from_numpy(found)
    return torch.arange(len(cost)), columns


@match.alternative
def every_pairing(cost):
    import itertools

    N, M = cost.shape
    table = (cost if N >= M else cost.T).tolist()
    ways = itertools.permutations(range(max(N, M)), min(N, M))
    best = min(ways, key=lambda way: sum(table[i][j] for j, i in enumerate(way)))
    pairs = sorted((i, j) if N >= M else (j, i) for j, i in enumerate(best))
    pairs = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


@match.alternative
def half_by_half(cost):
    from functools import cache

    N, M = cost.shape
    table = cost.tolist()

    @cache
    def best(i, free):
        """The smallest total of rows i and on, with these columns still free."""
        if i == N or not free:
            return 0.0, ()
        need = min(N - i, len(free))
        options = []
        if N - i > need:
            options.append(best(i + 1, free))
        for j in free:
            total, pairs = best(i + 1, tuple(k for k in free if k != j))
            options.append((total + table[i][j], ((i, j), *pairs)))
        return min(options)

    pairs = torch.tensor(best(0, tuple(range(M)))[1], dtype=torch.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


@match.alternative
def scipy_on_the_transpose(cost):
    from scipy.optimize import linear_sum_assignment

    columns, rows = linear_sum_assignment(cost.detach().numpy().T)
    order = rows.argsort()
    return [torch.from_numpy(rows[order]), torch.from_numpy(columns[order])]


# --- 11.5 set_loss ----------------------------------------------------------------

set_loss = Exercise(
    name="set_loss",
    points=4,
    difficulty=4,
    minutes=30,
    source="arXiv 2005.12872, section 3.1, equation 2 and appendix A.2",
    hints=(
        "Three steps: match; write down for every prediction which class it should "
        "have; compare boxes of the matched pairs only. For step two begin with N "
        "times the last class and overwrite the matched ones.",
        "`wanted[rows] = labels[columns]`. Class weights: ones like `logits[0]`, "
        "the last one `no_object`. Boxes: `boxes[rows]` against `targets[columns]`, "
        "summed; from `generalized_iou` of all pairs you need the diagonal. An empty "
        "sum is 0, an empty mean is NaN.",
    ),
    inputs={"logits": "N, C1", "boxes": "N, 4", "labels": "M", "targets": "M, 4"},
    returns=[
        Result("loss", "", kind="float"),
        Result("the gradient of logits", "N, C1"),
        Result("the gradient of boxes", "N, 4"),
    ],
)


def _in_conflict(rng):
    """The class says one pairing and the boxes say another, by a wide margin."""
    spots = np.array([[0.25, 0.3, 0.2, 0.3], [0.7, 0.6, 0.3, 0.2]])
    logits = np.array([[0.0, 0.2, 1.0], [3.0, -1.0, 0.0], [-1.0, 3.0, 0.5]])
    far = np.array([[0.5, 0.9, 0.1, 0.1]])
    boxes = np.concatenate([far, spots + rng.uniform(0.01, 0.03, (2, 4))])
    return {
        "logits": np.round(logits + 0.1 * rng.normal(size=(3, 3)), 3),
        "boxes": np.round(boxes, 6),
        "labels": np.array([1, 0]),
        "targets": spots,
    }


def _trap(rng):
    """Boxes in a line: whoever takes the cheapest pair first pays for it later."""
    x, y = np.array([0.9, 0.1, 0.1, 0.42]), np.array([0.9, 0.5, 0.9, 0.5])
    sides = np.full(4, 0.2)
    boxes = np.stack([x, y, sides, sides], axis=1)
    return {
        "logits": 0.1 * _numbers(rng, 4, 3),
        "boxes": np.round(boxes + rng.uniform(0.001, 0.004, (4, 4)), 6),
        "labels": np.array([0, 0]),
        "targets": np.array([[0.34, 0.5, 0.2, 0.2], [0.54, 0.5, 0.2, 0.2]]),
    }


@set_loss.cases
def set_loss_cases(rng):
    inputs = {
        "logits": np.log([[0.25, 0.25, 0.5], [0.1, 0.8, 0.1]]),
        "boxes": np.array([[0.3, 0.3, 0.2, 0.4], [0.75, 0.5, 0.5, 0.5]]),
        "labels": np.array([1]),
        "targets": np.array([[0.7, 0.45, 0.4, 0.6]]),
    }
    yield Case(inputs, "two predictions, one object")
    some = _prediction(rng, 5, 2, 2)
    yield Case(some, "random numbers")
    order, back = rng.permutation(5), np.array([1, 0])
    moved = {name: some[name][order] for name in ("logits", "boxes")}
    moved |= {name: some[name][back] for name in ("labels", "targets")}
    yield Case(moved, "the same in another order")
    inputs = _prediction(rng, 4, 2, 2) | {"weights": (2.0, 3.0, 0.5), "no_object": 0.4}
    yield Case(inputs, "other weights")
    inputs = _prediction(rng, 8, 5, 3) | {"weights": (1.0, 2.0, 1.0), "no_object": 0.2}
    yield Case(inputs, "more of everything", large=True)
    yield Case(_prediction(rng, 5, 2, 2, np.float32), "float32")
    yield Case(_in_conflict(rng), "class and boxes disagree", edge=True)
    inputs = _in_conflict(rng) | {"weights": (9.0, 0.5, 0.5), "no_object": 0.2}
    yield Case(inputs, "class and boxes disagree, and the class weighs more", edge=True)
    yield Case(_trap(rng), "the cheapest pair is a trap", edge=True)
    inputs = _prediction(rng, 3, 4, 0) | {"weights": (1.0, 5.0, 2.0), "no_object": 0.1}
    yield Case(inputs, "no objects", edge=True)
    inputs = _prediction(rng, 1, 2, 0) | {"weights": (2.0, 5.0, 2.0), "no_object": 0.3}
    yield Case(inputs, "one prediction, no objects", edge=True)
    yield Case(_prediction(rng, 3, 2, 3), "every prediction has an object", edge=True)
    inputs = _prediction(rng, 3, 2, 2)
    inputs["logits"] = np.array([[1e4, 0, -1e4], [-1e4, 3, 0.0], [-1e4, 0, 1e4 + 2]])
    inputs["labels"] = np.array([0, 1])
    yield Case(inputs, "logits near 10,000 and -10,000", edge=True)


@set_loss.misconception(
    "The unmatched predictions were never told anything. Nobody would learn to say "
    '"no object": the cross-entropy runs over all N.'
)
def only_matched(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    cross = nn.functional.cross_entropy(logits[rows], labels[columns], reduction="sum")
    cross = cross / max(len(labels), 1)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "Your loss depends on the order: prediction i is held against object i. Objects "
    "have no order; match first."
)
def in_given_order(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows = columns = torch.arange(len(labels))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "You took the cheapest pair first and went on with the rest. `match` finds the "
    "pairing whose total is the smallest."
)
def greedy_pairs(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    left = match_cost(logits, boxes, labels, targets, weights).detach()
    rows, columns = [], []
    for _ in range(min(left.shape)):
        i, j = divmod(int(left.argmin()), left.shape[1])
        rows, columns = [*rows, i], [*columns, j]
        left[i], left[:, j] = torch.inf, torch.inf
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "The labels were not brought into the order of the pairs: prediction rows[k] "
    "belongs to object columns[k], so `labels[columns]`."
)
def labels_stay(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "The targets were not brought into the order of the pairs: prediction rows[k] "
    "belongs to object columns[k], so `targets[columns]`."
)
def targets_stay(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "`no_object` is ignored: in the cross-entropy the last class counts with that "
    "weight, all others with 1."
)
def no_weight(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    cross = nn.functional.cross_entropy(logits, wanted)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "You divided the weighted sum by N. A weighted mean is divided by the sum of the "
    "weights, as torch's `cross_entropy` does."
)
def divided_by_n(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance, reduction="sum")
    cross = cross / len(logits)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    'The weight is at the wrong end: "no object" is the last class, not the first.'
)
def first_weight(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[0] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    'You told the unmatched ones to be class 0. "No object" is the last class.'
)
def first_class(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), 0)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "You divided the boxes' part by the number of predictions. It is divided by the "
    "number of objects, at least 1."
)
def by_slots(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / len(logits)


@set_loss.misconception(
    "You did not divide the boxes' part: sums over the pairs, divided by max(M, 1)."
)
def not_divided(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where


@set_loss.misconception(
    "Without objects your loss is NaN: the mean of nothing. Divide the sum by max(M, "
    "1)."
)
def mean_of_pairs(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / torch.tensor(len(labels))


@set_loss.misconception("You averaged the four differences of a box. L1 is their sum.")
def mean_l1(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().mean(-1).sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception("You squared the differences. L1 takes their absolute values.")
def squared_l1(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).square().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "Your L1 compares corners. It is the difference of cx, cy, w, h; only GIoU wants "
    "corners."
)
def l1_by_corners(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = (
        weights[1] * (box_corners(b) - box_corners(t)).abs().sum()
        + weights[2] * (1 - giou).sum()
    )
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "You gave centres and sizes to GIoU. It wants corners: `box_corners` first."
)
def giou_by_centres(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(b, t).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "You subtracted GIoU alone. The loss has 1 − GIoU, so that a perfect answer "
    "costs 0."
)
def minus_giou(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (-giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "You added GIoU: boxes would be driven apart. The loss has 1 − GIoU."
)
def plus_giou(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * giou.sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "Every prediction is drawn to every object. Compare boxes of the matched pairs "
    "only."
)
def all_pairs(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[:, None], targets[None]
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "The matching does not use `weights`. The same weights decide the matching and "
    "the total."
)
def default_match(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    cost = match_cost(logits, boxes, labels, targets, (1.0, 5.0, 2.0))
    rows, columns = match(cost)
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "The three parts are added as they are. The total weighs them with `weights`."
)
def unweighted(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = (b - t).abs().sum() + (1 - giou).sum()
    return cross + where / max(len(labels), 1)


@set_loss.misconception(
    "No gradient reaches the boxes. Detach for the matching only, not for the loss."
)
def boxes_cut(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows].detach(), targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.misconception(
    "No gradient comes through. Stay with tensors: the loss must not be detached or "
    "become a Python number."
)
def all_cut(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    cross = nn.functional.cross_entropy(logits, wanted, importance)
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return (weights[0] * cross + where / max(len(labels), 1)).detach()


@set_loss.misconception(
    "Large logits give infinity or NaN: the logarithm of a probability that was "
    "rounded to 0. Use `cross_entropy` or `log_softmax`."
)
def log_of_softmax(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    rows, columns = match(match_cost(logits, boxes, labels, targets, weights))
    wanted = labels.new_full((len(logits),), logits.shape[1] - 1)
    wanted[rows] = labels[columns]
    importance = torch.ones_like(logits[0])
    importance[-1] = no_object
    each = -logits.softmax(-1).log()[torch.arange(len(logits)), wanted]
    cross = (importance[wanted] * each).sum() / importance[wanted].sum()
    b, t = boxes[rows], targets[columns]
    giou = generalized_iou(box_corners(b), box_corners(t)).diagonal()
    where = weights[1] * (b - t).abs().sum() + weights[2] * (1 - giou).sum()
    return weights[0] * cross + where / max(len(labels), 1)


@set_loss.alternative
def by_loops(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    pairs = match(match_cost(logits, boxes, labels, targets, weights))
    mine = dict(zip(*(part.tolist() for part in pairs)))
    cross, heavy, where = 0.0, 0.0, 0.0 * boxes.sum()
    for i, row in enumerate(logits):
        wanted = int(labels[mine[i]]) if i in mine else logits.shape[1] - 1
        w = 1.0 if i in mine else no_object
        cross = cross + w * (row.logsumexp(0) - row[wanted])
        heavy += w
        if i in mine:
            b, t = boxes[i], targets[mine[i]]
            overlap = generalized_iou(box_corners(b)[None], box_corners(t)[None])
            where = where + weights[1] * (b - t).abs().sum()
            where = where + weights[2] * (1 - overlap[0, 0])
    return weights[0] * cross / heavy + where / max(len(labels), 1)


@set_loss.alternative
def from_tables(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    N, M = len(logits), len(labels)
    cost = match_cost(logits, boxes, labels, targets, weights)
    l1 = nn.functional.l1_loss(
        boxes[:, None].expand(N, M, 4), targets.expand(N, M, 4), reduction="none"
    ).sum(-1)
    giou = generalized_iou(box_corners(boxes), box_corners(targets))
    pairs = match(cost)
    log_p = logits.log_softmax(-1)
    one_hot = nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    wanted = torch.zeros_like(logits)
    wanted[:, -1] = no_object
    wanted[pairs[0]] = one_hot[pairs[1]]
    cross = -(wanted * log_p).sum() / wanted.sum()
    table = weights[1] * l1 + weights[2] * (1 - giou)
    return weights[0] * cross + table[tuple(pairs)].sum() / max(M, 1)


@set_loss.alternative
def best_of_all(logits, boxes, labels, targets, weights=(1, 5, 2), no_object=0.1):
    import itertools

    N, M = len(logits), len(labels)
    cost = match_cost(logits, boxes, labels, targets, weights).tolist()
    ways = itertools.permutations(range(N), M)
    rows = list(min(ways, key=lambda way: sum(cost[i][j] for j, i in enumerate(way))))
    wanted = torch.tensor([logits.shape[1] - 1] * N)
    wanted[rows] = labels
    w = torch.tensor([1.0] * (logits.shape[1] - 1) + [no_object], dtype=logits.dtype)
    total = weights[0] * nn.functional.cross_entropy(logits, wanted, weight=w)
    if M:
        total = total + weights[1] * (boxes[rows] - targets).abs().sum() / M
        corners = box_corners(boxes[rows]), box_corners(targets)
        total = total + weights[2] * (1 - generalized_iou(*corners).diag()).mean()
    return total


# --- 11.6 sine_positions_2d -------------------------------------------------------

sine_positions_2d = Exercise(
    name="sine_positions_2d",
    points=2,
    difficulty=3,
    minutes=20,
    source="arXiv 2005.12872, appendix A.4; arXiv 1706.03762, section 3.5",
    hints=(
        "Write a helper for one axis: n positions, width d/2. Then every cell takes "
        "one of its rows for i and one for j.",
        "`encode(h)[:, None].expand(h, w, d // 2)` repeats along the columns, "
        "`encode(w)[None].expand(...)` along the rows. Put them side by side and "
        "reshape to (h * w, d). Sine and cosine alternate: `torch.stack([sin, cos], "
        "dim=-1).flatten(1)`.",
    ),
    inputs={},
    returns=Result("P", "h*w, d", kind="float"),
)


@sine_positions_2d.cases
def sine_positions_2d_cases(rng):
    yield Case({"h": 2, "w": 3, "d": 4}, "two rows, three columns, four channels")
    yield Case({"h": 3, "w": 2, "d": 8}, "eight channels")
    yield Case({"h": 2, "w": 3, "d": 8, "base": 100.0}, "another base")
    yield Case({"h": 4, "w": 5, "d": 12}, "twelve channels", large=True)
    h, w = (int(n) for n in rng.permutation([2, 3, 4, 5, 6])[:2])
    inputs = {"h": h, "w": w, "d": 16, "base": float(rng.integers(20, 900))}
    yield Case(inputs, "any size", large=True)
    yield Case({"h": 1, "w": 4, "d": 8}, "one row", edge=True)
    yield Case({"h": 5, "w": 1, "d": 4}, "one column", edge=True)
    yield Case({"h": 2, "w": 3, "d": 6}, "6 channels", edge=True)
    yield Case({"h": 2, "w": 3, "d": 9}, "9 channels", edge=True)


@sine_positions_2d.misconception(
    "The halves are swapped: the first encodes the row, the second the column."
)
def columns_first_half(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([columns, rows], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "Row and column are added up, so cell (i, j) and cell (j, i) get the same "
    "vector. Give each axis channels of its own."
)
def same_when_mirrored(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows + columns] * 2, -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "You numbered all cells in one line. Then the cell below is far away; each axis "
    "needs positions of its own."
)
def one_axis(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    x = torch.arange(h * w)[:, None] * base ** (-torch.arange(0, d, 2) / d)
    return torch.stack([x.sin(), x.cos()], -1).flatten(1)


@sine_positions_2d.misconception(
    "Both halves encode the row, and all columns look alike."
)
def both_rows(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, rows], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "Both halves encode the column, and all rows look alike."
)
def both_columns(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([columns, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "Your frequencies are those of width d. Each axis has sinusoidal positions of "
    "width d/2, so the exponent is 2i/(d/2)."
)
def speeds_of_d(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / d)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "You took positions of width d and cut them in half. Each axis has a whole "
    "encoding of width d/2, down to the slowest wave."
)
def speeds_cut(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-2 * torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "All sines come first, then all cosines. They alternate, as in chapter 7."
)
def sines_then_cosines(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.cat([x.sin(), x.cos()], -1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception("Sine and cosine are swapped: the sine comes first.")
def cosines_first(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.cos(), x.sin()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "The cells stand column by column. Row by row: cell (i, j) is row i * w + j."
)
def column_by_column(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1).transpose(0, 1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "Rows and columns take turns in the channels. The first half belongs to the row, "
    "the second to the column."
)
def interleaved_axes(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.stack([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "The cells still stand in a grid of three axes. Attention wants them in a row: "
    "(h * w, d)."
)
def as_a_grid(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1)


@sine_positions_2d.misconception("h and w are swapped: h is the number of rows.")
def height_and_width_swapped(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (w, h))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(w, h, m), columns.expand(w, h, m)
    return torch.cat([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "You count from 1, as the authors' program does. Here the first cell is (0, 0)."
)
def from_one(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(1, n + 1)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "You divided the positions by the size of the image. They are counted in cells."
)
def shares_of_the_image(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] / n * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception("`base` is ignored.")
def base_ignored(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = 10000.0 ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "You multiplied by the power of the base; the waves must become slower from pair "
    "to pair, so divide."
)
def speeds_upside_down(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError("4 must divide d")
    m = d // 2
    speed = base ** (torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows, columns], -1).reshape(h * w, d)


@sine_positions_2d.misconception(
    "An even d is not enough: each half needs pairs of sine and cosine. Raise a "
    "ValueError unless 4 divides d."
)
def even_is_enough(h, w, d, base=10000.0):
    if d % 2:
        raise ValueError("4 must divide d")
    m = d // 2 + d // 2 % 2
    speed = base ** (-torch.arange(0, m, 2) / m)
    i, j = (torch.arange(n)[:, None] * speed for n in (h, w))
    rows, columns = (torch.stack([x.sin(), x.cos()], -1).flatten(1) for x in (i, j))
    rows, columns = rows[:, None].expand(h, w, m), columns.expand(h, w, m)
    return torch.cat([rows[..., : d // 2], columns[..., : d // 2]], -1).reshape(
        h * w, d
    )


@sine_positions_2d.alternative
def positions_by_loops(h, w, d, base=10000.0):
    import math

    if d % 4:
        raise ValueError("4 must divide d")
    P = torch.empty(h * w, d)
    for cell in range(h * w):
        for half, position in enumerate(divmod(cell, w)):
            for k in range(d // 4):
                angle = position / base ** (4 * k / d)
                P[cell, half * d // 2 + 2 * k] = math.sin(angle)
                P[cell, half * d // 2 + 2 * k + 1] = math.cos(angle)
    return P


@sine_positions_2d.alternative
def positions_by_numpy(h, w, d, base=10000.0):
    import numpy as np

    if d % 4 != 0:
        raise ValueError("each axis needs pairs")
    angles = np.indices((h, w)).reshape(2, -1, 1) / base ** (np.arange(d // 4) * 4 / d)
    P = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(2, h * w, d // 2)
    return torch.tensor(np.concatenate(list(P), axis=1), dtype=torch.float32)


@sine_positions_2d.alternative
def positions_by_repeating(h, w, d, base=10000.0):
    if d % 4:
        raise ValueError(f"d is {d}")
    speeds = base ** (torch.arange(0, d // 2, 2).double() / (d // 2))
    P = torch.zeros(h * w, d, dtype=torch.float64)
    i = torch.arange(h).repeat_interleave(w).unsqueeze(1) / speeds
    j = torch.arange(w).repeat(h).unsqueeze(1) / speeds
    P[:, 0 : d // 2 : 2], P[:, 1 : d // 2 : 2] = i.sin(), i.cos()
    P[:, d // 2 :: 2], P[:, d // 2 + 1 :: 2] = j.sin(), j.cos()
    return P
