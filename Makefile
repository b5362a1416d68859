# One verb per job, the same by hand and in CI.
#
#   make demo     from a bare Debian to three provisioned hosts: sets up, starts the lab, applies, verifies
#   make test     sets up, starts the lab, runs all rings of tests
#   make check    ruff, mypy, import-linter, the measures of the style: seconds, no lab
#   make bench    deployer beside its peers, and the sites it configures beside others': ten minutes;
#                 BENCH=full takes hours and writes docs/benchmarks.md; ROWS=nothing,change measures only those
#   make down     takes the lab away
#   make clean    takes everything away that the others made
#
# On Debian as root nothing else is needed. Elsewhere `lab/setup` says what to type.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INVENTORY := lab/inventory.yaml

.PHONY: demo test check bench down clean

demo: $(READY)
	@sh lab/setup
	@$(BIN)/deployer lab up
	@$(BIN)/deployer verify $(INVENTORY)
	@$(BIN)/deployer lab status

test: $(READY)
	@sh lab/setup test
	@$(BIN)/deployer lab up
	@$(BIN)/python -m pytest

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest --quiet tests/pure/test_style.py

bench: $(READY)
	@sh lab/setup
	@$(BIN)/python -m tests.bench $(if $(filter full,$(BENCH)),--full --write) $(if $(ROWS),--only $(ROWS))

down: $(READY)
	@$(BIN)/deployer lab down

clean:
	@if [ -x $(BIN)/deployer ]; then $(BIN)/deployer lab down || true; fi
	@rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made anew when what it holds changes; the package itself is editable.
$(READY): pyproject.toml constraints.txt
	@sh lab/setup python
	@python3 -m venv $(VENV)
	@echo "installing into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@
