"""notebooks/ is what solutions/ makes of it, and is what a student needs."""

import json
import shutil

import nbformat
import numpy as np
import pytest

from autograder.checking import public
from autograder.checking.check import recording
from autograder.course.layout import Course
from autograder.course.release import release
from autograder.course.source import grade_id, is_demo


@pytest.fixture(scope="module")
def fresh(repository, tmp_path_factory):
    """A course released from nothing."""
    root = tmp_path_factory.mktemp("fresh")
    shutil.copytree(repository.solutions, root / "solutions")
    shutil.copytree(repository.root / "book", root / "book")
    shutil.copy(repository.root / "nbgrader_config.py", root)
    course = Course.find(root)
    for chapter in course.chapters.values():
        assert release(course, chapter)
    return course


def notebook_of(course, chapter):
    path = course.notebooks / chapter / f"{chapter}.ipynb"
    return nbformat.read(path, as_version=4)


def assert_same_values(one, other, where):
    """Equal structure; numbers equal up to what another processor may round."""
    if isinstance(one, dict) and "dtype" in one:
        assert (one["dtype"], one["shape"]) == (other["dtype"], other["shape"]), where
        a, b = (np.array([_number(x) for x in v["data"]], float) for v in (one, other))
        tolerance = 1e-4 if "32" in one["dtype"] else 1e-9
        np.testing.assert_allclose(a, b, tolerance, tolerance, err_msg=where)
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same_values(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same_values(*pair, f"{where}[{index}]")
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-9), where
    else:
        assert one == other, where


def _number(item):
    return float(item["float"]) if isinstance(item, dict) else item


def test_notebooks_are_up_to_date(repository, fresh):
    released = sorted(p.name for p in repository.notebooks.iterdir() if p.is_dir())
    assert released == list(fresh.chapters), "run: make notebooks"
    for name in fresh.chapters:
        ours, new = notebook_of(repository, name), notebook_of(fresh, name)
        assert ours == new, f"notebooks/{name} is out of date; run: make notebooks"


def test_public_cases_are_up_to_date(repository, fresh):
    for name in fresh.chapters:
        ours, new = (
            json.loads((course.notebooks / name / public.FILE_NAME).read_text())
            for course in (repository, fresh)
        )
        for data in (ours, new):  # what equals the reference may differ by rounding
            for exercise in data["exercises"].values():
                for case in exercise["cases"]:
                    for right in case.pop("right"):
                        case["misconceptions"][right] = case["expected"]
                    case["misconceptions"] = dict(
                        sorted(case["misconceptions"].items())
                    )
        assert_same_values(ours, new, name)


def test_notebooks_are_valid_nbgrader_notebooks(repository):
    for name, chapter in repository.chapters.items():
        notebook = notebook_of(repository, name)
        nbformat.validate(notebook)
        graded = [c.metadata.nbgrader for c in notebook.cells if grade_id(c)]
        assert all(meta.schema_version == 3 for meta in graded)
        tests = {meta.grade_id: meta for meta in graded if meta.grade}
        assert tests.keys() == {f"test_{exercise}" for exercise in chapter.exercises}
        assert all(meta.locked and not meta.solution for meta in tests.values())
        for exercise in chapter.exercises.values():
            assert tests[f"test_{exercise.name}"].points == exercise.points


def test_no_solution_ships(repository):
    for name, chapter in repository.chapters.items():
        folder = repository.notebooks / name
        assert sorted(p.name for p in folder.iterdir()) == [
            f"{name}.ipynb",
            public.FILE_NAME,
        ]
        text = "".join(path.read_text() for path in folder.iterdir())
        assert "BEGIN SOLUTION" not in text
        stubs = {c.id: c.source for c in notebook_of(repository, name).cells}
        for exercise in chapter.exercises:
            assert "raise NotImplementedError" in stubs[exercise]


def test_every_exercise_has_what_a_student_needs(repository):
    for name, chapter in repository.chapters.items():
        cells = {cell.id: cell for cell in notebook_of(repository, name).cells}
        for exercise in chapter.exercises:
            text = cells[f"text-{exercise}"].source
            assert text.startswith("## ") and "Difficulty" in text
            assert cells[f"hints-{exercise}"].source.count("<details>") == 2
            assert '"""' in cells[exercise].source, f"{exercise} has no docstring"


def test_check_needs_no_solutions(repository, tmp_path, monkeypatch):
    name = "ch04_softmax"
    shutil.copytree(repository.notebooks / name, tmp_path / name)
    monkeypatch.chdir(tmp_path / name)
    namespace = {}
    with recording() as probes:
        for cell in notebook_of(repository, name).cells:
            if cell.cell_type == "code" and not is_demo(cell):
                exec(cell.source, namespace)
    from autograder import check

    with pytest.raises(AssertionError, match="not attempted"):
        check("softmax", probes["softmax"])

    def softmax(S, axis=-1):
        e = np.exp(S - S.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)

    assert check("softmax", softmax) is None
