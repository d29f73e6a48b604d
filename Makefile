# Two commands matter: `make up` and `make test`. Each does all the set-up it needs; a second run takes a second for it.
.DEFAULT_GOAL := help
.PHONY: help setup up drill deploy test check rules sheets pictures chaos bench compose-test fmt clean
PYTHON := .venv/bin/python
# one more than there are cores: many tests wait for a real server, and not for a core
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 5 ? n + 1 : 6)))
PYTEST := $(PYTHON) -m pytest -n $(WORKERS) --dist worksteal

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

setup: ## .venv with the pinned dependencies (the others do this by themselves)
	@bash .ci/setup

up: setup ## the whole stack on loopback, in the foreground, until Ctrl-C
	@exec $(PYTHON) -m demo.stack

drill: setup ## with the stack up: break the shop and watch it heal (DRILL=release, leak, cache, …; all for all of them)
	@exec $(PYTHON) -m demo.drill $(DRILL)

deploy: setup ## with the stack up: deploy a release of the shop (VERSION=1.1.0, or a bad one: 1.2.0-errors, …)
	@exec $(PYTHON) -m demo.deploy $(VERSION)

test: setup ## everything: lint, types, layers, then every test, on real servers
	@bash .ci/servers
	@bash .ci/static
	@$(PYTEST) $(ARGS)

check: setup ## the fast part, without servers: lint, types, layers, unit tests
	@bash .ci/static
	@$(PYTEST) -m "not server and not e2e" $(ARGS)

rules: setup ## the rules, Alertmanager's config and the dashboards: rendered anew, then promtool, amtool, the linter and their tests
	@bash .ci/servers
	@.venv/bin/prunella rules render
	@$(PYTHON) -m grafana.generator
	@$(PYTHON) -m tests.project.alerts_document
	@$(PYTEST) tests/prometheus tests/grafana tests/receiver/rules tests/project/test_alerts_document.py $(ARGS)

sheets: setup ## with the stack up: every dashboard as a PNG in var/sheets, for looking without Grafana (README's: SHEETS=overview OUT=docs/pictures)
	@$(PYTHON) -m grafana.generator.pictures --minutes 5 --out $(or $(OUT),var/sheets) $(SHEETS)

pictures: setup ## with the stack up: a drill that asks a human, and docs/pictures of the console in it
	@bash .ci/servers
	@$(PYTHON) -m tests.e2e.pictures

chaos: setup ## the long proofs: crashes at every point, storms over dying receivers (PRUNELLA_SEED=n repeats one)
	@bash .ci/servers
	@PRUNELLA_CHAOS=1 $(PYTEST) tests/proof tests/prunella/test_same_bytes.py tests/receiver/backups/test_large.py tests/receiver/web/test_conformance.py $(ARGS)

bench: setup ## benchmarks with their goals, in a few minutes (BENCH="idle webhooks reaction large storm flush")
	@$(PYTHON) -m benchmarks $(BENCH)

compose-test: setup ## the stack in containers on a real engine, alone and as a pair: up, healed, down
	@bash docker/compose-test

fmt: setup ## format, and mend what ruff can mend
	@$(PYTHON) -m ruff format -q .
	@$(PYTHON) -m ruff check -q --fix .

clean: ## caches and local state (not .venv)
	@rm -rf var dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
