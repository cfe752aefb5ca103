"""The words of the captions: every name, synonym and hypernym, with and without colours."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from drawn_scenes import drawings  # noqa: F401  (registers the kinds)
from drawn_scenes.catalog import KINDS
from drawn_scenes.compose import SceneObject
from drawn_scenes.pen import COLOURS
from for_retrieval.model.mini_clip import MiniClip, MiniLM, embed

# Other words for the colours; the last of each is never used in training, to measure what carries over.
COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("scarlet", "cherry red", "crimson"),
    "orange": ("tangerine", "amber"),
    "yellow": ("golden yellow", "lemon yellow"),
    "green": ("grass green", "emerald"),
    "turquoise": ("teal", "cyan"),
    "blue": ("navy blue", "royal blue", "azure"),
    "purple": ("violet", "lilac"),
    "pink": ("rose pink", "magenta"),
    "brown": ("chestnut brown", "chocolate brown"),
    "black": ("jet black", "ebony"),
    "white": ("snow white", "ivory"),
    "gray": ("grey", "silver gray", "ashen"),
}
TEMPLATES = ("{}", "a photo of a {}", "a {}", "a picture of a {}")


@cache
def _said_of() -> Counter[str]:
    """How many kinds each word is true of."""
    return Counter(w for kind in KINDS.values() for w in {kind.name, *kind.synonyms, *kind.hypernyms})


def held_out_synonym(name: str) -> str | None:
    """The one synonym of a kind that no caption uses: its last that is no word for another; with fewer than 3, none."""
    synonyms = KINDS[name].synonyms
    own = [word for word in synonyms if _said_of()[word] == 1]
    return own[-1] if own and len(synonyms) >= 3 else None


def words_of(name: str) -> list[str]:
    """The words that captions use for a kind: its name first."""
    kind = KINDS[name]
    return [w for w in (name, *kind.synonyms, *kind.hypernyms) if w != held_out_synonym(name)]


@dataclass
class PhraseBank:
    """All phrases, their embeddings in the joint space, and which objects each is true of."""

    text: MiniLM
    words: list[str] = field(default_factory=lambda: list(dict.fromkeys(w for n in KINDS for w in words_of(n))))
    colours: list[str] = field(default_factory=lambda: list(COLOURS))

    def __post_init__(self) -> None:
        self.kind_index = {name: i for i, name in enumerate(KINDS)}
        self.true = torch.tensor([[w in words_of(n) for w in self.words] for n in KINDS])  # [kinds, words]
        self.of_kind = [torch.nonzero(row).flatten().tolist() for row in self.true]
        tints = [[""]] + [[c, *COLOUR_WORDS[c][:-1]] for c in self.colours]
        self.spelled = [[f"{tint} {word}".strip() for tint in shades] for word in self.words for shades in tints]

    def phrases(self) -> list[str]:
        """Every phrase once."""
        return [p for variants in self.spelled for p in variants]

    def embed(self, model: MiniClip) -> None:
        """Fill the table of joint-space embeddings: one random spelling and template each is drawn at use."""
        flat = [template.format(p) for p in self.phrases() for template in TEMPLATES[:2]]
        table = torch.nn.functional.normalize(model.text(embed(self.text, flat)), dim=-1)
        counts = [len(v) * 2 for v in self.spelled]
        self.table = list(torch.split(table.detach(), counts))

    def lookup(self, keys: Sequence[tuple[int, int]], rng: random.Random) -> Tensor:
        """Embeddings [T, 256] of (word, colour + 1 or 0) keys, in a random spelling."""
        rows = [self.table[word * (len(self.colours) + 1) + colour] for word, colour in keys]
        return torch.stack([row[rng.randrange(len(row))] for row in rows])

    def draw(self, obj: SceneObject, rng: random.Random) -> tuple[int, int]:
        """A key for one object: its name half of the time, its colour four times out of five."""
        options = self.of_kind[self.kind_index[obj.category]]
        name = self.words.index(obj.category)
        word = name if rng.random() < 0.5 else rng.choice(options)
        colour = self.colours.index(obj.colour) + 1 if obj.colour and rng.random() < 0.8 else 0
        return word, colour

    def matches(self, objects: Sequence[SceneObject], keys: Sequence[tuple[int, int]]) -> Tensor:
        """[objects, keys] bool: is the phrase true of the object?"""
        kinds = torch.tensor([self.kind_index[o.category] for o in objects])
        tint = torch.tensor([self.colours.index(o.colour) + 1 if o.colour else 0 for o in objects])
        words = torch.tensor([k[0] for k in keys])
        colours = torch.tensor([k[1] for k in keys])
        return self.true[kinds][:, words] & ((colours == 0) | (tint[:, None] == colours))
