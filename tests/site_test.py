"""The site builds, its links lead somewhere, and it loads nothing from elsewhere."""

import html.parser
import pathlib
import urllib.parse

import pytest

from docs import site

pytestmark = pytest.mark.without_backend
# Elements that a browser loads by itself.
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


class Page(html.parser.HTMLParser):
    """The links and anchors of a page, and what a browser loads for it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.loaded = [], {""}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes.get("id"), attributes.get("name")}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        is_read_only = attributes.get("rel") in ("canonical", "next", "prev")
        if tag in LOADED and attributes.get(LOADED[tag]) and not is_read_only:
            self.loaded.append(attributes[LOADED[tag]])


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    site.main(site.Config(output=folder / "site"))
    built = folder / "site" / "site"
    return {path: Page(path) for path in built.rglob("*.html") if path.stem != "404"}


def is_broken(path, link, pages):
    """Whether a relative link leads to no file, or to no anchor in it."""
    link, anchor = urllib.parse.urldefrag(urllib.parse.unquote(link))
    target = pathlib.Path(path.parent / link).resolve() if link else path
    if target.is_dir():
        target /= "index.html"
    has_anchor = target not in pages or anchor in pages[target].anchors
    return not (target.exists() and has_anchor)


def test_links_lead_somewhere(pages):
    links = [
        (path, link)
        for path, page in pages.items()
        for link in page.links + page.loaded
        if not urllib.parse.urlparse(link).scheme
    ]
    assert len(links) > 1000
    assert not [link for link in links if is_broken(*link, pages)]
    assert is_broken(links[0][0], "nowhere/", pages)
    assert is_broken(links[0][0], "#nowhere", pages)


def test_nothing_is_loaded_from_elsewhere(pages):
    loaded = [x for page in pages.values() for x in page.loaded]
    assert loaded
    assert not [
        x for x in loaded if urllib.parse.urlparse(x).scheme not in ("", "data")
    ]


def test_every_public_name_is_in_the_reference(pages):
    by_folder = {path.parent.name: page for path, page in pages.items()}
    assert "keras_bigs.layers.bi_ssm.BiSSM" in by_folder["layers"].anchors
    fine_tune = "keras_bigs.training.fine_tuning.fine_tune"
    assert fine_tune in by_folder["training"].anchors
    assert "keras_bigs.data.tables.reading.read_table" in by_folder["data"].anchors
    load_glue = "keras_bigs.training.benchmarks.glue.load_glue"
    assert load_glue in by_folder["training"].anchors
    assert "keras_bigs.errors.DataError" in by_folder["errors"].anchors
    assert "export" in by_folder["commands"].anchors
    assert {"getting_started", "inside_bigs", "launch"} <= set(by_folder)
