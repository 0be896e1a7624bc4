"""nbgrader in this course: plain `nbgrader` commands and formgrader read this file,
and so does `autograder`. Student code runs in a process of its own and is judged
outside of it, by the same code for both ways of grading.
"""

import os
import sys
from pathlib import Path

# nbgrader calls `alembic` by name when it makes a gradebook; it stands beside Python
os.environ["PATH"] = os.pathsep.join(
    (str(Path(sys.executable).parent), os.environ["PATH"])
)

ROOT = Path(__file__).resolve().parent

c = get_config()

c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.course_id = "self-attention"
c.CourseDirectory.source_directory = "class/source"
c.CourseDirectory.release_directory = "notebooks"
c.CourseDirectory.submitted_directory = "class/submitted"
c.CourseDirectory.autograded_directory = "class/autograded"
c.CourseDirectory.feedback_directory = "class/feedback"
c.CourseDirectory.db_url = f"sqlite:///{ROOT / 'class' / 'gradebook.db'}"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "record.json"]

c.Exchange.root = str(ROOT / "class" / "exchange")

c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}

c.Autograde.sanitize_preprocessors = ["autograder.nbgrader_plugin.Transplant"]
c.Autograde.autograde_preprocessors = [
    "autograder.nbgrader_plugin.Judge",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
]

c.GenerateFeedback.exporter_class = (
    "autograder.grading.feedback_exporter.FeedbackExporter"
)
c.GenerateFeedback.preprocessors = ["nbgrader.preprocessors.GetGrades"]

# formgrader shows autograded notebooks: students' markdown as text, and whatever HTML
# there is cut down to plain marks
c.HTMLExporter.preprocessors = ["autograder.nbgrader_plugin.ShowAsText"]
c.HTMLExporter.sanitize_html = True
c.SanitizeHTML.strip = True
c.SanitizeHTML.tags = (
    "a abbr b blockquote br code details div em h1 h2 h3 h4 hr i li ol p pre strong "
    "sub summary sup table tbody td th thead tr ul"
).split()
