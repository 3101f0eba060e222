# Two commands are enough: `make demo` and `make test`. Each makes its own virtual environment in .venv and installs
# what the lock files name; after the first run no network is needed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION = 0.13.9
PYTEST_OPTIONS ?=
# Tests run on all cores: those of one file together, which share what takes long to make; slow folders come first.
AT_ONCE ?= --numprocesses=auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

BIN = .venv/bin
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Without isolation: bagit comes as source only, and is built with the locked build tools, like this program.
FROM_LOCK = $(PIP_INSTALL) --require-hashes --no-build-isolation

# Clips fetched from PyPI stay in the checkout.
export VERIFY_CACHE ?= $(CURDIR)/.cache

.DEFAULT_GOAL := help
.PHONY: help demo test lint types layers check coverage fixtures ocr sample translations soak lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/installed ## Check a release made of real footage; the report lands in reports/
	$(BIN)/verify demo

test: .venv/installed-dev ## Run the tests; PYTEST_OPTIONS=--slow for all of them, AT_ONCE= for one by one
	@$(BIN)/python -m fixtures || echo "Tests on real clips will be skipped."
	$(BIN)/python -m pytest $(AT_ONCE) $(PYTEST_OPTIONS)

lint: .venv/installed-dev ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev ## Check types
	$(BIN)/mypy

layers: .venv/installed-dev ## Check that imports run downward only
	$(BIN)/lint-imports

check: lint types layers test ## All of lint, types, layers and test

coverage: .venv/installed-dev ## Run all tests and require 90 % coverage
	@$(BIN)/python -m fixtures
	$(BIN)/python -m pytest --slow --cov --cov-report=term --cov-fail-under=90 $(PYTEST_OPTIONS)

fixtures: .venv/installed-dev ## Fetch the real clips and render the test footage
	$(BIN)/python -m fixtures

ocr: .venv/installed requirements-ocr.lock ## Install the reader of on-screen text (43 MB)
	$(FROM_LOCK) -r requirements-ocr.lock

sample: .venv/installed-dev ocr ## Make reports/sample and its picture anew (needs Chromium)
	$(BIN)/python scripts/make_sample.py

translations: .venv/installed-dev ## Bring the catalogues of other languages up to date, and say what is not translated
	$(BIN)/python scripts/translations.py

soak: .venv/installed-dev ## Run the tests that take minutes, and those of reliability
	$(BIN)/python -m pytest --slow tests

lock: .venv/made ## Resolve the dependencies anew and rewrite the lock files (needs the network)
	$(PIP_INSTALL) uv==$(UV_VERSION)
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --output-file requirements-build.lock --group build
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --output-file requirements-dev.lock --constraint requirements.lock \
		--constraint requirements-build.lock --group dev pyproject.toml
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --output-file requirements-ocr.lock --constraint requirements.lock \
		--extra ocr pyproject.toml

# Universal: one file for all platforms and Python versions. Neither the user's configuration nor any index address
# goes into it.
LOCK_OPTIONS = --quiet --no-config --upgrade --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

clean: ## Delete what was built and rendered; fetched clips and reports stay
	rm -rf .venv .cache/footage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* dist build

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	rm -rf .venv
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

.venv/installed: .venv/made requirements.lock requirements-build.lock pyproject.toml
	$(FROM_LOCK) -r requirements-build.lock
	$(FROM_LOCK) -r requirements.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.lock
	$(FROM_LOCK) -r requirements-dev.lock
	@touch $@
