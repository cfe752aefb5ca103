"""The serving bundle: what queries need, and nothing that needs torch. The stage `export`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from for_retrieval.files import file_hash, write_json
from for_retrieval.model.tower import Tower, tower_id
from for_retrieval.params import Params


def bundle_model(tower: Tower, head: Path) -> str:
    """The id of a tower with a head: changes whenever an embedding could."""
    return f"for-{tower_id({'tower': tower.id, 'head': file_hash(head)})}"


def export(
    tower: Tower,
    head: Path,
    params: Params,
    out: Path,
    *,
    dataset: dict[str, str],
    metrics: dict[str, Any],
    profile: Path | None = None,
) -> str:
    """Write the bundle into `out`; returns the model's id.

    head: the trained head's file. dataset: name and digest of the set that it learnt from. metrics: what it scores
    on the validation split. profile: what `validate` says of that set, if it has run.
    bundle.json is written last: a folder with it is complete, and enough to rebuild tower and head
    (`train/bundled.py`).
    """
    out.mkdir(parents=True, exist_ok=True)
    text = tower.export_text(out)
    shutil.copyfile(head, out / "head.safetensors")
    write_json(out / "metrics.json", metrics)
    if profile is not None and profile.exists():
        shutil.copyfile(profile, out / "profile.json")
    model = bundle_model(tower, head)
    write_json(
        out / "bundle.json",
        {
            "model": model,
            "dataset": dataset,
            "run": params.index.run,
            "tower": {**params.model.model_dump(), "id": tower.id},
            "head": {**params.head.model_dump(), "sha256": file_hash(head)},
            "input_size": params.model.input_size,
            "dim": tower.dim,
            "prompts": params.model.prompts,
            **text,
        },
    )
    return model
