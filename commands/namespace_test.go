package commands_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestANamespaceIsNoBusinessOfARuleAboutAnotherNamespace: what may be done in production says nothing of the cluster that production is on.
func TestANamespaceIsNoBusinessOfARuleAboutAnotherNamespace(t *testing.T) {
	t.Parallel()
	const typed = "create namespace payments environment=production team=backend"
	everything := strings.Replace(rules, "allow: [read, restart, scale]", "allow: [read, change]", 1)
	w := newWorld(t)
	w.setRules(everything)
	w.types(luis, typed)
	require.Contains(t, w.said(algesta.AnswerPost)[0], "You can't use namespace.create on aks")
	w.types(luis, "can-i namespace create payments environment=production team=backend")
	require.Contains(t, w.said(algesta.AnswerPost)[1], "No. You can't use namespace.create on aks")

	everywhere := strings.ReplaceAll(everything, "namespaces: [production]", `namespaces: ["*"]`)
	w.setRules(everywhere)
	w.types(luis, typed)
	r := w.request(algesta.Pending)
	require.Equal(t, algesta.Target{Cluster: "aks", Object: "namespace/payments"}, r.Command.Target)
	require.Equal(t, "a second person", r.Needs[0].Rule)
	require.Equal(t, "New namespace payments on aks", r.Plan.Title.String())
	for _, p := range w.posts() {
		if p.Kind == algesta.PlanPost {
			require.Equal(t, "aks", p.Report.Small.String())
		}
	}
	require.Zero(t, w.cluster.writes())
}

// hiding is a catalogue in which staging is on a cluster of its own.
type hiding struct{ fakeCatalog }

func (c hiding) Resolve(ctx context.Context, service, environment string, visible func(algesta.Target) bool) (algesta.Target, error) {
	t, err := c.fakeCatalog.Resolve(ctx, service, environment, visible)
	if environment == "staging" {
		t.Cluster = "gke-hidden"
	}
	return t, err
}

// On which cluster an environment is isn't told to those who may read nothing of it and may do nothing on that cluster.
func TestNoClusterIsNamedToWhoeverHasNoRightsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Catalog = hiding{fakeCatalog{new(atomic.Int32)}}
	for _, typed := range []string{
		"create namespace x environment=staging team=a", "can-i namespace create x environment=staging team=a",
	} {
		w.types(luis, typed)
	}
	s := w.dispatcher.Submit(t.Context(), w.invocation(luis), map[string]string{
		"command": "namespace create", "object": "x", "arg.environment": "staging", "arg.team": "a",
	})
	said := append(w.said(algesta.AnswerPost), s.Problems["command"].String())
	require.Len(t, said, 3)
	for _, answer := range said {
		require.Contains(t, answer, "You can't use namespace.create in staging")
		require.NotContains(t, answer, "gke-hidden")
	}
	w.setRules(strings.Replace(rules, "namespaces: [production]", `namespaces: ["*"], clusters: [gke-hidden]`, 1))
	w.types(luis, "create namespace x environment=staging team=a")
	require.Contains(t, w.said(algesta.AnswerPost)[2], "You can't use namespace.create on gke-hidden")
}
