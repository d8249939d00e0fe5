PYTHON ?= python3
BIN := .venv/bin
# TensorFlow's start-up notices say nothing about the run.
export TF_CPP_MIN_LOG_LEVEL := 2
export KERAS_BACKEND ?= jax
SHELL := /bin/bash

.PHONY: quickstart test test-all lint guides docs clean

# Trains two small encoders from scratch on generated sentences and compares them.
quickstart: .venv/quickstart.installed
	$(BIN)/python -m recipes.quickstart

# Everything that a change must pass: style, then the tests on each backend.
test: lint
	@$(MAKE) --no-print-directory -j2 $(SUITES) SELECT="not slow"

# The slow checks too.
test-all: lint
	@$(MAKE) --no-print-directory -j2 $(SUITES)

# A process for each backend, and one for what no backend takes part in; two at a time,
# longest first. PyTorch has one thread: two would wait for each other while the other
# suite has their core.
ON_BACKENDS := tests-on-jax tests-on-tensorflow tests-on-torch
SUITES := $(ON_BACKENDS) tests-without-backend
SELECT := slow or not slow
.PHONY: $(SUITES)

$(ON_BACKENDS): tests-on-%:
	@set -o pipefail; OMP_NUM_THREADS=1 KERAS_BACKEND=$* $(BIN)/python -m pytest \
		-m "($(SELECT)) and not without_backend" 2>&1 | sed -u "s/^/[$*] /"

tests-without-backend:
	@set -o pipefail; $(BIN)/python -m pytest \
		-m "($(SELECT)) and without_backend" 2>&1 | sed -u "s/^/[no backend] /"

lint: .venv/test.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

# Runs the guides, and writes them as notebooks and Markdown into build/guides.
guides: .venv/test.installed
	$(BIN)/python -m docs.guides

# The site, in build/site/site, with the guides as they were run.
docs: guides
	$(BIN)/python -m docs.site --guides build/guides

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/quickstart.installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[plot,training]"
	touch $@

# torch by itself first: its exact version, before anything asks for a newer one.
.venv/test.installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	touch $@ .venv/quickstart.installed

clean:
	rm -rf .venv build *.egg-info
