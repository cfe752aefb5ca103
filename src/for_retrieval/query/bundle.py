"""The bundle of a generation: what `dvc repro export` left for queries, as it was when the index was built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.files import read_json

REMEDY = "run `for-cli index` to rebuild it"


@dataclass(frozen=True)
class Bundle:
    """model: id, changes with tower or head. dim: of the embeddings. prompts: templates with one {}.

    text, tokenizer: files. max_tokens: longer input is cut.
    """

    model: str
    dim: int
    prompts: list[str]
    text: Path
    tokenizer: Path
    max_tokens: int


def load_bundle(folder: Path) -> Bundle:
    """Read bundle.json in `folder`.

    Raises:
        ForError: it is missing or damaged, or a file that it names is missing.
    """
    path = folder / "bundle.json"
    values = read_json(path, REMEDY)
    try:
        bundle = Bundle(
            model=str(values["model"]),
            dim=int(values["dim"]),
            prompts=[str(prompt) for prompt in values["prompts"]],
            text=folder / values["text"],
            tokenizer=folder / values["tokenizer"],
            max_tokens=int(values["max_tokens"]),
        )
    except KeyError as error:
        raise ForError(f"{path} lacks the key {error}; {REMEDY}") from None
    except (TypeError, ValueError) as error:
        raise ForError(f"{path} is damaged ({error}); {REMEDY}") from None
    for file in (bundle.text, bundle.tokenizer):
        if not file.is_file():
            raise ForError(f"{file} is missing from the bundle; {REMEDY}")
    return bundle
