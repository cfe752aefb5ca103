"""The stages of dvc.yaml, a function each: they connect the packages and hold no logic of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from for_retrieval.files import read_json, write_json
from for_retrieval.project import Project
from for_retrieval.records.records import Records, load_records

if TYPE_CHECKING:
    from pathlib import Path

    from for_retrieval.model.features import SizeKey
    from for_retrieval.model.model import Model
    from for_retrieval.records.checks.verdict import Verdict


def prepare(project: Project) -> str:
    """Draw or import the images, check them, and write the records."""
    from for_retrieval.records.prepare import prepare as run

    records = run(project.params, project.root, project.prepared, project.settings.processes, project.cache)
    broken = f", {len(records.info.broken)} unreadable images left out" if records.info.broken else ""
    return f"{len(records.images)} images, {len(records.objects)} objects{broken}"


def fractions(project: Project, percent: float) -> str:
    """Choose the training images whose labels may be used."""
    from for_retrieval.records.fractions import make_fraction, save_fraction

    params = project.params
    ids = make_fraction(load_records(project.prepared), percent, params.fractions.min_images, params.seed)
    save_fraction(project.data / "fractions", percent, ids)
    return f"{percent:g} %: {len(ids)} labelled images"


def validate(project: Project) -> str:
    """Check images, objects and fractions, and how far they are from those of the live index."""
    pages = project.data / "validation"
    verdict = check(project, pages, project.reports / "validation.json")
    verdict.raise_if_failed((pages / "index.html").relative_to(project.root))
    return verdict.summary()


def check(project: Project, pages_to: Path, report_to: Path) -> Verdict:
    """The verdict of `validate`, passed or failed; written elsewhere, it leaves the stage's own outputs as they are."""
    from for_retrieval.records.checks.run import check_data
    from for_retrieval.release.refresh import accepted_profile

    return check_data(project, accepted_profile(project.index), pages_to, report_to)


def features(project: Project) -> str:
    """Encode every image that has no features yet."""
    from for_retrieval.model.encode import write_summaries
    from for_retrieval.model.parallel import Team

    if done := _in_parallel(project, "features"):
        return done
    records, model = load_records(project.prepared), _model(project)
    # The teacher is the same model on more pixels; its head is not used.
    teacher, backend, team = _model(project, "teacher_size"), project.settings.compile, Team(model.device)
    views = project.params.train.views.each(len(records.of("train").images)) if records.teachable else 1
    count = model.encode(project, records, backend=backend, views=views)
    closer = teacher.encode(project, records, ("train",), backend) if records.teachable else 0
    team.end()
    if team.writes:
        write_summaries(project.data, records, model.tower, teacher.tower)
    return f"{count} images encoded, {closer} for the teacher, the rest were known"


def pseudo(project: Project, vocabulary: str) -> str:
    """Score the training images against the open vocabulary with the teacher."""
    from for_retrieval.train.teacher import teach

    records = load_records(project.prepared)
    count = teach(project, records, _model(project, "teacher_size"), vocabulary)
    if not records.teachable:
        return "no training image has a label of a base category: no phrase is scored, since nothing will be trained"
    return f"{count} phrases scored by the {project.params.train.objectives.pseudo.teacher} teacher"


def train(project: Project, run: str) -> str:
    """Train the heads of one run, measure them on the validation split, and log them to MLflow."""
    import time

    from for_retrieval.evaluate import measure
    from for_retrieval.model.model import head_path
    from for_retrieval.model.parallel import rank
    from for_retrieval.release.mlflow_store import check
    from for_retrieval.release.training_runs import log_training
    from for_retrieval.train.run import train_run

    params = project.params
    seeds = params.train.run(run).seeds  # a typo is reported before anything is loaded
    check(project)  # and so is a server that does not answer
    if done := _in_parallel(project, "train", run):
        return done
    started = time.time()
    records, model = load_records(project.prepared).of("train", "val"), _model(project)
    finished = train_run(project, records, model, run)
    if rank():
        return f"process {rank()} has done its part"
    models = {str(seed): model.with_head(head_path(project.heads, run, seed)) for seed in seeds}
    ids, found = model.split(records, "val", project.cache)
    names = measure.names_of(records, ids, params.evaluate.small)
    scores = measure.validate(models, found, names, params)
    notes = [] if records.teachable else ["no training image has a label of a base category, so nothing was trained"]
    if records.teachable and names:  # what training has to be better than, on images that it has not seen
        starts = {seed: trained.unrefined() for seed, trained in models.items()}
        before = measure.validate(starts, found, names, params)["seeds"]
        for seed, start in starts.items():
            was, now = (one[seed]["metrics"]["all"]["map50_r40"] for one in (before, scores["seeds"]))
            if params.train.only_if_better and now <= was:
                start.save_head(head_path(project.heads, run, int(seed)))
                scores["seeds"][seed] = before[seed]
                notes.append(f"seed {seed} was no better than without training ({now:.1f}, {was:.1f}) and is left out")
        scores["untrained"] = {seed: value["metrics"] for seed, value in before.items()}
    write_json(project.heads / run / "val.json", scores)
    log_training(project, run, started)
    for checkpoint in finished:  # only now: if MLflow has failed, the next try trains nothing again
        checkpoint.unlink(missing_ok=True)
    return "; ".join([f"{len(seeds)} heads in {project.heads / run}", *notes])


