package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// A service whose Deployment was deleted isn't called unknown: the answer says since when it's gone, and where to find out why.
func TestAServiceWhoseDeploymentIsGoneIsSaidToBeGone(t *testing.T) {
	t.Parallel()
	missing := &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There's no deployment.")}
	for _, command := range []string{"scale --replicas=2", "status", "restart", "history", "pods"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.cluster.set(func(c *fakeCluster) { c.unreadable, c.duringRead = missing, func() error { return missing } })
			name, args, _ := strings.Cut(command, " ")
			w.types(luis, strings.TrimSpace(name+" ms-gone production "+args))
			said := strings.Join(w.answers(), "\n")
			require.Contains(t, said, "The Deployment of ms-gone in production is gone (seen until 2026-03-10 14:03 UTC).")
			require.Contains(t, said, "/algesta diagnose ms-gone production")
			changes := name == "scale" || name == "restart"
			require.Equal(t, changes, strings.Contains(said, "only its manifest, applied again, brings it back"))
		})
	}
	t.Run("somebody who may not diagnose isn't told to", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(strings.Replace(rules, "allow: [read,", "allow: [status,", 1))
		w.cluster.set(func(c *fakeCluster) { c.unreadable, c.duringRead = missing, func() error { return missing } })
		w.types(luis, "status ms-gone production")
		said := strings.Join(w.answers(), "\n")
		require.Contains(t, said, "is gone (seen until")
		require.NotContains(t, said, "diagnose")
	})
	t.Run("a name that the caches don't know, once they are filled, is unknown", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.cluster.set(func(c *fakeCluster) { c.unreadable, c.duringRead = missing, func() error { return missing } })
		w.types(luis, "status ms-late production")
		said := strings.Join(w.answers(), "\n")
		require.Contains(t, said, `There's no service "ms-late" in production.`)
		require.NotContains(t, said, "diagnose")
	})
	t.Run("what is there and lacks something else is not gone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.cluster.set(func(c *fakeCluster) { c.unreadable, c.duringRead = missing, func() error { return missing } })
		w.types(luis, "status api-gateway production")
		require.NotContains(t, strings.Join(w.said(algesta.AnswerPost), "\n"), "gone (seen")
	})
	t.Run("what went a moment ago, before the caches saw it, comes with what to look at", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.cluster.set(func(c *fakeCluster) { c.unreadable, c.duringRead = missing, func() error { return missing } })
		w.types(luis, "status api-gateway production")
		require.Contains(t, w.answers()[0], "To see what is there now: /algesta diagnose api-gateway production")
		w.setRules(strings.Replace(rules, "allow: [read,", "allow: [status,", 1))
		w.types(luis, "status api-gateway production")
		said := strings.Join(w.answers(), "\n")
		require.Contains(t, said, "To see what is there now: kubectl get deployments -n production")
	})
}

// The automatic diagnosis asks again what the requester may do: rights that were taken away meanwhile open nothing.
func TestTheDiagnosisOfAFailedRolloutAsksForTheRequestersRightsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := &slowCluster{}
	id := w.failed(c)
	w.setRules(strings.ReplaceAll(rules, "U0LUIS", "U0NOBODY"))
	w.people.set(func(d *fakeDirectory) { a := d.people["U0LUIS"]; a.Groups = nil; d.people["U0LUIS"] = a })
	_, err := w.dispatcher.Diagnose(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, w.said(algesta.DiagnosePost))
	require.Zero(t, c.tries.Load(), "the cluster is not even read")
}
