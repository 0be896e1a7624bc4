"""How chapter 14, efficient attention, is graded."""

import numpy as np

from autograder.author import Case, Exercise, Result

ARENA = "arXiv 2011.04006"


def _numbers(rng, *shape, dtype=float):
    """Random numbers that read well in the public cases: short in either precision."""
    numbers = rng.normal(size=shape)
    if dtype is float:
        return np.round(numbers, 2)
    return (np.round(32 * numbers) / 32).astype(dtype)


# --- 14.1 eval_listops ------------------------------------------------------------

eval_listops = Exercise(
    name="eval_listops",
    points=3,
    difficulty=3,
    minutes=30,
    source=f"arXiv 1804.06028; {ARENA}, section 2.2.1",
    hints=(
        "Read from left to right and keep a stack of the brackets that are open, each "
        "with its operator and the values it has so far. What happens at a digit, and "
        "what at a closing bracket?",
        "Begin with an outermost list for the answer. An operator pushes a new empty "
        "list; a digit is appended to the top one; ']' pops it, applies the operator, "
        "and appends the result to the list below. In the end only the outermost list "
        "may be there, with one value.",
    ),
    inputs={},
    returns=Result("answer", "", kind="int"),
)


def _expression(rng, depth):
    """A random expression as tokens, exactly `depth` brackets deep."""
    if depth == 0:
        return [str(rng.integers(10))]
    arguments = [_expression(rng, 0) for _ in range(rng.integers(1, 4))]
    arguments += [_expression(rng, depth - 1) for _ in range(rng.integers(1, 3))]
    order = rng.permutation(len(arguments))
    operator = str(rng.choice(["[MIN", "[MAX", "[MED", "[SM"]))
    return [operator, *(token for k in order for token in arguments[k]), "]"]


@eval_listops.cases
def listops_cases(rng):
    yield Case({"tokens": "[MAX 2 [MIN 4 7 ] ]".split()}, "one bracket in another")
    for text, note in (
        ("[MIN 3 8 5 ]", "the smallest"),
        ("[MAX 3 8 5 ]", "the largest"),
        ("[MED 9 1 2 ]", "the median of three"),
        ("[MED 1 4 ]", "the median of two: the mean, cut down to an int"),
        ("[MED 8 3 0 8 ]", "the median of four"),
        ("[MED 9 0 9 4 ]", "another median of four"),
        ("[SM 4 9 8 ]", "the sum modulo 10"),
        ("[SM 5 5 ]", "a sum of ten"),
        ("[MAX 9 [SM 9 9 ] 3 ]", "a sum inside of another bracket"),
        ("[SM [MIN 4 7 ] [MED 2 5 ] 9 [SM 8 [MAX 6 1 ] ] ]", "several brackets"),
        ("[MED 3 [MIN 8 9 ] [MAX 0 1 ] [SM 7 7 ] ]", "a median of brackets"),
    ):
        yield Case({"tokens": text.split()}, note)
    for depth in (2, 3, 4, 4):
        yield Case({"tokens": _expression(rng, depth)}, "a random expression")
    yield Case({"tokens": ["7"]}, "a digit alone", edge=True)
    yield Case({"tokens": "[MED 6 ]".split()}, "a bracket with one digit", edge=True)
    deep = ["[MAX", "1"] * 40 + ["5"] + ["]"] * 40
    yield Case({"tokens": deep}, "forty brackets deep", edge=True)
    for text, note in (
        ("", "an empty list"),
        ("[MAX ]", "an empty bracket"),
        ("[MIN 3 [SM ] ]", "an empty bracket inside"),
        ("[MAX 2 [MIN 4 7 ]", "a bracket that is not closed"),
        ("[MAX", "an operator alone"),
        ("[MAX 2 3 ] ]", "a closing bracket too many"),
        ("]", "a closing bracket alone"),
        ("] [MAX 2", "the closing bracket before the opening one"),
        ("[AVG 2 4 ]", "an unknown operator"),
        ("[MIN 1 [FIRST 2 4 ] ]", "an unknown operator inside"),
        ("[MAX 2 3 ] 5", "a digit after the expression"),
        ("4 5", "two digits and no bracket"),
    ):
        yield Case({"tokens": text.split()}, note, edge=True)


# Each misconception is the same small evaluator with one thing changed. Unpacking and
# `int` raise its ValueErrors.


