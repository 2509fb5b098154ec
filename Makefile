# `make help` lists the targets. Each one makes .venv and installs Afflux into it when needed.

PYTHONS ?= python3.12 python3.11 python3 python
ROUNDS  ?= 5
MINUTES ?= 5
WORKERS ?= 3
EXTRAS  := client,demo,dev,embedded,evaluate,registry
BIN     := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock
QUICK   := -m 'not kafka and not embedded and not redis and not slow' \
           --ignore=tests/integration --ignore=tests/e2e

# Before the tests, for the first time takes longer than a test may.
define KAFKA_JARS
from launcher.errors import LauncherError
from launcher.kafka_jars import kafka_jars
try:
    kafka_jars()
except LauncherError as error:
    print("tests go on with the embedded broker only:", error)
endef
export KAFKA_JARS

.DEFAULT_GOAL := help
.PHONY: help install demo test check bench bench-quick quality drift model-cost soak fuzz fmt lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

install: .venv/.ready ## .venv with Afflux, the embedded servers, the demo data and the tools

demo: .venv/.ready ## replay a year of shopping through Kafka, see live scored profiles
	@$(BIN)/afflux demo

test: .venv/.ready ## every test, on real servers where the machine has them
	@$(BIN)/python -c "$$KAFKA_JARS"
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --durations=10

check: .venv/.ready ## what CI runs first: lint, format, types, import laws, quick tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q --numprocesses $(WORKERS) --dist worksteal $(QUICK)

bench: .venv/.ready ## Afflux beside the obvious Faust app, results in benchmarks/results/
	@$(BIN)/python -m benchmarks.run

bench-quick: .venv/.ready ## the same on few events, under 4 minutes, nothing written
	@$(BIN)/python -m benchmarks.run --quick

quality: .venv/.ready ## models beside weekly batch training, minutes; results in benchmarks/results/
	@$(BIN)/python -m benchmarks.quality.run --write

drift: .venv/.ready ## half of the people change places: who learns it from how many labels
	@$(BIN)/python -m benchmarks.quality.drift --write

model-cost: .venv/.ready ## what each model adds to the worker's CPU; results in benchmarks/results/
	@$(BIN)/python -m benchmarks.model_cost --write

soak: .venv/.ready ## the crash tests again and again, then random accidents: ROUNDS=5 MINUTES=5
	@$(BIN)/python -c "$$KAFKA_JARS"
	@PYTHONPATH=tests/support $(BIN)/python -m pytest -p project_soak --rounds $(ROUNDS) \
	  $(wildcard tests/integration/test_crash*.py) tests/e2e
	@AFFLUX_SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest -s tests/soak

fuzz: .venv/.ready ## property and contract tests on other random cases, ROUNDS=5 times
	@AFFLUX_HYPOTHESIS=random PYTHONPATH=tests/support $(BIN)/python -m pytest -p project_soak \
	  --rounds $(ROUNDS) --numprocesses $(WORKERS) tests/property tests/contract

fmt: .venv/.ready ## format the code and put imports in order
	@$(BIN)/ruff check --fix --select I,UP,C4 .
	@$(BIN)/ruff format .

lock: .venv/.ready ## newest versions that fit pyproject.toml into requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/python -m uv pip compile --quiet --universal --upgrade --python-version 3.11 \
	  --no-header --no-annotate --no-emit-index-url $(foreach e,client demo dev embedded evaluate registry,--extra $(e)) \
	  pyproject.toml -o requirements.lock

clean: ## remove caches and build products (not .venv, not data)
	@rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/bin/python:
	@found=""; for python in $(PYTHONS); do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	      >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if test -z "$$found"; then \
	  echo "Afflux needs Python 3.11 or newer with venv; tried: $(PYTHONS)." >&2; \
	  echo "Install one (on Debian: python3 and python3-venv), or: make PYTHONS=/path/to/python" >&2; \
	  exit 1; \
	fi; \
	echo "making .venv with $$($$found --version)"; \
	$$found -m venv --clear .venv

.venv/.ready: pyproject.toml requirements.lock | .venv/bin/python
	@echo "installing Afflux into .venv"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@$(INSTALL) -e '.[$(EXTRAS)]' || { \
	  echo "not everything can be had here; trying the parts one by one" >&2; \
	  $(INSTALL) -e '.[dev]' || exit 1; \
	  for extra in client registry embedded demo evaluate; do \
	    $(INSTALL) -e ".[$$extra]" || echo "going on without the extra '$$extra'" >&2; \
	  done; }
	@touch $@
