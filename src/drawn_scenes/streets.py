"""The set `driving`, the drawn streets: which kinds it shows, common to rare, and how an image's kinds are drawn."""

from __future__ import annotations

import random

from drawn_scenes import drawings  # noqa: F401  (registers the kinds)
from drawn_scenes.catalog import KINDS, Kind

COMMON, RARE = 0.12, 0.004  # share of the images that show the most common and the rarest kind
MAX_OBJECTS = 9

# From common to rare, as one would meet them on a street.
RANKING = [
    "car",
    "person",
    "tree",
    "street lamp",
    "bicycle",
    "dog",
    "traffic light",
    "bench",
    "truck",
    "bird",
    "house",
    "bus",
    "trash can",
    "motorcycle",
    "cat",
    "flower",
    "van",
    "umbrella",
    "traffic cone",
    "backpack",
    "mailbox",
    "pine tree",
    "chair",
    "handbag",
    "stop sign",
    "box",
    "potted plant",
    "stroller",
    "ball",
    "flag",
    "horse",
    "scooter",
    "boat",
    "fire hydrant",
    "tram",
    "suitcase",
    "cow",
    "airplane",
    "table",
    "parking meter",
    "construction worker",
    "duck",
    "road barrier",
    "clock",
    "church",
    "sheep",
    "shopping cart",
    "palm tree",
    "wheelchair",
    "kite",
    "ambulance",
    "fountain",
    "bucket",
    "swing",
    "rabbit",
    "kiosk",
    "ladder",
    "balloon",
    "skateboard",
    "tractor",
    "tent",
    "slide",
    "phone booth",
    "helicopter",
    "barrel",
    "guitar",
    "barn",
    "mushroom",
    "cactus",
    "hot air balloon",
    "windmill",
    "fox",
    "snowman",
    "drum",
    "lighthouse",
    "elephant",
    "giraffe",
]

# Without labels in finetuning; spread from common to rare.
NOVEL = (
    "dog",
    "truck",
    "motorcycle",
    "umbrella",
    "mailbox",
    "stroller",
    "boat",
    "airplane",
    "cow",
    "wheelchair",
    "kite",
    "swing",
    "rabbit",
    "skateboard",
    "helicopter",
    "guitar",
    "windmill",
)


def frequencies() -> dict[str, float]:
    """The chance of each kind to be in an image: geometric from `COMMON` to `RARE` along the ranking."""
    ratio = (RARE / COMMON) ** (1 / (len(RANKING) - 1))
    return {name: COMMON * ratio**rank for rank, name in enumerate(RANKING)}


def draw_kinds(rng: random.Random) -> list[Kind]:
    """The kinds of one image, 1 to `MAX_OBJECTS` entries; a kind that is there may come twice or more."""
    chances = frequencies()
    names: list[str] = []
    while not names:
        for name, chance in chances.items():
            if rng.random() < chance:
                names += [name] * (1 + (rng.random() < 0.25) + (rng.random() < 0.07))
    rng.shuffle(names)
    return [KINDS[name] for name in names[:MAX_OBJECTS]]
