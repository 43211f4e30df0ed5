// Package e2e drives the real binary as people do: commands typed and buttons clicked in a local Slack, changes made in a
// real control plane. Every test asserts what people read, word by word, and what the API server's audit log says was
// written.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/3astronautas/algesta/sandbox/bot"
)

// atOnce is how many bots run at a time. They mostly wait for pods, so it is more than a small machine has cores.
const atOnce = "6"

// binary is the bot that all tests run.
var binary string //nolint:gochecknoglobals // built once, by TestMain

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := flag.Set("test.parallel", atOnce); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "algesta-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if binary, err = bot.Build(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
