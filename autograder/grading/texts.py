"""Text from a student, made safe to print and to write."""

import re

# everything that is not printable text: C0 and C1 controls, bidirectional overrides
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)?")


def clean(text: str, limit: int = 20_000) -> str:
    """Return `text` without escape sequences, controls and lone surrogates."""
    text = text[:limit].replace("\r\n", "\n")
    text = CONTROLS.sub("", ESCAPES.sub("", text))
    return text.encode("utf-8", "replace").decode("utf-8")
