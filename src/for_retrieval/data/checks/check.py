"""One check as data: what is expected of which column, and what to say and do where it is not so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

REPAIR = "repair the annotations, then `dvc repro`"
PREPARE = "run `dvc repro -f prepare`"
FRACTIONS = "run `dvc repro -f fractions`"


@dataclass(frozen=True)
class Check:
    """One expectation of one table; `validate.py` turns it into one of Great Expectations.

    title: what holds, in plain words. expectation: the class, with its options.
    says: what is wrong, to follow "3 of 60 " where rows are counted; else a clause with ``{observed}`` in it.
    remedy: what to do. bound: the key of params.yaml that decides, where one does. warns: it stops nothing.
    """

    table: str
    title: str
    expectation: str
    options: dict[str, Any]
    says: str
    remedy: str
    bound: str = ""
    warns: bool = False

    @property
    def column(self) -> str:
        """The column, or columns, or nothing for a whole table."""
        return str(self.options.get("column") or ", ".join(self.options.get("column_list", ())))

    def decided_by(self, bound: str) -> Check:
        """The same, of which a key of params.yaml decides."""
        return replace(self, bound=bound)

    def as_warning(self) -> Check:
        """The same, but it stops nothing."""
        return replace(self, warns=True)


def in_set(table: str, column: str, values: Iterable[Any], title: str, says: str, remedy: str) -> Check:
    """Every value is one of `values`."""
    options = {"column": column, "value_set": list(values)}
    return Check(table, title, "ExpectColumnValuesToBeInSet", options, says, remedy)


def between(table: str, column: str, title: str, says: str, remedy: str, **limits: float) -> Check:
    """Every value is within min_value and max_value, as far as given; strict_min=True: above the first."""
    return Check(table, title, "ExpectColumnValuesToBeBetween", {"column": column, **limits}, says, remedy)


def unique(table: str, columns: list[str], title: str, says: str, remedy: str, most: float = 0) -> Check:
    """No value, or combination of several columns, occurs twice; `most` is the share of rows that may."""
    if len(columns) == 1:
        kind, options = "ExpectColumnValuesToBeUnique", {"column": columns[0], "mostly": 1 - most}
    else:
        kind, options = "ExpectCompoundColumnsToBeUnique", {"column_list": columns, "mostly": 1 - most}
    return Check(table, title, kind, options, says, remedy)


def empty(
    table: str, column: str, title: str, says: str, remedy: str, most: float, only_if: str | None = None
) -> Check:
    """The column, which names what is wrong with a row, is null but for a share `most` of the rows.

    only_if: a pandas query of the rows that count.
    """
    options: dict[str, Any] = {"column": column, "mostly": 1 - most}
    if only_if:
        options |= {"row_condition": only_if, "condition_parser": "pandas"}
    return Check(table, title, "ExpectColumnValuesToBeNull", options, says, remedy)


def single(table: str, column: str, title: str, says: str, remedy: str, **limits: float) -> Check:
    """The one value of a table with one row is within its limits; `says` has ``{observed}`` in it."""
    return Check(table, title, "ExpectColumnMaxToBeBetween", {"column": column, **limits}, says, remedy)
