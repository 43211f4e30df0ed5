package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

func TestNamespacesThatOneMayLookAtAreListed(t *testing.T) {
	t.Parallel()
	in := regarding("namespaces", "")
	at := metav1.NewTime(in.Command.At.Add(-5 * time.Hour))
	namespace := func(name string, phase corev1.NamespacePhase) corev1.Namespace {
		return corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, CreationTimestamp: at, Labels: map[string]string{corev1.LabelMetadataName: name, "team": name + "-team"},
			},
			Status: corev1.NamespaceStatus{Phase: phase},
		}
	}
	going := namespace("staging", corev1.NamespaceTerminating)
	going.DeletionTimestamp = &at
	stand := listed{lists: map[string][]any{
		"NamespaceList":     {namespace("payroll", corev1.NamespaceActive), namespace("production", corev1.NamespaceActive), going},
		"ResourceQuotaList": {corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "q", Namespace: "production"}}},
	}, instead: map[string]error{}}
	in.Allowed = func(name string) bool { return name != "payroll" }
	got := tells(t, stand, in)
	require.Contains(t, got[0], "production: 2 namespaces in the cluster ")
	require.Equal(t, []string{
		"namespace | phase | age | quota | labels",
		"staging | Terminating for 5 h | 5 h | no | team=staging-team",
		"production | Active | 5 h | yes | team=production-team",
		"How full the quota of production is: /algesta quota production",
		"Namespaces that you can't read aren't listed.",
	}, got[1:])

	in.Allowed = nil
	require.Len(t, tells(t, stand, in), 5, "its own alone")

	stand.instead["ResourceQuotaList"] = &algesta.Error{
		Kind:    algesta.ErrForbidden,
		Message: algesta.Say("I don't have permission to read them."),
	}
	got = tells(t, stand, in)
	require.Equal(t, "production | Active | 5 h | – | team=production-team", got[2], "what wasn't read isn't missing")
	require.Contains(t, got[4], "quotas")

	stand.instead["NamespaceList"] = stand.instead["ResourceQuotaList"]
	require.Equal(t, []string{"I couldn't check the namespaces of production: I don't have permission to read them."}, tells(t, stand, in))
}
