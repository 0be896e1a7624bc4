"""Whether an HTML page is well formed and holds nothing that runs or loads."""

from html.parser import HTMLParser

VOID = frozenset("area br col hr img input link meta wbr".split())
FORBIDDEN = frozenset(
    "script iframe object embed svg math link base form input video audio".split()
)
SCHEMES = ("#", "data:image/png;base64,")


def faults_of(page: str) -> list[str]:
    """What is wrong with a page, in words; empty when nothing is."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    faults = reader.faults + [f"<{tag}> is never closed" for tag in reader.open]
    faults += [f"the control {c!r}" for c in set(page) if _is_control(c)]
    if reader.rawdata:
        faults.append(f"cannot be read: {reader.rawdata[:80]!r}")
    return faults


def _is_control(character):
    return (
        not character.isprintable()
        and character not in "\n\t"
        and (ord(character) < 0xA0 or 0xD800 <= ord(character) < 0xE000)
    )


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.faults = [], []

    def handle_starttag(self, tag, attrs):
        if tag in FORBIDDEN:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            self._look_at(tag, name, value or "")
        if tag not in VOID:
            self.open.append(tag)

    def _look_at(self, tag, name, value):
        if name.startswith("on"):
            self.faults.append(f"<{tag} {name}>")
        if name in ("src", "href", "srcset", "style") and not value.startswith(SCHEMES):
            self.faults.append(f"<{tag} {name}={value[:60]!r}>")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes another")
