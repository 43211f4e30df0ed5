# More targets of the sandbox; the Makefile includes this file.

.PHONY: sandbox-up
sandbox-up: sandbox ## Keep the control plane with the manual's platform running until Ctrl-C, to look at it with kubectl
	go run ./sandbox/cmd/sandbox

.PHONY: sandbox-test
sandbox-test: sandbox ## Test the sandbox itself: its stages without a cluster, then everything on the real control plane
	cd sandbox/cluster && go test -trimpath ./kubelet/... ./supervisor/...
	go test ./sandbox/control/... ./sandbox/platform/...
