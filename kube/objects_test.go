package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

// every is what the changes of these tests need.
var every = []string{
	"create configmaps", "delete configmaps", "patch horizontalpodautoscalers.autoscaling", "patch renewals.tests.algesta.io/status",
}

// renewals is a kind with a status of its own, as cert-manager's are.
const renewals = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":
{"name":"renewals.tests.algesta.io"},"spec":{
"group":"tests.algesta.io","scope":"Namespaced","names":{"kind":"Renewal","plural":"renewals"},
"versions":[{"name":"v1","served":true,"storage":true,
"subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`

// object is a change of an object in a namespace, without what it changes.
func object(p place, verb algesta.Verb, group, version, kind, resource, name string) algesta.Change {
	return algesta.Change{
		Object: algesta.Object{
			Cluster:   "sandbox",
			Group:     group,
			Kind:      kind,
			Namespace: p.w.Namespace,
			Name:      name,
		},
		Verb:     verb,
		Resource: resource,
		Version:  version,
	}
}

// settings is a ConfigMap to create.
func settings(p place) algesta.Change {
	c := object(p, algesta.Create, "", "v1", "ConfigMap", "configmaps", "settings")
	c.Content = json.RawMessage(
		fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":%q},"data":{"a":"b"}}`, p.w.Namespace),
	)
	return c
}

// ending is the delete of a ConfigMap that is there.
func ending(t *testing.T, p place) algesta.Change {
	t.Helper()
	p.kubectl(t, "create", "configmap", "old", "--from-literal=a=b")
	c := object(p, algesta.Delete, "", "v1", "ConfigMap", "configmaps", "old")
	m, err := p.Client.CoreV1().ConfigMaps(p.w.Namespace).Get(t.Context(), "old", metav1.GetOptions{})
	require.NoError(t, err)
	c.UID, c.Propagation = string(m.UID), "Background"
	c.Swaps = []algesta.Swap{{Label: "value", Path: "/data/a", From: value("b"), To: value("b")}}
	return c
}

// bounds is a patch of an autoscaler, which has no generation.
func bounds(t *testing.T, p place) algesta.Change {
	t.Helper()
	hpa, err := p.Client.AutoscalingV2().HorizontalPodAutoscalers(p.w.Namespace).Create(t.Context(), &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "api-gateway"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			MaxReplicas:    4,
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "api-gateway"},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	c := object(p, algesta.Patch, "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers.autoscaling", "api-gateway")
	c.UID, c.Swaps = string(hpa.UID), []algesta.Swap{{Label: "most pods", Path: "/spec/maxReplicas", From: value(4), To: value(6)}}
	return c
}

var renewal = schema.GroupVersionResource{Group: "tests.algesta.io", Version: "v1", Resource: "renewals"}

// issuing is a patch of a status.
func issuing(t *testing.T, p place) algesta.Change {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crd.json")
	require.NoError(t, os.WriteFile(path, []byte(renewals), 0o600))
	p.kubectl(t, "apply", "-f", path)
	p.kubectl(t, "wait", "--for=condition=Established", "--timeout=30s", "crd/renewals.tests.algesta.io")
	client, err := dynamic.NewForConfig(p.Config)
	require.NoError(t, err)
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tests.algesta.io/v1",
		"kind":       "Renewal",
		"metadata":   map[string]any{"name": "shop-tls"},
		"spec":       map[string]any{"host": "shop"},
	}}
	made, err := client.Resource(renewal).Namespace(p.w.Namespace).Create(t.Context(), u, metav1.CreateOptions{})
	require.NoError(t, err)
	c := object(p, algesta.Patch, "tests.algesta.io", "v1", "Renewal", "renewals.tests.algesta.io", "shop-tls")
	c.Subresource, c.UID = "status", string(made.GetUID())
	c.Swaps = []algesta.Swap{{Label: "conditions", Path: "/status", To: value(map[string]any{"issuing": true})}}
	return c
}

func TestObjectsAreCreatedPatchedAndDeletedOnce(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	w, none := p.bot.Writer(every), (&recorder{}).intend
	apply := func(c algesta.Change, op string) error {
		_, err := w.Apply(t.Context(), c, op, none)
		return err
	}
	create := settings(p)
	_, err := w.Check(t.Context(), create)
	require.NoError(t, err)
	require.NoError(t, apply(create, "op-c-1"), "the check stored nothing")
	made, err := p.Client.CoreV1().ConfigMaps(p.w.Namespace).Get(t.Context(), "settings", metav1.GetOptions{})
	require.NoError(t, err)
	hash, err := algesta.HashJSON(create.Content)
	require.NoError(t, err)
	require.Equal(t, map[string]string{algesta.OperationAnnotation: "op-c-1", algesta.ContentAnnotation: hash}, made.Annotations)
	require.Equal(t, map[string]string{"a": "b"}, made.Data)
	for _, try := range []func() error{
		func() error { return apply(create, "op-c-1") },
		func() error { _, err := w.Check(t.Context(), create); return err },
	} {
		err = try()
		require.ErrorIs(t, err, algesta.ErrConflict)
		requireSentence(t, "ConfigMap settings already exists.", err)
	}

	patch := bounds(t, p)
	require.NoError(t, apply(patch, "op-c-2"))
	require.ErrorIs(t, apply(patch, "op-c-2"), algesta.ErrConflict, "its value isn't what people saw any more")

	status := issuing(t, p)
	_, err = w.Check(t.Context(), status)
	require.NoError(t, err)
	require.NoError(t, apply(status, "op-c-3"))
	require.ErrorIs(t, apply(status, "op-c-3"), algesta.ErrConflict)

	end := ending(t, p)
	_, err = w.Check(t.Context(), end)
	require.NoError(t, err)
	p.kubectl(t, "patch", "configmap/old", "-p", `{"data":{"a":"c"}}`)
	require.ErrorIs(t, apply(end, "op-c-4"), algesta.ErrConflict, "it isn't what people saw")
	p.kubectl(t, "patch", "configmap/old", "-p", `{"data":{"a":"b"}}`)
	require.NoError(t, apply(end, "op-c-4"))
	require.ErrorIs(t, apply(end, "op-c-4"), algesta.ErrNotFound)
	p.kubectl(t, "create", "configmap", "old", "--from-literal=a=b")
	require.ErrorIs(t, apply(end, "op-c-4"), algesta.ErrConflict, "another one of its name stays")
}

// TestADeleteOfWhatIsChangedMeanwhileIsRefused: the object changes between the read and the delete.
func TestADeleteOfWhatIsChangedMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	end := ending(t, p)
	_, err := p.bot.Writer(every).Apply(t.Context(), end, "op-c-1", func(context.Context, algesta.Intent) error {
		p.kubectl(t, "patch", "configmap/old", "-p", `{"data":{"a":"c"}}`) //nolint:contextcheck // the test's own
		return nil
	})
	require.ErrorIs(t, err, algesta.ErrConflict)
	_, err = p.Client.CoreV1().ConfigMaps(p.w.Namespace).Get(t.Context(), "old", metav1.GetOptions{})
	require.NoError(t, err)
}

