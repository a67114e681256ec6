# `make up` and `make test` do everything on a fresh clone; `make help` lists the rest.
# Nothing is needed beforehand but Python 3.12 or later with pip.

PYTHON = .venv/bin/python
MANAGE = $(PYTHON) manage.py
PIP_OPTIONS = --quiet --disable-pip-version-check

# The smallest production environment, as docs/ describes it; the key is public and opens nothing.
PRODUCTION = HTTPS=on ALLOWED_HOSTS=backlog.example.org \
	SECRET_KEY=a-key-that-only-the-deployment-check-ever-sees-0123456789

# Django's checks ask the server for its version. They get a store of their own for as long as
# they run, whatever store the environment names.
with-store = unset DATABASE_URL && BACKLOG_DATA_DIR=$$(mktemp -d) && export BACKLOG_DATA_DIR && \
	trap '{ $(MANAGE) backlog store stop; rm -rf "$$BACKLOG_DATA_DIR"; } >/dev/null 2>&1' EXIT && \
	trap 'exit 130' INT TERM

# For how long `make chaos` goes on: as long as it takes, or `bounded`, as a change is checked.
BUDGET = full

# More options for pytest, the benchmarks and the lock: make test ARGS="-k claim -x"
ARGS =

# The queues and the board of Node; its lock names versions and hashes, and no registry.
NODE_PACKAGES = benchmarks/peers/node/node_modules/.package-lock.json

.DEFAULT_GOAL = help
.PHONY: help setup up test quick chaos check format completions vendor lock bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

setup: .venv/project.stamp ## make .venv, with every tool

up: setup ## start the store and serve the app on 127.0.0.1:8000
	@$(MANAGE) serve

# Three workers a core, each with a store of its own; what one of them compiled serves the others.
# The tests of the browser are of one tier: on the other, what they need is not imported.
PYTEST = PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest -n auto

test: setup ## the tests, on each tier of the store that matters to them
	BACKLOG_TEST_TIER=embedded $(PYTEST) -m "not deep" $(ARGS)
	BACKLOG_TEST_TIER=server $(PYTEST) -p no:playwright -m "not deep" $(ARGS)

quick: setup ## the tests that say most in a minute, on the embedded tier
	$(PYTEST) -m quick $(ARGS)

chaos: setup ## the deep tests: storms, models, kills, full disks, 100,000 cards
	BACKLOG_TEST_BUDGET=$(BUDGET) BACKLOG_TEST_TIER=embedded $(PYTEST) -m deep $(ARGS)
	BACKLOG_TEST_BUDGET=$(BUDGET) BACKLOG_TEST_TIER=server $(PYTEST) -p no:playwright -m deep $(ARGS)
	test $(BUDGET) = bounded || BACKLOG_TEST_FACE=http $(PYTEST) -p no:playwright -m "not deep" tests/cli $(ARGS)

check: setup ## lint, types, layers, templates, known weaknesses, migrations, deployment
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/djlint --quiet --check --lint templates
	find templates -name '*.html' -exec .venv/bin/djade --check {} +
	$(PYTHON) -m tools.audit
	@$(with-store) && set -x && \
	$(MANAGE) makemigrations --check --dry-run && \
	env $(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING

format: setup ## rewrite code and templates in the house style
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format
	.venv/bin/djlint --quiet --reformat templates || true # 1: it rewrote one
	find templates -name '*.html' -exec .venv/bin/djade {} + || true # 1: it rewrote one

completions: setup ## completions/, what shells complete, from what the command reads
	$(PYTHON) -m tools.completions

vendor: setup .venv-bench/lock.stamp ## what browsers are served that others wrote, by tools/vendor.toml
	PATH="$$PWD/.venv-bench/bin:$$PATH" $(PYTHON) -m tools.vendor

bench: setup .venv-bench/lock.stamp $(NODE_PACKAGES) .venv-hermes/lock.stamp .venv-prefect/lock.stamp ## the benchmarks, beside other queues and boards
	.venv-bench/bin/python -m benchmarks $(ARGS)

# Ranges in pyproject.toml become exact versions with the hashes of every platform's files; what
# is locked stays as it is unless ARGS says --upgrade or --upgrade-package NAME.
LOCK = .venv/bin/uv pip compile --quiet --no-config --universal --python-version 3.12 \
	--generate-hashes --custom-compile-command "make lock" $(ARGS)

lock: setup ## requirements/*.txt from pyproject.toml
	$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	$(LOCK) pyproject.toml --all-extras --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --group bench --constraint requirements/runtime.txt --output-file requirements/bench.txt
	$(LOCK) --group hermes --output-file requirements/hermes.txt
	$(LOCK) --group prefect --output-file requirements/prefect.txt

clean: ## remove what make made; the store's data lives elsewhere and stays
	rm -rf .venv .venv-bench .venv-hermes .venv-prefect benchmarks/peers/node/node_modules
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Distributions may ship Python without ensurepip; the interpreter's own pip then brings one.
define make-venv
python=$$(tools/find-python) && echo "$(1): $$python" && \
if "$$python" -P -c "import ensurepip" 2>/dev/null; then \
	"$$python" -P -m venv --clear $(1); \
else \
	"$$python" -P -m venv --clear --without-pip $(1) && \
	"$$python" -P -m pip --python $(1)/bin/python install $(PIP_OPTIONS) pip; \
fi
$(1)/bin/python -P -m pip install $(PIP_OPTIONS) --require-hashes --requirement $(2)
touch $@
endef

.venv/lock.stamp: requirements/dev.txt .python-version tools/find-python
	@$(call make-venv,.venv,requirements/dev.txt)

.venv-bench/lock.stamp: requirements/bench.txt .python-version tools/find-python
	@$(call make-venv,.venv-bench,requirements/bench.txt)

# It pins what the others need in other versions. As below: without it the benchmarks go on.
.venv-hermes/lock.stamp: requirements/hermes.txt .python-version tools/find-python
	-@$(call make-venv,.venv-hermes,requirements/hermes.txt)

.venv-prefect/lock.stamp: requirements/prefect.txt .python-version tools/find-python
	-@$(call make-venv,.venv-prefect,requirements/prefect.txt)

# Without them the benchmarks go on, and say which queues they leave out.
$(NODE_PACKAGES): benchmarks/peers/node/package-lock.json .venv-bench/lock.stamp
	-.venv-bench/bin/npm ci --loglevel error --no-audit --no-fund --ignore-scripts \
		--prefix $(dir $<) && touch $@

# The tree itself, as a path entry and the `backlog` command; built with the locked hatchling.
.venv/project.stamp: .venv/lock.stamp pyproject.toml
	@$(PYTHON) -P -m pip install $(PIP_OPTIONS) --no-deps --no-build-isolation --editable .
	@touch $@
