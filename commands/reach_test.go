package commands_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/runbooks"
)

// crashingCluster has one pod in production, whose log names a Service of the namespace payments.
type crashingCluster struct {
	*fakeCluster
	mu    sync.Mutex
	asked []string // in other namespaces
}

func (c *crashingCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c, Observer: c}, nil
}

func (c *crashingCluster) Observe(context.Context, string) ([]runtime.Object, map[string]error) {
	return []runtime.Object{&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:              "api-gateway-1",
			Namespace:         "production",
			CreationTimestamp: metav1.NewTime(time.Now().Add(-time.Hour)),
		},
		Spec: corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Name: "api-gateway"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
			{
				Name:         "api-gateway",
				RestartCount: 9,
				State:        corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
				LastTerminationState: corev1.ContainerState{
					Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.NewTime(time.Now().Add(-time.Minute))},
				},
			},
		}},
	}}, nil
}

func (c *crashingCluster) Log(context.Context, string, string, string, bool) ([]byte, error) {
	return []byte("Error: connect ECONNREFUSED ledger.payments.svc.cluster.local:8080\n"), nil
}

func (c *crashingCluster) WithPods(_ context.Context, kind, namespace, name string) ([]runtime.Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, kind+" "+namespace+"/"+name)
	return nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There is none.")}
}

// What is read in another namespace on behalf of a person passes the policy for that namespace.
func TestADiagnosisReadsOnlyWhereThePersonMayRead(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		more  string // of the policy
		asked []string
	}{
		"no rule about it": {},
		"the right to read it": {
			more:  "\n  - {name: ledgers, subjects: [\"user:U0LUIS\"], role: operator, namespaces: [payments]}",
			asked: []string{"Service payments/ledger"},
		},
		"somebody else's right": {more: "\n  - {name: ledgers, subjects: [\"user:U0NICO\"], role: operator, namespaces: [payments]}"},
		"the right in another cluster": {
			more: "\n  - {name: ledgers, subjects: [\"user:U0LUIS\"], role: operator, namespaces: [payments], clusters: [gke]}",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(strings.Replace(rules, "\napprovals:", c.more+"\napprovals:", 1))
			cluster := &crashingCluster{fakeCluster: w.cluster}
			w.dispatcher.Clusters = commands.Clusters(cluster)
			w.types(luis, "diagnose production")
			require.Equal(t, c.asked, cluster.asked)
		})
	}
}
