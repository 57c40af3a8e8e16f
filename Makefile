# `make run` and `make test` are all one needs; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
DATA := $(or $(UNDERTONE_DATA),../shared/data)
RECORDING ?= $(DATA)/conversations/auto_repairs_40.flac
EVALUATE := $(BIN)/undertone evaluate
HELD_OUT := --part held_out
TALKERS := --only dataset=librispeech,speechocean762,an4,ravdess,emodb
BUILT := build/conversations
NPM := $(shell command -v npm)
CALM := --calm $(DATA)/conversations --calm $(DATA)/speakers/librispeech
VENDOR := frontend_static/vendor
CHARTS := $(VENDOR)/uPlot.esm.js
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

.DEFAULT_GOAL := help
.PHONY: help install run test test-browser test-browser-whole pictures browser publishers operators bench-operators test-models check bench bench-overload bench-replay bench-batch soak evaluate conversations docs crossvalidate train-emotion train-speaker train-permissive compare clean

help:            ## list the targets
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 22

$(BIN)/python:
	@echo "== 1/3 making a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Undertone needs Python 3.11 or newer, this is " + sys.version)'
	@$(PYTHON) -m venv $(VENV)
	@echo "== 2/3 updating pip"
	@$(PIP) install --quiet 'pip>=25.1'

$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "== 3/3 installing Undertone (PyTorch is the large part: some minutes the first time)"
	@$(PIP) install --quiet --quiet --constraint constraints.txt --editable '.[plot,bench,workbench]'
	@touch $@

$(VENV)/installed-evaluation: $(VENV)/installed
	@echo "== installing what the evaluations need"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[evaluate]'
	@touch $@

$(VENV)/installed-tests: $(VENV)/installed-evaluation
	@echo "== installing what the tests need"
	@$(PIP) install --quiet --constraint constraints.txt --group test
	@touch $@

install: $(VENV)/installed   ## install into .venv

run: $(VENV)/installed $(if $(NPM),$(CHARTS))  ## install, start the server with the embedded models, print its address
	@$(BIN)/undertone serve

# The library that draws curves. Without npm, or if npm fails, the pages do without and say so.
$(CHARTS): package-lock.json
	@echo "== installing what draws the dashboard's curves"
	@npm ci --silent --omit=dev && mkdir -p $(VENDOR) \
		&& cp node_modules/uplot/dist/uPlot.esm.js node_modules/uplot/dist/uPlot.min.css node_modules/uplot/LICENSE $(VENDOR)/ \
		|| echo "== npm could not install it: the pages work without their curves"

# The same, and what the pages are checked and tested with.
node_modules/complete: package-lock.json
	@echo "== installing what the pages are checked with"
	@npm ci --silent
	@mkdir -p $(VENDOR)
	@cp node_modules/uplot/dist/uPlot.esm.js node_modules/uplot/dist/uPlot.min.css node_modules/uplot/LICENSE $(VENDOR)/
	@touch $@

test: $(VENV)/installed-tests   ## run the tests, four files at a time (much of what they do is to wait)
	@$(BIN)/python -m pytest -q --numprocesses 4 --dist loadfile

test-browser: browser           ## run the pages in a real browser, with a real server and a recording as microphone
	@$(BIN)/python -m pytest -q tests/browser -m "not heavy" --numprocesses 3 --dist loadfile

test-browser-whole: browser     ## the same with all that takes long: outages, hundreds of calls, thousands of recordings (8 minutes)
	@$(BIN)/python -m pytest -q tests/browser --numprocesses 2 --dist loadfile

pictures: browser               ## take the README's pictures of the pages anew, from real calls (4 minutes)
	@$(BIN)/python -m tests.browser.pictures
	@$(BIN)/python -m tests.browser.dashboardpicture
	@$(BIN)/python -m tests.browser.workbenchpicture
	@$(BIN)/python -m tests.browser.trendspicture

browser: $(VENV)/installed-browser $(if $(NPM),node_modules/complete)  ## install what test-browser needs (Chromium by apt-get)
	@command -v chromium >/dev/null || { echo "== installing Chromium"; \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y --no-install-recommends chromium fonts-wqy-zenhei >/dev/null; }

$(VENV)/installed-browser: $(VENV)/installed-tests
	@echo "== installing what drives the browser"
	@$(PIP) install --quiet --constraint constraints.txt --group browser
	@touch $@

