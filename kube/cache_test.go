package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

// started runs the caches of a cluster for the length of a test.
func started(t *testing.T, bot *kube.Cluster) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); bot.Start(ctx) }()
	t.Cleanup(func() { stop(); <-done })
}

// until waits for something that no channel reports.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			require.Fail(t, "waiting until "+what)
		case <-tick.C:
		}
	}
}

func TestWorkloadIsTheSameFromTheCacheAsLive(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	p.eventually(t, "all pods are there", func(d *appsv1.Deployment) bool { return d.Status.AvailableReplicas == 2 })
	_, known := p.bot.LastStop(p.w.Namespace)
	require.False(t, known)
	liveDeployment, liveSets, livePods, err := p.bot.Workload(t.Context(), p.w) // the caches are not started
	require.NoError(t, err)
	started(t, p.bot)
	until(t, "the caches are synced", p.bot.Synced)
	stops, known := p.bot.LastStop(p.w.Namespace)
	require.True(t, known)
	require.Zero(t, stops, "none stops")
	d, sets, pods, err := p.bot.Workload(t.Context(), p.w)
	require.NoError(t, err)
	require.Len(t, liveSets, 1)
	require.Len(t, sets, 1)
	require.Len(t, livePods, 2)
	require.Len(t, pods, 2)
	require.Equal(t, liveDeployment.Annotations["algesta.io/template"], d.Annotations["algesta.io/template"])
	require.Equal(t, d.Annotations["algesta.io/template"], sets[0].Annotations["algesta.io/template"], "a ReplicaSet is found by its template")
	require.Equal(t, liveSets[0].Annotations["algesta.io/template"], sets[0].Annotations["algesta.io/template"])
	for _, seen := range []any{d, sets, pods, liveDeployment, liveSets, livePods} {
		b, err := json.Marshal(seen)
		require.NoError(t, err)
		require.NotContains(t, string(b), secretValue)
		require.NotContains(t, string(b), "managedFields")
	}
	require.Equal(t, "API_PASSWORD", pods[0].Spec.Containers[0].Env[1].Name, "the names of variables stay")
	require.Empty(t, p.bot.Refused())
}

func TestWorkloadIsNeverOlderThanAnOwnWrite(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	started(t, p.bot)
	until(t, "the caches are synced", p.bot.Synced)
	image := oldImage
	for i := range 20 {
		next := newImage
		if image == newImage {
			next = oldImage
		}
		change := algesta.Change{
			Object: p.w, UID: string(p.deployment(t).UID), Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1",
			Swaps: []algesta.Swap{{Label: "image", Path: imagePath, From: value(image), To: value(next)}},
		}
		written, err := p.bot.Writer(patching).Apply(t.Context(), change, "op-"+string(rune('a'+i)), (&recorder{}).intend)
		require.NoError(t, err)
		d, _, _, err := p.bot.Workload(t.Context(), p.w)
		require.NoError(t, err)
		require.GreaterOrEqual(t, d.Generation, written.Generation)
		require.Equal(t, next, d.Spec.Template.Spec.Containers[0].Image)
		image = next
	}
}

func TestDeploymentsAreDiscovered(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	found := make(chan map[string]map[string]string, 100)
	bot, err := kube.Open(t.Context(), kube.Config{
		Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: p.Kubeconfig, Namespaces: []string{p.w.Namespace},
		Deployments: func(cluster, namespace string, deployments map[string]map[string]string) {
			require.Equal(t, "sandbox/"+p.w.Namespace, cluster+"/"+namespace)
			found <- deployments
		},
	})
	require.NoError(t, err)
	started(t, bot)
	require.Equal(t, map[string]map[string]string{"api-gateway": {"app": "api-gateway"}}, <-found)
	p.kubectl(t, "label", "deployment/api-gateway", "team=a")
	until(t, "the label is known", func() bool { return (<-found)["api-gateway"]["team"] == "a" })
	p.kubectl(t, "delete", "deployment/api-gateway")
	until(t, "it is gone", func() bool { return len(<-found) == 0 })
}

