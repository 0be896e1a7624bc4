"""What the cells of a notebook import, as far as it is worth having it ready."""

import re

# slow to import, common in notebooks, and without threads or files of their own; the
# parts of SciPy are named, since SciPy imports each of them when it is first used
READY = (
    "matplotlib.pyplot",
    "networkx",
    "numpy",
    "scipy",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.spatial",
    "scipy.special",
    "scipy.stats",
    "torch",
)
# what a package imports when it is first used so, by a word that stands for the use
WHEN_USED = (
    ("numpy", r"\bma\.", "numpy.ma"),
    ("torch", r"\b(backward|grad)\b", "torch.fx.experimental.symbolic_shapes"),
    ("torch", r"\b(optim|jacrev|jacfwd|hessian)\b", "torch._dynamo"),
)
IMPORT = re.compile(r"^\s*import\s+([\w., ]+)", re.MULTILINE)
FROM = re.compile(r"^\s*from\s+([\w.]+)\s+import\s+([\w, ]+)", re.MULTILINE)


def imported_modules(cells) -> tuple[str, ...]:
    """The modules that `cells` import, as far as they are known here, in a fixed order.

    Some are imported by a package when it is first used: of them a word in the cells
    tells. A module that is missing is no fault; the cell that needs it imports it.
    """
    source = "\n".join(cell.source for cell in cells)
    found = {name for names in IMPORT.findall(source) for name in _words(names)}
    for package, names in FROM.findall(source):
        found |= {package, *(f"{package}.{name}" for name in _words(names))}
    found |= {name.partition(".")[0] for name in found}
    if "matplotlib" in found:
        found.add("matplotlib.pyplot")
    later = [
        module
        for package, word, module in WHEN_USED
        if package in found and re.search(word, source)
    ]
    return (*(name for name in READY if name in found), *later)


def _words(names):
    """The names in ``a, b as c``."""
    return [word.split()[0] for word in names.split(",") if word.strip()]
