# Everything a clone needs: Python 3.11 or newer, make and git. `make` alone lists the targets.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXTRAS := .[lab,keyring,dask,planning,test,browser,dev]
PIP := -m pip --disable-pip-version-check
DEMO := out/launch

.DEFAULT_GOAL := help
.PHONY: help .venv python demo test test-all bench lab lint format constraints clean

help:  ## List the targets
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z.-]*\):.*  ## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target text; do \
		printf '  %-12s %s\n' "$$target" "$$text"; \
	done
	@echo "PYTHON=... chooses the Python to build with (now: $(PYTHON)); ARGS=... is handed on to pytest or the benchmarks."

python:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no $(PYTHON): install Python 3.11 or newer, or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "sessim needs Python 3.11 or newer and $(PYTHON) is older: name another with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments: install its venv module (on Debian and Ubuntu the package python3-venv)." >&2; exit 1; }

.venv: $(INSTALLED)  ## Build the environment, once

# The interpreter is looked at only when there is something to build.
$(INSTALLED): pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory python
	@echo "Building $(VENV): a minute or two, only this once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP) install --quiet -c constraints.txt -e '$(EXTRAS)'
	@touch $@

demo: $(INSTALLED)  ## Simulate the example warm-up and say where its charts are
	@$(BIN)/sessim simulate notebooks/data/launch.yaml --out $(DEMO) --seed 1
	@echo
	@echo "The charts:"
	@ls $(DEMO)/*.png | sed 's/^/  /'
	@echo "The tables and the event log lie beside them in $(DEMO)/."

test: $(INSTALLED)  ## Run the tests, those in a real browser too if there is a Chromium
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-all: $(INSTALLED)  ## Run the slow tests too, with more random plans, and measure coverage
	$(BIN)/python -m pytest -n 2 -m '' --hypothesis-profile=thorough --cov $(ARGS)

bench: $(INSTALLED)  ## Time the model beside a naive one and print the ratios
	$(BIN)/python tests/benchmarks/run.py $(ARGS)

lab: $(INSTALLED)  ## Open JupyterLab on the notebooks
	$(BIN)/sessim lab

lint: $(INSTALLED)  ## Check style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(INSTALLED)  ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Resolves everything afresh, in an environment of its own, and keeps names and versions only. Run it with the oldest
# Python that sessim supports: what a newer one chooses may not install there.
constraints: python  ## Pin the newest versions that fit together (with PYTHON= the oldest Python you have)
	@rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/python $(PIP) install --quiet -e '$(EXTRAS)'
	@.venv-constraints/bin/python $(PIP) freeze --exclude-editable > .venv-constraints/frozen
	@{ echo "# The versions that sessim is tested with: all it needs, directly or not, with every extra."; \
		echo "# Used by \`make .venv\`, made by \`make constraints\` with $$($(PYTHON) --version). Not edited by hand."; \
		grep '^[A-Za-z].*==' .venv-constraints/frozen; } > .venv-constraints/pins
	@mv .venv-constraints/pins constraints.txt
	@rm -rf .venv-constraints
	@echo "constraints.txt now pins $$(grep -c == constraints.txt) packages: run make test before you keep it."

clean:  ## Remove what make built: the environment, caches, the example's output
	rm -rf $(VENV) .venv-constraints build dist test-output htmlcov .coverage .coverage.* $(DEMO)
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
