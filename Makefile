# Every target sets up what it needs first: `make demo` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOPOLOGY := debug/topology_EPYC-7662-exp.json

.DEFAULT_GOAL := help
.PHONY: help python setup packages demo lint lint-page check-page test figures lab contact-sheet page-picture bench release deploy lint-roles molecule lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready $(TOPOLOGY) ## the virtual environment .venv and debug/topology_EPYC-7662-exp.json

# A machine whose Python has no venv (Debian splits it off) gets the package when we are root.
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "SlackVM needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=/path/to/python3 …"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	    || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update && apt-get install -y python3-venv; } \
	    || { echo "missing: the Debian package python3-venv (as root: apt-get install python3-venv); nothing can run without it"; exit 2; }

$(VENV)/.ready: requirements.lock pyproject.toml | python
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(TOPOLOGY): $(VENV)/.ready
	@mkdir -p $(@D)
	$(BIN)/slackvm-local topology --preset epyc-7662 --output $@

# Tests and the demo on real libvirt hosts, in a browser and with Prometheus need Debian packages.
# Root gets them by itself; `make test PACKAGES=no` leaves the machine as it is. Node from another
# source than Debian brings its own npm, and conflicts with Debian's.
PACKAGES ?= yes
PACKAGE_LISTS := tests/libvirt_hosts/debian-packages tests/debian-packages
packages: setup ## what the tests on real parts need (Debian, root); `make test` does it first
ifeq ($(PACKAGES),yes)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then $(MAKE) --no-print-directory $(VENV)/.packages; \
	else echo "not root on Debian: tests on real libvirt, in a browser and with Prometheus are skipped"; fi
endif

$(VENV)/.packages: $(PACKAGE_LISTS) requirements-libvirt.lock $(VENV)/.ready
	apt-get update --quiet
	DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends \
	    $$(sed 's/#.*//' $(PACKAGE_LISTS)) $$(command -v npm >/dev/null || echo nodejs npm)
	$(BIN)/pip install --quiet --require-hashes -r requirements-libvirt.lock
	@touch $@

HYPERVISOR ?= memory
demo: setup $(if $(filter libvirt,$(HYPERVISOR)),packages) ## the main job: a cluster on this machine, in demo/; HYPERVISOR=libvirt: real guests; KEEP=1
	@$(BIN)/python -m slackanalysis.demo --output demo --hypervisor $(HYPERVISOR) $(if $(KEEP),--keep)

lint: setup lint-page ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What Node runs is pinned, with hashes, in tests/browsers/package-lock.json.
NODE := tests/browsers/node_modules
lint-page: setup ## tsc and eslint on the controller's page; skipped where npm is missing
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory check-page; \
	else echo "skipped: tsc and eslint on the page: npm is missing (Debian packages nodejs and npm)"; fi

check-page: $(NODE)/.package-lock.json
	PYTHONPATH=tests $(BIN)/python -m browsers.rest_types tests/browsers/rest.d.ts
	$(NODE)/.bin/tsc --project tests/browsers
	$(NODE)/.bin/eslint --config tests/browsers/eslint.config.js daemons/global/schedulerglobal/page

$(NODE)/.package-lock.json: tests/browsers/package-lock.json
	cd tests/browsers && npm ci

test: packages lint lint-roles ## lint, types, import rules and the tests; says which it could not run, and why
	$(BIN)/python -m pytest --numprocesses 2

lint-roles: deploy ## yamllint and ansible-lint on playbooks, roles and scenarios
	$(DEPLOY)/bin/yamllint --strict .
	PATH=$(CURDIR)/$(DEPLOY)/bin:$$PATH ansible-lint --offline -q site.yml playbooks roles molecule

figures: setup ## every figure of the paper and more, of 20 seeds, into figures/; SMALL=1: of 3 seeds
	$(BIN)/slackvm-analysis figures --all $(if $(SMALL),--small) --output figures

