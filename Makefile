# Everything a fresh machine needs is made here: Python >= 3.11 and make are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
KILLS ?= 200
ROUNDS ?= 200
MINUTES ?= 5
SEEDS ?= 20000
SHUFFLED ?= 2000
EACH ?= 300
DAYS ?= 30
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check format crash drill bench simulate-nightly lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/runtime.stamp: requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Nightdesk needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 run")'
	@echo "setting up $(VENV) (once)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/runtime.stamp
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/runtime.stamp ## create .venv from the hashed lock file

setup-dev: $(VENV)/dev.stamp ## the same, with what checks and tests need

run: setup ## start the practice desk (Ctrl-C stops it)
	@$(BIN)/nightdesk up

# What no clock of this machine decides: it gives way to what starts processes and waits for them, beside which it runs.
TIMELESS := $(addprefix tests/,config control desk journal model modes node orders portfolio reconcile recordings results \
  resilience risk strategy venues simulation)

test: setup-dev ## run the whole test suite, on two cores
	@mkdir -p var; \
	nice -n 19 $(BIN)/python -X dev -m pytest -q $(TIMELESS) > var/test-timeless.log 2>&1 & timeless=$$!; \
	trap 'kill $$timeless; exit 130' INT TERM; failed=0; \
	$(BIN)/python -X dev -m pytest $(addprefix --ignore=,$(TIMELESS)) || failed=1; \
	echo "and what no clock decides:"; wait $$timeless || failed=1; \
	cat var/test-timeless.log; exit $$failed

check: setup-dev ## format, ruff, mypy, import-linter, house rules, suppressions
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 8
	@$(BIN)/python -m pytest -q tests/test_tidy.py
	@$(BIN)/python tests/suppressions.py

format: setup-dev ## let ruff rewrite what it can
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .

crash: setup-dev ## kill -9 a real desk KILLS times and audit what is left
	@$(BIN)/python -m tests.crash.harness --kills $(KILLS)

drill: setup-dev ## do to a running pair what can befall it, ROUNDS times, and audit what is left
	@$(BIN)/python -m tests.drill.harness --rounds $(ROUNDS)

bench: setup-dev ## measure; prints a table and writes var/bench.json
	@$(BIN)/python -m bench.run

# Every run appends to a file of its own and goes on where it was. One that fails does not stop those behind it;
# Ctrl-C (130) ends them all.
NIGHT := var/nightly
WORLDS := $(BIN)/nightdesk simulate --minutes $(MINUTES) --jobs $(JOBS)
KEPT = --keep $(NIGHT)/$(1).jsonl --report $(NIGHT)/$(1).html
OR_TELL = || { [ $$? -ne 130 ] || exit 130; failed="$$failed $(1)"; }

simulate-nightly: setup ## a night of worlds and a soak; goes on where it was (SEEDS, MINUTES, JOBS, DAYS)
	@mkdir -p $(NIGHT); failed=; \
	profiles=$$($(BIN)/python -c 'from nightdesk.simulation.faults import PROFILES as p; print(*(name for name in p if name != "swarm"))'); \
	echo "swarm"; $(WORLDS) --seeds 0..$$(($(SEEDS) - 1)) --all-sometimes $(call KEPT,swarm) $(call OR_TELL,swarm); \
	echo "shuffle"; $(WORLDS) --seeds 0..$$(($(SHUFFLED) - 1)) --shuffle $(call KEPT,shuffle) $(call OR_TELL,shuffle); \
	for profile in $$profiles; do echo "$$profile"; \
	  $(WORLDS) --seeds 0..$$(($(EACH) - 1)) --profile $$profile $(call KEPT,$$profile) $(call OR_TELL,$$profile); done; \
	echo "soak"; $(BIN)/nightdesk simulate soak --days $(DAYS) --keep $(NIGHT)/soak.jsonl $(call OR_TELL,soak); \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

lock: ## remake requirements/*.txt (needs uv)
	@cd requirements && for n in runtime dev; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q $$n.in -o $$n.txt -c runtime.txt; done

clean: ## remove what was made here
	@rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis
