"""How chapter 10, the CNN is a special case, is graded."""

import numpy as np
import torch
from torch import nn

from autograder.author import Case, Exercise, Result


def _numbers(rng, *shape, dtype=float):
    """Random numbers with two decimals: they read well in the public cases."""
    return np.round(rng.normal(size=shape), 2).astype(dtype)


# --- 10.1 patchify ----------------------------------------------------------------

patchify = Exercise(
    name="patchify",
    points=2,
    difficulty=3,
    minutes=15,
    source="arXiv 2010.11929, section 3.1",
    hints=(
        "Give every axis that you need a name of its own: batch, channel, row of the "
        "patch, row inside it, column of the patch, column inside it. A reshape can "
        "split axes, but never reorder them.",
        "Reshape to (B, C, H/size, size, W/size, size), transpose the two axes that "
        "number the patches to the front, behind B, then reshape to three axes.",
    ),
    inputs={"images": "B, C, H, W"},
    returns=Result("patches", "B, N, p"),
)


@patchify.cases
def patchify_cases(rng):
    counted = np.arange(48.0).reshape(1, 2, 4, 6)
    yield Case({"images": counted, "size": 2}, "an image that counts to 47")
    yield Case({"images": _numbers(rng, 2, 1, 6, 3), "size": 3}, "patches of 3 by 3")
    inputs = {"images": _numbers(rng, 2, 3, 4, 8, dtype=np.float32), "size": 2}
    yield Case(inputs, "float32, three channels")
    inputs = {"images": _numbers(rng, 3, 2, 4, 1), "size": 1}
    yield Case(inputs, "patches of one pixel")
    inputs = {"images": _numbers(rng, 2, 2, 3, 3), "size": 3}
    yield Case(inputs, "one patch that is the whole image", edge=True)
    inputs = {"images": _numbers(rng, 2, 1, 5, 4), "size": 2}
    yield Case(inputs, "a height that the size does not divide", edge=True)
    inputs = {"images": _numbers(rng, 1, 2, 4, 9), "size": 4}
    yield Case(inputs, "a width that the size does not divide", edge=True)
    inputs = {"images": _numbers(rng, 4, 3, 6, 10), "size": 2}
    yield Case(inputs, "random numbers", large=True)


@patchify.misconception(
    "A single reshape cuts the numbers as they lie in memory: a patch is then a strip "
    "of pixels. Split the axes, bring the patches' axes together, then merge."
)
def raw_reshape(images, size):
    B, C, H, W = images.shape
    if H % size or W % size:
        raise ValueError("not divisible")
    return images.reshape(B, -1, C * size * size)


