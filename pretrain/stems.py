"""Training pictures as stem maps: the frozen part of the trunk is run once and kept in half precision."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from torch import Tensor

from drawn_scenes.backdrops import BACKDROPS
from drawn_scenes.catalog import KINDS
from drawn_scenes.compose import SceneObject, Style, arrange, compose
from drawn_scenes.drawn_set import kinds_of
from drawn_scenes.driving import draw_kinds
from for_retrieval.model.features import CPU, autocast
from for_retrieval.model.mini_clip import MiniClip
from for_retrieval.records.workers import end_with_parent

SIZE = 160  # px, as the drawn streets
INPUT = 256  # px, as the tower sees whole pictures
CROP = 96  # px, as it sees crops
MIN_CROP = 48  # px of the drawn picture: enlarged about as much as whole pictures are
CROPS = 2  # of each drawn picture
ALL_KINDS = tuple(KINDS)
PLACED = kinds_of(ALL_KINDS, {})
FITS = {name: [b for b in BACKDROPS.values() if b.places & set(kind.places)] for name, kind in PLACED.items()}
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
    """Stem maps [n, 112, side, side] in float16, on disk, and what each picture shows."""

    maps: NDArray[np.float16]
    objects: list[list[SceneObject]]


Shown = tuple[NDArray[np.uint8], list[SceneObject]]


def _scene(rng: random.Random, kinds: tuple[str, ...] | None, close: float) -> tuple[Image.Image, list[SceneObject]]:
    """One picture with at least one object: see `whole`."""
    while True:
        if kinds is None:
            image, objects = compose(draw_kinds(rng), SIZE, rng)
        else:
            first = rng.choice(kinds)
            place = rng.choice(FITS[first])
            fitting = [name for name in kinds if place in FITS[name]]
            chosen = [PLACED[name] for name in (first, *rng.choices(fitting, k=rng.randint(0, 5)))]
            near = Style(far=0.12, near=rng.uniform(0.3, 0.7), sky=(0.12, 0.35))
            empty, layout = place.draw(SIZE, rng)
            style = place.style if place.indoors or rng.random() >= close else near
            image, objects = arrange(empty, layout, chosen, rng, style)
        if objects:
            return image, objects


def whole(number: int, *, seed: str, kinds: tuple[str, ...] | None, close: float = 1.0) -> list[Shown]:
    """One picture: of the drawn streets (`kinds` None), or of 1 to 6 of `kinds` in a place where they belong.

    Args:
        close: the share of the pictures taken outdoors that show things near, as pictures with captions mostly do.
    """
    image, objects = _scene(random.Random(f"{seed}/{number}"), kinds, close)
    return [(np.asarray(image.resize((INPUT, INPUT), Image.Resampling.BICUBIC)), objects)]


def crops(number: int, *, seed: str, kinds: tuple[str, ...] | None) -> list[Shown]:
    """`CROPS` square crops of one near picture, each around one of its objects, 1.1 to 2.5 times as long.

    A crop shows the objects of which at least half lies inside it.
    """
    rng = random.Random(f"{seed}/{number}")
    image, objects = _scene(rng, kinds, 1.0)
    out = []
    for _ in range(CROPS):
        o = rng.choice(objects)
        side = min(SIZE, max(MIN_CROP, rng.uniform(1.1, 2.5) * max(o.w, o.h)))
        left = min(max(0.0, o.x + o.w / 2 - side * rng.uniform(0.4, 0.6)), SIZE - side)
        top = min(max(0.0, o.y + o.h / 2 - side * rng.uniform(0.4, 0.6)), SIZE - side)
        box = (left, top, left + side, top + side)
        shown = [other for other in objects if other is o or share_inside(other, box) >= 0.5]
        out.append((np.asarray(image.resize((CROP, CROP), Image.Resampling.BICUBIC, box=box)), shown))
    return out


def share_inside(o: SceneObject, box: tuple[float, float, float, float]) -> float:
    """The part of an object's box that lies in `box` (left, top, right, bottom)."""
    width = max(0.0, min(o.x + o.w, box[2]) - max(o.x, box[0]))
    height = max(0.0, min(o.y + o.h, box[3]) - max(o.y, box[1]))
    return width * height / (o.w * o.h)


def to_input(pictures: NDArray[np.uint8]) -> Tensor:
    """[B, H, W, 3] bytes -> normalised [B, 3, H, W] in channels-last memory."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)
    x = (x - torch.tensor(MiniClip.mean)[:, None, None]) / torch.tensor(MiniClip.std)[:, None, None]
    return x.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def stem_maps(model: MiniClip, pictures: NDArray[np.uint8]) -> NDArray[np.float16]:
    """The frozen part of the trunk, in bfloat16 arithmetic where the processor has it."""
    with autocast(CPU):
        out: NDArray[np.float16] = model.stem(to_input(pictures)).to(torch.float16).numpy()
    return out


def make_stems(model: MiniClip, folder: Path, count: int, draw: Callable[[int], list[Shown]], processes: int) -> None:
    """Draw picture 0 to `count` - 1 and write `folder`/maps.npy and objects.json.

    Args:
        draw: the same number of pictures, of the same size, for every number; picklable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    side, each = len(draw(0)[0][0]) // 16, len(draw(0))
    maps = np.lib.format.open_memmap(folder / "maps.npy", "w+", np.float16, (count * each, 112, side, side))
    objects: list[list[dict[str, object]]] = []
    with ProcessPoolExecutor(processes, initializer=end_with_parent) as pool:
        drawn = chain.from_iterable(pool.map(draw, range(count), chunksize=16))
        for rows in track(list(_chunks(count * each, 64)), folder.name, console=Console(stderr=True)):
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
