# Two commands matter:  make app   (use the lab)     make test   (everything that must hold)
# Python 3.11 or newer with pip is all they ask for; PYTHON=... and PORT=... choose another interpreter or port.

PYTHON ?= python3
PORT ?= 8501

VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
PIP := $(RUN) -m pip --disable-pip-version-check --no-input

# An empty file here marks each step that is done, so that the next start is instant.
STAMPS := $(VENV)/stamps
KERNELS := $(wildcard dqn_core/algorithm/*.py)

.DEFAULT_GOAL := help
ifndef AT_ONCE
.NOTPARALLEL:
endif
.PHONY: help app test check lint types contracts browser-code chromium nginx unit unit-postgresql browser bench results lessons format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

app: $(STAMPS)/kernels ## install what is missing, then start the dashboard (PORT=8501)
	@exec $(BIN)/streamlit run app.py --server.port $(PORT)

test: chromium nginx check $(STAMPS)/kernels unit browser ## lint, types, contracts, unit tests, browser tests

# Each of them works on one core, so two are at work at once.
check: $(STAMPS)/dev $(STAMPS)/browser-code ## lint, types, contracts, and all of the JavaScript: no test of Python is run
	@$(MAKE) --no-print-directory --jobs 2 AT_ONCE=1 types lint contracts browser-code

lint: $(STAMPS)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMPS)/dev
	$(BIN)/mypy

contracts: $(STAMPS)/dev
	$(BIN)/lint-imports

browser-code: $(STAMPS)/browser-code ## the JavaScript: lint, types, and its tests by node's own runner
	$(RUN) scripts/browser_code.py

# Three on two cores: many tests wait, for a process to end or for a time limit.
unit: $(STAMPS)/dev ## tests without a browser
	$(RUN) -m pytest tests --ignore tests/browser --numprocesses 3 --dist loadfile --no-loadscope-reorder

# Rooms below these know no database (the import contracts), and what is marked as on each database, `unit` runs on both.
unit-postgresql: $(STAMPS)/dev ## tests of all that has a laboratory, with each in a PostgreSQL of their own
	$(RUN) -m pytest tests/runs tests/pages tests/export tests/inside tests/lessons tests/test_cli*.py --database postgresql \
		-m "not (sqlite_file or each_database or cluster)" --numprocesses 3 --dist loadfile --no-loadscope-reorder

# One after another: a Chromium and the servers of a test keep two cores at work.
browser: $(STAMPS)/dev chromium nginx ## tests in a real Chromium
	$(RUN) -m pytest tests/browser

# First of all steps: a machine where no Chromium can be had says so at the start, not after the unit tests.
chromium: $(STAMPS)/dev
	@$(RUN) scripts/find_chromium.py --install

# Without one, the tests behind a proxy say so and are skipped.
nginx: $(STAMPS)/dev
	@$(RUN) scripts/find_nginx.py --install

format: $(STAMPS)/dev ## put the source into the one format
	$(BIN)/ruff check --fix-only --exit-zero
	$(BIN)/ruff format

bench: $(STAMPS)/bench $(STAMPS)/dev chromium $(STAMPS)/kernels ## speed beside other DQNs on this machine; writes docs/performance.md
	$(RUN) -m benchmarks

results: $(STAMPS)/kernels ## train every preset over its seeds (what is kept is not trained again); writes docs/results.md
	$(RUN) -m benchmarks.learning

lessons: $(STAMPS)/kernels ## train the lessons again; writes dqn_core/lessons/data and docs/lessons.md
	$(RUN) -m benchmarks.lessons

clean: ## remove the virtual environment and every cache; runs in data/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis test-output tests/browser_code/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------ the environment

$(STAMPS)/venv: scripts/make_venv.py
	@command -v $(PYTHON) > /dev/null || { echo "No $(PYTHON) here: install Python 3.11 or newer (python.org)." >&2; exit 1; }
	@$(PYTHON) scripts/make_venv.py $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/app: requirements.txt $(STAMPS)/venv
	@echo "Installing what the lab needs into $(VENV) (once; torch alone takes a few minutes on a slow line) ..."
	@$(PIP) install -r requirements.txt
	@touch $@

$(STAMPS)/dev: requirements-dev.txt requirements-cluster.txt requirements-atari.txt $(STAMPS)/app
	@echo "Installing what the tests need into $(VENV) (once) ..."
	@$(PIP) install --quiet -r requirements-dev.txt
	@touch $@

$(STAMPS)/browser-code: tests/browser_code/package-lock.json $(STAMPS)/dev
	@echo "Installing what checks the JavaScript into tests/browser_code/node_modules (once) ..."
	@$(RUN) scripts/browser_code.py --install
	@touch $@

$(STAMPS)/bench: requirements-bench.txt $(STAMPS)/app
	@echo "Installing what the benchmarks compare against into $(VENV) (once) ..."
	@$(PIP) install --quiet -r requirements-bench.txt
	@touch $@

# numba keeps compiled kernels on disk, so this is slow once and after a change of their source.
$(STAMPS)/kernels: $(STAMPS)/app $(KERNELS)
	@$(RUN) -m dqn_core info --warm-up > /dev/null
	@touch $@
