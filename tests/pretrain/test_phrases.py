"""The words of the tower's captions, and which objects they are true of."""

from __future__ import annotations

import random

import pytest
import torch
from pretrain.phrases import COLOUR_WORDS, PhraseBank, held_out_synonym, words_of

from drawn_scenes.catalog import KINDS
from drawn_scenes.compose import SceneObject
from drawn_scenes.pen import COLOURS
from for_retrieval.model.mini_clip import MiniClip, MiniLM


@pytest.fixture(scope="module")
def text() -> MiniLM:
    return MiniLM()


@pytest.fixture(scope="module")
def bank(text: MiniLM) -> PhraseBank:
    return PhraseBank(text)


def thing(category: str, colour: str | None) -> SceneObject:
    return SceneObject(category, colour, 0, 0, 10, 10)


def test_held_out_synonyms_are_in_no_phrase(bank: PhraseBank) -> None:
    """They measure what carries over to words that no caption used."""
    held_out = {synonym for name in KINDS if (synonym := held_out_synonym(name))}
    assert len(held_out) > 10
    assert held_out.isdisjoint(bank.words)
    tints = [tint for words in COLOUR_WORDS.values() for tint in words] + list(COLOURS)
    forms = held_out | {f"{tint} {synonym}" for tint in tints for synonym in held_out}
    assert forms.isdisjoint(bank.phrases())


def test_held_out_colour_words_are_in_no_phrase(bank: PhraseBank) -> None:
    held_out = {words[-1] for words in COLOUR_WORDS.values()}
    word = next(w for w in bank.words if not any(other.endswith(f" {w}") for other in bank.words))
    spoken = {phrase.removesuffix(f" {word}") for phrase in bank.phrases() if phrase.endswith(f" {word}")}
    assert spoken == {*COLOURS, *(word for words in COLOUR_WORDS.values() for word in words[:-1])}
    assert held_out.isdisjoint(spoken)


def test_every_colour_has_words() -> None:
    assert COLOUR_WORDS.keys() == COLOURS.keys()
    assert all(len(words) >= 2 for words in COLOUR_WORDS.values())


def test_a_kind_keeps_all_its_words_but_one_that_is_its_own() -> None:
    """The last of three synonyms or more, passing over those that are true of another kind too."""
    for name, kind in KINDS.items():
        others = {w for k in KINDS.values() if k.name != name for w in (k.name, *k.synonyms, *k.hypernyms)}
        own = [word for word in kind.synonyms if word not in others]
        said = {name, *kind.synonyms, *kind.hypernyms} - set(words_of(name))
        assert said == ({own[-1]} if own and len(kind.synonyms) >= 3 else set()), name


def test_matches_by_hand(bank: PhraseBank) -> None:
    objects = [thing("car", "red"), thing("car", "blue"), thing("truck", "red"), thing("stop sign", None)]
    red = bank.colours.index("red") + 1
    keys = [(bank.words.index(word), colour) for word, colour in [("car", 0), ("car", red), ("vehicle", 0)]]
    keys += [(bank.words.index("vehicle"), red), (bank.words.index("stop sign"), 0)]
    assert "vehicle" in KINDS["truck"].hypernyms
    assert bank.matches(objects, keys).int().tolist() == [
        [1, 1, 1, 1, 0],
        [1, 0, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_what_is_drawn_for_an_object_is_true_of_it(bank: PhraseBank) -> None:
    rng = random.Random(0)
    objects = [thing(name, rng.choice(KINDS[name].colours or (None,))) for name in KINDS]
    keys = [bank.draw(o, rng) for o in objects]
    assert bank.matches(objects, keys).diagonal().all()
    assert {colour > 0 for _, colour in keys} == {True, False}


def test_a_key_is_looked_up_in_one_of_its_spellings(text: MiniLM) -> None:
    torch.manual_seed(0)
    small = PhraseBank(text, words=["car", "automobile"], colours=["red"])
    small.embed(MiniClip())
    assert small.spelled == [["car"], ["red car", "scarlet car", "cherry red car"], ["automobile"],
                             ["red automobile", "scarlet automobile", "cherry red automobile"]]  # fmt: skip
    assert [len(rows) for rows in small.table] == [2, 6, 2, 6]  # two templates each
    found = small.lookup([(0, 1), (1, 0)], random.Random(0))
    assert torch.allclose(found.norm(dim=-1), torch.ones(2), atol=1e-5)
    assert (found[0] == small.table[1]).all(1).any()
    assert (found[1] == small.table[2]).all(1).any()
