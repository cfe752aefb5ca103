"""Which checks a set gets."""

from __future__ import annotations

from for_retrieval.data.checks.check import PREPARE, Check
from for_retrieval.data.checks.of_images import copy_checks, count_checks, image_checks
from for_retrieval.data.checks.of_labels import (
    drift_checks,
    fraction_checks,
    label_checks,
    negative_checks,
    object_checks,
)
from for_retrieval.data.checks.tables import Tables
from for_retrieval.data.records import IMAGE_COLUMNS, NEGATIVE_COLUMNS, OBJECT_COLUMNS, DatasetInfo
from for_retrieval.params import Params

STORED = {
    "images.parquet": IMAGE_COLUMNS,
    "objects.parquet": OBJECT_COLUMNS,
    "negatives.parquet": NEGATIVE_COLUMNS,  # of sets that were not searched for every category
}


def stored_suite(stored: Tables) -> list[Check]:
    """Whether the tables on the disk have the columns and types that all other checks rely on."""
    checks = []
    for table in stored:
        columns = STORED[table]
        options = {"column_set": list(columns), "exact_match": True}
        title, says = "the columns are those of the format", f"{table} has other columns than {', '.join(columns)}"
        checks.append(Check(table, title, "ExpectTableColumnsToMatchSet", options, says, PREPARE))
        for name, kind in columns.items():
            if name not in stored[table]:  # told by the check above
                continue
            typed, says = (
                {"column": name, "type_": kind},
                f"{table} holds {{observed}} in the column {name}, not {kind}",
            )
            filled, lacks = {"column": name}, f"rows have no {name}"
            checks += [
                Check(table, f"{name} is {kind}", "ExpectColumnValuesToBeOfType", typed, says, PREPARE),
                Check(table, f"{name} is filled", "ExpectColumnValuesToNotBeNull", filled, lacks, PREPARE),
            ]
    return checks


def full_suite(params: Params, info: DatasetInfo, tables: Tables) -> list[Check]:
    """Every check that the set has something for: a plain folder has no objects, a first set no drift."""
    labelled = bool(info.base) or len(tables["objects"]) > 0
    checks = params.checks
    return [
        *image_checks(params),
        *copy_checks(checks),
        *count_checks(checks, labelled),
        *(object_checks(checks, [*info.base, *info.novel]) if labelled else []),
        *(negative_checks([*info.base, *info.novel]) if "negatives" in tables else []),
        *fraction_checks(),
        *(label_checks(checks) if labelled else []),
        *drift_checks(checks, tables["drift"].columns),
    ]
