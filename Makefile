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
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input
# uv writes no index address into a lock; the lock serves every Python from 3.11 on.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header $(if $(UPGRADE),--upgrade)

SEED ?=
MAILS ?=
KEEP ?=
ARGS ?=

.PHONY: help install check format test demo bench schemas lock image secrets clean

help: ## Lists the targets
	@echo "API Connect. Targets:"
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-9s %s\n' "$$name" "$$text"; done

install: $(STAMP) ## Creates .venv with the locked packages and the apiconnect command (needs Python 3.11 or newer)

$(STAMP): requirements-dev.lock requirements-build.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "API Connect needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Creating $(VENV) with $$($(PYTHON) --version) …"; sh .ci/venv "$(PYTHON)" $(VENV); }
	@echo "Installing the locked packages …"
	@$(PIP) install --require-hashes --requirement requirements-build.lock
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
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

demo: $(STAMP) ## The whole product in one process, on planted mail (SEED=7 MAILS=300 KEEP=1)
	@$(BIN)/apiconnect demo $(if $(SEED),--seed $(SEED)) $(if $(MAILS),--mails $(MAILS)) $(if $(filter-out 0,$(KEEP)),--keep)

bench: $(STAMP) ## The benchmarks: a table, JSON, and lines `name value unit` (ARGS=… chooses some)
	$(BIN)/python -m bench $(ARGS)

schemas: $(STAMP) ## Writes docs/schemas/*.json and docs/messages.md again, from the message classes
	$(BIN)/python docs/generate.py

lock: $(STAMP) ## Writes the lock files again, from pyproject.toml (UPGRADE=1 takes newer versions)
	$(LOCK) --output-file requirements.lock pyproject.toml
	$(LOCK) --extra demo --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(LOCK) --constraint requirements-dev.lock --output-file requirements-build.lock requirements-build.in

image: ## Builds the container image api-connect from requirements.lock
	docker build --tag api-connect .

secrets: ## Makes random passwords and a sealing key for docker compose, once, in .secrets/
	@test ! -e .secrets || { echo ".secrets/ exists already; nothing was changed"; exit 0; }; \
	test -e .secrets || { umask 077 && mkdir .secrets.new && cd .secrets.new \
	&& random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; } && database=$$(random) && broker=$$(random) \
	&& printf '%s' "$$database" > postgres_password \
	&& printf 'postgresql://apiconnect:%s@postgres:5432/apiconnect' "$$database" > database_url \
	&& printf 'default_user = apiconnect\ndefault_pass = %s\n' "$$broker" > rabbitmq_user \
	&& printf 'amqp://apiconnect:%s@rabbitmq:5672/%%2F' "$$broker" > rabbitmq_url \
	&& printf 'k1:%s' "$$(head -c 32 /dev/urandom | base64)" > sealing_keys \
	&& chmod 644 * && cd .. && mv .secrets.new .secrets \
	&& echo "Made .secrets/. Keep a copy of .secrets/sealing_keys apart from the database's backup: without it no key can be read."; }

clean: ## Removes .venv, caches and everything else that make has made
	rm -rf $(VENV) build dist .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find services shared tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +
