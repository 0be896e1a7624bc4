"""What decides whether an answer is right; needs NumPy and nothing else."""
