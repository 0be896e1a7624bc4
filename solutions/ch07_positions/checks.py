"""How chapter 7, positions, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result


def _numbers(rng, *shape, dtype=float):
    """Random numbers with two decimals: they read well in the public cases."""
    return np.round(rng.normal(size=shape), 2).astype(dtype)


# --- 7.1 equivariance_gap ---------------------------------------------------------

equivariance_gap = Exercise(
    name="equivariance_gap",
    points=2,
    difficulty=2,
    minutes=12,
    source='slide "Positional encoding"; arXiv 2003.09229, section 2.1',
    hints=(
        "Two ways lead to the shuffled outputs: shuffle first and apply the layer, or "
        "apply the layer and shuffle then. Compare where they end.",
        "`layer(X[order])` and `layer(X)[order]`. Subtract, take absolute values, take "
        "the largest.",
    ),
    inputs={"X": "n, d", "order": "n"},
    returns=Result("gap", ""),
)


def _cycle(rng, n):
    """A permutation that is not its own inverse: all n places in one cycle."""
    places = rng.permutation(n)
    order = np.empty(n, dtype=int)
    order[places] = np.roll(places, 1)
    return order


@equivariance_gap.cases
def equivariance_cases(rng):
    inputs = {
        "X": np.array([[-1.0, 2.0], [0.0, -4.0], [-3.0, 1.0]]),  # differ by -1
        "order": np.array([1, 2, 0]),
        "kind": "window",
        "weights": [np.zeros((2, 2)), np.eye(2), np.array([[1.0, 0.0], [0.0, 0.0]])],
    }
    yield Case(inputs, "three vectors, each with the first entry of the next")
    for n, d, m, dtype, note in (
        (5, 3, 4, float, "a window, random numbers"),
        (4, 2, 3, np.float32, "a window, float32"),
    ):
        inputs = {
            "X": _numbers(rng, n, d, dtype=dtype),
            "order": _cycle(rng, n),
            "kind": "window",
            "weights": [_numbers(rng, d, m, dtype=dtype) for _ in range(3)],
        }
        yield Case(inputs, note)
    inputs = {
        "X": _numbers(rng, 5, 4),
        "order": _cycle(rng, 5),
        "kind": "attention",
        "weights": [_numbers(rng, 4, width) for width in (3, 3, 6)],
    }
    yield Case(inputs, "attention alone")
    inputs = {**inputs, "order": _cycle(rng, 5), "P": _numbers(rng, 5, 4)}
    yield Case(inputs, "attention with positions")
    inputs = {**inputs, "order": np.arange(5)}
    yield Case(inputs, "an order that changes nothing", edge=True)


@equivariance_gap.misconception(
    "You compared the outputs of the shuffled inputs with the outputs in the old "
    "order. Shuffle those too, `layer(X)[order]`: a layer without order moves its "
    "outputs with its inputs."
)
def not_shuffled_too(layer, X, order):
    return np.abs(layer(X[order]) - layer(X)).max()


@equivariance_gap.misconception(
    "You shuffled the outputs the other way: the inverse of `order` undoes it. Both "
    "sides take the same `order`."
)
def other_way(layer, X, order):
    return np.abs(layer(X[order]) - layer(X)[np.argsort(order)]).max()


@equivariance_gap.misconception(
    "You took the mean of the differences. One output that moves is enough: take the "
    "largest."
)
def mean_gap(layer, X, order):
    return np.abs(layer(X[order]) - layer(X)[order]).mean()


@equivariance_gap.misconception(
    "You took the largest difference without its absolute value, so differences below "
    "zero are lost."
)
def no_absolute_value(layer, X, order):
    return (layer(X[order]) - layer(X)[order]).max()


@equivariance_gap.misconception(
    "You added the differences up to a length. The gap is the largest single entry."
)
def length_of_difference(layer, X, order):
    return np.sqrt(((layer(X[order]) - layer(X)[order]) ** 2).sum())


@equivariance_gap.misconception(
    "You summed the differences. The gap is the largest single entry."
)
def sum_of_differences(layer, X, order):
    return np.abs(layer(X[order]) - layer(X)[order]).sum()


@equivariance_gap.misconception(
    "You only shuffled the outputs. Give the shuffled inputs to the layer as well, and "
    "compare the two."
)
def layer_not_asked(layer, X, order):
    return np.abs(layer(X) - layer(X)[order]).max()


@equivariance_gap.misconception(
    "You returned the differences themselves. Take the largest absolute entry of them."
)
def all_differences(layer, X, order):
    return np.abs(layer(X[order]) - layer(X)[order])


@equivariance_gap.alternative
def shuffled_back(layer, X, order):
    back = np.argsort(order)
    return float(np.max(np.abs(layer(X[order])[back] - layer(X))))


@equivariance_gap.alternative
def by_matrix(layer, X, order):
    M = np.eye(len(order), dtype=X.dtype)[order]
    return np.linalg.norm((layer(M @ X) - M @ layer(X)).ravel(), ord=np.inf)


@equivariance_gap.alternative
def row_by_row(layer, X, order):
    plain, shuffled = layer(X), layer(X[order])
    gap = 0.0
    for new, old in enumerate(order):
        for a, b in zip(shuffled[new], plain[old], strict=True):
            gap = max(gap, abs(a - b))
    return gap


# --- 7.2 sinusoidal_positions -----------------------------------------------------

sinusoidal_positions = Exercise(
    name="sinusoidal_positions",
    points=3,
    difficulty=3,
    minutes=20,
    source='slide "Positional encoding"; arXiv 1706.03762, section 3.5',
    hints=(
        "Make all angles first: positions down, clocks across, (n, d/2). Sine and "
        "cosine of the same angles then fill every other column.",
        "`np.arange(0, d, 2) / d` holds the exponents, base to them the divisors. "
        "`P[:, 0::2]` are the even columns, `P[:, 1::2]` the odd ones. Raise the "
        "ValueError when `d % 2` is not 0.",
    ),
    returns=Result("P", "n, d", kind="float"),
)


@sinusoidal_positions.cases
def sinusoidal_cases(rng):
    yield Case({"n": 3, "d": 4, "base": 100.0}, "three positions, two clocks")
    yield Case({"n": 4, "d": 6}, "the base of the paper")
    n, d = 2 * int(rng.integers(1, 3)) + 1, 2 * int(rng.integers(2, 4))
    yield Case({"n": n, "d": d, "base": float(rng.integers(20, 900))}, "another base")
    yield Case({"n": 2, "d": 10}, "fewer positions than columns")
    yield Case({"n": 5, "d": 2}, "a single clock", edge=True)
    yield Case({"n": 1, "d": 6}, "position 0 alone", edge=True)
    yield Case({"n": 2, "d": 3}, "odd d", edge=True)
    yield Case({"n": 2, "d": 1, "base": 50.0}, "odd d", edge=True)


@sinusoidal_positions.misconception(
    "Your cosines run at another speed than the sines beside them: you took the "
    "exponent from the column. Columns 2i and 2i+1 share the exponent 2i/d."
)
def exponent_by_column(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] / base ** (np.arange(d) / d)
    return np.where(np.arange(d) % 2 == 0, np.sin(angles), np.cos(angles))


@sinusoidal_positions.misconception(
    "You put all sines first and all cosines after them. Some libraries do; here, as "
    "in the paper, they alternate: sine in column 2i, cosine in 2i+1."
)
def halves(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] / base ** (np.arange(0, d, 2) / d)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


@sinusoidal_positions.misconception(
    "Your exponent is doubled: the 2 of 2i/d is in the column number already."
)
def exponent_doubled(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] / base ** (2 * np.arange(0, d, 2) / d)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(n, d)


@sinusoidal_positions.misconception(
    "Your exponent is halved: for clock i it is 2i/d, not i/d."
)
def exponent_halved(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] / base ** (np.arange(d // 2) / d)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(n, d)


@sinusoidal_positions.misconception(
    "Your slowest clock is too slow: you spread the exponents from 0 to 1. They are "
    "2i/d and end below 1."
)
def exponents_reach_one(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] / base ** np.linspace(0, 1, d // 2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(n, d)


@sinusoidal_positions.misconception(
    "All your clocks run at the same speed. Has `//` cut 2i/d off to 0? Divide with "
    "`/`."
)
def same_speed(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] / base ** (np.arange(0, d, 2) // d)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(n, d)


@sinusoidal_positions.misconception(
    "Your positions start at 1. The first row is position 0: sines 0, cosines 1."
)
def from_one(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(1, n + 1)[:, None] / base ** (np.arange(0, d, 2) / d)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(n, d)


@sinusoidal_positions.misconception(
    "You turned the angles into radians, as if they were degrees. They are radians as "
    "they stand."
)
def degrees(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.radians(np.arange(n)[:, None] / base ** (np.arange(0, d, 2) / d))
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(n, d)


@sinusoidal_positions.misconception(
    "Sine and cosine are swapped: the sine stands in the even column."
)
def cosine_first(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] / base ** (np.arange(0, d, 2) / d)
    return np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(n, d)


@sinusoidal_positions.misconception(
    "You multiplied by the power of the base. Divide by it: the clocks get slower from "
    "left to right."
)
def multiplied(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] * base ** (np.arange(0, d, 2) / d)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(n, d)


@sinusoidal_positions.misconception(
    "You used 10,000 whatever the base. Use the argument `base`."
)
def base_ignored(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] / 10000.0 ** (np.arange(0, d, 2) / d)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(n, d)


@sinusoidal_positions.misconception(
    "Your result is transposed: a position is a row, (n, d)."
)
def in_columns(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = np.arange(n)[:, None] / base ** (np.arange(0, d, 2) / d)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(n, d).T


@sinusoidal_positions.misconception(
    "You accept an odd d and leave the last sine without its cosine. Raise a "
    "ValueError: sines and cosines come in pairs."
)
def odd_accepted(n, d, base=10000.0):
    angles = np.arange(n)[:, None] / base ** (np.arange(0, d, 2) / d)
    P = np.empty((n, d))
    P[:, 0::2], P[:, 1::2] = np.sin(angles), np.cos(angles)[:, : d // 2]
    return P


@sinusoidal_positions.alternative
def by_loops(n, d, base=10000.0):
    if d % 2 == 1:
        raise ValueError("an even number of columns, please")
    P = np.zeros((n, d))
    for p in range(n):
        for i in range(d // 2):
            P[p, 2 * i] = np.sin(p / base ** (2 * i / d))
            P[p, 2 * i + 1] = np.cos(p / base ** (2 * i / d))
    return P


@sinusoidal_positions.alternative
def by_complex_numbers(n, d, base=10000.0):
    if d % 2:
        raise ValueError("d is odd")
    speeds = np.exp(-np.log(base) * 2 * np.arange(d // 2) / d)
    turns = np.exp(1j * np.outer(np.arange(n), speeds))
    return np.stack([turns.imag, turns.real], axis=-1).reshape(n, d)


@sinusoidal_positions.alternative
def shifted_sines(n, d, base=10000.0):
    if d != 2 * (d // 2):
        raise ValueError("d is odd")
    column = np.arange(d)
    speeds = base ** (-(column - column % 2) / d)
    return np.sin(np.arange(n)[:, None] * speeds + np.pi / 2 * (column % 2))


# --- 7.3 shift_rotation -----------------------------------------------------------

shift_rotation = Exercise(
    name="shift_rotation",
    points=3,
    difficulty=4,
    minutes=20,
    source="arXiv 1706.03762, section 3.5",
    hints=(
        "Look at one clock, the row (sin a, cos a). Which 2 by 2 matrix on its right "
        "makes it (sin(a + b), cos(a + b))?",
        "sin(a + b) = sin a cos b + cos a sin b and cos(a + b) = cos a cos b - sin a "
        "sin b. The first is the first column of the block, the second its second "
        "column. The angle b is offset / base**(2i/d).",
    ),
    returns=Result("M", "d, d"),
)


@shift_rotation.cases
def rotation_cases(rng):
    yield Case({"offset": 1, "d": 4, "base": 100.0}, "one step on, two clocks")
    yield Case({"offset": 3, "d": 6}, "three steps on, the base of the paper")
    yield Case({"offset": -2, "d": 4}, "two steps back")
    offset, d = int(rng.integers(4, 20)), 2 * int(rng.integers(2, 4))
    base = float(rng.integers(20, 900))
    yield Case({"offset": offset, "d": d, "base": base}, "another base")
    yield Case({"offset": -offset, "d": 4, "base": base}, "far back")
    yield Case({"offset": 5, "d": 2, "base": 7.0}, "a single clock", edge=True)
    yield Case({"offset": 0, "d": 6}, "no shift", edge=True)
    yield Case({"offset": 2, "d": 5}, "odd d", edge=True)


# before turned_back, which it equals in every case that it fails
@shift_rotation.misconception(
    "Your matrix goes forward also for a negative offset. A shift back turns the "
    "clocks back: keep the sign."
)
def sign_lost(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    M = np.zeros((d, d))
    for i in range(0, d, 2):
        angle = abs(offset) / base ** (i / d)
        c, s = np.cos(angle), np.sin(angle)
        M[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
    return M


@shift_rotation.misconception(
    "Your matrix turns the clocks back: it is the transpose. The position is a row and "
    "stands on the left, P[p] @ M."
)
def turned_back(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    M = np.zeros((d, d))
    for i in range(0, d, 2):
        angle = offset / base ** (i / d)
        c, s = np.cos(angle), np.sin(angle)
        M[i : i + 2, i : i + 2] = [[c, s], [-s, c]]
    return M


@shift_rotation.misconception(
    "Your matrix fits position 0 only. It must not depend on p: one matrix moves every "
    "position."
)
def fits_one_position(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    speeds = base ** (-np.arange(0, d, 2) / d)
    start = np.stack([0 * speeds, 0 * speeds + 1], axis=1).ravel()
    end = np.stack([np.sin(offset * speeds), np.cos(offset * speeds)], axis=1).ravel()
    return np.outer(start, end) / (start @ start)


@shift_rotation.misconception(
    "Both sines of your blocks have the same sign. That mirrors the clock; a rotation "
    "has one of them negative."
)
def mirrored(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    M = np.zeros((d, d))
    for i in range(0, d, 2):
        angle = offset / base ** (i / d)
        c, s = np.cos(angle), np.sin(angle)
        M[i : i + 2, i : i + 2] = [[c, s], [s, c]]
    return M


@shift_rotation.misconception(
    "Your matrix is made for all sines first and all cosines after. Here they "
    "alternate: a clock is two neighbouring columns, a block on the diagonal."
)
def for_halves(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    angles = offset / base ** (np.arange(0, d, 2) / d)
    C, S = np.diag(np.cos(angles)), np.diag(np.sin(angles))
    return np.block([[C, -S], [S, C]])


@shift_rotation.misconception(
    "All your clocks turn by the same angle. Clock i turns by offset / base**(2i/d)."
)
def one_speed(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    c, s = np.cos(offset), np.sin(offset)
    return np.kron(np.eye(d // 2), np.array([[c, -s], [s, c]]))


@shift_rotation.misconception(
    "Your exponent is doubled: the angle of clock i is offset / base**(2i/d), and 2i "
    "is the column already."
)
def exponent_doubled_too(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    M = np.zeros((d, d))
    for i in range(0, d, 2):
        angle = offset / base ** (2 * i / d)
        c, s = np.cos(angle), np.sin(angle)
        M[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
    return M


@shift_rotation.misconception(
    "You used 10,000 whatever the base. Use the argument `base`."
)
def base_ignored_too(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    M = np.zeros((d, d))
    for i in range(0, d, 2):
        angle = offset / 10000.0 ** (i / d)
        c, s = np.cos(angle), np.sin(angle)
        M[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
    return M


@shift_rotation.misconception(
    "Your matrix moves by one position. Turn by the angle of the whole offset."
)
def one_step(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d must be even")
    M = np.zeros((d, d))
    for i in range(0, d, 2):
        angle = np.sign(offset) / base ** (i / d)
        c, s = np.cos(angle), np.sin(angle)
        M[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
    return M


@shift_rotation.misconception(
    "You accept an odd d, where the last sine has no cosine to turn with. Raise a "
    "ValueError."
)
def odd_accepted_too(offset, d, base=10000.0):
    M = np.eye(d)
    for i in range(0, d - 1, 2):
        angle = offset / base ** (i / d)
        c, s = np.cos(angle), np.sin(angle)
        M[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
    return M


@shift_rotation.alternative
def by_exponential(offset, d, base=10000.0):
    from scipy.linalg import block_diag, expm

    if d % 2:
        raise ValueError("d is odd")
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    return expm(offset * block_diag(*[turn / base ** (i / d) for i in range(0, d, 2)]))


@shift_rotation.alternative
def by_powers(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d is odd")
    step = np.zeros((d, d))
    for i in range(d // 2):
        z = np.exp(1j / base ** (2 * i / d))
        step[2 * i, 2 * i] = step[2 * i + 1, 2 * i + 1] = z.real
        step[2 * i, 2 * i + 1], step[2 * i + 1, 2 * i] = -z.imag, z.imag
    return np.linalg.matrix_power(step, offset)


@shift_rotation.alternative
def fitted(offset, d, base=10000.0):
    if d % 2:
        raise ValueError("d is odd")
    positions = np.linspace(0, 8 * base, 4000).round()[:, None]
    speeds = base ** (-np.arange(0, d, 2) / d)

    def rows(p):
        return np.stack([np.sin(p * speeds), np.cos(p * speeds)], 2).reshape(-1, d)

    return np.linalg.lstsq(rows(positions), rows(positions + offset), rcond=None)[0]


# --- 7.4 learned_positions --------------------------------------------------------

learned_positions = Exercise(
    name="learned_positions",
    points=1,
    difficulty=1,
    minutes=6,
    source='slide "Positional encoding" (learned); arXiv 1706.03762, section 3.5',
    hints=(
        "Which rows of the table belong to positions 0 to n - 1? And for which n are "
        "there not enough?",
        "Check `0 <= n <= len(table)` first and raise a ValueError otherwise; a slice "
        "alone never complains. Then `table[:n]`.",
    ),
    inputs={"table": "n_max, d"},
    returns=Result("P", "n, d"),
)


@learned_positions.cases
def learned_cases(rng):
    table = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    yield Case({"table": table, "n": 2}, "two of three positions")
    yield Case({"table": _numbers(rng, 7, 3), "n": 5}, "random numbers")
    table = _numbers(rng, 4, 2, dtype=np.float32)
    yield Case({"table": table, "n": 3}, "float32")
    table = _numbers(rng, 5, 3)
    yield Case({"table": table, "n": 5}, "the whole table", edge=True)
    yield Case({"table": table, "n": 0}, "no position at all", edge=True)
    yield Case({"table": table, "n": 6}, "n = n_max + 1", edge=True)
    yield Case({"table": table, "n": 9}, "n far beyond the table", edge=True)
    yield Case({"table": table, "n": -1}, "a negative n", edge=True)


@learned_positions.misconception(
    "A slice is cut off in silence: beyond the table you return fewer rows than asked "
    "for. Raise a ValueError."
)
def cut_off(table, n):
    if n < 0:
        raise ValueError("n is negative")
    return table[:n]


@learned_positions.misconception(
    "You begin again at the first row when the table ends, so that two positions share "
    "a vector. Raise a ValueError."
)
def wraps(table, n):
    if n < 0:
        raise ValueError("n is negative")
    return table[np.arange(n) % len(table)]


@learned_positions.misconception(
    "You repeat the last row when the table ends, so that all later positions look "
    "alike. Raise a ValueError."
)
def repeats_the_last(table, n):
    if n < 0:
        raise ValueError("n is negative")
    return table[np.minimum(np.arange(n), len(table) - 1)]


@learned_positions.misconception(
    "You fill up with zeros when the table ends: no position at all. Raise a "
    "ValueError."
)
def zeros_beyond(table, n):
    if n < 0:
        raise ValueError("n is negative")
    P = np.zeros((n, table.shape[1]), dtype=table.dtype)
    P[: len(table)] = table[:n]
    return P


@learned_positions.misconception(
    "A negative n counts from the end of a slice, and you return rows for it. Raise a "
    "ValueError for n below 0."
)
def negative_slices(table, n):
    if n > len(table):
        raise ValueError("the table is too short")
    return table[:n]


@learned_positions.misconception(
    "You return one row, that of position n. Return the rows of all positions from 0 "
    "to n - 1."
)
def one_row(table, n):
    if not 0 <= n <= len(table):
        raise ValueError("no such position")
    return table[n - 1]


@learned_positions.misconception(
    "Your positions begin at 1, so the first row is never used. They begin at 0."
)
def from_the_second(table, n):
    if not 0 <= n <= len(table):
        raise ValueError("no such position")
    return table[1 : n + 1]


@learned_positions.misconception(
    "You take the last rows of the table. Position 0 is its first row."
)
def last_rows(table, n):
    if not 0 <= n <= len(table):
        raise ValueError("no such position")
    return table[len(table) - n :]


@learned_positions.misconception(
    "You refuse n = n_max, but the table has a row for each of these positions."
)
def one_too_strict(table, n):
    if not 0 <= n < len(table):
        raise ValueError("no such position")
    return table[:n]


@learned_positions.alternative
def by_take(table, n):
    if n < 0 or n > table.shape[0]:
        raise ValueError("the table does not reach that far")
    return np.take(table, np.arange(n), axis=0)


@learned_positions.alternative
def by_one_hot(table, n):
    if n not in range(len(table) + 1):
        raise ValueError("no such length")
    return np.eye(n, len(table), dtype=table.dtype) @ table


@learned_positions.alternative
def row_by_row_too(table, n):
    if n < 0:
        raise ValueError("n counts positions")
    P = np.empty((n, table.shape[1]))
    for p in range(n):
        if p >= len(table):
            raise ValueError("no row for this position")
        P[p] = table[p]
    return P


# --- 7.5 relative_scores ----------------------------------------------------------

relative_scores = Exercise(
    name="relative_scores",
    points=4,
    difficulty=4,
    minutes=25,
    source="arXiv 1803.02155, sections 3.1 to 3.3",
    hints=(
        "Write the offsets j - i of all pairs as a matrix first, clip it, and add "
        "reach: now it holds row numbers of R.",
        "`place - place[:, None]` is j - i. `R[clipped + reach]` is (n, n, dk): a "
        "vector for each pair. Add it to the key of j, and take the dot product with "
        "the query of i. Divide the whole sum by the root of dk.",
    ),
    inputs={"Q": "n, dk", "K": "n, dk", "R": "offsets, dk"},
    returns=Result("S", "n, n"),
)


@relative_scores.cases
def relative_cases(rng):
    Q = np.array([[1.0, 0, 0, 1], [0.0, 1, 1, 0], [2.0, 0, 1, 0], [0.0, 0, 0, 1]])
    inputs = {
        "Q": np.concatenate([Q, np.ones((1, 4))]),
        "K": np.zeros((5, 4)),
        "R": np.array([[10.0, 0.0, 0, 4], [0.0, 20.0, 0, 6], [0.0, 0.0, 30.0, 8]]),
        "reach": 1,
    }
    yield Case(inputs, "keys of zeros: what the offsets say")
    for n, dk, reach, dtype, note in (
        (4, 5, 1, float, "random numbers"),
        (4, 3, 2, np.float32, "float32"),
        (3, 4, 4, float, "a reach beyond the sequence"),
    ):
        inputs = {
            "Q": _numbers(rng, n, dk, dtype=dtype),
            "K": _numbers(rng, n, dk, dtype=dtype),
            "R": _numbers(rng, 2 * reach + 1, dk, dtype=dtype),
            "reach": reach,
        }
        yield Case(inputs, note)
    n, dk = 2, 4
    inputs = {"Q": _numbers(rng, n, dk), "K": _numbers(rng, n, dk)}
    inputs |= {"R": _numbers(rng, 1, dk), "reach": 0}
    yield Case(inputs, "reach 0: one vector for all offsets", edge=True)
    inputs = {"Q": _numbers(rng, 1, dk), "K": _numbers(rng, 1, dk)}
    inputs |= {"R": _numbers(rng, 5, dk), "reach": 2}
    yield Case(inputs, "a single position", edge=True)


@relative_scores.misconception(
    "Your offsets are i - j. The offset is j - i: how far after the query the key "
    "stands."
)
def offsets_turned(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.clip(place[:, None] - place, -reach, reach) + reach
    return (Q @ K.T + np.einsum("id,ijd->ij", Q, R[index])) / np.sqrt(Q.shape[1])


@relative_scores.misconception(
    "Offsets beyond the reach run around the table: Python counts negative rows from "
    "the end. Clip them to -reach and reach."
)
def wraps_around(Q, K, R, reach):
    place = np.arange(len(Q))
    index = (place - place[:, None] + reach) % len(R)
    return (Q @ K.T + np.einsum("id,ijd->ij", Q, R[index])) / np.sqrt(Q.shape[1])


@relative_scores.misconception(
    "Beyond the reach you add nothing. Such an offset counts as the reach itself: clip "
    "it."
)
def nothing_beyond(Q, K, R, reach):
    place = np.arange(len(Q))
    offsets = place - place[:, None]
    index = np.clip(offsets, -reach, reach) + reach
    relative = np.einsum("id,ijd->ij", Q, R[index]) * (np.abs(offsets) <= reach)
    return (Q @ K.T + relative) / np.sqrt(Q.shape[1])


@relative_scores.misconception(
    "You scaled only the keys' part. The whole sum is divided by the root of dk."
)
def relative_part_unscaled(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.clip(place - place[:, None], -reach, reach) + reach
    return Q @ K.T / np.sqrt(Q.shape[1]) + np.einsum("id,ijd->ij", Q, R[index])


@relative_scores.misconception(
    "You scaled only the offsets' part. The whole sum is divided by the root of dk."
)
def content_part_unscaled(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.clip(place - place[:, None], -reach, reach) + reach
    return Q @ K.T + np.einsum("id,ijd->ij", Q, R[index]) / np.sqrt(Q.shape[1])


@relative_scores.misconception("The scale is missing: divide by the root of dk.")
def unscaled(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.clip(place - place[:, None], -reach, reach) + reach
    return Q @ K.T + np.einsum("id,ijd->ij", Q, R[index])


@relative_scores.misconception("You divided by dk. Divide by its root.")
def scaled_by_dk(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.clip(place - place[:, None], -reach, reach) + reach
    return (Q @ K.T + np.einsum("id,ijd->ij", Q, R[index])) / Q.shape[1]


@relative_scores.misconception(
    "You divided by the root of n, the number of positions. The scale is the root of "
    "dk, the width."
)
def scaled_by_n(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.clip(place - place[:, None], -reach, reach) + reach
    return (Q @ K.T + np.einsum("id,ijd->ij", Q, R[index])) / np.sqrt(len(Q))


@relative_scores.misconception(
    "The key asks for the offset in your scores. The vector of the offset is added to "
    "the key, so its dot product is with the query of i."
)
def key_with_offset(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.clip(place - place[:, None], -reach, reach) + reach
    return (Q @ K.T + np.einsum("jd,ijd->ij", K, R[index])) / np.sqrt(Q.shape[1])


@relative_scores.misconception(
    "The offsets are missing: these are the plain scaled scores."
)
def plain_scores(Q, K, R, reach):
    return Q @ K.T / np.sqrt(Q.shape[1])


@relative_scores.misconception(
    "You indexed R with the offset itself. Row 0 belongs to -reach: add reach first."
)
def reach_not_added(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.clip(place - place[:, None], -reach, reach)
    return (Q @ K.T + np.einsum("id,ijd->ij", Q, R[index])) / np.sqrt(Q.shape[1])


@relative_scores.misconception(
    "Before and after are the same in your scores: you took the distance. The offset "
    "j - i has a sign."
)
def distance_without_sign(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.minimum(np.abs(place - place[:, None]), reach) + reach
    return (Q @ K.T + np.einsum("id,ijd->ij", Q, R[index])) / np.sqrt(Q.shape[1])


@relative_scores.misconception(
    "You returned weights. Stop before the softmax: scores are asked for."
)
def weights_instead(Q, K, R, reach):
    place = np.arange(len(Q))
    index = np.clip(place - place[:, None], -reach, reach) + reach
    S = (Q @ K.T + np.einsum("id,ijd->ij", Q, R[index])) / np.sqrt(Q.shape[1])
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@relative_scores.alternative
def pair_by_pair(Q, K, R, reach):
    n, dk = Q.shape
    S = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            offset = max(-reach, min(reach, j - i))
            S[i, j] = Q[i] @ (K[j] + R[offset + reach]) / dk**0.5
    return S


@relative_scores.alternative
def a_key_for_each_pair(Q, K, R, reach):
    i, j = np.indices((len(Q), len(Q)))
    keys = K[None] + R[np.clip(j - i, -reach, reach) + reach]
    return np.einsum("id,ijd->ij", Q / np.sqrt(Q.shape[1]), keys)


@relative_scores.alternative
def by_skewing(Q, K, R, reach):
    # every offset gets a column; shifting row i by i brings them under their keys
    n = len(Q)
    columns = np.clip(np.arange(-n + 1, n), -reach, reach) + reach
    wide = np.pad(Q @ R[columns].T, ((0, 0), (0, 1)))
    skewed = wide.ravel()[: n * (2 * n - 1)].reshape(n, 2 * n - 1)
    return (Q @ K.T + skewed[:, n - 1 :]) * Q.shape[1] ** -0.5


@relative_scores.alternative
def with_torch(Q, K, R, reach):
    import torch

    Q, K, R = map(torch.from_numpy, (Q, K, R))
    place = torch.arange(len(Q))
    index = (place[None] - place[:, None]).clamp(-reach, reach) + reach
    return (Q @ K.T + (Q @ R.T).gather(1, index)) / Q.shape[1] ** 0.5


# --- 7.6 floater_positions --------------------------------------------------------

floater_positions = Exercise(
    name="floater_positions",
    points=4,
    difficulty=4,
    minutes=25,
    source="arXiv 2003.09229, section 3.1, equation 8, and appendix B.1",
    hints=(
        "Two loops: over the positions, and inside over the parts of a step. Write p "
        "down before you travel on, so that row 0 is p0.",
        "A part is step / substeps long, and it begins at t = i * step + m * part. "
        "The second and third slope are taken at t + part / 2, the fourth at t + part. "
        "Make new arrays (`p = p + ...`), p0 stays as it is.",
    ),
    inputs={"p0": "d", "W": "d, d"},
    returns=Result("P", "n, d"),
)


@floater_positions.cases
def floater_cases(rng):
    W = np.array([[0.0, 1.0], [-1.0, 0.0]])
    inputs = {"p0": np.array([1.0, 0.0]), "W": W, "u": np.array([0.5, 1.0])}
    yield Case({**inputs, "n": 3, "step": 1.0, "substeps": 1}, "one part a step")
    for d, n, step, substeps, dtype, note in (
        (3, 4, 0.9, 2, float, "two parts a step"),
        (4, 3, 1.5, 3, float, "three parts a step"),
        (3, 2, 1.2, 2, np.float32, "float32"),
    ):
        inputs = {
            "p0": _numbers(rng, d, dtype=dtype),
            "W": _numbers(rng, d, d, dtype=dtype),
            "u": np.round(rng.uniform(0.4, 1.0, size=d), 2).astype(dtype),
        }
        yield Case({**inputs, "n": n, "step": step, "substeps": substeps}, note)
    inputs = {"p0": _numbers(rng, 3), "W": _numbers(rng, 3, 3), "u": _numbers(rng, 3)}
    inputs |= {"n": 1, "step": 0.5, "substeps": 2}
    yield Case(inputs, "the start alone", edge=True)
    yield Case({**inputs, "n": 0}, "no position at all", edge=True)


@floater_positions.misconception(
    "This is Euler's rule: one slope a part, taken at its beginning. Runge-Kutta takes "
    "four and weighs them 1, 2, 2, 1."
)
def euler(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            p = p + part * dynamics(i * step + m * part, p)
    return P


@floater_positions.misconception(
    "This is the midpoint rule: it goes with the second slope alone. Take four slopes, "
    "weighed 1, 2, 2, 1."
)
def midpoint(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            p = p + part * dynamics(t + part / 2, p + part / 2 * k1)
    return P


@floater_positions.misconception(
    "This is Heun's rule: the mean of the slopes at both ends. Take four slopes, two "
    "of them in the middle, weighed 1, 2, 2, 1."
)
def heun(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            p = p + part / 2 * (k1 + dynamics(t + part, p + part * k1))
    return P


@floater_positions.misconception(
    "This is the 3/8 rule, which some libraries call rk4. It is as good, but the "
    "classical rule takes its inner slopes in the middle and weighs them 1, 2, 2, 1."
)
def three_eighths(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 3, p + part / 3 * k1)
            k3 = dynamics(t + part * 2 / 3, p + part * (k2 - k1 / 3))
            k4 = dynamics(t + part, p + part * (k1 - k2 + k3))
            p = p + part / 8 * (k1 + 3 * k2 + 3 * k3 + k4)
    return P


@floater_positions.misconception(
    "Time stands still inside a part: all four slopes are taken at t. The two in the "
    "middle belong to t + part / 2, the last to t + part."
)
def time_stands_still(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t, p + part / 2 * k1)
            k3 = dynamics(t, p + part / 2 * k2)
            k4 = dynamics(t, p + part * k3)
            p = p + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P


@floater_positions.misconception(
    "Every part of a step begins at the time of the step. Part m begins later, at "
    "i * step + m * step / substeps."
)
def parts_at_one_time(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for _ in range(substeps):
            t = i * step
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k2)
            k4 = dynamics(t + part, p + part * k3)
            p = p + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P


@floater_positions.misconception(
    "Time begins at 0 again at every position. Position i is the time i * step."
)
def time_restarts(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k2)
            k4 = dynamics(t + part, p + part * k3)
            p = p + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P


@floater_positions.misconception(
    "You start one step late: row 0 is p0 itself, before any travelling."
)
def one_step_late(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k2)
            k4 = dynamics(t + part, p + part * k3)
            p = p + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        P[i] = p
    return P


@floater_positions.misconception(
    "You took the whole step at once. Cut it into `substeps` equal parts, each with "
    "slopes of its own."
)
def not_cut(p0, dynamics, n, step, substeps):
    P, p = np.empty((n, len(p0))), p0
    for i in range(n):
        P[i] = p
        t = i * step
        k1 = dynamics(t, p)
        k2 = dynamics(t + step / 2, p + step / 2 * k1)
        k3 = dynamics(t + step / 2, p + step / 2 * k2)
        k4 = dynamics(t + step, p + step * k3)
        p = p + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P


@floater_positions.misconception(
    "Each of your parts is a whole step long, so you travel too far. A part is "
    "step / substeps."
)
def parts_too_long(p0, dynamics, n, step, substeps):
    P, p, t = np.empty((n, len(p0))), p0, 0.0
    for i in range(n):
        P[i] = p
        for _ in range(substeps):
            k1 = dynamics(t, p)
            k2 = dynamics(t + step / 2, p + step / 2 * k1)
            k3 = dynamics(t + step / 2, p + step / 2 * k2)
            k4 = dynamics(t + step, p + step * k3)
            p, t = p + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4), t + step
    return P


@floater_positions.misconception(
    "You gave the four slopes equal weight. They count 1, 2, 2, 1, over 6."
)
def equal_weights(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k2)
            k4 = dynamics(t + part, p + part * k3)
            p = p + part / 4 * (k1 + k2 + k3 + k4)
    return P


@floater_positions.misconception(
    "Your fourth slope goes only half of the part. It goes the whole part with k3: "
    "p + part * k3."
)
def last_slope_halfway(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k2)
            k4 = dynamics(t + part, p + part / 2 * k3)
            p = p + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P


@floater_positions.misconception(
    "Your third slope starts from the first. It goes half a part with k2: the second "
    "look in the middle mends the first."
)
def third_from_first(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k1)
            k4 = dynamics(t + part, p + part * k3)
            p = p + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P


@floater_positions.misconception(
    "You count time in positions. Position i is the time i * step."
)
def time_in_positions(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i + m / substeps
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k2)
            k4 = dynamics(t + part, p + part * k3)
            p = p + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P


@floater_positions.misconception(
    "You followed the path more exactly than asked. The answer is that of the "
    "classical Runge-Kutta rule with `substeps` equal parts a step, errors included."
)
def nearly_exact(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / (16 * substeps)
    for i in range(n):
        P[i] = p
        for m in range(16 * substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k2)
            k4 = dynamics(t + part, p + part * k3)
            p = p + part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P


@floater_positions.misconception(
    "You wrote into p0: `+=` changes the caller's array, and every row that refers to "
    "it. Make new ones, `p = p + ...`."
)
def writes_into_p0(p0, dynamics, n, step, substeps):
    P, p, part = np.empty((n, len(p0))), p0, step / substeps
    for i in range(n):
        P[i] = p
        for m in range(substeps):
            t = i * step + m * part
            k1 = dynamics(t, p)
            k2 = dynamics(t + part / 2, p + part / 2 * k1)
            k3 = dynamics(t + part / 2, p + part / 2 * k2)
            k4 = dynamics(t + part, p + part * k3)
            p += part / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return P


@floater_positions.alternative
def all_parts_then_some(p0, dynamics, n, step, substeps):
    tau = step / substeps
    path = [np.array(p0, dtype=float)]
    for part in range(n * substeps):
        t, later, p = part * tau, (part + 1) * tau, path[-1]
        k1 = dynamics(t, p)
        k2 = dynamics(t + tau / 2, p + tau / 2 * k1)
        k3 = dynamics(t + tau / 2, p + tau / 2 * k2)
        k4 = dynamics(later, p + tau * k3)
        path.append(p + tau * (k1 / 6 + k2 / 3 + k3 / 3 + k4 / 6))
    return np.array(path)[:-1:substeps].reshape(n, len(p0))


@floater_positions.alternative
def by_tableau(p0, dynamics, n, step, substeps):
    nodes, weights = (0, 0.5, 0.5, 1), (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    P = np.zeros((n, len(p0)), dtype=p0.dtype)
    p, t, tau = p0.copy(), 0.0, step / substeps
    for i in range(n):
        P[i] = p
        for _ in range(0 if i == n - 1 else substeps):
            slope, move = np.zeros_like(p), np.zeros_like(p)
            for node, weight in zip(nodes, weights, strict=True):
                slope = dynamics(t + node * tau, p + node * tau * slope)
                move = move + weight * slope
            p, t = p + tau * move, t + tau
    return P


@floater_positions.alternative
def by_recursion(p0, dynamics, n, step, substeps):
    def travel(t, p, tau):
        a = tau * dynamics(t, p)
        b = tau * dynamics(t + 0.5 * tau, p + 0.5 * a)
        c = tau * dynamics(t + 0.5 * tau, p + 0.5 * b)
        return p + (a + 2 * (b + c) + tau * dynamics(t + tau, p + c)) / 6

    def position(i):
        if i == 0:
            return p0
        p, start = position(i - 1), (i - 1) * step
        for t in np.linspace(start, start + step, substeps, endpoint=False):
            p = travel(t, p, step / substeps)
        return p

    return np.array([position(i) for i in range(n)]).reshape(n, len(p0))
