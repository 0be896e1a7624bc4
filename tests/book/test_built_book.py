"""The built book in a browser: every page opens, offline, without a complaint.

Run ``make book`` first; the browser is Debian's Chromium and may reach this machine
alone.
"""

import functools
import http.server
import re
import shutil
import threading
from pathlib import Path

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


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing; Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*FLAGS, NOTHING_OUTSIDE]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server():
    """The address of the built book on loopback."""
    assert (BUILT / "index.html").exists(), "the book is not built; run: make book"
    handler = functools.partial(QuietHandler, directory=BUILT)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def visit(browser):
    """Open a page; returns it with the list of what the browser complained about."""
    contexts = []

    def open_page(address, width=1280, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        contexts.append(context)
        page, complaints = context.new_page(), []
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("requestfailed", lambda r: complaints.append(f"failed: {r.url}"))
        page.on(
            "console",
            lambda message: (
                complaints.append(f"{message.type}: {message.text}")
                if message.type in ("error", "warning")
                else None
            ),
        )
        page.on(
            "request",
            lambda r: (
                complaints.append(f"outside: {r.url}")
                if re.match(r"https?://(?!127\.0\.0\.1)", r.url)
                else None
            ),
        )
        page.goto(address, wait_until="load")
        page.wait_for_function("!window.MathJax || window.MathJax.startup?.promise")
        return page, complaints

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_silent_and_local(visit, server, name):
    page, complaints = visit(f"{server}/{name}.html")
    assert complaints == []
    assert page.title()
    assert page.locator("h1").count() >= 1


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_from_a_file(visit, name):
    _, complaints = visit((BUILT / f"{name}.html").as_uri())
    assert complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone(visit, server, name):
    page, _ = visit(f"{server}/{name}.html", width=390, scheme="dark")
    wide, room = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= room, f"{name} is {wide} px wide on a phone of {room}"


@pytest.mark.parametrize("name", PAGES)
def test_images_have_a_text(visit, server, name):
    page, _ = visit(f"{server}/{name}.html")
    images = page.locator(".bd-article img").all()
    texts = [image.get_attribute("alt") or "" for image in images]
    assert all(len(text) > 20 for text in texts), texts


def test_formulas_are_typeset(visit, server):
    page, _ = visit(f"{server}/book/ch03_scoring.html")
    page.wait_for_selector("mjx-container")
    assert page.locator("mjx-container").count() > 20
    assert page.locator("mjx-merror").count() == 0


@pytest.mark.parametrize("name", PAGES)
def test_links_inside_the_book_lead_somewhere(name):
    path = BUILT / f"{name}.html"
    for link in re.findall(r'href="([^"]+)"', path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:|#|//", link):
            continue
        target, _, anchor = link.partition("#")
        found = (path.parent / target.partition("?")[0]).resolve()
        assert found.exists(), f"{name} links to {link}"
        if anchor and found.suffix == ".html":
            text = found.read_text(encoding="utf-8")
            assert f'id="{anchor}"' in text, f"{name} links to {link}"
