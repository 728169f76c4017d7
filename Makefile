# make demo   installs into .venv, compiles AutoRTNet-A, has a trained network colour a street, and searches
#             a small space, compared with a plain network; everything lands in out/
# make test   runs the tests, with what they need
# Both are quick when repeated. To choose the interpreter: make demo PYTHON=python3.13

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint clean

demo: $(VENV)/.installed
	$(BIN)/archdsl compile specs/autortnet_a.arch --out out
	$(BIN)/archdsl compile specs/camvid_found.arch --weights zoo/scenes_found.safetensors --out out/trained
	$(BIN)/archdsl predict specs/camvid_found.arch --weights zoo/scenes_found.safetensors out/trained/input.png -o out/seen
	@rm -rf out/search
	$(BIN)/archdsl search specs/space.arch --set epochs=20 end=1.5 --baseline specs/plain_small.arch --out out/search
	@echo "The pictures are out/diagram.svg, out/seen/input.png (a trained network's classes over a street) and out/search/report.html. Next: $(BIN)/archdsl --help"

# A process for each core takes file after file, in the order of tests/conftest.py; one thread each, as more
# only wait for each other.
# PYTHONNODEBUGRANGES: code that tests/line_coverage.py instruments has no columns in Python 3.11, and journals hold
# tracebacks, which are to be the same from processes that it does not instrument.
# PYTEST_ARGS replaces what follows: make test PYTEST_ARGS='-m "not slow"'
PYTEST_ARGS ?= --coverage=95

test: $(VENV)/.installed-dev
	PYTHONNODEBUGRANGES=1 OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) out dist

# A stamp says that an installation of these requirements was finished.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(make_venv)
	@echo "Installing archdsl and what it needs into $(VENV) (a few minutes at most, once)"
	@$(INSTALL) -e '.[viz]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV)"
	@$(INSTALL) -e '.[viz,dev]'
	@touch $@

define make_venv
new() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }; \
stop() { echo "$$1" >&2; exit 1; }; \
if [ -x $(BIN)/python ]; then \
  new $(BIN)/python || stop "$(VENV) has a Python older than 3.11, or a broken one: remove it (make clean) and try again"; \
fi; \
if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
  for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
    if new "$$python"; then break; fi; python=; \
  done; \
  [ -n "$$python" ] || stop "archdsl needs Python 3.11 or newer; found none as $(or $(PYTHON),python3, python3.11 … python3.14). Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python"; \
  "$$python" -c 'import ensurepip, venv' 2>/dev/null || stop "$$python cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)"; \
  "$$python" -m venv $(VENV) || stop "making $(VENV) failed"; \
fi
endef
