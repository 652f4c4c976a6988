# make run: set up once, then train the default denoiser.  make test: set up once, then all checks.
# make soak: the long figures of the scorecard, and what its tests fail by (an hour on two cores).
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
FLAGS ?= --decoder=upsample --dataset=notmnist

.PHONY: run test soak check clean

run: $(VENV)/.installed
	$(BIN)/python -m aedenoise.main $(FLAGS)

test: check
	$(BIN)/python -m pytest -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

soak: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m scorecard --soak
	$(BIN)/python tests/guards.py

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@
