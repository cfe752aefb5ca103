"""The stage `validate`: look at the files, build the tables, check them, and write pages that need no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from for_retrieval.files import write_json, write_text
from for_retrieval.project import Project
from for_retrieval.records.checks.looks import look_at_all
from for_retrieval.records.checks.tables import Profile, Tables, check_tables, drift, profile
from for_retrieval.records.checks.verdict import Verdict
from for_retrieval.records.fractions import load_fraction
from for_retrieval.records.records import FILES, load_info, load_records, read_tables

PROFILE = "profile.json"  # beside the pages
# What the pages of Great Expectations load from other hosts.
_REMOTE = re.compile(
    r"url\('http[^)]*\)|<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer>.*?</footer>|<title></title>"
    r"|<div class=\"card mb-3\">.*?</div>\s*</div>\s*</div>\s*</div>\s*</div>\s*(?=<div class=\"card d-md-block)",
    re.DOTALL,
)
_LINK = re.compile(r"(?:\.\./)+(?:index|expectations/[^\"]*)\.html")  # to pages that are not written
_RUN_ID = re.compile(r"-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # new in every run


def check_data(project: Project, accepted: Profile | None, pages_to: Path, report_to: Path) -> Verdict:
    """Check the prepared set and its fractions, and write report, profile and pages, whatever the outcome.

    accepted: the profile of the set that drift is measured against. pages_to: the folder for profile and pages. If the
    stored tables do not have the expected columns, only that is checked, since all other checks need them. Raises
    ForError: nothing is prepared, a fraction is missing, or Great Expectations lost a check.
    """
    info = load_info(project.prepared)
    stored: Tables = {FILES[name]: table for name, table in read_tables(project.prepared).items()}
    # Takes seconds to import: only if there are tables.
    from for_retrieval.records.checks.suite import run_suite, set_checks, stored_checks

    outcomes, pages = run_suite(stored, stored_checks(stored))
    verdict, now = Verdict(info.name, info.digest, outcomes), None
    if not verdict.failures:
        params, records = project.params, load_records(project.prepared)
        fractions = {p: load_fraction(project.data / "fractions", p) for p in sorted(params.fractions.percent)}
        paths, hashes = records.paths(project.root), records.images["hash"].tolist()
        limits = params.data.max_pixels, params.data.min_side
        looks = look_at_all(paths, hashes, project.cache, project.settings.processes, *limits)
        now = profile(records, looks)
        moved = drift(now, accepted)
        tables = check_tables(records, looks, fractions, params, moved)
        more, more_pages = run_suite(tables, set_checks(params, records.info, tables))
        against = str(accepted.get("digest")) if accepted and moved is not None else None
        verdict, pages = Verdict(info.name, info.digest, outcomes + more, against), pages | more_pages
        write_json(pages_to / PROFILE, now)
    _write_pages(pages_to, verdict, now, pages)
    write_json(report_to, verdict.to_json())
    return verdict


def _write_pages(folder: Path, verdict: Verdict, now: Profile | None, pages: Mapping[str, str]) -> None:
    from jinja2 import Template  # comes with Great Expectations

    for old in folder.glob("*.html"):
        old.unlink()
    here = Path(__file__).parent
    style = (here / "pages.css").read_text(encoding="utf-8")
    names = {table: re.sub(r"[^\w]+", "-", table) + ".html" for table in pages}
    for table, html in pages.items():
        html = _LINK.sub("index.html", _RUN_ID.sub("", _REMOTE.sub("", html)))
        html = html.replace(" / __none__", "").replace("Data asset: None", "")
        write_text(folder / names[table], html.replace("</head>", f"<style>{style}</style>\n  </head>", 1))
    template = Template((here / "pages.html").read_text(encoding="utf-8"), autoescape=True)
    page = template.render(verdict=verdict, profile=now, pages=names, style=style)
    write_text(folder / "index.html", page)
