# make app   opens EffViz in the browser          make test   runs every test; make test FILE=tests/zoo one file or folder
# make check formats, lints, types and layering   make clean  removes the environment
# make app LIGHT=1  the same without torch: a tenth of the download, but no gradients and no training
# make extract, update, compile  updates the catalogues of other languages from the code (docs/translating.md)
# make fuzz  decodes damaged images for an hour  (HOURS=8 for longer)
PYTHON ?= python3
HOURS ?= 1
BIN := .venv/bin
TYPESCRIPT := 7.0.2
AXE := 4.14.1
TSC := .venv/node_modules/typescript/bin/tsc

.PHONY: app test check format fuzz extract update compile lock audit clean

app: .venv/$(if $(LIGHT),light,app).done
	$(BIN)/effviz app

test: .venv/dev.done .venv/npm.done
ifdef FILE
	$(BIN)/python -m pytest $(FILE)
else
	$(BIN)/python tests/run_all.py
endif

check: .venv/dev.done .venv/npm.done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers auto
	$(BIN)/lint-imports
	for each in effviz/ui/components/*/tsconfig.json; do $(BIN)/node $(TSC) --project $$each || exit 1; done

format: .venv/dev.done
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

fuzz: .venv/dev.done
	$(BIN)/python -m tests.fuzz --hours $(HOURS)

# Texts (docs/translating.md): after changing one, run `make update`, translate it, and run `make compile`. The compiled
# catalogues are committed, so that neither a clone nor a wheel needs Babel; a test compares them with their sources.
LOCALES := effviz/locales
extract: .venv/dev.done
	$(BIN)/python -m babel.messages.frontend extract --keywords "lazy_gettext ngettext:1,2" --sort-by-file --add-location=file --no-wrap --project EffViz --output .venv/effviz.pot effviz app.py

update: extract
	$(BIN)/python -m babel.messages.frontend update --no-fuzzy-matching --domain effviz --input-file .venv/effviz.pot --output-dir $(LOCALES) --ignore-obsolete --ignore-pot-creation-date --no-wrap

# Babel mistakes the "% o" in "30 % of it" for a placeholder and warns; a test compares the real ones, in braces.
compile: .venv/dev.done
	$(BIN)/python -m babel.messages.frontend compile --domain effviz --directory $(LOCALES) --statistics 2>&1 | grep -v "placeholders are incompatible"

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "EffViz needs Python 3.11 or newer: make PYTHON=python3.12 app")'
	$(PYTHON) -m venv .venv

# requirements.lock pins every package with its hashes. If you want other builds (torch for CPU only), or the lock does
# not fit your platform, run `make LOCKED=requirements.txt app`.
LOCKED ?= requirements.lock
.venv/app.done: $(LOCKED) pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet $(if $(filter %.lock,$(LOCKED)),--require-hashes) -r $(LOCKED)
	$(BIN)/pip install --quiet --no-deps -e .
	touch $@

.venv/light.done: requirements.txt pyproject.toml | .venv/bin/python
	sed '/^# torch/,$$d' requirements.txt > .venv/light.txt
	$(BIN)/pip install --quiet -r .venv/light.txt
	$(BIN)/pip install --quiet --no-deps -e .
	touch $@

.venv/dev.done: $(LOCKED) requirements-dev.txt pyproject.toml | .venv/bin/python
	.ci/install.sh $(LOCKED)
	touch .venv/app.done $@

# TypeScript checks the type comments in the components' plain JavaScript; it builds nothing. axe-core finds barriers on
# the pages for users of screen readers or keyboards. One command installs both, as npm removes what it does not name.
.venv/npm.done: Makefile .venv/dev.done
	$(BIN)/npm install --silent --no-save --no-audit --no-fund --prefix .venv typescript@$(TYPESCRIPT) axe-core@$(AXE)
	touch $@

# Run this after changing requirements.txt.
lock: .venv/dev.done
	$(BIN)/uv pip compile requirements.txt --universal --python-version 3.11 --generate-hashes --quiet --output-file requirements.lock --custom-compile-command "make lock"

audit: .venv/dev.done
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock

clean:
	rm -rf .venv
