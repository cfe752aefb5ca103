"""The stage `validate`: look at the files, build the tables, check them, write what was found."""

from __future__ import annotations

from pathlib import Path

from for_retrieval.files import write_json
from for_retrieval.project import Project
from for_retrieval.records.checks.looks import look_at_all
from for_retrieval.records.checks.pages import write_pages
from for_retrieval.records.checks.profile import Profile, drift, profile
from for_retrieval.records.checks.rules import set_checks, stored_checks
from for_retrieval.records.checks.tables import Tables, check_tables
from for_retrieval.records.checks.verdict import Verdict
from for_retrieval.records.fractions import load_fraction
from for_retrieval.records.records import load_info, load_records, read_tables

PROFILE = "profile.json"  # beside the pages


def check_data(project: Project, accepted: Profile | None, pages_to: Path, report_to: Path) -> Verdict:
    """Check the prepared set and its fractions, and write report, profile and pages, whatever the outcome.

    accepted: the profile of the set that drift is measured against. Profile and pages go into the folder `pages_to`,
    the report into the file `report_to`. If the stored tables do not have the expected columns, only that is checked,
    since all other checks need them.

    Raises:
        ForError: nothing is prepared, a fraction is missing, or Great Expectations lost a check.
    """
    info = load_info(project.prepared)
    stored: Tables = {f"{name}.parquet": table for name, table in read_tables(project.prepared).items()}
    from for_retrieval.records.checks.suite import run_suite  # takes seconds to import: only if there are tables

    outcomes, pages = run_suite(stored, stored_checks(stored))
    verdict, now = Verdict(info.name, info.digest, outcomes), None
    if not verdict.failures:
        params, records = project.params, load_records(project.prepared)
        fractions = {p: load_fraction(project.data / "fractions", p) for p in params.fractions.percent}
        paths, hashes = records.paths(project.root), records.images["hash"].tolist()
        limits = params.data.max_pixels, params.data.min_side
        looks = look_at_all(paths, hashes, project.cache, project.settings.processes, *limits)
        now = profile(records, looks)
        moved = drift(now, accepted)
        tables = check_tables(records, looks, fractions, params.index.gallery, params.checks, moved)
        more, more_pages = run_suite(tables, set_checks(params, records.info, tables))
        against = str(accepted.get("digest")) if accepted and moved is not None else None
        verdict, pages = Verdict(info.name, info.digest, outcomes + more, against), pages | more_pages
        write_json(pages_to / PROFILE, now)
    write_pages(pages_to, verdict, now, pages)
    write_json(report_to, verdict.to_json())
    return verdict
