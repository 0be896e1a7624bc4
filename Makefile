# make            set up, generate the notebooks, build the book, grade the sample class
# make test       all tests
# make help       every target

PYTHON ?= python3.11
BIN := .venv/bin
STAMPS := .make
ROOT := $(abspath .)

CHAPTER_FILES := $(wildcard solutions/*/*.py)
ENGINE_FILES := $(shell find autograder -name '*.py' -o -name '*.j2' -o -name '*.css')
BOOK_FILES := _config.yml $(shell find book -type f -not -name '*.pyc')
SAMPLE_FILES := $(shell find sample_class -name '*.ipynb')

.PHONY: all help setup notebooks book grade sample-class verify lint test fuzz chaos lab clean

all: book grade
	@echo
	@echo "book:      $(ROOT)/_build/html/index.html"
	@echo "notebook:  $(ROOT)/notebooks/ch04_softmax/ch04_softmax.ipynb"
	@echo "           open it with  $(BIN)/jupyter lab notebooks/ch04_softmax/ch04_softmax.ipynb"
	@echo "report:    $(ROOT)/class/report.html"

help:
	@echo "make               set up, generate notebooks, build the book, grade the sample class"
	@echo "make test          lint and all tests"
	@echo "make verify        prove that the checks of every chapter are fair"
	@echo "make fuzz, make chaos  the long tests: 10,000 mutated notebooks, 50 kills"
	@echo "make lab           Jupyter Lab with nbgrader's formgrader on this course"
	@echo "make sample-class  write sample_class/ again from solutions/"
	@echo "make clean         remove all that was generated, but not class/"

# --- set-up ---------------------------------------------------------------------

setup: $(STAMPS)/setup

$(STAMPS)/setup: requirements.txt constraints.txt pyproject.toml tools/lab_settings.json
	@tools/require_python.sh $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing what requirements.txt names into .venv; the first time takes minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@mkdir -p .venv/share/jupyter/lab/settings $(STAMPS)
	@cp tools/lab_settings.json .venv/share/jupyter/lab/settings/overrides.json
	@touch $@

# --- the main job ---------------------------------------------------------------

notebooks: $(STAMPS)/notebooks

$(STAMPS)/notebooks: $(STAMPS)/setup $(CHAPTER_FILES) $(ENGINE_FILES)
	$(BIN)/autograder release
	@touch $@

book: $(STAMPS)/book

# --all: a warning must not hide in what an earlier build has cached
# the cache of executed pages does not see that figures.py has changed
_build/.jupyter_cache: book/figures.py
	@rm -rf $@ && mkdir -p $@

$(STAMPS)/book: $(STAMPS)/notebooks $(BOOK_FILES) | _build/.jupyter_cache
	$(BIN)/jupyter-book build . --toc book/_toc.yml -W -n --keep-going --all
	@touch $@

class/submitted:
	@mkdir -p class/exchange
	cp -r sample_class/submitted class/submitted

grade: $(STAMPS)/notebooks class/submitted
	@tools/require_bubblewrap.sh
	$(BIN)/autograder grade

sample-class: $(STAMPS)/notebooks
	$(BIN)/python sample_class/make.py

verify: $(STAMPS)/setup
	@tools/require_bubblewrap.sh
	$(BIN)/autograder verify

lab: $(STAMPS)/notebooks class/submitted
	$(BIN)/jupyter lab

# --- tests ----------------------------------------------------------------------

lint: $(STAMPS)/setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: lint book
	@tools/require_bubblewrap.sh
	@tools/require_chromium.sh
	@tools/require_postgres.sh
	$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder --durations 25

# what takes long: many more mutated notebooks, many more kills at random moments
fuzz: $(STAMPS)/setup
	@tools/require_bubblewrap.sh
	FUZZ_EXAMPLES=10000 $(BIN)/python -m pytest tests/fuzz

chaos: $(STAMPS)/setup
	@tools/require_bubblewrap.sh
	CHAOS_ROUNDS=50 $(BIN)/python -m pytest tests/chaos

clean:
	rm -rf _build $(STAMPS) .pytest_cache .ruff_cache
