"""The open vocabulary of the pseudo-labels: category names, shipped nouns, the user's own, and colours."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.params import Vocabulary
from for_retrieval.records.records import DatasetInfo

NOUNS = Path(__file__).parent / "nouns.txt"
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")


@dataclass(frozen=True)
class Phrase:
    """One entry. kind: category (a name of the set), own (a noun of the user's), other (a shipped one) or attribute."""

    text: str
    kind: str


def read_nouns(path: Path) -> list[str]:
    """The phrases of a word list, one a line, but for empty lines and comments (#). ForError: it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ForError(f"the word list {path} cannot be read ({error}); see train.vocabulary.nouns") from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def build_vocabulary(info: DatasetInfo, params: Vocabulary, mode: str, seed: int, root: Path) -> list[Phrase]:
    """At most `params.max_phrases` phrases: all names, then nouns, then a seeded choice of colour phrases.

    Of more shipped nouns than fit an even choice is taken, the same for every seed, so that each of their groups is
    represented, with the user's own nouns; a sixth of the room is for colour phrases.

    The `mode` ``in`` has the names of the novel categories, as in a list by somebody who knows what will be asked; in
    ``held_out`` no phrase contains the name or a synonym of a novel category.
    """
    names = [Phrase(name, "category") for name in info.base + (info.novel if mode == "in" else [])]
    own = [Phrase(noun, "own") for noun in (read_nouns(root / params.nouns) if params.nouns else [])]
    shipped = [Phrase(noun, "other") for noun in read_nouns(NOUNS)]
    if mode == "held_out":  # before anything is drawn, so that both vocabularies have the same size
        mention = mentions([word for name in info.novel for word in (name, *info.synonyms.get(name, ()))])
        names, own, shipped = ([p for p in part if not mention.search(p.text)] for part in (names, own, shipped))
    known = {phrase.text for phrase in names}
    own = [phrase for phrase in dict.fromkeys(own) if phrase.text not in known]
    known |= {phrase.text for phrase in own}
    shipped = [phrase for phrase in dict.fromkeys(shipped) if phrase.text not in known]
    room = max(0, params.max_phrases - len(names))
    count = max(0, room - (room // 6 if params.attributes else 0) - len(own))
    if count < len(shipped):  # at even distances
        shipped = [shipped[i * len(shipped) // count] for i in range(count)]
    phrases = names + shipped + own
    if params.attributes:
        room = max(0, params.max_phrases - len(phrases))
        phrases += _tinted(phrases, info.colours or list(COLOURS), room, random.Random(seed))
    return phrases[: params.max_phrases]


def _tinted(phrases: list[Phrase], colours: list[str], room: int, rng: random.Random) -> list[Phrase]:
    """At most `room` colour phrases, half of them about category names: what the set is known to show."""
    there = {p.text for p in phrases}  # "red panda" is a noun, too
    pairs = [(p.kind, Phrase(f"{colour} {p.text}", "attribute")) for p in phrases for colour in colours]
    about_names = [p for kind, p in pairs if kind == "category" and p.text not in there]
    others = [p for kind, p in pairs if kind != "category" and p.text not in there]
    share = (room + 1) // 2 if others else room
    first = rng.sample(about_names, min(len(about_names), share))
    chosen = set(first)
    rest = [p for p in about_names + others if p not in chosen]
    return first + rng.sample(rest, min(len(rest), room - len(first)))


def mentions(names: Sequence[str]) -> re.Pattern[str]:
    """Matches texts that hold one of `names` as whole words, also with s or es, in any case.

    Anything but letters and digits may separate words: ``traffic_light`` is in "Traffic lights".
    """
    parts = [re.findall(r"[^\W_]+", name) or [name] for name in names if name.strip()]
    spelled = [r"[\W_]+".join(map(re.escape, words)) for words in parts]
    either = "|".join(spelled) or r"(?!)"  # no names: matches nothing
    return re.compile(rf"(?<![^\W_])(?:{either})(?:s|es)?(?![^\W_])", re.IGNORECASE)
