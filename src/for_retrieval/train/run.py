"""Train the heads of one run, one for each seed: the stage `train`."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import torch

from for_retrieval.files import file_hash, write_json
from for_retrieval.model import sum_clip
from for_retrieval.model.encode import chunks, load_split
from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.model.tower import Tower, prompted
from for_retrieval.model.training_free import cluster_clip
from for_retrieval.params import Params
from for_retrieval.records.fractions import fraction_path, load_fraction
from for_retrieval.records.records import Records
from for_retrieval.train.annotations import judged_matrix, label_matrix, objects_of
from for_retrieval.train.checkpoints import head_path, save_head
from for_retrieval.train.loop import Lesson, train_head
from for_retrieval.train.pseudo import emphasis, pseudo_labels, shares
from for_retrieval.train.teacher import load_teacher


def make_lesson(records: Records, tower: Tower, params: Params, run: str, data: Path, cache: Path) -> Lesson:
    """Gather what run `run` may learn from."""
    settings = params.train.runs[run]
    ids, features = load_split(records, tower, cache, "train")
    allowed = set(load_fraction(data / "fractions", settings.fraction))
    phrases, texts, teacher = load_teacher(data / "pseudo" / settings.vocabulary)
    pseudo = params.train.pseudo
    positive = shares([phrase.kind for phrase in phrases], pseudo.positive)
    weights = emphasis(phrases, records.info.novel, pseudo.novel)
    base = records.info.base
    base_texts = prompted(tower, base, params.model.prompts) if base else torch.zeros(0, tower.dim)
    labels = label_matrix(records.objects, ids, base)
    labelled = torch.tensor([image_id in allowed for image_id in ids])
    return Lesson(
        features=features,
        base_texts=base_texts,
        labels=labels,
        counted=labelled[:, None] & judged_matrix(records, ids, labels, base),
        labelled=labelled,
        objects=objects_of(records, ids, base),
        grid=tower.grid,
        vocabulary=texts.to(base_texts.device),
        pseudo=pseudo_labels(teacher, positive, pseudo.ignore, weights),
        clusters=torch.cat(
            [
                cluster_clip(part, params.model.clusters).half().cpu()
                for part in chunks(features, 256, base_texts.device)
            ]
        ),
    )


def new_head(params: Params, tower: Tower, seed: int, device: torch.device) -> SumClip:
    """A head as it is before training."""
    torch.manual_seed(seed)
    return SumClip(params.head, tower.grid, tower.patch_dim, tower.dim, tower.pool).to(device)


def interpolated(head: SumClip, start: SumClip, share: float) -> SumClip:
    """`share` of the weights of `start`, as it was before training, and the rest of `head`.

    WiSE-FT (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022), which keeps what the tower knew of words
    that finetuning never named.
    """
    mixed, trained = copy.deepcopy(start), head.state_dict()
    mixed.load_state_dict({name: torch.lerp(trained[name], value, share) for name, value in start.state_dict().items()})
    return mixed.requires_grad_(False).eval()


def inputs_of(tower: Tower, records: Records, params: Params, run: str, data: Path) -> tuple[object, ...]:
    """All that the heads of `run` depend on but their seed: settings, and the hashes of files and of the code."""
    settings = params.train.runs[run]
    fraction, teacher = fraction_path(data / "fractions", settings.fraction), data / "pseudo" / settings.vocabulary
    code = (*sorted(Path(__file__).parent.glob("*.py")), Path(sum_clip.__file__))
    hashes = [file_hash(path) for path in (fraction, *sorted(teacher.iterdir()), *code)]
    chosen = (settings, params.seed, params.head, params.train, params.model)
    return (tower.id, records.info.digest, run, *chosen, *hashes)


def train_run(
    records: Records,
    tower: Tower,
    params: Params,
    run: str,
    data: Path,
    cache: Path,
    out: Path,
    device: torch.device,
    backend: str = "none",
) -> list[Path]:
    """Train every seed of `run`; writes ``out/<run>/seed<seed>.safetensors`` and history.json.

    Returns the checkpoints of the last step: while they are there, the same call trains nothing again. Of several
    processes one writes. backend: of torch.compile.

    Raises:
        UsageError: params.yaml has no such run.
        ForError: an earlier stage is missing.
    """
    settings = params.train.run(run)
    lesson = make_lesson(records, tower, params, run, data, cache)
    about = inputs_of(tower, records, params, run, data)
    history, checkpoints, team = {}, [], Team(device)
    for seed in settings.seeds:
        key = hashlib.sha256(repr((seed, about)).encode()).hexdigest()
        progress = cache / "progress" / f"{key[:16]}.pt"
        head = new_head(params, tower, seed, device)
        title = f"{run}, seed {seed}"
        history[str(seed)] = train_head(
            head,
            lesson,
            params.train.of(settings),
            params.head.temperature,
            seed,
            progress,
            title,
            team=team,
            backend=backend,
        )
        if team.writes:
            start = new_head(params, tower, seed, device)
            save_head(head_path(out, run, seed), interpolated(head, start, params.train.keep_start))
        checkpoints.append(progress)
    if team.writes:
        write_json(out / run / "history.json", history)
    team.end()
    return checkpoints
