"""Memory in huge pages: what is written stays, and a fork has less to copy."""

import subprocess
import sys
from pathlib import Path

import pytest

TRANSPARENT = Path("/sys/kernel/mm/transparent_hugepage/enabled")
MEASURE = """
import re
from autograder.sandbox.huge_pages import gather_memory

def in_huge_pages():
    with open("/proc/self/smaps_rollup") as file:
        return int(re.search(r"AnonHugePages: *([0-9]+)", file.read())[1])

kept = [bytes([i % 256]) * 100_000 for i in range(400)]
before = in_huge_pages()
gather_memory()
right = all(item == bytes([i % 256]) * 100_000 for i, item in enumerate(kept))
print(before, in_huge_pages(), right)
"""


def measured():
    command = [sys.executable, "-c", MEASURE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after, right = done.stdout.split()
    return int(before), int(after), right == "True"


@pytest.fixture(scope="module", autouse=True)
def linux():
    if not TRANSPARENT.exists() or "[never]" in TRANSPARENT.read_text():
        pytest.skip("this kernel has no huge pages to give")


def test_most_of_what_was_written_is_in_huge_pages_and_the_same():
    before, after, right = measured()
    assert right
    assert after > before + 20_000  # KiB, of the 40,000 that were written
