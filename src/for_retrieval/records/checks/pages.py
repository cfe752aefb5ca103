"""Pages that need no network: a summary, and the Data Docs of Great Expectations beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path

from for_retrieval.files import write_text
from for_retrieval.records.checks.profile import Profile
from for_retrieval.records.checks.verdict import Outcome, Verdict, found, state

# What the pages of Great Expectations load from other hosts.
_REMOTE = re.compile(
    r"url\('http[^)]*\)|<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer>.*?</footer>|<title></title>"
    r"|<div class=\"card mb-3\">.*?</div>\s*</div>\s*</div>\s*</div>\s*</div>\s*(?=<div class=\"card d-md-block)",
    re.DOTALL,
)
_LINK = re.compile(r"(?:\.\./)+(?:index|expectations/[^\"]*)\.html")  # to pages that are not written
_RUN_ID = re.compile(r"-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # new in every run
_MARKS = {"ok": "✓", "warning": "!", "failed": "✗"}


def write_pages(folder: Path, verdict: Verdict, now: Profile | None, pages: Mapping[str, str]) -> None:
    """Write index.html and a page per table into `folder`; pages of an earlier run are removed."""
    for old in folder.glob("*.html"):
        old.unlink()
    style = (files("for_retrieval.records.checks") / "pages.css").read_text(encoding="utf-8")
    for table, html in pages.items():
        write_text(folder / page_name(table), offline(html, style))
    write_text(folder / "index.html", _index(verdict, now, style))


def page_name(table: str) -> str:
    """``fraction images`` -> fraction-images.html."""
    return re.sub(r"[^\w]+", "-", table) + ".html"


def offline(html: str, style: str) -> str:
    """A page of Great Expectations without what it loads from other hosts, and with our style sheet."""
    html = _LINK.sub("index.html", _RUN_ID.sub("", _REMOTE.sub("", html)))
    html = html.replace(" / __none__", "").replace("Data asset: None", "")
    return html.replace("</head>", f"<style>{style}</style>\n  </head>", 1)


def _index(verdict: Verdict, now: Profile | None, style: str) -> str:
    status = "failed" if verdict.failures else "warning" if verdict.warnings else "ok"
    said = {"failed": "must not be used", "warning": "may be used, with care", "ok": "is as expected"}[status]
    counts = f"{len(verdict.outcomes)} checks, {len(verdict.failures)} failed, {len(verdict.warnings)} warnings"
    against = f"drift is measured against {escape(verdict.accepted)}" if verdict.accepted else "no accepted set yet"
    parts = [
        f"<h1>{escape(verdict.name)}</h1>",
        f'<p class="verdict {status}"><b>{_MARKS[status]}</b> This set {said}: {counts}.</p>',
        *_problems("Failed", verdict.failures),
        *_problems("Warnings", verdict.warnings),
        *_profile(now),
        "<h2>All checks</h2>",
        *_tables(verdict),
        f'<p class="small">Content {escape(verdict.digest)}; {against}</p>',
    ]
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>Checks of {escape(verdict.name)}</title><style>{style}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body class="summary">\n{body}\n</body></html>\n'


def _problems(title: str, outcomes: list[Outcome]) -> Iterator[str]:
    if outcomes:
        sentences = (re.sub("`([^`]*)`", r"<code>\1</code>", escape(outcome.sentence())) for outcome in outcomes)
        lines = "".join(f"<li>{sentence}</li>" for sentence in sentences)
        yield f"<h2>{title}</h2><ul>{lines}</ul>"


def _profile(now: Profile | None) -> Iterator[str]:
    if now is None:
        return
    rows = {
        "images": ", ".join(f"{count} {split}" for split, count in now["images"].items()),
        "objects": str(now["objects"]),
        "categories": f"{now['base']} base, {now['novel']} novel",
        "box size, share of the image": _spread(now["box_size"]),
        "brightness, 0 to 1": _spread(now["brightness"]),
    }
    cells = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    yield f"<h2>The set</h2><table>{cells}</table>"


def _spread(quantiles: Mapping[str, float] | None) -> str:
    if quantiles is None:
        return "none"
    low, middle, high = (quantiles[key] for key in ("0.05", "0.5", "0.95"))
    return f"median {middle:.3g}; 90 % between {low:.3g} and {high:.3g}"


def _tables(verdict: Verdict) -> Iterator[str]:
    names = dict.fromkeys(outcome.check.table for outcome in verdict.outcomes)
    for table in names:
        rows = "".join(_row(outcome) for outcome in verdict.outcomes if outcome.check.table == table)
        head = "<tr><th></th><th>expected</th><th>column</th><th>found</th></tr>"
        yield f'<h3><a href="{page_name(table)}">{escape(table)}</a></h3><table>{head}{rows}</table>'


def _row(outcome: Outcome) -> str:
    status, check = state(outcome), outcome.check
    bound = f' <span class="small">{escape(check.bound)}</span>' if check.bound else ""
    return (
        f'<tr><td class="{status}">{_MARKS[status]}</td><td>{escape(check.title)}{bound}</td>'
        f"<td>{escape(check.column)}</td><td>{escape(found(outcome))}</td></tr>"
    )
