"""The built book in a browser: every page opens, offline, without a complaint.

Run ``make book`` first. The browser is Debian's Chromium; it can reach this machine
alone, so whatever a page asks of another one fails and is reported.
"""

import functools
import http.server
import re
import shutil
import threading
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "html"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
NOTHING_OUTSIDE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
LOCAL = re.compile(r"file:|data:|blob:|about:|http://127\.0\.0\.1[:/]")
TYPESET = "() => window.MathJax?.startup?.promise"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


def _files(node):
    """Every page that a table of contents names."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("root", "file"):
                yield value
            else:
                yield from _files(value)
    elif isinstance(node, list):
        for item in node:
            yield from _files(item)


PAGES = list(_files(yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())))
every_page = pytest.mark.parametrize("name", PAGES)
# what Sphinx writes by itself is read as well
every_file = pytest.mark.parametrize("name", [*PAGES, "search", "genindex"])


# --- the book, a server and a browser -------------------------------------------


@pytest.fixture(scope="module")
def book():
    """The folder of the built book."""
    if not (BUILT / "index.html").exists():
        pytest.fail("the book is not built; run: make book", pytrace=False)
    missing = [name for name in PAGES if not (BUILT / f"{name}.html").exists()]
    if missing:
        pytest.fail(f"not built: {missing}; run: make book", pytrace=False)
    return BUILT


@pytest.fixture(scope="module")
def server(book):
    """The address of the built book on loopback."""
    handler = functools.partial(QuietHandler, directory=book)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.fail(
            "chromium is missing; Debian: apt-get install chromium", pytrace=False
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*FLAGS, NOTHING_OUTSIDE]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visit(browser):
    """Open an address in a tab; returns it with the list of all complaints."""

    def open_tab(address, viewport=DESK):
        tab, complaints = browser.new_page(viewport=viewport), []
        tab.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        tab.on("requestfailed", lambda r: complaints.append(f"failed: {r.url}"))
        tab.on("console", lambda line: _add_console(complaints, line))
        tab.on("request", lambda r: _add_outside(complaints, r.url))
        tab.goto(address, wait_until="load")
        tab.evaluate(TYPESET)
        return tab, complaints

    return open_tab


def _add_console(complaints, line):
    if line.type in ("error", "warning"):
        complaints.append(f"{line.type}: {line.text}")


def _add_outside(complaints, url):
    if not LOCAL.match(url):
        complaints.append(f"outside: {url}")


# --- each page, opened once over http and looked at -----------------------------


@dataclass
class Look:
    """What was seen of a page: wide and light, then on a phone in the dark."""

    complaints: list
    title: str
    headings: int
    images: list
    formulas: int
    broken_formulas: int
    phone_width: int


@pytest.fixture(scope="module")
def look(visit, server):
    @functools.cache
    def open_and_look(name):
        tab, complaints = visit(f"{server}/{name}.html")
        seen = tab.evaluate(
            """() => {
                const all = (selector) => [...document.querySelectorAll(selector)];
                return {
                    headings: all(".bd-article h1").length,
                    images: [
                        ...all(".bd-article img").map((image) => image.alt),
                        ...all(".bd-article svg[role=img]").map(
                            (image) => image.getAttribute("aria-label") ?? ""),
                    ],
                    formulas: all("mjx-container").length,
                    broken_formulas: all("mjx-merror").length,
                };
            }"""
        )
        title = tab.title()
        tab.emulate_media(color_scheme="dark")
        tab.set_viewport_size(PHONE)
        width = tab.evaluate("document.documentElement.scrollWidth")
        tab.close()
        return Look(complaints, title, phone_width=width, **seen)

    return open_and_look


@every_file
def test_page_is_silent_and_local(look, name):
    assert look(name).complaints == []


@every_page
def test_page_opens_from_a_file(visit, book, name):
    tab, complaints = visit((book / f"{name}.html").as_uri())
    tab.close()
    assert complaints == []


@every_page
def test_page_has_a_title_and_one_main_heading(look, name):
    seen = look(name)
    assert seen.title
    assert seen.headings == 1


@every_page
def test_images_have_a_text(look, name):
    for text in look(name).images:
        assert text.strip(), "an image without a text"
        assert not text.endswith((".svg", ".png")), f"{text} is no text for readers"


@every_page
def test_page_fits_a_phone(look, name):
    wide = look(name).phone_width
    assert wide <= PHONE["width"], f"{wide} px wide on a phone of {PHONE['width']}"


@every_page
def test_formulas_are_typeset(look, book, name):
    written = (book / f"{name}.html").read_text(encoding="utf-8").count('class="math ')
    assert look(name).broken_formulas == 0
    assert look(name).formulas >= written


# --- what a reader does ---------------------------------------------------------


def test_phone_has_a_menu_of_the_chapters(visit, server):
    tab, complaints = visit(f"{server}/{PAGES[0]}.html", viewport=PHONE)
    chapter = tab.locator("nav.bd-links a", has_text="1. A set of vectors").first
    assert not chapter.is_visible()
    tab.locator("button.primary-toggle").first.click()
    chapter.wait_for(state="visible", timeout=3000)
    tab.close()
    assert complaints == []


def test_front_door_leads_to_the_front_page(browser, book):
    tab = browser.new_page()
    tab.goto((book / "index.html").as_uri())
    tab.wait_for_url(f"**/{PAGES[0]}.html", timeout=5000)
    tab.close()


@pytest.mark.parametrize("way", ["http", "file"])
def test_search_finds_a_page(visit, server, book, way):
    root = server if way == "http" else book.as_uri()
    tab, complaints = visit(f"{root}/search.html?q=softmax")
    tab.wait_for_selector("#search-results li", timeout=5000)
    tab.close()
    # a browser lets no file read another, so from files results have no summaries
    assert way == "file" or complaints == []


def test_reaching_outside_is_noticed(visit, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<title>x</title><script src="https://example.org/x.js"></script>')
    tab, complaints = visit(page.as_uri())
    tab.close()
    assert "outside: https://example.org/x.js" in complaints
    assert "failed: https://example.org/x.js" in complaints


# --- links ----------------------------------------------------------------------


class Names(HTMLParser):
    """The ids of a page and all that it links to."""

    def __init__(self):
        super().__init__()
        self.ids, self.links = set(), set()

    def handle_starttag(self, tag, attrs):
        for key, value in attrs:
            if key == "id":
                self.ids.add(value)
            elif key in ("href", "src") and value:
                self.links.add(value)


@functools.cache
def _names(path):
    names = Names()
    names.feed(path.read_text(encoding="utf-8"))
    return names


def _leads_somewhere(page, link):
    target, _, anchor = unquote(link).partition("#")
    target = target.partition("?")[0]
    found = (page.parent / target).resolve() if target else page
    if not found.is_file():
        return False
    return not anchor or found.suffix != ".html" or anchor in _names(found).ids


@every_file
def test_links_inside_the_book_lead_somewhere(book, name):
    page = book / f"{name}.html"
    inside = [link for link in _names(page).links if not re.match(r"[a-z]+:|//", link)]
    assert inside
    assert [link for link in inside if not _leads_somewhere(page, link)] == []
