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

.PHONY: demo
demo: sandbox ## Start the sandbox (a real control plane, a local Slack), the bot and a web page
	go run ./sandbox/cmd/demo

.PHONY: sandbox
sandbox: ## Build the sandbox's control plane once (about 12 minutes cold on two cores, then cached)
	go run ./sandbox/cmd/build

.PHONY: certmanager
certmanager: ## Build the cert-manager of the tests once (about 4 minutes cold on two cores, then cached)
	go run ./sandbox/cmd/build -certmanager

.PHONY: test
test: sandbox certmanager browser ## Run every test, on real parts; with CI=true a skipped test is a failure
ifeq ($(CI),true)
	mkdir -p .cache
	go test -v -timeout 20m $(TESTFLAGS) $(PACKAGES) 2>&1 | tee .cache/test.log | grep -E --line-buffered '^(ok|FAIL|panic:)|--- FAIL' \
		|| { grep -E -B40 -- '--- FAIL|^panic:' .cache/test.log | tail -400; exit 1; }
	if grep -E -- '--- SKIP' .cache/test.log; then echo "a skipped test is a failure here"; exit 1; fi
else
	go test -timeout 20m $(TESTFLAGS) $(PACKAGES)
endif
	cd sandbox/cluster && go vet -trimpath ./... && go test -trimpath ./kubelet/... ./supervisor/...

.PHONY: bench
bench: sandbox ## Measure the figures of docs/benchmarks.md and write .cache/bench.json
	go run ./sandbox/cmd/bench

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

.PHONY: fmt
fmt: $(LINT) ## Format the code
	$(LINT) fmt ./...

.PHONY: generate
generate: ## Make the generated documents anew (RUNBOOKS.md, docs/diagnoses.md)
	go generate ./...

include sandbox/sandbox.mk
