# %% [markdown]
# # A sample chapter
#
# Small enough to read in a minute; the engine's tests grade it.

# %% locked="setup"
import numpy as np

from autograder import check

# %% [markdown] exercise="normalise"
# ## 1.1 Normalise
#
# Make each row sum to one.

# %% tags=["demo"]
raise RuntimeError("a demo cell is never run when grading")


# %% solution="normalise"
def normalise(X):
    """Return X (n, d) with rows that sum to 1; rows of zeros stay zeros."""
    ### BEGIN SOLUTION
    total = X.sum(axis=1, keepdims=True)
    return X / np.where(total == 0, 1, total)
    ### END SOLUTION


# %% test="normalise"
check("normalise", normalise)


# %% [markdown] exercise="largest"
# ## 1.2 Largest
#
# The largest entry and where it stands.


# %% solution="largest"
def largest(x):
    """Return the largest entry of x (n,) and its index; ValueError when x is empty."""
    ### BEGIN SOLUTION
    if len(x) == 0:
        raise ValueError("x is empty; give at least one number")
    i = int(np.argmax(x))
    return x[i], i
    ### END SOLUTION


# %% test="largest"
@check("largest")
def probe(x):
    return largest(x)
