# %% [markdown]
# # Chapter 14: the zoo, measured
#
# Since 2017 dozens of cheaper kinds of attention have been proposed. Each brings a
# trick, and each promises to be nearly as good as the real one. Here you write the
# task on which the *Long Range Arena* compares them, then three of the tricks, then
# one that needs no promise since it changes nothing: softmax attention, piece by
# piece. In the end you write the measuring stick.
#
# Six exercises, about two hours and a half. Read the page *The zoo, measured* beside
# it.

# %% locked="setup"
import numpy as np

from autograder import check


def softmax_attention(Q, K, V, keep=None):
    """Chapter 4's and 5's, for you to use: what all the others are held against."""
    S = Q @ K.T / Q.shape[1] ** 0.5
    if keep is not None:
        S = np.where(keep, S, -np.inf)
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ V


# %% [markdown] exercise="eval_listops"
# ## 14.1 The task
#
# ListOps is arithmetic in brackets:
#
# > `[MAX 2 9 [MIN 4 7 ] 0 ]`
#
# The inner bracket gives 4, the outer one 9. There are four operators: the
# smallest (`MIN`), the largest (`MAX`), the median (`MED`) and the sum modulo
# ten (`SM`), so that each answer is one digit again. The median of an even
# number of digits is the mean of the middle two, cut down to a whole number:
# `[MED 1 4 ]` is 2.
#
# Whoever wants to learn this from examples must find out which bracket belongs
# to which, hundreds of tokens apart. You need not learn it, only program it.
# Careful: what is no whole expression must raise a `ValueError`.
#
# First on paper: `[SM 8 [MED 5 2 9 2 ] [MAX 4 ] ]`.


# %% solution="eval_listops"
def eval_listops(tokens):
    """Evaluate one ListOps expression; returns an int, 0 to 9.

    tokens: a list of strings, such as ["[MAX", "2", "[MIN", "4", "7", "]", "]"].
    An expression is a digit "0" to "9", or an operator "[MIN", "[MAX", "[MED" or
    "[SM", one or more expressions, and "]". MED is the median, cut down to an int;
    SM the sum modulo 10. Raises a ValueError if brackets are unbalanced, the list
    or a bracket is empty, an operator is unknown, or anything follows the
    expression.
    Source: arXiv 1804.06028; arXiv 2011.04006, section 2.2.1.
    """
    ### BEGIN SOLUTION
    operators = {
        "[MIN": min,
        "[MAX": max,
        "[MED": lambda values: int(np.median(values)),
        "[SM": lambda values: sum(values) % 10,
    }
    open_brackets = [(None, [])]  # the outermost level: one value in the end
    for token in tokens:
        if token in operators:
            open_brackets.append((operators[token], []))
        elif token == "]":
            operator, values = open_brackets.pop()
            if operator is None or not values:
                raise ValueError("a bracket closes that is not open, or is empty")
            open_brackets[-1][1].append(operator(values))
        elif len(token) == 1 and token in "0123456789":
            open_brackets[-1][1].append(int(token))
        else:
            raise ValueError(f"no digit, operator or bracket: {token!r}")
    values = open_brackets[0][1]
    if len(open_brackets) != 1 or len(values) != 1:
        raise ValueError("not exactly one whole expression")
    return values[0]
    ### END SOLUTION


# %% test="eval_listops"
check("eval_listops", eval_listops)

# %% [markdown]
# Draw a few expressions and let your function answer. How often does each digit
# come out? A model that always says the most frequent one has learned nothing yet.
# Leave out `SM`: what happens to the shares?


# %% tags=["demo"]
def draw(rng, depth=3):
    """A random expression, at most `depth` brackets deep."""
    if depth == 0:
        return [str(rng.integers(10))]
    tokens = [rng.choice(["[MIN", "[MAX", "[MED", "[SM"])]
    for _ in range(rng.integers(2, 5)):
        tokens += draw(rng, depth - 1 if rng.random() < 0.4 else 0)
    return [*tokens, "]"]


rng = np.random.default_rng(14)
for _ in range(4):
    tokens = draw(rng)
    print(" ".join(tokens), "=", eval_listops(tokens))
