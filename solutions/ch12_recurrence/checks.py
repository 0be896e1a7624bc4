"""How chapter 12, recurrence, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result

SLIDE = 'slide "Self-attention v.s. RNN"'
PAPER = "arXiv 2006.16236"


def _numbers(rng, *shape, dtype=float):
    """Random numbers with two decimals: they read well in the public cases."""
    return np.round(rng.normal(size=shape), 2).astype(dtype)


# --- 12.1 rnn_forward -------------------------------------------------------------

rnn_forward = Exercise(
    name="rnn_forward",
    points=2,
    difficulty=2,
    minutes=15,
    source=f"{SLIDE}; torch.nn.RNN",
    hints=(
        "A loop over the rows of X, and one variable that holds the state. What goes "
        "into the next state, and when do you write it down?",
        "Start from h = h0. In each step compute a new array np.tanh(x @ Wx + h @ Wh + "
        "b), call it h, append it to a list. In the end stack the list.",
    ),
    inputs={"X": "n, d", "h0": "h", "Wx": "d, h", "Wh": "h, h", "b": "h"},
    returns=Result("states", "n, h"),
)


def _rnn_inputs(rng, n, d, h, dtype=float):
    return {
        "X": _numbers(rng, n, d, dtype=dtype),
        "h0": _numbers(rng, h, dtype=dtype),
        "Wx": _numbers(rng, d, h, dtype=dtype),
        "Wh": np.round(_numbers(rng, h, h) * 0.7, 2).astype(dtype),
        "b": _numbers(rng, h, dtype=dtype),
    }


@rnn_forward.cases
def rnn_cases(rng):
    inputs = {
        "X": np.array([[1.0], [0.0], [0.0]]),
        "h0": np.array([0.0, 0.5]),
        "Wx": np.array([[1.0, 0.5]]),
        "Wh": np.array([[0.5, 1.0], [0.0, 0.5]]),
        "b": np.array([0.0, 0.1]),
    }
    yield Case(inputs, "a one and two zeros")
    yield Case(_rnn_inputs(rng, 4, 2, 3), "random numbers")
    yield Case(_rnn_inputs(rng, 2, 4, 3, np.float32), "float32")
    yield Case(_rnn_inputs(rng, 1, 2, 3), "a single step", edge=True)
    yield Case(_rnn_inputs(rng, 2, 2, 2), "all sizes equal", edge=True)


@rnn_forward.misconception(
    "The state is not carried on: each of your steps starts from h0 again. The state "
    "of one step goes into the next."
)
def state_not_carried(X, h0, Wx, Wh, b):
    return np.tanh(X @ Wx + h0 @ Wh + b)


@rnn_forward.misconception(
    "Your output lags one step behind: it starts with h0 and lacks the last state. "
    "Write the state down after you have updated it."
)
def lags_one_step(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X:
        states.append(h)
        h = np.tanh(x @ Wx + h @ Wh + b)
    return np.stack(states)


@rnn_forward.misconception(
    "You returned h0 as well. It is the state before the first input; n inputs give n "
    "states."
)
def with_h0(X, h0, Wx, Wh, b):
    states = [h0]
    for x in X:
        states.append(np.tanh(x @ Wx + states[-1] @ Wh + b))
    return np.stack(states)


@rnn_forward.misconception(
    "You returned the last state only. Every position has a state of its own; return "
    "all n, one a row."
)
def last_state_only(X, h0, Wx, Wh, b):
    h = h0
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh + b)
    return h


@rnn_forward.misconception(
    "You transposed Wh. States are rows, so the state stands on the left: h @ Wh. "
    "(`Wh @ h` is the same mistake.)"
)
def wh_transposed(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X:
        h = np.tanh(x @ Wx + Wh @ h + b)
        states.append(h)
    return np.stack(states)


@rnn_forward.misconception(
    "You transposed Wx. It is (d, h), and a vector is a row: x @ Wx."
)
def wx_transposed(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X:
        h = np.tanh(Wx @ x + h @ Wh + b)
        states.append(h)
    return np.stack(states)


@rnn_forward.misconception(
    "The first state ignores h0. What was before the first input is given; it need not "
    "be zero."
)
def h0_ignored(X, h0, Wx, Wh, b):
    states, h = [], np.zeros_like(h0)
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh + b)
        states.append(h)
    return np.stack(states)


@rnn_forward.misconception("The bias is missing: b is added before the tanh.")
def no_bias(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        states.append(h)
    return np.stack(states)


@rnn_forward.misconception(
    "The tanh is missing. Without it the states may grow without bound, and the whole "
    "network is linear."
)
def no_tanh(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X:
        h = x @ Wx + h @ Wh + b
        states.append(h)
    return np.stack(states)


@rnn_forward.misconception(
    "Your tanh covers only part of the sum. Add input, previous state and bias first; "
    "then take the tanh of the whole."
)
def state_outside_tanh(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X:
        h = np.tanh(x @ Wx + b) + h @ Wh
        states.append(h)
    return np.stack(states)


@rnn_forward.misconception(
    "You carry the sum before the tanh to the next step. The state is what comes out "
    "of the tanh, and that goes on."
)
def carries_the_sum(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X:
        h = x @ Wx + h @ Wh + b
        states.append(np.tanh(h))
    return np.stack(states)


@rnn_forward.misconception(
    "You used the logistic function. Here the state goes through tanh."
)
def logistic(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X:
        h = 1 / (1 + np.exp(-(x @ Wx + h @ Wh + b)))
        states.append(h)
    return np.stack(states)


@rnn_forward.misconception(
    "You read the sequence from the end. The first row of X comes first."
)
def backwards(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X[::-1]:
        h = np.tanh(x @ Wx + h @ Wh + b)
        states.append(h)
    return np.stack(states[::-1])


@rnn_forward.misconception(
    "You write every state into the same array, which began as h0. So h0 is changed, "
    "and all rows show the last state. Make a new array in each step."
)
def one_array_for_all(X, h0, Wx, Wh, b):
    states, h = [], h0
    for x in X:
        h[:] = np.tanh(x @ Wx + h @ Wh + b)
        states.append(h)
    return np.stack(states)


@rnn_forward.alternative
def into_an_array(X, h0, Wx, Wh, b):
    inputs = X @ Wx + b  # all of it that does not need the state
    states = np.empty_like(inputs)
    for t in range(len(X)):
        before = states[t - 1] if t > 0 else h0
        states[t] = np.tanh(inputs[t] + before @ Wh)
    return states


@rnn_forward.alternative
def one_matrix(X, h0, Wx, Wh, b):
    W = np.concatenate([Wx, Wh, b[None]])
    states = [h0]
    for x in X:
        states.append(np.tanh(np.concatenate([x, states[-1], [1.0]]) @ W))
    return np.array(states[1:])


@rnn_forward.alternative
def by_recursion(X, h0, Wx, Wh, b):
    h = np.tanh(X[0] @ Wx + h0 @ Wh + b)
    if len(X) == 1:
        return h[None]
    return np.vstack([h, rnn_forward(X[1:], h, Wx, Wh, b)])


@rnn_forward.alternative
def by_torch(X, h0, Wx, Wh, b):
    import torch

    X, h0, Wx, Wh, b = map(torch.from_numpy, (X, h0, Wx, Wh, b))
    rnn = torch.nn.RNN(*Wx.shape, batch_first=True, dtype=X.dtype)
    weights = (Wx.T, Wh.T, b, torch.zeros_like(b))
    with torch.no_grad():
        for parameter, weight in zip(rnn.parameters(), weights):
            parameter.copy_(weight)
        return rnn(X[None], h0[None, None])[0][0].numpy()


# --- 12.2 path_length -------------------------------------------------------------

path_length = Exercise(
    name="path_length",
    points=2,
    difficulty=2,
    minutes=15,
    source=f"{SLIDE}; arXiv 1706.03762, Table 1",
    hints=(
        "How many positions back does one layer reach, and how many do L layers reach "
        "together? The first vector is n - 1 back from the last.",
        "A plain layer reaches kernel - 1 further: divide n - 1 by that and round up. "
        "With dilation L layers see kernel**L positions: multiply by kernel until n is "
        "reached, and count. Anything but the three kinds raises a ValueError.",
    ),
    inputs={},
    returns=Result("length", "", kind="int"),
    simple=True,
)


@path_length.cases
def path_cases(rng):
    def cnn(n, kernel, dilated, note, edge=False):
        inputs = {"kind": "cnn", "n": n, "kernel": kernel, "dilated": dilated}
        return Case(inputs, note, edge=edge)

    yield Case({"kind": "rnn", "n": 5}, "an RNN over 5 vectors")
    yield Case({"kind": "attention", "n": 5}, "attention over 5 vectors")
    yield Case({"kind": "cnn", "n": 5}, "5 vectors, kernel 3: two layers")
    yield cnn(10, 4, False, "10 vectors, kernel 4")
    yield cnn(11, 4, False, "11 vectors, kernel 4")
    yield cnn(9, 3, True, "9 vectors, kernel 3, dilated: two layers")
    yield cnn(10, 3, True, "10 vectors, kernel 3, dilated")
    yield cnn(125, 5, True, "125 vectors, kernel 5, dilated: three layers", True)
    yield cnn(126, 5, True, "126 vectors, kernel 5, dilated", True)
    yield cnn(13, 2, False, "kernel 2", True)
    yield cnn(4, 9, False, "a kernel wider than the sequence", True)
    yield cnn(4, 9, True, "a kernel wider than the sequence, dilated", True)
    n = int(rng.integers(20, 200))
    yield Case({"kind": "rnn", "n": n, "kernel": 4}, "an RNN, random length")
    yield Case({"kind": "attention", "n": n}, "attention, random length")
    for _ in range(2):
        n, kernel = int(rng.integers(20, 2000)), int(rng.integers(2, 9))
        yield cnn(n, kernel, False, "random length and kernel")
        yield cnn(n, kernel, True, "random length and kernel, dilated")
    for kind in ("rnn", "attention", "cnn"):
        yield Case({"kind": kind, "n": 2}, f"{kind}, two vectors", edge=True)
    yield Case({"kind": "transformer", "n": 6}, "an unknown kind", edge=True)


@path_length.misconception(
    "You count one too many for the RNN. From the first state to the last there are n "
    "- 1 steps, as there are four gaps between five fence posts."
)
def rnn_n_steps(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n if kind == "rnn" else 1
    reach = 1
    layers = 0
    while reach < n:
        reach = reach * kernel if dilated else reach + kernel - 1
        layers += 1
    return layers


@path_length.misconception(
    "Attention needs one layer, however far apart two vectors are. That is its point."
)
def attention_grows(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1
    reach = 1
    layers = 0
    while reach < n:
        reach = reach * kernel if dilated else reach + kernel - 1
        layers += 1
    return layers


@path_length.misconception(
    "A path of attention is not free: the signal goes through one layer, so its length "
    "is 1."
)
def attention_zero(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 0
    reach = 1
    layers = 0
    while reach < n:
        reach = reach * kernel if dilated else reach + kernel - 1
        layers += 1
    return layers


@path_length.misconception(
    "You divided by the kernel. One of its places is the position itself; a layer "
    "reaches kernel - 1 further back."
)
def divided_by_kernel(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    if not dilated:
        return -(-(n - 1) // kernel)
    layers = 0
    while kernel**layers < n:
        layers += 1
    return layers


@path_length.misconception(
    "You divided n, not n - 1. The first vector is n - 1 positions before the last."
)
def divided_n(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    if not dilated:
        return -(-n // (kernel - 1))
    layers = 0
    while kernel**layers < n:
        layers += 1
    return layers


@path_length.misconception(
    "You took the logarithm of n - 1. L dilated layers see kernel**L positions, the "
    "last one included, and n of them must be seen."
)
def logarithm_of_distance(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    if not dilated:
        return -(-(n - 1) // (kernel - 1))
    layers = 0
    while kernel**layers < n - 1:
        layers += 1
    return max(1, layers)


@path_length.misconception(
    "You rounded down. Where a whole number of layers does not quite reach the first "
    "vector, one more is needed."
)
def rounded_down(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    if not dilated:
        return (n - 1) // (kernel - 1)
    layers = 0
    while kernel ** (layers + 1) <= n:
        layers += 1
    return layers


@path_length.misconception(
    "Your kernel looks to both sides. Here it is causal: all of its kernel - 1 other "
    "places lie before the position."
)
def two_sided(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    if not dilated:
        return -(-(n - 1) // max(1, (kernel - 1) // 2))
    layers = 0
    while kernel**layers < n:
        layers += 1
    return layers


@path_length.misconception(
    "You doubled the dilation in each layer, whatever the kernel. Here it grows by the "
    "factor kernel, so L layers see kernel**L positions."
)
def base_two(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    if not dilated:
        return -(-(n - 1) // (kernel - 1))
    layers = 0
    while 2**layers < n:
        layers += 1
    return layers


@path_length.misconception(
    "Logarithms of floats are not exact: log(125) / log(5) is a little more than 3 and "
    "is rounded up to 4. Multiply whole numbers instead."
)
def float_logarithm(kind, n, kernel=3, dilated=False):
    import math

    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    if not dilated:
        return -(-(n - 1) // (kernel - 1))
    return math.ceil(math.log(n) / math.log(kernel))


@path_length.misconception(
    "You ignored `dilated`. With it the reach is multiplied by kernel in each layer; "
    "without it kernel - 1 is added."
)
def never_dilated(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    return -(-(n - 1) // (kernel - 1))


@path_length.misconception(
    "You dilate always. Without `dilated` each layer reaches only kernel - 1 further."
)
def always_dilated(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    layers = 0
    while kernel**layers < n:
        layers += 1
    return layers


@path_length.misconception(
    "The kernel is fixed at 3 in your code. It may be any width; use `kernel`."
)
def always_three(kind, n, kernel=3, dilated=False):
    if kind not in ("rnn", "cnn", "attention"):
        raise ValueError(kind)
    if kind != "cnn":
        return n - 1 if kind == "rnn" else 1
    reach = 1
    layers = 0
    while reach < n:
        reach = reach * 3 if dilated else reach + 2
        layers += 1
    return layers


@path_length.misconception(
    "An unknown kind got an answer. Raise a ValueError, so that a typing mistake is "
    "seen."
)
def anything_else_is_cnn(kind, n, kernel=3, dilated=False):
    if kind != "rnn" and kind != "attention":
        reach = 1
        layers = 0
        while reach < n:
            reach = reach * kernel if dilated else reach + kernel - 1
            layers += 1
        return layers
    return n - 1 if kind == "rnn" else 1


@path_length.alternative
def layer_by_layer(kind, n, kernel=3, dilated=False):
    if kind in ("rnn", "attention"):
        return {"rnn": n - 1, "attention": 1}[kind]
    if kind != "cnn":
        raise ValueError("unknown kind")
    back, layer = 0, 0  # how far back the last output sees
    while back < n - 1:
        back += (kernel - 1) * (kernel**layer if dilated else 1)
        layer += 1
    return layer


@path_length.alternative
def by_walking(kind, n, kernel=3, dilated=False):
    if kind == "attention":
        return 1
    if kind == "rnn":
        kernel, dilated = 2, False
    elif kind != "cnn":
        raise ValueError("unknown kind")
    seen, layers = {n - 1}, 0
    while 0 not in seen:
        step = kernel**layers if dilated else 1
        seen = {max(0, p - step * m) for p in seen for m in range(kernel)}
        layers += 1
    return np.int64(layers)


# --- 12.3 linear_attention --------------------------------------------------------


def _triple(rng, nq, nk, d, m, dv, dtype=float, kind="elu"):
    """Q, K, V and the matrix of the feature map; `kind` is left out for "elu"."""
    inputs = {
        "Q": _numbers(rng, nq, d, dtype=dtype),
        "K": _numbers(rng, nk, d, dtype=dtype),
        "V": _numbers(rng, nk, dv, dtype=dtype),
        "W": np.round(rng.normal(size=(d, m)) / d**0.5, 2).astype(dtype),
    }
    return inputs if kind == "elu" else {**inputs, "kind": kind}


def _small_features(inputs):
    """The same, with all entries of phi(Q) and phi(K) near e to the -8."""
    small = {**inputs, "W": inputs["W"] * 0.2}
    for name in "QK":
        small[name] = inputs[name].copy()
        small[name][:, 0] = 1
    small["W"][0] = -8
    return small


linear_attention = Exercise(
    name="linear_attention",
    points=3,
    difficulty=3,
    minutes=20,
    source=f"{PAPER}, section 3.2",
    hints=(
        "Products of matrices may be bracketed in two ways. Which of (A B) C and A (B "
        "C) never makes the array of all pairs?",
        "Apply `feature` to Q and to K. The sum of keys times values is phi(K) "
        "transposed times V, (m, dv); the sum of keys is a vector (m,). Multiply "
        "phi(Q) with both, and divide each row of the first by its entry of the "
        "second.",
    ),
    inputs={"Q": "nq, d", "K": "nk, d", "V": "nk, dv", "W": "d, m"},
    returns=Result("O", "nq, dv"),
    memory=512,
)


@linear_attention.cases
def linear_cases(rng):
    inputs = {
        "Q": np.array([[1.0, 0.0]]),
        "K": np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        "V": np.array([[1.0] * 4, [0.0, 2.0, 0.0, 4.0], [3.0, 0.0, 6.0, 0.0]]),
        "W": np.array([[1.0, 0.0, 2.0, 0.0, 1.0], [0.0, 1.0, 0.0, 2.0, 1.0]]),
    }
    yield Case(inputs, "one query, three keys")
    yield Case(_triple(rng, 4, 5, 3, 6, 2), "random numbers")
    yield Case(_triple(rng, 2, 6, 5, 4, 3, kind="exp"), "another feature map, m < d")
    yield Case(_triple(rng, 3, 6, 4, 5, 2, np.float32), "float32")
    inputs = _small_features(_triple(rng, 3, 4, 5, 6, 2, kind="exp"))
    yield Case(inputs, "very small features")
    yield Case(_triple(rng, 3, 1, 4, 5, 2), "a single key", edge=True)
    inputs = _triple(rng, 12_000, 12_003, 5, 6, 4)
    yield Case(inputs, "12,000 queries and 12,003 keys", large=True)


@linear_attention.misconception(
    "That took more than 512 MiB. All pairs of 12,000 queries and 12,003 keys are "
    "1.15 GB. Multiply phi(K) transposed with V first: that is m x dv, however long "
    "the sequence is.",
    cost="memory",
)
def all_pairs(Q, K, V, feature):
    A = feature(Q) @ feature(K).T
    return A @ V / A.sum(axis=1, keepdims=True)


@linear_attention.misconception(
    "You did not normalise. Divide each row by the sum of its weights, phi(q) times "
    "the sum of all phi(k)."
)
def no_normaliser(Q, K, V, feature):
    return feature(Q) @ (feature(K).T @ V)


@linear_attention.misconception(
    "That is softmax attention. Here the weight of a key is phi(q) times phi(k), "
    "divided by the sum over the keys; no exponential of a dot product."
)
def softmax_attention(Q, K, V, feature):
    O = np.empty((len(Q), V.shape[1]), dtype=V.dtype)
    for i, q in enumerate(Q):  # row by row: this one is not about memory
        s = K @ q / len(q) ** 0.5
        e = np.exp(s - s.max())
        O[i] = e @ V / e.sum()
    return O


@linear_attention.misconception(
    "That is softmax attention, unscaled as on the slides. Here the weight of a key is "
    "phi(q) times phi(k): no exponential of a dot product."
)
def softmax_of_the_slides(Q, K, V, feature):
    O = np.empty((len(Q), V.shape[1]), dtype=V.dtype)
    for i, q in enumerate(Q):
        e = np.exp(K @ q - (K @ q).max())
        O[i] = e @ V / e.sum()
    return O


@linear_attention.misconception(
    "You took the softmax of phi(q) times phi(k). These products are the weights "
    "already: positive, and to be divided by their sum."
)
def softmax_of_features(Q, K, V, feature):
    O, keys = np.empty((len(Q), V.shape[1]), dtype=V.dtype), feature(K)
    for i, query in enumerate(feature(Q)):
        s = keys @ query
        e = np.exp(s - s.max())
        O[i] = e @ V / e.sum()
    return O


@linear_attention.misconception(
    "Your normaliser runs over the queries. Each query's weights over all keys must "
    "sum to 1: sum phi(k) over the keys."
)
def over_the_queries(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    return queries @ (keys.T @ (V / (keys @ queries.sum(axis=0))[:, None]))


@linear_attention.misconception(
    "You divided by the number of keys. The weights differ from query to query, and so "
    "does their sum: phi(q) times the sum of all phi(k)."
)
def divided_by_count(Q, K, V, feature):
    return feature(Q) @ (feature(K).T @ V) / len(K)


@linear_attention.misconception(
    "You divided by the sum of phi(k) alone. The weights are phi(q) times phi(k), so "
    "their sum has phi(q) in it too."
)
def normaliser_without_query(Q, K, V, feature):
    keys = feature(K)
    return feature(Q) @ (keys.T @ V) / keys.sum()


@linear_attention.misconception(
    "You normalised phi(K) over the features. The sum runs over the keys, for each "
    "feature apart, and then meets phi(q)."
)
def over_the_features(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    queries = queries / queries.sum(axis=1, keepdims=True)
    return queries @ ((keys / keys.sum(axis=0)).T @ V)


@linear_attention.misconception(
    "You scaled the queries by the root of d before the feature map. There is no scale "
    "on this path."
)
def scaled(Q, K, V, feature):
    queries, keys = feature(Q / Q.shape[1] ** 0.5), feature(K)
    return queries @ (keys.T @ V) / (queries @ keys.sum(axis=0))[:, None]


@linear_attention.misconception(
    "You added a small number to the denominator. The features are positive, so it is "
    "never 0; and where they are small, the small number is not."
)
def with_epsilon(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    return queries @ (keys.T @ V) / (queries @ keys.sum(axis=0) + 1e-6)[:, None]


@linear_attention.misconception(
    "You did not use `feature`. It is given and may be any positive map; elu + 1 of Q "
    "and K as they stand is only the paper's choice."
)
def fixed_feature(Q, K, V, feature):
    queries, keys = (np.exp(np.minimum(M, 0)) + np.maximum(M, 0) for M in (Q, K))
    return queries @ (keys.T @ V) / (queries @ keys.sum(axis=0))[:, None]


@linear_attention.misconception(
    "Your result is transposed: one row for each query, (nq, dv)."
)
def in_columns(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    return (queries @ (keys.T @ V) / (queries @ keys.sum(axis=0))[:, None]).T


@linear_attention.misconception(
    "You applied `feature` to the keys only. Queries and keys must both be features, "
    "of the same width m."
)
def raw_queries(Q, K, V, feature):
    keys = feature(K)
    return Q @ (keys.T @ V) / (Q @ keys.sum(axis=0))[:, None]


@linear_attention.alternative
def values_with_ones(Q, K, V, feature):
    ones = np.ones((len(V), 1), dtype=V.dtype)
    both = feature(Q) @ (feature(K).T @ np.concatenate([V, ones], axis=1))
    return both[:, :-1] / both[:, -1:]


@linear_attention.alternative
def by_einsum(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    S = np.einsum("km,kv->mv", keys, V)
    z = np.einsum("km->m", keys)
    return (
        np.einsum("qm,mv->qv", queries, S) / np.einsum("qm,m->q", queries, z)[:, None]
    )


@linear_attention.alternative
def key_by_key(Q, K, V, feature):
    S, z = 0, 0
    for k, v in zip(K, V):
        key = feature(k)
        S, z = S + np.outer(key, v), z + key
    queries = feature(Q)
    return (queries @ S) / (queries @ z).reshape(-1, 1)


@linear_attention.alternative
def pairs_in_blocks(Q, K, V, feature):
    keys = feature(K)
    blocks = []
    for start in range(0, len(Q), 64):
        A = feature(Q[start : start + 64]) @ keys.T
        blocks.append((A / A.sum(axis=1, keepdims=True)) @ V)
    return np.concatenate(blocks)


# --- 12.4 causal_linear_attention -------------------------------------------------

causal_linear_attention = Exercise(
    name="causal_linear_attention",
    points=4,
    difficulty=3,
    minutes=25,
    source=f"{PAPER}, section 3.3",
    hints=(
        "Query i needs the two sums over keys 1 to i. From i to i + 1 each grows by "
        "one term: sums so far are what `np.cumsum` makes.",
        "All products of keys and values, phi(K)[:, :, None] * V[:, None, :], are (n, "
        "m, dv); their cumulative sum over the first axis holds one S for each query. "
        "The cumulative sum of phi(K) holds the z of each. A loop that adds to S and z "
        "does it as well.",
    ),
    inputs={"Q": "n, d", "K": "n, d", "V": "n, dv", "W": "d, m"},
    returns=Result("O", "n, dv"),
    memory=512,
)


@causal_linear_attention.cases
def causal_cases(rng):
    inputs = {
        "Q": np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
        "K": np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        "V": np.array([[1.0] * 4, [0.0, 2.0, 0.0, 4.0], [3.0, 0.0, 6.0, 0.0]]),
        "W": np.array([[1.0, 0.0, 2.0, 0.0, 1.0], [0.0, 1.0, 0.0, 2.0, 1.0]]),
    }
    yield Case(inputs, "three tokens")
    yield Case(_triple(rng, 5, 5, 3, 6, 2), "random numbers")
    yield Case(_triple(rng, 3, 3, 5, 4, 2, kind="exp"), "another feature map, m < d")
    yield Case(_triple(rng, 4, 4, 3, 5, 2, np.float32), "float32")
    inputs = _small_features(_triple(rng, 3, 3, 5, 4, 2, kind="exp"))
    yield Case(inputs, "very small features")
    yield Case(_triple(rng, 1, 1, 3, 4, 2), "a single token", edge=True)
    inputs = _triple(rng, 12_000, 12_000, 5, 6, 4)
    yield Case(inputs, "12,000 tokens", large=True)


@causal_linear_attention.misconception(
    "That took more than 512 MiB. All pairs of 12,000 tokens are 1.15 GB, and "
    "their mask comes on top. Keep sums that grow from token to token instead.",
    cost="memory",
)
def all_pairs_masked(Q, K, V, feature):
    A = np.tril(feature(Q) @ feature(K).T)
    return A @ V / A.sum(axis=1, keepdims=True)


@causal_linear_attention.misconception(
    "Your queries see the future. Query i may use keys 1 to i only, so its sums end "
    "there."
)
def sees_the_future(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    return queries @ (keys.T @ V) / (queries @ keys.sum(axis=0))[:, None]


@causal_linear_attention.misconception(
    "Your normaliser is not causal: it sums over all keys, and early rows come out too "
    "small. Both sums end at i."
)
def normaliser_sees_the_future(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    S = np.cumsum(keys[:, :, None] * V[:, None, :], axis=0)
    numerator = np.einsum("nm,nmv->nv", queries, S)
    return numerator / (queries @ keys.sum(axis=0))[:, None]


@causal_linear_attention.misconception(
    "Only your normaliser is causal; the sum of keys times values still runs over all "
    "tokens. Both end at i."
)
def numerator_sees_the_future(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    z = np.cumsum(keys, axis=0)
    return queries @ (keys.T @ V) / (queries * z).sum(axis=1, keepdims=True)


@causal_linear_attention.misconception(
    "Your tokens do not see themselves. Query i may use key i too; the first would "
    "have nothing to look at."
)
def without_itself(Q, K, V, feature):
    with np.errstate(all="ignore"):
        queries, keys = feature(Q), feature(K)
        S = np.cumsum(keys[:, :, None] * V[:, None, :], axis=0)
        z = np.cumsum(keys, axis=0)
        S = np.concatenate([np.zeros_like(S[:1]), S[:-1]])
        z = np.concatenate([np.zeros_like(z[:1]), z[:-1]])
        numerator = np.einsum("nm,nmv->nv", queries, S)
        return numerator / (queries * z).sum(axis=1, keepdims=True)


@causal_linear_attention.misconception(
    "Your tokens do not see themselves, and the first got zeros. Query i may use key i "
    "too, so the first output is the first value."
)
def without_itself_zeros(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    O = np.zeros_like(V)
    for i in range(1, len(Q)):
        S, z = keys[:i].T @ V[:i], keys[:i].sum(axis=0)
        O[i] = queries[i] @ S / (queries[i] @ z)
    return O


@causal_linear_attention.misconception(
    "You summed from the end: your tokens see what comes after them. Sum from the "
    "first to i."
)
def sees_only_the_future(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    S = np.cumsum((keys[:, :, None] * V[:, None, :])[::-1], axis=0)[::-1]
    z = np.cumsum(keys[::-1], axis=0)[::-1]
    numerator = np.einsum("nm,nmv->nv", queries, S)
    return numerator / (queries * z).sum(axis=1, keepdims=True)


@causal_linear_attention.misconception(
    "You did not normalise. Divide each row by phi(q) times the sum of phi(k) so far."
)
def no_normaliser(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    S = np.cumsum(keys[:, :, None] * V[:, None, :], axis=0)
    return np.einsum("nm,nmv->nv", queries, S)


@causal_linear_attention.misconception(
    "You divided by the number of tokens so far. The sum of the weights is phi(q) "
    "times the sum of phi(k) so far."
)
def divided_by_count(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    S = np.cumsum(keys[:, :, None] * V[:, None, :], axis=0)
    count = np.arange(1, len(Q) + 1)[:, None]
    return np.einsum("nm,nmv->nv", queries, S) / count


@causal_linear_attention.misconception(
    "You did not sum at all: each query sees its own key only. Use cumulative sums "
    "over the tokens."
)
def only_itself(Q, K, V, feature):
    return V.copy()


@causal_linear_attention.misconception(
    "You summed keys and values apart and then multiplied. Multiply each key with its "
    "own value first; then sum."
)
def sums_apart(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    z = np.cumsum(keys, axis=0)
    numerator = (queries * z).sum(axis=1, keepdims=True) * np.cumsum(V, axis=0)
    return numerator / (queries * z).sum(axis=1, keepdims=True)


@causal_linear_attention.misconception(
    "That is masked softmax attention. Here the weights are phi(q) times phi(k), "
    "divided by their sum so far."
)
def softmax_attention(Q, K, V, feature):
    O = np.empty_like(V)
    for i, q in enumerate(Q):  # row by row: this one is not about memory
        s = K[: i + 1] @ q / len(q) ** 0.5
        e = np.exp(s - s.max())
        O[i] = e @ V[: i + 1] / e.sum()
    return O


@causal_linear_attention.misconception(
    "That is masked softmax attention, unscaled as on the slides. Here the weights are "
    "phi(q) times phi(k), divided by their sum so far."
)
def softmax_of_the_slides(Q, K, V, feature):
    O = np.empty_like(V)
    for i, q in enumerate(Q):
        s = K[: i + 1] @ q
        e = np.exp(s - s.max())
        O[i] = e @ V[: i + 1] / e.sum()
    return O


@causal_linear_attention.misconception(
    "You added a small number to the denominator. Each token sees itself and features "
    "are positive, so it is never 0; and where they are small, the small number is not."
)
def with_epsilon(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    S = np.cumsum(keys[:, :, None] * V[:, None, :], axis=0)
    z = np.cumsum(keys, axis=0)
    numerator = np.einsum("nm,nmv->nv", queries, S)
    return numerator / ((queries * z).sum(axis=1, keepdims=True) + 1e-6)


@causal_linear_attention.misconception(
    "You scaled the queries by the root of d before the feature map. There is no scale "
    "on this path."
)
def scaled(Q, K, V, feature):
    queries, keys = feature(Q / Q.shape[1] ** 0.5), feature(K)
    S = np.cumsum(keys[:, :, None] * V[:, None, :], axis=0)
    z = np.cumsum(keys, axis=0)
    numerator = np.einsum("nm,nmv->nv", queries, S)
    return numerator / (queries * z).sum(axis=1, keepdims=True)


@causal_linear_attention.misconception(
    "You did not use `feature`. It is given and may be any positive map; elu + 1 of Q "
    "and K as they stand is only the paper's choice."
)
def fixed_feature(Q, K, V, feature):
    queries, keys = (np.exp(np.minimum(M, 0)) + np.maximum(M, 0) for M in (Q, K))
    S = np.cumsum(keys[:, :, None] * V[:, None, :], axis=0)
    z = np.cumsum(keys, axis=0)
    numerator = np.einsum("nm,nmv->nv", queries, S)
    return numerator / (queries * z).sum(axis=1, keepdims=True)


@causal_linear_attention.alternative
def token_by_token(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    S, z = np.zeros((keys.shape[1], V.shape[1])), np.zeros(keys.shape[1])
    O = np.empty_like(V)
    for i, (q, k, v) in enumerate(zip(queries, keys, V)):
        S += np.outer(k, v)
        z += k
        O[i] = q @ S / (q @ z)
    return O


@causal_linear_attention.alternative
def in_blocks(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    S, z, rows = 0 * (keys[:1].T @ V[:1]), 0 * keys[0], []
    for start in range(0, len(Q), 4):
        q, k, v = (M[start : start + 4] for M in (queries, keys, V))
        A = np.tril(q @ k.T)
        total = q @ z + A.sum(axis=1)
        rows.append((q @ S + A @ v) / total[:, None])
        S, z = S + k.T @ v, z + k.sum(axis=0)
    return np.vstack(rows)


@causal_linear_attention.alternative
def feature_by_feature(Q, K, V, feature):
    queries, keys = feature(Q), feature(K)
    numerator, total = np.zeros_like(V), np.zeros_like(V[:, :1])
    for m in range(keys.shape[1]):
        q, k = queries[:, m : m + 1], keys[:, m : m + 1]
        numerator = numerator + q * np.cumsum(k * V, axis=0)
        total = total + q * np.cumsum(k, axis=0)
    return numerator / total


# --- 12.5 linear_attention_step ---------------------------------------------------

linear_attention_step = Exercise(
    name="linear_attention_step",
    points=3,
    difficulty=3,
    minutes=15,
    source=f"{PAPER}, section 3.4",
    hints=(
        "What does one token add to the sum of keys times values, and what to the sum "
        "of keys? The token sees itself: when must the state be updated?",
        "S plus the outer product of phi(k) and v, z plus phi(k), each as a new array. "
        "Then y is phi(q) times the new S, divided by phi(q) times the new z.",
    ),
    inputs={"S": "m, dv", "z": "m", "q": "d", "k": "d", "v": "dv", "W": "d, m"},
    returns=[Result("S", "m, dv"), Result("z", "m"), Result("y", "dv")],
)


def _step_inputs(rng, d, m, dv, dtype=float, kind="elu"):
    """A state as three earlier tokens leave it, and the next token."""
    keys = np.round(rng.uniform(0.1, 2.0, size=(3, m)), 2).astype(dtype)
    inputs = {
        "S": keys.T @ _numbers(rng, 3, dv, dtype=dtype),
        "z": keys.sum(axis=0),
        "q": _numbers(rng, d, dtype=dtype),
        "k": _numbers(rng, d, dtype=dtype),
        "v": _numbers(rng, dv, dtype=dtype),
        "W": np.round(rng.normal(size=(d, m)) / d**0.5, 2).astype(dtype),
    }
    return inputs if kind == "elu" else {**inputs, "kind": kind}


@linear_attention_step.cases
def step_cases(rng):
    inputs = {
        "S": np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 0.0], [2.0, 1.0]]),
        "z": np.array([1.0, 2.0, 1.0, 3.0]),
        "q": np.array([1.0, 0.0, 0.0]),
        "k": np.array([0.0, 1.0, 0.0]),
        "v": np.array([5.0, -5.0]),
        "W": np.array([[1.0, 0, 0, 2], [0, 1.0, 3, 0], [1, 1, 1, 1]]),
    }
    yield Case(inputs, "one more token")
    yield Case(_step_inputs(rng, 4, 3, 2, kind="exp"), "random numbers, m < d")
    yield Case(_step_inputs(rng, 3, 4, 2, np.float32), "float32")
    inputs = _step_inputs(rng, 3, 2, 1)
    inputs["S"], inputs["z"] = np.zeros((2, 1)), np.zeros(2)
    yield Case(inputs, "an empty state", edge=True)
    inputs = _step_inputs(rng, 3, 2, 1, kind="exp")
    inputs["W"] = inputs["W"] * 0.2
    inputs["W"][0] = -8
    inputs["q"][0] = inputs["k"][0] = 1
    inputs["S"], inputs["z"] = 3e-4 * inputs["S"], 3e-4 * inputs["z"]
    yield Case(inputs, "very small features")


@linear_attention_step.misconception(
    "You answered before you updated the state, so the token does not see itself. Add "
    "its key and value first; then read."
)
def updated_after_reading(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    with np.errstate(all="ignore"):
        y = query @ S / (query @ z)
    return (S + np.outer(key, v), z + key), y


@linear_attention_step.misconception(
    "You changed the state you were given: `S += ...` works in place. Make new arrays, "
    "`S = S + ...`; somebody may still need the old state."
)
def changed_in_place(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    S += np.outer(key, v)
    z += key
    return (S, z), query @ S / (query @ z)


@linear_attention_step.misconception(
    "You did not normalise: divide by phi(q) times the sum of keys, z."
)
def no_normaliser(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    S, z = S + np.outer(key, v), z + key
    return (S, z), query @ S


@linear_attention_step.misconception(
    "Your normaliser is from before this token. S and z are updated together; then "
    "both are read."
)
def old_normaliser(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    S = S + np.outer(key, v)
    with np.errstate(all="ignore"):
        y = query @ S / (query @ z)
    return (S, z + key), y


@linear_attention_step.misconception(
    "You updated S and forgot z. The sum of keys grows with each token too."
)
def z_forgotten(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    S = S + np.outer(key, v)
    with np.errstate(all="ignore"):
        return (S, z), query @ S / (query @ z)


@linear_attention_step.misconception(
    "You replaced the state by this token's part. It is a sum: add to what is there."
)
def replaced(state, q, k, v, feature):
    query, key = feature(q), feature(k)
    S, z = np.outer(key, v), key
    return (S, z), query @ S / (query @ z)


@linear_attention_step.misconception(
    "You gave back the old state. The answer is right, but the next token would find "
    "nothing of this one."
)
def old_state(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    return state, query @ (S + np.outer(key, v)) / (query @ (z + key))


@linear_attention_step.misconception(
    "Query and key are swapped: the key is written into the state, the query reads it."
)
def keys_read(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    S, z = S + np.outer(query, v), z + query
    return (S, z), key @ S / (key @ z)


@linear_attention_step.misconception(
    "Your outer product is transposed. S is (m, dv): features in rows, so phi(k) comes "
    "first."
)
def outer_transposed(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    S, z = S + np.outer(v, key), z + key
    return (S, z), query @ S / (query @ z)


@linear_attention_step.misconception(
    "Your key is as wide as the inputs, but S has m rows. Put key and query through "
    "the `feature` that is given; elu + 1 of the vectors as they stand is only the "
    "paper's choice."
)
def not_through_feature(state, q, k, v, feature):
    S, z = state
    query = feature(q)
    S, z = S + np.outer(k, v), z + k
    return (S, z), query @ S / (query @ z)


@linear_attention_step.misconception(
    "You added a small number to the denominator. The token sees itself and features "
    "are positive, so it is never 0; and where they are small, the small number is not."
)
def with_epsilon(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    S, z = S + np.outer(key, v), z + key
    return (S, z), query @ S / (query @ z + 1e-6)


@linear_attention_step.misconception(
    "You scaled the query by the root of d before the feature map. There is no scale "
    "on this path."
)
def scaled(state, q, k, v, feature):
    S, z = state
    query, key = feature(q / len(q) ** 0.5), feature(k)
    S, z = S + np.outer(key, v), z + key
    return (S, z), query @ S / (query @ z)


@linear_attention_step.misconception(
    "You divided the state you give back by the normaliser. Keep plain sums in the "
    "state, and divide only the answer."
)
def normalised_state(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    S, z = S + np.outer(key, v), z + key
    S = S / (query @ z)
    return (S, z), query @ S


@linear_attention_step.alternative
def by_einsum(state, q, k, v, feature):
    key, query = feature(k), feature(q)
    new = (state[0] + np.einsum("m,v->mv", key, v), state[1] + key)
    return new, np.einsum("m,mv->v", query, new[0]) / np.einsum("m,m->", query, new[1])


@linear_attention_step.alternative
def on_copies(state, q, k, v, feature):
    S, z = (part.copy() for part in state)
    key, query = feature(k[None]), feature(q[None])
    S += key.T @ v[None]
    z += key[0]
    return [S, z], (query @ S / (query @ z))[0]


@linear_attention_step.alternative
def weights_of_old_and_new(state, q, k, v, feature):
    S, z = state
    query, key = feature(q), feature(k)
    old, new = query @ z, query @ key
    y = (query @ S + new * v) / (old + new)
    return (np.add(S, key[:, None] * v), np.add(z, key)), y
