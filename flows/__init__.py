"""Prefect's part: when things run, retries, and side effects. What depends on what is DVC's (dvc.yaml)."""

from flows.environment import prepare

prepare()  # before anything imports prefect, which reads its settings once
