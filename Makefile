# `make` lists the targets; every line with ## is one.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run day demo superset superset-down superset-check pictures setup down clean status test test-quick lint audit docs cookbook bench mutants sql

VENV ?= .venv
export BRAIN_HOME ?= $(CURDIR)/.brain
export BRAIN_CATALOGUE ?= $(CURDIR)/catalogue.yaml
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
# Every process has servers of its own; a file stays in one process.
PYTEST := $(PYTHON) -m pytest -n auto --maxprocesses 4 --dist loadfile

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## From nothing to a filled Probabilities table, with Airflow running behind it
	@$(PYTHON) -m local run

day: $(READY) ## Let one trading day of the demo data pass: after `make run`, the same again
	@$(PYTHON) -m local day

demo: $(READY) ## Load real data, do every step, answer five questions: NAME=customers or NAME=anomalies
	@BRAIN_CATALOGUE=$(CURDIR)/catalogue-$(NAME).yaml $(PYTHON) -m local demo $(NAME)

superset: $(READY) ## Superset on the published tables, with a dashboard: installed in an environment of its own, started
	@$(PYTHON) -m local superset

superset-down: $(READY) ## Stop Superset only
	@$(PYTHON) -m local superset-down

superset-check: $(READY) ## Beside a running `make run`: a Superset from nothing, asked and looked at; writes its figures and picture
	@$(PYTHON) -m benchmarks.browsing.superset

pictures: $(READY) ## Beside a running `make run`: take the docs' pictures of the Brain page and of the chain of datasets
	@$(PYTHON) -m benchmarks.browsing.pictures

setup: $(READY) ## Install everything into .venv, nothing else

down: ## Stop Airflow, Superset, PostgreSQL and MongoDB; data stays
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m local down; else echo "Nothing was running."; fi

clean: down ## Stop everything and delete .brain: databases, models, lake, logs
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m local clean; fi

status: $(READY) ## Show what runs, where, and where it logs
	@$(PYTHON) -m local status

test: $(READY) ## Run the tests on real servers of their own; ARGS="-k extract" narrows them
	@$(PYTEST) $(ARGS)

test-quick: $(READY) ## Run the tests that need no server, in under a minute; `make test` is what counts
	@$(PYTEST) -m quick --timeout 30 $(ARGS)

lint: $(READY) ## ruff, mypy and import-linter
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy include benchmarks tests
	@$(VENV)/bin/lint-imports

audit: $(READY) ## Look for known faults in the locked dependencies; without a network, say how old the lock is
	@scripts/audit $(VENV)

docs: $(READY) ## Write docs/tables.md, docs/commands.md and docs/dbt/sources.yml anew from the code
	@$(PYTHON) -m brain.usecases.table_docs docs/tables.md
	@$(PYTHON) -m local.command_docs docs/commands.md
	@$(PYTHON) -m brain.usecases.dbt_sources docs/dbt/sources.yml

cookbook: $(READY) ## Write the answers of docs/sql-cookbook.md anew, from a run of its own
	@scripts/cookbook $(VENV)

bench: $(READY) ## Run a benchmark: make bench NAME=pipeline [ARGS=--quick]
	@$(PYTHON) -m benchmarks $(NAME) $(ARGS)

mutants: $(READY) ## Try small mutations of the code on its tests; OF=splits tries some
	@$(PYTHON) $(if $(OF),-m benchmarks.mutating $(OF),-m benchmarks mutants $(ARGS))

sql: $(READY) ## Ask the published tables: make sql Q='SELECT AssetName FROM Probabilities'
	@$(VENV)/bin/brain sql $(if $(Q),'$(subst ','\'',$(Q))')

$(READY): requirements.txt pyproject.toml
	@scripts/setup $(VENV)
	@touch $@
