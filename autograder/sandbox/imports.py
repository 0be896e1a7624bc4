"""What the cells of a notebook import, as far as it is worth having it ready."""

import re

# slow to import, common in notebooks, and without threads or files of their own
READY = ("matplotlib.pyplot", "numpy", "scipy", "torch")


def imported_modules(cells) -> tuple[str, ...]:
    """The modules of `READY` that a line of `cells` imports, in a fixed order."""
    sources = "\n".join(cell.source for cell in cells)
    found = set(re.findall(r"^\s*(?:import|from)\s+([\w.]+)", sources, re.MULTILINE))
    packages = {name.partition(".")[0] for name in found}
    return tuple(name for name in READY if name.partition(".")[0] in packages)
