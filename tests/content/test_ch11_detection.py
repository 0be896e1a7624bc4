"""Chapter 11's reference solutions against counted pixels, brute force and torch."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from autograder.course.layout import Course

WEIGHTS = (1.0, 5.0, 2.0)


@pytest.fixture(scope="module")
def ch07():
    return Course.find(Path(__file__)).chapters["ch07_positions"].reference.namespace


@pytest.fixture(scope="module")
def ch11():
    return Course.find(Path(__file__)).chapters["ch11_detection"].reference.namespace


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(11)


def some_boxes(draw, *shape):
    """Boxes as cx, cy, w, h, inside the image."""
    sides = 0.05 + 0.5 * torch.rand(*shape, 2, generator=draw, dtype=torch.float64)
    free = torch.rand(*shape, 2, generator=draw, dtype=torch.float64)
    return torch.cat([sides / 2 + free * (1 - sides), sides], dim=-1)


def some_answer(draw, N=6, C=2, M=3):
    logits = torch.randn(N, C + 1, generator=draw, dtype=torch.float64)
    labels = torch.randint(C, (M,), generator=draw)
    return logits, some_boxes(draw, N), labels, some_boxes(draw, M)


def test_corners_have_an_inverse(ch11, draw):
    boxes = some_boxes(draw, 3, 5)
    corners = ch11["box_corners"](boxes)
    low, high = corners[..., :2], corners[..., 2:]
    back = torch.cat([(low + high) / 2, high - low], dim=-1)
    torch.testing.assert_close(back, boxes, rtol=0, atol=1e-15)
    one = ch11["box_corners"](boxes[1, 2])
    torch.testing.assert_close(one, corners[1, 2], rtol=0, atol=0)


def counted(a, b, size):
    """GIoU of two boxes of whole pixels, by painting them."""
    grids = []
    for x0, y0, x1, y1 in (a, b):
        grid = np.zeros((size, size), bool)
        grid[y0:y1, x0:x1] = True
        grids.append(grid)
    both, either = (grids[0] & grids[1]).sum(), (grids[0] | grids[1]).sum()
    rows, columns = np.nonzero(grids[0] | grids[1])
    hull = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    return both / either - (hull - either) / hull


def test_giou_is_what_pixels_count(ch11):
    rng, size = np.random.default_rng(0), 24
    corners = np.sort(rng.integers(0, size, (14, 2, 2)), axis=1)
    corners[:, 1] += 1  # no box without area
    corners = corners.reshape(-1, 4)
    a, b = (torch.from_numpy(part / size) for part in (corners[:5], corners[5:]))
    G = ch11["generalized_iou"](a, b)
    for i, j in itertools.product(range(5), range(9)):
        expected = counted(corners[i], corners[5 + j], size)
        assert float(G[i, j]) == pytest.approx(expected, abs=1e-12)


def test_the_pages_boxes_by_hand(ch11):
    a, b, c = torch.tensor([[0.0, 0, 4, 4], [2, 1, 6, 3], [6, 0, 8, 4]]).double()
    G = ch11["generalized_iou"](a[None], torch.stack([a, b, c]))
    assert G.tolist() == [pytest.approx([1, 1 / 30, -1 / 4], abs=1e-12)]


def test_giou_lies_between_minus_one_and_one_and_is_symmetric(ch11, draw):
    a, b = (ch11["box_corners"](some_boxes(draw, n)) for n in (40, 50))
    G = ch11["generalized_iou"](a, b)
    assert -1 < G.min() < -0.5 and 0.5 < G.max() <= 1
    torch.testing.assert_close(ch11["generalized_iou"](b, a), G.T, rtol=0, atol=1e-14)


def test_gious_gradient_is_its_slope(ch11, draw):
    a, b = (ch11["box_corners"](some_boxes(draw, n)).requires_grad_() for n in (3, 4))
    assert torch.autograd.gradcheck(ch11["generalized_iou"], (a, b))


def test_boxes_without_area_have_finite_gradients(ch11):
    points = torch.tensor([[0.5] * 4, [0.2, 0.3, 0.2, 0.8]]).double().requires_grad_()
    G = ch11["generalized_iou"](points, points)
    assert G.tolist() == [[0, -1], [-1, 0]]
    (slope,) = torch.autograd.grad(G.sum(), points)
    assert torch.isfinite(slope).all()


def test_cost_pair_by_pair(ch11, draw):
    logits, boxes, labels, targets = some_answer(draw, N=5, C=3, M=4)
    cost = ch11["match_cost"](logits, boxes, labels, targets, (1.5, 4.0, 0.5))
    for i, j in itertools.product(range(5), range(4)):
        terms = [math.exp(x) for x in logits[i]]
        p = terms[int(labels[j])] / math.fsum(terms)
        l1 = math.fsum(
            abs(float(x - y)) for x, y in zip(boxes[i], targets[j], strict=True)
        )
        pair = (ch11["box_corners"](x)[None] for x in (boxes[i], targets[j]))
        giou = float(ch11["generalized_iou"](*pair))
        expected = -1.5 * p + 4.0 * l1 - 0.5 * giou
        assert float(cost[i, j]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [(3, 3), (6, 3), (7, 2), (2, 5), (4, 1), (3, 0)])
def test_matching_is_the_best_of_all_and_scipys(ch11, draw, size):
    N, M = size
    cost = torch.randn(N, M, generator=draw, dtype=torch.float64, requires_grad=True)
    rows, columns = ch11["match"](cost)
    assert rows.dtype == columns.dtype == torch.int64
    assert len(rows) == len(set(columns.tolist())) == min(N, M)
    assert rows.tolist() == sorted(set(rows.tolist()))
    table = cost.detach().numpy()
    total = table[rows, columns].sum()
    assert total == pytest.approx(table[linear_sum_assignment(table)].sum(), abs=1e-12)
    wide = table if N >= M else table.T
    ways = itertools.permutations(range(max(N, M)), min(N, M))
    best = min(sum(wide[i, j] for j, i in enumerate(way)) for way in ways)
    assert total == pytest.approx(best, abs=1e-12)


def test_set_loss_is_the_best_over_all_matchings_term_by_term(ch11, draw):
    logits, boxes, labels, targets = some_answer(draw)
    cost = ch11["match_cost"](logits, boxes, labels, targets, WEIGHTS)
    ways = itertools.permutations(range(6), 3)
    way = min(ways, key=lambda way: sum(float(cost[i, j]) for j, i in enumerate(way)))
    wanted = [2] * 6
    for j, i in enumerate(way):
        wanted[i] = int(labels[j])
    weight = [0.1 if c == 2 else 1.0 for c in wanted]
    surprise = -logits.log_softmax(-1)[range(6), wanted]
    cross = math.fsum(
        w * float(s) for w, s in zip(weight, surprise, strict=True)
    ) / sum(weight)
    where = 0.0
    for j, i in enumerate(way):
        pair = (ch11["box_corners"](x)[None] for x in (boxes[i], targets[j]))
        where += 5 * float((boxes[i] - targets[j]).abs().sum())
        where += 2 * (1 - float(ch11["generalized_iou"](*pair)))
    loss = ch11["set_loss"](logits, boxes, labels, targets)
    assert float(loss) == pytest.approx(cross + where / 3, abs=1e-12)


def test_set_loss_knows_no_order(ch11, draw):
    logits, boxes, labels, targets = some_answer(draw)
    loss = ch11["set_loss"](logits, boxes, labels, targets)
    for i in itertools.islice(itertools.permutations(range(6)), 0, 720, 37):
        for j in itertools.permutations(range(3)):
            i, j = list(i), list(j)
            again = ch11["set_loss"](logits[i], boxes[i], labels[j], targets[j])
            assert abs(float(again - loss)) < 1e-12


@pytest.mark.parametrize("no_object", [0.1, 1.0, 3.0])
def test_an_empty_image(ch11, draw, no_object):
    logits, boxes, labels, targets = some_answer(draw, M=0)
    logits.requires_grad_()
    loss = ch11["set_loss"](logits, boxes, labels, targets, no_object=no_object)
    expected = -logits.log_softmax(-1)[:, -1].mean()  # one weight for all cancels
    assert loss.item() == pytest.approx(expected.item(), abs=1e-12)
    (slope,) = torch.autograd.grad(loss, logits)
    assert (slope[:, -1] < 0).all() and (slope[:, :-1] > 0).all()
    even = ch11["set_loss"](torch.zeros(6, 3).double(), boxes, labels, targets)
    assert float(even) == pytest.approx(math.log(3), abs=1e-12)


def test_a_perfect_answer_costs_nothing(ch11, draw):
    _, boxes, labels, targets = some_answer(draw, N=4, M=2)
    logits = torch.full((4, 3), -1e4, dtype=torch.float64)
    logits[:, 2] = 1e4
    logits[[3, 1], :] = -1e4
    logits[[3, 1], labels] = 1e4
    boxes[[3, 1]] = targets
    assert float(ch11["set_loss"](logits, boxes, labels, targets)) == 0


def test_the_loss_has_the_slope_that_it_says(ch11, draw):
    logits, boxes, labels, targets = some_answer(draw)
    inputs = logits.requires_grad_(), boxes.requires_grad_()

    def loss(logits, boxes):
        return ch11["set_loss"](logits, boxes, labels, targets, (2.0, 3.0, 1.0), 0.4)

    assert torch.autograd.gradcheck(loss, inputs)


@pytest.mark.parametrize("base", [10000.0, 50.0])
def test_positions_are_chapter_7s_twice(ch07, ch11, base):
    h, w, d = 5, 7, 12
    P = ch11["sine_positions_2d"](h, w, d, base)
    assert P.dtype == torch.get_default_dtype()
    rows, columns = (ch07["sinusoidal_positions"](n, d // 2, base) for n in (h, w))
    for i, j in itertools.product(range(h), range(w)):
        expected = np.concatenate([rows[i], columns[j]])
        np.testing.assert_allclose(P[i * w + j], expected, rtol=0, atol=1e-6)


def test_positions_of_all_cells_differ(ch11):
    P = ch11["sine_positions_2d"](9, 12, 32)
    distance = torch.cdist(P, P) + torch.eye(108)
    assert distance.min() > 0.1


@pytest.mark.parametrize("d", [2, 6, 9, 10])
def test_positions_need_a_multiple_of_four(ch11, d):
    with pytest.raises(ValueError, match="4"):
        ch11["sine_positions_2d"](2, 3, d)
