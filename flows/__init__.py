"""Prefect's part: when things run, retries, and side effects. What depends on what is DVC's (dvc.yaml)."""

import sys
from importlib.util import find_spec

from flows.environment import prepare
from for_retrieval.errors import missing_library

if find_spec("prefect") is None and (missing := missing_library("prefect")):
    sys.exit(f"error: {missing}")

prepare()  # before anything imports prefect, which reads its settings once
