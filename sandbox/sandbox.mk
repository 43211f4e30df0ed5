# Targets of the sandbox; the Makefile includes this file.

.PHONY: sandbox sandbox-build sandbox-test

sandbox: ## Start the control plane with the manual's platform and keep it until Ctrl-C
	go run ./sandbox/cmd/sandbox up

sandbox-build: ## Build the control plane, KWOK and kubectl into the user's cache folder (about 12 minutes, once)
	go run ./sandbox/cmd/sandbox build

sandbox-test: ## Test the sandbox itself: its own module without a cluster, then on the real control plane
	cd sandbox/cluster && go vet -trimpath ./... && go test -trimpath ./kubelet/... ./supervisor/...
	go test ./sandbox/control/... ./sandbox/platform/...
