"""Queries while generations go live, are rolled back and pruned: none fails, none mixes two of them.

The large version of this, with real refreshes and promotions, is tests/faults/test_consistency.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from colours import regions, serve

from for_retrieval.release.pointer import roll_back

READER = """
import json, sys
from pathlib import Path
from for_retrieval.query.answer import answer
root, stop = Path(sys.argv[1]), Path(sys.argv[2])
seen, count = {}, 0
while not stop.exists():
    found = answer(root, "red car", 5)
    ids = {result.image_id.split("/")[0] for result in found.results}
    assert ids == {found.model}, (ids, found.model)
    assert len(found.results) == 3
    assert seen.setdefault(found.generation, (found.model, found.version)) == (found.model, found.version)
    count += 1
    if count == 1:
        print("asking", flush=True)
print(json.dumps([count, len(seen)]))
"""


def bundle_of_model(source: Path, target: Path, model: str) -> Path:
    """A bundle that calls itself something else."""
    shutil.copytree(source, target)
    values = json.loads((target / "bundle.json").read_text())
    (target / "bundle.json").write_text(json.dumps({**values, "model": model}))
    return target


def test_readers_see_one_pair_at_a_time(project, tmp_path):
    index, stop = tmp_path / "data" / "index", tmp_path / "stop"

    def go(number: int) -> None:
        model = f"model-{number}"
        bundle = bundle_of_model(project / "models/bundle", tmp_path / model, model)
        serve(index, bundle, [regions(f"{model}/{k}", f"{k}.png", ["red"]) for k in range(3)], version=number)

    go(0)
    command = [sys.executable, "-c", READER, str(tmp_path), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for reader in readers:
        assert reader.stdout.readline() == "asking\n", reader.stderr.read()
    for number in range(1, 13):
        go(number)
        if number % 4 == 0:
            roll_back(index, champion=True)
            roll_back(index, champion=False)
    stop.touch()
    for reader in readers:
        out, err = reader.communicate(timeout=60)
        assert reader.returncode == 0, err
        count, generations = json.loads(out)
        assert count > 12
        assert generations > 3
    assert len(list(index.glob("gen-*"))) == 3
