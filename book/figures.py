"""How the figures of the book look: readable on light and on dark pages."""

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler

GREY = "#777777"
COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377")


def style():
    """Set transparent figures, grey lines and text, and a colour-blind-safe cycle."""
    plt.rcParams.update(
        {
            "savefig.transparent": True,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "font.size": 11,
            "text.color": GREY,
            "axes.edgecolor": GREY,
            "axes.labelcolor": GREY,
            "axes.titlecolor": GREY,
            "xtick.color": GREY,
            "ytick.color": GREY,
            "legend.frameon": False,
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "svg.hashsalt": "self-attention",
        }
    )


def heat(
    ax,
    matrix,
    rows=None,
    columns=None,
    title="",
    xlabel="",
    ylabel="",
    values=True,
    limits=(0.0, 1.0),
):
    """Draw `matrix` (n, m) as a heat map, each cell with its number if `values`."""
    matrix = np.asarray(matrix, dtype=float)
    low, high = limits
    ax.imshow(matrix, cmap="Blues", vmin=low, vmax=high, aspect="equal")
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.set_xticks(range(matrix.shape[1]), labels=_labels(columns, matrix.shape[1]))
    ax.set_yticks(range(matrix.shape[0]), labels=_labels(rows, matrix.shape[0]))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    if values:
        middle = (low + high) / 2
        for (i, j), number in np.ndenumerate(matrix):
            colour = "white" if number > middle else "#333333"
            ax.text(j, i, f"{number:.2f}", ha="center", va="center", color=colour)
    return ax


def _labels(labels, count):
    return list(labels) if labels is not None else [str(i) for i in range(count)]
