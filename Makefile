# kgmem: `make run` starts a server that has answered a question, `make test` proves it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test test-all test-slow test-external check audit tck bench venv lock clean

VENV := .venv
BIN := $(VENV)/bin
# A Python of your own choice: make venv PYTHON=/path/to/python3.12
PYTHON ?=
# As root, Postgres runs as an account of its own: it has to be able to read what is installed, whatever root's umask.
INSTALL = umask 022 && $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps
# Further arguments for pytest: make test ARGS="-k recall"
ARGS ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.ready ## Set up what is missing, load the sample graph, answer a question and serve (honours KGMEM_* settings)
	@$(BIN)/kgmem quickstart --serve

# As many processes as cores, four at the most; a test of one file needs one: make test PARALLEL= ARGS="tests/..."
PARALLEL ?= --numprocesses auto --maxprocesses 4 --dist worksteal
PYTEST = $(BIN)/python -m pytest $(PARALLEL)
# Another Postgres (a URL whose role may create databases) for make test-all.
EXTERNAL ?=

test: $(VENV)/.tools ## Run the core tests, side by side on up to 4 cores (ARGS="-k name" for some)
	@$(PYTEST) -m "not slow and not long" $(ARGS)

test-all: $(VENV)/.tools ## Run all tests whole, and on EXTERNAL=URL too those where another server may differ
	@KGMEM_TEST_WHOLE=1 $(PYTEST) $(ARGS)
	@if [ -n "$(EXTERNAL)" ]; then $(MAKE) --no-print-directory test-external; fi

test-slow: $(VENV)/.tools ## Run what `make test` leaves out or does in short
	@KGMEM_TEST_WHOLE=1 $(PYTEST) -m "slow or long or sized" $(ARGS)

test-external: $(VENV)/.tools ## Run on the Postgres EXTERNAL=URL what another server may do differently
	@KGMEM_TEST_DATABASE_URL="$(EXTERNAL)" $(PYTEST) -m "server and not slow" tests/integration $(ARGS)

check: $(VENV)/.tools ## Check format, lint, types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# A database of advisories in the form of OSV: a folder, or all.zip of PyPI.
ADVISORIES ?=

audit: $(VENV)/.tools ## Compare the locks with ADVISORIES=all.zip (advisories of OSV), without a network
	@$(BIN)/python -m tests.audit_lock "$(ADVISORIES)"

# Words that choose scenarios, and --told to see why they did not pass: make tck ARGS="--told clauses/merge"
tck: $(VENV)/.tools ## Play the openCypher TCK (its files in KGMEM_DATA) and print the table by category
	@$(BIN)/python -m tests.tck_play $(ARGS)

bench: $(VENV)/.tools ## Run the short benchmarks and print their tables
	@$(BIN)/python -m bench --short

venv: $(VENV)/.ready ## Make the virtual environment .venv from requirements.lock

# What it takes to run, and beside it, in the same versions, what it takes to test.
UV = $(BIN)/uv pip compile pyproject.toml --upgrade --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

lock: $(VENV)/.ready ## Write both locks anew from pyproject.toml (newest versions that fit, with hashes)
	@$(BIN)/python -m pip install --quiet uv
	@printf 'editables>=0.5\nhatchling>=1.27\n' | $(UV) - --output-file requirements.lock
	@echo 'editables>=0.5' | $(UV) - --extra test --constraint requirements.lock --output-file requirements-test.lock
	@awk '/^[a-z]/ { on = /^redis==/ } on' requirements-test.lock > docker/redis.lock
	@if grep -n '://' requirements*.lock; then echo "error: a lock names an address" >&2; exit 1; fi

clean: ## Remove the virtual environment and everything that tools left
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Candidates are run, not only looked up: a shim may exist for a version that is not installed.
$(VENV)/.python:
	@fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))'; \
	for found in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python3.14 python); do \
		if "$$found" -c "$$fits" >/dev/null 2>&1; then break; fi; found=; \
	done; \
	if [ -z "$$found" ]; then \
		echo "error: kgmem needs Python 3.11 to 3.14, and $(or $(PYTHON),python3) is none of them." >&2; \
		echo "Install one, or name it: make venv PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
		echo "error: $$found cannot make virtual environments." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version)"; \
	umask 022 && rm -rf $(VENV) && "$$found" -m venv $(VENV)
	@touch $@

$(VENV)/.locked: requirements.lock $(VENV)/.python
	@echo "Installing the dependencies of requirements.lock (once, about a minute)"
	@$(INSTALL) --require-hashes --requirement requirements.lock
	@touch $@

$(VENV)/.ready: pyproject.toml $(VENV)/.locked
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.tools: requirements-test.lock $(VENV)/.ready
	@echo "Installing what the tests need from requirements-test.lock (once, about a minute)"
	@$(INSTALL) --require-hashes --requirement requirements-test.lock
	@touch $@
