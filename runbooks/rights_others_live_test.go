package runbooks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/runbooks"
)

// otherKinds are the kinds that a command may name beside services, and the right to write each.
var otherKinds = map[string]string{"statefulset": "patch statefulsets.apps", "daemonset": "patch daemonsets.apps"}

// othersOf are the StatefulSets and DaemonSets that a command is run on here: its own where it writes them, else those of all.
func othersOf(book runbooks.Runbook) []string {
	var out []string
	for kind, right := range otherKinds {
		switch {
		case !book.About.Workloads || book.Own:
		case !book.Changes():
			out = append(out, kind+"/others")
		case slices.Contains(book.Writes, right):
			out = append(out, kind+"/"+ownOf(book))
		}
	}
	return out
}

// stageOthers makes StatefulSets and DaemonSets, each with two revisions.
func (w *brokenNamespace) stageOthers(t *testing.T) {
	t.Helper()
	nodes, err := w.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "agentpool=stdaruser", Limit: 1})
	require.NoError(t, err)
	var all []string
	for _, book := range runbooks.All() {
		all = append(all, othersOf(book)...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for _, object := range all {
		kind, name, _ := strings.Cut(object, "/")
		spec := app(name+"-"+kind, "12344").Spec
		if kind == "statefulset" {
			w.make(t, &appsv1.StatefulSet{ObjectMeta: named(name), Spec: appsv1.StatefulSetSpec{
				Replicas: spec.Replicas, Selector: spec.Selector, Template: spec.Template,
			}})
			continue
		}
		spec.Template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: nodes.Items[0].Labels[corev1.LabelHostname]}
		w.make(t, &appsv1.DaemonSet{ObjectMeta: named(name), Spec: appsv1.DaemonSetSpec{Selector: spec.Selector, Template: spec.Template}})
	}
	kept := func(n int) func() bool {
		return func() bool {
			revisions, err := w.Client.AppsV1().ControllerRevisions(w.namespace).List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err)
			return len(revisions.Items) == n*len(all)
		}
	}
	w.await(t, "each has its first revision", kept(1))
	for _, object := range all {
		kind, name, _ := strings.Cut(object, "/")
		w.patch(t, kind+"s", name, newImage())
	}
	w.await(t, "each has its second revision", kept(2))
}
