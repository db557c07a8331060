# `make` alone lists what there is. Everything happens in .venv, which `make install` creates from the lock files.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first Python here that is new enough; PYTHON=… names another.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11 python3.14; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$each" && break; done)
PIP_OPTIONS := --quiet --quiet --disable-pip-version-check --no-input
PIP := $(BIN)/python -m pip $(PIP_OPTIONS)
# The providers' own clients are large, so they live apart.
CLIENTS := .venv-conformance
CLIENTS_STAMP := $(CLIENTS)/.installed
# uv writes no index address into a lock; the lock serves every Python from 3.11 on.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header $(if $(UPGRADE),--upgrade)

SEED ?=
MAILS ?=
KEEP ?=
CORPUS ?=
ARGS ?=

.PHONY: help install check format test chaos conformance demo bench bench-classify bench-send-faults schemas lock image system clean

help: ## Lists the targets
	@echo "API Connect. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

install: $(STAMP) ## Creates .venv with the locked packages and the apiconnect command (needs Python 3.11 or newer)

$(STAMP): requirements-dev.lock requirements-build.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "API Connect needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Creating $(VENV) with $$($(PYTHON) --version) …"; sh .ci/venv "$(PYTHON)" $(VENV); }
	@echo "Installing the locked packages …"
	@$(PIP) install --require-hashes --requirement requirements-build.lock
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable . --editable clients/python
	@touch $@

check: $(STAMP) ## Linter, formatter, types, import rules, generated documents: changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check

format: $(STAMP) ## Puts the code into the one format and repairs what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(STAMP) ## The whole test suite on real PostgreSQL and RabbitMQ, found or started (ARGS=… goes to pytest)
	$(BIN)/pytest $(ARGS)

chaos: $(STAMP) ## The pipeline on real servers under kills, restarts, a wiped broker, wrong answers; ends itself (SEED=7 MAILS=5000)
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(MAILS),--mails $(MAILS))

conformance: $(CLIENTS_STAMP) ## Google's and Microsoft's own clients against the simulator (700 MB once; ARGS=… goes to pytest)
	$(CLIENTS)/bin/python -m pytest --confcutdir=tests/conformance tests/conformance $(ARGS)

$(CLIENTS_STAMP): requirements-conformance.lock
	@test -n "$(PYTHON)" || { echo "API Connect needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(CLIENTS)/bin/python || sh .ci/venv "$(PYTHON)" $(CLIENTS)
	@echo "Installing google-api-python-client, msgraph-sdk and azure-identity in $(CLIENTS) …"
	@$(CLIENTS)/bin/python -m pip $(PIP_OPTIONS) install --require-hashes --requirement requirements-conformance.lock
	@touch $@

demo: $(STAMP) ## The whole product in one process, on planted mail (SEED=7 MAILS=300 KEEP=1)
	@$(BIN)/apiconnect demo $(if $(SEED),--seed $(SEED)) $(if $(MAILS),--mails $(MAILS)) $(if $(filter-out 0,$(KEEP)),--keep)

bench: $(STAMP) ## The benchmarks: a table, JSON, and lines `name value unit` (ARGS=… chooses some)
	$(BIN)/python -m bench $(ARGS)

bench-classify: $(STAMP) ## The classifier on one core over CORPUS=DIR-or-LIST, beside Sisimai and flufl.bounce if installed
	@test -n "$(CORPUS)" || { echo "give a folder of mails, or a list: make bench-classify CORPUS=tests/mails" >&2; exit 2; }
	@$(BIN)/python -m bench.classify $(CORPUS) $(ARGS)

bench-send-faults: $(STAMP) ## 10,000 sends, senders killed 20 times, one call in ten goes wrong: each mail leaves exactly once (ARGS=--seed 7)
	@$(BIN)/python -m bench.send_faults $(ARGS)

observe: $(STAMP) ## Alert rules by promtool, then every query of alerts and dashboards on a running stack (ARGS=rules: only the rules)
	$(BIN)/python deploy/observe/generate.py --check
	$(BIN)/python -m tests.observe $(ARGS)

schemas: $(STAMP) ## Writes docs/schemas/*.json, messages.md and asyncapi.json again, from the message classes
	$(BIN)/python docs/generate.py

lock: $(STAMP) ## Writes the lock files again, from pyproject.toml (UPGRADE=1 takes newer versions)
	$(LOCK) --extra otlp --output-file requirements.lock pyproject.toml
	$(LOCK) --extra demo --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(LOCK) --extra conformance --constraint requirements-dev.lock --output-file requirements-conformance.lock pyproject.toml
	$(LOCK) --constraint requirements-dev.lock --output-file requirements-build.lock requirements-build.in

image: ## Builds the container image api-connect from requirements.lock
	docker build --tag api-connect .

system: $(STAMP) ## The whole in Docker, from nothing, under faults: kills, restarts, a deleted broker volume (needs Docker)
	$(BIN)/python -m tests.system.compose_faults $(ARGS)
	$(BIN)/python -m tests.system.compose_sends

clean: ## Removes .venv, caches and everything else that make has made
	rm -rf $(VENV) $(CLIENTS) build dist .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info clients/python/*.egg-info clients/python/build
	find services shared tests bench docs clients -name __pycache__ -type d -prune -exec rm -rf {} +
