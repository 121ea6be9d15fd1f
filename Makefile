# Each of these works as the first command in a clean clone. PYTHON=... names the interpreter, if not python3.
PORT ?= 8000
STORE ?= sqlite
LOCK = uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long bench docs lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## create or refresh .venv; the command is then .venv/bin/kith
	@scripts/setup run

demo: ## load a sample shop, train, serve it on this machine until Ctrl-C [PORT=8000] [STORE=sqlite|neo4j]
	@case "$(STORE)" in sqlite|neo4j) ;; *) echo "STORE=$(STORE) is not known; this version has: sqlite, neo4j" >&2; exit 2 ;; esac
	@scripts/setup $(if $(filter neo4j,$(STORE)),neo4j,run)
	@exec .venv/bin/kith demo --port $(PORT) $(if $(filter neo4j,$(STORE)),--neo4j)

test: ## lint, types, contracts and every test
	@scripts/setup dev
	@scripts/check

test-long: ## the same, with many more random cases and kills
	@scripts/setup dev
	@KITH_LONG=1 scripts/check

bench: ## the figures of docs, as ratios, on this machine
	@scripts/setup dev
	@OPENBLAS_NUM_THREADS=1 .venv/bin/python -m benchmarks

docs: ## rewrite the documents that are generated from the code
	@scripts/setup dev
	@.venv/bin/python -m scripts.write_docs

lock: ## pin dependencies anew; needs uv. UPGRADE=--upgrade takes the newest versions
	$(LOCK) $(UPGRADE) pyproject.toml --group build -o requirements/run.lock.txt
	$(LOCK) $(UPGRADE) pyproject.toml --group build --group java -c requirements/run.lock.txt -o requirements/neo4j.lock.txt
	$(LOCK) $(UPGRADE) pyproject.toml --group build --group java --group dev -c requirements/run.lock.txt -o requirements/dev.lock.txt

clean: ## remove .venv and what tools have cached
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
