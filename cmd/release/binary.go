package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// compile builds the bot, a static program that is the same wherever it's built.
func compile(ctx context.Context, folder, platform, version, out string) error {
	system, machine, ok := strings.Cut(platform, "/")
	if !ok {
		return fmt.Errorf("the platform %q isn't written as linux/amd64", platform)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", out, //nolint:gosec // names of this program's own
		"-ldflags", "-s -w -buildid= -X main.version="+version, "./cmd/bot")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+machine, "GOFLAGS=", "GOWORK=off", "GOAMD64=v1", "GOARM64=v8.0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the bot for %s: %w\n%s", platform, err, said)
	}
	return nil
}
