# Every command of the project. `make help` lists them.
PYTHON ?= python3
BIND   ?= 127.0.0.1:5000
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run agent test deep lint requirements sbom audit torture demo picture bench bench-peers clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: $(VENV)/run.done dist/gitops-agent.pyz ## serve on BIND (default 127.0.0.1:5000) with data/status.json
	@mkdir -p data
	STATUS_STORE="$${STATUS_STORE:-data/status.json}" $(BIN)/gunicorn --bind $(BIND)

agent: dist/gitops-agent.pyz ## build the agent as one file, which GET /agent hands out

# Two processes a core: half of the time, a test waits for a disk or for a program that starts.
test: $(VENV)/dev.done ## run every test, on all cores
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist loadfile --no-loadscope-reorder

deep: $(VENV)/dev.done ## run the tests that draw their inputs, with fifty times as many
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=deep --timeout=7200 --numprocesses auto

lint: $(VENV)/dev.done ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive *.py agent domain operations stores web workers

requirements: $(VENV)/dev.done ## note versions and hashes of all that the requirements*.in bring
	for list in requirements requirements-postgres requirements-dev; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
			--custom-compile-command "make requirements" --output-file $$list.txt $$list.in >/dev/null || exit; \
	done

sbom: $(VENV)/dev.done ## write what the image is made of to dist/sbom.cdx.json, as CycloneDX
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements --output-reproducible --output-file dist/sbom.cdx.json requirements-postgres.txt

audit: $(VENV)/dev.done ## ask the index, or a folder of OSV files ADVISORIES=, whether what the service runs on has known holes
	$(BIN)/python deploy/audit.py requirements-postgres.txt $(ADVISORIES)

torture: $(VENV)/dev.done ## play faults, power cuts and damaged files for MINUTES=60, and look for what was lost
	$(BIN)/python -m tests.torture --minutes $(or $(MINUTES),60)

demo: $(VENV)/run.done ## play one day of a real rsyslog server against a real service
	$(BIN)/python -m tests.process.day

picture: $(VENV)/dev.done ## take the picture of the board in README.md anew, with Chromium
	$(BIN)/python -m tests.browser.picture

bench: $(VENV)/dev.done ## measure the service against its goals and its peers; PART= names one part
	$(BIN)/python -m bench $(PART)

bench-peers: ## install what bench measures with and against, on Debian and as root
	apt-get install -y --no-install-recommends wrk prometheus-pushgateway etcd-server

clean: ## remove the virtual environment and every cache; the data stay
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

dist/gitops-agent.pyz: deploy/make_agent.py $(wildcard agent/*.py agent/*/*.py)
	$(PYTHON) deploy/make_agent.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "GitOps Status needs Python 3.11 or newer; set PYTHON=python3.12 or the like.")'
	$(PYTHON) -m venv $(VENV)

# Each file that is installed has the hash that was noted when its version was chosen, whoever hands it out.
$(VENV)/run.done: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev.done: requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/run.done
