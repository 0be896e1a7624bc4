"""Running student code in a process of its own; what it says is only an answer."""
