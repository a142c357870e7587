# Every target sets up what it needs. On a fresh machine: Python 3.10 or newer, make and git.
PYTHON ?= python3
VENV   := .venv
LATEST := .venv-latest
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SETUP  := settings.ini setup.py pyproject.toml
# uv, where it is installed, sets up in a fraction of the time
UV     := $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install)

export PYTHONPATH := $(CURDIR)
# fastai's import warns of a function of torch that it calls
export PYTHONWARNINGS = ignore::FutureWarning:torch.jit._script

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow torture mutants test-latest lab app docs predict bench readme export hooks clean

help: ## Show this list
	@echo 'make TARGET, where TARGET is one of:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo 'With CPU=1 (make demo CPU=1) the first set-up fetches the smaller CPU build of PyTorch.'

setup: $(READY) ## Make .venv and install the package with all it takes to work on it

# torch and torchvision are named together, so that pip picks a pair that fits
$(READY): $(SETUP)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3,10) and "Python %d.%d found; 3.10 or newer is needed: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@echo '== Setting up $(VENV): some minutes and some gigabytes the first time'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifdef CPU
	@$(if $(UV),true,$(BIN)/python -m pip install -q uv)
	@$(or $(UV),$(BIN)/uv) pip install -q --python $(BIN)/python torch torchvision --torch-backend=cpu
	@$(INSTALL) -q -e '.[dev]'
else
	@$(INSTALL) -q -U torch torchvision -e '.[dev]'
endif
	@touch $@

demo: $(READY) ## Colour the bundled photos, train for a minute, print a table, write a page to out/demo
	@$(BIN)/colorize-nb demo

test: $(READY) ## Run every notebook and the tests (under 10 minutes on 2 cores)
	@echo '== Notebooks'
	@OMP_NUM_THREADS=1 $(BIN)/nbdev_test --n_workers 2 --timing --skip_folder_re '^[_.]|^solutions$$'
	@echo '== Tests'
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -rs

test-slow: $(READY) ## Run the tests that take minutes, and the solutions of the tutorials
	@OMP_NUM_THREADS=1 $(BIN)/nbdev_test --n_workers 2 --timing --path nbs/tutorials/solutions
	@$(BIN)/python -m pytest -m slow

torture: $(READY) ## Hand in broken photos, names, films and model files, a minute of each; print what came of them
	@OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m colorize_nb.app.torture --n 4000 --seconds 60 --out lab/results/torture.json

mutants: $(READY) ## Break the package on purpose, one thing at a time, and print what the tests do not notice
	@OMP_NUM_THREADS=1 $(BIN)/python tools/mutants.py

# a second environment as a user has it: no nbdev, the newest fastai and fastcore
$(LATEST)/.ready: $(SETUP)
	@echo '== Setting up $(LATEST): the newest fastai and fastcore'
	@test -x $(LATEST)/bin/python || $(PYTHON) -m venv $(LATEST)
	@$(LATEST)/bin/python -m pip install -U torch torchvision 'fastcore>=2' -e '.[test]'
	@$(LATEST)/bin/python -m pip install -U fastai fastcore
	@touch $@

test-latest: $(LATEST)/.ready ## Run the tests against the newest fastai and fastcore, without nbdev
	@$(LATEST)/bin/python -c 'from importlib.metadata import version as v; print("== fastai", v("fastai"), "fastcore", v("fastcore"), "torch", v("torch"))'
	@REQUIRE_BROWSER= OMP_NUM_THREADS=1 $(LATEST)/bin/python -m pytest -n 2 -rs

lab: $(READY) ## Open JupyterLab on the start page
	@$(BIN)/jupyter lab nbs/index.ipynb

app: $(READY) ## Serve a page that colours photos: hand one in, get it in colour
	@$(BIN)/python tools/app.py tools/app.ipynb

SERVE ?= 8000
docs: $(READY) ## Build the site into docs/_build/html and serve it (make docs SERVE= only builds)
	@OMP_NUM_THREADS=1 $(BIN)/python docs/build.py
ifneq ($(SERVE),)
	@echo '== http://127.0.0.1:$(SERVE) (Ctrl-C stops)'
	@$(BIN)/python -m http.server $(SERVE) --bind 127.0.0.1 --directory docs/_build/html
endif

predict: $(READY) ## Write a copy of the tutorials without outputs and answers to out/predict_first
	@$(BIN)/python tools/predict_first.py

$(VENV)/.bench: $(READY)
	@$(BIN)/python -m pip install kornia opencv-python-headless
	@touch $@

bench: $(VENV)/.bench ## Measure speed beside scikit-image, kornia and OpenCV; print one table
	@$(BIN)/python lab/bench/run.py

readme: $(READY) ## Write README.md from nbs/index.ipynb
	@$(BIN)/python tools/readme.py

export: $(READY) ## After editing notebooks: clean them, write the modules and README.md
	@$(BIN)/python tools/published.py
	@$(BIN)/nbdev_clean
	@$(BIN)/nbdev_export
	@$(BIN)/python tools/readme.py

hooks: $(READY) ## Install the git hook that keeps notebooks, modules and README.md in step
	@tools/hooks/install

clean: ## Remove what the demo, the tests and builds left; environments stay
	@rm -rf out build dist docs/_build docs/node_modules .pytest_cache *.egg-info
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