publishers:      ## install a WHIP publisher that the tests then try, too: GStreamer's (75 MB by apt-get)
	@$(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y --no-install-recommends simple-whip-client >/dev/null

operators: $(VENV)/installed-operators  ## install what tests of rules, image and composition need (Prometheus by apt-get)
	@command -v prometheus >/dev/null && command -v prometheus-alertmanager >/dev/null || { echo "== installing Prometheus and Alertmanager"; \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y --no-install-recommends prometheus prometheus-alertmanager >/dev/null; \
		$(SUDO) systemctl disable --quiet --now prometheus prometheus-alertmanager 2>/dev/null || true; }  # as services nobody asked for them

$(VENV)/installed-operators: $(VENV)/installed-tests
	@echo "== installing what checks the image and the composition"
	@$(PIP) install --quiet --constraint constraints.txt --group operators
	@touch $@

test-models: $(VENV)/installed-reference  ## the published models against their reference, at their true sizes (3 minutes)
	@$(BIN)/python -m pytest -q tests/models

$(VENV)/installed-reference: $(VENV)/installed-tests
	@echo "== installing the reference implementations"
	@$(PIP) install --quiet --constraint constraints.txt --group reference
	@$(PIP) install --quiet --no-deps funasr==1.4.16
	@touch $@

check: $(VENV)/installed-tests $(if $(NPM),node_modules/complete)  ## lint and type-check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(if $(NPM),npm run --silent check,echo "npm is not installed: the types of the pages are not checked")

bench: $(VENV)/installed-tests  ## the capacity table: how many live calls a server holds here (about 15 minutes)
	@mkdir -p benchmarks/results
	@$(BIN)/python -m benchmarks.capacity --json benchmarks/results/capacity.json --plot benchmarks/results/capacity.png

bench-overload: $(VENV)/installed-tests  ## more calls than a server can serve, and what it does with them (15 minutes)
	@mkdir -p benchmarks/results
	@$(BIN)/python -m benchmarks.overload $(addprefix --figures ,$(wildcard benchmarks/results/capacity.json)) --json benchmarks/results/overload.json --plot benchmarks/results/overload.png

bench-operators: operators      ## what a real Prometheus and Alertmanager make of 20 live calls, and what a scrape costs
	@$(BIN)/python -m benchmarks.operators
	@$(BIN)/python -m benchmarks.scrape

bench-replay: $(VENV)/installed-tests  ## replay speed, and event lag of one live call
	@$(BIN)/python -m benchmarks.replay $(RECORDING)
	@$(BIN)/python -m benchmarks.lag $(RECORDING)

bench-batch: $(VENV)/installed-tests  ## a thousand short recordings through undertone predict, and one of three hours (5 minutes)
	@$(BIN)/python -m benchmarks.batch
	@$(BIN)/python -m benchmarks.batch $(DATA)/conversations --hours 3 --granularity turn

soak: $(VENV)/installed-tests   ## 30 minutes of calls opening and closing: is memory flat?
	@$(BIN)/python -m benchmarks.soak $(RECORDING)

evaluate: $(VENV)/installed-evaluation conversations  ## the model cards' figures: speakers never heard in training (15-20 minutes)
	@$(EVALUATE) emotion $(DATA)/index.csv $(HELD_OUT) --only dataset=emodb,ravdess,nemo,emovo --nonspeech $(DATA)/nonspeech
	@$(EVALUATE) alerts $(DATA)/index.csv $(HELD_OUT) $(CALM) --only dataset=emodb,ravdess,nemo,emovo
	@$(EVALUATE) speaker $(DATA)/index.csv $(HELD_OUT) --limit 15 --calls $(DATA)/conversations
	@$(EVALUATE) calibration $(DATA)/index.csv $(HELD_OUT) --only dataset=librispeech,an4,speechocean762,ravdess --limit 12 --cohort train
	@$(EVALUATE) diarization $(DATA)/conversations
	@$(EVALUATE) diarization $(BUILT)/test
	@$(EVALUATE) vad $(DATA)/conversations --nonspeech $(DATA)/nonspeech

conversations: $(BUILT)/test $(BUILT)/tuning  ## build conversations to test and to tune the tracker with

$(BUILT)/test: evaluation/conversations.py | $(VENV)/installed-evaluation
	@$(EVALUATE) diarization --build $@ $(HELD_OUT) $(TALKERS) --seed 1 --count 16

$(BUILT)/tuning: evaluation/conversations.py | $(VENV)/installed-evaluation
	@$(EVALUATE) diarization --build $@ --part validation,train $(TALKERS) --seed 2 --count 12

docs: $(VENV)/installed        ## make the tables in docs/ anew from what is declared
	@$(BIN)/python -m stream_server.commands.reference

crossvalidate: $(VENV)/installed-tests  ## train the emotion model without one corpus and measure on it, for each (hours)
	@$(BIN)/python -m training.crossvalidate training/search.toml --kinds shipped conv conv-level-only conv-per-clip recurrent attentive
	@$(BIN)/python -m training.crossvalidate --kinds shipped heavy --steps 1500

train-emotion: $(VENV)/installed-tests  ## train the embedded emotion model
	@$(BIN)/python -m training.train training/emotion.toml
	@$(BIN)/python -m training.calibrate training/emotion.toml

train-speaker: $(VENV)/installed-teacher  ## train the embedded speaker model
	@$(BIN)/python -m training.train training/speaker.toml
	@$(BIN)/python -m training.calibrate training/speaker.toml

train-permissive: $(VENV)/installed-teacher  ## train the speaker model on the recordings that allow commercial use
	@$(BIN)/python -m training.train training/speaker-permissive.toml
	@$(BIN)/python -m training.calibrate training/speaker-permissive.toml

compare: $(VENV)/installed-teacher  ## train several kinds of speaker network for a while and compare them (an hour)
	@$(BIN)/python -m training.compare

$(VENV)/installed-teacher: $(VENV)/installed-tests
	@$(PIP) install --quiet --no-deps resemblyzer==0.1.4  # for its weights; training reads them, nothing imports it
	@touch $@

clean:           ## remove the virtual environment and what the tools left
	rm -rf $(VENV) node_modules $(VENDOR) *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
