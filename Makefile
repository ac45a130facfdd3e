# make run    set everything up and run the sample hive in the foreground
# make test   set everything up and run all tests
# make check  lint, types, layers
# make bench  measure, beside baselines
# PYTHON=…    another interpreter, 3.11 or later

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
export PYTHON

.PHONY: run test check bench clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/.run: pyproject.toml Makefile
	@test -n "$(PYTHON)" || { echo "hived needs Python 3.11 or later (Debian, Ubuntu: apt install python3)"; exit 1; }
	@.ci/machine run
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing hived and what it needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --use-pep517 --disable-pip-version-check --config-settings editable_mode=compat -e . 2>&1 | grep -v '^WARNING' || true
	@$(BIN)/python -c 'import hived.main'
	@touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml Makefile
	@$(BIN)/python -m pip install --quiet --use-pep517 --disable-pip-version-check --config-settings editable_mode=compat -e '.[dev]' 2>&1 | grep -v '^WARNING' || true
	@$(BIN)/python -c 'import pytest, mypy, hypothesis'
	@touch $@

run: $(VENV)/.run
	@exec $(BIN)/hived --sample

test: $(VENV)/.dev
	@.ci/machine test
	@.ci/install-claude
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_tidy.py

bench: $(VENV)/.dev
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
