"""What the cells of a notebook import, as far as it is worth having it ready."""

import re

# slow to import, common in notebooks, and without threads or files of their own; the
# parts of SciPy are named, since SciPy imports each of them when it is first used
READY = (
    "matplotlib.pyplot",
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
IMPORT = re.compile(r"^\s*import\s+([\w., ]+)", re.MULTILINE)
FROM = re.compile(r"^\s*from\s+([\w.]+)\s+import\s+([\w, ]+)", re.MULTILINE)


def imported_modules(cells) -> tuple[str, ...]:
    """The modules of `READY` that a line of `cells` imports, in a fixed order."""
    source = "\n".join(cell.source for cell in cells)
    found = {name for names in IMPORT.findall(source) for name in _words(names)}
    for package, names in FROM.findall(source):
        found |= {package, *(f"{package}.{name}" for name in _words(names))}
    found |= {name.partition(".")[0] for name in found}
    if "matplotlib" in found:
        found.add("matplotlib.pyplot")
    return tuple(name for name in READY if name in found)


def _words(names):
    """The names in ``a, b as c``."""
    return [word.split()[0] for word in names.split(",") if word.strip()]
