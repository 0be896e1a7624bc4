"""The sample class gets what it deserves from plain nbgrader, step by step."""

import shutil

from nbgrader.apps.api import NbGraderAPI
from sample_scores import EXPECTED, assert_as_expected, exported_scores, run_nbgrader

from autograder.cli import main

BY_COMMANDS = "ch04_softmax"
TRAINS = "all_right"  # of the sample class, the only one who does


def by_commands(course, chapter):
    """Grade a chapter as an instructor types it."""
    run_nbgrader(course, "generate_assignment", chapter, "--force")
    # nbgrader ends with 1 where a submission is not JSON, after grading all others
    broken = "unreadable" in [row.get(chapter) for row in EXPECTED.values()]
    done = run_nbgrader(course, "autograde", chapter, may_fail=broken)
    assert ("for student 'broken_json'" in done.stderr) == broken
    run_nbgrader(course, "generate_feedback", chapter)


def by_api(api, chapter):
    """The same as formgrader does it, without a start of Python for each step."""
    steps = (
        lambda: api.generate_assignment(chapter, force=True),
        lambda: api.autograde(chapter, "*"),
        lambda: api.generate_feedback(chapter),
    )
    for step in steps:
        done = step()
        assert done["success"], done


def leave_out_training(course):
    """Nobody trains here: it takes minutes, and is graded as all else is."""
    left_out = set()
    for name, chapter in course.chapters.items():
        if any(exercise.trains for exercise in chapter.exercises.values()):
            shutil.rmtree(course.submitted / TRAINS / name)
            left_out.add((TRAINS, name))
    return left_out


def test_plain_nbgrader_gives_the_same_scores(copied_course):
    course = copied_course
    left_out = leave_out_training(course)
    assert main(["release", "--course", str(course.root)]) == 0
    (course.source.parent / "exchange").mkdir(exist_ok=True)
    api = NbGraderAPI(config=course.config)
    for chapter in course.chapters:
        if chapter == BY_COMMANDS:
            by_commands(course, chapter)
        else:
            by_api(api, chapter)
    assert_as_expected(exported_scores(course), left_out)
    page = course.feedback / "first_mistakes" / BY_COMMANDS / f"{BY_COMMANDS}.html"
    assert "of" in page.read_text() and "public_cases" not in page.read_text()
