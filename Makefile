# make setup, make demo and make test are all that a new machine needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo study test test-slow test-hostile test-browser test-gpu test-ray test-postgres docs style lint clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/python ablations/run.py --disable fgsa --methods tsm --out results/demo

# Hours on two cores; `make study STUDY="--list"` shows the commands, `STUDY="--only main --dry-run"` one part's plan.
study: setup
	$(BIN)/python ablations/study.py $(STUDY)

# Processes by the hundred import the package: where byte code may not be kept, each compiles it anew.
test: setup style
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: setup
	$(BIN)/python -m pytest -m slow --log-cli-level=INFO

test-hostile: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m hostile

# Chromium is Debian's; elsewhere install chromium and chromedriver by hand.
test-browser: setup
	command -v chromium && command -v chromedriver || \
		(apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver)
	[ -e node_modules/axe-core ] || npm install --no-save --no-package-lock --no-audit --no-fund axe-core@4.14.1
	$(BIN)/python -m pytest -m browser

test-gpu: setup
	$(BIN)/python -m pytest -m gpu

test-ray: setup
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[ray]'
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m ray

# PostgreSQL is Debian's; elsewhere install its server by hand, or set PG_BIN to the folder of initdb and pg_ctl.
test-postgres: setup
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[postgres]'
	command -v initdb || ls /usr/lib/postgresql/*/bin/initdb || \
		(apt-get update && apt-get install -y --no-install-recommends postgresql)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m postgres

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The type checker reads torch's sources too: minutes the first time, seconds after that.
lint: style
	$(BIN)/mypy

docs: setup
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

# What make demo has made: data/ also holds the copies of released data sets, which nothing brings back.
clean:
	rm -rf results/demo data/synmg/quick-seed0
