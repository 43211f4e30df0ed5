package commands_test

import (
	"strings"
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
