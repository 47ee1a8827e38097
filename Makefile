# Every target sets up what it needs first: `make demo` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOPOLOGY := debug/topology_EPYC-7662-exp.json

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-libvirt bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready $(TOPOLOGY) ## the virtual environment .venv and debug/topology_EPYC-7662-exp.json

# A machine whose Python has no venv (Debian splits it off) gets the package when we are root.
$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "SlackVM needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=/path/to/python3 …"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	    || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update && apt-get install -y python3-venv; } \
	    || { echo "missing: the Debian package python3-venv (as root: apt-get install python3-venv); nothing can run without it"; exit 2; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(TOPOLOGY): $(VENV)/.ready
	@mkdir -p $(@D)
	$(BIN)/slackvm-local topology --preset epyc-7662 --output $@

demo: setup ## a generated trace of one EPYC host, replayed; Fig. 3 and its numbers in demo/
	@$(BIN)/python -m slackanalysis.demo --output demo

test: setup ## lint, types, import rules and the tests; says which it skipped, and why
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

# Tests on real libvirt and QEMU want root and Debian packages, and some minutes.
LIBVIRT_PACKAGES = $(shell sed 's/\#.*//' tests/libvirt_hosts/debian-packages)
test-libvirt: setup ## tests on real libvirt hosts and QEMU guests (Debian, root)
	@test "$$(id -u)" = 0 || { echo "needs root, and the Debian packages $(LIBVIRT_PACKAGES)"; exit 2; }
	apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(LIBVIRT_PACKAGES)
	$(BIN)/pip install --quiet --require-hashes -r requirements-libvirt.lock
	$(BIN)/python -m pytest tests/libvirt_hosts tests/live

bench: setup ## the benchmarks: a table of ratios, and bench.json
	@PYTHONPATH=tests $(BIN)/python -m benchmarks --json debug/bench.json

lock: ## requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements.lock
	echo 'libvirt-python>=9' | uv pip compile - --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements-libvirt.lock

clean: ## remove what the targets made
	rm -rf $(VENV) debug demo dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
