"""The gate: everything that is asked of a version before it may serve."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from for_retrieval.errors import ForError
from for_retrieval.evaluate.measure import by_category, names_of
from for_retrieval.evaluate.queries import ALL, query_sets
from for_retrieval.files import read_json, write_json
from for_retrieval.model.model import Model
from for_retrieval.model.text_tower import TextTower
from for_retrieval.params import Canary, Promote
from for_retrieval.project import Project
from for_retrieval.records.records import Records, load_records
from for_retrieval.records.sheet import Cell, Group, draw_sheet
from for_retrieval.release.generation import bundle_of, same_set, set_of
from for_retrieval.release.pointer import Entry
from for_retrieval.release.search import open_generation
from for_retrieval.release.verify import load_model, verify_generation

Floats = NDArray[np.float64]

SLACK = 1e-9  # points; a mean of equal numbers is not always that number
MOST_FREQUENT = 5  # canaries, where params.yaml names none
DEEPER = 10  # times top_k, where only some images are judged


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same categories, in points (0 to 100).

    low, high: of the difference, challenger minus champion; with the confidence of the gate it is at least `low`,
    and with the same confidence at most `high`.
    """

    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    categories: int


@dataclass(frozen=True)
class Result:
    """reasons: a sentence for each subset, and one for the whole. comparison: by subset."""

    passed: bool
    reasons: list[str]
    comparison: dict[str, Comparison]


def compare(champion: Floats, challenger: Floats, resamples: int, confidence: float, seed: int) -> Comparison:
    """Paired bootstrap over categories: AP of each [n >= 1] under either model, in the same order.

    Categories are drawn with replacement, `resamples` times; each time the difference of the means is taken.
    """
    differences = challenger - champion
    drawn = np.random.default_rng(seed).integers(len(differences), size=(resamples, len(differences)))
    low, high = np.quantile(differences[drawn].mean(1), (1 - confidence, confidence))
    old, new, change = float(champion.mean()), float(challenger.mean()), float(differences.mean())
    return Comparison(old, new, change, float(low), float(high), len(differences))


def decide(champion: Mapping[str, Floats], challenger: Mapping[str, Floats], rules: Promote, seed: int) -> Result:
    """Compare on each subset (base, novel); the challenger passes if none is worse by more than the tolerance, and
    one is better.

    Both with the confidence of `rules`: not worse means ``low >= -tolerance``, better means ``low > 0``. A subset
    without categories does not count. champion, challenger: subset -> AP of its categories, in the same order.
    """
    reasons, found, better, worse = [], {}, [], []
    for name in (name for name, values in champion.items() if len(values)):
        c = found[name] = compare(champion[name], challenger[name], rules.resamples, rules.confidence, seed)
        if c.low > SLACK:
            result = "better"
            better.append(name)
        elif c.low >= -rules.tolerance - SLACK:
            result = "no worse"
        else:
            result = "perhaps worse" if c.high > -rules.tolerance else "worse"
            worse.append(name)
        reasons.append(
            f"{name}: {c.champion:.2f} -> {c.challenger:.2f}, {c.difference:+.2f} points of mAP@50 r40 over "
            f"{c.categories} categories ({rules.confidence:.0%} sure of {c.low:+.2f} or more): {result}"
        )
    if worse:
        reasons.append(f"refused: {' and '.join(worse)} may be worse by more than {rules.tolerance:g} points")
    elif not better:
        reasons.append("refused: no worse, but neither base nor novel is better")
    else:
        reasons.append(f"passed: {' and '.join(better)} better, nothing worse by more than {rules.tolerance:g} points")
    return Result(bool(better) and not worse, reasons, found)


@dataclass(frozen=True)
class Label:
    """name: whether the query is a category's name. right: images that show it. judged: None where all are."""

    name: bool
    right: set[str]
    judged: set[str] | None


@dataclass(frozen=True)
class Asked:
    """One canary. found: right images among the first `of`; both None where no label says what is right."""

    query: str
    found: int | None
    of: int | None
    passed: bool

    def sentence(self) -> str:
        """``canary "car": 9 of 10 right``."""
        if self.of is None:
            return f'canary "{self.query}": {"answered" if self.passed else "no answer"} (nothing is labelled)'
        return f'canary "{self.query}": {self.found} of {self.of} right'


def _ask_canaries(project: Project, records: Records, generation: str) -> list[Asked]:
    """Ask the queries of params.yaml, or the names that most images of the gallery show, and count what is right.

    With neither labels nor queries nothing is asked.
    """
    params, rules = project.params, project.params.promote.canary
    known = labels(records, params.index.gallery, params.evaluate.small, ("names",) if rules.queries is None else ALL)
    names = [text for text, label in known.items() if label.name]
    names.sort(key=lambda text: (-len(known[text].right), text))
    tower = TextTower(bundle_of(project.index, generation))
    with open_generation(project.index / generation) as index:
        if index.manifest.model != tower.bundle.model:
            built = f"{project.index / generation} was built by {index.manifest.model}"
            raise ForError(f"{built}, its bundle holds {tower.bundle.model}")
        asked = []
        for text in names[:MOST_FREQUENT] if rules.queries is None else rules.queries:
            label = known.get(text)
            count = rules.top_k * (DEEPER if label and label.judged is not None else 1)
            found = [hit.image_id for hit in index.search(tower.embed(text), count)]
            asked.append(judge_answer(text, found, label, rules))
        return asked


