"""Training pictures as stem maps: the frozen part of the trunk is run once and kept in half precision."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from torch import Tensor

from for_retrieval.data.scenes.catalog import KINDS
from for_retrieval.data.scenes.compose import SceneObject, Style, compose
from for_retrieval.data.scenes.streets import RANKING, draw_kinds
from for_retrieval.data.workers import end_with_parent
from for_retrieval.model.mini_clip import MiniClip

SIZE = 160  # px, as the drawn streets
INPUT = 256  # px, as the tower sees them
ALL_KINDS = tuple(RANKING)
# As many, and mostly the same, as in the feasibility study: its figures can be compared with.
FLAT_KINDS = (
    "car",
    "truck",
    "bus",
    "motorcycle",
    "bicycle",
    "boat",
    "airplane",
    "person",
    "dog",
    "cat",
    "horse",
    "bird",
    "sheep",
    "cow",
    "tree",
    "house",
    "umbrella",
    "kite",
    "mailbox",
    "bench",
    "traffic light",
    "stop sign",
    "flower",
    "traffic cone",
    "trash can",
    "chair",
    "balloon",
)


@dataclass(frozen=True)
class Stems:
    """Stem maps [n, 112, 16, 16] in float16, on disk, and what each picture shows (boxes in 0..1)."""

    maps: NDArray[np.float16]
    objects: list[list[SceneObject]]


def draw(number: int, *, seed: str, kinds: tuple[str, ...] | None) -> tuple[NDArray[np.uint8], list[SceneObject]]:
    """One picture: of the drawn streets (`kinds` None), or of 1 to 6 of `kinds`, all equally often."""
    rng = random.Random(f"{seed}/{number}")
    objects: list[SceneObject] = []
    while not objects:
        if kinds is None:
            image, objects = compose(draw_kinds(rng), SIZE, rng)
        else:
            chosen = [KINDS[rng.choice(kinds)] for _ in range(rng.randint(1, 6))]
            style = Style() if rng.random() < 0.5 else Style(far=0.12, near=rng.uniform(0.3, 0.7), sky=(0.12, 0.35))
            image, objects = compose(chosen, SIZE, rng, style)
    return np.asarray(image.resize((INPUT, INPUT), Image.Resampling.BICUBIC)), objects


def to_input(pictures: NDArray[np.uint8]) -> Tensor:
    """[B, H, W, 3] bytes -> normalised [B, 3, H, W] in channels-last memory."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)
    x = (x - torch.tensor(MiniClip.mean)[:, None, None]) / torch.tensor(MiniClip.std)[:, None, None]
    return x.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def stem_maps(model: MiniClip, pictures: NDArray[np.uint8]) -> NDArray[np.float16]:
    """The frozen part of the trunk, in bfloat16 arithmetic."""
    with torch.autocast("cpu", torch.bfloat16):
        out: NDArray[np.float16] = model.stem(to_input(pictures)).to(torch.float16).numpy()
    return out


def make_stems(
    model: MiniClip, folder: Path, count: int, seed: str, kinds: tuple[str, ...] | None, processes: int
) -> None:
    """Draw `count` pictures and write `folder`/maps.npy and objects.json."""
    folder.mkdir(parents=True, exist_ok=True)
    side = INPUT // 16
    maps = np.lib.format.open_memmap(folder / "maps.npy", "w+", np.float16, (count, 112, side, side))
    objects: list[list[dict[str, object]]] = []
    with ProcessPoolExecutor(processes, initializer=end_with_parent) as pool:
        drawn = pool.map(partial(draw, seed=seed, kinds=kinds), range(count), chunksize=16)
        for rows in track(list(_chunks(count, 64)), folder.name, console=Console(stderr=True)):
            batch = [next(drawn) for _ in rows]
            maps[rows.start : rows.stop] = stem_maps(model, np.stack([picture for picture, _ in batch]))
            objects += [[asdict(o) for o in found] for _, found in batch]
    maps.flush()
    (folder / "objects.json").write_text(json.dumps(objects), encoding="utf-8")


def load_stems(folder: Path) -> Stems:
    """Open what `make_stems` wrote; the maps stay on disk."""
    maps = np.load(folder / "maps.npy", mmap_mode="r")
    rows = json.loads((folder / "objects.json").read_text(encoding="utf-8"))
    return Stems(maps, [[SceneObject(**o) for o in row] for row in rows])


def _chunks(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def cell_shares(objects: list[list[SceneObject]], side: int) -> tuple[Tensor, Tensor]:
    """How much of each object's box lies in each cell.

    Returns:
        The picture of each object [O], and the shares [O, side * side], which sum to 1.
    """
    owner, shares = [], []
    edges = torch.arange(side + 1) / side
    for i, row in enumerate(objects):
        for o in row:
            x = (torch.clamp(edges[1:], max=(o.x + o.w) / SIZE) - torch.clamp(edges[:-1], min=o.x / SIZE)).clamp(min=0)
            y = (torch.clamp(edges[1:], max=(o.y + o.h) / SIZE) - torch.clamp(edges[:-1], min=o.y / SIZE)).clamp(min=0)
            cover = torch.outer(y, x).flatten()
            owner.append(i)
            shares.append(cover / cover.sum())
    return torch.tensor(owner), torch.stack(shares)
