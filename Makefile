# make setup   a virtual environment with everything; quick when nothing has changed
# make dev     the server with the example graphs; needs no Docker, Postgres or Redis (PORT=… for another port)
# make test    all tests, against real Postgres and Redis (ARGS="-k lease" for some)
# make check   style, types, layers, versions
# make bench   what it costs (ARGS="tokens" for one)

PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready

# npm leaves a list of what it has installed.
NODE_MODULES := $(patsubst %,%/node_modules/.package-lock.json, tests/javascript tests/browser/newest_hook examples/web/plain examples/web/chat)

.PHONY: setup dev test conformance contract check bench redis browser

setup: $(READY)
	@$(MAKE) --no-print-directory redis || true

dev: $(READY)
	@$(BIN)/joinstream dev --config graphs/langgraph.json

test: $(READY) redis browser
	@$(BIN)/pytest --quiet --numprocesses 2 --dist loadfile $(ARGS)

# The official suite's own report on the checkpointer, printed.
conformance: $(READY)
	@$(BIN)/pytest --quiet tests/conformance/test_checkpointer.py

# What the official client can do with us, method by method, printed (CONTRACT_URL=… for another server).
contract: $(READY)
	@$(BIN)/pytest --quiet tests/contract

check: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python .ci/check_versions.py

bench: $(READY) redis
	@$(BIN)/python -m benchmarks $(ARGS)

$(READY): pyproject.toml sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("joinstream needs Python 3.11 or newer, $(PYTHON) is %d.%d: make PYTHON=python3.12" % sys.version_info[:2])'
	@test -x $(BIN)/pip || { echo "creating .venv"; $(PYTHON) -m venv .venv; }
	@echo "installing into .venv"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e sdk -e '.[embedded,dev]'
	@touch $@

# Programs that tests need are installed where that needs no question; else it is said how.
redis:
	@sh .ci/install.sh redis-server || { \
		echo "the tests need redis-server: apt install redis-server, or brew install redis" >&2; \
		exit 1; \
	}

browser: $(NODE_MODULES)
	@sh .ci/install.sh chromium || \
		echo "no tests in a browser: they need Chromium, as chromium (apt install chromium)" >&2

%/node_modules/.package-lock.json: %/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "installing into $(@D)"; \
		npm ci --prefix $* --engine-strict --no-audit --no-fund --loglevel error && touch $@; \
	else false; fi || echo "no tests of JavaScript: they need Node 20.19 or newer, with npm" >&2
