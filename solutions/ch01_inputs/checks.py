"""How chapter 1, a set of vectors, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result


def _numbers(rng, *shape, dtype=float):
    """Random numbers with two decimals: they read well in the public cases."""
    return np.round(rng.normal(size=shape), 2).astype(dtype)


# --- 1.1 one_hot ------------------------------------------------------------------

one_hot = Exercise(
    name="one_hot",
    points=2,
    difficulty=1,
    minutes=8,
    source='slide "Vector Set as Input" (one-hot encoding)',
    hints=(
        "Start with zeros of shape (n, V). Which entry of row i becomes 1?",
        "Two index arrays set many entries at once: `vectors[np.arange(n), ids] = 1`. "
        "Compare the ids with 0 and V first; a negative index counts from the end.",
    ),
    inputs={"ids": "n"},
    returns=Result("X", "n, V", kind="float"),
)


@one_hot.cases
def one_hot_cases(rng):
    yield Case({"ids": np.array([1, 2, 0, 2]), "vocabulary_size": 3}, "I saw a saw")
    ids = rng.integers(5, size=5)  # ids 5 and 6 never come: V is not max(ids) + 1
    ids[3] = ids[0]
    note = "an id that comes twice, and ids that never come"
    yield Case({"ids": ids, "vocabulary_size": 7}, note)
    ids = rng.integers(4, size=6)
    yield Case({"ids": ids, "vocabulary_size": 4}, "more words than the vocabulary has")
    yield Case({"ids": np.array([4]), "vocabulary_size": 5}, "the last id", edge=True)
    ids = rng.integers(5, size=4)
    ids[rng.integers(4)] = 5
    yield Case({"ids": ids, "vocabulary_size": 5}, "an id equal to V", edge=True)
    ids = rng.integers(5, size=4)
    ids[rng.integers(4)] = -1 - rng.integers(3)
    yield Case({"ids": ids, "vocabulary_size": 5}, "a negative id", edge=True)


@one_hot.misconception(
    "Your vectors stand in columns, (V, n). In this book each word is a row, (n, V)."
)
def in_columns(ids, vocabulary_size):
    if not 0 <= ids.min() <= ids.max() < vocabulary_size:
        raise ValueError("id outside")
    return np.eye(vocabulary_size)[:, ids]


@one_hot.misconception(
    "You added all words into one vector. That counts words and forgets their order; "
    "each word needs a row of its own."
)
def summed(ids, vocabulary_size):
    if not 0 <= ids.min() <= ids.max() < vocabulary_size:
        raise ValueError("id outside")
    return np.bincount(ids, minlength=vocabulary_size).astype(float)


@one_hot.misconception(
    "Negative ids slip through: index -1 is the last word for NumPy. Check both ends "
    "of 0..V-1."
)
def only_the_upper_end(ids, vocabulary_size):
    if ids.max() >= vocabulary_size:
        raise ValueError("id outside")
    return np.eye(vocabulary_size)[ids]


@one_hot.misconception(
    "An id outside the vocabulary must raise a ValueError. Indexing alone raises "
    "IndexError for a large one and takes a negative one for a word at the end."
)
def never_checks(ids, vocabulary_size):
    return np.eye(vocabulary_size)[ids]


@one_hot.misconception(
    "You counted ids from 1. They count from 0, so id 0 is the first column."
)
def from_one(ids, vocabulary_size):
    if not 0 <= ids.min() <= ids.max() < vocabulary_size:
        raise ValueError("id outside")
    return np.roll(np.eye(vocabulary_size), -1, axis=1)[ids]


@one_hot.misconception(
    "Your vectors hold integers or booleans. Layers multiply them with floats: return "
    "floats."
)
def integers(ids, vocabulary_size):
    if not 0 <= ids.min() <= ids.max() < vocabulary_size:
        raise ValueError("id outside")
    return np.eye(vocabulary_size, dtype=int)[ids]


@one_hot.misconception(
    "An id outside the vocabulary must raise a ValueError. Setting entries alone "
    "raises IndexError for a large one and takes a negative one for a word at the end."
)
def sets_without_check(ids, vocabulary_size):
    vectors = np.zeros((len(ids), vocabulary_size))
    vectors[np.arange(len(ids)), ids] = 1
    return vectors


@one_hot.misconception(
    "An id outside the vocabulary became a row of zeros. Raise a ValueError instead."
)
def unknown_is_zero(ids, vocabulary_size):
    return (ids[:, None] == np.arange(vocabulary_size)).astype(float)


@one_hot.misconception(
    "Your vectors end at the largest id that comes. They are as long as the "
    "vocabulary, also where its last words never come."
)
def as_long_as_the_ids(ids, vocabulary_size):
    if not 0 <= ids.min() <= ids.max() < vocabulary_size:
        raise ValueError("id outside")
    return np.eye(ids.max() + 1)[ids]


@one_hot.alternative
def rows_of_the_identity(ids, vocabulary_size):
    if np.any(ids < 0) or np.any(ids >= vocabulary_size):
        raise ValueError("an id is not in the vocabulary")
    return np.identity(vocabulary_size, dtype=np.float32)[ids]


@one_hot.alternative
def by_comparison(ids, vocabulary_size):
    words = np.arange(vocabulary_size)
    if not np.isin(ids, words).all():
        raise ValueError("an id is not in the vocabulary")
    return (ids[:, None] == words).astype(float)


@one_hot.alternative
def by_loop(ids, vocabulary_size):
    rows = np.zeros((len(ids), vocabulary_size))
    for row, i in zip(rows, ids):
        if i not in range(vocabulary_size):
            raise ValueError(f"no word {i}")
        row[i] = 1.0
    return rows


# --- 1.2 embed --------------------------------------------------------------------

embed = Exercise(
    name="embed",
    points=1,
    difficulty=1,
    minutes=5,
    source='slide "Vector Set as Input" (word embedding)',
    hints=(
        "An array can be indexed with an array of ids.",
        "`table[ids]` takes one row for each id and keeps the shape of the ids in "
        "front. Nothing else is needed.",
    ),
    inputs={"ids": "n", "table": "V, d"},
    returns=Result("X", "..., d"),
)


@embed.cases
def embed_cases(rng):
    table = np.array([[1.0, 0.0], [0.5, -2.0], [3.0, 4.0]])
    yield Case({"ids": np.array([1, 2, 0, 2]), "table": table}, "I saw a saw")
    for n, V, d, dtype, note in (
        (3, 6, 4, float, "random numbers"),
        (7, 4, 5, float, "ids that come twice"),
        (4, 5, 3, np.float32, "float32"),
    ):
        ids, table = rng.integers(V, size=n), _numbers(rng, V, d, dtype=dtype)
        yield Case({"ids": ids, "table": table}, note)
    table = _numbers(rng, 5, 4)
    inputs = {"ids": rng.integers(5, size=(2, 3)), "table": table}
    yield Case(inputs, "a batch of 2 sentences", edge=True)
    inputs = {"ids": rng.integers(5, size=(2, 1, 3)), "table": table}
    yield Case(inputs, "ids with three axes", edge=True)
    yield Case({"ids": np.array(3), "table": table}, "a single id, shape ()", edge=True)
    inputs = {"ids": rng.integers(4, size=3), "table": _numbers(rng, 4, 4)}
    yield Case(inputs, "a square table", edge=True)


@embed.misconception(
    "You scaled the rows to length 1. The table holds the vectors as they are to be."
)
def normalised(ids, table):
    rows = table[ids]
    return rows / np.sqrt((rows * rows).sum(axis=-1, keepdims=True))


@embed.misconception("You took columns of the table. Word i is row i: table is (V, d).")
def columns(ids, table):
    return table.T[ids]


@embed.misconception(
    "You indexed the second axis of the table, its columns. Word i is row i: index the "
    "first."
)
def second_axis(ids, table):
    return table[:, ids]


@embed.misconception(
    "You flattened the ids. Their shape stays in front: (2, 3) ids give (2, 3, d)."
)
def flattened(ids, table):
    return table[ids.ravel()]


@embed.misconception(
    "Your words are summed into one vector. Each id keeps a vector of its own."
)
def bag_of_words(ids, table):
    return table[ids.ravel()].sum(axis=0)


@embed.misconception(
    "You counted ids from 1. They count from 0: id 0 is the first row."
)
def from_one(ids, table):
    return table[ids - 1]


@embed.alternative
def by_one_hot(ids, table):
    return np.eye(len(table), dtype=table.dtype)[ids] @ table


@embed.alternative
def by_take(ids, table):
    return np.take(table, ids, axis=0)


@embed.alternative
def through_torch(ids, table):
    import torch

    return torch.nn.functional.embedding(torch.as_tensor(ids), torch.as_tensor(table))


# --- 1.3 nearest_words ------------------------------------------------------------

nearest_words = Exercise(
    name="nearest_words",
    points=3,
    difficulty=3,
    minutes=15,
    source="arXiv 1301.3781, section 4 (words compared by cosine)",
    hints=(
        "The cosine of two rows is their dot product divided by both lengths. Sort "
        "from large to small and leave the word itself out.",
        "`np.argsort(-cosines, kind='stable')` puts the largest first and keeps the "
        "lower id first among equals. Set the word's own cosine to minus infinity "
        "before.",
    ),
    inputs={"table": "V, d"},
    returns=Result("ids", "k", kind="int"),
)


def _tied_table(rng):
    """Rows with entries +-1 times powers of two: many cosines are equal, exactly."""
    signs = np.array([[1, 1, 1, 1], [1, 1, 1, -1], [1, 1, -1, -1], [1, -1, -1, -1]])
    rows = signs[rng.integers(4, size=22)] * rng.choice([1.0, -1.0], size=(22, 1))
    return rows * 2.0 ** rng.integers(-2, 3, size=(22, 1))


@nearest_words.cases
def nearest_cases(rng):
    table = np.array(
        [[2.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.2, 9.0], [5.0, 5.0], [-1.0, 0.0]]
    )
    yield Case({"table": table, "word": 0, "k": 3}, "six words in the plane")
    table = rng.normal(size=(9, 4)) * rng.uniform(0.2, 5, size=(9, 1))
    word = int(rng.integers(9))
    yield Case({"table": table, "word": word, "k": 4}, "rows of different lengths")
    table = rng.normal(size=(8, 5)) * rng.uniform(0.2, 5, size=(8, 1))
    inputs = {"table": table.astype(np.float32), "word": int(rng.integers(8)), "k": 7}
    yield Case(inputs, "float32 and k = V - 1")
    table = rng.normal(size=(6, 7))
    yield Case({"table": table, "word": 5, "k": 1}, "the nearest alone")
    note = "many words equally near, the lower id first"
    inputs = {"table": _tied_table(rng), "word": int(rng.integers(22)), "k": 5}
    yield Case(inputs, note, edge=True)
    table, word = _tied_table(rng), int(rng.integers(21))
    table[21] = -2 * table[word]  # a cosine of -1: no score for the word itself
    yield Case({"table": table, "word": word, "k": 21}, note, edge=True)
    table = _tied_table(rng)
    table[4] = 2 * table[17]
    table[9] = table[17] / 2
    yield Case(
        {"table": table, "word": 17, "k": 3}, "words in its own direction", edge=True
    )


@nearest_words.misconception(
    "You compared by dot product alone, and long vectors win. Divide by the lengths."
)
def by_dot_product(table, word, k):
    scores = table @ table[word]
    scores[word] = -np.inf
    return np.argsort(-scores, kind="stable")[:k]


@nearest_words.misconception(
    "You compared by distance. Cosine asks for the direction; how long a vector is "
    "does not matter."
)
def by_distance(table, word, k):
    distance = ((table - table[word]) ** 2).sum(axis=1)
    distance[word] = np.inf
    return np.argsort(distance, kind="stable")[:k]


@nearest_words.misconception(
    "The word itself is in your list. It is always the nearest to itself: leave it out."
)
def finds_itself(table, word, k):
    lengths = np.sqrt((table * table).sum(axis=1))
    return np.argsort(-(table @ table[word]) / lengths, kind="stable")[:k]


@nearest_words.misconception(
    "Your list begins with the farthest. Sort from the largest cosine to the smallest."
)
def farthest_first(table, word, k):
    lengths = np.sqrt((table * table).sum(axis=1))
    cosines = table @ table[word] / lengths
    cosines[word] = np.inf
    return np.argsort(cosines, kind="stable")[:k]


@nearest_words.misconception(
    "Among equally near words the lower id comes first. Reversing a sort turns them "
    "round: sort the negative cosines, with kind='stable'."
)
def ties_reversed(table, word, k):
    lengths = np.sqrt((table * table).sum(axis=1))
    cosines = table @ table[word] / (lengths * lengths[word])
    cosines[word] = -np.inf
    return np.argsort(cosines, kind="stable")[::-1][:k]


@nearest_words.misconception(
    "You dropped the first of the sorted list, whoever it was. With another word in "
    "the same direction that is not always the word itself: leave it out by its id."
)
def drops_the_first(table, word, k):
    lengths = np.sqrt((table * table).sum(axis=1))
    cosines = table @ table[word] / (lengths * lengths[word])
    return np.argsort(-cosines, kind="stable")[1 : k + 1]


@nearest_words.misconception(
    "You ignored the sign: an opposite direction is the farthest, not the nearest."
)
def without_sign(table, word, k):
    lengths = np.sqrt((table * table).sum(axis=1))
    cosines = abs(table @ table[word]) / (lengths * lengths[word])
    cosines[word] = -np.inf
    return np.argsort(-cosines, kind="stable")[:k]


@nearest_words.misconception(
    "Ids above the word's own are one too low: you removed its row before sorting, and "
    "the rows after it moved up. Mark the word instead of removing it."
)
def shifted_ids(table, word, k):
    others = np.delete(table, word, axis=0)
    cosines = others @ table[word] / np.sqrt((others * others).sum(axis=1))
    return np.argsort(-cosines, kind="stable")[:k]


@nearest_words.alternative
def by_sorted_pairs(table, word, k):
    def cosine(i):
        return table[i] @ table[word] / np.sqrt(table[i] @ table[i])

    others = [i for i in range(len(table)) if i != word]
    return sorted(others, key=lambda i: (-cosine(i), i))[:k]


@nearest_words.alternative
def by_lexsort(table, word, k):
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    ids = np.arange(len(table))
    order = np.lexsort((ids, -np.round(unit @ unit[word], 12)))
    return order[order != word][:k].astype(np.int32)


# --- 1.4 frame_signal -------------------------------------------------------------

frame_signal = Exercise(
    name="frame_signal",
    points=3,
    difficulty=3,
    minutes=15,
    source='slide "Vector Set as Input" (25 ms windows every 10 ms)',
    hints=(
        "Frame i starts at sample i times hop. For how many i does the whole window "
        "fit?",
        "Add a column of starts, `hop * np.arange(count)[:, None]`, to a row "
        "`np.arange(window)`: that is a table of sample numbers. Index the signal "
        "with it.",
    ),
    inputs={"signal": "T"},
    returns=Result("frames", "frames, window"),
)


@frame_signal.cases
def frame_cases(rng):
    yield Case({"signal": np.arange(10.0), "window": 4, "hop": 3}, "T = 10: 3 frames")
    signal = _numbers(rng, 24)
    yield Case({"signal": signal, "window": 5, "hop": 2}, "a sample left over")
    signal = _numbers(rng, 21, dtype=np.float32)
    note = "gaps between the frames, samples left over"
    yield Case({"signal": signal, "window": 3, "hop": 4}, note)
    signal = _numbers(rng, 17)
    yield Case({"signal": signal, "window": 7, "hop": 5}, "a last frame that just fits")
    signal = _numbers(rng, 12)
    yield Case({"signal": signal, "window": 4, "hop": 4}, "no overlap", edge=True)
    signal = _numbers(rng, 6)
    yield Case({"signal": signal, "window": 6, "hop": 2}, "a single frame", edge=True)
    inputs = {"signal": _numbers(rng, 4), "window": 5, "hop": 2}
    yield Case(inputs, "a signal shorter than the window", edge=True)
    inputs = {"signal": _numbers(rng, 3), "window": 9, "hop": 2}
    yield Case(inputs, "a signal far shorter than the window", edge=True)
    inputs = {"signal": _numbers(rng, 5), "window": 1, "hop": 1}
    yield Case(inputs, "a window of one sample", edge=True)


@frame_signal.misconception(
    "You counted T // hop frames and filled the last ones up. Only complete frames are "
    "kept: 1 + (T - window) // hop."
)
def padded(signal, window, hop):
    count = len(signal) // hop
    longer = np.concatenate([signal, np.zeros(window, signal.dtype)])
    return np.array([longer[i * hop : i * hop + window] for i in range(count)])


@frame_signal.misconception(
    "The last complete frame is missing: the count is 1 + (T - window) // hop, and "
    "the 1 is for the first frame."
)
def one_too_few(signal, window, hop):
    count = max(0, (len(signal) - window) // hop)
    return signal[hop * np.arange(count)[:, None] + np.arange(window)]


@frame_signal.misconception(
    "Window and hop are swapped: a frame is `window` samples long, and the next one "
    "starts `hop` samples later."
)
def swapped(signal, window, hop):
    count = max(0, 1 + (len(signal) - hop) // window)
    return signal[window * np.arange(count)[:, None] + np.arange(hop)]


@frame_signal.misconception(
    "Your frames follow each other without overlap. The next one starts after the hop, "
    "not after the window."
)
def hop_ignored(signal, window, hop):
    count = max(0, 1 + (len(signal) - window) // window)
    return signal[window * np.arange(count)[:, None] + np.arange(window)]


@frame_signal.misconception(
    "Your frames stand in columns. A frame is a vector, and vectors are rows: (frames, "
    "window)."
)
def in_columns(signal, window, hop):
    count = max(0, 1 + (len(signal) - window) // hop)
    return signal[hop * np.arange(count) + np.arange(window)[:, None]]


@frame_signal.misconception(
    "You kept a last frame that is not complete and filled it up. A window that would "
    "reach beyond the end is left out: round down, not up."
)
def fills_the_last(signal, window, hop):
    count = max(0, 1 + -((window - len(signal)) // hop))
    longer = np.concatenate([signal, np.zeros(hop, signal.dtype)])
    return longer[hop * np.arange(count)[:, None] + np.arange(window)]


@frame_signal.misconception(
    "Every window starts one sample late: sample 0 belongs to the first frame."
)
def starts_late(signal, window, hop):
    count = max(0, 1 + (len(signal) - window) // hop)
    return np.roll(signal, -1)[hop * np.arange(count)[:, None] + np.arange(window)]


@frame_signal.alternative
def by_loop(signal, window, hop):
    frames, start = [], 0
    while start + window <= len(signal):
        frames.append(signal[start : start + window])
        start += hop
    return np.array(frames).reshape(-1, window)


@frame_signal.alternative
def by_sliding_windows(signal, window, hop):
    if len(signal) < window:
        return np.empty((0, window), signal.dtype)
    return np.lib.stride_tricks.sliding_window_view(signal, window)[::hop]


# --- 1.5 molecule_graph -----------------------------------------------------------

molecule_graph = Exercise(
    name="molecule_graph",
    points=3,
    difficulty=3,
    minutes=20,
    source='slide "Vector Set as Input" (graph, molecule); arXiv 1704.01212',
    hints=(
        "The atoms are one-hot vectors again; the place of the 1 is the element's "
        "index in `elements`. The bonds fill a table of False with True.",
        "`list(elements).index(atom)` finds the column, and raises ValueError by "
        "itself for an unknown element. Set `A[i, j]` and `A[j, i]`. A negative index "
        "would count from the end: compare with 0 and n.",
    ),
    inputs={},
    returns=[
        Result("X", "n, elements"),
        Result("A", "n, n", kind="bool"),
    ],
)


@molecule_graph.cases
def molecule_cases(rng):
    inputs = {
        "atoms": ["O", "H", "H"],
        "bonds": [(0, 1), (0, 2)],
        "elements": ["H", "C", "O", "N"],
    }
    yield Case(inputs, "water")
    atoms = ["C", "Cl", "H", "H", "Cl"]
    bonds = [(0, 1), (0, 2), (3, 0), (0, 4)]
    elements = [str(e) for e in rng.permutation(["Cl", "C", "H"])]
    inputs = {"atoms": atoms, "bonds": bonds, "elements": elements}
    yield Case(inputs, "an element of two letters, in an order of its own")
    n = 7
    atoms = [str(a) for a in rng.choice(["C", "N", "O", "Br"], size=n)]
    pairs = [(i, int(rng.integers(i))) for i in range(1, n)]
    elements = ["O", "N", "C", "Br", "Si"]
    inputs = {"atoms": atoms, "bonds": pairs, "elements": elements}
    yield Case(inputs, "a random tree, bonds from the later to the earlier atom")
    inputs = {"atoms": atoms, "bonds": pairs[:2] + pairs[:1], "elements": elements}
    yield Case(inputs, "a bond that is listed twice", edge=True)
    both = [*pairs, (pairs[3][1], pairs[3][0])]
    inputs = {"atoms": atoms, "bonds": both, "elements": elements}
    yield Case(inputs, "a bond that is listed in both directions", edge=True)
    inputs = {"atoms": ["C", "Xe"], "bonds": [(0, 1)], "elements": ["H", "C", "X"]}
    yield Case(inputs, "an element that is not listed", edge=True)
    # either end of a bond may be wrong, and both must be looked at
    for bond in ((2, 0), (0, 2)):
        inputs = {"atoms": ["C", "H"], "bonds": [bond], "elements": ["H", "C"]}
        yield Case(inputs, f"a bond {bond} among two atoms", edge=True)
    for bond in ((0, -1), (-1, 0)):
        inputs = {"atoms": ["C", "H", "H"], "bonds": [bond], "elements": ["H", "C"]}
        yield Case(inputs, f"a bond {bond} with a negative index", edge=True)


@molecule_graph.misconception(
    "Your bonds point one way. A bond joins both atoms: set A[i, j] and A[j, i]."
)
def one_direction(atoms, bonds, elements):
    n, X = len(atoms), np.eye(len(elements))
    if any(not 0 <= i < n for bond in bonds for i in bond):
        raise ValueError("no such atom")
    A = np.zeros((n, n), bool)
    for i, j in bonds:
        A[i, j] = True
    return X[[elements.index(a) for a in atoms]], A


@molecule_graph.misconception(
    "Your atoms are joined to themselves. The diagonal of A stays False."
)
def self_loops(atoms, bonds, elements):
    n, X = len(atoms), np.eye(len(elements))
    if any(not 0 <= i < n for bond in bonds for i in bond):
        raise ValueError("no such atom")
    A = np.eye(n, dtype=bool)
    for i, j in bonds:
        A[i, j] = A[j, i] = True
    return X[[elements.index(a) for a in atoms]], A


@molecule_graph.misconception(
    "You sorted the elements. The columns of X follow the order of `elements` as given."
)
def sorted_elements(atoms, bonds, elements):
    elements = sorted(elements)
    n, X = len(atoms), np.eye(len(elements))
    if any(not 0 <= i < n for bond in bonds for i in bond):
        raise ValueError("no such atom")
    A = np.zeros((n, n), bool)
    for i, j in bonds:
        A[i, j] = A[j, i] = True
    return X[[elements.index(a) for a in atoms]], A


@molecule_graph.misconception(
    "A negative index slips through: -1 is the last atom for NumPy. Check that indices "
    "lie in 0..n-1."
)
def negative_slips(atoms, bonds, elements):
    n, X = len(atoms), np.eye(len(elements))
    A = np.zeros((n, n), bool)
    for i, j in bonds:
        if i >= n or j >= n:
            raise ValueError("no such atom")
        A[i, j] = A[j, i] = True
    return X[[elements.index(a) for a in atoms]], A


@molecule_graph.misconception(
    "You looked at the first letter of a symbol only. Cl is not C: compare whole "
    "symbols."
)
def first_letter(atoms, bonds, elements):
    n, X = len(atoms), np.eye(len(elements))
    if any(not 0 <= i < n for bond in bonds for i in bond):
        raise ValueError("no such atom")
    A = np.zeros((n, n), bool)
    for i, j in bonds:
        A[i, j] = A[j, i] = True
    return X[[[e[0] for e in elements].index(a[0]) for a in atoms]], A


@molecule_graph.misconception(
    "You counted bonds. A says whether there is one: booleans, also for one that is "
    "listed twice."
)
def counts_bonds(atoms, bonds, elements):
    n, X = len(atoms), np.eye(len(elements))
    if any(not 0 <= i < n for bond in bonds for i in bond):
        raise ValueError("no such atom")
    A = np.zeros((n, n), int)
    for i, j in bonds:
        A[i, j] += 1
        A[j, i] += 1
    return X[[elements.index(a) for a in atoms]], A


@molecule_graph.misconception(
    "An unknown element became a row of zeros. Raise a ValueError that names it."
)
def unknown_is_zero(atoms, bonds, elements):
    n = len(atoms)
    if any(not 0 <= i < n for bond in bonds for i in bond):
        raise ValueError("no such atom")
    A = np.zeros((n, n), bool)
    for i, j in bonds:
        A[i, j] = A[j, i] = True
    return np.array([[float(a == e) for e in elements] for a in atoms]), A


@molecule_graph.misconception(
    "You looked at one end of each bond only. Both atoms must lie in 0..n-1."
)
def checks_one_end(atoms, bonds, elements):
    n, X = len(atoms), np.eye(len(elements))
    A = np.zeros((n, n), bool)
    for i, j in bonds:
        if not 0 <= i < n:
            raise ValueError("no such atom")
        A[i, j] = A[j, i] = True
    return X[[elements.index(a) for a in atoms]], A


@molecule_graph.misconception(
    "A bond to an atom that is not there must raise a ValueError. NumPy raises "
    "IndexError for a large index and takes a negative one for an atom at the end."
)
def never_checks(atoms, bonds, elements):
    n, X = len(atoms), np.eye(len(elements))
    A = np.zeros((n, n), bool)
    for i, j in bonds:
        A[i, j] = A[j, i] = True
    return X[[elements.index(a) for a in atoms]], A


@molecule_graph.alternative
def by_comparison(atoms, bonds, elements):
    unknown = set(atoms) - set(elements)
    if unknown:
        raise ValueError(f"unknown: {unknown}")
    X = (np.array(atoms)[:, None] == np.array(elements)[None, :]).astype(int)
    n, A = len(atoms), np.zeros((len(atoms), len(atoms)), bool)
    pairs = np.array(bonds, dtype=int).reshape(-1, 2)
    if pairs.size and (pairs.min() < 0 or pairs.max() >= n):
        raise ValueError("no such atom")
    A[pairs[:, 0], pairs[:, 1]] = True
    return X, A | A.T


@molecule_graph.alternative
def by_sets(atoms, bonds, elements):
    joined = {frozenset(bond) for bond in bonds}
    for bond in joined:
        if not bond <= set(range(len(atoms))):
            raise ValueError(f"{set(bond)} are not all atoms")
    rows = []
    for atom in atoms:
        row = [0.0] * len(elements)
        row[elements.index(atom)] = 1.0
        rows.append(row)
    n = range(len(atoms))
    return [rows, [[frozenset((i, j)) in joined and i != j for j in n] for i in n]]


# --- 1.6 image_vectors ------------------------------------------------------------

image_vectors = Exercise(
    name="image_vectors",
    points=1,
    difficulty=1,
    minutes=5,
    source='slide "Self-attention for Image"; arXiv 1805.08318',
    hints=(
        "The channels stay together; rows and columns become one axis.",
        "`reshape` reads an array row by row. The new shape is (H * W, C); one of the "
        "numbers may be -1.",
    ),
    inputs={"image": "H, W, C"},
    returns=Result("X", "pixels, C"),
)


@image_vectors.cases
def image_cases(rng):
    image = np.arange(24.0).reshape(2, 4, 3)
    yield Case({"image": image}, "two rows of four pixels")
    for H, W, C, dtype, note in (
        (4, 5, 3, float, "random numbers"),
        (5, 2, 4, float, "four channels"),
        (3, 4, 2, np.float32, "float32"),
    ):
        yield Case({"image": _numbers(rng, H, W, C, dtype=dtype)}, note)
    yield Case({"image": _numbers(rng, 3, 3, 3)}, "all sizes equal", edge=True)
    image = rng.integers(256, size=(2, 3, 3)).astype(np.uint8)
    yield Case({"image": image}, "whole numbers from 0 to 255", edge=True)
    yield Case({"image": _numbers(rng, 1, 4, 3)}, "a single row", edge=True)


@image_vectors.misconception(
    "You moved the channels to the front and mixed pixels. Each vector is one pixel "
    "with its channels."
)
def channels_first(image):
    return image.transpose(2, 0, 1).reshape(-1, image.shape[2])


@image_vectors.misconception(
    "You read the image column by column. Pixels come row by row: the first W vectors "
    "are the first row."
)
def columns_first(image):
    return image.transpose(1, 0, 2).reshape(-1, image.shape[2])


@image_vectors.misconception(
    "Your pixels stand in columns, (C, H * W). Each pixel is a row, (H * W, C)."
)
def pixels_in_columns(image):
    return image.reshape(-1, image.shape[2]).T


@image_vectors.misconception(
    "You took whole rows of the image for vectors. The vectors are the pixels."
)
def rows_as_vectors(image):
    return image.reshape(image.shape[0], -1)


@image_vectors.misconception(
    "You averaged the channels away. A pixel keeps all its channels."
)
def grey(image):
    return image.mean(axis=2).reshape(-1, 1)


@image_vectors.alternative
def by_loop(image):
    H, W, _ = image.shape
    return np.array([image[i, j] for i in range(H) for j in range(W)])


@image_vectors.alternative
def by_stacking(image):
    return np.concatenate(list(image), axis=0)


@image_vectors.alternative
def by_channels(image):
    return np.stack([image[..., c].ravel() for c in range(image.shape[2])], axis=1)
