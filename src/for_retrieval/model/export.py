"""The serving bundle: what queries need, and nothing that needs torch. The stage `export`."""

from __future__ import annotations

import shutil
from pathlib import Path

from for_retrieval.files import file_hash, write_json
from for_retrieval.model.tower import Tower, tower_id
from for_retrieval.params import Params


def bundle_model(tower: Tower, head: Path) -> str:
    """The id of a tower with a head: changes whenever an embedding could."""
    return f"for-{tower_id({'tower': tower.id, 'head': file_hash(head)})}"


def export(tower: Tower, head: Path, params: Params, out: Path) -> str:
    """Write the bundle into `out`; returns the model's id.

    `head` is the trained head's file. bundle.json is written last: a folder with it is complete.
    """
    out.mkdir(parents=True, exist_ok=True)
    text = tower.export_text(out)
    shutil.copyfile(head, out / "head.safetensors")
    model = bundle_model(tower, head)
    write_json(
        out / "bundle.json",
        {
            "model": model,
            "tower": {"name": params.model.name, "pretrained": params.model.pretrained, "id": tower.id},
            "input_size": params.model.input_size,
            "dim": tower.dim,
            "prompts": params.model.prompts,
            **text,
        },
    )
    return model
