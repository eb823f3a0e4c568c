# Two commands are enough: `make run` serves the demo models, `make test` checks everything.
# Each sets up what it needs first in the virtual environment .venv: what the demo needs, from requirements-run.lock,
# and for all but `make run` the rest of requirements.lock.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.demo
INSTALLED := $(VENV)/.installed
# torch, TensorFlow and the other large frameworks stay out of .venv.
FRAMEWORKS := .venv-frameworks
# schemathesis pins what many others use.
FUZZ := .venv-fuzz
# MkDocs and its theme are for the site alone.
SITE := .venv-site
# The page, as the wheel holds it, and what it is built from.
PAGE := src/modelport/api/page/index.html
PAGE_SOURCES := $(shell test -d ui && find ui -path ui/node_modules -prune -o -type f -print)

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-first test-second test-third test-fast test-pythons test-frameworks test-packages lint \
	lint-types lint-page lint-style lint-imports \
	ui ui-types chromium docs docs-site pictures bench database-faults rolling-upgrade soak kills fuzz lock clean

help:
	@echo 'make run    set up, and serve the demo models on http://127.0.0.1:5000'
	@echo 'make test   set up, check style, types and imports, and run every test'
	@echo 'make test-first       the first of the three lanes of these tests; test-second and test-third are the others'
	@echo 'make test-fast        a minute of tests, while working (CONTRIBUTING.md says what it leaves out)'
	@echo 'make test-pythons     run every test with each Python that modelport is for and this machine has'
	@echo 'make test-frameworks  set up the large frameworks too (3 GB), and run the tests of all of them'
	@echo 'make test-packages    install old packages beside modelport (DEEPaaS 2.6 and mlup 0.4 among them), and serve there'
	@echo 'make ui     build the page for people out of ui/ (it needs npm)'
	@echo 'make lint   the checks of make test without its tests'
	@echo 'make docs   write the generated parts of the docs, and run every code block in them'
	@echo 'make docs-site   build the documentation as a site in site/, which needs no server: open site/index.html'
	@echo 'make pictures    take the pictures of the page that are in the docs'
	@echo 'make bench  measure, side by side with the peers that are installed'
	@echo 'make database-faults   restart PostgreSQL, fail it over, and cut its network for a minute, with servers at work (as root)'
	@echo 'make rolling-upgrade   replace servers by newer ones while they are asked 100,000 times: none may fail, no job be lost'
	@echo 'make soak   kill a random process every 3 s for ten minutes, with predictions, trainings and promotions going on'
	@echo 'make kills  kill stores and servers a thousand times at any moment, and cut the power two hundred times'
	@echo 'make fuzz   some ten minutes: no answer that the API document does not tell of'
	@echo 'make lock   resolve pyproject.toml into the lock files; what is pinned stays, unless UPGRADE=--upgrade'
	@echo 'make clean  remove everything that these commands made'

setup: $(INSTALLED)

demo: $(DEMO)

