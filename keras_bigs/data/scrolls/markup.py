"""The text of an HTML page."""

import re
from html.parser import HTMLParser

# Tags that a page of running text has. Others, such as "<i>", and what else stands
# between angle brackets, such as "<www.example.org>", may be in a plain text too.
_PAGE = re.compile(
    r"<(?:!doctype|html|body|div|p|br|hr|h[1-6])\b[^<>]*>", re.IGNORECASE
)
_BLOCKS = re.compile(r"blockquote|body|d[dlt]|div|h[1-6r]|li|ol|p|pre|table|t[dhr]|ul")
_HIDDEN = frozenset(("script", "style", "title"))


def is_html(text: str) -> bool:
    """Whether a text has a tag of HTML pages."""
    return _PAGE.search(text) is not None


def text_of_html(page: str) -> str:
    """What a reader sees of a page: paragraphs with a blank line between them.

    Args:
        page: HTML, in which tags may be left open, but for those of what is not shown,
            such as `title` and `script`.

    Returns:
        The text, in which a line break is `<br>` and all other space is one space.
    """
    parser = _Parser()
    parser.feed(page)
    parser.close()
    text = re.sub(r" +", " ", "".join(parser.pieces))
    text = re.sub(r" ?\n ?", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.pieces = []
        self._num_hidden = 0

    def handle_starttag(self, tag, attrs):
        if tag in _HIDDEN:
            self._num_hidden += 1
        elif tag == "br":
            self.pieces.append("\n")
        elif _BLOCKS.fullmatch(tag):
            self.pieces.append("\n\n")

    def handle_endtag(self, tag):
        if tag in _HIDDEN:
            self._num_hidden = max(0, self._num_hidden - 1)
        elif _BLOCKS.fullmatch(tag):
            self.pieces.append("\n\n")

    def handle_data(self, data):
        if not self._num_hidden:
            # Line ends in the source are no line breaks of the text.
            self.pieces.append(re.sub(r"\s+", " ", data))