func TestVerifyOfObjectsOfAnyKind(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	const operation = "op-c-9"
	create := func(_ *testing.T, p place) algesta.Change { return settings(p) }
	kubectl := func(args ...string) func(*testing.T, place) {
		return func(t *testing.T, p place) { t.Helper(); p.kubectl(t, args...) }
	}
	status := func(body string) func(*testing.T, place) {
		return kubectl("patch", "renewals.tests.algesta.io/shop-tls", "--subresource=status", "--type=merge", "-p", body)
	}
	tests := map[string]struct {
		change  func(*testing.T, place) algesta.Change
		notSent bool
		between func(*testing.T, place)
		want    bool
		unclear bool
	}{
		"created": {change: create, want: true},
		"created, and changed since": {
			change: create, want: true, between: kubectl("patch", "configmap/settings", "-p", `{"data":{"a":"c"}}`),
		},
		"created, and deleted since: nobody sends it again": {change: create, unclear: true, between: kubectl("delete", "configmap/settings")},
		"not created":                            {change: create, notSent: true},
		"not created, and somebody else's since": {change: create, notSent: true, between: kubectl("create", "configmap", "settings")},
		"patched":                                {change: bounds, want: true},
		"patched, and its annotation overwritten": {
			change:  bounds,
			want:    true,
			between: kubectl("annotate", "hpa/api-gateway", "--overwrite", "algesta.io/operation=op-other", "note=1"),
		},
		"patched, and undone since": {change: bounds, want: true, between: func(t *testing.T, p place) {
			t.Helper()
			p.kubectl(t, "patch", "hpa/api-gateway", "-p", `{"spec":{"maxReplicas":4}}`)
			p.kubectl(t, "annotate", "hpa/api-gateway", "algesta.io/operation-")
		}},
		"not patched":                          {change: bounds, notSent: true},
		"not patched, and moved since":         {change: bounds, notSent: true, between: kubectl("annotate", "hpa/api-gateway", "note=1")},
		"patched, and deleted since":           {change: bounds, unclear: true, between: kubectl("delete", "hpa/api-gateway")},
		"status patched":                       {change: issuing, want: true},
		"status patched and overwritten":       {change: issuing, want: true, between: status(`{"status":{"issuing":false}}`)},
		"status not patched":                   {change: issuing, notSent: true},
		"status not patched but moved since":   {change: issuing, notSent: true, between: status(`{"status":{"ready":true}}`)},
		"deleted":                              {change: ending, want: true},
		"not deleted":                          {change: ending, notSent: true},
		"not deleted, but by somebody else":    {change: ending, notSent: true, want: true, between: kubectl("delete", "configmap/old")},
		"deleted, and another one of its name": {change: ending, want: true, between: kubectl("create", "configmap", "old")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := deployed(t, c)
			change, r, died := tt.change(t, p), &recorder{}, errors.New("kill -9")
			_, err := p.bot.Writer(every).Apply(t.Context(), change, operation, func(ctx context.Context, i algesta.Intent) error {
				if tt.notSent {
					return errors.Join(died, r.intend(ctx, i))
				}
				return r.intend(ctx, i)
			})
			if !tt.notSent {
				died = nil
			}
			require.ErrorIs(t, err, died)
			if tt.between != nil {
				tt.between(t, p)
			}
			got, err := p.bot.Writer(nil).Verify(t.Context(), redacted(change), r.execution(operation))
			if tt.unclear {
				require.ErrorIs(t, err, algesta.ErrUncertain)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got.Yes)
		})
	}
}

