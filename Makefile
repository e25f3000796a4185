# Homeostat: `make demo` and `make test` do their own set-up; a second call starts in seconds.
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: help demo test check format bench clean

help:  ## show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.demo  ## a model's whole year, then the page that shows it
	@$(BIN)/homeostat demo $(ARGS)

test: $(VENV)/.dev  ## the whole suite
	$(BIN)/python -m pytest -n $(WORKERS) tests

check: $(VENV)/.dev  ## lint, format, types, import rules, examples in docstrings and docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n $(WORKERS) --doctest-modules src

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
