"""What the tower can do, measured, and its model card."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from drawn_scenes.catalog import KINDS
from for_retrieval.evaluate.metric import average_precisions, rare_average_precisions
from for_retrieval.files import file_hash, write_json, write_text
from for_retrieval.model.features import CPU, Features, arithmetic, autocast
from for_retrieval.model.mini_clip import WEIGHTS_SHA256, MiniClip, MiniLM, each_its_way, embed
from for_retrieval.model.training_free import TrainingFree
from pretrain.photos import load_crops, top_k
from pretrain.phrases import held_out_synonym
from pretrain.stems import ALL_KINDS, CROPS, FLAT_KINDS, Stems, load_stems

NOVEL = ("truck", "motorcycle", "dog", "umbrella", "boat", "kite", "mailbox", "airplane")
# The combined tower of the feasibility study, on its own drawn test of 27 equally common categories.
STUDY = {"dense-clip map50": 90.4, "cluster-clip map50": 89.6, "pooled map50": 93.0,
         "dense-clip r40 base": 44.0, "dense-clip r40 novel": 39.0,
         "dense-clip colour r40 base": 51.0, "dense-clip colour r40 novel": 49.0}  # fmt: skip
CLUSTERS, POOL = 10, 4  # as in the study
Query = tuple[str, str, str | None]  # text, kind, colour


@torch.inference_mode()
def features_of(model: MiniClip, stems: Stems) -> Features:
    """Features of stem maps, as the tower gives them."""
    parts = []
    for start in range(0, len(stems.objects), 128):
        maps = torch.from_numpy(stems.maps[start : start + 128].copy()).to(arithmetic(CPU))
        with autocast(CPU):
            parts.append(each_its_way(maps, model.is_drawn(maps), 8, model.read))
    return Features.joined(parts)


def queries(kinds: tuple[str, ...]) -> dict[str, list[Query]]:
    """The query sets; `held-out synonyms` are words that no caption of the training used."""
    seen = [(w, k, None) for k in kinds for w in KINDS[k].synonyms if w != held_out_synonym(k)]
    unseen = [(w, k, None) for k in kinds if (w := held_out_synonym(k))]
    return {
        "names": [(k, k, None) for k in kinds],
        "colour": [(f"{c} {k}", k, c) for k in kinds for c in KINDS[k].colours],
        "synonyms": list(seen),
        "held-out synonyms": list(unseen),
    }


def hypernym_queries(kinds: tuple[str, ...]) -> list[tuple[str, set[str]]]:
    """("vehicle", {car, bus, ...})."""
    table: dict[str, set[str]] = {}
    for k in kinds:
        for word in KINDS[k].hypernyms:
            table.setdefault(word, set()).add(k)
    return sorted(table.items())


def _texts(model: MiniClip, text: MiniLM, phrases: list[str]) -> Tensor:
    flat = model.text(embed(text, [t for p in phrases for t in (p, f"a photo of a {p}")]))
    return normalize(normalize(flat, dim=-1).view(len(phrases), 2, -1).mean(1), dim=-1)


def _drawn(model: MiniClip, text: MiniLM, stems: Stems, kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    features, rows = features_of(model, stems), []
    side = math.isqrt(features.dense.shape[1])
    sets: dict[str, list[tuple[str, set[str], str | None]]] = {
        name: [(phrase, {kind}, colour) for phrase, kind, colour in found] for name, found in queries(kinds).items()
    }
    sets["hypernyms"] = [(word, meant, None) for word, meant in hypernym_queries(kinds)]
    for name, found in sets.items():
        relevant = np.asarray(
            [
                [any(o.category in meant and c in (None, o.colour) for o in row) for _, meant, c in found]
                for row in stems.objects
            ]
        )
        kept = np.flatnonzero(relevant.any(0))
        texts = _texts(model, text, [found[q][0] for q in kept])
        table = TrainingFree((side, side), CLUSTERS, POOL).scores(features, texts)
        novel = np.asarray([found[q][1] <= set(NOVEL) for q in kept])
        for method, values in table.items():
            array = values.numpy()
            plain = 100 * average_precisions(array, relevant[:, kept], 50)
            rare = 100 * rare_average_precisions(array, relevant[:, kept], 50, 40, 3, 0)
            row = {
                "queries": name,
                "method": method,
                "n": len(kept),
                "map50": plain.mean(),
                "r40": rare.mean(),
            }
            for part, mask in (("base", ~novel), ("novel", novel)):
                row |= {f"{key} {part}": v[mask].mean() for key, v in (("map50", plain), ("r40", rare)) if mask.any()}
            rows.append({k: round(float(v), 1) if isinstance(v, np.floating) else v for k, v in row.items()})
    return rows


def measure(parent: MiniClip, model: MiniClip, stems: Path, photos: Path | None) -> dict[str, Any]:
    """All figures of the card; `parent` is plain ConSE."""
    text = MiniLM()
    out: dict[str, Any] = {
        "drawn": _drawn(model, text, load_stems(stems / "val"), FLAT_KINDS),
        "streets": _drawn(model, text, load_stems(stems / "streets"), ALL_KINDS),
    }
    if photos:
        crops = load_crops(photos, "test")
        out["photographs"] = {
            "crops": len(crops.names),
            "names": len(set(crops.names)),
            "plain ConSE top-1, top-5": [round(v, 1) for v in top_k(parent, text, crops, plain=True)],
            "mini CLIP top-1, top-5": [round(v, 1) for v in top_k(model, text, crops)],
        }
    return out


def described(weights: Path) -> dict[str, Any]:
    """What identifies the weights."""
    return {
        "weights_sha256": file_hash(weights),
        "text_sha256": WEIGHTS_SHA256,
        "megabytes": round(weights.stat().st_size / 1e6, 1),
    }


def study_comparison(drawn: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Figure -> (the study's, ours)."""
    row = {(r["queries"], r["method"]): r for r in drawn}
    names, colour = "names", "colour"
    ours = {
        "dense-clip map50": row[names, "dense-clip"]["map50"],
        "cluster-clip map50": row[names, "cluster-clip"]["map50"],
        "pooled map50": row[names, "pooled"]["map50"],
        "dense-clip r40 base": row[names, "dense-clip"]["r40 base"],
        "dense-clip r40 novel": row[names, "dense-clip"]["r40 novel"],
        "dense-clip colour r40 base": row[colour, "dense-clip"]["r40 base"],
        "dense-clip colour r40 novel": row[colour, "dense-clip"]["r40 novel"],
    }
    return {name: (STUDY[name], ours[name]) for name in STUDY}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| queries | n | method | mAP@50 | r40 |", "| --- | --- | --- | --- | --- |"]
    return lines + [f"| {r['queries']} | {r['n']} | {r['method']} | {r['map50']} | {r['r40']} |" for r in rows]


