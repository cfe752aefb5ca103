"""What an import found, as a table for people or JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from for_retrieval.data.importer import Found

SHOWN = 5  # names of bad files in the table; JSON has them all


def found_json(found: Found) -> str:
    """Everything that was found."""
    return json.dumps(asdict(found), indent=1, ensure_ascii=False)


def found_table(found: Found) -> Table:
    """Counts, and the first of what is wrong."""
    table = Table(title=f"{found.name} ({found.kind}, {found.root})", show_header=False)
    splits = ", ".join(f"{count} {split}" for split, count in found.splits.items())
    rows = {
        "images": f"{found.images} ({splits})",
        "objects": str(found.objects),
        "categories": f"{found.categories} ({len(found.base)} base, {len(found.novel)} novel)",
        "missing files": _some(found.missing),
        "unreadable images": _some([f"{entry['path']} ({entry['reason']})" for entry in found.broken]),
        "duplicate images": str(found.duplicates),
    }
    rows |= {f"left out: {reason.replace('_', ' ')}": str(count) for reason, count in found.dropped.items() if count}
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _some(entries: list[str]) -> str:
    if not entries:
        return "0"
    more = f", and {len(entries) - SHOWN} more" if len(entries) > SHOWN else ""
    return f"{len(entries)}: {', '.join(entries[:SHOWN])}{more}"


def print_found(found: Found, as_json: bool) -> None:
    """To stdout."""
    if as_json:
        print(found_json(found))
        return
    Console().print(found_table(found))
    Console(stderr=True).print("params.yaml now points here; next: dvc repro")
