# Every target sets up what it needs. You need Python 3.10 or newer, make, and git.
PYTHON ?= python3
VENV   := .venv
LATEST := .venv-latest
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SETUP  := settings.ini setup.py pyproject.toml
# uv is much faster than pip, so use it if it's installed
UV     := $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install)

export PYTHONPATH := $(CURDIR)
# The tests start many processes, which shouldn't all compile the package
unexport PYTHONDONTWRITEBYTECODE
# Importing fastai warns about a torch function that it calls
export PYTHONWARNINGS = ignore::FutureWarning:torch.jit._script

.DEFAULT_GOAL := help
.PHONY: help setup setup-latest demo test test-browser test-slow test-course fuzz mutants test-latest lab app docs predict bench readme export hooks clean

help: ## Show this list
	@echo 'make TARGET, where TARGET is one of:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo 'Add CPU=1 (make demo CPU=1) to install the smaller CPU build of PyTorch.'

setup: $(READY) ## Create .venv and install the package with everything needed to work on it

# torch and torchvision are installed together, so that pip picks a matching pair
$(READY): $(SETUP)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3,10) and "Python %d.%d found; 3.10 or newer is required: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@echo '== Setting up $(VENV): a few minutes and a few gigabytes the first time'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifdef CPU
	@$(if $(UV),true,$(BIN)/python -m pip install -q uv)
	@$(or $(UV),$(BIN)/uv) pip install -q --python $(BIN)/python torch torchvision --torch-backend=cpu
	@$(INSTALL) -q -e '.[dev]'
else
	@$(INSTALL) -q -U torch torchvision -e '.[dev]'
endif
	@touch $@

demo: $(READY) ## Color sample photos, train for a minute, print a table, and write a page to out/demo
	@$(BIN)/colorize-nb demo

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -rs
PAGES  := OMP_NUM_THREADS=1 $(BIN)/python tools/run_pages.py --check --workers 2

test: $(READY) ## Run the library's notebooks and the tests (8 minutes and 4 GB on two idle cores)
	@echo '== Notebooks'
	@$(PAGES) nbs --skip tutorials
	@echo '== Tests'
	@$(PYTEST)

test-browser: $(READY) ## Run the tests that need Chromium and the site (make docs)
	@$(PYTEST) -m browser

test-slow: $(READY) ## Run the slowest tests: every recipe, several processes, Ray, and large networks
	@$(PYTEST) -m 'slow and not browser'

test-course: $(READY) ## Run the chapters and their solutions without their slowest cells
	@$(PAGES) nbs/tutorials

fuzz: $(READY) ## Feed corrupt photos, films, names, and model files to the package for a minute per kind (FUZZ_SECONDS=60)
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),60) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -rP tests/test_fuzz_files.py tests/test_fuzz_photo.py tests/test_fuzz_film.py

mutants: $(READY) ## Plant one bug at a time and print those that the tests don't catch
	@OMP_NUM_THREADS=1 $(BIN)/python tools/mutants.py

# A second environment like a user's: no nbdev, but the newest fastai and fastcore
$(LATEST)/.ready: $(SETUP)
	@echo '== Setting up $(LATEST): the newest fastai and fastcore'
	@test -x $(LATEST)/bin/python || $(PYTHON) -m venv $(LATEST)
	@$(LATEST)/bin/python -m pip install -U torch torchvision 'fastcore>=2' -e '.[test]'
	@$(LATEST)/bin/python -m pip install -U fastai fastcore
	@touch $@

setup-latest: $(LATEST)/.ready

# Tests that use fastai, directly or through the pages that are built on it
FASTAI_TESTS = $(shell grep -lE 'fastai|fastcore|colorize_nb\.(data|train|all)|import lab|from lab' tests/test_*.py)

test-latest: $(LATEST)/.ready ## Run the tests that use fastai with its newest version and the newest fastcore, without nbdev
	@$(LATEST)/bin/python -c 'from importlib.metadata import version as v; print("== fastai", v("fastai"), "fastcore", v("fastcore"), "torch", v("torch"))'
	@OMP_NUM_THREADS=1 $(LATEST)/bin/python -m pytest -n 2 -rs $(FASTAI_TESTS)

lab: $(READY) ## Open JupyterLab on the start page
	@mkdir -p $(VENV)/share/jupyter/lab/settings
	@cp tools/overrides.json $(VENV)/share/jupyter/lab/settings/ # otherwise, JupyterLab asks whether it may fetch news
	@$(BIN)/jupyter lab nbs/index.ipynb

app: $(READY) ## Serve a local page that colors the photos you upload
	@$(BIN)/python tools/app.py tools/app.ipynb

SERVE ?= 8000
docs: $(READY) ## Build the site into docs/_build/html and serve it (SERVE= only builds it)
	@OMP_NUM_THREADS=1 $(BIN)/python docs/build.py
ifneq ($(SERVE),)
	@echo '== http://127.0.0.1:$(SERVE) (Ctrl-C stops)'
	@$(BIN)/python -m http.server $(SERVE) --bind 127.0.0.1 --directory docs/_build/html
endif

predict: $(READY) ## Copy the tutorials without outputs and answers to out/predict_first
	@$(BIN)/python tools/predict_first.py

$(VENV)/.bench: $(READY)
	@$(BIN)/python -m pip install kornia opencv-python-headless
	@touch $@

bench: $(VENV)/.bench ## Compare speed with scikit-image, kornia, and OpenCV
	@$(BIN)/python -m lab.bench.run

readme: $(READY) ## Write README.md from nbs/index.ipynb
	@$(BIN)/python tools/readme.py

export: $(READY) ## After editing notebooks: clean them and write the modules and README.md
	@$(BIN)/python tools/published.py
	@$(BIN)/python tools/house.py
	@$(BIN)/nbdev_clean
	@$(BIN)/python tools/collapse.py
	@$(BIN)/nbdev_export
	@$(BIN)/python tools/readme.py

hooks: $(READY) ## Install the git hook that keeps notebooks, modules, and README.md in sync
	@tools/hooks/install

clean: ## Remove what the demo, tests, and builds wrote, but keep the environments
	@rm -rf out build dist docs/_build docs/node_modules .pytest_cache *.egg-info
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
