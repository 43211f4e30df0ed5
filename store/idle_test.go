package store_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// TestIdleCPU measures a minute in which nothing happens but ten approvals waiting (goal: at most 0.4 % of a core).
// It runs only when asked for: ALGESTA_IDLE=60s go test -run IdleCPU ./store.
func TestIdleCPU(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("ALGESTA_IDLE"))
	if err != nil {
		t.Skip("set ALGESTA_IDLE=60s to measure")
	}
	s := fresh(t)
	for range 10 {
		id := algesta.NewCommandID()
		update(t, s, func(tx *store.Tx) error {
			require.NoError(t, tx.Create(pending(id)))
			return tx.Schedule(algesta.ExpireJob, id, time.Now().Add(time.Hour))
		})
	}
	start(t, s, map[algesta.JobKind]store.Handler{algesta.ExpireJob: func(context.Context, string) (time.Duration, error) { return 0, nil }})
	<-time.After(time.Second)
	before := cpu(t)
	<-time.After(length)
	t.Logf("%.2f %% of a core", 100*float64(cpu(t)-before)/float64(length))
}
