# Every target sets up what it needs: a virtual environment in .venv with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SWEEPS := gaussian_population gaussian_sampled finite_samples patches rotations couplings rates \
	theorem1 theorem2 equation20 training_modes spurious
RESULTS ?= results
PROFILE ?= quick

.DEFAULT_GOAL := help
.PHONY: help install benchmark test test-long check docs baseline reference speed images plot clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Make the virtual environment with pinned versions

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

benchmark: install ## Run the sweeps, fit the slopes, draw the figures (minutes; again: seconds)
	$(BIN)/gscale run $(SWEEPS) --profile $(PROFILE) --out $(RESULTS)
	$(BIN)/gscale fit $(RESULTS)
	$(BIN)/gscale plot $(RESULTS)

test: install ## Run the tests, but for the long ones
	$(BIN)/python -m pytest -n 2 -q -m 'not long'

test-long: install ## Run the tests of claims at their own size: many dimensions, many rows
	$(BIN)/python -m pytest -n 2 -q -m long

check: install ## Lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-docs ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	@touch $@

baseline: install ## Make the slopes of many seeds of the ci profile the baseline of gscale check; REASON="why"
	$(BIN)/gscale run $(SWEEPS) --profile ci --seeds 400 --out $(RESULTS)/baseline
	$(BIN)/gscale check $(RESULTS)/baseline --update --reason "$(REASON)"

reference: install ## Run the benchmark into results/reference and write its numbers and figures into the docs
	$(MAKE) benchmark RESULTS=results/reference
	mv results/reference/figures/*.png docs/
	rm -r results/reference/figures
	$(BIN)/python docs/refresh.py

speed: install ## Time a layer beside floors of the same machine (minutes; leave it idle)
	$(BIN)/gscale speed run --profile $(PROFILE) --out $(RESULTS)

images: install ## Classify small images and make new ones, on the default data (minutes)
	$(BIN)/gscale classify --out $(RESULTS)/_classify
	$(BIN)/gscale generate --out $(RESULTS)/_generate --classifier $(RESULTS)/_classify/classifier.safetensors

plot: install ## Draw the figures of the results at hand
	$(BIN)/gscale plot $(RESULTS)

clean: ## Remove results that can be made again, caches and the virtual environment
	find $(RESULTS) -mindepth 1 -maxdepth 1 ! -name reference -exec rm -rf {} +
	rm -rf $(VENV) site .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
