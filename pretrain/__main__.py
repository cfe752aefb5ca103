"""The stages of pretrain/dvc.yaml: ``python -m pretrain STAGE``, run in the project folder."""

from __future__ import annotations

import copy
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save_file

from for_retrieval.errors import ForError
from for_retrieval.files import atomic, read_json, write_json
from for_retrieval.model import box_net
from for_retrieval.model.features import CPU
from for_retrieval.model.mini_clip import WEIGHTS, MiniClip, MiniLM, MiniTower, load_mini_clip
from for_retrieval.params import Model
from for_retrieval.settings import cores
from pretrain.boxes import BoxRecipe, encoded, open_photographs, recall, train_boxes
from pretrain.boxes import save as save_boxes
from pretrain.card import described, measure, write_card
from pretrain.gate import set_gate
from pretrain.patches import set_patch_features
from pretrain.photos import load_crops
from pretrain.phrases import PhraseBank
from pretrain.real import image_files, real_photos
from pretrain.start import starting_model
from pretrain.stems import ALL_KINDS, FLAT_KINDS, crops, load_stems, make_stems, stem_maps, whole
from pretrain.train import Recipe, train

HERE = Path(__file__).parent
WORK = HERE / "work"
START = WORK / "start.safetensors"
STEMS = WORK / "stems"
TRAINED = WORK / "trained.safetensors"
GATE = WORK / "gate.json"
TOWER = WORK / "mini_clip.safetensors"
BOXES = WORK / "box_net.safetensors"
BOXED = WORK / "boxes.json"
TIMES = WORK / "times.json"
CARD = HERE / "card.json"


def _params() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    return values


def _save(model: MiniClip, path: Path, dtype: torch.dtype) -> None:
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in model.state_dict().items()}
    with atomic(path) as temporary:
        save_file({k: v.contiguous() for k, v in state.items()}, str(temporary))


def start() -> None:
    """Exact ConSE, before any training."""
    bank = PhraseBank(MiniLM())
    _save(starting_model(bank.text, [variants[0] for variants in bank.spelled]), START, torch.float32)


def stems() -> None:
    """Draw the pictures and run the frozen part of the trunk over them, and over the photographs."""
    params, model = _params(), load_mini_clip(START)
    drawing, processes = params["draw"], cores()
    for name, pictures, kinds in (
        ("whole", whole, ALL_KINDS),
        ("crops", crops, ALL_KINDS),
        ("val", partial(whole, close=0.5), FLAT_KINDS),
        ("streets", whole, None),
    ):
        draw = partial(pictures, seed=f"{drawing['seed']}-{name}", kinds=kinds)
        make_stems(model, STEMS / name, drawing[name], draw, processes)
    photos = np.empty((0, 112, 14, 14), np.float16)
    if params["photos"]:
        found = load_crops(Path(params["photos"]), "train").pictures
        photos = np.concatenate([stem_maps(model, found[i : i + 64]) for i in range(0, len(found), 64)])
    np.save(STEMS / "photos.npy", photos)


def train_tower() -> None:
    """Train the drawn way and choose its patch features; all else stays as at the start."""
    began = time.monotonic()
    reference = load_mini_clip(START).to(memory_format=torch.channels_last)
    bank = PhraseBank(MiniLM())
    bank.embed(reference)
    scenes, pieces = load_stems(STEMS / "whole"), load_stems(STEMS / "crops")
    photos = torch.from_numpy(np.load(STEMS / "photos.npy"))
    recipe = Recipe(**_params()["train"])
    unfinished = WORK / "unfinished.safetensors"
    model = train(
        copy.deepcopy(reference), reference, bank, scenes, pieces, photos, recipe,
        lambda state: _save(state, unfinished, torch.float32),
    )  # fmt: skip
    set_patch_features(model, scenes)
    _save(model, TRAINED, torch.float32)
    unfinished.unlink(missing_ok=True)
    write_json(TIMES, {"train_seconds": round(time.monotonic() - began), "cores": cores()})


def gate() -> None:
    """Fit the gate and write the tower in half precision. Without photographs the gate of the package stays."""
    params, model = _params(), load_mini_clip(TRAINED).to(memory_format=torch.channels_last)
    if params["real_photos"]:
        folder = Path(params["real_photos"])
        files = {"fit": image_files(folder, "train"), "count": image_files(folder, "val", "test")}
        write_json(GATE, set_gate(model, params["gate"], files, cores()))
    else:
        model.gate.load_state_dict(load_mini_clip(WEIGHTS).gate.state_dict())
        write_json(GATE, read_json(CARD)["gate"])
    _save(model, TOWER, torch.float16)


def boxes() -> None:
    """Train the box net on photographs that may be used for it. Without photographs that of the package stays."""
    params = _params()
    if not params["real_photos"]:
        shutil.copyfile(box_net.WEIGHTS, BOXES)
        write_json(BOXED, read_json(CARD)["boxes"])
        return
    folder, recipe, size = Path(params["real_photos"]), BoxRecipe(**params["boxes"]), params["measure"]["input_size"]
    tower = MiniTower(Model.model_construct(input_size=size), CPU)
    photographs = open_photographs(folder, "train")
    net = train_boxes(*encoded(photographs, tower, recipe.views), tower, recipe, WORK / "boxes.pt")
    save_boxes(net, BOXES)
    found = recall(net, *encoded(open_photographs(folder, "val", free=False), tower, 1))
    sources = [photograph.source for photograph in photographs]
    write_json(BOXED, {"photographs": sources, "val_recall_of_16": round(found, 1)})


def card() -> None:
    """Measure the tower and its parent, and write the model card. Without photographs their figures stay."""
    params, model = _params(), load_mini_clip(TOWER)
    photos, real = (Path(params[key]) if params[key] else None for key in ("photos", "real_photos"))
    figures = {key: value for key, value in read_json(CARD).items() if key.startswith("real_photos")}
    if real:
        figures = real_photos(model, MiniLM(), real, params["measure"], "test")
    figures |= {"gate": read_json(GATE), "boxes": read_json(BOXED)}
    figures |= {**measure(load_mini_clip(START), model, STEMS, photos), **described(TOWER)}
    write_card(figures, params, read_json(TIMES) if TIMES.exists() else {}, HERE)


def main() -> None:
    """Run one stage."""
    stages = {"start": start, "stems": stems, "train": train_tower, "gate": gate, "boxes": boxes, "card": card}
    if len(sys.argv) != 2 or sys.argv[1] not in stages:
        print(f"usage: python -m pretrain {'|'.join(stages)}", file=sys.stderr)
        sys.exit(2)
    try:
        stages[sys.argv[1]]()
    except ForError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
