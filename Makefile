# make run: set up once, then train the default denoiser.
# make test: format, lint, types and the fast tests; make test-all: the
# slow tests too.  make coverage: the lines that the fast tests run, by room.
# make docs: the site in build/docs, with its notebooks run.
# make soak: the long figures of the scorecard, and what its tests fail by (an hour on two cores).
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
FLAGS ?= --decoder=upsample --dataset=notmnist
PYTEST = $(BIN)/python -m pytest -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

.PHONY: run test test-all test-slow coverage docs soak check types clean

run: $(VENV)/.installed
	$(BIN)/python -m aedenoise.main $(FLAGS)

test: check
	@echo "Running the fast tests: about five minutes on two idle cores, less when repeated ..."
	$(PYTEST) -m "not slow"

test-all: test test-slow

test-slow: $(VENV)/.installed-test
	@echo "Running the slow tests: about fifteen minutes on two idle cores ..."
	$(PYTEST) -m slow

coverage: $(VENV)/.installed-test
	$(BIN)/python -m coverage erase
	$(PYTEST) -m "not slow" --cov
	$(BIN)/python tests/coverage_by_room.py

docs: $(VENV)/.installed-docs
	@echo "Building the site in build/docs: runs four notebooks, about two minutes on two cores ..."
	rm -rf build/docs build/doctrees
	$(BIN)/python -m sphinx -q -W --keep-going -c docs -d build/doctrees . build/docs
	$(BIN)/python docs/check_site.py build/docs
	@echo "Open build/docs/index.html"

soak: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m scorecard --soak
	$(BIN)/python tests/guards.py

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

types: $(VENV)/.installed-test
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info .programs .coverage .coverage.*

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "Setting up $(VENV): downloads and installs JAX and others, about two minutes ..."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	@echo "Installing Sphinx and others into $(VENV) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@