@eval_listops.misconception(
    "MED of an even number of digits is wrong: you took the lower of the middle two. "
    "It is their mean, cut down to an int."
)
def lower_median(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {
        "[MED": lambda v: sorted(v)[(len(v) - 1) // 2],
        "[SM": lambda v: sum(v) % 10,
    }
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "MED of an even number of digits is wrong: you took the upper of the middle two. "
    "It is their mean, cut down to an int."
)
def upper_median(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: sorted(v)[len(v) // 2], "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "You rounded the median. Of 7 and 8 it is 7.5, and int(7.5) is 7: it is cut down."
)
def rounded_median(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {
        "[MED": lambda v: round(float(np.median(v))),
        "[SM": lambda v: sum(v) % 10,
    }
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "You took the middle of the digits as they stand. The median needs them sorted."
)
def unsorted_median(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {
        "[MED": lambda v: (v[len(v) // 2] + v[(len(v) - 1) // 2]) // 2,
        "[SM": lambda v: sum(v) % 10,
    }
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "MED is the median, the middle of the sorted digits; you took the mean of all."
)
def mean_for_median(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: sum(v) // len(v), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "SM is the sum modulo 10: only the last digit of the sum stays."
)
def sum_not_modulo(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": sum}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "You took the answer modulo 10 in the end. Each SM is cut at once, before the "
    "bracket around it uses it."
)
def modulo_at_the_end(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": sum}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer % 10


@eval_listops.misconception("MIN and MAX are swapped.")
def min_and_max_swapped(tokens):
    apply = {"[MIN": max, "[MAX": min}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "You applied the outer operator to all digits. An inner bracket is evaluated "
    "first, and only its answer counts outside."
)
def nesting_ignored(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, *(values if stack else [apply[operator](values)])])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "Something follows the expression, and you did not look. After the last bracket "
    "the list must end: raise a ValueError."
)
def rest_ignored(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer, *_]] = stack
    return answer


@eval_listops.misconception(
    "A bracket that is never closed slips through. When the list ends, none may be "
    "open: raise a ValueError."
)
def closed_in_silence(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    missing = sum(token in apply for token in tokens) - tokens.count("]")
    for token in tokens + ["]"] * missing:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "A closing bracket too many slips through. Where none is open, ']' is an error: "
    "raise a ValueError."
)
def closes_too_often(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            if len(stack) == 1:
                continue
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "The sum of an empty bracket became 0. `sum` of nothing is no error in Python, "
    "but here an empty bracket is one: raise a ValueError."
)
def empty_sum_is_zero(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values and operator != "[SM":
                raise ValueError("an empty bracket")
            stack.append([*outer, apply[operator](values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "An empty bracket got the value 0. There is nothing to take the smallest or the "
    "median of: raise a ValueError."
)
def empty_is_zero(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token in apply:
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            stack.append([*outer, apply[operator](values or [0])])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "An unknown operator was taken for the sum. Only MIN, MAX, MED and SM exist: "
    "raise a ValueError for any other."
)
def unknown_is_the_sum(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token[0] == "[":
            stack.append([token])
        elif token == "]":
            *stack, outer, (operator, *values) = stack
            if not values:
                raise ValueError("an empty bracket")
            stack.append([*outer, apply.get(operator, apply["[SM"])(values)])
        else:
            stack[-1].append(int(token))
    [[answer]] = stack
    return answer


@eval_listops.misconception(
    "A wrong expression ends in a KeyError or an IndexError. Say what is wrong: "
    "check, and raise a ValueError."
)
def other_exceptions(tokens):
    apply = {"[MIN": min, "[MAX": max}
    apply |= {"[MED": lambda v: int(np.median(v)), "[SM": lambda v: sum(v) % 10}
    stack = [[]]
    for token in tokens:
        if token == "]":
            operator, *values = stack.pop()
            stack[-1].append(apply[operator](values))
        elif token[0] == "[":
            stack.append([token])
        else:
            stack[-1].append(int(token))
    return stack[0][0]


@eval_listops.alternative
def by_recursion(tokens):
    def one(rest):
        token = next(rest, None)
        if token in list("0123456789"):
            return int(token)
        if token not in ("[MIN", "[MAX", "[MED", "[SM"):
            raise ValueError(f"not the start of an expression: {token}")
        values = list(arguments(rest))
        if not values:
            raise ValueError("an empty bracket")
        if token == "[MED":
            values.sort()
            return (values[len(values) // 2] + values[(len(values) - 1) // 2]) // 2
        return {"[MIN": min, "[MAX": max}.get(token, lambda v: sum(v) % 10)(values)

    def arguments(rest):
        for token in rest:
            if token == "]":
                return
            yield one(chain([token], rest))
        raise ValueError("a bracket is not closed")

    from itertools import chain

    everything = iter(tokens)
    answer = one(everything)
    if next(everything, None) is not None:
        raise ValueError("something follows")
    return answer


@eval_listops.alternative
def from_the_inside(tokens):
    rest = list(tokens)
    while "]" in rest:
        end = rest.index("]")
        start = max((i for i in range(end) if rest[i][0] == "["), default=None)
        if start is None or end - start < 2:
            raise ValueError("unbalanced or empty")
        values = np.array([int(token) for token in rest[start + 1 : end]])
        if rest[start] not in ("[MIN", "[MAX", "[MED", "[SM"):
            raise ValueError("unknown operator")
        answer = {
            "[MIN": values.min(),
            "[MAX": values.max(),
            "[MED": np.floor(np.median(values)),
            "[SM": values.sum() % 10,
        }[rest[start]]
        rest[start : end + 1] = [str(int(answer))]
    if len(rest) != 1 or not rest[0].isdigit():
        raise ValueError("not one expression")
    return np.int64(rest[0])


@eval_listops.alternative
def from_the_right(tokens):
    stack = []
    for token in reversed(tokens):
        if token == "]" or token.isdigit():
            stack.append(token)
            continue
        values = []
        while stack and stack[-1] != "]":
            values.append(int(stack.pop()))
        if not values or not stack:
            raise ValueError("empty or not closed")
        stack.pop()
        if token == "[MIN":
            answer = min(values)
        elif token == "[MAX":
            answer = max(values)
        elif token == "[MED":
            answer = int(np.median(values))
        elif token == "[SM":
            answer = sum(values) % 10
        else:
            raise ValueError("unknown operator")
        stack.append(str(answer))
    if len(stack) != 1:
        raise ValueError("not one expression")
    return int(stack[0])


# --- 14.2 linformer_attention -----------------------------------------------------

linformer_attention = Exercise(
    name="linformer_attention",
    points=2,
    difficulty=2,
    minutes=15,
    source="arXiv 2006.04768, section 4, equation 7",
    hints=(
        "E @ K has the shape of r keys, F @ V that of r values. What then?",
        "Ordinary attention of Q to E @ K and F @ V: scores (nq, r) over the root of "
        "dk, each row minus its maximum, exponentials over their sum, times F @ V.",
    ),
    inputs={"Q": "nq, dk", "K": "nk, dk", "V": "nk, dv", "E": "r, nk", "F": "r, nk"},
    returns=Result("O", "nq, dv"),
)


def _linformer_inputs(rng, nq, nk, dk, dv, r, dtype=float):
    return {
        "Q": _numbers(rng, nq, dk, dtype=dtype),
        "K": _numbers(rng, nk, dk, dtype=dtype),
        "V": _numbers(rng, nk, dv, dtype=dtype),
        "E": np.round(rng.normal(size=(r, nk)) * 2).astype(dtype) / 4,
        "F": np.round(rng.normal(size=(r, nk)) * 2).astype(dtype) / 4,
    }


@linformer_attention.cases
def linformer_cases(rng):
    inputs = {
        "Q": np.array([[1.0, 0.0, 0.0]]),
        "K": np.array(
            [[1.0, 0.0, 2.0], [3.0, 1.0, 0.0], [0.0, 2.0, 0.0], [2.0, 0.0, 1.0]]
        ),
        "V": np.array(
            [[8.0, 0, 1, 2, 0], [0, 4, 1, 0, 6], [2, 2, 1, 4, 0], [6, 0, 1, 0, 2]]
        ),
        "E": np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]),
        "F": np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, -1.0, 1.0]]),
    }
    yield Case(inputs, "four keys become two")
    yield Case(_linformer_inputs(rng, 3, 7, 4, 2, 5), "random numbers")
    yield Case(_linformer_inputs(rng, 2, 5, 4, 1, 3, np.float32), "float32")
    yield Case(_linformer_inputs(rng, 1, 6, 5, 3, 4), "more random numbers")
    yield Case(_linformer_inputs(rng, 2, 3, 4, 1, 5), "more mixtures than keys")
    inputs = _linformer_inputs(rng, 2, 5, 3, 1, 5)
    inputs |= {"E": np.eye(5), "F": np.eye(5)}
    yield Case(inputs, "identities: full attention", edge=True)
    yield Case(_linformer_inputs(rng, 2, 5, 4, 3, 1), "a single mixture", edge=True)
    yield Case(_linformer_inputs(rng, 3, 3, 3, 3, 3), "all sizes equal", edge=True)
    inputs = _linformer_inputs(rng, 3, 4, 3, 1, 5)
    inputs["Q"] = np.array([[170.0, 0, 0], [-170.0, 0, 0], [0.0, 0.5, 0.5]])
    inputs["K"] = np.array([[100.0, 1, 0], [100.0, 0, 1], [99.99, 0, 0], [98.0, 1, 1]])
    inputs["E"] = np.concatenate([np.eye(4), [[0.5, 0.5, 0, 0]]])
    yield Case(inputs, "scores near 10,000 and -10,000", edge=True)


@linformer_attention.misconception(
    "You mixed the values with E. They have a matrix of their own, F."
)
def e_for_both(Q, K, V, E, F):
    return softmax_attention(Q, E @ K, E @ V)


@linformer_attention.misconception(
    "You mixed the keys with F. They have a matrix of their own, E."
)
def f_for_both(Q, K, V, E, F):
    return softmax_attention(Q, F @ K, F @ V)


@linformer_attention.misconception(
    "E and F are swapped: E mixes the keys, F the values."
)
def e_and_f_swapped(Q, K, V, E, F):
    return softmax_attention(Q, F @ K, E @ V)


@linformer_attention.misconception(
    "You mixed the weights after a softmax over all keys. Mix the keys first; the "
    "softmax runs over the r mixtures, and the big matrix never exists."
)
def weights_mixed(Q, K, V, E, F):
    S = Q @ K.T / Q.shape[1] ** 0.5
    A = np.exp(S - S.max(axis=1, keepdims=True))
    return A / A.sum(axis=1, keepdims=True) @ E.T @ (F @ V)


@linformer_attention.misconception("Neither E nor F is used: that is full attention.")
def nothing_mixed(Q, K, V, E, F):
    return softmax_attention(Q, K, V)


@linformer_attention.misconception(
    "E goes unused: the keys are not mixed, so that weights and mixed values don't "
    "fit. Both keys and values become r."
)
def keys_not_mixed(Q, K, V, E, F):
    return softmax_attention(Q, K, F @ V)


@linformer_attention.misconception(
    "F goes unused: the values are not mixed, so that weights and values don't fit. "
    "Both keys and values become r."
)
def values_not_mixed(Q, K, V, E, F):
    return softmax_attention(Q, E @ K, V)


@linformer_attention.misconception(
    "The values are not mixed; you took the first r of them. Use F @ V."
)
def first_values(Q, K, V, E, F):
    O = softmax_attention(Q, E @ K, np.resize(V, (len(E), V.shape[1])))
    return O


@linformer_attention.misconception(
    "You projected the features: K @ E transposed would change the width of the keys. "
    "E mixes over the sequence, from the left: E @ K."
)
def features_projected(Q, K, V, E, F):
    return softmax_attention(Q @ E.T, K @ E.T, V @ F.T)


@linformer_attention.misconception(
    "You normalised the rows of E and F. They are learned matrices, not weights: take "
    "them as they are."
)
def rows_normalised(Q, K, V, E, F):
    def share(M):
        e = np.exp(M)
        return e / e.sum(axis=1, keepdims=True)

    return softmax_attention(Q, share(E) @ K, share(F) @ V)


@linformer_attention.misconception(
    "The scale is missing: divide the scores by the root of dk."
)
def no_scale(Q, K, V, E, F):
    return softmax_attention(Q * Q.shape[1] ** 0.5, E @ K, F @ V)


@linformer_attention.misconception("You divided by dk. Divide the scores by its root.")
def scaled_by_dk(Q, K, V, E, F):
    return softmax_attention(Q / Q.shape[1] ** 0.5, E @ K, F @ V)


@linformer_attention.misconception(
    "You divided by the root of r. The scale is the root of dk, the width of queries "
    "and keys, which stays."
)
def scaled_by_r(Q, K, V, E, F):
    return softmax_attention(Q * (Q.shape[1] / len(E)) ** 0.5, E @ K, F @ V)


@linformer_attention.misconception(
    "You divided by the root of the number of keys. The scale is the root of dk."
)
def scaled_by_nk(Q, K, V, E, F):
    return softmax_attention(Q * (Q.shape[1] / len(K)) ** 0.5, E @ K, F @ V)


@linformer_attention.misconception(
    "Your softmax runs over the queries. The weights of one query are a row."
)
def over_the_queries(Q, K, V, E, F):
    S = Q @ (E @ K).T / Q.shape[1] ** 0.5
    A = np.exp(S - S.max(axis=0))
    return A / A.sum(axis=0) @ (F @ V)


@linformer_attention.misconception(
    "The softmax is missing: scores are not weights yet."
)
def no_softmax(Q, K, V, E, F):
    return Q @ (E @ K).T / Q.shape[1] ** 0.5 @ (F @ V)


@linformer_attention.misconception(
    "The exponentials overflow or vanish. Subtract each row's maximum first."
)
def overflow(Q, K, V, E, F):
    with np.errstate(over="ignore", invalid="ignore"):
        A = np.exp(Q @ (E @ K).T / Q.shape[1] ** 0.5)
        return A / A.sum(axis=1, keepdims=True) @ (F @ V)


@linformer_attention.misconception(
    "You subtracted one maximum from all rows, and rows far below it became 0/0. Each "
    "row needs its own."
)
def one_maximum_for_all(Q, K, V, E, F):
    S = Q @ (E @ K).T / Q.shape[1] ** 0.5
    A = np.exp(S - S.max())
    with np.errstate(invalid="ignore"):
        return A / A.sum(axis=1, keepdims=True) @ (F @ V)


@linformer_attention.alternative
def query_by_query(Q, K, V, E, F):
    keys, values = E @ K, F @ V
    O = []
    for q in Q:
        s = keys @ q / np.sqrt(len(q))
        e = np.exp(s - max(s))
        O.append((e / e.sum()) @ values)
    return np.array(O)


@linformer_attention.alternative
def scores_mixed(Q, K, V, E, F):
    # the same numbers, although all scores exist for a moment
    S = np.einsum("qd,kd,rk->qr", Q, K, E) / np.sqrt(K.shape[1])
    return np.exp(S - np.logaddexp.reduce(S, axis=1, keepdims=True)) @ F @ V


@linformer_attention.alternative
def by_torch(Q, K, V, E, F):
    import torch

    Q, K, V, E, F = (torch.from_numpy(M)[None] for M in (Q, K, V, E, F))
    attend = torch.nn.functional.scaled_dot_product_attention
    return attend(Q, E @ K, F @ V)[0].numpy()


# --- 14.3 performer_features ------------------------------------------------------

performer_features = Exercise(
    name="performer_features",
    points=3,
    difficulty=3,
    minutes=20,
    source="arXiv 2009.14794, section 2.3, lemma 1",
    hints=(
        "All products w . x at once are X @ W.T, (n, m). Half the squared length of "
        "each x is a column (n, 1). In which order do the terms come?",
        "np.exp(X @ W.T - half) / np.sqrt(m), where half is the sum of X**2 over the "
        "features, halved, with its axis kept, and m the number of rows of W.",
    ),
    inputs={"X": "n, d", "W": "m, d"},
    returns=Result("features", "n, m"),
)


@performer_features.cases
def performer_cases(rng):
    X = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    W = np.array([[1.0, 0, 0], [0, 1.0, 2], [-1, 1, 0], [0, 0, 0]])
    yield Case({"X": X, "W": W}, "a zero vector and another one")
    yield Case(_performer_inputs(rng, 2, 3, 4), "random numbers")
    yield Case(_performer_inputs(rng, 2, 5, 3), "fewer features than numbers")
    yield Case(_performer_inputs(rng, 2, 3, 5, np.float32), "float32")
    yield Case(_performer_inputs(rng, 3, 2, 5), "more features")
    inputs = _performer_inputs(rng, 3, 4, 2)
    inputs["X"] = np.round(3 * inputs["X"], 2)
    yield Case(inputs, "longer vectors")
    yield Case(_performer_inputs(rng, 3, 4, 1), "a single direction", edge=True)
    yield Case(_performer_inputs(rng, 1, 4, 3), "a single vector", edge=True)
    yield Case(_performer_inputs(rng, 3, 3, 3), "all sizes equal", edge=True)


def _performer_inputs(rng, n, d, m, dtype=float):
    X, W = _numbers(rng, n, d, dtype=dtype), _numbers(rng, m, d, dtype=dtype)
    return {"X": X, "W": W}


@performer_features.misconception(
    "The x . x / 2 term is missing. Without it the average of phi(q) . phi(k) is too "
    "large, and more so for longer vectors."
)
def no_half_square(X, W):
    return np.exp(X @ W.T) / len(W) ** 0.5


@performer_features.misconception(
    "You subtracted x . x, without the half. It is half the squared length."
)
def whole_square(X, W):
    return np.exp(X @ W.T - (X**2).sum(axis=1, keepdims=True)) / len(W) ** 0.5


@performer_features.misconception(
    "You added x . x / 2. It is subtracted: it takes off what random directions add "
    "on average."
)
def square_added(X, W):
    return np.exp(X @ W.T + (X**2).sum(axis=1, keepdims=True) / 2) / len(W) ** 0.5


@performer_features.misconception(
    "You subtracted half the length of x. It is half the squared length, x . x."
)
def length_not_squared(X, W):
    half = np.linalg.norm(X, axis=1, keepdims=True) / 2
    return np.exp(X @ W.T - half) / len(W) ** 0.5


@performer_features.misconception(
    "You subtracted half the squared length of w. It is that of x."
)
def square_of_w(X, W):
    return np.exp(X @ W.T - (W**2).sum(axis=1) / 2) / len(W) ** 0.5


@performer_features.misconception(
    "You subtracted one number from all rows, half the squares of the whole array. "
    "Each vector has its own."
)
def square_of_all(X, W):
    return np.exp(X @ W.T - (X**2).sum() / 2) / len(W) ** 0.5


@performer_features.misconception(
    "1/sqrt(m) is missing. phi(q) . phi(k) then adds up m estimates instead of "
    "averaging them."
)
def no_average(X, W):
    return np.exp(X @ W.T - (X**2).sum(axis=1, keepdims=True) / 2)


@performer_features.misconception(
    "You divided by m. Each of the two features brings a root of m, so their product "
    "is divided by m."
)
def divided_by_m(X, W):
    return np.exp(X @ W.T - (X**2).sum(axis=1, keepdims=True) / 2) / len(W)


@performer_features.misconception(
    "You divided by the root of d. It is the root of m, the number of features."
)
def divided_by_root_d(X, W):
    half = (X**2).sum(axis=1, keepdims=True) / 2
    return np.exp(X @ W.T - half) / X.shape[1] ** 0.5


@performer_features.misconception(
    "You subtracted each row's maximum. It keeps the numbers small, as programs often "
    "do, but it changes the estimate of exp(q . k); leave it out."
)
def row_maximum_subtracted(X, W):
    S = X @ W.T - (X**2).sum(axis=1, keepdims=True) / 2
    return np.exp(S - S.max(axis=1, keepdims=True)) / len(W) ** 0.5


@performer_features.misconception(
    "You subtracted the maximum of all. It keeps the numbers small, as programs often "
    "do, but it changes the estimate of exp(q . k); leave it out."
)
def maximum_subtracted(X, W):
    S = X @ W.T - (X**2).sum(axis=1, keepdims=True) / 2
    return np.exp(S - S.max()) / len(W) ** 0.5


@performer_features.misconception(
    "You subtracted the maximum of W x alone. It keeps the numbers small, as programs "
    "often do, but it changes the estimate of exp(q . k); leave it out."
)
def maximum_of_products_subtracted(X, W):
    S = X @ W.T
    half = (X**2).sum(axis=1, keepdims=True) / 2
    return np.exp(S - half - S.max(axis=1, keepdims=True)) / len(W) ** 0.5


@performer_features.misconception(
    "You divided the vectors by the fourth root of d. That is for whoever calls this; "
    "the features take x as it is."
)
def scaled_inputs(X, W):
    X = X / X.shape[1] ** 0.25
    return np.exp(X @ W.T - (X**2).sum(axis=1, keepdims=True) / 2) / len(W) ** 0.5


@performer_features.misconception(
    "You divided w . x by the root of d. The features take x as it is, without a scale."
)
def scaled_products(X, W):
    half = (X**2).sum(axis=1, keepdims=True) / 2
    return np.exp(X @ W.T / X.shape[1] ** 0.5 - half) / len(W) ** 0.5


@performer_features.misconception(
    "You multiplied the exponential by half the square. The term belongs inside of the "
    "exponent."
)
def square_outside(X, W):
    half = (X**2).sum(axis=1, keepdims=True) / 2
    return (np.exp(X @ W.T) - half) / len(W) ** 0.5


@performer_features.misconception(
    "You normalised each row to sum 1. Features are no weights; the division comes "
    "after queries and keys have met."
)
def rows_sum_to_one(X, W):
    S = np.exp(X @ W.T - (X**2).sum(axis=1, keepdims=True) / 2)
    return S / S.sum(axis=1, keepdims=True)


@performer_features.misconception(
    "You returned (m, n). Vectors are rows: one row of m features for each x."
)
def one_column_a_vector(X, W):
    return np.exp(W @ X.T - (X**2).sum(axis=1) / 2) / len(W) ** 0.5


@performer_features.misconception(
    "You made cosines. They estimate the kernel too, but turn negative; here the "
    "features are exponentials and positive."
)
def cosines(X, W):
    half = (X**2).sum(axis=1, keepdims=True) / 2
    return np.exp(half) * np.cos(X @ W.T) * (2 / len(W)) ** 0.5


@performer_features.misconception(
    "You used chapter 12's elu + 1. It makes another attention; the Performer's "
    "features estimate exp(q . k)."
)
def elu_features(X, W):
    Y = X @ W.T
    return np.exp(np.minimum(Y, 0)) + np.maximum(Y, 0)


@performer_features.alternative
def feature_by_feature(X, W):
    features = np.empty((len(X), len(W)))
    for i, x in enumerate(X):
        for j, w in enumerate(W):
            features[i, j] = np.exp(w @ x - x @ x / 2) / np.sqrt(len(W))
    return features


@performer_features.alternative
def completed_square(X, W):
    # w.x - x.x/2 = w.w/2 - |w - x|^2/2
    gaps = ((X[:, None] - W[None]) ** 2).sum(axis=-1)
    return np.exp(((W**2).sum(axis=1) - gaps - np.log(len(W))) / 2)


@performer_features.alternative
def factors(X, W):
    short = np.exp(-0.5 * np.einsum("nd,nd->n", X, X))
    return short[:, None] * np.exp(X @ W.T) * np.sqrt(1 / W.shape[0])


# --- 14.4 block_keep --------------------------------------------------------------

block_keep = Exercise(
    name="block_keep",
    points=4,
    difficulty=3,
    minutes=30,
    source="arXiv 2007.14062, section 2",
    hints=(
        "Window and globals need no chance and no loop: the distance |i - j|, the "
        "first rows, the first columns. Then go through the rows: which keys of this "
        "row are still free?",
        "free = np.flatnonzero(~keep[i]) are the free ones of row i. Those that "
        "rng.choice(free, min(random, len(free)), replace=False) gives become True.",
    ),
    inputs={},
    returns=Result("keep", kind="bool"),
)


@block_keep.cases
def block_cases(rng):
    for sizes, draws, note, edge in (
        ((12, 3, 1, 2), 100, "twelve tokens", False),
        ((13, 2, 0, 3), 150, "no globals", False),
        ((11, 0, 2, 4), 150, "a window of 0: the token itself", False),
        ((14, 1, 3, 1), 150, "one random key", False),
        ((10, 3, 1, 0), 3, "no random keys", False),
        ((10, 1, 2, 5), 60, "some rows have fewer free keys than asked for", False),
        ((8, 2, 1, 8), 5, "more random keys than there are free ones", True),
        ((6, 9, 0, 2), 3, "a window wider than the sequence", True),
        ((5, 1, 5, 2), 3, "all tokens global", True),
        ((1, 0, 0, 1), 2, "a single token", True),
    ):
        names = ("n", "window", "globals_", "random")
        inputs = dict(zip(names, sizes, strict=True))
        inputs |= {"seed": int(rng.integers(2**31)), "draws": draws}
        yield Case(inputs, note, edge=edge)


@block_keep.judge
def judge_block(inputs, got):
    import numpy as np

    n, window, draws = inputs["n"], inputs["window"], inputs["draws"]
    globals_, random = inputs["globals_"], inputs["random"]
    masks, again = (np.asarray(part) for part in got[:2])
    if masks.shape != (draws, n, n):
        return "Return one table of the shape (n, n)."
    if masks.dtype != bool:
        return "Return booleans: True where a token may look."

    i, j = np.indices((n, n))
    always = masks.all(axis=0)
    near = np.abs(i - j) <= window
    if not always[i == j].all():
        return "A token does not see itself. The diagonal is always kept."
    if not always[:, :globals_].all() and always[:globals_].all():
        return (
            "The global tokens see all, but are not seen by all. Their columns are "
            "True as well as their rows."
        )
    if not always[:globals_].all() and always[:, :globals_].all():
        return (
            "The global tokens are seen by all, but do not see all. Their rows are "
            "True as well as their columns."
        )
    if 0 < globals_ < n and not always[:globals_].all() and always[-globals_:].all():
        return "You made the last tokens global. It is the first `globals_` ones."
    if not always[:globals_].all():
        return "The first `globals_` tokens must see all and be seen by all."
    if not always[near].all():
        half = np.abs(i - j) <= window // 2
        one_less = np.abs(i - j) < max(window, 1)
        if always[near & (j <= i)].all():
            return "Your window looks back only. It reaches to both sides."
        if always[one_less].all():
            return (
                "Your window ends one key too early: a token sees the key at the "
                "distance `window`, too."
            )
        if always[half].all():
            return (
                "You took `window` for the whole width. It is the number of keys on "
                "each side."
            )
        return "A token must always see `window` keys on either side of itself."

    kept = near | (i < globals_) | (j < globals_)
    free = (~kept).sum(axis=1)
    want = np.minimum(random, free)
    counts = (masks & ~kept).sum(axis=2)  # draws, n
    if (counts != want).any():
        fixed = always & ~kept
        wrapped = (n - np.abs(i - j) <= window) & ~kept
        if wrapped.any() and fixed[wrapped].all() and (counts > want).any():
            return (
                "Your window wraps around: the first token sees the last ones. A "
                "sequence has two ends."
            )
        if random == 0:
            return "With `random` 0 no further key is kept: some of yours are."
        if (counts >= want).all() and (masks == masks.transpose(0, 2, 1)).all():
            return (
                "You made the random cells symmetric, so rows got more than `random` "
                "further keys. Each row draws for itself; nobody has to look back."
            )
        some = (want > 0) & (want < free)
        if counts[:, some].sum() > 0 and (counts <= want).all():
            taken = counts[:, some].mean()
            shares = random * free[some] / n  # drawn among all n keys
            twice = free[some] * (1 - (1 - 1 / free[some]) ** random)
            if abs(taken - shares.mean()) < abs(taken - twice.mean()):
                return (
                    "Some of your random keys were kept already, so rows come out "
                    "short. Draw among those that window and globals leave free."
                )
            return (
                "Some random keys were drawn twice, so rows come out short. Draw "
                "without repetition: `replace=False`."
            )
        if (counts.min(axis=0) < counts.max(axis=0)).any():
            return (
                "The number of random keys changes from call to call: each cell had a "
                "die of its own. A row gets exactly `random`, or all its free ones."
            )
        return (
            "Rows have not as many random keys as asked for: exactly `random` beside "
            "window and globals, or all free ones if there are fewer."
        )
    chance = (want > 0) & (want < free)
    if not chance.any():
        return None
    if draws > 1 and (masks == masks[0]).all():
        return (
            "Every call makes the same mask. Draw from the rng that is given; do not "
            "make a new one."
        )
    if not np.array_equal(again, masks[0]):
        return (
            "A generator in the same state gave another mask. All chance must come "
            "from the rng that is given."
        )
    if draws < 100:
        return None

    # rows that draw for themselves meet as often as chance wants
    p = np.where(kept, 0, (want / np.maximum(free, 1))[:, None])
    chosen = (masks & ~kept).astype(float)
    columns = chosen.sum(axis=1)  # draws, n: how many rows chose a key
    met = (columns**2 - chosen.sum(axis=1)).sum(axis=1) / 2
    expected = ((p.sum(axis=0) ** 2 - (p**2).sum(axis=0)) / 2).sum()
    if met.mean() > 1.3 * expected:
        return (
            "All rows got the same random keys, as far as those were free. Draw anew "
            "for each row."
        )
    share = chosen.mean(axis=0)
    noise = np.sqrt(p * (1 - p) / draws) + 1e-9
    if (np.abs(share - p) > 5.5 * noise).any():
        return (
            "Some free keys are chosen more often than others. In each row all free "
            "keys have the same chance."
        )
    side_by_side, by_chance = 0.0, 0.0
    for row in np.flatnonzero(chance & (want > 1)):
        picks = chosen[:, row, ~kept[row]]
        side_by_side += (picks * np.roll(picks, 1, axis=1)).sum(axis=1).mean()
        by_chance += want[row] * (want[row] - 1) / (free[row] - 1)
    if side_by_side > 1.3 * by_chance + 1e-9:
        return (
            "The random keys of a row stand side by side. Draw each of them by itself, "
            "not a random start."
        )
    return None


@block_keep.misconception(
    "Some of your random keys were kept already, so rows come out short. Draw among "
    "those that window and globals leave free."
)
def among_those_kept(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    for row in keep:
        row[rng.choice(n, min(random, n), replace=False)] = True
    return keep


@block_keep.misconception(
    "The global tokens are seen by all, but do not see all. Their rows are True as "
    "well as their columns."
)
def columns_alone(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep


@block_keep.misconception(
    "The global tokens see all, but are not seen by all. Their columns are True as "
    "well as their rows."
)
def rows_alone(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep


@block_keep.misconception(
    "You made the last tokens global. It is the first `globals_` ones."
)
def last_ones_global(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i >= n - globals_) | (j >= n - globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep


@block_keep.misconception(
    "All rows got the same random keys, as far as those were free. Draw anew for each "
    "row."
)
def the_same_for_all_rows(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    order = rng.permutation(n)
    for row in keep:
        row[[key for key in order if not row[key]][:random]] = True
    return keep


@block_keep.misconception(
    "You took `window` for the whole width. It is the number of keys on each side."
)
def whole_width(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window // 2) | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep


@block_keep.misconception(
    "Your window ends one key too early: a token sees the key at the distance "
    "`window`, too."
)
def one_key_short(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    near = abs(i - j) < max(window, 1)
    keep = near | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep


@block_keep.misconception("Your window looks back only. It reaches to both sides.")
def looks_back_only(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    near = (i - j >= 0) & (i - j <= window)
    keep = near | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep


@block_keep.misconception(
    "Your window wraps around: the first token sees the last ones. A sequence has two "
    "ends."
)
def wraps_around(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    near = np.minimum(abs(i - j), n - abs(i - j)) <= window
    keep = near | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep


@block_keep.misconception("A token does not see itself. The diagonal is always kept.")
def not_itself(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    np.fill_diagonal(keep, False)
    return keep


@block_keep.misconception(
    "You made the random cells symmetric, so rows got more than `random` further keys. "
    "Each row draws for itself; nobody has to look back."
)
def symmetric(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep | keep.T


@block_keep.misconception(
    "The number of random keys changes from call to call: each cell had a die of its "
    "own. A row gets exactly `random`, or all its free ones."
)
def each_cell_alone(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    free = (~keep).sum(axis=1, keepdims=True)
    return keep | (rng.random((n, n)) < random / np.maximum(free, 1))


@block_keep.misconception(
    "Some random keys were drawn twice, so rows come out short. Draw without "
    "repetition: `replace=False`."
)
def with_repetition(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        if random >= len(free):
            row[:] = True
        else:
            row[rng.choice(free, random)] = True
    return keep


@block_keep.misconception(
    "Every call makes the same mask. Draw from the rng that is given; do not make a "
    "new one."
)
def generator_of_its_own(n, window, globals_, random, rng):
    rng = np.random.default_rng(0)
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep


@block_keep.misconception(
    "A generator in the same state gave another mask. All chance must come from the "
    "rng that is given."
)
def other_chance(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[np.random.permutation(free)[:random]] = True
    return keep


@block_keep.misconception(
    "Some free keys are chosen more often than others. In each row all free keys have "
    "the same chance."
)
def near_ones_preferred(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    for place, row in enumerate(keep):
        free = np.flatnonzero(~row)
        weight = 1 / np.abs(free - place)
        count = min(random, len(free))
        if count:
            p = weight / weight.sum()
            row[rng.choice(free, count, replace=False, p=p)] = True
    return keep


@block_keep.misconception(
    "The random keys of a row stand side by side. Draw each of them by itself, not a "
    "random start."
)
def a_random_start(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        if len(free):
            row[np.roll(free, rng.integers(len(free)))[:random]] = True
    return keep


@block_keep.misconception("Return booleans: True where a token may look.")
def zeros_and_ones(n, window, globals_, random, rng):
    i, j = np.indices((n, n))
    keep = (abs(i - j) <= window) | (i < globals_) | (j < globals_)
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep.astype(float)


@block_keep.alternative
def by_permutations(n, window, globals_, random, rng):
    keep = np.tri(n, k=window, dtype=bool) & np.tri(n, k=window, dtype=bool).T
    keep[:globals_, :] = keep[:, :globals_] = True
    for k in range(globals_, n):
        free = rng.permutation(np.nonzero(~keep[k])[0])
        keep[k, free[:random]] = True
    return keep


@block_keep.alternative
def by_ranks(n, window, globals_, random, rng):
    i, j = np.ogrid[:n, :n]
    keep = (np.abs(i - j) <= window) | (i < globals_) | (j < globals_)
    dice = np.where(keep, 2.0, rng.random((n, n)))
    ranks = dice.argsort(axis=1).argsort(axis=1)
    return keep | (ranks < random)


@block_keep.alternative
def one_after_the_other(n, window, globals_, random, rng):
    keep = np.zeros((n, n), dtype=bool)
    for i in range(n):
        for j in range(n):
            keep[i, j] = abs(i - j) <= window or min(i, j) < globals_
        for _ in range(random):
            free = [j for j in range(n) if not keep[i, j]]
            if free:
                keep[i, free[int(rng.integers(len(free)))]] = True
    return keep


# --- 14.5 online_softmax_attention ------------------------------------------------

online_softmax_attention = Exercise(
    name="online_softmax_attention",
    points=5,
    difficulty=4,
    minutes=35,
    source="arXiv 1805.02867; arXiv 2205.14135, section 3.1",
    hints=(
        "Write down the answer for the first block as if there were no other. Now the "
        "second comes with a larger maximum. Sum and outputs so far hold exp(S - old); "
        "you want exp(S - new). By what must you multiply?",
        "Start with maximum -inf, total 0, O 0. A block: new = larger of the old "
        "maximum and the block's, as a column; repair = exp(old - new); total = repair "
        "* total + row sums of exp(S - new); O = repair * O + exp(S - new) @ V_block. "
        "Divide once, in the end.",
    ),
    inputs={"Q": "nq, dk", "K": "nk, dk", "V": "nk, dv"},
    returns=Result("O", "nq, dv"),
    memory=128,
)


def _online_inputs(rng, nq, nk, dk, dv, block, dtype=float):
    Q, K = _numbers(rng, nq, dk, dtype=dtype), _numbers(rng, nk, dk, dtype=dtype)
    return {"Q": Q, "K": K, "V": _numbers(rng, nk, dv, dtype=dtype), "block": block}


def _sloped(inputs, factor):
    """The same, with scores that rise or fall along the keys from -factor to factor."""
    nq, nk = len(inputs["Q"]), len(inputs["K"])
    scale = inputs["Q"].shape[1] ** 0.5
    Q, K = np.zeros_like(inputs["Q"]), inputs["K"] / 8
    Q[:, 0] = np.array([100.0, -100.0, 1.0, -1.0])[:nq]
    Q[:, 1] = 1
    K[:, 0] = np.round(np.linspace(-1, 1, nk) * factor * scale / 100, 3)
    return inputs | {"Q": Q, "K": K}


@online_softmax_attention.cases
def online_cases(rng):
    inputs = {
        "Q": np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]),
        "K": np.array(
            [[0.0, 1, 0], [2.0, 0, 1], [1.0, 1, 0], [0.0, 0, 2], [3.0, 0, 1]]
        ),
        "V": np.array(
            [[8.0, 0, 1, 2], [0, 4, 1, 0], [2, 2, 1, 4], [6, 0, 1, 0], [1, 3, 1, 0]]
        ),
        "block": 2,
    }
    yield Case(inputs, "five keys, two at a time")
    yield Case(_online_inputs(rng, 2, 12, 4, 1, 4), "a block that divides the keys")
    yield Case(_online_inputs(rng, 2, 11, 3, 4, 3), "a block that does not")
    yield Case(_online_inputs(rng, 2, 9, 4, 3, 1), "one key at a time")
    yield Case(_online_inputs(rng, 3, 10, 5, 2, 4, np.float32), "float32")
    inputs = _online_inputs(rng, 3, 13, 4, 2, 5)
    yield Case(inputs | {"Q": 8 * inputs["Q"]}, "scores of very different size")
    yield Case(_online_inputs(rng, 3, 5, 4, 2, 8), "a block larger than all", edge=True)
    yield Case(_online_inputs(rng, 3, 1, 4, 2, 2), "a single key", edge=True)
    yield Case(_online_inputs(rng, 4, 4, 4, 4, 3), "all sizes equal", edge=True)
    inputs = _online_inputs(rng, 4, 9, 3, 2, 2)
    yield Case(_sloped(inputs, 1e4), "scores from -10,000 to 10,000", edge=True)
    low = _online_inputs(rng, 2, 7, 3, 4, 3)
    low["Q"][:, 0], low["K"][:, 0] = 100.0, -173.0
    yield Case(low, "all scores near -10,000", edge=True)
    inputs = _online_inputs(rng, 250, 100_000, 4, 2, 1000)
    yield Case(inputs, "250 queries and 100,000 keys", large=True)


@online_softmax_attention.misconception(
    "That took more than 128 MiB. All scores of 250 queries and 100,000 keys are 200 "
    "MB. Make those of one block, use them, and forget them.",
    cost="memory",
)
def all_at_once(Q, K, V, block):
    return softmax_attention(Q, K, V)


@online_softmax_attention.misconception(
    "You took the mean of the blocks' answers. A block with larger scores counts for "
    "more: carry its sum of exponentials along."
)
def mean_of_blocks(Q, K, V, block):
    parts = [
        softmax_attention(Q, K[s : s + block], V[s : s + block])
        for s in range(0, len(K), block)
    ]
    return sum(parts) / len(parts)


@online_softmax_attention.misconception(
    "You added up the blocks' answers. Each of them has weights that sum to 1; "
    "normalise once, in the end."
)
def sum_of_blocks(Q, K, V, block):
    return sum(
        softmax_attention(Q, K[s : s + block], V[s : s + block])
        for s in range(0, len(K), block)
    )


@online_softmax_attention.misconception(
    "Only the last block is in the answer. Add to O, do not replace it."
)
def last_block_alone(Q, K, V, block):
    start = (len(K) - 1) // block * block
    return softmax_attention(Q, K[start:], V[start:])


@online_softmax_attention.misconception(
    "Only the first block is in the answer. Go on until all keys have been read."
)
def first_block_alone(Q, K, V, block):
    return softmax_attention(Q, K[:block], V[:block])


@online_softmax_attention.misconception(
    "The last block is missing where it is not full. Let the loop run to the end; a "
    "slice may be shorter."
)
def partial_block_lost(Q, K, V, block):
    most, total, O = -np.inf, 0, 0
    full = range(0, len(K) - block + 1, block)
    for s in full if len(full) else [0]:
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        new = np.maximum(most, S.max(axis=1, keepdims=True))
        e, repair = np.exp(S - new), np.exp(most - new)
        total, O = (
            repair * total + e.sum(axis=1, keepdims=True),
            repair * O + e @ V[s : s + block],
        )
        most = new
    return O / total


@online_softmax_attention.misconception(
    "The maximum is not carried on: each block subtracts its own, so that their "
    "exponentials are not comparable. Rescale what was summed before."
)
def maximum_not_carried(Q, K, V, block):
    total, O = 0, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        e = np.exp(S - S.max(axis=1, keepdims=True))
        total, O = total + e.sum(axis=1, keepdims=True), O + e @ V[s : s + block]
    return O / total


@online_softmax_attention.misconception(
    "The running maximum is carried, but nothing is rescaled. When it rises, sum and "
    "outputs so far must be multiplied by exp(old - new)."
)
def nothing_rescaled(Q, K, V, block):
    most, total, O = -np.inf, 0, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        most = np.maximum(most, S.max(axis=1, keepdims=True))
        e = np.exp(S - most)
        total, O = total + e.sum(axis=1, keepdims=True), O + e @ V[s : s + block]
    return O / total


@online_softmax_attention.misconception(
    "The normaliser is not rescaled: when the maximum rises, not only O but also the "
    "sum so far must be multiplied by exp(old - new)."
)
def normaliser_not_rescaled(Q, K, V, block):
    most, total, O = -np.inf, 0, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        new = np.maximum(most, S.max(axis=1, keepdims=True))
        e, repair = np.exp(S - new), np.exp(most - new)
        total, O = (
            total + e.sum(axis=1, keepdims=True),
            repair * O + e @ V[s : s + block],
        )
        most = new
    return O / total


@online_softmax_attention.misconception(
    "The outputs are not rescaled: when the maximum rises, not only the sum but also O "
    "must be multiplied by exp(old - new)."
)
def outputs_not_rescaled(Q, K, V, block):
    most, total, O = -np.inf, 0, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        new = np.maximum(most, S.max(axis=1, keepdims=True))
        e, repair = np.exp(S - new), np.exp(most - new)
        total, O = (
            repair * total + e.sum(axis=1, keepdims=True),
            O + e @ V[s : s + block],
        )
        most = new
    return O / total


@online_softmax_attention.misconception(
    "Your maximum may fall again. It is the largest score so far, of the old maximum "
    "and the block's; with the block's alone, the repair grows without bound."
)
def maximum_may_fall(Q, K, V, block):
    most, total, O = -np.inf, 0, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        new = S.max(axis=1, keepdims=True)
        with np.errstate(over="ignore", invalid="ignore"):
            e, repair = np.exp(S - new), np.exp(most - new)
            total = repair * total + e.sum(axis=1, keepdims=True)
            O = repair * O + e @ V[s : s + block]
        most = new
    with np.errstate(invalid="ignore"):
        return O / total


@online_softmax_attention.misconception(
    "Your maximum starts at 0. If all scores are far below, their exponentials vanish "
    "and 0/0 is left. Start at minus infinity."
)
def starts_at_zero(Q, K, V, block):
    most, total, O = 0, 0, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        new = np.maximum(most, S.max(axis=1, keepdims=True))
        e, repair = np.exp(S - new), np.exp(most - new)
        total, O = (
            repair * total + e.sum(axis=1, keepdims=True),
            repair * O + e @ V[s : s + block],
        )
        most = new
    with np.errstate(invalid="ignore"):
        return O / total


@online_softmax_attention.misconception(
    "You start from the first block's maximum and keep it. A later score may be far "
    "larger, and its exponential overflows."
)
def first_maximum_kept(Q, K, V, block):
    first = (Q @ K[:block].T / Q.shape[1] ** 0.5).max(axis=1, keepdims=True)
    total, O = 0, 0
    with np.errstate(over="ignore", invalid="ignore"):
        for s in range(0, len(K), block):
            e = np.exp(Q @ K[s : s + block].T / Q.shape[1] ** 0.5 - first)
            total, O = total + e.sum(axis=1, keepdims=True), O + e @ V[s : s + block]
        return O / total


@online_softmax_attention.misconception(
    "No maximum is subtracted: large scores overflow, and very small ones give 0/0."
)
def nothing_subtracted(Q, K, V, block):
    total, O = 0, 0
    with np.errstate(over="ignore", invalid="ignore"):
        for s in range(0, len(K), block):
            e = np.exp(Q @ K[s : s + block].T / Q.shape[1] ** 0.5)
            total, O = total + e.sum(axis=1, keepdims=True), O + e @ V[s : s + block]
        return O / total


@online_softmax_attention.misconception(
    "One maximum serves all queries, and rows far below it become 0/0. Each query "
    "carries its own."
)
def one_maximum_for_all(Q, K, V, block):
    most, total, O = -np.inf, 0, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        new = max(most, S.max())
        e, repair = np.exp(S - new), np.exp(most - new)
        total, O = (
            repair * total + e.sum(axis=1, keepdims=True),
            repair * O + e @ V[s : s + block],
        )
        most = new
    with np.errstate(invalid="ignore"):
        return O / total


@online_softmax_attention.misconception(
    "The division by the sum of exponentials is missing in the end."
)
def not_divided(Q, K, V, block):
    most, O = -np.inf, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        new = np.maximum(most, S.max(axis=1, keepdims=True))
        O = np.exp(most - new) * O + np.exp(S - new) @ V[s : s + block]
        most = new
    return O


@online_softmax_attention.misconception(
    "The scale is missing: divide the scores by the root of dk."
)
def no_scale(Q, K, V, block):
    Q, most, total, O = Q * Q.shape[1] ** 0.5, -np.inf, 0, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / Q.shape[1] ** 0.5
        new = np.maximum(most, S.max(axis=1, keepdims=True))
        e, repair = np.exp(S - new), np.exp(most - new)
        total, O = (
            repair * total + e.sum(axis=1, keepdims=True),
            repair * O + e @ V[s : s + block],
        )
        most = new
    return O / total


@online_softmax_attention.misconception(
    "You divided by the root of the block. The scale is the root of dk; how the keys "
    "are cut changes nothing."
)
def scaled_by_block(Q, K, V, block):
    most, total, O = -np.inf, 0, 0
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / block**0.5
        new = np.maximum(most, S.max(axis=1, keepdims=True))
        e, repair = np.exp(S - new), np.exp(most - new)
        total, O = (
            repair * total + e.sum(axis=1, keepdims=True),
            repair * O + e @ V[s : s + block],
        )
        most = new
    return O / total


@online_softmax_attention.alternative
def divided_at_each_step(Q, K, V, block):
    most, total, O = np.full(len(Q), -np.inf), np.zeros(len(Q)), 0
    for keys, values in (
        (K[s : s + block], V[s : s + block]) for s in range(0, len(K), block)
    ):
        S = (Q / np.sqrt(Q.shape[1])) @ keys.T
        new = np.maximum(most, np.max(S, axis=1))
        before = np.exp(most - new) * total
        A = np.exp(S - new[:, None])
        total = before + A.sum(axis=1)
        O = (before[:, None] * O + A @ values) / total[:, None]
        most = new
    return O


@online_softmax_attention.alternative
def two_walks(Q, K, V, block):
    starts, scale = range(0, len(K), block), Q.shape[1] ** -0.5

    def scores(s):
        return np.einsum("qd,kd->qk", Q, K[s : s + block]) * scale

    most = np.max([scores(s).max(axis=1) for s in starts], axis=0)[:, None]
    O = total = 0
    for s in starts:
        e = np.exp(scores(s) - most)
        O, total = O + e @ V[s : s + block], total + e.sum(axis=1, keepdims=True)
    return O / total


@online_softmax_attention.alternative
def through_logarithms(Q, K, V, block):
    size, O = np.full((len(Q), 1), -np.inf), np.zeros((len(Q), V.shape[1]))
    for s in range(0, len(K), block):
        S = Q @ K[s : s + block].T / np.sqrt(Q.shape[1])
        top = S.max(axis=1, keepdims=True)
        here = top + np.log(np.exp(S - top).sum(axis=1, keepdims=True))
        new = np.logaddexp(size, here)
        O = np.exp(size - new) * O + np.exp(S - new) @ V[s : s + block]
        size = new
    return O


# --- 14.6 scaling_exponent --------------------------------------------------------

scaling_exponent = Exercise(
    name="scaling_exponent",
    points=2,
    difficulty=2,
    minutes=15,
    source="arXiv 2009.06732, section 2.2",
    hints=(
        "Take the logarithms of both. The exponent is the slope of a straight line; "
        "which line lies closest to all points?",
        "With x and y the logarithms minus their means, the slope is the sum of x * y "
        "over the sum of x * x. `np.polyfit(x, y, 1)[0]` knows it, too.",
    ),
    inputs={"sizes": "points", "costs": "points"},
    returns=Result("p", ""),
)


@scaling_exponent.cases
def scaling_cases(rng):
    sizes = np.array([1.0, 2.0, 4.0, 8.0])
    yield Case({"sizes": sizes, "costs": 3 * sizes**2}, "3 n squared")
    yield Case({"sizes": sizes, "costs": np.array([5.0, 7, 30, 40])}, "four points")
    for points, power, note in (
        (5, 1, "near n"),
        (7, 2, "near n squared"),
        (4, 0.5, "near the root of n"),
    ):
        sizes = np.sort(rng.choice(np.arange(10, 2000), points, replace=False)) * 1.0
        costs = np.round(sizes**power * rng.uniform(0.5, 2, points), 3)
        yield Case({"sizes": sizes, "costs": costs}, f"measurements {note}")
    order = rng.permutation(points)
    inputs = {"sizes": sizes[order], "costs": costs[order]}
    yield Case(inputs, "in another order")
    sizes = np.array([64.0, 128, 64, 256, 256, 128])
    costs = np.round(sizes * rng.uniform(0.8, 1.2, 6), 2)
    yield Case({"sizes": sizes, "costs": costs}, "sizes that repeat")
    sizes = np.array([10, 1000, 100_000, 10_000_000])
    costs = np.array([3, 800, 250_000, 90_000_000])
    yield Case({"sizes": sizes, "costs": costs}, "large integers")
    sizes, costs = np.float32([16, 32, 64]), np.float32([3, 2.5, 4])
    yield Case({"sizes": sizes, "costs": costs}, "float32")
    inputs = {"sizes": np.array([2.0, 8.0]), "costs": np.array([5.0, 10.0])}
    yield Case(inputs, "two points", edge=True)
    inputs = {"sizes": np.array([3.0, 9, 27]), "costs": np.array([0.5, 0.5, 0.5])}
    yield Case(inputs, "a cost that does not grow", edge=True)


@scaling_exponent.misconception(
    "No logarithms: that is the slope of cost over size, in seconds a token. The "
    "exponent is the slope of log cost over log size."
)
def no_logarithms(sizes, costs):
    return np.polyfit(sizes, costs, 1)[0]


@scaling_exponent.misconception(
    "Only the costs became logarithms. A power is a straight line where both are."
)
def costs_alone(sizes, costs):
    return np.polyfit(sizes, np.log(costs), 1)[0]


@scaling_exponent.misconception(
    "Only the sizes became logarithms. A power is a straight line where both are."
)
def sizes_alone(sizes, costs):
    return np.polyfit(np.log(sizes), costs, 1)[0]


@scaling_exponent.misconception(
    "You used the first and the last point only. One bad measurement there spoils "
    "everything; fit the line to all points."
)
def first_and_last(sizes, costs):
    if sizes[0] == sizes[-1]:
        return 0.0
    return np.log(costs[-1] / costs[0]) / np.log(sizes[-1] / sizes[0])


@scaling_exponent.misconception(
    "You used the smallest and the largest size only. One bad measurement there spoils "
    "everything; fit the line to all points."
)
def smallest_and_largest(sizes, costs):
    a, b = np.argmin(sizes), np.argmax(sizes)
    return np.log(costs[b] / costs[a]) / np.log(sizes[b] / sizes[a])


@scaling_exponent.misconception(
    "You averaged the slopes from point to point. Least squares weighs distant points "
    "more, as it should."
)
def mean_of_slopes(sizes, costs):
    order = np.argsort(sizes, kind="stable")
    x, y = np.diff(np.log(sizes)[order]), np.diff(np.log(costs)[order])
    return np.mean(y[x > 0] / x[x > 0])


@scaling_exponent.misconception(
    "Your line runs through the origin, as if the constant c were 1. Subtract the "
    "means first, or fit an intercept."
)
def through_the_origin(sizes, costs):
    x, y = np.log(sizes), np.log(costs)
    return x @ y / (x @ x)


@scaling_exponent.misconception(
    "The axes are swapped: that is the slope of log size over log cost."
)
def axes_swapped(sizes, costs):
    x, y = np.log(sizes) - np.log(sizes).mean(), np.log(costs) - np.log(costs).mean()
    return x @ y / (y @ y) if y @ y else 0.0


@scaling_exponent.misconception(
    "You returned the intercept, the logarithm of c. The exponent is the slope."
)
def intercept(sizes, costs):
    return np.polyfit(np.log(sizes), np.log(costs), 1)[1]


@scaling_exponent.misconception(
    "You returned the correlation. It says how straight the line is, not how steep."
)
def correlation(sizes, costs):
    x, y = np.log(sizes) - np.log(sizes).mean(), np.log(costs) - np.log(costs).mean()
    return x @ y / np.sqrt((x @ x) * (y @ y)) if y @ y else 0.0


@scaling_exponent.misconception(
    "You rounded to a whole number. Measured exponents are rarely whole; the digits "
    "behind the point tell how far off the claim is."
)
def rounded(sizes, costs):
    return round(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


@scaling_exponent.alternative
def by_polyfit(sizes, costs):
    slope, _ = np.polyfit(np.log10(sizes), np.log10(costs), 1)
    return slope


@scaling_exponent.alternative
def by_least_squares(sizes, costs):
    X = np.stack([np.log2(sizes), np.ones(len(sizes))], axis=1)
    return np.linalg.lstsq(X, np.log2(costs), rcond=None)[0][0]


@scaling_exponent.alternative
def by_sums(sizes, costs):
    import math

    x, y = ([math.log(float(v)) for v in values] for values in (sizes, costs))
    n = len(x)
    top = n * sum(a * b for a, b in zip(x, y)) - sum(x) * sum(y)
    return top / (n * sum(a * a for a in x) - sum(x) ** 2)
