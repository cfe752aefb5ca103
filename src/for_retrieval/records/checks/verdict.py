"""The outcome of the checks: as JSON for programs, as sentences and a table for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError, printable

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Check:
    """One expectation of one table; suite.py turns it into one of Great Expectations. See rules.yaml for the fields."""

    table: str
    title: str
    expectation: str
    options: dict[str, Any]
    says: str
    remedy: str
    bound: str = ""
    warns: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns that it is about; none for a whole table."""
        return [self.options["column"]] if "column" in self.options else list(self.options.get("column_list", ()))

    @property
    def column(self) -> str:
        """The same as text."""
        return ", ".join(self.columns)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check."""

    check: Check
    success: bool
    rows: int | None = None  # that were checked; None if the expectation is of a whole column or table
    broken: int | None = None  # rows that failed
    first: list[str] = field(default_factory=list)  # names of the first rows that failed
    observed: Any = None  # the value found, if no rows are counted

    @property
    def state(self) -> str:
        """A key of `MARKS`."""
        return "ok" if self.success else "warning" if self.check.warns else "failed"

    @property
    def found(self) -> str:
        """The finding, in a few words."""
        if self.rows is not None:
            return f"{self.broken} of {self.rows}{self._details(', at most', ':')}"
        limits = {"min_value": "at least", "max_value": "at most"}
        bounds = [f"{word} {self.check.options[key]:g}" for key, word in limits.items() if key in self.check.options]
        value = f"{len(self.observed)} columns" if isinstance(self.observed, list) else self.observed
        return " ".join([f"{value}{',' if bounds else ''}", *bounds])

    def _details(self, before_share: str, before_names: str) -> str:
        share = f"{before_share} {self.allowed:.1%}" if self.allowed else ""
        return share + (f"{before_names} {', '.join(map(printable, self.first))}" if self.first else "")

    @property
    def allowed(self) -> float | None:
        """The share of rows that may fail; None if no row may."""
        return round(1 - float(self.check.options.get("mostly", 1)), 6) or None

    def sentence(self) -> str:
        """What is wrong, where, how often, the first rows, and what to do."""
        check = self.check
        remedy = f"; {check.remedy} ({check.bound})" if check.bound else f"; {check.remedy}"
        if self.rows is None:
            return check.says.format(observed=self.observed) + remedy
        place = f"{check.table}{': ' if ',' in check.column else '.'}{check.column}"
        return f"{self.broken} of {self.rows} {check.says} ({place}{self._details(', more than', ', first')}){remedy}"

    def to_json(self) -> dict[str, Any]:
        """The outcome and its check as one flat object."""
        check = self.check
        values: dict[str, Any] = {"table": check.table, "column": check.column, "check": check.title}
        values |= {"success": self.success, "warns": check.warns, "rows": self.rows, "broken": self.broken}
        values |= {"allowed": self.allowed, "observed": self.observed, "bound": check.bound or None}
        return values | {"first": self.first, "sentence": None if self.success else self.sentence()}


@dataclass(frozen=True)
class Verdict:
    """All outcomes of one set."""

    name: str
    digest: str
    outcomes: list[Outcome]
    accepted: str | None = None  # the digest of the set that drift was measured against, if any

    @property
    def failures(self) -> list[Outcome]:
        """Failed checks that stop the pipeline."""
        return [outcome for outcome in self.outcomes if outcome.state == "failed"]

    @property
    def warnings(self) -> list[Outcome]:
        """Failed checks that only warn."""
        return [outcome for outcome in self.outcomes if outcome.state == "warning"]

    def to_json(self) -> dict[str, Any]:
        """The report, without times and paths: equal data give equal reports."""
        about: dict[str, Any] = {"name": self.name, "digest": self.digest, "accepted": self.accepted}
        about |= {"success": not self.failures, "checks": len(self.outcomes)}
        about |= {"failed": len(self.failures), "warned": len(self.warnings)}
        return about | {"outcomes": [outcome.to_json() for outcome in self.outcomes]}

    def summary(self) -> str:
        """A line per warning, and one for all checks."""
        lines, count = [f"warning: {outcome.sentence()}" for outcome in self.warnings], len(self.outcomes)
        warned = f", {len(lines)} of them with a warning" if lines else ""
        failed = f"{len(self.failures)} of {count} checks failed" if self.failures else None
        return "\n".join([*lines, failed or f"{count} checks passed{warned}"])

    def raise_if_failed(self, page: Path) -> None:
        """Raise a ForError with a line for each failed check, if there is one; `page` has the details."""
        if self.failures:
            first = f"{self.name} failed {len(self.failures)} of {len(self.outcomes)} checks; all of them are in {page}"
            raise ForError("\n  ".join([first, *(outcome.sentence() for outcome in self.failures)]))

    def table(self) -> Table:
        """A row per check; passed checks of columns and types are one row per file."""
        from rich.table import Table
        from rich.text import Text

        table = Table("", "what is expected", "where", "found", title=f"{self.name}: {len(self.outcomes)} checks")
        formal = Counter(o.check.table for o in self.outcomes if o.success and o.check.table.endswith(".parquet"))
        for place, count in formal.items():
            table.add_row(Text(*MARKS["ok"]), "columns and types are right", place, f"0 of {count} checks")
        for outcome in self.outcomes:
            if not outcome.success or outcome.check.table not in formal:
                cells = (outcome.check.title, outcome.check.table, outcome.found)
                table.add_row(Text(*MARKS[outcome.state]), *map(Text, cells))
        return table


MARKS = {"ok": ("ok", "green"), "warning": ("warns", "yellow"), "failed": ("fails", "red")}
