#!/bin/sh
# Says what is missing when the Python named on the command line cannot make the course.
python=$1
command -v "$python" >/dev/null || {
    echo "make: $python not found. Install Python 3.11 (Debian: apt-get install python3.11-venv)," >&2
    echo "or name yours: make PYTHON=/path/to/python3.11" >&2
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "make: $python is not Python 3.11; name one that is: make PYTHON=/path/to/python3.11" >&2
    exit 1
}
"$python" -c 'import ensurepip, venv' 2>/dev/null || {
    echo "make: $python cannot make a virtual environment; Debian: apt-get install python3.11-venv" >&2
    exit 1
}
