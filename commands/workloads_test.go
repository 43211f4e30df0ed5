package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestAStatefulSetIsFoundByItsNameWithoutAskingACluster types the name of what is no service: the caches know what makes pods.
func TestAStatefulSetIsFoundByItsNameWithoutAskingACluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Makers = func(cluster, namespace string) []algesta.Object {
		require.NotEmpty(t, cluster)
		require.NotEmpty(t, namespace)
		return []algesta.Object{
			{Kind: "DaemonSet", Name: "both"},
			{Kind: "Job", Name: "nightly"},
			{Kind: "ReplicaSet", Name: "loki"},
			{Kind: "StatefulSet", Name: "both"},
			{Kind: "StatefulSet", Name: "loki"},
		}
	}
	for typed, want := range map[string]string{
		"can-i restart loki production":    "restart statefulset/loki in production",
		"can-i restart LOKI production":    "restart statefulset/loki in production",
		"can-i diagnose loki production":   "diagnose statefulset/loki in production",
		"can-i restart both production":    `There's no service "both" in production.`,
		"can-i restart nightly production": `There's no service "nightly" in production.`,
		"can-i hpa pin loki production":    `There's no service "loki" in production.`, // it takes no StatefulSet
	} {
		before := len(w.said(algesta.AnswerPost))
		w.types(luis, typed)
		said := w.said(algesta.AnswerPost)
		require.Len(t, said, before+1)
		require.Contains(t, said[before], want, typed)
	}
	require.Zero(t, w.cluster.touched.Load())
}
