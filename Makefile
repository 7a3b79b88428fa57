# make setup, make demo and make test are all that a new machine needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test test-slow test-browser lint clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/python ablations/run.py --disable fgsa --beside tsm --out results/demo

test: setup lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: setup
	$(BIN)/python -m pytest -m slow --log-cli-level=INFO

# Chromium is Debian's; elsewhere install chromium and chromedriver by hand.
test-browser: setup
	command -v chromium && command -v chromedriver || \
		(apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver)
	$(BIN)/python -m pytest -m browser

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf results/demo data
