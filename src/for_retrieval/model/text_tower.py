"""The text tower without torch: a Rust tokenizer and ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.model.identity import fill_prompts

REMEDY = "run `for-cli index` to rebuild it"


@dataclass(frozen=True)
class Bundle:
    """What queries need of bundle.json."""

    model: str  # its id
    dim: int  # of the embeddings
    prompts: list[str]  # each with one {}
    text: Path
    tokenizer: Path
    max_tokens: int  # longer input is cut


def load_bundle(folder: Path) -> Bundle:
    """Read bundle.json in `folder`; ForError if it is missing or damaged, or a file that it names is not beside it."""
    path = folder / "bundle.json"
    values = read_json(path, REMEDY)
    try:
        model, dim, prompts = str(values["model"]), int(values["dim"]), [str(prompt) for prompt in values["prompts"]]
        text, tokenizer = (_file(folder, key, values[key]) for key in ("text", "tokenizer"))
        return Bundle(model, dim, prompts, text, tokenizer, int(values["max_tokens"]))
    except KeyError as error:
        raise ForError(f"{path} lacks the key {error}; {REMEDY}") from None
    except (TypeError, ValueError) as error:
        raise ForError(f"{path} is damaged ({error}); {REMEDY}") from None


def _file(folder: Path, key: str, name: Any) -> Path:
    """A file that bundle.json names, which must be a plain name: a bundle may come from anywhere."""
    if not isinstance(name, str):
        raise TypeError(f"{key} is {name!r}")
    if name in ("", ".", "..") or set(name) & set("/\\\0"):
        raise ForError(f"{folder / 'bundle.json'}: {key} is {name!r}, which is no name of a file beside it; {REMEDY}")
    if not (folder / name).is_file():
        raise ForError(f"{folder / name} is missing from the bundle; {REMEDY}")
    return folder / name


class TextTower:
    """Embeds text in the joint space. bundle: the description of the bundle."""

    def __init__(self, folder: Path) -> None:
        """Open the bundle; ForError if a file is missing or damaged."""
        from tokenizers import Tokenizer

        self.bundle = load_bundle(folder)
        try:
            self._tokenizer = Tokenizer.from_file(str(self.bundle.tokenizer))
        except Exception as error:  # the Rust library raises nothing narrower
            reason = " ".join(str(error).split())
            raise ForError(f"{self.bundle.tokenizer} is not a tokenizer ({reason}); {REMEDY}") from None
        self._tokenizer.enable_truncation(self.bundle.max_tokens)
        self._tokenizer.enable_padding()
        self._session = _open_session(self.bundle.text)

    def embed(self, text: str) -> npt.NDArray[np.float32]:
        """The mean of the prompts' embeddings, L2-normalised, float32 [D]; ForError if it is of another dimension."""
        prompts = fill_prompts(self.bundle.prompts, text)
        encodings = self._tokenizer.encode_batch(prompts)
        ids, mask = ([getattr(each, name) for each in encodings] for name in ("ids", "attention_mask"))
        inputs = {"input_ids": np.array(ids, np.int64), "attention_mask": np.array(mask, np.int64)}  # [B, T]
        (embeddings,) = self._session.run(["embedding"], inputs)  # [B, D]
        mean = np.asarray(embeddings, dtype=np.float32).mean(axis=0)
        length = float(np.linalg.norm(mean))
        if mean.shape != (self.bundle.dim,) or not np.isfinite(length) or length < 1e-6:
            raise ForError(f"{self.bundle.text} does not give embeddings of dimension {self.bundle.dim}; {REMEDY}")
        return mean / np.float32(length)  # type: ignore[no-any-return]


def _open_session(path: Path) -> Any:
    """A session for one short query. MiniLM with its weights in a separate file opens in 20 ms instead of 240.

    Graph optimisation, weight packing and threads pay off only after dozens of queries. Without them a query takes
    16 ms instead of 8, but weights beside the graph are mapped, not copied.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors only; they reach the user as exceptions
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no narrower base
        raise ForError(f"{path} cannot be opened as an ONNX model ({' '.join(str(error).split())}); {REMEDY}") from None