contact-sheet: setup ## every figure of inputs that are hard to draw, for eyes: debug/contact-sheet/index.html
	$(BIN)/python -m slackanalysis.figures.contact_sheet debug/contact-sheet

# The kernel `python3` is that of .venv, also where the user has another of that name.
LAB := JUPYTER_PREFER_ENV_PATH=1 $(BIN)/jupyter lab
PORT ?= 8888
lab: $(VENV)/.lab ## JupyterLab with the notebooks, on this machine alone; PORT=8888; begin with demo.ipynb
	$(LAB) --ServerApp.ip=127.0.0.1 --ServerApp.port=$(PORT) --ServerApp.root_dir=analysis/notebooks \
	    $(if $(filter 0,$(shell id -u)),--allow-root) $(if $(DISPLAY)$(WAYLAND_DISPLAY),,--no-browser)

$(VENV)/.lab: requirements-notebook.lock $(VENV)/.ready
	$(BIN)/pip install --quiet --require-hashes -r requirements-notebook.lock
	@touch $@

page-picture: setup packages ## the picture of the controller's page in the README, docs/page.png
	PYTHONPATH=tests $(BIN)/python -m browsers.picture docs/page.png

bench: setup ## the benchmarks: a table, and debug/bench.json; ONLY=replay: one group
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(addprefix --only=,$(ONLY)) --json debug/bench.json

release: setup deploy ## wheel, source distribution and Ansible collection of the last commit, into dist/
	@PYTHON=$(BIN)/python GALAXY=$(DEPLOY)/bin/ansible-galaxy .ci/release

# Ansible and Molecule live in an environment of their own: nobody else needs that much.
DEPLOY := .venv-deploy
deploy: $(DEPLOY)/.ready ## ansible, molecule and their linters, in .venv-deploy

$(DEPLOY)/.ready: requirements-deploy.lock | python
	rm -rf $(DEPLOY)
	$(PYTHON) -m venv $(DEPLOY)
	$(DEPLOY)/bin/pip install --quiet --no-compile --require-hashes -r requirements-deploy.lock
	@touch $@

# Three run side by side, but for those on a user's own machines: the longest first, beside the one
# whose image is built first.
SCENARIO ?= hypervisor upgrade cluster remove local monitoring global env
SUITE ?= bookworm
MACHINES ?=
JOBS ?= $(if $(MACHINES),1,3)
# Molecule finds Ansible's programs by PATH.
MOLECULE := PATH=$(CURDIR)/$(DEPLOY)/bin:$$PATH MACHINES_SUITE=$(SUITE) MACHINES=$(if $(MACHINES),$(abspath $(MACHINES)))
molecule: deploy ## role tests on throw-away machines (Debian, root), or MACHINES=FILE: your own; SCENARIO=cluster; SUITE=trixie
	@test -n "$(MACHINES)" || test "$$(id -u)" = 0 || { echo "throw-away machines need root; MACHINES=FILE tests on your own: docs/rollout.md"; exit 2; }
	@test -n "$(MACHINES)" || { apt-get update --quiet && \
	    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends \
	    $$(sed 's/#.*//' molecule/machines/debian-packages); }
ifeq ($(words $(SCENARIO)),1)
	$(MOLECULE) molecule test --scenario-name $(SCENARIO)
else
	printf '%s\n' $(SCENARIO) | $(MOLECULE) xargs --max-procs=$(JOBS) --max-args=1 molecule/run
endif

lock: ## write the lock files again from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements.lock
	echo 'libvirt-python>=9' | uv pip compile - --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements-libvirt.lock
	uv pip compile pyproject.toml --extra notebook --constraint requirements.lock --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet \
	    --output-file requirements-notebook.lock
	uv pip compile pyproject.toml --extra deploy --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements-deploy.lock

clean: ## remove what the targets made
	rm -rf $(VENV) $(DEPLOY) $(NODE) tests/browsers/rest.d.ts debug demo dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
