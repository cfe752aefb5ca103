"""The words of queries besides the category names: synonyms, hypernyms, and values of attributes."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from for_retrieval.errors import ForError, nearest, printable
from for_retrieval.files import read_json
from for_retrieval.records.readers.source import is_unicode

COLOUR = "colour"
MIN_OBJECTS = 5  # a rarer value needs objects of two categories; a value of `colour` is always a word
_KEYS = ("synonyms", "hypernyms", "attributes")
_CHECK = "check data.queries in params.yaml"
_WORDS = re.compile(r"[^\W\d_]+(?:[ /-][^\W\d_]+){0,2}")  # one to three words of letters
_LONGEST = 40  # characters
_NO_WORDS = frozenset(("true", "false", "yes", "no", "none", "null", "n/a", "unknown", "undefined", "other", "default"))

Words = dict[str, list[str]]


def read_queries(path: Path, categories: Collection[str]) -> dict[str, Words]:
    """Read {synonyms: {category: [...]}, hypernyms: {category: [...]}, attributes: {attribute: [...]}}, where given.

    Values of attributes are as `spoken` writes them. Raises ForError: the file is missing or wrong.
    """
    content = read_json(path, _CHECK)
    if not isinstance(content, dict) or not all(isinstance(table, dict) for table in content.values()):
        example = ", ".join(f"{key}: {{...}}" for key in _KEYS)
        raise ForError(f"{printable(path)} must hold {{{example}}}; {_CHECK}")
    for key, table in content.items():
        if key not in _KEYS:
            raise ForError(f"{printable(path)} has the key {key!r}; {nearest(key, _KEYS)}")
        for name, words in table.items():
            if key != "attributes" and name not in categories:
                close = nearest(name, categories)
                raise ForError(f"{printable(path)} names {name!r} in {key}, which is no category; {close}")
            if not isinstance(words, list) or not all(map(spoken if key == "attributes" else _is_word, words)):
                raise ForError(f"{printable(path)}: {name!r} in {key} must be a list of words; correct it")
    if "attributes" in content:
        said = {name: list(dict.fromkeys(map(spoken, words))) for name, words in content["attributes"].items()}
        content["attributes"] = {COLOUR if name == "color" else name: words for name, words in said.items()}
    return content


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and is_unicode(value)


def spoken(value: Any) -> str | None:
    """An attribute's value as queries have it (``Dark_Red`` is "dark red"); None if it is not one to three words."""
    if not isinstance(value, str):
        return None
    word = value.strip().replace("_", " ").lower()
    return word if len(word) <= _LONGEST and _WORDS.fullmatch(word) and word not in _NO_WORDS else None


def spoken_attributes(objects: pd.DataFrame) -> pd.DataFrame:
    """The words of objects, of each value in a list: object (its index in `objects`), attribute, word."""
    said = {}
    for text in objects["attributes"].unique():
        values = [(name, v if isinstance(v, list) else [v]) for name, v in json.loads(text).items()]
        said[text] = [(name, word) for name, listed in values for value in listed if (word := spoken(value))]
    rows = [(index, *pair) for index, text in objects["attributes"].items() for pair in said[text]]
    return pd.DataFrame(rows, columns=["object", "attribute", "word"])


def attribute_words(objects: pd.DataFrame) -> Words:
    """Attribute -> the words for queries, both sorted, in the columns category and attributes of `objects`.

    Free text and names are rarely shared by `MIN_OBJECTS` objects, or by two categories, so these are not used.
    """
    said = spoken_attributes(objects)
    said["category"] = objects["category"].loc[said["object"]].to_numpy()
    found = said.groupby(["attribute", "word"])["category"].agg(["size", "nunique"]).reset_index()
    kept = found[(found["attribute"] == COLOUR) | (found["size"] >= MIN_OBJECTS) | (found["nunique"] > 1)]
    return {str(name): sorted(words) for name, words in kept.groupby("attribute")["word"]}
