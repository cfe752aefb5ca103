"""How fast the embedded tower encodes, beside the same weights as they are published, in the same run.

python benchmarks/encode.py --images 128
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from for_retrieval.model.features import CPU, autocast
from for_retrieval.model.mini_clip import MiniClip, MiniTower, load_mini_clip
from for_retrieval.params import load_params

ROOT = Path(__file__).resolve().parents[1]


def peer(model: MiniClip, batch: int) -> Callable[[Tensor], None]:
    """Batch norms as layers of their own, a whole batch at once."""

    def run(pictures: Tensor) -> None:
        for part in torch.split(pictures, batch):
            with torch.inference_mode(), autocast(CPU):
                model.read(model.stem(part), drawn=False)

    return run


def lap(encode: Callable[[Tensor], object], pictures: Tensor) -> float:
    """Images a second."""
    start = time.perf_counter()
    encode(pictures)
    return len(pictures) / (time.perf_counter() - start)


def main() -> None:
    """Read the options, run both in turn, so that a busy spell hits both, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=128, help="pictures a lap")
    parser.add_argument("--laps", type=int, default=5, help="laps each, after one to warm up")
    asked = parser.parse_args()
    if asked.images < 1 or asked.laps < 1:
        parser.error("--images and --laps must be at least 1")
    params = load_params(ROOT / "params.yaml").model.model_copy(update={"name": "mini-clip"})
    model = load_mini_clip().to(memory_format=torch.channels_last)
    table = Table("px", "mini CLIP, images/s", f"as published, {params.batch_size} at once", "ratio")
    for key in ("input_size", "teacher_size"):
        tower = MiniTower(params, CPU, key)
        pictures = torch.randn(asked.images, 3, tower.input_size, tower.input_size)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        rivals = (tower.features, peer(model, params.batch_size))
        laps = [[lap(encode, pictures) for encode in rivals] for _ in range(asked.laps + 1)][1:]
        ours, theirs = (median(column) for column in zip(*laps, strict=True))
        ratio = median(a / b for a, b in laps)
        table.add_row(str(tower.input_size), f"{ours:.0f}", f"{theirs:.0f}", f"{ratio:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
