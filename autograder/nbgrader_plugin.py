"""Our grading inside plain nbgrader: preprocessors for its commands, no patches."""

import shutil
import weakref
from pathlib import Path

from nbconvert.preprocessors import Preprocessor
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool

from autograder.course.layout import Course
from autograder.grading import record as records
from autograder.grading.grade import grade_notebook
from autograder.grading.record import Record
from autograder.grading.run import GradingRun
from autograder.grading.shown_code import ShownCode
from autograder.grading.transplant import ADDED, transplant
from autograder.ingest.notebook import Unreadable
from autograder.ingest.submission import data_files, submission_of
from autograder.sandbox.machine import walls_for

# one run, and one seed, for each converter: a command, or a click in formgrader
_runs = weakref.WeakKeyDictionary()


class _Grading(NbGraderPreprocessor):
    def _chapter_run(self, resources):
        converter = self.parent.parent
        if converter not in _runs:
            course = Course.find(Path(converter.coursedir.root))
            _runs[converter] = GradingRun(course)
        run = _runs[converter]
        (chapter,) = run.course.choose([resources["nbgrader"]["assignment"]])
        return run.of(chapter)


class Transplant(_Grading):
    """Sanitising: only the text of the submission goes on, in the pristine notebook."""

    def preprocess(self, nb, resources):
        chapter_run = self._chapter_run(resources)
        student, chapter = resources["nbgrader"]["student"], chapter_run.chapter.name
        course = chapter_run.course
        self._leave_behind(course, Path(student, chapter))
        _require_own_file(course.submitted, Path(student, chapter, f"{chapter}.ipynb"))
        submission = submission_of(nb, student, chapter)
        planted = transplant(chapter_run.pristine, submission)
        for note in planted.notes:
            self.log.warning("%s: %s", submission.student, note)
        return planted.annotated(), resources

    def _leave_behind(self, course, place):
        """Remove what nbgrader has copied from beside the notebook, links followed.

        It would go on into the feedback, and so to the student.
        """
        ours = {path.name for path in (course.source / place.name).iterdir()}
        for path in (course.autograded / place).iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in ours:
                path.unlink()


def _require_own_file(submitted, place):
    """Raise Unreadable where a link leads to what another has handed in."""
    for path in (place, *place.parents[:-1]):
        if (submitted / path).is_symlink():
            raise Unreadable(f"{path}: a link; hand in the file itself")


class Judge(_Grading):
    """Autograding: the cells run in a process of their own and are judged here."""

    sandbox = Bool(
        True, help="Whether student code runs behind walls; see SECURITY.md."
    ).tag(config=True)

    def preprocess(self, nb, resources):
        chapter_run = self._chapter_run(resources)
        chapter_run.walls = walls_for(self.sandbox)
        names = resources["nbgrader"]
        course = chapter_run.course
        handed_in = course.submitted / names["student"] / names["assignment"]
        graded = grade_notebook(chapter_run, nb, data_files(handed_in))
        record = Record(
            names["student"],
            names["assignment"],
            "",  # plain nbgrader decides by itself what to grade again
            chapter_run.seed,
            graded.verdicts,
            sandboxed=chapter_run.walls.sandboxed,
        )
        folder = self.parent.parent.writer.build_directory
        records.write(Path(folder), record)
        return graded.notebook, resources


class ShowAsText(Preprocessor):
    """Formgrader's view of a notebook: what students wrote is shown, never rendered.

    Its page renders markdown as it is, scripts included, in the session of the
    instructor; and colouring code that is made for it can take hours.
    """

    def preprocess(self, nb, resources):
        code = ShownCode()
        nb.cells = [self._shown(cell, code) for cell in nb.cells]
        return nb, resources

    def _shown(self, cell, code):
        nbgrader = cell.metadata.get("nbgrader", {})
        is_theirs = ADDED in cell.metadata.get("tags", []) or nbgrader.get("solution")
        if not is_theirs:
            return cell
        text = code.text(cell.source)
        if cell.cell_type == "code" and code.is_coloured(text):
            cell.source = text
            return cell
        outputs = [new_output("stream", name="stdout", text=text)]
        if cell.cell_type == "code":
            cell.source, cell.outputs = "", outputs + cell.outputs
            return cell
        return new_code_cell("", metadata=cell.metadata, outputs=outputs, id=cell.id)
