"""Prefect's settings for a shell: ``eval "$(python -m flows.exports)"``; then `prefect` is that of this project."""

from __future__ import annotations

import shlex

from flows.environment import HOST, project_root, variables


def main() -> None:
    """Print a line for each variable; the server is that of `make up`, at its usual port where none runs."""
    values = {"PREFECT_API_URL": f"http://{HOST}:4200/api", **variables(project_root())}
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
