# Two commands are enough for a newcomer: `make run` and `make test`. Both build .venv when it is
# missing or when the pinned requirements changed. What is installed is pinned with hashes; nothing
# needs a compiler. PYTHON=python3.13 picks another interpreter for a new .venv.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.SILENT:
.DELETE_ON_ERROR:

PYTHON ?= python3
SEEDS ?= 100
WORKERS ?= 2
TESTS ?= tests
ARGS ?=
JSON ?=
UPGRADE ?=

VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made-stamp
RUN := $(VENV)/.run-stamp
DEV := $(VENV)/.dev-stamp
GONE := $(shell test -x $(BIN)/python || echo gone)
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --no-user --compile
LOCKED := --require-hashes --only-binary :all:
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header $(if $(UPGRADE),--upgrade) pyproject.toml

.PHONY: help run test check sim bench bench-scheduler bench-simulation scoreboard docs lock clean
.PHONY: gone

help: ## print this list
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(RUN) ## start a hub and three sites on this machine and run the bundled jobs
	exec $(BIN)/hutong demo $(ARGS)

test: $(DEV) ## run every test, the checks included (TESTS=tests/unit/wire ARGS="-k lease")
	exec $(BIN)/python -m pytest -n $(WORKERS) $(ARGS) $(TESTS)

check: $(DEV) ## lint, format, types and import rules, without the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

sim: $(RUN) ## simulate SEEDS=100 runs with faults and check every promise after every step
	exec $(BIN)/hutong simulate chaos --seeds $(SEEDS) $(ARGS)

bench: $(RUN) ## measure what benchmarks/README.md lists (JSON=1: one JSON object a figure)
	JSON=$(JSON) exec $(BIN)/python -m benchmarks $(ARGS)

bench-scheduler: $(RUN) ## measure the scheduling core alone, in CPU seconds (JSON=1 as above)
	JSON=$(JSON) exec $(BIN)/python -m benchmarks.scheduler $(ARGS)

bench-simulation: $(RUN) ## measure the replay against peers and its floor (JSON=1 as above)
	JSON=$(JSON) exec $(BIN)/python -m benchmarks.simulation $(ARGS)

scoreboard: $(RUN) ## measure against peers on public traces (JSON=1 as above)
	JSON=$(JSON) exec $(BIN)/python -m benchmarks.scoreboard $(ARGS)

docs: $(RUN) ## write the generated reference pages again
	exec $(BIN)/python scripts/make_docs.py $(ARGS)

lock: $(DEV) ## pin the requirements again when pyproject.toml changed (UPGRADE=1: newest)
	$(COMPILE) --group build --output-file requirements/run.txt >/dev/null
	$(COMPILE) --group dev --constraints requirements/run.txt --output-file requirements/dev.txt >/dev/null
	git --no-pager diff --stat -- requirements

clean: ## remove the environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# All output of an installation goes to stderr: stdout belongs to the command that needed it.
# An environment that was left half made, or whose interpreter is gone, is made again.
$(MADE): $(GONE)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "hutong: Python 3.11 or newer is needed and '$(PYTHON)' is not; name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "hutong: '$(PYTHON)' cannot make an environment; install the Debian package python3-venv (apt-get install python3-venv)" >&2; exit 1; }
	echo "hutong: making $(VENV)" >&2
	$(PYTHON) -m venv --clear $(VENV) >&2
	touch $@

$(RUN): $(MADE) requirements/run.txt pyproject.toml
	echo "hutong: installing what runs (requirements/run.txt)" >&2
	$(PIP) $(LOCKED) -r requirements/run.txt >&2
	$(PIP) --no-deps --no-build-isolation -e . >&2
	$(BIN)/python -m compileall -q src >&2
	$(BIN)/hutong compile >&2
	touch $@

$(DEV): $(RUN) requirements/dev.txt
	echo "hutong: installing what tests (requirements/dev.txt)" >&2
	$(PIP) $(LOCKED) -r requirements/dev.txt >&2
	touch $@
