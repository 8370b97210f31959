# `make demo` and `make test` do everything from a bare machine; `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# In so many processes tests run.
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint types format samples bench docs docs-serve clean

help:  ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The stamps make a second call install nothing; a changed pyproject.toml or extension installs again.
$(VENV)/installed: pyproject.toml hatch_build.py src/augpipe/data/_jpeg.c
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "augpipe needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo 'making $(VENV): this takes a minute or two, most of it torch'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[albumentations,imgaug]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

demo: $(VENV)/installed  ## export real digits, preview the recipe, train it, say where everything lies
	$(BIN)/python samples/export_digits.py samples/digits
	$(BIN)/augpipe preview pipelines/digits.yaml --out runs/demo/preview.png
	$(BIN)/augpipe train pipelines/digits.yaml --out runs/demo

test: $(VENV)/installed-dev lint types  ## lint, check types, run the whole test suite
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

test-slow: $(VENV)/installed-dev  ## the tests that take long
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/installed-dev  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-dev  ## mypy, strict
	$(BIN)/mypy

format: $(VENV)/installed-dev  ## let ruff write the code's layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

samples: $(VENV)/installed  ## draw the small synthetic data of samples/ anew
	$(BIN)/python samples/draw.py

# Of the loader's peers those that are installed; benchmarks/loader.py says how to install the others.
bench: $(VENV)/installed-dev  ## loader and ops beside our peers: make bench DATA=folder
	$(BIN)/python benchmarks/loader.py $(DATA)
	$(BIN)/python benchmarks/ops.py $(DATA)

docs docs-serve: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/installed-docs  ## the documentation as a site, into site/
	$(BIN)/python -m mkdocs build --quiet
	@echo 'open site/index.html'

docs-serve: $(VENV)/installed-docs  ## the same at http://127.0.0.1:8000, anew with every change
	$(BIN)/python -m mkdocs serve

clean:  ## remove the environment and everything made
	rm -rf $(VENV) site runs samples/digits .mypy_cache .pytest_cache .ruff_cache
