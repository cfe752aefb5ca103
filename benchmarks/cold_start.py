"""How long a new process takes to answer, beside a bare Python and an import of torch in the same run.

python benchmarks/cold_start.py --runs 15
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
BARE, TORCH = "python -c pass", 'python -c "import torch"'


def commands(root: Path) -> dict[str, list[str]]:
    """What is timed, by the name that the table shows: the peers, then for-cli.

    Raises:
        SystemExit: for-cli is not beside this Python.
    """
    cli = Path(sys.executable).with_name("for-cli")
    if not cli.exists():
        sys.exit(f"{cli} does not exist; run `make test`, then this script with .venv/bin/python")
    timed = {
        BARE: [sys.executable, "-c", "pass"],
        TORCH: [sys.executable, "-c", "import torch"],
        "for-cli --help": [str(cli), "--help"],
    }
    if (root / "data" / "index" / "CURRENT").exists():
        timed["for-cli query car --json"] = [str(cli), "--project", str(root), "query", "car", "--json"]
    return timed


def lap(command: list[str]) -> float:
    """Seconds that one new process takes; ends the script if it fails, whose time would say nothing."""
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return seconds


def main() -> None:
    """Read the options, run the commands in turn, so that a busy spell hits all, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="processes a command, after one to warm up")
    parser.add_argument("--project", type=Path, default=ROOT, help="the folder with params.yaml")
    asked = parser.parse_args()
    if asked.runs < 1:
        parser.error("--runs must be at least 1")
    timed = commands(asked.project.resolve())
    laps = [{name: lap(command) for name, command in timed.items()} for _ in range(asked.runs + 1)]
    seconds = {name: median(row[name] for row in laps[1:]) for name in timed}

    table = Table(title=f"{asked.runs} new processes each, in turn", title_justify="left")
    for column in ("command", "median s", "x bare python", "x import torch"):
        table.add_column(column, justify="left" if column == "command" else "right")
    for name, value in seconds.items():
        ratios = (f"{value / seconds[peer]:.2f}" for peer in (BARE, TORCH))
        table.add_row(name, f"{value:.3f}", *ratios)
    Console().print(table)
    if len(timed) == 3:
        print("no index yet, so no query was timed; `make repro` builds one", file=sys.stderr)


if __name__ == "__main__":
    main()
