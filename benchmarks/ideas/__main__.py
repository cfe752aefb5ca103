"""Ideas for novel words that were in no vocabulary, each trained and measured: reports/ideas.json.

python -m benchmarks.ideas var/benchmark/driving var/benchmark/everyday

The folders are projects that `make benchmark` has left. Choose on val; test is only told.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from benchmarks.ideas.setting import Setting, Split, open_setting
from benchmarks.ideas.variants import (
    early,
    few_phrases,
    inside_the_hull,
    low_rank,
    plain_teacher,
    random_directions,
    relational,
    stays_nearer,
    synthetic_phrases,
)
from for_retrieval.errors import ForError
from for_retrieval.evaluate.measure import head_scores
from for_retrieval.evaluate.metric import rare_average_precisions
from for_retrieval.files import write_json
from for_retrieval.model.sum_clip import SumClip, summarise
from for_retrieval.model.training_free import standardised
from for_retrieval.train.run import interpolated

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (0, 1, 2)
Score = Callable[[Split], Tensor]  # [n, T] of the images of a split and its queries
Idea = Callable[[Setting, int, Path], SumClip]

TRAINED: dict[str, Idea] = {
    "as `held-out-100`, with `train.keep_start` 0": lambda setting, seed, place: setting.train(seed, place),
    "a teacher without querybank normalisation (`train.objectives.pseudo.querybank` 0)": plain_teacher,
    "a vocabulary of 600 phrases": few_phrases,
    "pseudo-queries: random directions of the text space": random_directions,
    "pseudo-queries: phrases mixed of two": synthetic_phrases,
    "relational distillation, no vocabulary": relational,
    "inside the convex hull of the dense embeddings": inside_the_hull,
    "adapters of rank 16": low_rank,
    "`keep` at five times its weight": stays_nearer,
    "stopped where held-out base words are best": early,
}


def scorers(setting: Setting, heads: Iterable[tuple[str, SumClip, SumClip]]) -> Iterator[tuple[str, Score]]:
    """What is measured of the heads of one seed: each by itself, and the first together with others."""
    for number, (name, head, start) in enumerate(heads):
        yield name, partial(_own, head)
        if number == 0:
            for share in (0.15, 0.3, 0.45, 0.6):
                mixed = interpolated(head, start, share)
                yield f"WiSE-FT: {share:g} of the weights as at the start (`train.keep_start`)", partial(_own, mixed)
            for other in ("cluster-clip", "dense-clip", "ensemble"):
                yield f"test-time ensemble of FOR and {other}", partial(_with, head, other, setting)
            yield "test-time querybank normalisation, by region", partial(_banked, head, setting)


def _own(head: SumClip, split: Split) -> Tensor:
    return head_scores(head, split.features, split.texts)


def _with(head: SumClip, other: str, setting: Setting, split: Split) -> Tensor:
    return standardised(_own(head, split)) + standardised(_free(other, setting, split))


@torch.inference_mode()
def _banked(head: SumClip, setting: Setting, split: Split) -> Tensor:
    """``max_k [cos(E_k, t) - T * LSE_v(cos(E_k, v) / T)]``; the bank v is the vocabulary, which names no query."""
    bank, temperature, rows = setting.lesson.vocabulary, setting.params.train.objectives.pseudo.querybank, []
    for part in split.features.chunks(split.texts.device):
        regions = summarise(head, part).regions
        near = temperature * torch.logsumexp(regions @ bank.T / temperature, dim=-1, keepdim=True)
        rows.append((regions @ split.texts.T - near).amax(1))
    return torch.cat(rows)


def _free(name: str, setting: Setting, split: Split) -> Tensor:
    return setting.model.training_free.scores(split.features, split.texts, (name,))[name]


def measured(setting: Setting, score: Score) -> dict[str, float]:
    """mAP@50 r40 of base and novel names on val and test."""
    out = {}
    for name, split in setting.splits.items():
        table, limits = score(split).cpu().numpy(), setting.params.evaluate
        found = rare_average_precisions(table, split.names.relevant, limits.k, limits.rare, limits.draws, 0)
        for subset in ("base", "novel"):
            out[f"{name} {subset}"] = 100 * float(found[split.names.subsets[subset]].mean())
    return out


def rows_for(folder: Path, seeds: Iterable[int], console: Console) -> Iterator[list[Any]]:
    """The rows of one project: means over the seeds."""
    setting = open_setting(folder)
    found: dict[str, list[dict[str, float]]] = {}
    for other in ("cluster-clip", "ensemble"):
        found[f"{other}, no training"] = [measured(setting, partial(_free, other, setting))]
    steps = [(seed, name) for seed in seeds for name in TRAINED]
    heads: list[tuple[str, SumClip, SumClip]] = []
    with TemporaryDirectory() as place:
        for seed, name in track(steps, setting.records.info.name, console=console):
            head = TRAINED[name](setting, seed, Path(place) / f"{len(heads)}-{seed}.pt")
            heads.append((name, head, setting.new_head(seed)))
            if len(heads) == len(TRAINED):
                for what, score in scorers(setting, heads):
                    found.setdefault(what, []).append(measured(setting, score))
                heads = []
    for what, values in found.items():
        means = [sum(column) / len(values) for column in zip(*(v.values() for v in values), strict=True)]
        yield [setting.records.info.name, len(setting.phrases), what, *(round(mean, 1) for mean in means)]


def main() -> int:
    """Measure every idea on each project and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", type=Path, nargs="+", help="folders with features, fractions and pseudo")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    asked = parser.parse_args()
    torch.set_float32_matmul_precision("high")
    try:
        rows = [row for folder in asked.projects for row in rows_for(folder, asked.seeds, Console(stderr=True))]
    except ForError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    content = {
        "command": " ".join(
            ["python -m benchmarks.ideas", *map(str, asked.projects), "--seeds", *map(str, asked.seeds)]
        ),
        "device": f"CPU, threads: {torch.get_num_threads()}; mAP@50 r40, mean over the seeds",
        "columns": ["set", "phrases", "idea", "val base", "val novel", "test base", "test novel"],
        "rows": rows,
    }
    write_json(ROOT / "reports" / "ideas.json", content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
