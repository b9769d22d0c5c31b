# Every target makes the environment it needs. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What is installed, by name and version: the package's dependencies, its extras and the development tools.
LOCK := requirements-dev.txt
UV := build/uv/bin/uv
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install lock demo test test-newest test-oldest lint format bench soak clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: $(STAMP) ## create .venv with the package and the development tools, exactly as locked

# Begun anew each time, so that nothing stays that is not in the lock. hatchling stands in it as well: pip builds with that
# one, where isolation would download another. `pip check` fails where pyproject.toml asks for what the lock has not.
$(STAMP): pyproject.toml $(LOCK)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ipyproject needs Python 3.11 or newer; run make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python $(PIP_INSTALL) --no-deps --requirement $(LOCK)
	$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check --disable-pip-version-check || { echo 'The lock is not that of pyproject.toml: run make lock.'; exit 1; }
	touch $@

lock: $(UV) ## renew the lock: the newest versions that pyproject.toml allows, for every Python and system
	$(UV) pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --upgrade \
		--no-emit-index-url --no-header --no-annotate --quiet --output-file $(LOCK)

$(UV): Makefile
	$(PYTHON) -m venv --clear build/uv
	build/uv/bin/python $(PIP_INSTALL) 'uv==0.13.9'
	touch $@

demo: $(STAMP) ## execute the quickstart notebook in a real kernel; results under build/
	$(BIN)/python notebooks/execute.py

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest -n 2

test-newest: $(UV) ## run the tests with the newest versions, on each Python from 3.11 to 3.13 that is there
	.ci/ends $(UV) highest

test-oldest: $(UV) ## run the tests with the oldest versions that pyproject.toml names, likewise
	.ci/ends $(UV) lowest-direct

lint: $(STAMP) ## ruff, mypy and the import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure, beside what the machine itself costs and beside the reference
	$(BIN)/python benchmarks/history.py
	$(BIN)/python benchmarks/reload
	$(BIN)/python benchmarks/edits

soak: $(STAMP) ## edit generated projects ten thousand times, beside a fresh interpreter; press Ctrl-C and kill processes some thousand times
	IPYPROJECT_ORACLE_EXAMPLES=800 IPYPROJECT_ORACLE_STEPS=16 $(BIN)/python -m pytest tests/reloading/test_oracle.py -s
	IPYPROJECT_INTERRUPTS=1000 $(BIN)/python -m pytest tests/session/test_interrupts.py -s
	IPYPROJECT_KILLS=1000 $(BIN)/python -m pytest tests/history/recording/test_kills.py -s

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist
