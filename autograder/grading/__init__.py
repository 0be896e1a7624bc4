"""From a folder of submissions to verdicts, gradebook, feedback and report."""