answers = [eval_listops(draw(rng)) for _ in range(3000)]
print("share of each digit:", (np.bincount(answers, minlength=10) / 3000).round(3))

# %% [markdown] exercise="linformer_attention"
# ## 14.2 Linformer: fewer keys
#
# 1,000 keys are too many? Mix them down to $r = 64$. One matrix $E$ of shape
# $(r, n_k)$ makes $r$ new keys, each a mixture of all the old ones; another, $F$,
# does the same for the values. Then comes ordinary softmax attention, over $r$
# keys. The matrices are learned.
#
# It is the *sequence* that gets shorter, not the vectors: $d_k$ stays.


# %% solution="linformer_attention"
def linformer_attention(Q, K, V, E, F):
    """Attention to r mixtures of the keys and values; returns O (nq, dv).

    Q: (nq, dk). K: (nk, dk). V: (nk, dv). E: mixes the keys, (r, nk). F: mixes
    the values, (r, nk). Scores are scaled by sqrt(dk), the softmax runs over the
    r mixtures and is stable at any size of the scores.
    Source: arXiv 2006.04768, section 4, equation 7.
    """
    ### BEGIN SOLUTION
    S = Q @ (E @ K).T / Q.shape[1] ** 0.5
    A = np.exp(S - S.max(axis=1, keepdims=True))
    A = A / A.sum(axis=1, keepdims=True)
    return A @ (F @ V)
    ### END SOLUTION


# %% test="linformer_attention"
check("linformer_attention", linformer_attention)

# %% [markdown]
# With as many mixtures as keys, and the identity for $E$ and $F$, nothing is
# mixed, and full attention must come out. And with fewer, not learned but
# random?

# %% tags=["demo"]
rng = np.random.default_rng(14)
n = 64
Q, K, V = rng.normal(size=(3, n, 8))
full = softmax_attention(Q, K, V)
print(
    "identity:", np.abs(linformer_attention(Q, K, V, np.eye(n), np.eye(n)) - full).max()
)
for r in (8, 32, 64, 256):
    E = rng.normal(size=(r, n)) / r**0.5
    print(
        f"random, r = {r:3}:", np.abs(linformer_attention(Q, K, V, E, E) - full).max()
    )

# %% [markdown] exercise="performer_features"
# ## 14.3 Performer: features by chance
#
# Chapter 12 replaced $e^{q \cdot k}$ by $\phi(q) \cdot \phi(k)$ and got another
# function. Is there a $\phi$ for which it is the *same* function? Yes, if you
# accept chance. Draw $w_1, \dots, w_m$ from a normal distribution, and take
#
# $$
# \phi(x)_i = \frac{1}{\sqrt m}
# \exp\Bigl( w_i \cdot x - \frac{x \cdot x}{2} \Bigr) .
# $$
#
# Then $\phi(q) \cdot \phi(k)$ is $e^{q \cdot k}$ on average. The vectors come as
# they are: whoever wants $e^{q \cdot k / \sqrt{d}}$ divides $q$ and $k$ by
# $d^{1/4}$ beforehand. Implementations often subtract a maximum here to avoid
# overflow; leave it out, it changes the estimate.


# %% solution="performer_features"
def performer_features(X, W):
    """Random positive features for the kernel exp(q . k); returns (n, m).

    X: vectors (n, d), taken as they are. W: m random directions (m, d), normally
    distributed. Feature i of x is exp(w_i . x - x . x / 2) / sqrt(m).
    Source: arXiv 2009.14794, section 2.3, lemma 1.
    """
    ### BEGIN SOLUTION
    half_squares = (X**2).sum(axis=1, keepdims=True) / 2
    return np.exp(X @ W.T - half_squares) / len(W) ** 0.5
    ### END SOLUTION


# %% test="performer_features"
check("performer_features", performer_features)

# %% [markdown]
# How good is the estimate? Four times as many features should halve the error.
# Make the vectors longer (`length = 0.5`): what happens, and why does nobody
# feed unscaled queries and keys?

# %% tags=["demo"]
rng = np.random.default_rng(3)
length = 0.25
Q, K = length * rng.normal(size=(2, 200, 16))
exact = np.exp((Q * K).sum(axis=1))
for m in (16, 64, 256, 1024):
    W = rng.normal(size=(m, 16))
    estimate = (performer_features(Q, W) * performer_features(K, W)).sum(axis=1)
    print(f"m = {m:4}: mean relative error {np.mean(np.abs(estimate / exact - 1)):.3f}")

