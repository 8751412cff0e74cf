# make demo    the baseline and one coordination scenario, with pictures, under out/
# make test    all tests
# make validate  checks against published results, claims and books; broken mechanisms; tables in calibration/validation/
# make bench   how long a run takes
# make pairing what paired random numbers are worth
# make lint    style of the code
# make types   types of the public modules (pyproject.toml lists them)
# make docs    the documentation as a site, under site/; warnings are errors
# make odd     tables of docs/model/ and the model card from what the package declares
# make lock    new versions in constraints.txt
# make clean   remove the environment, the site and the demo's results
#
# PYTHON=...   the Python that makes the environment; without it .ci/python takes the newest that will do

PYTHON ?=
JOBS   ?= 2
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
WARM   := $(VENV)/.warm
DEMO   := out

KERNELS := $(wildcard model/greaterbay/*.py model/greaterbay/actors/*.py model/greaterbay/exchange/*.py \
             model/greaterbay/policy/*.py)

.DELETE_ON_ERROR:
.PHONY: env warm demo test validate bench pairing lint types docs odd lock clean

env: $(READY)

# the environment: made again when the declared packages or their versions change
$(READY): pyproject.toml constraints.txt
	python=$$(sh .ci/python "$(PYTHON)") && "$$python" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[cluster,dev,docs,zh]'
	touch $@

# the compiled kernels: one process compiles them, the others find them in the cache
warm: $(WARM)

$(WARM): $(READY) $(KERNELS)
	$(BIN)/python -m greaterbay.warm
	touch $@

demo: $(WARM)
	$(BIN)/greaterbay run scenarios/baseline.toml scenarios/one_programme.toml \
	    --replicates 4 --jobs $(JOBS) --out $(DEMO)
	$(BIN)/greaterbay plot $(DEMO)/baseline.nc $(DEMO)/one_programme.nc --out $(DEMO)/pictures --quiet
	$(BIN)/greaterbay summary $(DEMO)/baseline.nc $(DEMO)/one_programme.nc --pictures $(DEMO)/pictures

test: $(WARM)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope

# the long checks: all suites, every broken mechanism, the reference in objects
validate: $(WARM)
	$(BIN)/greaterbay validate --suite all --seeds 8 --jobs $(JOBS) --out calibration/validation
	$(BIN)/python tests/mutation/mutants.py --jobs $(JOBS) --out calibration/validation/mutations.md
	$(BIN)/python tests/performance/against_mesa.py
	GREATERBAY_FUZZ=20000 GREATERBAY_BOUNDS=build $(BIN)/python -m pytest -n $(JOBS) tests/property

bench: $(WARM)
	$(BIN)/python tests/performance/bench.py --ensemble 100

pairing: $(WARM)
	$(BIN)/python tests/performance/pairing.py

lint: $(READY)
	$(BIN)/ruff check model tests docs

# the tests run both of these too
types: $(READY)
	$(BIN)/basedpyright --pythonpath $(BIN)/python

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo 'open site/index.html; search works over http only: $(BIN)/python -m http.server -d site'

# the tables of the ODD and the model card; the tests fail where they differ from the declarations
odd: $(READY)
	$(BIN)/python -m greaterbay.odd_tables

# names and versions of everything the project installs, as the newest releases stand today; made with the oldest Python that is
# supported, so that every newer one finds these versions too
lock:
	python=$$(sh .ci/python "$(or $(PYTHON),python3.11)") && "$$python" -m venv --clear $(VENV).lock
	$(VENV).lock/bin/python -m pip install --quiet --disable-pip-version-check '.[cluster,dev,docs,zh]'
	$(VENV).lock/bin/python -m pip list --format=freeze --exclude greaterbay --exclude pip \
	    --exclude setuptools > constraints.txt
	rm -rf $(VENV).lock

clean:
	rm -rf $(VENV) $(VENV).lock $(DEMO) site