def judge_answer(query: str, answered: list[str], label: Label | None, rules: Canary) -> Asked:
    """Whether an answer, best first, is what the labels call right; images that nobody judged are passed over."""
    if label is None:
        return Asked(query, None, None, bool(answered))
    first = [image for image in answered if label.judged is None or image in label.judged][: rules.top_k]
    of, found = min(rules.top_k, len(label.right)), len(label.right.intersection(first))
    return Asked(query, found, of, found >= rules.precision * of)


def labels(records: Records, splits: Collection[str], small: float, sets: Collection[str] = ALL) -> dict[str, Label]:
    """What the labels say of every query that some image of the gallery shows."""
    ids = records.images.loc[records.images["split"].isin(splits), "image_id"].to_numpy()
    found: dict[str, Label] = {}
    for queries in query_sets(records, ids.tolist(), small, sets):
        for n, text in enumerate(queries.texts):
            judged = None if queries.judged is None else set(ids[queries.judged[:, n]])
            found.setdefault(text, Label(queries.name == "names", set(ids[queries.relevant[:, n]]), judged))
    return found


def frozen_path(project: Project, dataset: str) -> Path:
    """The list of validation images that champions of a dataset are measured on."""
    return project.index / "validation" / f"{dataset}.json"


def freeze(project: Project, records: Records) -> list[str]:
    """The validation images of the first promotion, as content hashes; fixed then, so that figures stay comparable.

    Images that were removed since do not count; where none is left the list is made anew.
    """
    path, rows = frozen_path(project, records.info.name), records.images[records.images["split"] == "val"]
    present = dict(zip(rows["hash"], rows["image_id"], strict=True))
    if path.exists() and (kept := [content for content in read_json(path)["images"] if content in present]):
        return kept
    write_json(path, {"dataset": records.info.name, "digest": records.info.digest, "images": present})
    return list(present)


def measure(
    project: Project, records: Records, hashes: list[str], models: Mapping[str, Model]
) -> dict[str, dict[str, Floats]] | None:
    """For each model: subset -> AP@50 r40 of its categories on these images. None where nothing is labelled there."""
    images = records.images[records.images["split"] == "val"]
    rows = images[images["hash"].isin(hashes)].drop_duplicates("hash")
    queries = names_of(records, rows["image_id"].tolist(), project.params.evaluate.small)
    if queries is None:
        return None
    found = {}
    for name, model in models.items():
        # A champion of another tower has no features of images that came later: encoded now, and kept.
        model.encode(project, records, ("val",))
        features = model.features(rows["hash"].tolist(), project.cache)
        scores = by_category(model, features, queries, project.params)
        found[name] = {subset: scores.rare[queries.subsets[subset]] for subset in ("base", "novel")}
    return found


@dataclass(frozen=True)
class Decision:
    """reasons: sentences, the conclusion last. comparison: subset -> champion against challenger, in points.

    champion: the version compared with; None where there was none. forced: promoted although it was refused.
    """

    version: int
    model: str
    generation: str
    champion: int | None
    promoted: bool
    forced: bool
    reasons: list[str]
    comparison: dict[str, Any] = field(default_factory=dict)
    canaries: list[dict[str, Any]] = field(default_factory=list)
    images: int = 0

    def tags(self, time: str) -> dict[str, str]:
        """The tags of the version in MLflow."""
        return {
            "decision": ("forced" if self.forced else "promoted") if self.promoted else "refused",
            "decision_time": time,
            "decision_reasons": "\n".join(" ".join(reason.split()) for reason in self.reasons),
            "forced": str(self.forced).lower(),
            "generation": self.generation,
            "compared_with": str(self.champion) if self.champion is not None else "none",
        }

    def rows(self) -> list[dict[str, Any]]:
        """The comparison as a table, a row for each subset."""
        champion = "champion" if self.champion is None else f"champion (version {self.champion})"
        challenger = f"challenger (version {self.version})"
        more = {"difference": "difference", "at least": "low", "categories": "categories"}
        return [
            {"subset": name, champion: figures.get("champion", "none"), challenger: figures["challenger"]}
            | {title: figures.get(key, "") for title, key in more.items()}
            for name, figures in self.comparison.items()
        ]

    def markdown(self, links: Iterable[tuple[str, str]]) -> str:
        """The decision and its reasons, with links to what else was written about it."""
        result = f"{'promoted' if self.promoted else 'refused'}{' by --force' if self.forced else ''}"
        lines = [f"# Version {self.version}: {result}", "", *(f"- {reason}" for reason in self.reasons), ""]
        lines += [f"Model `{self.model}`, index `{self.generation}`, {self.images} validation images.", ""]
        return "\n".join(lines + [f"- [{name}]({address})" for name, address in links])


