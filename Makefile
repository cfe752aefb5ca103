# Everything runs in .venv, which the first target that needs it makes.
SHELL := bash
PY := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help repro up down test test-faults lint benchmark tower clean

help:  ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

.venv/run: pyproject.toml setup.py
	python3 -m venv .venv
	$(PY) -m pip install --disable-pip-version-check -q -e '.[all]'
	@touch $@

.venv/test: .venv/run
	$(PY) -m pip install --disable-pip-version-check -q -e '.[all,test]'
	@touch $@

repro: .venv/run  ## install, run every stage that has something to do, promote the model, answer "red car"
	dvc repro
	$(PY) -m flows.release --wait
	for-cli query "red car" --gallery var/red-car.html --sheet var/red-car.png

up: .venv/run  ## start Prefect's server and worker, the schedules, and MLflow's UI, on this machine only
	$(PY) -m flows.services up

down: .venv/run  ## stop what `make up` has started
	$(PY) -m flows.services down

test: .venv/test  ## install the test extra, run the tests
	$(PY) -m pytest

test-faults: .venv/test  ## kills, full disks, thousands of queries: 20 to 40 minutes
	$(PY) -m pytest tests/faults -m faults -n 0

lint: .venv/test  ## ruff and mypy
	ruff check .
	ruff format --check .
	mypy

benchmark: .venv/run  ## methods x three drawn sets x label fractions x seeds: two hours; goes on where it was stopped
	$(PY) -m benchmarks.benchmark

tower: .venv/run  ## train the embedded tower anew (an hour; pretrain/README.md)
	$(PY) -m pip install --disable-pip-version-check -q -e '.[all,pretrain]'
	dvc repro pretrain/dvc.yaml
	cp pretrain/work/mini_clip.safetensors pretrain/work/box_net.safetensors src/for_retrieval/model/weights/

clean:  ## remove what the stages made, and the caches
	rm -rf data/drawn/*/ data/prepared data/fractions data/pseudo data/evaluation data/index data/cache data/*.json models var
