"""DVC, driven as a program: its output line by line, and no stage of it outlives the caller, however that ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from for_retrieval.errors import ForError
from for_retrieval.files import write_text
from for_retrieval.stages import guard

STAGE = re.compile(r"^Running stage '([^']+)'")
ERROR = re.compile(r"^(?:error|ERROR): (.+)$")

Say = Callable[[str], object]


def stale(root: Path) -> list[str]:
    """The stages that `dvc repro` would run now; none where all is up to date."""
    lines: list[str] = []
    dvc(root, "status", "--json", "--with-deps", "dvc.yaml", say=lines.append)  # a drawn set's too, not pretrain's
    found = [line for line in lines if line.startswith("{")]
    return list(json.loads(found[-1])) if found else []


def config(root: Path) -> dict[str, Any]:
    """DVC's settings for the project, of all levels; read without starting DVC."""
    from dvc.config import Config  # type: ignore[import-untyped]

    return dict(Config(str(root / ".dvc")))


def dvc(root: Path, *arguments: str, say: Say) -> None:
    """Run DVC in the project; every line of its output goes to `say`.

    DVC releases its lock while a stage runs; --wait-for-lock keeps a second DVC from failing the first. Raises
    ForError: DVC failed; the sentence names the stage, if one ran, and ends with the stage's own error.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # where stages find for-cli
    process = guard.start(
        *(sys.executable, "-m", "dvc", "--wait-for-lock", *arguments),
        cwd=root,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8", "errors": "replace"},
        env={**os.environ, "PYTHONUNBUFFERED": "1", "DVC_NO_ANALYTICS": "1", "PATH": path},
    )
    assert process.stdout is not None
    stage, last = "", ""
    errors: list[str] = []
    try:
        for line in process.stdout:
            if not (text := line.rstrip()):
                continue
            if match := STAGE.match(text):
                stage, errors = match[1], []
            elif match := ERROR.match(text):
                errors.append(match[1])
            last = text
            say(text)
        code = process.wait()
    finally:  # cancelled, interrupted, timed out: nothing may go on training
        guard.end(process)
        process.stdout.close()
    if code:
        # The stage's own error comes before DVC's, which only repeats the command.
        reason = errors[0] if errors else last or f"it ended with {code} and no output"
        if 128 < code < 193:  # as a shell reports signals; DVC itself fails with 255
            reason = f"it was ended by signal {code - 128}"
        raise ForError(f"stage {stage} failed: {reason}" if stage else f"dvc {' '.join(arguments)} failed: {reason}")


def lay(folder: Path, root: Path, values: dict[str, Any], shared: Iterable[Path]) -> None:
    """Make a project in `folder` anew: that of `root` with other parameters, and with stage outputs of its own.

    DVC's cache is shared; everything else is a link into `root`. values: of params.yaml. shared: folders of `root` that
    must be there to be linked to.
    """
    if folder.exists():
        shutil.rmtree(folder)  # of links only the links
    # What each project has for itself: parameters, the graph, and the outputs in dvc.yaml, two levels deep at most.
    own = {Path(name) for name in ("params.yaml", "dvc.yaml", "dvc.lock", ".dvcignore", ".dvc", ".git")}
    for stage in yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values():
        for out in stage.get("do", stage).get("outs", []):
            own.add(Path(*PurePosixPath(next(iter(out)) if isinstance(out, dict) else out).parts[:2]))
    mixed = {root / path.parts[0] for path in own if len(path.parts) > 1}  # folders with outputs and other things
    for path in shared:
        path.mkdir(parents=True, exist_ok=True)
    for path in [*root.iterdir(), *(path for above in mixed if above.is_dir() for path in above.iterdir())]:
        if path.relative_to(root) not in own and path not in mixed:
            link = folder / path.relative_to(root)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    for name in ("dvc.yaml", "dvc.lock", ".dvcignore"):
        if (root / name).exists():
            shutil.copyfile(root / name, folder / name)
    with (folder / ".dvcignore").open("a", encoding="utf-8") as file:
        file.write("\n/var\n")
    cache = config(root)["cache"]
    lines = ["[core]", "no_scm = true", "analytics = false", "check_update = false"]
    lines += ["[cache]", f"dir = {cache.get('dir', root / '.dvc' / 'cache')}"]
    lines += [f"type = {','.join(cache['type'])}"] if "type" in cache else []
    write_text(folder / ".dvc" / "config", "\n".join(lines) + "\n")
    write_text(folder / "params.yaml", yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
