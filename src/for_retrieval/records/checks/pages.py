"""Pages that need no network: a summary, and the Data Docs of Great Expectations beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from for_retrieval.files import write_text
from for_retrieval.records.checks.profile import Profile
from for_retrieval.records.checks.verdict import Verdict, found, state

_HERE = Path(__file__).parent
# What the pages of Great Expectations load from other hosts.
_REMOTE = re.compile(
    r"url\('http[^)]*\)|<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer>.*?</footer>|<title></title>"
    r"|<div class=\"card mb-3\">.*?</div>\s*</div>\s*</div>\s*</div>\s*</div>\s*(?=<div class=\"card d-md-block)",
    re.DOTALL,
)
_LINK = re.compile(r"(?:\.\./)+(?:index|expectations/[^\"]*)\.html")  # to pages that are not written
_RUN_ID = re.compile(r"-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # new in every run


def write_pages(folder: Path, verdict: Verdict, now: Profile | None, pages: Mapping[str, str]) -> None:
    """Write index.html and a page per table into `folder`; pages of an earlier run are removed."""
    from jinja2 import Template  # comes with Great Expectations

    for old in folder.glob("*.html"):
        old.unlink()
    style = (_HERE / "pages.css").read_text(encoding="utf-8")
    names = {table: re.sub(r"[^\w]+", "-", table) + ".html" for table in pages}
    for table, html in pages.items():
        write_text(folder / names[table], offline(html, style))
    template = Template((_HERE / "pages.html").read_text(encoding="utf-8"), autoescape=True)
    page = template.render(verdict=verdict, profile=now, pages=names, style=style, state=state, found=found)
    write_text(folder / "index.html", page)


def offline(html: str, style: str) -> str:
    """A page of Great Expectations without what it loads from other hosts, and with our style sheet."""
    html = _LINK.sub("index.html", _RUN_ID.sub("", _REMOTE.sub("", html)))
    html = html.replace(" / __none__", "").replace("Data asset: None", "")
    return html.replace("</head>", f"<style>{style}</style>\n  </head>", 1)
