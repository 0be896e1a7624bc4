"""Whether the sizes of a case can be told apart."""

import numpy as np

from autograder.checking.exercise import Case, Exercise, axis_names


def complaints(exercise: Exercise, cases: list[Case]) -> list[str]:
    """What is wrong with the sizes of the cases that are not edges."""
    plain = [case for case in cases if not case.edge]
    found = []
    if len(plain) < 2:
        found.append(f"only {len(plain)} cases are not edges; give at least 2")
    for case in plain:
        try:
            sizes = bind(exercise, case)
        except ValueError as error:
            found.append(str(error))
            continue
        by_size = {}
        for name, size in sizes.items():
            by_size.setdefault(size, []).append(name)
        same = [names for names in by_size.values() if len(names) > 1]
        if same:
            found.append(f"{' = '.join(same[0])} in the case {case.note!r}")
    return found


def bind(exercise: Exercise, case: Case) -> dict[str, int]:
    """The size of each named axis; raises ValueError where the inputs disagree."""
    sizes = {}
    for name, value in case.inputs.items():
        axes = axis_names(exercise.inputs.get(name))
        if axes is None or not isinstance(value, np.ndarray):
            continue
        shape = value.shape
        if axes and axes[0] == "...":
            axes = axes[1:]
            shape = shape[len(shape) - len(axes) :]
        if len(axes) != len(shape):
            raise ValueError(f"{name} has shape {value.shape}, declared {axes}")
        for axis, size in zip(axes, shape, strict=True):
            if axis.isidentifier() and sizes.setdefault(axis, size) != size:
                raise ValueError(f"{axis} is {sizes[axis]} and {size} in {case.note!r}")
    return sizes
