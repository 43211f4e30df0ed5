package commands_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// auditLines are the lines of the audit of one kind.
func (w *world) auditLines(kind string) (out []algesta.AuditLine) {
	w.t.Helper()
	all, err := w.store.AuditBefore(w.t.Context(), 0, time.Now().Add(-time.Hour), 500)
	require.NoError(w.t, err)
	for _, e := range all {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// TestARefusalThatAFormSaysIsInTheAudit as one that a command gets.
func TestARefusalThatAFormSaysIsInTheAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	invocation, problems := w.sendsForm(nico, "", map[string]string{
		"command": "restart", "environment": "production", "service": "api-gateway",
	})
	require.Empty(t, invocation.Text)
	require.NotEmpty(t, problems)
	lines := w.auditLines("refused")
	require.Len(t, lines, 1)
	require.Equal(t, "restart", lines[0].Data["runbook"])
	require.Equal(t, "restart api-gateway production", lines[0].Data["asked"])
}

// TestWhatAFormReadsIsInTheAudit before it's shown.
func TestWhatAFormReadsIsInTheAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.invocation(luis)
	in.Text = "scale api-gateway"
	f := w.dispatcher.Form(t.Context(), in, nil)
	require.Contains(t, field(t, f, "arg.replicas").Hint, "Now: 4 pods.")
	lines := w.auditLines("read privately")
	require.Len(t, lines, 1)
	require.Equal(t, "scale", lines[0].Data["runbook"])
	require.Equal(t, "aks/production/api-gateway-production", lines[0].Data["target"])
}

// TestTheFormsOfOnePersonReadLittleAtOnce: whoever opens many holds up neither the cluster nor others.
func TestTheFormsOfOnePersonReadLittleAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slow := make(chan struct{})
	w.cluster.set(func(c *fakeCluster) { c.slow = slow })
	in := w.invocation(luis)
	in.Text = "scale api-gateway"
	const many, each = 50, 4
	var asked sync.WaitGroup
	var gaveUp atomic.Int64
	for range many {
		asked.Go(func() {
			for _, said := range w.dispatcher.Form(t.Context(), in, nil).Intro {
				if said.String() == "Couldn't check what's there now (it took too long)." {
					gaveUp.Add(1)
				}
			}
		})
	}
	require.Eventually(t, func() bool { return gaveUp.Load() == many-each }, deadline, lookEvery)
	require.EqualValues(t, each, w.cluster.waiting.Load())
	close(slow)
	asked.Wait()
}
