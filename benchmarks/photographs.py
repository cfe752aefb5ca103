"""The first result of each of some questions about a folder of photographs that nothing was trained on, as a picture.

python -m benchmarks.photographs FOLDER "a cat" "a cup of coffee" --out docs/images/photographs.png

docs/images/photographs.png shows sample pictures of scikit-image, scikit-learn and matplotlib (NOTICE).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from for_retrieval.records.sheet import Cell, Group, draw_sheet

COLUMNS = 5


def asked(project: Path, query: str) -> dict[str, Any]:
    """The first result for `query`, as the JSON of `for-cli query` has it."""
    command = ["for-cli", "query", query, "--top-k", "1", "--json"]
    answer = json.loads(subprocess.run(command, cwd=project, check=True, capture_output=True, text=True).stdout)
    first: dict[str, Any] = answer["results"][0]
    return first


def main() -> None:
    """Index the folder as a user would, ask, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with photographs")
    parser.add_argument("queries", nargs="+", help="what to ask for")
    parser.add_argument("--out", type=Path, required=True, help="a .png to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        project, folder = Path(temporary) / "project", str(options.folder.resolve())
        subprocess.run(["for-cli", "init", str(project)], check=True)
        for command in (["for-cli", "data", "import", folder], ["dvc", "repro"]):
            subprocess.run(command, cwd=project, check=True)
        first = {query: asked(project, query) for query in options.queries}
        cells = [
            Cell(project / one["path"], f"{query}   {one['score']:.2f}", [(box, "") for box in one["boxes"]])
            for query, one in first.items()
        ]
        draw_sheet([Group("the first result, without any training", cells)], options.out, COLUMNS)


if __name__ == "__main__":
    main()