func TestARightThatIsMissingForOneKindLeavesTheOthers(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	p.eventually(t, "all pods are there", func(d *appsv1.Deployment) bool { return d.Status.AvailableReplicas == 2 })
	bot := p.as(t, p.ServiceAccount(t, p.w.Namespace, []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments", "replicasets"}, Verbs: []string{"get", "list", "watch"}},
	}))
	started(t, bot)
	until(t, "the caches are synced, but for the pods", func() bool { return bot.Synced() && len(bot.Refused()) == 1 })
	require.Equal(t, []string{p.w.Namespace + "/pods"}, bot.Refused())
	d, sets, pods, err := bot.Workload(t.Context(), p.w)
	require.ErrorIs(t, err, algesta.ErrForbidden)
	require.NotNil(t, d)
	require.Len(t, sets, 1)
	require.Empty(t, pods)
	err = bot.List(t.Context(), p.w.Namespace, "", &autoscalingv2.HorizontalPodAutoscalerList{})
	requireSentence(t, "I don't have permission to list horizontalpodautoscalers in "+p.w.Namespace+" (403).", err)
}

func TestListsOfEveryForm(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	var typed appsv1.DeploymentList
	require.NoError(t, p.bot.List(t.Context(), p.w.Namespace, "app=api-gateway", &typed))
	require.Len(t, typed.Items, 1)
	require.NoError(t, p.bot.List(t.Context(), p.w.Namespace, "app=nothing", &typed))
	require.Empty(t, typed.Items)
	var nodes corev1.NodeList
	require.NoError(t, p.bot.List(t.Context(), "", "", &nodes), "kinds without a namespace")
	raw := &unstructured.UnstructuredList{}
	raw.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "DeploymentList"})
	require.NoError(t, p.bot.List(t.Context(), p.w.Namespace, "", raw))
	require.Len(t, raw.Items, 1)
	names := &metav1.PartialObjectMetadataList{}
	names.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMapList"})
	require.NoError(t, p.bot.List(t.Context(), p.w.Namespace, "", names))
	require.Equal(t, "kube-root-ca.crt", names.Items[0].Name)
	unknown := &unstructured.UnstructuredList{}
	unknown.SetGroupVersionKind(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "UnicornList"})
	err := p.bot.List(t.Context(), p.w.Namespace, "", unknown)
	requireSentence(t, "The cluster sandbox doesn't know unicorns.", err)
}

func TestAnAPIServerThatStopsAndComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a control plane of its own")
	}
	t.Parallel()
	p := deployed(t, control.Private(t))
	started(t, p.bot)
	until(t, "the caches are synced", p.bot.Synced)
	change, r := p.deploy12345(t), &recorder{}
	require.NoError(t, p.StopAPIServer(t.Context()))
	_, err := p.bot.Deployment(t.Context(), p.w)
	requireSentence(t, "The cluster sandbox doesn't answer.", err)
	require.ErrorIs(t, err, algesta.ErrUnreachable)
	_, err = p.bot.Writer(patching).Apply(t.Context(), change, "op-c-1", r.intend)
	require.ErrorIs(t, err, algesta.ErrUnreachable, "nothing was sent, and that is known")
	require.Empty(t, r.intents)
	until(t, "old pods are not shown as if they were there", func() bool {
		_, _, _, err := p.bot.Workload(t.Context(), p.w)
		return errors.Is(err, algesta.ErrUnreachable)
	})
	require.NoError(t, p.StartAPIServer(t.Context()))
	_, err = p.bot.Writer(patching).Apply(t.Context(), change, "op-c-1", r.intend)
	require.NoError(t, err)
	until(t, "the caches follow again", func() bool {
		d, _, _, err := p.bot.Workload(t.Context(), p.w)
		return err == nil && d.Spec.Template.Spec.Containers[0].Image == newImage
	})
}
