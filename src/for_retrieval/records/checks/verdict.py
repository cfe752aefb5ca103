"""The outcome of the checks: as JSON for programs, as sentences and a table for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError, printable
from for_retrieval.records.checks.rules import Check

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check.

    rows, broken: rows checked, and rows that failed; None if the expectation is of a whole column or table.
    first: names of the first failed rows. observed: the value found, if no rows are counted.
    """

    check: Check
    success: bool
    rows: int | None = None
    broken: int | None = None
    first: list[str] = field(default_factory=list)
    observed: Any = None

    @property
    def allowed(self) -> float | None:
        """The share of rows that may fail; None if no row may."""
        most = 1 - float(self.check.options.get("mostly", 1))
        return round(most, 6) or None

    def sentence(self) -> str:
        """What is wrong, where, how often, the first rows, and what to do."""
        check = self.check
        if self.rows is None:
            return f"{check.says.format(observed=self.observed)}; {check.remedy}{_key(check)}"
        share = f", more than {self.allowed:.1%}" if self.allowed else ""
        first = f", first {', '.join(map(printable, self.first))}" if self.first else ""
        place = f"{check.table}.{check.column}" if "," not in check.column else f"{check.table}: {check.column}"
        return f"{self.broken} of {self.rows} {check.says} ({place}{share}{first}); {check.remedy}{_key(check)}"

    def to_json(self) -> dict[str, Any]:
        """The outcome and its check as one flat object."""
        check = self.check
        return {
            "table": check.table,
            "column": check.column,
            "check": check.title,
            "success": self.success,
            "warns": check.warns,
            "rows": self.rows,
            "broken": self.broken,
            "allowed": self.allowed,
            "observed": self.observed,
            "bound": check.bound or None,
            "first": self.first,
            "sentence": None if self.success else self.sentence(),
        }


def _key(check: Check) -> str:
    return f" ({check.bound})" if check.bound else ""


@dataclass(frozen=True)
class Verdict:
    """All outcomes of one set. accepted: the digest of the set that drift was measured against, if any."""

    name: str
    digest: str
    outcomes: list[Outcome]
    accepted: str | None = None

    @property
    def failures(self) -> list[Outcome]:
        """Failed checks that stop the pipeline."""
        return [outcome for outcome in self.outcomes if state(outcome) == "failed"]

    @property
    def warnings(self) -> list[Outcome]:
        """Failed checks that only warn."""
        return [outcome for outcome in self.outcomes if state(outcome) == "warning"]

    def to_json(self) -> dict[str, Any]:
        """The report, without times and paths: equal data give equal reports."""
        return {
            "name": self.name,
            "digest": self.digest,
            "accepted": self.accepted,
            "success": not self.failures,
            "checks": len(self.outcomes),
            "failed": len(self.failures),
            "warned": len(self.warnings),
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
        }

    def summary(self) -> str:
        """A line per warning, and one for all checks."""
        lines, count = [f"warning: {outcome.sentence()}" for outcome in self.warnings], len(self.outcomes)
        warned = f", {len(lines)} of them with a warning" if lines else ""
        failed = f"{len(self.failures)} of {count} checks failed" if self.failures else None
        return "\n".join([*lines, failed or f"{count} checks passed{warned}"])

    def raise_if_failed(self, page: Path) -> None:
        """Raise a ForError with a line for each failed check, if there is one; `page` has the details."""
        if self.failures:
            count = f"{len(self.failures)} of {len(self.outcomes)}"
            first = f"{self.name} failed {count} checks; all of them are in {page}"
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
                cells = (outcome.check.title, outcome.check.table, found(outcome))
                table.add_row(Text(*MARKS[state(outcome)]), *map(Text, cells))
        return table


MARKS = {"ok": ("ok", "green"), "warning": ("warns", "yellow"), "failed": ("fails", "red")}


def state(outcome: Outcome) -> str:
    """A key of `MARKS`."""
    return "ok" if outcome.success else "warning" if outcome.check.warns else "failed"


def found(outcome: Outcome) -> str:
    """The finding, in a few words."""
    if outcome.rows is None:
        limits = outcome.check.options
        bounds = [f"{word} {limits[key]:g}" for key, word in _LIMITS.items() if key in limits]
        value = outcome.observed if not isinstance(outcome.observed, list) else f"{len(outcome.observed)} columns"
        return " ".join([f"{value}{',' if bounds else ''}", *bounds])
    allowed = f", at most {outcome.allowed:.1%}" if outcome.allowed else ""
    first = f": {', '.join(map(printable, outcome.first))}" if outcome.first else ""
    return f"{outcome.broken} of {outcome.rows}{allowed}{first}"


_LIMITS = {"min_value": "at least", "max_value": "at most"}