def judge(
    project: Project, records: Records, version: int, new: Entry, live: Entry, *, force: bool, made: Model | None
) -> Decision:
    """Verify the generation of a version, ask the canaries, compare with what serves (`live`).

    A generation that does not verify is refused, also with `force`. made: its model, if it is loaded already.
    """
    name, damaged = new.generation, "refused: the index is not what it should be"
    blank = Decision(version, new.model, name, None, False, False, [])
    try:
        model = made or load_model(project, bundle_of(project.index, name))
        recall = project.params.promote.recall
        problems = verify_generation(project.index / name, model, project.cache, records, recall).problems
        canaries = [] if problems else _ask_canaries(project, records, name)
    except ForError as error:  # it cannot even be opened
        problems = [str(error)]
    if problems:
        return replace(blank, reasons=[*problems, damaged])
    compared = _compare(project, records, blank, model, live)
    failed = [asked.query for asked in canaries if not asked.passed]
    reasons = ["the index verifies", *(asked.sentence() for asked in canaries), *compared.reasons]
    if failed:
        reasons.append(f"refused: {len(failed)} of {len(canaries)} canaries return too little of what they ask for")
    passed = compared.promoted and not failed
    if force and not passed:
        reasons.append("promoted all the same, by --force")
    told = [asdict(asked) for asked in canaries]
    return replace(compared, promoted=passed or force, forced=force and not passed, reasons=reasons, canaries=told)


def _compare(project: Project, records: Records, blank: Decision, made: Model, live: Entry) -> Decision:
    """The gate proper: `blank`, with whether it passes, the reasons and the figures."""
    images, models = freeze(project, records), {"challenger": made}
    alone = no_champion(project.index, live, blank.generation, records.info.name)
    blank = replace(blank, images=len(images))
    if not alone:
        blank = replace(blank, champion=live.version)
        try:
            models["champion"] = load_model(project, bundle_of(project.index, live.generation), made)
        except ForError as error:
            return replace(blank, reasons=[f"refused: the champion cannot be measured: {error}"])
    scores = measure(project, records, images, models)
    if scores is None:
        return replace(blank, promoted=True, reasons=["no comparison: the validation images have no labels"])
    if alone:
        means = {name: round(float(ap.mean()), 2) for name, ap in scores["challenger"].items() if len(ap)}
        reasons = [f"{name}: {value:.2f} points of mAP@50 r40" for name, value in means.items()]
        figures: dict[str, Any] = {name: {"challenger": value} for name, value in means.items()}
        return replace(blank, promoted=True, reasons=[*reasons, alone], comparison=figures)
    result = decide(scores["champion"], scores["challenger"], project.params.promote, project.params.seed)
    figures = {name: {k: round(v, 2) for k, v in asdict(c).items()} for name, c in result.comparison.items()}
    return replace(blank, promoted=result.passed, reasons=result.reasons, comparison=figures)


def no_champion(folder: Path, live: Entry, generation: str, name: str) -> str | None:
    """Why there is nothing to compare a generation of the set `name` with; None where there is a champion of it."""
    if live.version is None:
        return "no comparison: it is the first champion"
    if live.dataset != name:
        return f"no comparison: the champion belongs to another set, {live.dataset}"
    if same_set(folder / live.generation, folder / generation):
        return None
    return f"no comparison: the champion belongs to another set of the same name, {set_of(folder / live.generation)}"


# The images on which two generations differ most: found by one only, as a contact sheet.
TOP = 10  # images that a person looks at
ROWS = 4  # of each kind
PER_ROW = 5  # images
WIN, LOSS = "#1a7f37", "#cf222e"


def draw_differences(project: Project, old: str, new: str, path: Path) -> bool:
    """Write a PNG at `path`: names of categories, with right images that only one generation has among its TOP.

    Returns False, and writes nothing, where the two never differ.
    """
    records, params = load_records(project.prepared), project.params
    known = labels(records, params.index.gallery, params.evaluate.small)
    right = {text: label.right for text, label in known.items() if label.name and label.right}
    before, now = (_answers(project, generation, right) for generation in (old, new))
    paths = dict(zip(records.images["image_id"], records.paths(project.root), strict=True))
    groups = []
    for what, colour, here, there in (("found now", WIN, now, before), ("no longer found", LOSS, before, now)):
        only = {text: [image for image in here[text] if image not in there[text]] for text in right}
        most = sorted((text for text in right if only[text]), key=lambda text: (-len(only[text]), text))
        for text in most[:ROWS]:
            cells = [Cell(paths[image]) for image in only[text][:PER_ROW]]
            groups.append(Group(f"“{text}”: {what}", cells, colour, framed=True))
    if groups:
        draw_sheet(groups, path, PER_ROW)
    return bool(groups)


def _answers(project: Project, generation: str, right: dict[str, set[str]]) -> dict[str, list[str]]:
    """The right images among the first TOP for each query, by the generation's own model."""
    tower = TextTower(bundle_of(project.index, generation))
    with open_generation(project.index / generation) as index:
        found = {text: [hit.image_id for hit in index.search(tower.embed(text), TOP)] for text in right}
    return {text: [image for image in images if image in right[text]] for text, images in found.items()}
