"""What defines a set of drawn scenes: its kinds, how often each appears, which are novel, how a scene is composed."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from PIL import Image

from drawn_scenes import drawings  # noqa: F401  (registers the kinds)
from drawn_scenes.backdrops import BACKDROPS
from drawn_scenes.captions import OPENINGS
from drawn_scenes.catalog import KINDS, Kind
from drawn_scenes.compose import SceneObject, Style, arrange

MAX_OBJECTS = 9
LARGEST = Style()  # objects are drawn no larger than on the streets: the sets are about small objects
TWICE, THRICE = 0.25, 0.07  # chance that a kind in a scene appears once more, and again
PLACELESS = ("", "a photo of ", "a picture of ", "there is ")  # openings of captions that name no place
# Further places of kinds of the streets, in scenes that have such a zone.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "person": ("floor", "sand", "snow"),
    "dog": ("floor", "sand", "snow"),
    "cat": ("floor",),
    "chair": ("floor",),
    "table": ("floor",),
    "potted plant": ("floor", "counter"),
    "handbag": ("floor", "sand"),
    "backpack": ("floor", "snow"),
    "suitcase": ("floor",),
    "umbrella": ("sand",),
    "skateboard": ("floor",),
    "guitar": ("floor",),
    "drum": ("floor",),
    "box": ("floor",),
    "bucket": ("floor", "sand"),
    "ladder": ("floor",),
    "stroller": ("floor",),
    "wheelchair": ("floor",),
    "snowman": ("snow",),
    "fox": ("snow",),
    "rabbit": ("snow",),
    "pine tree": ("snow",),
    "palm tree": ("sand",),
    "flag": ("sand", "snow"),
    "tent": ("sand", "snow"),
}

Scene = tuple[Image.Image, list[SceneObject]]


@dataclass(frozen=True)
class DrawnSet:
    """One set.

    kinds: by name, from common to rare. chances: the share of the scenes that should show each kind.
    novel: the kinds without labels in finetuning. draw: a scene of (size, random numbers); its list of objects is
    empty where none is visible. openings: how captions begin.
    """

    name: str
    kinds: dict[str, Kind]
    chances: dict[str, float]
    novel: tuple[str, ...]
    draw: Callable[[int, random.Random], Scene]
    openings: Sequence[str] = OPENINGS


def geometric(names: Sequence[str], common: float, rare: float) -> dict[str, float]:
    """Chances that fall by the same factor from rank to rank, from `common` to `rare`."""
    ratio = (rare / common) ** (1 / (len(names) - 1))
    return {name: common * ratio**rank for rank, name in enumerate(names)}


def power_law(names: Sequence[str], common: float, rare: float) -> dict[str, float]:
    """Chances that fall as a power of the rank (1, 2, 3...), from `common` to `rare`, as words in a text do."""
    exponent = math.log(common / rare) / math.log(len(names))
    return {name: common / rank**exponent for rank, name in enumerate(names, start=1)}


def pick(chances: Mapping[str, float], rng: random.Random) -> list[str]:
    """The kinds of one scene, 1 to `MAX_OBJECTS` entries in random order; a kind may appear twice or more."""
    names: list[str] = []
    while not names:
        for name, chance in chances.items():
            if rng.random() < chance:
                names += [name] * (1 + (rng.random() < TWICE) + (rng.random() < THRICE))
    rng.shuffle(names)
    return names[:MAX_OBJECTS]


def kinds_of(names: Sequence[str], parents: Mapping[str, str]) -> dict[str, Kind]:
    """The kinds of a set with all their places; `parents` names one more hypernym for some."""
    return {
        name: dataclasses.replace(
            KINDS[name],
            places=tuple(dict.fromkeys((*KINDS[name].places, *ELSEWHERE.get(name, ())))),
            hypernyms=(*((parents[name],) if name in parents else ()), *KINDS[name].hypernyms),
        )
        for name in names
    }


class Placed:
    """Draws scenes in several sorts of places, so that over all of them each kind appears as often as asked.

    A kind that fits few sorts of places is more common there; kinds that fit many fill up the emptier ones.
    Scenes without any kind are drawn again; the chances are lowered to make up for that.
    """

    def __init__(self, kinds: Mapping[str, Kind], chances: Mapping[str, float], shares: Mapping[str, float]) -> None:
        self.kinds = kinds
        self.places = list(shares)
        self.bounds = list(accumulate(shares.values()))
        fits = {
            name: [place for place in shares if BACKDROPS[place].places & set(kind.places)]
            for name, kind in kinds.items()
        }
        if lost := [name for name, places in fits.items() if not places]:
            raise ValueError(f"{lost[0]} stands nowhere in these places: {', '.join(shares)}")
        self.within: dict[str, dict[str, float]] = {}
        for place, local in spread(chances, fits, shares).items():
            factor = not_empty(list(local.values()))
            self.within[place] = {name: factor * chance for name, chance in local.items()}

    def __call__(self, size: int, rng: random.Random) -> Scene:
        """Draw one scene."""
        place, kinds = self.choose(rng)
        image, layout = BACKDROPS[place].draw(size, rng)
        style = BACKDROPS[place].style
        small = dataclasses.replace(style, far=min(style.far, LARGEST.far), near=min(style.near, LARGEST.near))
        return arrange(image, layout, kinds, rng, small)

    def choose(self, rng: random.Random) -> tuple[str, list[Kind]]:
        """The sort of place and the kinds of one scene, 1 to `MAX_OBJECTS` entries in random order."""
        place = rng.choices(self.places, cum_weights=self.bounds)[0]
        return place, [self.kinds[name] for name in pick(self.within[place], rng)]


def spread(
    chances: Mapping[str, float], fits: Mapping[str, Sequence[str]], shares: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """place -> kind -> its chance there; the mean over the places is the chance asked for.

    Kinds that fit several places lean towards those that few kinds fit, until all places are about equally full.
    """
    lean = dict.fromkeys(shares, 1.0)
    wanted = sum(chances.values())
    within: dict[str, dict[str, float]] = {}
    for _ in range(30):
        pull = {name: sum(shares[p] * lean[p] for p in places) for name, places in fits.items()}
        within = {p: {n: c * lean[p] / pull[n] for n, c in chances.items() if p in fits[n]} for p in shares}
        lean = {p: lean[p] * (wanted / sum(within[p].values())) ** 0.5 for p in shares}
    return within


def not_empty(chances: Sequence[float]) -> float:
    """The factor that lowers independent chances so that each keeps its value given that at least one comes true.

    It solves f = 1 - product of (1 - f x chance), which has a root above 0 only where the chances add up to more
    than 1.

    Raises:
        ValueError: they do not.
    """
    if sum(chances) <= 1.05:
        raise ValueError(f"a sort of place shows too little: its chances add up to {sum(chances):.2f}")
    factor = 1.0
    for _ in range(500):  # falls towards the root, ever slower the nearer the sum is to 1
        factor = 1 - math.prod(1 - factor * chance for chance in chances)
    return factor