@patchify.misconception(
    "Your patches go down the columns. They are numbered row by row, as one reads."
)
def patches_by_columns(images, size):
    B, C, H, W = images.shape
    if H % size or W % size:
        raise ValueError("not divisible")
    cut = images.reshape(B, C, H // size, size, W // size, size)
    return cut.transpose(0, 4, 2, 1, 3, 5).reshape(B, -1, C * size * size)


@patchify.misconception(
    "Inside your patches the pixels go down the columns. After the channel comes the "
    "row, and the column runs fastest."
)
def pixels_by_columns(images, size):
    B, C, H, W = images.shape
    if H % size or W % size:
        raise ValueError("not divisible")
    cut = images.reshape(B, C, H // size, size, W // size, size)
    return cut.transpose(0, 2, 4, 1, 5, 3).reshape(B, -1, C * size * size)


@patchify.misconception(
    "Your patches hold the channels last, pixel by pixel. Here the channel comes "
    "first: all of channel 0, then all of channel 1."
)
def channels_last(images, size):
    B, C, H, W = images.shape
    if H % size or W % size:
        raise ValueError("not divisible")
    cut = images.reshape(B, C, H // size, size, W // size, size)
    return cut.transpose(0, 2, 4, 3, 5, 1).reshape(B, -1, C * size * size)


@patchify.misconception(
    "Each channel got patches of its own. A patch holds its pixels in all channels."
)
def a_patch_for_each_channel(images, size):
    B, C, H, W = images.shape
    if H % size or W % size:
        raise ValueError("not divisible")
    cut = images.reshape(B, C, H // size, size, W // size, size)
    return cut.transpose(0, 1, 2, 4, 3, 5).reshape(B, -1, C * size * size)


@patchify.misconception(
    "You cut off what does not fit. An image that patches cannot fill is a mistake of "
    "the caller: raise a ValueError."
)
def cuts_off_the_rest(images, size):
    B, C, H, W = images.shape
    h, w = H // size, W // size
    cut = images[:, :, : h * size, : w * size].reshape(B, C, h, size, w, size)
    return cut.transpose(0, 2, 4, 1, 3, 5).reshape(B, -1, C * size * size)


@patchify.misconception(
    "You took H for the width. Images are (B, C, H, W): the row comes before the "
    "column."
)
def height_for_width(images, size):
    B, C, W, H = images.shape
    if H % size or W % size:
        raise ValueError("not divisible")
    cut = images.reshape(B, C, H // size, size, W // size, size)
    return cut.transpose(0, 2, 4, 1, 3, 5).reshape(B, -1, C * size * size)


@patchify.alternative
def by_loops(images, size):
    B, _, H, W = images.shape
    if H % size != 0 or W % size != 0:
        raise ValueError("patches must fill the image")
    patches = []
    for top in range(0, H, size):
        for left in range(0, W, size):
            patch = images[:, :, top : top + size, left : left + size]
            patches.append(patch.reshape(B, -1))
    return np.stack(patches, axis=1)


@patchify.alternative
def by_unfold(images, size):
    if images.shape[2] % size or images.shape[3] % size:
        raise ValueError("patches must fill the image")
    unfolded = nn.functional.unfold(torch.tensor(images), size, stride=size)
    return unfolded.transpose(1, 2).numpy()


@patchify.alternative
def by_windows(images, size):
    B, C, H, W = images.shape
    if max(H % size, W % size):
        raise ValueError("patches must fill the image")
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), (2, 3))
    chosen = windows[:, :, ::size, ::size]
    return np.moveaxis(chosen, 1, 3).reshape(B, -1, C * size**2)


# --- 10.2 unpatchify --------------------------------------------------------------

unpatchify = Exercise(
    name="unpatchify",
    points=2,
    difficulty=3,
    minutes=12,
    source="arXiv 2010.11929, section 3.1, backwards",
    hints=(
        "Do the steps of `patchify` backwards: split the axes, exchange them, merge.",
        "Reshape to (B, H/size, W/size, C, size, size). In the image the row of the "
        "patch stands just before the row inside it, and the same for columns.",
    ),
    inputs={"patches": "B, N, p"},
    returns=Result("images", "B, C, H, W"),
)


@unpatchify.cases
def unpatchify_cases(rng):
    def draw(B, size, H, W, C, dtype=float):
        shape = (B, (H // size) * (W // size), C * size * size)
        sizes = {"size": size, "H": H, "W": W, "C": C}
        return {"patches": _numbers(rng, *shape, dtype=dtype), **sizes}

    counted = np.arange(48.0).reshape(1, 6, 8)
    inputs = {"patches": counted, "size": 2, "H": 4, "W": 6, "C": 2}
    yield Case(inputs, "patches that count to 47")
    yield Case(draw(3, 3, 6, 3, 1), "patches of 3 by 3")
    yield Case(draw(2, 2, 4, 8, 3, np.float32), "float32, three channels")
    yield Case(draw(3, 1, 4, 1, 2), "patches of one pixel")
    yield Case(draw(2, 3, 3, 3, 2), "one patch that is the whole image", edge=True)
    inputs = {"patches": _numbers(rng, 1, 2, 4), "size": 2, "H": 3, "W": 4, "C": 1}
    yield Case(inputs, "a height that the size does not divide", edge=True)
    inputs = {"patches": _numbers(rng, 1, 2, 4), "size": 2, "H": 4, "W": 3, "C": 1}
    yield Case(inputs, "a width that the size does not divide", edge=True)
    yield Case(draw(4, 2, 6, 10, 3), "random numbers", large=True)


@unpatchify.misconception(
    "A single reshape lays one patch behind the other. Split the axes, bring the rows "
    "and the columns together, then merge."
)
def lays_them_in_a_row(patches, size, H, W, C):
    if H % size or W % size:
        raise ValueError("not divisible")
    return patches.reshape(-1, C, H, W)


@unpatchify.misconception(
    "You put the patches down the columns. They come row by row, as one reads."
)
def filled_by_columns(patches, size, H, W, C):
    if H % size or W % size:
        raise ValueError("not divisible")
    cut = patches.reshape(-1, W // size, H // size, C, size, size)
    return cut.transpose(0, 3, 2, 4, 1, 5).reshape(-1, C, H, W)


@unpatchify.misconception(
    "Each patch is mirrored at its diagonal: inside a patch the row comes before the "
    "column."
)
def patches_turned(patches, size, H, W, C):
    if H % size or W % size:
        raise ValueError("not divisible")
    cut = patches.reshape(-1, H // size, W // size, C, size, size)
    return cut.transpose(0, 3, 1, 5, 2, 4).reshape(-1, C, H, W)


@unpatchify.misconception(
    "You read the channels as if they came last in a patch. They come first: all of "
    "channel 0, then all of channel 1."
)
def reads_channels_last(patches, size, H, W, C):
    if H % size or W % size:
        raise ValueError("not divisible")
    cut = patches.reshape(-1, H // size, W // size, size, size, C)
    return cut.transpose(0, 5, 1, 3, 2, 4).reshape(-1, C, H, W)


@unpatchify.misconception(
    "The image came back with its channels last. Images are (B, C, H, W)."
)
def returns_channels_last(patches, size, H, W, C):
    if H % size or W % size:
        raise ValueError("not divisible")
    cut = patches.reshape(-1, H // size, W // size, C, size, size)
    return cut.transpose(0, 1, 4, 2, 5, 3).reshape(-1, H, W, C)


@unpatchify.misconception(
    "You returned an image smaller than was asked for. When the size does not divide "
    "height and width, raise a ValueError."
)
def returns_a_smaller_image(patches, size, H, W, C):
    h, w = H // size, W // size
    cut = patches.reshape(-1, h, w, C, size, size)
    return cut.transpose(0, 3, 1, 4, 2, 5).reshape(-1, C, h * size, w * size)


@unpatchify.alternative
def patch_by_patch(patches, size, H, W, C):
    if H % size or W % size:
        raise ValueError("patches must fill the image")
    images = np.zeros((len(patches), C, H, W), dtype=patches.dtype)
    for i in range(patches.shape[1]):
        top, left = i // (W // size) * size, i % (W // size) * size
        square = patches[:, i].reshape(-1, C, size, size)
        images[:, :, top : top + size, left : left + size] = square
    return images


@unpatchify.alternative
def by_fold(patches, size, H, W, C):
    if H % size or W % size:
        raise ValueError("patches must fill the image")
    columns = torch.tensor(patches).transpose(1, 2)
    return nn.functional.fold(columns, (H, W), size, stride=size).numpy()


@unpatchify.alternative
def through_the_indices(patches, size, H, W, C):
    if H % size or W % size:
        raise ValueError("patches must fill the image")
    numbers = np.arange(C * H * W).reshape(1, C, H, W)
    places = patchify(numbers, size).ravel()
    flat = np.empty((len(patches), C * H * W), dtype=patches.dtype)
    flat[:, places] = patches.reshape(len(patches), -1)
    return flat.reshape(-1, C, H, W)


# --- 10.3 quadratic_scores --------------------------------------------------------

quadratic_scores = Exercise(
    name="quadratic_scores",
    points=2,
    difficulty=2,
    minutes=12,
    source='arXiv 1911.03584, section 3, "quadratic encoding"',
    hints=(
        "Make a table of the places of all pixels first, (h*w, 2), row and column. "
        "Pixel number i stands in row i // w and in column i % w.",
        "Places with a new axis, `places[None] - places[:, None]`, are the offsets "
        "key - query. Subtract delta, square, sum over the last axis, times -alpha.",
    ),
    returns=Result("S", "h*w, h*w"),
)


@quadratic_scores.cases
def quadratic_cases(rng):
    def case(h, w, delta, alpha, note, **more):
        return Case({"h": h, "w": w, "delta": delta, "alpha": alpha}, note, **more)

    yield case(2, 3, (0, 1), 1.0, "2 by 3 pixels, one to the right")
    yield case(3, 2, (1, 0), 1.0, "3 by 2 pixels, one down")
    yield case(2, 4, (-1, 2), 0.5, "up and to the right, alpha = 0.5")
    yield case(4, 3, (2, -1), 46.0, "alpha = 46")
    yield case(3, 2, (0, 0), 0.25, "no offset: each pixel looks at itself")
    yield case(1, 5, (0, -2), 2.0, "an image of one row", edge=True)
    yield case(4, 1, (7, 1), 1.0, "an offset that leads out of the image", edge=True)
    yield case(2, 3, (0.5, -0.25), 3.0, "an offset between pixels", edge=True)
    delta = tuple(int(x) for x in rng.integers(-2, 3, size=2))
    alpha = float(np.round(rng.uniform(0.1, 5), 2))
    yield case(4, 5, delta, alpha, "random offset and alpha", large=True)


@quadratic_scores.misconception(
    "Your offset has the wrong sign. It leads from the query to the key: the best key "
    "is at query + delta."
)
def offset_backwards(h, w, delta, alpha):
    places = np.array([(i, j) for i in range(h) for j in range(w)])
    offsets = places[None] - places[:, None]
    return -alpha * ((offsets + np.array(delta)) ** 2).sum(-1)


@quadratic_scores.misconception(
    "You read delta as (x, y). It is (rows, columns): the first number goes down, the "
    "second to the right."
)
def delta_as_x_y(h, w, delta, alpha):
    places = np.array([(i, j) for i in range(h) for j in range(w)])
    offsets = places[None] - places[:, None]
    return -alpha * ((offsets - np.array(delta[::-1])) ** 2).sum(-1)


@quadratic_scores.misconception(
    "The constant -alpha |delta|^2 is missing. Softmax would not notice, but the best "
    "key should get 0."
)
def constant_dropped(h, w, delta, alpha):
    places = np.array([(i, j) for i in range(h) for j in range(w)])
    offsets = places[None] - places[:, None]
    return -alpha * ((offsets**2).sum(-1) - 2 * offsets @ np.array(delta))


@quadratic_scores.misconception(
    "You used the distance itself. The score falls with its square, so that it can be "
    "written as a dot product."
)
def not_squared(h, w, delta, alpha):
    places = np.array([(i, j) for i in range(h) for j in range(w)])
    offsets = places[None] - places[:, None]
    return -alpha * np.sqrt(((offsets - np.array(delta)) ** 2).sum(-1))


@quadratic_scores.misconception(
    "You added up rows and columns (the way of a taxi). The score falls with the "
    "squares: rows squared plus columns squared."
)
def taxi_distance(h, w, delta, alpha):
    places = np.array([(i, j) for i in range(h) for j in range(w)])
    offsets = places[None] - places[:, None]
    return -alpha * np.abs(offsets - np.array(delta)).sum(-1)


@quadratic_scores.misconception(
    "The sign is missing: your farthest key has the largest score. Distance must cost, "
    "so the factor is -alpha."
)
def rewards_distance(h, w, delta, alpha):
    places = np.array([(i, j) for i in range(h) for j in range(w)])
    offsets = places[None] - places[:, None]
    return alpha * ((offsets - np.array(delta)) ** 2).sum(-1)


@quadratic_scores.misconception(
    "You numbered the pixels column by column. They go row by row: number i stands in "
    "row i // w and column i % w."
)
def pixels_column_by_column(h, w, delta, alpha):
    places = np.array([(i, j) for j in range(w) for i in range(h)])
    offsets = places[None] - places[:, None]
    return -alpha * ((offsets - np.array(delta)) ** 2).sum(-1)


@quadratic_scores.misconception(
    "You returned the weights. The exercise asks for the scores, before softmax."
)
def after_softmax(h, w, delta, alpha):
    places = np.array([(i, j) for i in range(h) for j in range(w)])
    offsets = places[None] - places[:, None]
    S = -alpha * ((offsets - np.array(delta)) ** 2).sum(-1)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@quadratic_scores.alternative
def pair_by_pair(h, w, delta, alpha):
    S = np.zeros((h * w, h * w))
    for q in range(h * w):
        for k in range(h * w):
            down = k // w - q // w - delta[0]
            right = k % w - q % w - delta[1]
            S[q, k] = -alpha * (down**2 + right**2)
    return S


@quadratic_scores.alternative
def as_a_dot_product(h, w, delta, alpha):
    rows, columns = np.indices((h, w)).reshape(2, -1)
    d1, d2 = rows[None] - rows[:, None], columns[None] - columns[:, None]
    v = -alpha * np.array([1.0, -2 * delta[0], -2 * delta[1]])
    r = np.stack([d1**2 + d2**2, d1, d2], axis=-1)
    return r @ v - alpha * (delta[0] ** 2 + delta[1] ** 2)


@quadratic_scores.alternative
def in_four_axes(h, w, delta, alpha):
    down = np.arange(h)[None, :] - np.arange(h)[:, None] - delta[0]
    right = np.arange(w)[None, :] - np.arange(w)[:, None] - delta[1]
    S = down[:, None, :, None] ** 2 + right[None, :, None, :] ** 2
    return -(alpha * S.reshape(h * w, h * w))


# --- 10.4 shift_attention ---------------------------------------------------------

shift_attention = Exercise(
    name="shift_attention",
    points=2,
    difficulty=2,
    minutes=10,
    source="arXiv 1911.03584, section 3, the limit of large alpha",
    hints=(
        "For each query find its row and column, add delta, and ask whether the "
        "result is still inside the image.",
        "Inside means 0 <= row < h and 0 <= column < w, both. Then A[query, row * w + "
        "column] = 1; all else stays 0.",
    ),
    returns=Result("A", "h*w, h*w", kind="float"),
)


@shift_attention.cases
def shift_cases(rng):
    def case(h, w, delta, note, **more):
        return Case({"h": h, "w": w, "delta": delta}, note, **more)

    yield case(2, 3, (0, 1), "2 by 3 pixels, one to the right")
    yield case(3, 2, (1, 0), "3 by 2 pixels, one down")
    yield case(2, 4, (-1, 2), "up and to the right")
    yield case(4, 3, (1, -1), "down and to the left")
    yield case(3, 2, (0, 0), "no offset: each pixel looks at itself")
    yield case(1, 5, (0, -2), "an image of one row", edge=True)
    yield case(2, 3, (5, 0), "an offset that always leads outside", edge=True)
    yield case(3, 4, (0, -4), "an offset as wide as the image", edge=True)
    delta = tuple(int(x) for x in rng.integers(-2, 3, size=2))
    yield case(4, 5, delta, "a random offset", large=True)


@shift_attention.misconception(
    "Your rows wrap round: a pixel at the border looks at the opposite border. Outside "
    "the image there is nothing, the row is zeros."
)
def wraps_round(h, w, delta):
    A = np.zeros((h * w, h * w))
    for i in range(h):
        for j in range(w):
            A[i * w + j, (i + delta[0]) % h * w + (j + delta[1]) % w] = 1
    return A


@shift_attention.misconception(
    "At the border you take the nearest pixel, as clipping does, and a sharp softmax. "
    "Outside the image there is nothing, the row is zeros."
)
def clips_to_the_border(h, w, delta):
    A = np.zeros((h * w, h * w))
    for i in range(h):
        for j in range(w):
            row = min(max(i + delta[0], 0), h - 1)
            column = min(max(j + delta[1], 0), w - 1)
            A[i * w + j, row * w + column] = 1
    return A


@shift_attention.misconception(
    "You shifted the pixels' numbers, so the end of a row looks at the beginning of "
    "the next. Check row and column by themselves."
)
def shifts_the_numbers(h, w, delta):
    return np.eye(h * w, k=delta[0] * w + delta[1])


@shift_attention.misconception(
    "Your offset has the wrong sign, or rows and columns of A are exchanged. Row "
    "`query` holds its 1 at query + delta."
)
def queries_in_columns(h, w, delta):
    A = np.zeros((h * w, h * w))
    for i in range(h):
        for j in range(w):
            if 0 <= i + delta[0] < h and 0 <= j + delta[1] < w:
                A[(i + delta[0]) * w + j + delta[1], i * w + j] = 1
    return A


@shift_attention.misconception(
    "You read delta as (x, y). It is (rows, columns): the first number goes down, the "
    "second to the right."
)
def shift_as_x_y(h, w, delta):
    A = np.zeros((h * w, h * w))
    for i in range(h):
        for j in range(w):
            if 0 <= i + delta[1] < h and 0 <= j + delta[0] < w:
                A[i * w + j, (i + delta[1]) * w + j + delta[0]] = 1
    return A


@shift_attention.misconception(
    "Where the offset leads outside, you let the pixel look at itself. There is "
    "nothing to look at: the row is zeros."
)
def looks_at_itself_instead(h, w, delta):
    A = np.eye(h * w)
    for i in range(h):
        for j in range(w):
            if 0 <= i + delta[0] < h and 0 <= j + delta[1] < w:
                A[i * w + j] = 0
                A[i * w + j, (i + delta[0]) * w + j + delta[1]] = 1
    return A


@shift_attention.misconception(
    "These are booleans. Weights are numbers: return floats, 1.0 and 0.0."
)
def as_booleans(h, w, delta):
    return quadratic_scores(h, w, delta, 1.0) > -0.5


@shift_attention.alternative
def where_the_score_is_zero(h, w, delta):
    return (quadratic_scores(h, w, delta, 1.0) == 0).astype(float)


@shift_attention.alternative
def as_a_kronecker_product(h, w, delta):
    return np.kron(np.eye(h, k=delta[0]), np.eye(w, k=delta[1]))


# --- 10.5 convolution_as_attention ------------------------------------------------

convolution_as_attention = Exercise(
    name="convolution_as_attention",
    points=4,
    difficulty=4,
    minutes=20,
    source="arXiv 1911.03584, theorem 1",
    hints=(
        "One head for each (row, column) of the kernel. Which pixel does it look at? "
        "W[K//2, K//2] is the pixel itself, so the offset is (row - K//2, column - "
        "K//2).",
        "Flatten the image to (h*w, cin). Each head adds A @ pixels @ W[row, column]; "
        "its weights A come from `shift_attention`. The zeros outside come by "
        "themselves, from the rows of zeros.",
    ),
    inputs={"X": "h, w, cin", "W": "K, K, cin, cout"},
    returns=Result("O", "h, w, cout"),
)


@convolution_as_attention.cases
def convolution_cases(rng):
    X = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0], [1.0, 1.0]]).reshape(4, 2, 1)
    W = np.zeros((3, 3, 1, 1))
    W[0, 1], W[1, 2] = 1.0, 10.0
    yield Case({"X": X, "W": W}, "the pixel above plus ten times the right", edge=True)

    def draw(h, w, cin, K, cout, dtype=float):
        W = _numbers(rng, K, K, cin, cout, dtype=dtype)
        return {"X": _numbers(rng, h, w, cin, dtype=dtype), "W": W}

    yield Case(draw(4, 5, 2, 3, 1), "two channels to one")
    yield Case(draw(5, 4, 2, 3, 6, np.float32), "float32")
    yield Case(draw(4, 3, 2, 1, 5), "a kernel of one pixel")
    yield Case(draw(3, 4, 1, 5, 2), "a kernel larger than the image")
    yield Case(draw(1, 4, 2, 3, 5), "an image of one row", edge=True)
    yield Case(draw(6, 7, 3, 5, 4), "random numbers", large=True)
    yield Case(draw(1, 1, 2, 3, 3), "a single pixel", edge=True, large=True)


@convolution_as_attention.misconception(
    "Your kernel is flipped, as in the mathematicians' convolution. Here W[0, 0] "
    "belongs to the neighbour up and to the left."
)
def kernel_flipped(X, W):
    (h, w, cin), K = X.shape, len(W)
    O = 0
    for a in range(K):
        for b in range(K):
            A = shift_attention(h, w, (K // 2 - a, K // 2 - b))
            O = O + A @ X.reshape(-1, cin) @ W[a, b]
    return O.reshape(h, w, -1)


@convolution_as_attention.misconception(
    "You averaged the heads. A convolution adds up its neighbours: sum the heads."
)
def heads_averaged(X, W):
    (h, w, cin), K = X.shape, len(W)
    O = 0
    for a in range(K):
        for b in range(K):
            A = shift_attention(h, w, (a - K // 2, b - K // 2))
            O = O + A @ X.reshape(-1, cin) @ W[a, b] / K**2
    return O.reshape(h, w, -1)


@convolution_as_attention.misconception(
    "Rows and columns of the kernel are exchanged: W[0, K//2] belongs to the pixel "
    "above, not to the one on the left."
)
def kernel_transposed(X, W):
    (h, w, cin), K = X.shape, len(W)
    O = 0
    for a in range(K):
        for b in range(K):
            A = shift_attention(h, w, (b - K // 2, a - K // 2))
            O = O + A @ X.reshape(-1, cin) @ W[a, b]
    return O.reshape(h, w, -1)


@convolution_as_attention.misconception(
    "Your offsets start at 0, so the output is shifted: the middle of the kernel is "
    "the pixel itself. Subtract K//2."
)
def offsets_from_zero(X, W):
    (h, w, cin), K = X.shape, len(W)
    O = 0
    for a in range(K):
        for b in range(K):
            O = O + shift_attention(h, w, (a, b)) @ X.reshape(-1, cin) @ W[a, b]
    return O.reshape(h, w, -1)


@convolution_as_attention.misconception(
    "At the borders your image goes on at the other side. Outside it is zero."
)
def borders_wrap(X, W):
    K = len(W)
    O = 0
    for a in range(K):
        for b in range(K):
            moved = np.roll(X, (K // 2 - a, K // 2 - b), axis=(0, 1))
            O = O + moved @ W[a, b]
    return O


@convolution_as_attention.misconception(
    "At the borders you repeated the last pixel, or let a softmax choose the nearest. "
    "Outside the image is zero."
)
def borders_repeat(X, W):
    (h, w, _), K = X.shape, len(W)
    r = K // 2
    padded = np.pad(X, ((r, r), (r, r), (0, 0)), mode="edge")
    O = 0
    for a in range(K):
        for b in range(K):
            O = O + padded[a : a + h, b : b + w] @ W[a, b]
    return O


@convolution_as_attention.misconception(
    "Your heads share one value matrix, the sum of the kernel. Each head has its own "
    "slice, W[row, column]."
)
def one_value_matrix(X, W):
    (h, w, cin), K = X.shape, len(W)
    O = 0
    for a in range(K):
        for b in range(K):
            A = shift_attention(h, w, (a - K // 2, b - K // 2))
            O = O + A @ X.reshape(-1, cin) @ W.mean(axis=(0, 1))
    return O.reshape(h, w, -1)


@convolution_as_attention.misconception(
    "Only the middle of the kernel was used: every head looks at the pixel itself. "
    "Each looks at a neighbour of its own."
)
def heads_look_at_themselves(X, W):
    return X @ W.sum(axis=(0, 1))


@convolution_as_attention.alternative
def by_conv2d(X, W):
    images = torch.tensor(X).permute(2, 0, 1)[None]
    kernel = torch.tensor(W).permute(3, 2, 0, 1)
    O = nn.functional.conv2d(images, kernel, padding=len(W) // 2)
    return O[0].permute(1, 2, 0).numpy()


@convolution_as_attention.alternative
def by_padding(X, W):
    (h, w, _), r = X.shape, len(W) // 2
    padded = np.pad(X, ((r, r), (r, r), (0, 0)))
    pairs = np.ndindex(W.shape[:2])
    return sum(padded[a : a + h, b : b + w] @ W[a, b] for a, b in pairs)


@convolution_as_attention.alternative
def heads_side_by_side(X, W):
    (h, w, cin), K = X.shape, len(W)
    reach = range(-(K // 2), K // 2 + 1)
    heads = [shift_attention(h, w, (a, b)) for a in reach for b in reach]
    gathered = np.einsum("hqk,kc->qhc", np.stack(heads), X.reshape(-1, cin))
    return (gathered.reshape(h * w, -1) @ W.reshape(-1, W.shape[-1])).reshape(h, w, -1)


# --- 10.6 receptive_field ---------------------------------------------------------

receptive_field = Exercise(
    name="receptive_field",
    points=3,
    difficulty=3,
    minutes=15,
    source='slide "Self-attention v.s. CNN"',
    hints=(
        "Go backwards. At first the set is `query` alone. Which outputs of the layer "
        "below does that set look at? That is the next set.",
        "Rows are queries. For a boolean set `reach`: `(A[reach] > tolerance).any("
        "axis=0)`, from the last layer to the first.",
    ),
    inputs={"weights": "layers, n, n"},
    returns=Result("reach", "n", kind="bool"),
)


def _chain():
    """Three layers over four places; each layer's rows are told apart by hand."""
    first = [[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    second = [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0.5, 0.5], [1, 0, 0, 0]]
    third = [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]
    return np.array([first, second, third], dtype=float)


def _sparse(rng, layers, n, kept, dtype=float):
    """Rows of random weights, `kept` of them above 0, which sum to 1."""
    S = rng.random((layers, n, n)) + 0.2
    A = np.where(S.argsort().argsort() >= n - kept, S, 0)
    return np.round(A / A.sum(axis=-1, keepdims=True), 2).astype(dtype)


@receptive_field.cases
def receptive_cases(rng):
    yield Case({"weights": _chain(), "query": 0}, "three layers over four places")
    inputs = {"weights": _sparse(rng, 2, 7, 2), "query": 3}
    yield Case(inputs, "each place looks at two")
    inputs = {"weights": _sparse(rng, 3, 9, 2, np.float32), "query": 8}
    yield Case(inputs, "float32")
    near = (np.abs(np.arange(9)[:, None] - np.arange(9)) <= 1) / 3
    inputs = {"weights": np.stack([near] * 3).round(2), "query": 4}
    yield Case(inputs, "windows of three")
    inputs = {"weights": np.stack([near] * 2).round(2), "query": 0}
    yield Case(inputs, "windows of three, at the border")
    A = np.array([[[1.0, 0, 0], [0, 0, 1], [0.998, 0.002, 0]]] * 2)
    A[1, 1] = [0.998, 0, 0.002]
    inputs = {"weights": A, "query": 1, "tolerance": 0.001}
    yield Case(inputs, "two faint weights, each above the tolerance", edge=True)
    A = np.array([[[0.5, 0.5, 0], [0.25, 0.25, 0.5], [1.0, 0, 0]]] * 2)
    inputs = {"weights": A, "query": 1, "tolerance": 0.25}
    yield Case(inputs, "weights as large as the tolerance", edge=True)
    A = np.array([[[1 - 1e-7, 1e-7, 0], [0, 1, 0], [0, 0, 1.0]]] * 2)
    yield Case({"weights": A, "query": 0}, "a weight of 1e-7", edge=True)
    A = _chain()
    A[1, 2] = 0
    inputs = {"weights": A, "query": 0}
    yield Case(inputs, "a path that ends in a row of zeros", edge=True)
    inputs = {"weights": _sparse(rng, 1, 4, 2), "query": 2}
    yield Case(inputs, "one layer")
    yield Case({"weights": _sparse(rng, 4, 11, 2), "query": 5}, "deep", large=True)


@receptive_field.misconception(
    "You followed columns. Rows are queries: row i says what i looks at, column i says "
    "who looks at i."
)
def follows_columns(weights, query, tolerance=1e-6):
    reach = np.arange(weights.shape[1]) == query
    for A in weights[::-1]:
        reach = (A[:, reach] > tolerance).any(axis=1)
    return reach


@receptive_field.misconception(
    "You looked at the last layer only. What it reads are outputs of the layer before, "
    "which have looked further: go on backwards to the inputs."
)
def last_layer_only(weights, query, tolerance=1e-6):
    return weights[-1, query] > tolerance


@receptive_field.misconception(
    "Your layers come in the wrong order. The output belongs to the last one: start "
    "there and go back to weights[0], which reads the inputs."
)
def first_layer_first(weights, query, tolerance=1e-6):
    reach = np.arange(weights.shape[1]) == query
    for A in weights:
        reach = (A[reach] > tolerance).any(axis=0)
    return reach


@receptive_field.misconception(
    "You compared the product of all layers with the tolerance. Each weight is "
    "compared by itself: faint steps multiply to something far smaller."
)
def product_of_all(weights, query, tolerance=1e-6):
    path = np.eye(weights.shape[1])[query]
    for A in weights[::-1]:
        path = path @ A
    return path > tolerance


@receptive_field.misconception(
    "A weight counts when it is above the tolerance, not when it equals it: use >."
)
def at_least_the_tolerance(weights, query, tolerance=1e-6):
    reach = np.arange(weights.shape[1]) == query
    for A in weights[::-1]:
        reach = (A[reach] >= tolerance).any(axis=0)
    return reach


@receptive_field.misconception(
    "You ignored the tolerance: a weight of 1e-7 carries nothing."
)
def above_zero(weights, query, tolerance=1e-6):
    reach = np.arange(weights.shape[1]) == query
    for A in weights[::-1]:
        reach = (A[reach] > 0).any(axis=0)
    return reach


@receptive_field.misconception(
    "You kept what was reached in an earlier step, as if there were a residual "
    "connection. A place that nobody looks at in this layer drops out."
)
def residual_path(weights, query, tolerance=1e-6):
    reach = np.arange(weights.shape[1]) == query
    for A in weights[::-1]:
        reach = reach | (A[reach] > tolerance).any(axis=0)
    return reach


@receptive_field.misconception(
    "Only the strongest weight of each row was followed. Every weight above the "
    "tolerance carries something."
)
def strongest_only(weights, query, tolerance=1e-6):
    for A in weights[::-1]:
        query = A[query].argmax()
    return np.arange(weights.shape[1]) == query


@receptive_field.alternative
def by_boolean_products(weights, query, tolerance=1e-6):
    paths = np.eye(weights.shape[1], dtype=int)
    for A in weights > tolerance:
        paths = np.minimum(A.astype(int) @ paths, 1)
    return paths[query] > 0


@receptive_field.alternative
def by_sets(weights, query, tolerance=1e-6):
    reach = {query}
    for A in reversed(weights):
        reach = {j for i in reach for j in np.flatnonzero(A[i] > tolerance).tolist()}
    return np.array([j in reach for j in range(weights.shape[1])])


# --- 10.7 vit_tokens --------------------------------------------------------------

vit_tokens = Exercise(
    name="vit_tokens",
    points=2,
    difficulty=2,
    minutes=10,
    source="arXiv 2010.11929, equation 1",
    hints=(
        "Three steps in this order: project, put the class token in front, add the "
        "positions to all N+1 tokens.",
        "The class token is one vector, the batch has B sequences: "
        "`np.broadcast_to(cls, (B, 1, d))`, then concatenate along axis 1.",
    ),
    inputs={
        "patches": "B, N, p",
        "projection": "p, d",
        "cls": "d",
        "positions": "N+1, d",
    },
    returns=Result("tokens", "B, N+1, d"),
)


@vit_tokens.cases
def vit_tokens_cases(rng):
    inputs = {
        "patches": np.array([[[1.0, 2, 0, 1], [0, 1, 3, 0]]]),
        "projection": np.array([[1.0, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 2]]),
        "cls": np.array([10.0, 20.0, 30.0]),
        "positions": np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]),
    }
    yield Case(inputs, "two patches of four numbers")

    def draw(B, N, p, d, dtype=float):
        shapes = [(B, N, p), (p, d), (d,), (N + 1, d)]
        return dict(
            zip(inputs, (_numbers(rng, *s, dtype=dtype) for s in shapes), strict=True)
        )

    yield Case(draw(2, 4, 6, 3), "random numbers")
    yield Case(draw(3, 2, 5, 4, np.float32), "float32")
    yield Case(draw(2, 1, 3, 4), "one patch")
    yield Case(draw(3, 2, 3, 3), "as many numbers as patches and class", edge=True)
    yield Case(draw(3, 9, 4, 5), "nine patches", large=True)


@vit_tokens.misconception(
    "You added positions to the patches only, or before the class token came: all N+1 "
    "tokens get one, the class token the first."
)
def class_without_position(patches, projection, cls, positions):
    x = patches @ projection + positions[1:]
    return np.concatenate([np.tile(cls, (len(x), 1, 1)), x], axis=1)


@vit_tokens.misconception(
    "The patches got the first N positions, although the class token comes first: "
    "position 0 is the class token's, the patches' begin at 1."
)
def positions_before_the_class(patches, projection, cls, positions):
    x = patches @ projection + positions[:-1]
    first = np.tile(cls + positions[-1], (len(x), 1, 1))
    return np.concatenate([first, x], axis=1)


@vit_tokens.misconception("Your class token comes last. It goes in front.")
def class_last(patches, projection, cls, positions):
    x = patches @ projection
    return np.concatenate([x, np.tile(cls, (len(x), 1, 1))], axis=1) + positions


@vit_tokens.misconception(
    "The positions are missing. Without them the Transformer sees a bag of patches."
)
def no_positions(patches, projection, cls, positions):
    x = patches @ projection
    return np.concatenate([np.tile(cls, (len(x), 1, 1)), x], axis=1)


@vit_tokens.misconception(
    "Only the first image got its class token and positions; the others have the "
    "token as zeros. Broadcast it over the whole batch."
)
def class_for_the_first_image(patches, projection, cls, positions):
    x = np.pad(patches @ projection, ((0, 0), (1, 0), (0, 0)))
    x[0, 0] = cls
    return x + positions


@vit_tokens.misconception(
    "You multiplied by the positions. They are added: a vector plus a vector."
)
def multiplied(patches, projection, cls, positions):
    x = patches @ projection
    return np.concatenate([np.tile(cls, (len(x), 1, 1)), x], axis=1) * positions


@vit_tokens.misconception(
    "There is no class token: it was added to the patches. It is a token of its own, "
    "in front of them."
)
def class_added(patches, projection, cls, positions):
    return patches @ projection + cls + positions[1:]


@vit_tokens.alternative
def filled_in(patches, projection, cls, positions):
    B, N, _ = patches.shape
    tokens = np.empty((B, N + 1, len(cls)), dtype=patches.dtype)
    tokens[:, 0] = cls + positions[0]
    tokens[:, 1:] = np.einsum("bnp,pd->bnd", patches, projection) + positions[1:]
    return tokens


@vit_tokens.alternative
def image_by_image(patches, projection, cls, positions):
    return np.array([np.vstack([cls, x @ projection]) + positions for x in patches])


# --- 10.8 VisionTransformer -------------------------------------------------------

VisionTransformer = Exercise(
    name="VisionTransformer",
    points=5,
    difficulty=4,
    minutes=30,
    source="arXiv 2010.11929, section 3.1",
    hints=(
        "In order: patches, projection, class token, positions, the blocks, `norm`, "
        "`head` on token 0. Write down the shape after each. `patchify` is NumPy: you "
        "need its like for tensors.",
        "`nn.functional.unfold(images, self.patch, stride=self.patch)` gives (B, p, "
        "N): exchange the last two axes. `self.cls.expand(B, 1, -1)` repeats the class "
        "token. In a block: `y = block.norm1(x)`, then `x + block.attention(y, y, "
        "y)[0]`.",
    ),
    inputs={"images": "B, channels, size, size", "weights": "parameters"},
    returns=[
        Result("logits", "B, classes"),
        Result("slope", "B, channels, size, size"),
    ],
)

# in the notebook this is the class that makes the learned parts
VisionTransformerParts = nn.Module


def _vit(rng, B, size, patch, channels, d, heads, layers, classes, dtype=float):
    """Images and random weights for a module of these sizes."""
    p, tokens = channels * patch**2, (size // patch) ** 2 + 1
    block = 12 * d * d + 13 * d
    count = d + tokens * d + (p * d + d) + layers * block + 2 * d + (d + 1) * classes
    return {
        "images": _numbers(rng, B, channels, size, size, dtype=dtype),
        "weights": np.round(0.5 * rng.normal(size=count), 2).astype(dtype),
        "patch": patch,
        "d": d,
        "heads": heads,
        "layers": layers,
        "classes": classes,
    }


@VisionTransformer.cases
def vit_cases(rng):
    inputs = _vit(rng, 1, 2, 1, 1, 4, 2, 0, 3)
    yield Case(inputs, "no blocks: norm and head alone", edge=True)
    yield Case(_vit(rng, 1, 4, 2, 3, 4, 2, 1, 2), "one block, three channels")
    yield Case(_vit(rng, 3, 6, 3, 1, 4, 1, 2, 2), "two blocks")
    yield Case(_vit(rng, 2, 4, 2, 1, 6, 2, 1, 3, np.float32), "float32", large=True)
    inputs = _vit(rng, 3, 6, 2, 2, 6, 3, 2, 5)
    yield Case(inputs, "nine patches, three heads", large=True)
    yield Case(_vit(rng, 2, 3, 3, 1, 4, 2, 1, 3), "one patch", edge=True, large=True)


@VisionTransformer.misconception(
    "You normalised after the sums, as in chapter 8. Here the norm comes before "
    "attention and before the network, and nothing is done to the sum."
)
class post_norm(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            x = b.norm1(x + b.attention(x, x, x)[0])
            x = b.norm2(x + b.linear2(nn.functional.gelu(b.linear1(x))))
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.misconception(
    "You averaged the tokens. The head reads the class token, token 0, and it alone."
)
class mean_of_tokens(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            x = x + b.linear2(nn.functional.gelu(b.linear1(b.norm2(x))))
        return self.head(self.norm(x).mean(1))


@VisionTransformer.misconception(
    "The final norm is missing: the sums of all blocks were never normalised. "
    "`self.norm` comes before the head."
)
class no_final_norm(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            x = x + b.linear2(nn.functional.gelu(b.linear1(b.norm2(x))))
        return self.head(x[:, 0])


@VisionTransformer.misconception(
    "Your patches are strips of pixels: a plain reshape cuts the image as it lies in "
    "memory. Use `unfold`, or split, exchange and merge axes as in 10.1."
)
class strips_for_patches(VisionTransformerParts):
    def forward(self, images):
        x = images.reshape(len(images), -1, self.projection.in_features)
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            x = x + b.linear2(nn.functional.gelu(b.linear1(b.norm2(x))))
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.misconception(
    "The positions are missing: to your model an image is a bag of patches. Add them "
    "to all tokens, the class token too."
)
class positions_missing(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1)
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            x = x + b.linear2(nn.functional.gelu(b.linear1(b.norm2(x))))
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.misconception(
    "You put the class token last. It goes in front, and the head reads token 0."
)
class class_token_last(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([x, self.cls.expand(len(x), 1, -1)], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            x = x + b.linear2(nn.functional.gelu(b.linear1(b.norm2(x))))
        return self.head(self.norm(x)[:, -1])


@VisionTransformer.misconception(
    "Your network has ReLU, as in chapter 8. A Vision Transformer has GELU."
)
class relu_for_gelu(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            x = x + b.linear2(b.linear1(b.norm2(x)).relu())
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.misconception(
    "You used the approximation of GELU by tanh. It differs in the fourth decimal; "
    "the exact one is PyTorch's default."
)
class gelu_by_tanh(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            y = nn.functional.gelu(b.linear1(b.norm2(x)), approximate="tanh")
            x = x + b.linear2(y)
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.misconception(
    "The sums are missing: each block replaces the tokens instead of adding to them. "
    "x + attention(...), then x + network(...)."
)
class no_sums(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = b.attention(y, y, y)[0]
            x = b.linear2(nn.functional.gelu(b.linear1(b.norm2(x))))
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.misconception(
    "Only the queries were normalised. Keys and values come from the same normed "
    "tokens: y = norm1(x), then attention(y, y, y)."
)
class only_queries_normed(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            x = x + b.attention(b.norm1(x), x, x)[0]
            x = x + b.linear2(nn.functional.gelu(b.linear1(b.norm2(x))))
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.misconception(
    "You added to the normed tokens. The sum goes on from x itself: x + "
    "attention(norm1(x)), then the same for the network."
)
class sums_from_the_norm(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            x = b.norm1(x)
            x = x + b.attention(x, x, x)[0]
            x = b.norm2(x)
            x = x + b.linear2(nn.functional.gelu(b.linear1(x)))
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.misconception(
    "The network got norm1. Each block has two norms, and norm2 belongs to the network."
)
class one_norm_for_both(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            x = x + b.linear2(nn.functional.gelu(b.linear1(b.norm1(x))))
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.misconception(
    "You applied softmax at the end. Return the logits as the head gives them: the "
    "loss does the softmax."
)
class softmax_at_the_end(VisionTransformerParts):
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            x = x + b.linear2(nn.functional.gelu(b.linear1(b.norm2(x))))
        return self.head(self.norm(x)[:, 0]).softmax(-1)


@VisionTransformer.misconception(
    "The gradient is lost on the way. Stay with tensors: neither NumPy, nor detach, "
    "nor no_grad."
)
class detached(VisionTransformerParts):
    @torch.no_grad()
    def forward(self, images):
        x = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        x = self.projection(x)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        for b in self.blocks:
            y = b.norm1(x)
            x = x + b.attention(y, y, y)[0]
            x = x + b.linear2(nn.functional.gelu(b.linear1(b.norm2(x))))
        return self.head(self.norm(x)[:, 0])


@VisionTransformer.alternative
class by_convolution(VisionTransformerParts):
    def forward(self, images):
        size, weight = self.patch, self.projection.weight
        kernel = weight.unflatten(1, (images.shape[1], size, size))
        x = nn.functional.conv2d(images, kernel, self.projection.bias, stride=size)
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.cls + x.new_zeros(len(x), 1, 1), x], dim=1)
        x = x + self.positions
        for b in self.blocks:
            y = b["norm1"](x)
            x = b["attention"](y, y, y)[0] + x
            x = b["linear2"](nn.GELU()(b["linear1"](b["norm2"](x)))) + x
        return self.head(self.norm(x[:, 0]))


@VisionTransformer.alternative
class by_reshaping(VisionTransformerParts):
    def attend(self, part, y):
        q, k, v = (
            third.unflatten(-1, (part.num_heads, -1)).transpose(1, 2)
            for third in (y @ part.in_proj_weight.T + part.in_proj_bias).chunk(3, -1)
        )
        A = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        return part.out_proj((A @ v).transpose(1, 2).flatten(2))

    def forward(self, images):
        B, C, size, _ = images.shape
        side, s = size // self.patch, self.patch
        cut = images.reshape(B, C, side, s, side, s).permute(0, 2, 4, 1, 3, 5)
        x = self.projection(cut.reshape(B, side * side, -1))
        x = torch.cat([self.cls.repeat(B, 1, 1), x], 1) + self.positions
        for b in self.blocks:
            x = x + self.attend(b.attention, b.norm1(x))
            h = b.linear1(b.norm2(x))
            x = x + b.linear2(h * (1 + torch.erf(h / 2**0.5)) / 2)
        return self.head(self.norm(x)).select(1, 0)


# --- 10.9 train_vit ---------------------------------------------------------------

train_vit = Exercise(
    name="train_vit",
    points=4,
    difficulty=4,
    minutes=35,
    source="arXiv 2010.11929",
    hints=(
        "`VisionTransformer(8, 4, 1, 32, 4, 2, classes)` is large enough. Each pass "
        "over the data: a new permutation, cut into batches; cross-entropy, backward, "
        "step. Print the loss now and then: it must come close to 0.",
        "AdamW with a step of 0.005 that falls towards the end (`OneCycleLR`), batches "
        "of 64, 16 passes over the 1,400 images. Index images and labels with the same "
        "permutation, and end with `return model.eval()`.",
    ),
    inputs={},
    returns=[Result("logits", "B, classes")] * 3,
    seconds=40.0,
    seeds=2,
)

LETTERS = "0123456789abcdefg"


def _digits(rng):
    """1,400 real digits to learn from and the other 397, as text."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = rng.permutation(len(digits.target))
    greys = digits.data[order].astype(int)
    rows = ["".join(LETTERS[grey] for grey in image) for image in greys]
    return {
        "rows": rows[:1400],
        "labels": "".join(map(str, digits.target[order[:1400]])),
        "seed": int(rng.integers(2**31)),
        "unseen": rows[1400:],
    }


@train_vit.cases
def train_vit_cases(rng):
    yield Case(_digits(rng), "1,400 digits to learn from")
    yield Case(_digits(rng), "other digits set aside", large=True)


@train_vit.judge
def judge_vit(inputs, got):
    import numpy as np
    from sklearn.datasets import load_digits

    seen, new, some = (np.asarray(part, dtype=float) for part in got)
    shapes = [part.shape for part in (seen, new, some)]
    if shapes != [(1400, 10), (len(inputs["unseen"]), 10), (50, 10)]:
        return "The module must turn images (B, 1, 8, 8) into logits (B, classes)."
    if not all(np.isfinite(part).all() for part in (seen, new, some)):
        return "The logits hold NaN or infinity."
    if np.abs(new[:50] - some).max() > 1e-3 * max(1.0, np.abs(new).max()):
        return (
            "Asked twice, your module answers differently: it is still in training "
            "mode, where dropout is random and a batch norm looks at the batch. End "
            "with `return model.eval()`."
        )

    # the answers do not travel with the question: they are looked up here
    digits = load_digits()
    known = {
        image.tobytes(): label
        for image, label in zip(digits.data.astype(int), digits.target, strict=True)
    }
    asked = np.array([[int(x, 17) for x in row] for row in inputs["unseen"]])
    wanted = np.array([known[image.tobytes()] for image in asked])
    right = (new.argmax(axis=1) == wanted).mean()
    if right >= 0.93:
        return None

    labels = np.array([int(label) for label in inputs["labels"]])
    hits = seen.argmax(axis=1) == labels
    learned = hits.mean()
    share = f" Right: {learned:.0%} of the seen digits, {right:.0%} of the unseen."
    if learned < 0.25:
        return (
            "Your model guesses, as if images and labels did not belong together. "
            "Reorder both with the same permutation; and see whether the loss falls."
            + share
        )
    if learned > 0.985:
        return (
            "The model knows the digits that it has learned from by heart and fails on "
            "new ones. It needs a structure that carries over, or fewer parameters."
            + share
        )
    shifted = np.exp(seen - seen.max(axis=1, keepdims=True))
    sure = (1 / shifted.sum(axis=1)).mean()  # the mean of the largest probability
    first, rest = hits[:100].mean(), hits[100:].mean()
    if sure > learned + 0.04 or (first > 0.98 and rest < first - 0.04):
        return (
            "The model is surer than it is right, or better on the first digits than "
            "on the rest: it has learned a few by heart. Train on all 1,400." + share
        )
    return (
        "The model is not even right on the digits that it has learned from. Train it "
        "for more steps, or with larger ones." + share
    )


@train_vit.misconception(
    "Your model guesses, as if images and labels did not belong together. Reorder "
    "both with the same permutation; and see whether the loss falls."
)
def labels_shuffled(images, labels, classes, seed):
    torch.manual_seed(seed)
    model = VisionTransformer(8, 4, 1, 16, 2, 1, classes)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(2):
        images = images[torch.randperm(len(images))]
        for some, wanted in zip(images.split(64), labels.split(64), strict=True):
            loss = nn.functional.cross_entropy(model(some), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


@train_vit.misconception(
    "The model is surer than it is right, or better on the first digits than on the "
    "rest: it has learned a few by heart. Train on all 1,400."
)
def a_hundred_images(images, labels, classes, seed):
    torch.manual_seed(seed)
    images, labels = images[:100], labels[:100]
    model = VisionTransformer(8, 4, 1, 32, 4, 2, classes)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(40):
        for some in torch.randperm(100).split(25):
            loss = nn.functional.cross_entropy(model(images[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


@train_vit.misconception(
    "Asked twice, your module answers differently: it is still in training mode, where "
    "dropout is random and a batch norm looks at the batch. End with `return "
    "model.eval()`."
)
def left_in_training_mode(images, labels, classes, seed):
    torch.manual_seed(seed)
    model = VisionTransformer(8, 4, 1, 32, 4, 2, classes)
    model = nn.Sequential(nn.Dropout(0.1), model)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(2):
        for some in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(model(images[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@train_vit.misconception(
    "The model is not even right on the digits that it has learned from. Train it for "
    "more steps, or with larger ones."
)
def too_few_steps(images, labels, classes, seed):
    torch.manual_seed(seed)
    model = VisionTransformer(8, 4, 1, 32, 4, 2, classes)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(2):
        for some in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(model(images[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


@train_vit.misconception(
    "The model knows the digits that it has learned from by heart and fails on new "
    "ones. It needs a structure that carries over, or fewer parameters."
)
def by_heart(images, labels, classes, seed):
    class Book(nn.Module):
        def __init__(self):
            super().__init__()
            self.pages = {x.numpy().tobytes(): y for x, y in zip(images, labels)}

        def forward(self, images):
            guesses = [self.pages.get(x.numpy().tobytes(), 0) for x in images]
            return nn.functional.one_hot(torch.tensor(guesses), classes)

    return Book().eval()


@train_vit.alternative
def by_a_cnn(images, labels, classes, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(512, classes),
    )
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(10):
        for some in torch.randperm(len(images)).split(50):
            loss = nn.functional.cross_entropy(model(images[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


@train_vit.alternative
def by_the_nearest(images, labels, classes, seed):
    class Nearest(nn.Module):
        def forward(self, asked):
            nearest = torch.cdist(asked.flatten(1), images.flatten(1)).argmin(dim=1)
            return nn.functional.one_hot(labels[nearest], classes).float()

    return Nearest().eval()


@train_vit.alternative
def by_torchs_encoder(images, labels, classes, seed):
    class Encoder(nn.Module):
        def __init__(self, d=48):
            super().__init__()
            self.embed = nn.Conv2d(1, d, 4, stride=4)
            self.places = nn.Parameter(0.1 * torch.randn(4, d))
            layer = nn.TransformerEncoderLayer(
                d, 4, 64, 0.05, "gelu", batch_first=True, norm_first=True
            )
            self.blocks = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.head = nn.Linear(d, classes)

        def forward(self, images):
            x = self.embed(images).flatten(2).mT + self.places
            return self.head(self.blocks(x).mean(dim=1))

    torch.manual_seed(seed)
    model = Encoder()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    for _ in range(20):
        for some in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(model(images[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return model.eval()
