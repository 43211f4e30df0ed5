package commands_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/runbooks"
)

// hostCluster has an Ingress for a host in some namespaces, and notes which namespaces it was asked about.
type hostCluster struct {
	*fakeCluster
	declared map[string]string // the host of a namespace

	mu    sync.Mutex
	asked []string
}

func (c *hostCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c, Prober: c}, nil
}

func (c *hostCluster) List(_ context.Context, namespace, _ string, into runtime.Object) error {
	l, ok := into.(*networkingv1.IngressList)
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, namespace)
	if host := c.declared[namespace]; host != "" {
		l.Items = []networkingv1.Ingress{
			{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{
				{
					Host: host,
					IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
						Path: "/", Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web"}},
					}}}},
				},
			}}},
		}
	}
	return nil
}

func (c *hostCluster) Ask(context.Context, *url.URL) algesta.Exchange {
	return algesta.Exchange{Fault: algesta.FaultNoName}
}

func (c *hostCluster) Reaches(context.Context, string, string) algesta.Exchange {
	return algesta.Exchange{}
}

func TestTheEnvironmentOfAHostIsFoundWhereThePersonMayLookAlone(t *testing.T) {
	t.Parallel()
	both := strings.Replace(rules, "namespaces: [production]}", "namespaces: [production, staging]}", 1)
	for name, c := range map[string]struct {
		rules    string
		declared map[string]string
		typed    string
		want     string
		asked    []string
	}{
		"declared where the person may look": {
			rules,
			map[string]string{"production": "api.example.com"},
			"curl -v https://api.example.com/health", "api.example.com: DNS has no such name",
			[]string{"production", "production"}, // to find it, and to look
		},
		"declared where the person may not": {
			rules,
			map[string]string{"staging": "pay.example.com"},
			"probe pay.example.com",
			"I didn't look: no Ingress and no HTTPRoute where you can use probe is for pay.example.com, and I only go to hosts that one declares.",
			[]string{"production"},
		},
		"declared twice": {
			both,
			map[string]string{"production": "api.example.com", "staging": "api.example.com"},
			"nslookup api.example.com",
			"Several environments declare api.example.com. Which one do you mean?",
			[]string{"staging", "production"},
		},
		"without any right": {
			strings.Replace(rules, "namespaces: [production]}", "namespaces: [elsewhere]}", 1),
			map[string]string{"production": "api.example.com"},
			"openssl s_client -connect api.example.com:443",
			"I didn't look: no Ingress and no HTTPRoute where you can use probe is for api.example.com, and I only go to hosts that one " +
				"declares.", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(c.rules)
			cluster := &hostCluster{fakeCluster: w.cluster, declared: c.declared}
			w.dispatcher.Clusters = commands.Clusters(cluster)
			w.types(luis, c.typed)
			said := append(w.said(algesta.AnswerPost), w.said(algesta.CardPost)...)
			require.Equal(t, []string{c.want}, said)
			require.ElementsMatch(t, c.asked, cluster.asked)
		})
	}
}

func TestACommandAboutNothingTellsOnlyOfEnvironmentsThatThePersonMayLookAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Clusters = commands.Clusters(&hostCluster{fakeCluster: w.cluster})
	w.types(luis, "kubectl cluster-info")
	require.Equal(t, []string{"The cluster of 1 of 1 environment doesn't answer"}, w.said(algesta.CardPost))
	table := w.posts()[len(w.posts())-1].Report.Body[0].Table
	require.Len(t, table.Rows, 1)
	require.Equal(t, "production", table.Rows[0][0].String())
	w.types(luis, "can-i clusters")
	require.Contains(t, w.said(algesta.AnswerPost)[0], "Yes, you can use clusters")
	w.types(nico, "clusters")
	require.Len(t, w.said(algesta.CardPost), 1, "who may look nowhere is refused")
	require.Len(t, w.said(algesta.AnswerPost), 2)
}

// A command that names no environment is about those alone in which the person may do the same.
func TestPodsOfEveryEnvironmentAreThoseThatThePersonMayLookAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cluster := &podsCluster{hostCluster: &hostCluster{fakeCluster: w.cluster}}
	w.dispatcher.Clusters = commands.Clusters(cluster)
	w.types(luis, "kubectl get pods -A")
	require.Equal(t, []string{"1 environment: 1 of 1 pod ready"}, w.said(algesta.CardPost))
	require.Equal(t, []string{"production"}, cluster.listed, "nothing else is even asked for")
	w.setRules(strings.Replace(rules, "namespaces: [production]}", "namespaces: [production, staging]}", 1))
	w.types(luis, "kubectl get pods -A")
	require.ElementsMatch(t, []string{"production", "production", "staging"}, cluster.listed)
	w.types(nico, "kubectl get pods -A")
	require.Len(t, w.said(algesta.CardPost), 2, "who may look nowhere is refused")
	require.Len(t, cluster.listed, 3)
}

// podsCluster has a pod in every namespace, and notes which were asked for.
type podsCluster struct {
	*hostCluster
	listed []string
}

func (c *podsCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c}, nil
}

func (c *podsCluster) List(_ context.Context, namespace, _ string, into runtime.Object) error {
	if l, ok := into.(*corev1.PodList); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.listed = append(c.listed, namespace)
		l.Items = []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: namespace}, Status: corev1.PodStatus{
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		}}}
	}
	return nil
}
