"""What is wrong in a settings file, as one sentence for each error of its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from for_retrieval.errors import nearest


def sentences(path: Path, model: type[BaseModel], error: ValidationError) -> str:
    """All errors that `model` found in `path`, a line each; an unknown key is told the nearest valid one."""
    return "\n".join(_sentence(path, model, dict(entry)) for entry in error.errors())


def _sentence(path: Path, model: type[BaseModel], error: dict[str, Any]) -> str:
    keys = [str(key) for key in error["loc"]]
    where = ".".join(keys)
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key {where!r}; {nearest(keys[-1], _fields_at(model, keys[:-1]))}"
    if error["type"] == "missing":
        return f"{path}: the key {where!r} is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{path}: {where}: {message} (it is {error['input']!r})" if where else f"{path}: {message}"


def _fields_at(model: Any, keys: list[str]) -> list[str]:
    """The valid keys of the section that `keys` lead to; names in a ``dict[str, Section]`` are passed over."""
    for key in keys:
        field = getattr(model, "model_fields", {}).get(key)
        annotation = field.annotation if field else model
        arguments = getattr(annotation, "__args__", ())
        model = next((a for a in arguments if hasattr(a, "model_fields")), annotation)
    return list(getattr(model, "model_fields", {}))
