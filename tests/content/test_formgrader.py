"""Jupyter with formgrader opens the course as it was graded."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from autograder.cli import main

TOKEN = "formgrader-test"


@pytest.fixture(scope="module")
def server(copied_course):
    """The address of a Jupyter server on loopback; one submission is graded."""
    arguments = ["grade", "ch04_softmax", "--student", "first_mistakes"]
    assert main([*arguments, "--course", str(copied_course.root)]) == 0
    (copied_course.source.parent / "exchange").mkdir(exist_ok=True)
    command = [Path(sys.executable).parent / "jupyter-lab", "--no-browser"]
    options = [
        "--allow-root",
        "--ip=127.0.0.1",
        "--port=0",
        f"--ServerApp.token={TOKEN}",
    ]
    process = subprocess.Popen(
        [*command, *options],
        cwd=copied_course.root,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"},
    )
    try:
        yield _address(process)
    finally:
        process.terminate()
        process.wait(30)


def _address(process):
    for line in process.stderr:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            _wait_for_port(int(found.group().rpartition(":")[2]))
            return found.group()
    raise AssertionError(f"jupyter ended with {process.wait()}")


def _wait_for_port(port):
    """The address is printed a moment before anyone listens."""
    for _ in range(300):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens on port {port}")


def get(server, path):
    request = urllib.request.Request(server + path)
    request.add_header("Authorization", f"token {TOKEN}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def test_formgrader_lists_the_chapters(server, copied_course):
    listed = json.loads(get(server, "/formgrader/api/assignments"))
    assert (
        {"ch04_softmax"}
        <= {row["name"] for row in listed}
        <= set(copied_course.chapters)
    )
    chapter = next(row for row in listed if row["name"] == "ch04_softmax")
    assert chapter["max_score"] == copied_course.chapters["ch04_softmax"].points


def test_formgrader_shows_an_autograded_notebook(server):
    path = "/formgrader/api/submitted_notebooks/ch04_softmax/ch04_softmax"
    (row,) = (
        r for r in json.loads(get(server, path)) if r["student"] == "first_mistakes"
    )
    page = get(server, f"/formgrader/submissions/{row['id']}")
    assert ">softmax</span>" in page  # the student's code
    assert "&lt;div" not in page  # our card is shown, not escaped
    assert "of 3 points" in page
