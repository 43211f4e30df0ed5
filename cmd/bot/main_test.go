package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/require"
)

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
