# Works with GNU make 3.81, the one macOS has.

# The Python that makes .venv; `make clean` first to change it.
PYTHON ?= python3
# Which tests `make test` runs: not the proofs that take minutes. With nothing after the = it runs all.
MARKED ?= not long
# Extra words for `make lock`, such as --upgrade or --upgrade-package=aiohttp
LOCK ?=
HUB := workshop/jupyterhub/requirements.txt

VENV := .venv/bin/python
LINT = $(VENV) -m ruff check . || status=1; \
       $(VENV) -m ruff format --check . || status=1; \
       $(VENV) -m mypy || status=1; \
       $(VENV) -c 'from importlinter.cli import lint_imports_command as lint; lint()' || status=1;

# Images of containers set it, and then each of the many processes would compile Azure's clients anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install tutorial lab test test-all lint notebooks bench lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## make .venv with the locked packages; done already, it does nothing
	@$(PYTHON) install.py

tutorial: install ## run the whole tutorial and save the notebooks under output/
	@$(VENV) -m workshop run

lab: install ## open your copy of the course in JupyterLab, with the sandbox running
	@$(VENV) -m workshop lab

# Every stage runs, whatever another found; one that fails fails the whole. What lint prints, which has time to run while
# the notebooks wait for their kernels, comes in one piece after them.
test: install ## lint, all tests, and the notebooks against their saved outputs
	@status=0; printed=$$(mktemp); \
	{ $(LINT) exit $$status; } >"$$printed" 2>&1 & lint=$$!; \
	$(VENV) -m pytest -p tests.fresh_sandbox -p tests.specifications.plugin --nbval notebooks || status=1; \
	wait $$lint || status=1; cat "$$printed"; rm "$$printed"; \
	$(VENV) -m pytest -p tests.specifications.plugin -n auto --dist worksteal -m "$(MARKED)" tests || status=1; \
	exit $$status

test-all: ## the same, with the proofs that take minutes
	@$(MAKE) test MARKED=

lint: install ## check style, format, types and which imports go where
	@status=0; $(LINT) exit $$status

notebooks: install ## run the notebooks again and save their outputs in place
	@$(VENV) -m workshop.execution.save

bench: install ## measure, side by side with the alternatives
	@$(VENV) -m uv pip install --quiet --constraint requirements.txt --editable '.[bench]'
	@$(VENV) -m benchmarks

# The second file is the first without its hashes: conda hands pip the lock and the editable project in one file,
# and pip refuses an editable install beside hashes. Left out is a grammar that only jsonschema imports, if it is there,
# for a format that no notebook has: it is compiled at each import, which takes longer than importing papermill.
lock: install ## resolve pyproject.toml into requirements.txt, requirements-conda.txt and the hub's
	@$(VENV) -m uv pip compile --no-config --quiet --universal --python-version 3.11 \
	    --extra batch --extra dev --generate-hashes --no-emit-index-url --no-annotate \
	    --no-emit-package rfc3987-syntax --no-emit-package lark \
	    --custom-compile-command "make lock" $(LOCK) pyproject.toml --output-file requirements.txt
	@sed -e '/ --hash=/d' -e 's/ *\\$$//' requirements.txt > requirements-conda.txt
	@cat requirements.txt $(HUB) > $(HUB).new
	@$(VENV) -m uv pip compile --no-config --quiet --universal --python-version 3.11 \
	    --extra hub --generate-hashes --no-emit-index-url --no-annotate --no-header \
	    --no-emit-package rfc3987-syntax --no-emit-package lark \
	    --constraint requirements.txt $(LOCK) pyproject.toml --output-file $(HUB).new
	@{ echo '# What the hub needs besides the requirements.txt of the course, by version and hash; made by `make lock`.'; \
	    awk 'NR == FNR { locked[$$1]; next } /^[^ ]/ { new = !($$1 in locked) } new' requirements.txt $(HUB).new; } > $(HUB)
	@rm $(HUB).new

clean: ## remove .venv, the hub's, output/ and caches; the sandbox's own data stay
	rm -rf .venv .venv.lock .venv-hub .venv-hub.lock output .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf tests/clients/.cache
	find . \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
