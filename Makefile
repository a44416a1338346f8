# `make demo` and `make test` each set up what they need on a machine that has Python >= 3.11 and git.

PYTHON ?= python3
VENV   ?= .venv
PEER   ?= .venv-peer
SDG    ?= .venv-sdg
FUZZ_SECONDS ?= 600
# Test processes at a time.
JOBS   ?= 2
# The newest torch that the CPU build of vLLM is made for; on a machine with a CUDA GPU any torch that vLLM brings.
TORCH  ?= torch==2.13.0
BIN    := $(VENV)/bin
NODE   := tests/node/node_modules

.PHONY: demo test endurance unit lint types bench-lint bench-bot bench-judges bench-generate bench-tune bench-nights chaos fuzz install clean help

help:            ## show this list
	@grep -E '^[a-z-]+: *.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

demo: install    ## one contribution's whole way, from pull request to promoted model
	$(BIN)/seedbed demo $(ARGS)

test: install $(NODE)/.installed    ## style, types, layers and tests
	$(MAKE) --no-print-directory lint types
	$(BIN)/python -m pytest tests/unit -n $(JOBS)
	$(BIN)/python -m pytest tests/contract tests/integration tests/e2e/test_scenarios.py -m "not endurance" -n $(JOBS) --dist worksteal --durations=25
	$(BIN)/python -m pytest tests/e2e tests/gpu --ignore=tests/e2e/test_scenarios.py -m "not endurance"

# CI runs this after `make test`.
endurance: install    ## minutes each, with the real model: power cuts, a promotion while answers run, GGUF; a quarter of an hour
	$(BIN)/python -m pytest tests/e2e tests/integration -m endurance --durations=5

unit: install    ## the fast tests alone
	$(BIN)/python -m pytest tests/unit

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

bench-lint: install $(PEER)/.installed   ## speed and size of the linter beside the reference's, with bars
	$(BIN)/python -m tests.bench.bench_lint $(PEER)/bin/python $(ARGS)

bench-bot: install    ## a burst of 1,000 deliveries: how fast they are answered and linted, with bars
	$(BIN)/python -m tests.bench.bench_bot $(ARGS)

bench-judges: install    ## how well the teacher's judge tells seeds from corruptions of them, leaf by leaf
	$(BIN)/python -m tests.bench.bench_judges $(ARGS)

bench-generate: install $(SDG)/.installed   ## samples by this engine beside the reference's, with bars; an hour and a half
	$(BIN)/python -m tests.bench.bench_generate $(SDG)/bin/python $(ARGS)

bench-tune: install    ## tuning and scoring beside plain loops, with bars; a quarter of an hour
	$(BIN)/python -m tests.bench.bench_tune $(ARGS)

bench-nights: install    ## the gate's error rates, the planner's predictions, and nights with the real model, with bars
	$(BIN)/python -m tests.bench.bench_nights $(ARGS)

chaos: install    ## 200 pull requests while processes are killed, on SQLite and on PostgreSQL
	$(BIN)/python -m tests.chaos.run $(ARGS)

fuzz: install    ## hostile bytes against linter and fixer, for FUZZ_SECONDS
	$(BIN)/pip install --quiet "atheris>=3,<4"
	$(BIN)/python -m tests.fuzz.fuzz_lint .fuzz -artifact_prefix=.fuzz/ -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=20

# The linter that ours is measured against, apart from our own packages.
$(PEER)/.installed: Makefile
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/pip install --quiet instructlab-schema==0.4.2
	@touch $@

# The generator that ours is measured against. torch is named twice: alone it is a small build, and stays that one.
$(SDG)/.installed: Makefile
	$(PYTHON) -m venv $(SDG)
	$(SDG)/bin/pip install --quiet "$(TORCH)"
	$(SDG)/bin/pip install --quiet "$(TORCH)" instructlab-sdg==0.8.3 yamllint
	@touch $@

# Other people's tools that judge ours: GitHub's API description, a validating proxy, example webhooks.
$(NODE)/.installed: tests/node/package.json tests/node/package-lock.json .ci/node.py $(VENV)/.installed
	$(BIN)/python .ci/node.py --venv $(VENV)
	@touch $@

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml Makefile .ci/install.py
	$(PYTHON) .ci/install.py --venv $(VENV) --torch "$(TORCH)"
	@touch $@

clean:           ## remove the virtual environment and caches
	rm -rf $(VENV) $(PEER) $(SDG) $(NODE) .fuzz .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
