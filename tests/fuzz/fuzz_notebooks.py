"""Strategies for a notebook that is handed in: a valid one, mutated at every level.

Most examples keep to a few answers and few mutations, so that many of them end in the
same transplanted notebook; about one in six is one that no example had before.
"""

import json

from fuzz_answers import NAMES, RIGHT, WRONG
from fuzz_cells import CELLS, METADATA
from fuzz_files import BYTES, TREE, written
from hypothesis import strategies as st


def answers(name):
    """Sources for one exercise; None keeps the stub."""
    few = [RIGHT[name][0], RIGHT[name][0], WRONG[name][0], None]
    return st.sampled_from([*few * 12, *RIGHT[name], *WRONG[name]])


@st.composite
def notebooks(draw, pristine):
    """A notebook that is handed in, as bytes."""
    notebook = json.loads(json.dumps(pristine))
    for cell in notebook["cells"]:
        if cell["id"] in NAMES:
            source = draw(answers(cell["id"]))
            cell["source"] = cell["source"] if source is None else source
    kinds = st.sampled_from((*CELLS, *METADATA, *TREE))
    for mutate in draw(st.lists(kinds, max_size=2)):
        mutate(draw, notebook)
    data = written(notebook)
    for mutate in draw(st.lists(st.sampled_from(BYTES), max_size=2)):
        data = mutate(draw, data)
    return data
