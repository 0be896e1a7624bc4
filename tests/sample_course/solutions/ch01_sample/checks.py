import numpy as np

from autograder.author import Case, Exercise, Result

normalise = Exercise(
    name="normalise",
    points=3,
    difficulty=1,
    minutes=5,
    source="the tests",
    hints=("Divide.", "Divide by the sum of each row."),
    inputs={"X": "n, d"},
    returns=Result("A", "n, d", kind="float"),
)


@normalise.cases
def normalise_cases(rng):
    yield Case({"X": np.array([[1.0, 1.0, 2.0], [3.0, 1.0, 0.0]])}, "a small example")
    yield Case({"X": rng.uniform(1, 2, (4, 3))}, "random numbers")
    yield Case({"X": rng.uniform(1, 2, (2, 5)).astype(np.float32)}, "float32")
    yield Case({"X": np.array([[0.0, 0.0], [1.0, 3.0]])}, "a row of zeros", edge=True)


@normalise.misconception("You normalised the columns; each row must sum to 1.")
def down_the_columns(X):
    return X / X.sum(axis=0, keepdims=True)


@normalise.misconception("A row of zeros became NaN; leave it as it is.")
def nan_rows(X):
    with np.errstate(all="ignore"):
        return X / X.sum(axis=1, keepdims=True)


@normalise.misconception("You divided by the sum of everything, not of the row.")
def by_the_total(X):
    return X / X.sum()


@normalise.alternative
def by_loop(X):
    rows = [row / row.sum() if row.sum() else row for row in X]
    return np.array(rows)


@normalise.alternative
def by_einsum(X):
    total = np.einsum("nd->n", X)
    return np.einsum("nd,n->nd", X, 1 / np.where(total == 0, 1, total))


largest = Exercise(
    name="largest",
    points=2,
    difficulty=2,
    minutes=5,
    source="the tests",
    hints=("argmax", "argmax gives the index; use it."),
    inputs={"x": "n"},
    returns=[Result("value", ""), Result("index", "", kind="int")],
)


@largest.cases
def largest_cases(rng):
    yield Case({"x": np.array([1.0, -7.0, 5.0, 2.0])}, "a small example")
    yield Case({"x": rng.normal(size=6) - 10}, "negative numbers")
    yield Case({"x": rng.normal(size=0)}, "an empty array", edge=True)


@largest.misconception("You looked for the largest size and ignored the sign.")
def by_size(x):
    if len(x) == 0:
        raise ValueError("empty")
    i = int(np.argmax(np.abs(x)))
    return x[i], i


@largest.misconception("Positions count from 0 in Python.")
def from_one(x):
    if len(x) == 0:
        raise ValueError("empty")
    return x.max(), int(np.argmax(x)) + 1


@largest.misconception("The order is value, then index.")
def swapped(x):
    if len(x) == 0:
        raise ValueError("empty")
    return int(np.argmax(x)), float(x.max())


@largest.alternative
def by_python(x):
    numbers = list(x)
    if not numbers:
        raise ValueError("empty")
    return [max(numbers), numbers.index(max(numbers))]


@largest.alternative
def by_sorting(x):
    if x.size == 0:
        raise ValueError("empty")
    i = np.argsort(x)[-1]
    return x[i], i
