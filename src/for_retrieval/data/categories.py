"""Which categories may be learnt from (base) and which may only be asked for (novel)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from for_retrieval.data.images import shown
from for_retrieval.errors import ForError, UsageError, nearest
from for_retrieval.files import read_json

OFFICIAL = "official/"  # before the name of a split that comes with the project
LVIS = f"{OFFICIAL}lvis-frequency"  # the default where a set comes with frequency groups
_SHIPPED = Path(__file__).parent / "official"
_CHECK = "check data.categories in params.yaml"
_KEYS = ("base", "novel", "ignored")  # ignored: listed for the record, as in the 48 / 17 / 15 split of COCO


def novel_by_name(categories: Sequence[str], novel: Sequence[str]) -> tuple[list[str], list[str]]:
    """Base and novel categories where `novel` is named and the rest is base.

    Raises:
        UsageError: a name that is no category, or no category left to learn from.
    """
    for name in novel:
        if name not in categories:
            raise UsageError(f"data.novel names {name!r}, which is no category; {nearest(name, categories)}")
    base = [name for name in categories if name not in set(novel)]
    if categories and not base:
        raise UsageError("data.novel names every category, so that none is left to learn from; remove some")
    return base, list(dict.fromkeys(novel))


def read_categories(path: Path, categories: Sequence[str]) -> tuple[list[str], list[str]]:
    """Base and novel categories from a JSON file {base: [...], novel: [...]}; others are ignored.

    Raises:
        ForError: no such file, an unknown key or category, one in both lists, or nothing in base.
    """
    if not path.is_file():
        raise ForError(f"the category file {shown(path)} does not exist; {_CHECK}")
    content = read_json(path, _CHECK)
    if not isinstance(content, dict) or not isinstance(content.get("base"), list) or not content["base"]:
        raise ForError(f"{shown(path)} must hold {{base: [...], novel: [...]}} with names in base; {_CHECK}")
    for key, names in content.items():
        if key not in _KEYS:
            raise ForError(f"{shown(path)} has the key {key!r}; {nearest(key, _KEYS)}")
        if not isinstance(names, list):
            raise ForError(f"{shown(path)}: {key!r} must be a list of category names; correct it")
        for name in map(str, names):
            if name not in categories:
                close = nearest(name, categories)
                raise ForError(f"{shown(path)} names {name!r} in {key}, which is no category; {close}")
    base, novel = (list(dict.fromkeys(map(str, content.get(key, [])))) for key in ("base", "novel"))
    if both := sorted(set(base) & set(novel)):
        raise ForError(f"{shown(path)} has {both[0]!r} in base and in novel; keep one")
    return base, novel


def official_split(
    name: str, categories: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Base and novel categories of a published split, ``official/coco-48-17`` for example.

    Its names that this set does not have are passed over, since many sets are a part of the published one. The split of
    LVIS is by frequency and names `groups`.

    Raises:
        UsageError: there is no such split, or none of its base names is a category here.
    """
    path = _SHIPPED / f"{name.removeprefix(OFFICIAL)}.json"
    known = sorted(OFFICIAL + file.stem for file in _SHIPPED.glob("*.json"))
    if name not in known:
        raise UsageError(
            f"data.categories names {name!r}, which does not come with the project; {nearest(name, known)}"
        )
    content = read_json(path)
    lists = []
    for key in ("base", "novel"):
        named = [
            *content.get(key, []),
            *(n for group in content.get(f"{key}_groups", []) for n in groups.get(group, [])),
        ]
        lists.append([category for category in categories if category in set(named)])
    if not lists[0]:
        raise UsageError(f"data.categories is {name!r}, but none of its base categories is in this set; choose another")
    return lists[0], lists[1]
