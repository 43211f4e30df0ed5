# algesta: make help lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CACHE     := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/algesta
LINT_V    := v2.15.0
LINT      := $(CACHE)/tools/golangci-lint-$(LINT_V)/golangci-lint
PACKAGES  := ./...
export GOFLAGS += -buildvcs=false

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 16

.PHONY: build
build: ## Build the bot into bin/bot
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$$(git describe --always --dirty 2>/dev/null || echo dev)" -o bin/bot ./cmd/bot

.PHONY: image
image: ## Build the bot's image into bin/image without a container daemon (PUSH=registry/name:tag also pushes it)
	go run ./cmd/release image --out bin $(if $(PUSH),--push $(PUSH))

.PHONY: release
release: ## Build a release of this commit into dist/: binaries, image, chart, checksums (PUSH=registry/name:tag also pushes the image)
	go run ./cmd/release all --out dist $(if $(PUSH),--push $(PUSH))

.PHONY: demo
demo: sandbox ## Start the sandbox (a real control plane, a local Slack), the bot and a web page
	go run ./sandbox/cmd/demo

.PHONY: sandbox
sandbox: ## Fetch the sandbox's control plane once, or build it (about 12 minutes cold on two cores, then cached)
	go run ./sandbox/cmd/build

.PHONY: certmanager
certmanager: ## Build the cert-manager of the tests once (about 4 minutes cold on two cores, then cached)
	go run ./sandbox/cmd/build -certmanager

.PHONY: monitoring
monitoring: ## Build the Prometheus and the Alertmanager of the tests once (about 6 minutes of CPU cold, then cached)
	go run ./sandbox/cmd/build -monitoring

# tested lists the packages whose tests need the sandbox's control plane ($(1) is 1), or don't (0): a test needs it that imports
# sandbox/control, however indirectly.
tested = $$(go list -test -f '{{if eq .Name "main"}}{{.ImportPath}} {{join .Deps " "}}{{end}}' $(PACKAGES) | \
	awk '$$1 ~ /\.test$$/ && ($$0 ~ /\/sandbox\/control( |$$)/) == $(1) {sub(/\.test$$/, "", $$1); print $$1}')

# run tests packages ($(2)) with a flag ($(1)). In CI it prints what fails alone, and a skipped test is a failure.
ifeq ($(CI),true)
define run
	mkdir -p .cache
	packages="$(2)"; [ -z "$$packages" ] || go test -v -timeout 20m $(1) $(TESTFLAGS) $$packages 2>&1 | tee .cache/test$(1).log | \
		grep -E --line-buffered '^(ok|FAIL|panic:)|--- FAIL|WARNING: DATA RACE' \
		|| { grep -E -B40 -- '--- FAIL|^panic:|WARNING: DATA RACE' .cache/test$(1).log | tail -400; exit 1; }
	if grep -E -- '--- SKIP' .cache/test$(1).log; then echo "a skipped test is a failure here"; exit 1; fi
endef
else
define run
	packages="$(2)"; [ -z "$$packages" ] || go test -timeout 20m $(1) $(TESTFLAGS) $$packages
endef
endif

.PHONY: test
test: race live ## Run every test, on real parts; with CI=true a skipped test is a failure

# SQLite is C, translated: its pointer arithmetic is known to be sound, and checking it takes longer than the tests. All else is checked.
race: export GOFLAGS += -gcflags=modernc.org/...=-d=checkptr=0
.PHONY: race
race: browser ## Run the tests that need no control plane, with the race detector
	$(call run,-race,$(call tested,0))

.PHONY: live
live: sandbox certmanager monitoring browser ## Run the tests that need the control plane, and the sandbox's own
	$(call run,,$(call tested,1))
	cd sandbox/cluster && go test -trimpath ./kubelet/... ./supervisor/...

.PHONY: bench
bench: sandbox ## Measure the figures of docs/benchmarks.md and write .cache/bench.json
	go run ./sandbox/cmd/bench

.PHONY: score
score: ## Ask the diagnosis about the cases of diagnosis/testdata/cases and write docs/diagnosis-score.md
	go test -count=1 ./diagnosis/dump -run '^TestScore$$' -update

.PHONY: browser
browser: ## Install Chromium for the browser tests where it is missing (Debian's package)
	@command -v chromium >/dev/null || { echo "installing chromium for the browser tests (about a minute)"; \
		as_root() { if [ "$$(id -u)" = 0 ]; then "$$@"; else sudo -n "$$@"; fi; }; \
		as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

$(LINT):
	@echo "building golangci-lint $(LINT_V) once (a few minutes), into $(CACHE)/tools"
	GOBIN=$(dir $(LINT)) go install -trimpath -ldflags "-s -w" github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_V)

.PHONY: lint
lint: $(LINT) ## Run the linters
	$(LINT) run ./...
	cd sandbox/cluster && go vet -trimpath ./kubelet/... ./parent/... ./supervisor/...

.PHONY: fmt
fmt: $(LINT) ## Format the code
	$(LINT) fmt ./...

.PHONY: generate
generate: ## Make the generated documents anew (RUNBOOKS.md, docs/diagnoses.md)
	go generate ./...

include sandbox/sandbox.mk