$(DEMO): requirements-run.lock pyproject.toml
	@test -n '$(PYTHON)' || { echo 'modelport needs Python 3.11 or newer (PYTHON=/path/to/python make …)'; exit 1; }
	@echo 'setting up $(VENV), which takes some seconds'
	@$(PYTHON) -m venv $(VENV) || { echo 'Python lacks its venv module (Debian: apt-get install python3-venv)'; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-run.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(INSTALLED): $(DEMO) requirements.lock
	@echo 'setting up the rest of $(VENV), for tests, which takes a minute or two'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

# A checkout without npm serves everything but the page; an installed modelport holds it.
ui:
	@if ! test -d ui; then :; elif command -v npm >/dev/null; then $(MAKE) --no-print-directory $(PAGE); \
		else echo 'npm is not on this machine, so the page at / is not built (Debian: apt-get install npm); the API is served'; fi

$(PAGE): $(PAGE_SOURCES) ui/node_modules/.installed
	@echo 'building the page, which takes some seconds'
	@cd ui && npm run --silent build -- --logLevel warn
	@touch $@

ui/node_modules/.installed: ui/package-lock.json
	@cd ui && npm ci --silent --no-audit --no-fund
	@touch $@

# The types of the API, for the page.
ui-types: setup ui/node_modules/.installed
	@$(BIN)/python tests/house/page_types.py >$(VENV)/openapi.json
	@cd ui && npx openapi-typescript ../$(VENV)/openapi.json --output src/api/schema.d.ts >/dev/null
	@$(BIN)/python tests/house/page_types.py --mark

# What the tests of the page drive.
chromium:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
		apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || \
		echo 'chromium is not on this machine, and its tests will say so (Debian: apt-get install chromium)'

run: demo ui
	@echo 'Serving two models on http://127.0.0.1:5000 until Ctrl-C. In another terminal:'
	@echo
	@echo "  curl -F image=@examples/digits/pictures/7.png 'http://127.0.0.1:5000/v2/models/digits/predict/?top=2'"
	@echo '  curl -F flowers=@examples/iris/flowers.csv http://127.0.0.1:5000/v2/models/iris/predict/'
	@echo
	@echo 'and in a browser: http://127.0.0.1:5000'
	@echo
	@exec $(BIN)/modelport serve examples/digits/digits.py examples/iris/iris.py

test: lint
	@$(MAKE) --no-print-directory test-first
	@$(MAKE) --no-print-directory test-second
	@$(MAKE) --no-print-directory test-third
	@$(MAKE) --no-print-directory test-packages

# The lanes (tests/lanes.py): each is a command that ends within some minutes. A few tests that fail in company are run
# again alone, twice (tests/run_lane.py).
test-first: setup ui
	@$(BIN)/python tests/run_lane.py -m 'not second_lane and not third_lane'

test-second: setup ui
	@$(BIN)/python tests/run_lane.py -m second_lane

test-third: setup ui chromium
	@$(BIN)/python tests/run_lane.py -m third_lane

# The rules, the codecs and the stores, which need few servers, and one server from its start to its stop.
FAST := tests/contract tests/engine tests/house tests/http tests/jobs tests/security tests/storage tests/worker \
	tests/test_smoke.py
COSTLY := tests/contract/test_partial_models.py tests/jobs/test_webhooks.py tests/worker/test_job_reports.py tests/worker/test_world.py
test-fast: setup
	@$(BIN)/python -m pytest -m 'not slow and not second_lane' $(COSTLY:%=--ignore=%) $(FAST)

# Each in an environment of its own. The versions are those that pyproject.toml names.
test-pythons:
	@for version in $$(sed -n 's/.*:: Python :: \(3\.[0-9]*\)".*/\1/p' pyproject.toml); do \
		python=$$(for p in "python$$version" "$${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version".*/bin/python; do \
			"$$p" -c 'import venv' 2>/dev/null && echo "$$p" && break; done); \
		test -n "$$python" || { echo "Python $$version is not on this machine"; continue; }; \
		echo "Python $$version: $$python"; \
		$(MAKE) --no-print-directory setup VENV=".venv-$$version" PYTHON="$$python" && \
			".venv-$$version/bin/python" -m pytest || exit 1; done

# A minute once .venv-packages is there. Without a registry it says that nothing was tested; in CI that is an error.
test-packages: setup chromium
	@$(BIN)/python tests/run_lane.py -n 3 -rs tests/packages

test-frameworks: $(FRAMEWORKS)/.installed
	@$(FRAMEWORKS)/bin/python -m pytest -n0 --timeout 300 tests/frameworks
	@KERAS_BACKEND=torch $(FRAMEWORKS)/bin/python -m pytest -n0 --timeout 300 tests/frameworks/test_keras.py

$(FRAMEWORKS)/.installed: requirements.lock requirements-frameworks.lock pyproject.toml
	@echo 'setting up $(FRAMEWORKS), which takes some minutes'
	@$(PYTHON) -m venv $(FRAMEWORKS)
	@$(FRAMEWORKS)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r requirements.lock -r requirements-frameworks.lock
	@$(FRAMEWORKS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Two at a time: the types are as long as all else.
lint: setup
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint-types lint-page lint-style lint-imports

lint-types: setup
	@$(BIN)/pyright

lint-page: setup
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory ui/node_modules/.installed && cd ui && \
		npm run --silent check && npm test --silent; fi

lint-style: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

lint-imports: setup
	@$(BIN)/lint-imports --cache-dir $(VENV)/.import_linter

docs: setup
	@$(BIN)/python tests/house/settings_table.py --write
	@$(BIN)/python tests/house/settings_keywords.py --write
	@$(BIN)/python tests/house/endpoints_table.py --write
	@$(BIN)/python tests/house/metrics_table.py --write
	@$(BIN)/python -m pytest tests/docs tests/house

# A warning, such as a link to a heading that is not there, is an error. Each version has its folder, and stays.
docs-site: $(SITE)/.installed
	@NO_MKDOCS_2_WARNING=true $(SITE)/bin/mkdocs build --quiet --site-dir \
		"site/$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)"
	@echo 'the documentation is in site/index.html'

$(SITE)/.installed: requirements-site.lock
	@echo 'setting up $(SITE), which takes some seconds'
	@$(PYTHON) -m venv $(SITE)
	@$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-site.lock
	@touch $@

pictures: setup ui chromium
	@PICTURES=docs/pictures $(BIN)/python -m pytest -n0 tests/browser/test_pictures.py

bench: setup
	@DEEPAAS_BIN=.venv-packages/deepaas/bin MLUP_BIN=.venv-packages/mlup/bin CELERY_BIN=.venv-packages/celery/bin \
		MLSERVER_BIN=.venv-packages/mlserver/bin \
		$(BIN)/python -m benchmarks

# Without root there is a proxy in the place of the network.
database-faults: setup
	@PARTITION_SECONDS=60 $(BIN)/python -m pytest -n0 tests/jobs/test_database_away.py

rolling-upgrade: setup
	@REQUESTS=100000 $(BIN)/python -m pytest -n0 tests/jobs/test_rolling_upgrade.py

# The same seed is the same kills: SOAK_SEED= is printed by each soak.
SOAK_SECONDS := 600
SOAK_SEED :=
SOAK_DATABASE := postgres
SOAK_NODES :=
soak: setup
	@$(BIN)/python tests/soak/soak.py --seconds $(SOAK_SECONDS) --database $(SOAK_DATABASE) $(SOAK_SEED:%=--seed %) \
		$(SOAK_NODES:%=--nodes %)

kills: setup
	@$(BIN)/python tests/jobs/kill_cycles.py --cycles 950 --servers 50
	@$(BIN)/python tests/jobs/power_cuts.py --cuts 200

fuzz: setup $(FUZZ)/.installed
	@$(BIN)/python tests/soak/document_fuzz.py --schemathesis $(FUZZ)/bin/st

$(FUZZ)/.installed:
	@$(PYTHON) -m venv $(FUZZ)
	@$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check 'schemathesis==4.32.5'
	@touch $@

# One resolution: the other lock files are constrained by requirements.lock, of which the first is a part, and the second
# what is beside it. Frameworks keep what is pinned (for another version, change the pin), since the next torch may bring
# a graphics card's libraries.
COMPILE = $(BIN)/pip-compile --quiet --no-emit-find-links --no-emit-index-url --no-emit-options --no-emit-trusted-host \
	--strip-extras
UPGRADE :=
lock: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-tools
	@$(COMPILE) $(UPGRADE) --extra=build --extra=dev --extra=examples --extra=image --extra=postgres --extra=skops \
		--extra=table --output-file=requirements.lock pyproject.toml
	@$(COMPILE) --constraint=requirements.lock --extra=build --extra=examples --extra=skops --output-file=requirements-run.lock \
		pyproject.toml
	@cp requirements-frameworks.lock $(VENV)/frameworks.lock
	@$(COMPILE) --constraint=requirements.lock --extra=dev-frameworks --no-annotate --no-header \
		--output-file=$(VENV)/frameworks.lock pyproject.toml
	@grep '^#' requirements-frameworks.lock >$(VENV)/frameworks.new
	@grep '^[^#].*==' $(VENV)/frameworks.lock | grep -vxFf requirements.lock | sed 's/+[a-z0-9.]*$$//' >>$(VENV)/frameworks.new
	@mv $(VENV)/frameworks.new requirements-frameworks.lock

clean:
	rm -rf ui/node_modules src/modelport/api/page $(VENV) .venv-3.* $(FRAMEWORKS) .venv-packages $(FUZZ) $(SITE) site dist build .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