def write_card(figures: dict[str, Any], params: dict[str, Any], times: dict[str, Any], out: Path) -> None:
    """Write card.json and CARD.md in `out`."""
    # The folders' names, not where they lie on this machine.
    folders = {key: params[key] and Path(params[key]).name for key in ("photos", "real_photos")}
    write_json(out / "card.json", {**figures, "params": {**params, **folders}, "times": times})
    template = (Path(__file__).parent / "card.md").read_text(encoding="utf-8")
    study = ["| figure | study | here |", "| --- | --- | --- |"]
    study += [f"| {k} | {a} | {b} |" for k, (a, b) in study_comparison(figures["drawn"]).items()]
    photographs = figures.get("photographs", {"": "no photographs were at hand"})
    real = figures["real_photos"]
    plain, of = figures["real_photos by plain ConSE"], figures["real_photos of"]
    text = template.format(
        real="\n".join(
            ["| method | mini CLIP | plain ConSE with definitions |", "| --- | --- | --- |"]
            + [f"| {method} | {value} | {plain[method]} |" for method, value in real.items()]
        ),
        real_images=of["images"],
        real_names=of["names"],
        real_folder=of["folder"],
        gate="\n".join(
            ["| pictures | n | sent the wrong way | least logit on the right side |", "| --- | --- | --- | --- |"]
            + [f"| {name} | {row['n']} | {row['wrong']} | {row['margin']} |" for name, row in figures["gate"].items()]
        ),
        sha256=figures["weights_sha256"],
        text_sha256=figures["text_sha256"],
        megabytes=figures["megabytes"],
        minutes=round(times.get("train_seconds", 0) / 60),
        cores=times.get("cores", "?"),
        steps=params["train"]["steps"],
        whole=params["draw"]["whole"],
        crops=CROPS * params["draw"]["crops"],
        study="\n".join(study),
        drawn="\n".join(_table(figures["drawn"])),
        streets="\n".join(_table(figures["streets"])),
        photographs="\n".join(f"- {k}: {v}" for k, v in photographs.items()),
    )
    write_text(out / "CARD.md", text)
