package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// The Deployment goes while its Service stays: a question by name is answered with since when, and what was changed last.
func TestADeletedDeploymentIsSaidToBeGoneAndSinceWhen(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	w.diagnose(
		t,
		0,
		map[string]brokenCase{
			"it runs": {
				about: "deployment/orders",
				clean: true,
				made:  made(app("orders", "12345", httpPort), serviceOf("orders", intstr.FromInt32(3000))),
				says:  "orders is healthy: Deployment orders has its only pod ready; Service orders has 1 ready endpoint.",
			},
		},
	)
	require.NoError(t, w.Client.AppsV1().Deployments(w.namespace).Delete(t.Context(), "orders", metav1.DeleteOptions{}))
	w.await(t, "its pods are gone", func() bool {
		pods, err := w.Client.CoreV1().Pods(w.namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil && len(pods.Items) == 0
	})
	book, _ := runbooks.Find("diagnose")
	target := algesta.Target{Service: "orders", Environment: "production", Cluster: "sandbox", Namespace: w.namespace, Name: "orders"}
	now := time.Now().Add(2 * time.Minute) // a Service may be older than its pods for a minute
	seen := now.Add(-5 * time.Minute)
	r, err := book.Answer(t.Context(), whole(w.bot), runbooks.Input{
		Command: algesta.Command{Target: target, At: now}, Workload: target.Workload(), Seen: seen,
		Past: []algesta.Past{{Request: "c-aaaaaa", At: seen, Note: "scaled to 2"}},
	})
	require.NoError(t, err)
	require.Regexp(
		t,
		`^Deployment orders is gone \(it was there until [-0-9]+ [0-9:]+ UTC\), so Service orders reaches no pod`,
		r.Title.String(),
	)
	last := r.Body[len(r.Body)-1].Text.String()
	require.Contains(t, last, "My last change to it: c-aaaaaa")
	require.Contains(t, last, "scaled to 2")
}
