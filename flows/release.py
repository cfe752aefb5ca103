"""Register, gate and promote what `dvc repro` made: ``python -m flows.release``. Instant where nothing is new."""

from __future__ import annotations

import argparse
import sys

from for_retrieval.errors import ForError
from for_retrieval.project import Project
from for_retrieval.release.promote import due, outcome
from for_retrieval.settings import find_root


def main() -> int:
    """The command line; returns the exit code. A refused version is no error."""
    parser = argparse.ArgumentParser("python -m flows.release", description=__doc__)
    parser.add_argument("--force", action="store_true", help="promote although the gate refuses; the record says so")
    parser.add_argument("--wait", action="store_true", help="wait for a retrain or refresh to end")
    options = vars(parser.parse_args())
    try:
        project = Project(find_root())
        if not due(project, options["force"]):
            print(outcome(project, None))
            return 0
    except ForError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    from flows.command import run
    from flows.retrain import release  # only now: Prefect takes a second to load, and its server five more

    return run(lambda: str(release(**options)))


if __name__ == "__main__":
    sys.exit(main())
