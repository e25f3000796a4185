# Homeostat: `make demo` and `make test` do their own set-up; a second call starts in seconds.
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
BRIDGES := keras sb3 xgboost # to libraries that only those have who use them

.PHONY: help demo test slow clients check format bench clean

help:  ## show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.demo  ## a model's whole year, then the page that shows it
	@$(BIN)/homeostat demo $(ARGS)

test: $(VENV)/.dev  ## the suite, but for what `make slow` runs
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" tests

slow: $(VENV)/.dev  ## the tests that take longer: processes killed by the hundred, error rates, PostgreSQL, whole years
	$(BIN)/python -m pytest -n $(WORKERS) -m slow tests

clients: .venv-clients/.ready  ## clients of wandb as published, by both doors (an hour of downloads and runs)
	HOMEOSTAT_CLIENTS=.venv-clients/bin/python $(BIN)/python -m pytest tests/compat/clients tests/compat/wire/test_the_real_client.py

.venv-clients/.ready: tests/compat/clients/requirements.txt pyproject.toml | $(VENV)/.dev
	@echo "Installing clients of wandb into .venv-clients ..."
	@$(PYTHON) -m venv .venv-clients
	@PIP_CONSTRAINT=constraints.txt .venv-clients/bin/python -m pip install --quiet -e . -r tests/compat/clients/requirements.txt
	@.venv-clients/bin/python -m pip install --quiet --no-deps -r tests/compat/clients/requirements-alone.txt
	@touch $@

check: $(VENV)/.dev  ## lint, format, types, import rules, examples in docstrings and docs
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n $(WORKERS) --doctest-modules src $(BRIDGES:%=--ignore=src/homeostat/compat/wandb/_%.py)

format: $(VENV)/.dev  ## mend what the formatter and linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench  ## every speed claim, ours and the peer in one run
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:  ## remove the environment and what the demo stored
	rm -rf $(VENV) .homeostat

# A machine without ensurepip (Debian without python3-venv) lends its own pip to the new venv.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Homeostat needs Python 3.11 or newer: apt install python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Homeostat needs Python 3.11 or newer, this is $$($(PYTHON) --version)"; exit 1; }
	@echo "Setting up $(VENV) (once; a minute or two) ..."
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) \
		&& $(PYTHON) -m pip --quiet --python $(BIN)/python install pip; }
	@$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo $(VENV)/.dev $(VENV)/.bench: $(VENV)/.%: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing homeostat[$*] from pinned versions ..."
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet -e '.[$*]'
	@$(BIN)/python -c 'import lightgbm' 2>/dev/null \
		|| { echo "LightGBM needs the OpenMP library of the system: apt install libgomp1"; exit 1; }
	@touch $@
