"""What a student handed in, reduced to text: nothing else crosses into grading."""
