"""The open vocabulary: what is in it, and what must not be."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from for_retrieval.errors import ForError
from for_retrieval.params import Vocabulary
from for_retrieval.records.records import DatasetInfo
from for_retrieval.train.vocabulary import NOUNS, Phrase, build_vocabulary, mentions, read_nouns

HERE = Path(__file__).parent


def info(base: list[str], novel: list[str], synonyms: dict[str, list[str]] | None = None) -> DatasetInfo:
    return DatasetInfo(
        "toy", "images", base, novel, synonyms=synonyms or {}, attributes={"colour": ["red", "light blue"]}
    )


def params(most: int = 600, attributes: bool = True, nouns: str | None = None) -> Vocabulary:
    return Vocabulary(nouns=nouns, attributes=attributes, max_phrases=most)


def texts(phrases: list[Phrase]) -> list[str]:
    return [phrase.text for phrase in phrases]


SET = info(["car", "hot air balloon"], ["dog", "traffic light"], {"dog": ["hound"]})


def test_in_holds_all_names_first() -> None:
    phrases = build_vocabulary(SET, params(), "in", 0, HERE)
    assert phrases[:4] == [Phrase(name, "category") for name in SET.base + SET.novel]
    assert {phrase.kind for phrase in phrases} == {"category", "other", "attribute"}
    assert len(phrases) == 600


def test_of_more_nouns_than_fit_an_even_choice_is_taken() -> None:
    """596 remain beside four names; a sixth of them is for colours."""
    for seed in (0, 1):
        phrases = build_vocabulary(SET, params(), "in", seed, HERE)
        nouns = [phrase.text for phrase in phrases if phrase.kind == "other"]
        every = [noun for noun in read_nouns(NOUNS) if noun not in {*SET.base, *SET.novel}]
        places = [every.index(noun) for noun in nouns]
        assert len(places) == 596 - 596 // 6
        step = len(every) / len(places)
        assert all(abs(place - i * step) < 1 for i, place in enumerate(places))


@pytest.mark.parametrize("most", [50, 60, 600])
def test_your_own_nouns_are_there_before_shipped_ones(tmp_path: Path, most: int) -> None:
    mine = [f"part number {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    (tmp_path / "mine.txt").write_text("\n".join(mine), encoding="utf-8")
    phrases = build_vocabulary(SET, params(most, nouns="mine.txt"), "in", 0, tmp_path)
    assert {phrase.text for phrase in phrases} > set(mine)
    assert len(phrases) == most


def test_no_phrase_comes_twice() -> None:
    phrases = build_vocabulary(SET, params(100_000), "in", 0, HERE)
    assert [text for text, count in Counter(texts(phrases)).items() if count > 1] == []


def test_without_attributes_there_are_names_and_nouns() -> None:
    phrases = build_vocabulary(SET, params(5000, attributes=False), "in", 0, HERE)
    assert {phrase.kind for phrase in phrases} == {"category", "other"}
    assert set(texts(phrases)) == {*SET.base, *SET.novel, *read_nouns(NOUNS)}


def test_half_of_the_colour_phrases_are_about_the_names() -> None:
    plain = len(build_vocabulary(SET, params(5000, attributes=False), "in", 0, HERE))
    phrases = build_vocabulary(SET, params(plain * 6 // 5 + 9), "in", 0, HERE)
    tinted = [phrase.text for phrase in phrases if phrase.kind == "attribute"]
    assert len(tinted) == plain // 5 + 9
    assert all(text.startswith(("red ", "light blue ")) for text in tinted)
    nouns = [text.removeprefix("light ").split(" ", 1)[1] for text in tinted]
    assert len([noun for noun in nouns if noun in SET.base + SET.novel]) >= 2 * len(SET.base + SET.novel)


def test_a_set_without_colours_gets_common_ones() -> None:
    plain = DatasetInfo("toy", "images", ["car"], [])
    tinted = [p for p in build_vocabulary(plain, params(5000), "in", 0, HERE) if p.kind == "attribute"]
    assert "purple car" in texts(tinted)


@pytest.mark.parametrize("mode", ["in", "held_out"])
@pytest.mark.parametrize("most", [1, 3, 50, 600])
def test_the_vocabulary_is_repeatable_and_no_larger_than_asked(mode: str, most: int) -> None:
    phrases = build_vocabulary(SET, params(most), mode, 0, HERE)
    assert len(phrases) <= most
    assert phrases == build_vocabulary(SET, params(most), mode, 0, HERE)


def test_the_seed_chooses_the_colour_phrases_only() -> None:
    one, other = (build_vocabulary(SET, params(), "in", seed, HERE) for seed in (0, 1))
    assert one != other
    assert [p for p in one if p.kind != "attribute"] == [p for p in other if p.kind != "attribute"]


def test_both_vocabularies_have_the_same_size() -> None:
    assert [len(build_vocabulary(SET, params(), mode, 0, HERE)) for mode in ("in", "held_out")] == [600, 600]


def test_held_out_lacks_the_novel_names_and_their_synonyms() -> None:
    inside, outside = (texts(build_vocabulary(SET, params(5000), mode, 0, HERE)) for mode in ("in", "held_out"))
    gone = set(inside) - set(outside)
    assert {"dog", "red dog", "traffic light", "light blue traffic light"} <= gone
    assert {"car", "red car", "hot air balloon"} <= set(outside)
    assert [text for text in outside if {"dog", "hound"} & set(text.split())] == []


NAMES = st.lists(
    st.sampled_from([*read_nouns(NOUNS), "traffic_light", "T-Shirt", "C++", "bow_(weapon)", "Street Lamp"]),
    min_size=1,
    max_size=6,
    unique=True,
)


@given(novel=NAMES, synonyms=NAMES)
@example(novel=["C++"], synonyms=["traffic_light"])
@settings(max_examples=40)
def test_held_out_never_says_a_novel_name(novel: list[str], synonyms: list[str]) -> None:
    """Whole words, whatever stands between them; checked word by word, without a pattern."""
    known = info(["car", "big C++ book", "two traffic lights"], novel, {novel[0]: synonyms})
    phrases = build_vocabulary(known, params(2000), "held_out", 0, HERE)
    spoken = [spelled(text) for text in texts(phrases)]
    for name in (*novel, *synonyms):
        parts = spelled(name)
        plurals = [[*parts[:-1], parts[-1] + end] for end in ("", "s", "es")]
        for words in spoken:
            runs = [words[start : start + len(parts)] for start in range(len(words))]
            assert not [run for run in runs if run in plurals], (name, words)


def spelled(text: str) -> list[str]:
    """The words of a text, lower case; what is neither letter nor digit parts them."""
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("dog", True),
        ("two Dogs", True),
        ("hot dog", True),
        ("dog-house", True),
        ("dogma", False),
        ("bulldog", False),
        ("buses", True),
        ("busy", False),
        ("traffic light", True),
        ("Traffic-Lights", True),
        ("traffic", False),
        ("traffic lighting", False),
    ],
)
def test_a_mention_is_of_whole_words(text: str, held: bool) -> None:
    assert bool(mentions(["dog", "bus", "traffic_light"]).search(text)) is held


@pytest.mark.parametrize("names", [[], [""], [" "]])
def test_no_names_are_mentioned_nowhere(names: list[str]) -> None:
    assert not [text for text in ("", "s", "a dog", "es") if mentions(names).search(text)]


@given(st.text(min_size=1, max_size=12).filter(str.strip))
def test_every_name_mentions_itself(name: str) -> None:
    assert mentions([name]).search(name)
    assert mentions([name]).search(f"a {name} there")


def test_your_own_list_is_added(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("# of our plant\n\n  wind turbine blade \ncar\n", encoding="utf-8")
    phrases = build_vocabulary(SET, params(50_000, nouns="mine.txt"), "in", 0, tmp_path)
    assert Phrase("wind turbine blade", "own") in phrases
    assert Phrase("red wind turbine blade", "attribute") in phrases
    assert texts(phrases).count("car") == 1
    assert not [text for text in texts(phrases) if text.startswith("#")]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00bad"])
def test_an_unreadable_list_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(ForError) as caught:
        build_vocabulary(SET, params(nouns="mine.txt"), "in", 0, tmp_path)
    assert str(caught.value).startswith(f"the word list {tmp_path / 'mine.txt'} cannot be read (")
    assert str(caught.value).endswith("); see train.vocabulary.nouns")


def test_the_shipped_list_is_long_and_clean() -> None:
    nouns = read_nouns(NOUNS)
    assert len(nouns) == len(set(nouns)) >= 2000
    assert [noun for noun in nouns if not re.fullmatch(r"[a-z]+([ '-][a-z]+)*", noun)] == []
    assert max(len(noun.split()) for noun in nouns) <= 4


def test_the_shipped_list_is_in_groups_of_many_fields() -> None:
    headings = [line for line in NOUNS.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert len(headings) > 30
    for word in (
        "vehicles",
        "animals",
        "plants",
        "tools",
        "clothing",
        "buildings",
        "sports",
        "medicine",
        "shops",
        "above",
    ):
        assert any(word in heading.lower() for heading in headings), word
