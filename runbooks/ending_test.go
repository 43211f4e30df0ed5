package runbooks_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

// TestAPollFailsOnceAndMayStillGetThere looks at the same thing five times.
func TestAPollFailsOnceAndMayStillGetThere(t *testing.T) {
	t.Parallel()
	errAway := errors.New("the API server is away")
	looks := []struct {
		seen runbooks.Polled
		err  error
		want rollout.Phase
	}{
		{seen: runbooks.Polled{Phase: rollout.Moving, Said: algesta.Say("It is ordered.")}, want: rollout.Moving},
		{err: errAway},
		{seen: runbooks.Polled{Phase: rollout.Broken, Said: algesta.Say("It was refused.")}, want: rollout.Broken},
		{seen: runbooks.Polled{Phase: rollout.Broken, Said: algesta.Say("It was refused.")}, want: rollout.Moving},
		{seen: runbooks.Polled{Phase: rollout.Settled, Said: algesta.Say("It is there.")}, want: rollout.Settled},
	}
	n := 0
	ends := runbooks.WithPoll(time.Minute, func(context.Context, runbooks.Cluster, algesta.Object) (runbooks.Polled, error) {
		n++
		return looks[n-1].seen, looks[n-1].err
	})
	f := rollout.Follow{StartedAt: noon}
	for i, look := range looks {
		var p rollout.Progress
		var err error
		p, f, err = ends.Poll(t.Context(), whole(gateway()), algesta.Object{}, f, noon.Add(time.Duration(i)*time.Second))
		require.ErrorIs(t, err, look.err)
		require.Equal(t, look.want, p.Phase, i)
		require.True(t, err != nil || p.NoPods)
		require.Equal(t, noon, f.StartedAt, "what was remembered is never lost")
	}
	require.Equal(t, noon.Add(time.Minute), f.Deadline)
}

func TestEveryChangeSaysHowItEnds(t *testing.T) {
	t.Parallel()
	for _, book := range runbooks.All() {
		if !book.Changes() || !slices.Contains(book.Writes, "patch deployments.apps") || book.Name == "pause" {
			continue // what ends with a poll has a test of its own
		}
		in := input(book.Name, nil)
		p, _, err := book.Ends.Poll(
			t.Context(),
			whole(gateway()),
			in.Workload,
			rollout.Follow{Generation: 7, StartedAt: noon, Soak: time.Minute},
			noon,
		)
		require.NoError(t, err)
		require.Equal(t, rollout.Complete, p.Phase, "%s ends with its rollout", book.Name)
		health, err := book.Ends.Before(t.Context(), whole(gateway()), in.Workload, noon)
		require.NoError(t, err)
		require.True(t, health.Known)
	}
}
