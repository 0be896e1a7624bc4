"""Inputs on their way to the process that runs student code, several at a time.

They are the same for a whole class, so they are written once; and a process that has
them all does not wait for the next between two short calls.
"""

from dataclasses import dataclass

from autograder.checking.values import to_bytes

MOST_BYTES = 256 * 1024


@dataclass(frozen=True)
class Batch:
    """Named inputs, one dict a call, and how they are written."""

    inputs: list[dict]
    data: bytes


def batches_of(inputs: list[dict], most: int = MOST_BYTES) -> list[Batch]:
    """Put inputs together, in order, as long as they take no more than `most` bytes."""
    batches, together, size = [], [], 0
    for named in inputs:
        frame = to_bytes(named)
        if together and size + len(frame) > most:
            batches.append(_batch(together))
            together, size = [], 0
        together.append((named, frame))
        size += len(frame)
    return [*batches, _batch(together)] if together else batches


def _batch(together):
    inputs, frames = zip(*together, strict=True)
    return Batch(list(inputs), b"".join(frames))
