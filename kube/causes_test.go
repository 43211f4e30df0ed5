package kube_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/sandbox/control"
)

// TestAChangeCauseOfTheCachesQuotesNoTemplate: neither its own, nor that of the revision by which it was written, by a bot that just
// started and that nobody has asked about the workload.
func TestAChangeCauseOfTheCachesQuotesNoTemplate(t *testing.T) {
	t.Parallel()
	const cause = "kubernetes.io/change-cause"
	p := deployed(t, control.ForTest(t))
	first, second := fmt.Sprintf("walrus-%x-lantern", rand.Uint64()|1<<60), fmt.Sprintf("walrus-%x-garden", rand.Uint64()|1<<60)
	change := func(patch string, args ...any) {
		_, err := p.Client.AppsV1().Deployments(p.w.Namespace).Patch(
			t.Context(), p.w.Name, types.StrategicMergePatchType, fmt.Appendf(nil, patch, args...), metav1.PatchOptions{},
		)
		require.NoError(t, err)
		p.eventually(t, "the controller sees the change", func(d *appsv1.Deployment) bool { return d.Status.ObservedGeneration == d.Generation })
	}
	const env = `"spec":{"template":{"spec":{"containers":[{"name":"api-gateway","env":[{"name":"LEDGER","value":%q}]}]}}}`
	change(`{"metadata":{"annotations":{%q:%q}},`+env+`}`, cause, "kubectl set env LEDGER="+first+" --record", first)
	change(`{`+env+`}`, second) // with the cause of before

	redactor := redact.New()
	bot, err := kube.Open(t.Context(), kube.Config{
		Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: p.Kubeconfig, Namespaces: []string{p.w.Namespace},
		SecretValues: func(values [][]byte) { redactor.Add(values...) }, Hide: redactor.Values,
	})
	require.NoError(t, err)
	started(t, bot)
	until(t, "the caches are synced", bot.Synced)
	causes := func() (said []string) {
		objects, _ := bot.Overview(t.Context(), p.w.Namespace)
		for _, o := range objects {
			if set, ok := o.(*appsv1.ReplicaSet); ok && set.Annotations[cause] != "" {
				said = append(said, set.Annotations[cause])
			}
		}
		return said
	}
	var said []string
	until(t, "both revisions are there", func() bool { said = causes(); return len(said) == 2 })
	for range 2 { // as they were read, and as they're remembered
		for _, one := range said {
			require.Equal(t, "kubectl set env LEDGER="+redact.Mask+" --record", one)
		}
		said = causes()
	}
}
