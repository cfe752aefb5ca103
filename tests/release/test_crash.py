"""kill -9 at every step of a build, of going live, of pruning and of a rollback.

The child kills itself: an audit hook sees each new folder, rename and removal in the index folder just before it
happens, and at the n-th one it sends itself SIGKILL. So every step is a point at which one run dies.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import open_index

from for_retrieval.release.pointer import read_pointer

RUNNER = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
import for_retrieval.release.engines.edge
from for_retrieval.release.build import Earlier, Plan, build_index
from for_retrieval.release.engines import ImageRegions
from for_retrieval.release.generation import About, row_of
from for_retrieval.release.pointer import add_candidate, go_live, read_pointer, roll_back
from for_retrieval.settings import Settings

WATCHED = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")

def image(n, k):
    rows = np.eye(8, dtype=np.float32)[[k % 8, (k + 1) % 8]]
    boxes, objectness = np.ones((2, 4), np.float32), np.zeros(2, np.float32)
    return ImageRegions(f"i{n:02}", f"i{n:02}.png", f"h{n}-{k}", "test", 9, 9, rows, boxes, objectness)

about = About("model-a", "e", "set", 8, "pictures")
now = [image(n, n + 1 if n == 2 else n) for n in range(1, 9)]  # i00 deleted, i02 changed, i06 to i08 new
rows = [row_of(i) for i in now]

def refresh(folder):
    live = json.loads((folder / "CURRENT").read_text())["live"]["generation"]
    earlier = Earlier.of(folder / live, rows, "e")
    regions = [i for i in now if row_of(i) in [*earlier.new, *earlier.changed]]
    plan = Plan(rows, about, folder / live / "bundle", Settings(), earlier)
    build_index(folder, plan, regions, progress=False)
    go_live(folder, plan.name, 2, 1, over=read_pointer(folder).live)

def build(folder):
    plan = Plan(rows, about, folder.parent / "bundle", Settings())
    build_index(folder, plan, now, progress=False)
    add_candidate(folder, plan.name, 1)
    go_live(folder, plan.name, 3, 1)

def rollback(folder):
    roll_back(folder, champion=True)

def in_a_fork(folder, what, last):
    '''Exit code, and how many steps there were.'''
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        steps = 0
        def hook(event, arguments):
            nonlocal steps
            if event in WATCHED and Path(str(arguments[0])).parent == folder:
                steps += 1
                if steps == last:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        globals()[what](folder)
        os.write(writing, str(steps).encode())
        os._exit(0)
    os.close(writing)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    steps = os.read(reading, 9).decode()
    os.close(reading)
    return code, int(steps or 0)

for line in sys.stdin:
    folder, what, last = json.loads(line)
    print(json.dumps(in_a_fork(Path(folder), what, last)), flush=True)
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory, build, make_image):
    """An index that serves version 2, with version 1 before it."""
    root = tmp_path_factory.mktemp("crash")
    for version, number in ((1, 4), (2, 6)):
        images = [make_image(f"i{n:02}", np.eye(8)[[n % 8, (n + 1) % 8]]) for n in range(number)]
        build(root / "index", images, version=version, keep=2)
    (root / "bundle").mkdir()
    (root / "bundle" / "bundle.json").write_text('{"model": "model-a"}')
    return root


@pytest.fixture(scope="module")
def run():
    """Do something to an index in a process of its own, which dies at a step; (exit code, steps)."""
    command = [sys.executable, "-c", RUNNER]
    runner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(folder: Path, what: str, last: int) -> tuple[int, int]:
        runner.stdin.write(json.dumps([str(folder / "index"), what, last]) + "\n")
        runner.stdin.flush()
        code, steps = json.loads(runner.stdout.readline())
        return code, steps

    yield call
    runner.communicate(timeout=30)


def answers(folder: Path) -> tuple[int | None, int]:
    """What a query sees: version and number of images, from one complete generation."""
    with open_index(folder / "index") as index:
        found = index.search(np.eye(8, dtype=np.float32)[0], 100)
        assert len(found) == index.manifest.n_images
    live = read_pointer(folder / "index").live
    bundle = json.loads((folder / "index" / live.generation / "bundle" / "bundle.json").read_text())
    assert bundle["model"] == live.model
    return live.version, len(found)


def content(folder: Path) -> list[str]:
    """Names of all that is in the index folder."""
    return sorted(path.name for path in (folder / "index").iterdir() if path.name != ".pointer.lock")


@pytest.mark.parametrize(
    ("what", "before", "after"),
    [("build", (2, 6), (3, 8)), ("refresh", (2, 6), (2, 8)), ("rollback", (2, 6), (1, 4))],
)
def test_at_every_step(start, run, tmp_path, what, before, after):
    undisturbed = shutil.copytree(start, tmp_path / "undisturbed")
    code, steps = run(undisturbed, what, 0)
    assert code == 0
    assert steps >= {"build": 6, "refresh": 6, "rollback": 2}[what]
    assert answers(undisturbed) == after
    seen = set()
    for last in range(1, steps + 1):
        folder, where = shutil.copytree(start, tmp_path / str(last)), f"killed at step {last} of {steps}"
        assert run(folder, what, last) == (-signal.SIGKILL, 0)
        found = answers(folder)
        assert found in (before, after), where
        seen.add(found)
        if what != "rollback" or found == before:  # a second rollback would go on to the next one
            assert run(folder, what, 0)[0] == 0, where
        assert answers(folder) == after
        assert content(folder) == content(undisturbed), where
    assert before in seen
