"""How chapter 3, how relevant is one vector to another, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result


def _numbers(rng, *shape, dtype=float):
    """Random numbers with two decimals: they read well in the public cases."""
    return np.round(rng.normal(size=shape), 2).astype(dtype)


# --- 3.1 relevance ----------------------------------------------------------------

relevance = Exercise(
    name="relevance",
    points=2,
    difficulty=1,
    minutes=8,
    source='slide "Self-attention" (dot product)',
    hints=(
        "First make the query of i and the key of j; each is a vector times a matrix.",
        "`a_i @ Wq` is the query, (dk,). The key comes from `a_j` and `Wk` in the same "
        "way. The dot product of two vectors is `@` again.",
    ),
    inputs={"a_i": "d", "a_j": "d", "Wq": "d, dk", "Wk": "d, dk"},
    returns=Result("alpha", ""),
)


@relevance.cases
def relevance_cases(rng):
    yield Case(
        {
            "a_i": np.array([1.0, 2.0]),
            "a_j": np.array([-3.0, 2.0]),
            "Wq": np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
            "Wk": np.array([[2.0, 1.0, 0.0], [1.0, 0.0, -1.0]]),
        },
        "two numbers a vector, projected to three",
    )
    for d, dk, dtype, note in (
        (5, 3, float, "random numbers"),
        (3, 7, float, "dk larger than d"),
        (6, 4, np.float32, "float32"),
    ):
        inputs = {
            "a_i": _numbers(rng, d, dtype=dtype),
            "a_j": _numbers(rng, d, dtype=dtype),
            "Wq": _numbers(rng, d, dk, dtype=dtype),
            "Wk": _numbers(rng, d, dk, dtype=dtype),
        }
        yield Case(inputs, note)
    a, Wq, Wk = _numbers(rng, 4), _numbers(rng, 4, 3), _numbers(rng, 4, 3)
    yield Case({"a_i": a, "a_j": a, "Wq": Wq, "Wk": Wk}, "a vector with itself")
    a_i, a_j = _numbers(rng, 4), _numbers(rng, 4)
    Wq, Wk = _numbers(rng, 4, 4), _numbers(rng, 4, 4)
    inputs = {"a_i": a_i, "a_j": a_j, "Wq": Wq, "Wk": Wk}
    yield Case(inputs, "square matrices", edge=True)


@relevance.misconception(
    "You multiplied the vectors themselves. Project them first: the query is a_i Wq, "
    "the key is a_j Wk."
)
def no_projection(a_i, a_j, Wq, Wk):
    return a_i @ a_j


@relevance.misconception(
    "You swapped query and key: i asks, so a_i goes through Wq, and a_j, which is "
    "asked, through Wk."
)
def swapped(a_i, a_j, Wq, Wk):
    return (a_j @ Wq) @ (a_i @ Wk)


@relevance.misconception(
    "You divided by the root of dk. The scale comes in the third exercise; the slide's "
    "score has none."
)
def scaled(a_i, a_j, Wq, Wk):
    return (a_i @ Wq) @ (a_j @ Wk) / np.sqrt(Wq.shape[1])


@relevance.misconception(
    "You used Wq for both. The key has a matrix of its own, Wk; with one matrix the "
    "relevance would be the same in both directions."
)
def one_matrix(a_i, a_j, Wq, Wk):
    return (a_i @ Wq) @ (a_j @ Wq)


@relevance.misconception(
    "You multiplied query and key entry by entry and did not add up. A score is one "
    "number: the sum of those products."
)
def not_summed(a_i, a_j, Wq, Wk):
    return (a_i @ Wq) * (a_j @ Wk)


@relevance.misconception(
    "You divided by the lengths of query and key: that is their cosine. The score "
    "keeps the lengths."
)
def cosine(a_i, a_j, Wq, Wk):
    q, k = a_i @ Wq, a_j @ Wk
    return q @ k / np.sqrt((q @ q) * (k @ k))


@relevance.alternative
def by_loop(a_i, a_j, Wq, Wk):
    total = 0.0
    for c in range(Wq.shape[1]):
        query = sum(a_i[r] * Wq[r, c] for r in range(len(a_i)))
        key = sum(a_j[r] * Wk[r, c] for r in range(len(a_j)))
        total += query * key
    return float(total)


@relevance.alternative
def as_bilinear_form(a_i, a_j, Wq, Wk):
    return a_i @ (Wq @ Wk.T) @ a_j


@relevance.alternative
def by_einsum(a_i, a_j, Wq, Wk):
    return np.einsum("d,dk,ek,e->", a_i, Wq, Wk, a_j)


# --- 3.2 dot_product_scores -------------------------------------------------------

dot_product_scores = Exercise(
    name="dot_product_scores",
    points=2,
    difficulty=1,
    minutes=6,
    source='slide "Self-attention" (dot product); arXiv 1508.04025, section 3.1',
    hints=(
        "You need every row of Q with every row of K.",
        "A matrix product pairs the rows of its first factor with the columns of its "
        "second. What makes rows of K into columns?",
    ),
    inputs={"Q": "nq, dk", "K": "nk, dk"},
    returns=Result("S", "nq, nk"),
)


@dot_product_scores.cases
def dot_product_cases(rng):
    Q = np.array([[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 0.0, -1.0]])
    K = np.array([[2.0, 0.0, 1.0, 5.0], [1.0, 1.0, 1.0, 1.0], [0.0, -3.0, 0.0, 2.0]])
    yield Case({"Q": Q, "K": K}, "two queries, three keys")
    for nq, nk, dk, dtype, note in (
        (5, 2, 3, float, "more queries than keys"),
        (2, 6, 4, float, "more keys than queries"),
        (4, 3, 5, np.float32, "float32"),
    ):
        Q, K = _numbers(rng, nq, dk, dtype=dtype), _numbers(rng, nk, dk, dtype=dtype)
        yield Case({"Q": Q, "K": K}, note)
    Q, K = _numbers(rng, 1, 3), _numbers(rng, 4, 3)
    yield Case({"Q": Q, "K": K}, "one query", edge=True)
    Q, K = _numbers(rng, 3, 3), _numbers(rng, 3, 3)
    yield Case({"Q": Q, "K": K}, "as many queries as keys as dk", edge=True)


@dot_product_scores.misconception(
    "The scores are transposed: row i belongs to query i, so Q comes first."
)
def transposed(Q, K):
    return K @ Q.T


@dot_product_scores.misconception(
    "You multiplied entry by entry. Every query meets every key, also where there are "
    "more of one than of the other."
)
def elementwise(Q, K):
    return Q * K


@dot_product_scores.misconception(
    "You paired query i with key i alone. Every query meets every key."
)
def pairs_only(Q, K):
    n = min(len(Q), len(K))
    return (Q[:n] * K[:n]).sum(axis=1)


@dot_product_scores.misconception(
    "K needs to be transposed: the product pairs rows of Q with columns of its second "
    "factor."
)
def not_transposed(Q, K):
    return Q @ K


@dot_product_scores.misconception(
    "You divided by the root of dk. That is the next exercise; this score is unscaled."
)
def scaled_already(Q, K):
    return Q @ K.T / np.sqrt(Q.shape[1])


@dot_product_scores.misconception(
    "You computed cosines. The dot product keeps the lengths of the vectors."
)
def cosines(Q, K):
    return (Q @ K.T) / np.outer(np.linalg.norm(Q, axis=1), np.linalg.norm(K, axis=1))


@dot_product_scores.alternative
def by_two_loops(Q, K):
    S = np.zeros((len(Q), len(K)), dtype=Q.dtype)
    for i in range(len(Q)):
        for j in range(len(K)):
            S[i, j] = np.dot(Q[i], K[j])
    return S


@dot_product_scores.alternative
def by_broadcasting(Q, K):
    return (Q[:, None, :] * K[None, :, :]).sum(axis=-1)


@dot_product_scores.alternative
def by_inner(Q, K):
    return np.inner(Q, K)


# --- 3.3 scaled_dot_product_scores ------------------------------------------------

scaled_dot_product_scores = Exercise(
    name="scaled_dot_product_scores",
    points=3,
    difficulty=2,
    minutes=10,
    source="arXiv 1706.03762, section 3.2.1",
    hints=(
        "Divide the scores by a number that depends on the width of the vectors.",
        "The width dk is `Q.shape[1]`; the scale is its square root. Compare the two "
        "widths before you multiply and raise `ValueError` when they differ.",
    ),
    inputs={"Q": "nq, dk", "K": "nk, dk"},
    returns=Result("S", "nq, nk"),
)


@scaled_dot_product_scores.cases
def scaled_cases(rng):
    Q = np.array([[2.0, 0.0, 4.0, 0.0], [0.0, 2.0, 0.0, -2.0]])
    K = np.array([[2.0, 0.0, 1.0, 5.0], [1.0, 1.0, 1.0, 1.0], [0.0, -3.0, 0.0, 2.0]])
    yield Case({"Q": Q, "K": K}, "dk = 4, so the scale is 2")
    for nq, nk, dk, dtype, note in (
        (5, 2, 3, float, "more queries than keys"),
        (2, 6, 5, float, "more keys than queries"),
        (3, 4, 7, np.float32, "float32"),
    ):
        Q, K = _numbers(rng, nq, dk, dtype=dtype), _numbers(rng, nk, dk, dtype=dtype)
        yield Case({"Q": Q, "K": K}, note)
    Q, K = _numbers(rng, 1, 3), _numbers(rng, 4, 3)
    yield Case({"Q": Q, "K": K}, "one query", edge=True)
    Q, K = _numbers(rng, 2, 3), _numbers(rng, 4, 5)
    yield Case({"Q": Q, "K": K}, "queries of 3 and keys of 5 numbers", edge=True)
    Q, K = _numbers(rng, 4, 5), _numbers(rng, 5, 4)
    yield Case({"Q": Q, "K": K}, "keys that are given in columns", edge=True)
    Q, K = _numbers(rng, 3, 4), _numbers(rng, 2, 1)
    yield Case({"Q": Q, "K": K}, "keys of a single number", edge=True)


@scaled_dot_product_scores.misconception(
    "The scale is missing. Divide by the root of dk, or the scores grow with the width "
    "of the vectors."
)
def no_scale(Q, K):
    if Q.shape[1] != K.shape[1]:
        raise ValueError("different dk")
    return Q @ K.T


@scaled_dot_product_scores.misconception(
    "You divided by dk. The spread of a dot product grows with the root of dk, so "
    "divide by that."
)
def divided_by_dk(Q, K):
    if Q.shape[1] != K.shape[1]:
        raise ValueError("different dk")
    return Q @ K.T / Q.shape[1]


@scaled_dot_product_scores.misconception(
    "You took the root of the number of keys. The scale belongs to the width of the "
    "vectors, dk."
)
def root_of_keys(Q, K):
    if Q.shape[1] != K.shape[1]:
        raise ValueError("different dk")
    return Q @ K.T / np.sqrt(K.shape[0])


@scaled_dot_product_scores.misconception(
    "You took the root of the number of queries: the first axis. dk is the last axis, "
    "`Q.shape[1]`."
)
def root_of_queries(Q, K):
    if Q.shape[1] != K.shape[1]:
        raise ValueError("different dk")
    return Q @ K.T / np.sqrt(Q.shape[0])


@scaled_dot_product_scores.misconception(
    "You multiplied by the root of dk; divide, so that the scores stay small."
)
def multiplied(Q, K):
    if Q.shape[1] != K.shape[1]:
        raise ValueError("different dk")
    return Q @ K.T * np.sqrt(Q.shape[1])


@scaled_dot_product_scores.misconception(
    "The scores are transposed: row i belongs to query i, so Q comes first."
)
def keys_first(Q, K):
    if Q.shape[1] != K.shape[1]:
        raise ValueError("different dk")
    return K @ Q.T / np.sqrt(Q.shape[1])


@scaled_dot_product_scores.misconception(
    "You went on to softmax. Scores come before it and may be any number; the weights "
    "are the next chapter."
)
def weights_already(Q, K):
    if Q.shape[1] != K.shape[1]:
        raise ValueError("different dk")
    e = np.exp(Q @ K.T / np.sqrt(Q.shape[1]))
    return e / e.sum(axis=1, keepdims=True)


@scaled_dot_product_scores.misconception(
    "You cut the longer vectors down to the shorter. Different widths are a mistake of "
    "the caller: raise a ValueError that says so."
)
def cuts_to_fit(Q, K):
    dk = min(Q.shape[1], K.shape[1])
    return Q[:, :dk] @ K[:, :dk].T / np.sqrt(dk)


@scaled_dot_product_scores.alternative
def by_einsum(Q, K):
    if Q.shape[-1] != K.shape[-1]:
        raise ValueError("Q and K need the same dk")
    return np.einsum("id,jd->ij", Q, K) / Q.shape[-1] ** 0.5


@scaled_dot_product_scores.alternative
def scales_the_queries(Q, K):
    return np.matmul(Q * K.shape[1] ** -0.5, np.transpose(K))


@scaled_dot_product_scores.alternative
def by_loop(Q, K):
    dq, dk = Q.shape[1], K.shape[1]
    if dq != dk:
        raise ValueError(f"{dq} is not {dk}")
    return np.array([[sum(q * k) / np.sqrt(dk) for k in K] for q in Q])


# --- 3.4 additive_scores ----------------------------------------------------------

additive_scores = Exercise(
    name="additive_scores",
    points=3,
    difficulty=3,
    minutes=15,
    source='slide "Self-attention" (additive); arXiv 1409.0473, appendix A.1.2',
    hints=(
        "Project all queries and all keys first, then add every query to every key.",
        "`(Q @ Wq)[:, None, :] + (K @ Wk)[None, :, :]` has shape (nq, nk, h). What is "
        "left is tanh, and a product with w that removes the last axis.",
    ),
    inputs={"Q": "nq, dq", "K": "nk, dk", "Wq": "dq, h", "Wk": "dk, h", "w": "h"},
    returns=Result("S", "nq, nk"),
)


@additive_scores.cases
def additive_cases(rng):
    inputs = {
        "Q": np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]]),
        "K": np.array([[1.0, 0.0, 0.0, 0.0]] * 5),
        "Wq": np.array([[1.0] * 6, [0.5] * 6, [-1.0] * 6]),
        "Wk": np.array([[0.0] * 6, [1.0] * 6, [0.0] * 6, [2.0] * 6]),
        "w": np.array([1.0, 2.0, 0.0, 0.0, 0.0, -1.0]),
    }
    yield Case(inputs, "scores 0 and 2 tanh(1)")
    for nq, nk, dq, dk, h, dtype, note in (
        (2, 5, 3, 4, 6, float, "random numbers"),
        (4, 2, 6, 3, 5, float, "more queries than keys"),
        (3, 4, 5, 6, 2, np.float32, "float32"),
    ):
        inputs = {
            "Q": _numbers(rng, nq, dq, dtype=dtype),
            "K": _numbers(rng, nk, dk, dtype=dtype),
            "Wq": _numbers(rng, dq, h, dtype=dtype),
            "Wk": _numbers(rng, dk, h, dtype=dtype),
            "w": _numbers(rng, h, dtype=dtype),
        }
        yield Case(inputs, note)
    inputs = {
        "Q": _numbers(rng, 2, 3),
        "K": _numbers(rng, 4, 3),
        "Wq": _numbers(rng, 3, 3),
        "Wk": _numbers(rng, 3, 3),
        "w": _numbers(rng, 3),
    }
    yield Case(inputs, "queries, keys and h of one width", edge=True)
    inputs = {
        "Q": 20 * _numbers(rng, 2, 3),  # exp of the sums must not overflow
        "K": 20 * _numbers(rng, 3, 4),
        "Wq": _numbers(rng, 3, 5),
        "Wk": _numbers(rng, 4, 5),
        "w": _numbers(rng, 5),
    }
    yield Case(inputs, "vectors so large that tanh saturates", edge=True)


@additive_scores.misconception(
    "tanh is missing. Without it the score falls apart into one term for the query and "
    "one for the key, and softmax would forget the query."
)
def no_tanh(Q, K, Wq, Wk, w):
    return (Q @ Wq @ w)[:, None] + (K @ Wk @ w)[None, :]


@additive_scores.misconception(
    "tanh stands outside the sum. Squash each of the h numbers first, then weigh them "
    "with w."
)
def tanh_outside(Q, K, Wq, Wk, w):
    return np.tanh((Q @ Wq @ w)[:, None] + (K @ Wk @ w)[None, :])


@additive_scores.misconception(
    "You multiplied the projections. The additive score adds query and key before tanh."
)
def product_inside(Q, K, Wq, Wk, w):
    return np.tanh((Q @ Wq)[:, None, :] * (K @ Wk)[None, :, :]) @ w


@additive_scores.misconception(
    "You squashed query and key on their own. Add them first; tanh of the sum is what "
    "lets them meet."
)
def tanh_of_each(Q, K, Wq, Wk, w):
    return (np.tanh(Q @ Wq) @ w)[:, None] + (np.tanh(K @ Wk) @ w)[None, :]


@additive_scores.misconception(
    "You added up the h numbers without w. Each of them has a weight of its own."
)
def without_w(Q, K, Wq, Wk, w):
    return np.tanh((Q @ Wq)[:, None, :] + (K @ Wk)[None, :, :]).sum(axis=-1)


@additive_scores.misconception(
    "You subtracted the key. The additive score adds query and key before tanh."
)
def subtracted(Q, K, Wq, Wk, w):
    return np.tanh((Q @ Wq)[:, None, :] - (K @ Wk)[None, :, :]) @ w


@additive_scores.misconception(
    "The scores are transposed: row i belongs to query i, so its axis comes first."
)
def keys_first(Q, K, Wq, Wk, w):
    return np.tanh((K @ Wk)[:, None, :] + (Q @ Wq)[None, :, :]) @ w


@additive_scores.misconception(
    "You used ReLU instead of tanh; the additive score on the slide has tanh."
)
def relu_instead(Q, K, Wq, Wk, w):
    return np.maximum((Q @ Wq)[:, None, :] + (K @ Wk)[None, :, :], 0) @ w


@additive_scores.alternative
def by_two_loops(Q, K, Wq, Wk, w):
    rows = []
    for q in Q:
        rows.append([w @ np.tanh(q @ Wq + k @ Wk) for k in K])
    return np.array(rows)


@additive_scores.alternative
def with_one_matrix(Q, K, Wq, Wk, w):
    # w . tanh([q; k] W), W the two matrices on top of each other
    nq, nk = len(Q), len(K)
    both = np.concatenate([np.repeat(Q, nk, axis=0), np.tile(K, (nq, 1))], axis=1)
    return (np.tanh(both @ np.concatenate([Wq, Wk])) @ w).reshape(nq, nk)


@additive_scores.alternative
def through_torch(Q, K, Wq, Wk, w):
    import torch

    Q, K, Wq, Wk, w = map(torch.from_numpy, (Q, K, Wq, Wk, w))
    hidden = torch.tanh((Q @ Wq).unsqueeze(1) + (K @ Wk).unsqueeze(0))
    return torch.einsum("ijh,h->ij", hidden, w)
