"""Notebooks and archives to hand in."""

import io
import json
import zipfile

import pytest


@pytest.fixture(scope="session")
def notebook():
    """``notebook("x = 1", grade_id="normalise")``: the bytes of a small notebook."""

    def make(source="x = 1", grade_id="normalise"):
        metadata = {"nbgrader": {"grade_id": grade_id}} if grade_id else {}
        cell = {"cell_type": "code", "source": source, "metadata": metadata}
        return json.dumps({"nbformat": 4, "cells": [cell]}).encode()

    return make


@pytest.fixture(scope="session")
def zipped():
    """``zipped({"a.txt": b"..."})``: the bytes of an archive.

    A name may be given as a `zipfile.ZipInfo`, to forge what an archive claims.
    """

    def make(members):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in dict(members).items():
                archive.writestr(name, data, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()

    return make


@pytest.fixture
def write(tmp_path):
    """``write("a/b.txt", b"...")`` below a temporary folder; returns the path."""

    def put(name, data):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return put