# %% [markdown] exercise="block_keep"
# ## 14.4 Window, globals, and a bit of chance
#
# BigBird keeps three kinds of cells:
#
# - a *window*: each token sees `window` keys on either side, and itself;
# - *global* tokens: the first `globals_` tokens see all and are seen by all;
# - *random* keys: each row gets `random` further ones, drawn for this row alone,
#   uniformly among those that are still free. A row with fewer free ones gets
#   them all.
#
# The last kind is what makes it a small world: a message between any two tokens
# needs only a few steps.


# %% solution="block_keep"
def block_keep(n, window, globals_, random, rng):
    """Window, global and random cells of a sparse mask; returns (n, n) bool.

    n: tokens. window: keys that each token sees on either side (0: only itself).
    globals_: so many first tokens see all and are seen by all. random: further
    keys a row, drawn anew for each row, uniformly among its free ones; all of
    those if there are fewer. rng: a numpy Generator, from which all chance comes.
    A token always sees itself.
    Source: arXiv 2007.14062, section 2 (with single tokens for blocks).
    """
    ### BEGIN SOLUTION
    i, j = np.indices((n, n))
    keep = np.abs(i - j) <= window
    keep[:globals_] = True
    keep[:, :globals_] = True
    for row in keep:
        free = np.flatnonzero(~row)
        row[rng.choice(free, min(random, len(free)), replace=False)] = True
    return keep
    ### END SOLUTION


# %% [markdown]
# Chance cannot be compared with an answer, but it can be counted. The probe draws
# many masks, and one more with a generator in the state of the first call: the
# same mask must come out.


# %% test="block_keep"
@check("block_keep")
def probe(n, window, globals_, random, seed, draws):
    rng = np.random.default_rng(seed)
    masks = [block_keep(n, window, globals_, random, rng) for _ in range(draws)]
    again = block_keep(n, window, globals_, random, np.random.default_rng(seed))
    return np.stack(masks), again


# %% [markdown]
# Draw it, and count: how much of the table is left, and how many layers does it
# take until every token has heard from every other? Set `globals_` and `random`
# to 0 in turn.

# %% tags=["demo"]
import matplotlib.pyplot as plt

keep = block_keep(48, window=2, globals_=1, random=2, rng=np.random.default_rng(1))
plt.figure(figsize=(4, 4))
plt.imshow(keep, cmap="Blues")
plt.xlabel("key")
plt.ylabel("query")
plt.show()
heard, layers = keep, 1
while not heard.all():
    heard, layers = heard @ keep, layers + 1
print(f"{keep.mean():.0%} of the cells; all have heard from all after {layers} layers")

# %% [markdown] exercise="online_softmax_attention"
# ## 14.5 The same numbers without the big matrix
#
# All of the above change the function to save work. This one does not. Walk
# through the keys in blocks, and remember three things for each query: the
# largest score so far, $\mu$, the sum of exponentials so far, $\ell$, and the
# weighted sum of values so far, $o$. The exponentials are those of
# $S_{ij} - \mu$.
#
# When a new block brings a larger score, all that was summed before was taken
# relative to the wrong maximum. What factor repairs it? In the end the answer
# is $o / \ell$, to rounding the same as if you had all scores at once.
#
# First on paper, one query, block size 1: scores 0, $\ln 3$, and values 8, 4.
#
# The check calls your function with 250 queries, 100,000 keys and 128 MiB; all
# scores at once would be 200 MB. The check in this notebook uses small sizes
# only.


