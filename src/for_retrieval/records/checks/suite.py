"""The checks of the stage `validate` (rules.yaml, and those of stored tables), run by Great Expectations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache, reduce
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import yaml
from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from for_retrieval.errors import ForError
from for_retrieval.params import Params
from for_retrieval.records.checks.tables import Tables
from for_retrieval.records.checks.verdict import Check, Outcome
from for_retrieval.records.records import COLUMNS, DatasetInfo

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # Great Expectations reads it once, when it is first used

_RULES = Path(__file__).with_name("rules.yaml")
# The columns that name a row of each table in messages.
_ROW_NAMES = {"images": ["image_id"], "objects": ["image_id"], "negatives": ["image_id", "category"]}
_ROW_NAMES |= {"fractions": ["percent"], "fraction images": ["percent", "image_id"]}
_ROW_NAMES |= {"base categories": ["category"], "fraction labels": ["percent", "category"]}
_REPORT = "run again with --debug, and report the bug"
_FIRST = 3  # failing rows that are named
_view = cache(DefaultJinjaPageView)  # it compiles each of its templates once


def set_checks(params: Params, info: DatasetInfo, tables: Tables) -> list[Check]:
    """Every rule whose table and columns are in `tables`, with the bounds of `params`."""
    content, checks = yaml.safe_load(_RULES.read_text(encoding="utf-8")), []
    for rule in content["rules"]:
        options, limit, remedy = rule["options"], rule.pop("limit", ""), rule.pop("remedy")
        if options.get("value_set") == "categories":
            options["value_set"] = [*info.base, *info.novel]
        if limit:
            bound: Any = reduce(getattr, rule["bound"].split("."), params)
            options[limit] = 1 - bound if limit == "mostly" else bound
            rule["says"] = rule["says"].replace("{bound}", f"{bound:g}")
        check = Check(**rule, remedy=content["remedies"].get(remedy, remedy))
        if check.table in tables and set(check.columns) <= set(tables[check.table]):
            checks.append(check)
    return checks


def stored_checks(stored: Tables) -> list[Check]:
    """Whether the stored tables have the columns and types that all other checks rely on."""
    remedy = yaml.safe_load(_RULES.read_text(encoding="utf-8"))["remedies"]["prepare"]
    checks = []
    for table, frame in stored.items():
        columns = COLUMNS[table.removesuffix(".parquet")]
        options: dict[str, Any] = {"column_set": list(columns), "exact_match": True}
        says = f"{table} has other columns than {', '.join(columns)}"
        rules = [("the columns are those of the format", "ExpectTableColumnsToMatchSet", options, says)]
        for name, kind in columns.items():
            if name in frame:  # otherwise the check above fails
                says = f"{table} holds {{observed}} in the column {name}, not {kind}"
                rules += [
                    (f"{name} is {kind}", "ExpectColumnValuesToBeOfType", {"column": name, "type_": kind}, says),
                    (f"{name} is filled", "ExpectColumnValuesToNotBeNull", {"column": name}, f"rows have no {name}"),
                ]
        checks += [Check(table, *rule, remedy) for rule in rules]
    return checks


def run_suite(tables: Tables, checks: Sequence[Check]) -> tuple[list[Outcome], dict[str, str]]:
    """Outcomes of `checks`, in their order, and a Data Docs page per table; ForError if one cannot be evaluated."""
    stores, bars = InMemoryStoreBackendDefaults(init_temp_docs_sites=False), {"globally": False}
    config = DataContextConfig(store_backend_defaults=stores, analytics_enabled=False, progress_bars=bars)  # type: ignore[arg-type]
    source = gx.get_context(mode="ephemeral", project_config=config)
    outcomes: dict[int, Outcome] = {}
    pages: dict[str, str] = {}
    for table in dict.fromkeys(check.table for check in checks):
        expectations = []
        for number, check in ((number, check) for number, check in enumerate(checks) if check.table == table):
            about = {"description": check.title, "severity": "warning" if check.warns else "critical"}
            expectations.append(getattr(gxe, check.expectation)(**check.options, **about, meta={"check": number}))
        asset = source.data_sources.add_pandas(table).add_dataframe_asset(table)
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": tables[table]})
        wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": _ROW_NAMES.get(table, [])}
        try:
            result = batch.validate(gx.ExpectationSuite(name=table, expectations=expectations), result_format=wanted)
        except GreatExpectationsError as error:
            raise ForError(f"the checks of {table} could not be evaluated ({_line(error)}); {_REPORT}") from None
        for found in result.results:
            number = int(_config(found).meta["check"])
            outcomes[number] = _outcome(checks[number], found)
        pages[table] = _page(result)
    if len(outcomes) != len(checks):
        lost = next(check for number, check in enumerate(checks) if number not in outcomes)
        what = f"{len(checks)} checks were built but {len(outcomes)} evaluated; the first lost one is {lost.title!r}"
        raise ForError(f"{what}; install the version of great_expectations that pyproject.toml names")
    return [outcomes[number] for number in range(len(checks))], pages


def _config(found: ExpectationValidationResult) -> ExpectationConfiguration:
    assert found.expectation_config is not None  # always present in new results
    return found.expectation_config


def _outcome(check: Check, found: ExpectationValidationResult) -> Outcome:
    errors = found.exception_info
    if errors.get("raised_exception", True):  # several errors: a dictionary of them, without this key
        nested = [e for e in errors.values() if isinstance(e, dict)]
        reason = errors.get("exception_message") or (nested[0].get("exception_message") if nested else "no reason")
        what = f"the check {check.title!r} of {check.table}"
        raise ForError(f"{what} could not be evaluated ({_line(reason)}); {_REPORT}")
    result = found.result
    if "unexpected_count" not in result:
        return Outcome(check, bool(found.success), observed=_plain(result.get("observed_value")))
    rows, broken = int(result["element_count"]), int(result["unexpected_count"])
    return Outcome(check, bool(found.success), rows, broken, _first(check, result))


def _line(reason: object) -> str:
    return " ".join(str(reason).split())


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return round(value, 4) if isinstance(value, float) else value


def _first(check: Check, result: dict[str, Any]) -> list[str]:
    """Names of the first failing rows, with the failing value if it is text."""
    names = _ROW_NAMES.get(check.table, [])
    shown: dict[str, None] = {}
    for entry in result.get("unexpected_index_list") or []:
        if isinstance(entry, dict) and len(shown) < _FIRST:
            value = entry.get(check.column)
            parts = [f"{entry[key]:g} %" if key == "percent" else str(entry[key]) for key in names]
            extra = [f"({value})"] if check.column not in names and isinstance(value, str) else []
            shown[" ".join(parts + extra)] = None
    return list(shown)


def _page(result: ExpectationSuiteValidationResult) -> str:
    # Without the time and id of the run, and without lists of all failing rows: equal data give equal pages.
    result.meta = {"great_expectations_version": gx.__version__}
    for found in result.results:
        found.result.pop("unexpected_index_query", None)
        if "observed_value" in found.result:  # rendered only if it is a Python number
            found.result["observed_value"] = _plain(found.result["observed_value"])
        if _config(found).kwargs.get("column") in found.result.get("unexpected_index_column_names", ()):
            found.result.pop("unexpected_index_list", None)  # a column that names itself is rendered as empty
    return str(_view().render(ValidationResultsPageRenderer().render(result)))  # type: ignore[no-untyped-call]
