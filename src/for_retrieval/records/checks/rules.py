"""The checks of the stage `validate`: those in rules.yaml that a set has something for, and those of stored tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from for_retrieval.params import Params
from for_retrieval.records.checks.tables import Tables
from for_retrieval.records.records import IMAGE_COLUMNS, NEGATIVE_COLUMNS, OBJECT_COLUMNS, DatasetInfo

_RULES = Path(__file__).with_name("rules.yaml")
_STORED = {
    "images.parquet": IMAGE_COLUMNS,
    "objects.parquet": OBJECT_COLUMNS,
    "negatives.parquet": NEGATIVE_COLUMNS,  # only if images were not searched for every category
}


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


def set_checks(params: Params, info: DatasetInfo, tables: Tables) -> list[Check]:
    """Every rule whose table and columns are in `tables`, with the bounds of `params`."""
    content = yaml.safe_load(_RULES.read_text(encoding="utf-8"))
    checks = [_check(params, info, content["remedies"], **rule) for rule in content["rules"]]
    return [check for check in checks if check.table in tables and set(check.columns) <= set(tables[check.table])]


def _check(
    params: Params, info: DatasetInfo, remedies: dict[str, str], *, limit: str = "", remedy: str, **rule: Any
) -> Check:
    check = Check(**rule, remedy=remedies.get(remedy, remedy))
    if check.options.get("value_set") == "categories":
        check.options["value_set"] = [*info.base, *info.novel]
    if not limit:
        return check
    bound: Any = reduce(getattr, check.bound.split("."), params)
    check.options[limit] = 1 - bound if limit == "mostly" else bound
    return replace(check, says=check.says.replace("{bound}", f"{bound:g}"))


def stored_checks(stored: Tables) -> list[Check]:
    """Whether the stored tables have the columns and types that all other checks rely on."""
    prepare = yaml.safe_load(_RULES.read_text(encoding="utf-8"))["remedies"]["prepare"]
    checks = []
    for table, frame in stored.items():
        columns = _STORED[table]
        options = {"column_set": list(columns), "exact_match": True}
        title, says = "the columns are those of the format", f"{table} has other columns than {', '.join(columns)}"
        checks.append(Check(table, title, "ExpectTableColumnsToMatchSet", options, says, prepare))
        for name, kind in columns.items():
            if name in frame:  # otherwise the check above fails
                typed = {"column": name, "type_": kind}
                says = f"{table} holds {{observed}} in the column {name}, not {kind}"
                filled, lacks = {"column": name}, f"rows have no {name}"
                checks += [
                    Check(table, f"{name} is {kind}", "ExpectColumnValuesToBeOfType", typed, says, prepare),
                    Check(table, f"{name} is filled", "ExpectColumnValuesToNotBeNull", filled, lacks, prepare),
                ]
    return checks