def finetune(project: Project, out: Path) -> str:
    """Finetune the image tower itself, and write it as a checkpoint that `model.pretrained` can name."""
    from for_retrieval.errors import UsageError
    from for_retrieval.model.open_clip_tower import OpenClipTower
    from for_retrieval.model.parallel import rank
    from for_retrieval.train.finetune import finetune as run

    name = project.params.model.name
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty; name a new folder with --out")
    if done := _in_parallel(project, "finetune", "--out", str(out)):
        return done
    model = _model(project)
    if not isinstance(model.tower, OpenClipTower):
        raise UsageError(f"model.name {name!r} stays frozen; set model.name to an open_clip model to finetune it")
    records = load_records(project.prepared).of("train", "val")
    before = _scored(project, records, model)
    name = run(project, records, model, out)
    if rank():
        return f"process {rank()} has done its part"
    after = _scored(project, records, model)
    gains = ", ".join(f"{subset} {before[subset]:.1f} -> {after[subset]:.1f}" for subset in after)
    scores = f"mAP@50 r40 on the validation split, before and after: {gains}\n" if gains else ""
    file = next(iter(sorted(out.glob("*.safetensors"))))
    return f"{scores}set model.name to {name} and model.pretrained to {file}, then run dvc repro"


def evaluate(project: Project, split: str) -> str:
    """Score every method and every head on a split."""
    from for_retrieval.evaluate.score import evaluate as run

    found = run(project, load_records(project.prepared), _model(project), split)
    path = project.data / "evaluation" / f"{split}.json"
    write_json(path.with_name(f"{split}_boxes.json"), found.boxes)
    write_json(path.with_name(f"{split}_categories.json"), found.categories)
    write_json(path.with_name(f"{split}_training.json"), found.training)
    write_json(path, found.rows)
    return f"{len(found.rows)} rows in {path}"


def compare(project: Project) -> str:
    """Write the comparison for people and programs."""
    from for_retrieval.evaluate import compare as page

    where = project.data / "evaluation"
    rows, boxes, categories, training = (read_json(where / name, "run `dvc repro evaluate`") for name in page.FILES)
    page.compare(rows, boxes, categories, training, project.reports)
    return f"{project.reports / 'compare.md'}, compare.json, compare.png and compare-categories.png"


def export(project: Project) -> str:
    """Write the serving bundle of the run that params.yaml names."""
    from for_retrieval.model.model import head_path

    run = project.params.index.run
    learning = read_json(project.data / "learning.json", "run `dvc repro features`")
    seed = project.params.train.runs[run].seeds[0]
    scores = read_json(project.heads / run / "val.json", f"run `dvc repro train@{run}`")
    model = _model(project).with_head(head_path(project.heads, run, seed))
    dataset = {key: learning[key] for key in ("name", "digest")}
    metrics = {**{key: value for key, value in scores.items() if key != "seeds"}, **scores["seeds"][str(seed)]}
    profile = project.data / "validation" / "profile.json"
    model.save(project.bundle, dataset=dataset, run=run, metrics=metrics, profile=profile)
    return f"{model.id} in {project.bundle}"


def index(project: Project) -> str:
    """Build the index of the gallery beside the one that serves; it serves only where no champion does."""
    from for_retrieval.release.pointer import release_lock
    from for_retrieval.release.refresh import build_candidate

    with release_lock(project.root, "index", wait=True):
        found, note = build_candidate(project)
    about = {"model": found.model, "images": found.n_images, "points": found.n_points, "digest": found.digest}
    write_json(project.data / "index.json", about)
    return f"{found.n_images} images, {found.n_points} regions{f'; {note}' if note else ''}"


def _model(project: Project, size: SizeKey = "input_size") -> Model:
    """The model as it is before training, with the input size at the key `size` of params.yaml."""
    from for_retrieval.model.model import Model
    from for_retrieval.model.tower import find_device, load_tower

    params, device = project.params, find_device(project.settings.device)
    return Model.new(params, project.root, device, tower=load_tower(params.model, device, project.root, size))


def _in_parallel(project: Project, *arguments: str) -> str | None:
    """Run this stage in several processes, where settings ask for it and this is not one of them yet."""
    from for_retrieval.model.parallel import count, launch

    devices = project.settings.devices
    if devices == 1 or count() > 1:
        return None
    launch(project.root, list(arguments), devices, project.settings.device)
    return f"{' '.join(arguments)}: done in {devices} processes"


def _scored(project: Project, records: Records, model: Model) -> dict[str, float]:
    """mAP@50 r40 of base and novel names on the validation split, encoded with the tower as it is now."""
    from for_retrieval.evaluate.measure import by_category, names_of
    from for_retrieval.model.encode import Reading, encode_anew

    params, val = project.params, records.of("val")
    queries = names_of(records, val.images["image_id"].tolist(), params.evaluate.small)
    if queries is None:
        return {}
    found = encode_anew(model.tower, val.paths(project.root), Reading.of(project, params.model.batch_size))
    model.head.eval()
    metrics = by_category(model, found, queries, params).to_json()["metrics"]
    return {subset: values["map50_r40"] for subset, values in metrics.items()}
