# Two commands set up everything on a fresh machine: `make demo` and `make test`. Needs Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint up down bench clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

.venv/.installed: requirements.lock pyproject.toml
	@echo "Installing the locked dependencies into .venv (1.7 GB, once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Meterhouse needs Python 3.11 or newer; set PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: .venv/.installed ## a month of a GPU cloud, from events to paid invoices
	@$(BIN)/meterhouse demo

test: .venv/.installed ## all tests, on a real ClickHouse
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: .venv/.installed ## the strict gate: ruff, mypy, import contracts, SQL
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/sqlfluff lint --processes 2 dbt_project/models

up: .venv/.installed ## start warehouse, Dagster, dashboards
	@$(BIN)/meterhouse up

down: .venv/.installed ## stop them
	@$(BIN)/meterhouse down

bench: .venv/.installed ## the speed tables of the README
	@$(BIN)/meterhouse bench

lock: ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements.lock