# %% solution="online_softmax_attention"
def online_softmax_attention(Q, K, V, block):
    """Softmax attention with `block` keys at a time; returns O (nq, dv).

    Q: (nq, dk). K: (nk, dk). V: (nk, dv). block: at most so many columns of
    scores exist at once; it may be larger than nk and need not divide it. Scores
    are scaled by sqrt(dk); stable at any size of the scores.
    Source: arXiv 1805.02867; arXiv 2205.14135, section 3.1.
    """
    ### BEGIN SOLUTION
    largest = np.full((len(Q), 1), -np.inf)
    total = np.zeros((len(Q), 1))
    O = np.zeros((len(Q), V.shape[1]))
    for start in range(0, len(K), block):
        some = slice(start, start + block)
        S = Q @ K[some].T / Q.shape[1] ** 0.5
        new = np.maximum(largest, S.max(axis=1, keepdims=True))
        repair = np.exp(largest - new)
        e = np.exp(S - new)
        total = repair * total + e.sum(axis=1, keepdims=True)
        O = repair * O + e @ V[some]
        largest = new
    return O / total
    ### END SOLUTION


# %% test="online_softmax_attention"
check("online_softmax_attention", online_softmax_attention)

# %% [markdown]
# Whatever the block, the numbers are the same. Is the time?

# %% tags=["demo"]
import time

rng = np.random.default_rng(5)
Q, K, V = rng.normal(size=(3, 2000, 16))
direct = softmax_attention(Q, K, V)
for block in (1, 10, 100, 1000, 5000):
    start = time.perf_counter()
    O = online_softmax_attention(Q, K, V, block)
    seconds = time.perf_counter() - start
    print(f"block {block:4}: error {np.abs(O - direct).max():.0e}, {seconds:.3f} s")

# %% [markdown] exercise="scaling_exponent"
# ## 14.6 The measuring stick
#
# "It is linear", says the paper. You have a list of lengths and a list of times.
# If the cost is $c\,n^p$, then $\log \text{cost} = \log c + p \log n$: a straight
# line, and $p$ is its slope. Fit the line to *all* points by least squares; single
# measurements lie.


# %% solution="scaling_exponent"
def scaling_exponent(sizes, costs):
    """The p for which costs grow as sizes**p; returns a float.

    sizes, costs: positive numbers, equally many, in any order; at least two sizes
    differ, some may repeat. The slope of the least-squares line through log cost
    over log size.
    Source: arXiv 2009.06732, section 2.2 (what the papers claim about n).
    """
    ### BEGIN SOLUTION
    x, y = np.log(sizes), np.log(costs)
    x = x - x.mean()
    return float(x @ (y - y.mean()) / (x @ x))
    ### END SOLUTION


# %% test="scaling_exponent"
check("scaling_exponent", scaling_exponent)

# %% [markdown]
# Multiplications are exact and give exact exponents; clocks do not. Measure, and run
# it twice: how sure are you of the first digit behind the point? What changes when
# you leave out the small sizes?


# %% tags=["demo"]
def seconds(attend, *arrays):
    """The best of seven runs."""
    runs = []
    for _ in range(7):
        start = time.process_time()
        attend(*arrays)
        runs.append(time.process_time() - start)
    return min(runs)


sizes = [128, 256, 512, 1024, 2048, 4096]
times = {"softmax": [], "Linformer": []}
for n in sizes:
    Q, K, V = rng.normal(size=(3, n, 32))
    E = rng.normal(size=(32, n))
    times["softmax"].append(seconds(softmax_attention, Q, K, V))
    times["Linformer"].append(seconds(linformer_attention, Q, K, V, E, E))
for name, costs in times.items():
    print(f"{name:10} {scaling_exponent(sizes, costs):.2f}", np.round(costs, 5))

# %% [markdown]
# ## Try it
#
# Not graded. Put the Performer together from your features, and let it look for
# what softmax attention finds easily: each of 64 vectors asks for itself. Change
# `sharp` (the length of the vectors) and `m`. When does the estimate break down,
# and does drawing other directions (another seed) help?

# %% tags=["demo"]
rng = np.random.default_rng(6)
sharp, m = 1.0, 256
X = sharp * rng.normal(size=(64, 16))
scaled = X / 16**0.25
features = performer_features(scaled, rng.normal(size=(m, 16)))
A = features @ features.T
A = A / A.sum(axis=1, keepdims=True)
exact = softmax_attention(X, X, np.eye(64))
print(f"weight on itself: softmax {np.diag(exact).mean():.2f},", end=" ")
print(f"Performer {np.diag(A).mean():.2f}")
print(f"largest difference of two weights: {np.abs(A - exact).max():.2f}")
