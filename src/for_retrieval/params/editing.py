"""Change values of params.yaml and leave the rest of its text as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

from for_retrieval.errors import UsageError
from for_retrieval.files import atomic
from for_retrieval.params import load_params

Changes = Mapping[tuple[str, ...], Any]  # the path of keys -> the value


def edit_params(path: Path, changes: Changes) -> None:
    """Set values in a params.yaml, whatever was there; comments and other lines stay.

    Raises:
        UsageError: the result would not be valid; the file stays as it was.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long lines stay in one piece
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _NullAsWord
    content = yaml.load(path.read_text(encoding="utf-8"))
    for (*sections, key), value in changes.items():
        section = content
        for name in sections:
            section = section[name]
        _set(section, key, value)
    with atomic(path) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            yaml.dump(content, file)
        try:
            load_params(temporary)  # a file laid out in an unforeseen way must not be spoilt
        except UsageError:
            lines = ", ".join(f"{'.'.join(keys)}: {value!r}" for keys, value in changes.items())
            raise UsageError(f"{path} is laid out so that it cannot be edited; set {lines} yourself") from None


def _set(section: Any, key: str, value: Any) -> None:
    if isinstance(value, list) and isinstance(section.get(key), list):
        section[key][:] = value  # in place: the comment hangs on the list
    elif isinstance(value, (list, dict)):
        section[key] = CommentedSeq(value) if isinstance(value, list) else CommentedMap(value)
    else:
        section[key] = value
        return
    section[key].fa.set_flow_style()


class _NullAsWord(RoundTripRepresenter):
    """Writes None as ``null``; ruamel would leave the value empty."""


_NullAsWord.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null"))
