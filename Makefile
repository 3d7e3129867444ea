# Citewell. `make help` lists what there is.
PYTHON ?= python3
OURS := .venv/bin/python
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run setup test unit lint format lock bench bench-encode bench-peers bench-search \
        bench-console faults safety measure corpus clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# Tests with a model, with Rasa, with the four processes or a browser mostly wait for one another:
# two at a time, whatever the machine, each with a stack of its own (tests/conftest.py).
SLOW := rasa or stack or browser or model

run: setup ## Install what is missing, start everything, print the address (Ctrl-C stops it)
	@$(OURS) -m deploy.launch

setup: ## Create or renew both environments
	@$(PYTHON) deploy/environments.py

test: setup ## Lint, types, then every test: unit, Rasa, the four real processes, a real browser
	@$(OURS) -m ruff check . && $(OURS) -m ruff format --check .
	@$(OURS) -m mypy
	@$(OURS) -m knowledge check
	@$(OURS) -m pytest -n auto --dist loadfile -m "not ($(SLOW))"
	@$(OURS) -m pytest -n 2 --dist loadfile -m "$(SLOW)"

unit: setup ## The quick tests only, on all cores
	@$(OURS) -m pytest -n auto --dist loadfile -m "not ($(SLOW))"

lint: setup ## Lint, format check, types
	@$(OURS) -m ruff check . && $(OURS) -m ruff format --check . && $(OURS) -m mypy

format: setup ## Format the code
	@$(OURS) -m ruff format . && $(OURS) -m ruff check --fix .

bench: setup ## Compare a whole turn with Rasa alone and with the bare search, in one run
	@$(OURS) -m benchmarks.turn

bench-encode: setup ## Measure each way to run the embedding model, side by side; docs/benchmarks.md
	@$(OURS) -m benchmarks.encode --write

bench-peers: setup ## Compare the search with other software, in an environment of its own
	@$(OURS) -m benchmarks.peers

bench-search: setup ## Measure a search over up to 100,000 entries; docs/benchmarks.md
	@$(OURS) -m benchmarks.search --write

bench-console: setup ## Measure the console's pages over 5,000 answers; docs/benchmarks.md
	@$(OURS) -m benchmarks.console --write

faults: setup ## Kill every process at random under load, and account for every message
	@$(OURS) -m benchmarks.faults

safety: setup ## Count how often labelled emergencies reach help, through all three nets
	@$(OURS) -m benchmarks.safety

measure: setup ## Measure start-up time and memory per process
	@$(OURS) -m benchmarks.start

corpus: setup ## Check the corpus, learn the calibration anew, measure it
	@$(OURS) -m knowledge check && $(OURS) -m knowledge calibrate && \
	$(OURS) -m knowledge evaluate --corpus knowledge/corpus && \
	$(OURS) -m knowledge coverage --output docs/corpus.md

lock: ## Renew the two lock files in requirements/
	@$(PYTHON) deploy/environments.py --lock

clean: ## Remove the environments and everything that was made (the database too)
	rm -rf .venv .venv-peers .venv-rasa var
