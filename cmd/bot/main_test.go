package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
)

// inLibrary names the variable by which the test binary plays a bot in which a goroutine of client-go panics.
const inLibrary = "ALGESTA_TEST_PANIC"

// TestAPanicOfALibraryIsPrintedWithoutSecrets panics as client-go's informers would, in a process of its own.
func TestAPanicOfALibraryIsPrintedWithoutSecrets(t *testing.T) {
	t.Parallel()
	if secret := os.Getenv(inLibrary); secret != "" {
		kube.OnPanic(func(thrown any, stack []byte) {
			printPanic(os.Stderr, &algesta.PanicError{Value: thrown, Stack: stack})
			os.Exit(panicked)
		})
		klog.ErrorS(errors.New("password="+secret), "a line of client-go")
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer utilruntime.HandleCrash()
			panic("password=" + secret)
		}()
		<-done
		os.Exit(0) // it went on
	}
	secret := "hunter" + "2xyz"
	bot := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	bot.Env = append(os.Environ(), inLibrary+"="+secret)
	out, err := bot.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, panicked, exit.ExitCode())
	require.NotContains(t, string(out), secret)
	require.Contains(t, string(out), "algesta: panic: password=‹redacted›")
	require.NotContains(t, string(out), "a line of client-go")
}

func TestWhatEndsTheProgramIsPrintedWithoutSecrets(t *testing.T) {
	t.Parallel()
	secret := "hunter" + "2xyz"
	for name, test := range map[string]struct {
		work func() error
		code int
	}{
		"an error": {func() error { return errors.New("dialing postgres://u:" + secret + "@db/x") }, 1},
		"a panic":  {func() error { panic("password=" + secret) }, panicked},
		"a panic in a goroutine that is waited for": {func() error {
			var work conc.WaitGroup
			work.Go(func() { panic(errors.New("password=" + secret)) })
			work.Wait()
			return nil
		}, panicked},
	} {
		var out bytes.Buffer
		require.Equal(t, test.code, run(&out, test.work), name)
		require.NotContains(t, out.String(), secret, name)
		require.Contains(t, out.String(), "‹redacted›", name)
	}
	require.Zero(t, run(&bytes.Buffer{}, func() error { return nil }))
}