func TestACreateAndADeleteWithoutAnAnswerAreNeverSentAgain(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	for method, change := range map[string]algesta.Change{http.MethodPost: settings(p), http.MethodDelete: ending(t, p)} {
		cfg, sent, r := rest.CopyConfig(p.Config), &atomic.Int32{}, &recorder{}
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return forgetting{next, method, sent} })
		bot, err := kube.OpenREST("sandbox", cfg, p.w.Namespace)
		require.NoError(t, err)
		_, err = bot.Writer(every).Apply(t.Context(), change, "op-c-8", r.intend)
		require.ErrorIs(t, err, algesta.ErrUncertain)
		require.Equal(t, int32(1), sent.Load())
		got, err := bot.Writer(nil).Verify(t.Context(), redacted(change), r.execution("op-c-8"))
		require.NoError(t, err)
		require.True(t, got.Yes, method)
	}
}

// TestAWriterWritesOnlyWhatItWasOpenedFor: the server is not even called.
func TestAWriterWritesOnlyWhatItWasOpenedFor(t *testing.T) {
	t.Parallel()
	called := &atomic.Int32{}
	cfg := &rest.Config{Host: "https://127.0.0.1:1"}
	cfg.Wrap(func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) { called.Add(1); return nil, errors.New("called") })
	})
	bot, err := kube.OpenREST("sandbox", cfg)
	require.NoError(t, err)
	p := place{w: algesta.Deployment("sandbox", "production", "api-gateway")}
	good := settings(p)
	for name, tt := range map[string]struct {
		may    []string
		change func(*algesta.Change)
	}{
		"nothing":             {nil, func(*algesta.Change) {}},
		"another verb":        {[]string{"patch configmaps"}, func(*algesta.Change) {}},
		"another resource":    {[]string{"create secrets"}, func(*algesta.Change) {}},
		"a subresource":       {[]string{"create configmaps/status"}, func(*algesta.Change) {}},
		"another namespace":   {[]string{"create configmaps"}, func(c *algesta.Change) { c.Object.Namespace = "kube-system" }},
		"another kind inside": {[]string{"create configmaps"}, func(c *algesta.Change) { c.Object.Kind = "Secret" }},
		"another group":       {[]string{"create configmaps.apps"}, func(c *algesta.Change) { c.Resource = "configmaps.apps" }},
		"a name of chance": {[]string{"create configmaps"}, func(c *algesta.Change) {
			c.Content = json.RawMessage(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"s-","namespace":"production"}}`)
		}},
	} {
		change := good
		tt.change(&change)
		_, err := bot.Writer(tt.may).Apply(t.Context(), change, "op-c-1", (&recorder{}).intend)
		require.Error(t, err, name)
		_, err = bot.Writer(tt.may).Check(t.Context(), change)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "called", name)
	}
	require.Zero(t, called.Load())
	_, err = bot.Writer([]string{"create configmaps"}).Apply(t.Context(), good, "op-c-1", (&recorder{}).intend)
	require.Error(t, err)
	require.Positive(t, called.Load(), "what it may write it tries")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }
