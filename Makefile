PYTHON ?= python3
BIN := .venv/bin
BACKENDS := jax tensorflow torch
# TensorFlow's start-up notices say nothing about the run.
export TF_CPP_MIN_LOG_LEVEL := 2
export KERAS_BACKEND ?= jax

.PHONY: quickstart test test-all lint clean

# Trains two small encoders from scratch on generated sentences and compares them.
quickstart: .venv/quickstart.installed
	$(BIN)/python -m recipes.quickstart

# Everything that a change must pass: style, then the tests on each backend.
test: lint
	@set -e; for backend in $(BACKENDS); do \
		echo "== $$backend"; \
		KERAS_BACKEND=$$backend $(BIN)/python -m pytest -m "not slow"; \
	done

# The slow checks too.
test-all: lint
	@set -e; for backend in $(BACKENDS); do \
		echo "== $$backend"; \
		KERAS_BACKEND=$$backend $(BIN)/python -m pytest; \
	done

lint: .venv/test.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/quickstart.installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[plot]"
	touch $@

# torch by itself first: its exact version, before anything asks for a newer one.
.venv/test.installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	touch $@ .venv/quickstart.installed

clean:
	rm -rf .venv build *.egg-info
