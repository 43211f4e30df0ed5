package commands

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestTooLateSaysWhy(t *testing.T) {
	t.Parallel()
	now := time.Now()
	typed := func(age time.Duration) algesta.Invocation {
		return algesta.Invocation{Kind: algesta.Typed, At: now.Add(-age)}
	}
	clicked := func(age time.Duration, a algesta.VoteAction) algesta.Invocation {
		return algesta.Invocation{Kind: algesta.Voted, At: now.Add(-age), Vote: &algesta.Vote{Action: a}}
	}
	cases := map[string]struct {
		in    algesta.Invocation
		began time.Duration // before now
		said  string        // "" is in time
	}{
		"in time": {typed(time.Minute), time.Hour, ""},
		"typed before the start": {
			typed(10 * time.Minute),
			time.Minute,
			"I was restarted while you asked. Nothing was run; please ask again.",
		},
		"waited in the queue": {
			typed(10 * time.Minute),
			time.Hour,
			"I was too busy to look at this within 2 min. Nothing was run; please ask again.",
		},
		"an offer that waited": {
			clicked(10*time.Minute, algesta.Run),
			time.Hour,
			"I was too busy to look at this within 2 min. Nothing was run; please ask again.",
		},
		"a vote has its request's times": {clicked(10*time.Minute, algesta.Approve), time.Minute, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tooLate(c.in, now.Add(-c.began), now)
			if c.said == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.said)
		})
	}
}
