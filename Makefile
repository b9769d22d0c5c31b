# Every target makes the environment it needs. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format bench soak clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: $(STAMP) ## create .venv with the package, the example and the development tools

$(STAMP): pyproject.toml examples/penguins/pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ipyproject needs Python 3.11 or newer; run make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

demo: $(STAMP) ## execute the quickstart notebook in a real kernel; results under build/
	$(BIN)/python notebooks/execute.py

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest -n 2

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

soak: $(STAMP) ## edit generated projects at random, some ten thousand times, each reload beside a fresh interpreter
	IPYPROJECT_ORACLE_EXAMPLES=800 IPYPROJECT_ORACLE_STEPS=16 $(BIN)/python -m pytest tests/reloading/test_oracle.py -s

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist
