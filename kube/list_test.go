package kube_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/sandbox/control"
)

// manyPods is an API server with that many pods, which returns pages as a real one does and fails a request without a limit.
func manyPods(t *testing.T, pods int) *kube.Cluster {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if err != nil || limit < 1 || limit > 500 || r.URL.Query().Get("labelSelector") != "app=x" {
			http.Error(w, "a list without its limit or its labels", http.StatusBadRequest)
			return
		}
		from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		to := min(from+limit, pods)
		page := map[string]any{"apiVersion": "v1", "kind": "PodList", "metadata": map[string]any{"resourceVersion": "7"}}
		if to < pods {
			page["metadata"] = map[string]any{"resourceVersion": "7", "continue": strconv.Itoa(to)}
		}
		items := []any{}
		for i := from; i < to; i++ {
			items = append(
				items,
				map[string]any{
					"apiVersion": "v1",
					"kind":       "Pod",
					"metadata":   map[string]any{"name": fmt.Sprintf("pod-%05d", i), "namespace": "production"},
				},
			)
		}
		page["items"] = items
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(page)
	}))
	t.Cleanup(s.Close)
	c, err := kube.OpenREST("aks", &rest.Config{Host: s.URL})
	require.NoError(t, err)
	return c
}

func TestAListIsReadInPagesAndBounded(t *testing.T) {
	t.Parallel()
	kind := schema.GroupVersionKind{Version: "v1", Kind: "PodList"}
	forms := map[string]func() (runtime.Object, func() []string){
		"typed": func() (runtime.Object, func() []string) {
			l := &corev1.PodList{Items: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "of another list"}}}}
			return l, func() (names []string) {
				for _, p := range l.Items {
					names = append(names, p.Name)
				}
				return names
			}
		},
		"as the server wrote it": func() (runtime.Object, func() []string) {
			l := &unstructured.UnstructuredList{}
			l.SetGroupVersionKind(kind)
			return l, func() (names []string) {
				for _, p := range l.Items {
					names = append(names, p.GetName())
				}
				return names
			}
		},
		"names without contents": func() (runtime.Object, func() []string) {
			l := &metav1.PartialObjectMetadataList{}
			l.SetGroupVersionKind(kind)
			return l, func() (names []string) {
				for _, p := range l.Items {
					names = append(names, p.Name)
				}
				return names
			}
		},
	}
	for form, list := range forms {
		for _, pods := range []int{0, 1, 500, 501, 1234, 5000, 5001} {
			t.Run(fmt.Sprintf("%s, %d", form, pods), func(t *testing.T) {
				t.Parallel()
				into, names := list()
				err := manyPods(t, pods).List(t.Context(), "production", "app=x", into)
				if pods > 5000 {
					require.ErrorIs(t, err, algesta.ErrUnreachable)
					requireSentence(t, "There are more than 5000 pods, so I didn't check all of them.", err)
				} else {
					require.NoError(t, err)
				}
				got := names()
				require.Len(t, got, min(pods, 5000))
				for i, name := range got {
					require.Equal(t, fmt.Sprintf("pod-%05d", i), name)
				}
			})
		}
	}
}

func TestALongListIsReadInPagesAndNotToItsEnd(t *testing.T) {
	t.Parallel()
	const all = 1200
	var pages atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.Add(1)
		q := r.URL.Query()
		limit, err := strconv.Atoi(q.Get("limit"))
		if err != nil || limit > 500 || q.Get("fieldSelector") != "spec.nodeName!=" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		from, _ := strconv.Atoi(q.Get("continue"))
		items := []any{}
		for i := from; i < min(from+limit, all); i++ {
			items = append(items, map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": fmt.Sprint("p", i)}})
		}
		meta := map[string]any{}
		if next := from + limit; next < all {
			meta["continue"] = strconv.Itoa(next)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v1", "kind": "PodList", "metadata": meta, "items": items})
	}))
	t.Cleanup(server.Close)
	c, err := kube.OpenREST("sandbox", &rest.Config{Host: server.URL})
	require.NoError(t, err)
	raw := &unstructured.UnstructuredList{}
	raw.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "PodList"})
	typed := &corev1.PodList{}
	for name, list := range map[string]runtime.Object{"typed": typed, "as the server wrote it": raw} {
		pages.Store(0)
		more, err := c.ListSome(t.Context(), "", "spec.nodeName!=", 900, list)
		require.NoError(t, err, name)
		require.True(t, more, name)
		require.EqualValues(t, 2, pages.Load(), name)
	}
	require.Len(t, typed.Items, 900)
	require.Len(t, raw.Items, 900)
	require.Equal(t, "p899", typed.Items[899].Name)
	more, err := c.ListSome(t.Context(), "", "spec.nodeName!=", 5000, typed)
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, typed.Items, all)
	names := &metav1.PartialObjectMetadataList{}
	names.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "PodList"})
	more, err = c.ListSome(t.Context(), "", "spec.nodeName!=", 3, names)
	require.NoError(t, err)
	require.True(t, more)
	require.Len(t, names.Items, 3)
}

// TestAServerThatSendsNothingButMorePagesIsNotAskedForEver: what is asked for is counted, not what comes.
func TestAServerThatSendsNothingButMorePagesIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pages.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"PodList","metadata":{"continue":"more"},"items":[]}`))
	}))
	t.Cleanup(server.Close)
	c, err := kube.OpenREST("sandbox", &rest.Config{Host: server.URL})
	require.NoError(t, err)
	more, err := c.ListSome(t.Context(), "", "", 1_000_000, &corev1.PodList{})
	require.NoError(t, err)
	require.True(t, more)
	require.EqualValues(t, 10, pages.Load(), "5,000 objects are asked for at the most")
	require.ErrorIs(t, c.List(t.Context(), "", "", &corev1.PodList{}), algesta.ErrUnreachable)
	require.EqualValues(t, 20, pages.Load())
}

// An object that is read by its name is as quotable as one of a rollout: what it spells out is known before anybody gets it.
// What is quoted of an object is cut and its blanks are joined, so a value that is known is hidden in it before.
func TestKnownValuesAreHiddenInWhatIsQuoted(t *testing.T) {
	t.Parallel()
	const value = "walrus  garden\tlantern"
	conditions := []any{map[string]any{"type": "Accepted", "status": "False", "message": "not " + value}}
	answers := map[string]any{
		"/api/v1/namespaces/production/configmaps": corev1.ConfigMapList{
			TypeMeta: metav1.TypeMeta{
				APIVersion: "v1",
				Kind:       "ConfigMapList",
			},
			Items: []corev1.ConfigMap{{Data: map[string]string{"a": "x " + value}}},
		},
		"/apis/autoscaling/v2/namespaces/production/horizontalpodautoscalers": map[string]any{
			"apiVersion": "autoscaling/v2",
			"kind":       "HorizontalPodAutoscalerList",
			"items":      []any{map[string]any{"status": map[string]any{"conditions": conditions}}},
		},
		"/apis/gateway.networking.k8s.io/v1/namespaces/production/httproutes": map[string]any{
			"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRouteList", "items": []any{map[string]any{
				"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
				"status": map[string]any{"parents": []any{map[string]any{"conditions": conditions}}},
			}},
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answers[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, control.WriteKubeconfig(path, &rest.Config{Host: server.URL}, "sandbox"))
	c, err := kube.Open(t.Context(), kube.Config{
		Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: path, Hide: redact.New([]byte(value)).Values, SecretValues: func([][]byte) {},
	})
	require.NoError(t, err)
	routes := &unstructured.UnstructuredList{}
	routes.SetGroupVersionKind(schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRouteList"})
	for name, list := range map[string]runtime.Object{
		"ConfigMaps": &corev1.ConfigMapList{}, "autoscalers": &autoscalingv2.HorizontalPodAutoscalerList{}, "routes": routes,
	} {
		require.NoError(t, c.List(t.Context(), "production", "", list), name)
		b, err := json.Marshal(list)
		require.NoError(t, err)
		require.Contains(t, string(b), "‹redacted›", name)
		require.NotContains(t, string(b), "lantern", name)
	}
}

func TestOneObjectIsLearnedBeforeItIsQuoted(t *testing.T) {
	t.Parallel()
	value := "walrus-" + "garden-" + "lantern"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []corev1.Pod{{
			ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "production"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: value}}}}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{
				Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: "refused: app/" + value},
			}}}},
		}}})
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, control.WriteKubeconfig(path, &rest.Config{Host: server.URL}, "sandbox"))
	redactor := redact.New()
	c, err := kube.Open(t.Context(), kube.Config{
		Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: path, Hide: redactor.Values,
		SecretValues: func(values [][]byte) { redactor.Add(values...) },
	})
	require.NoError(t, err)
	var all, one corev1.PodList
	_, err = c.ListSome(t.Context(), "production", "metadata.name=p", 1, &one)
	require.NoError(t, err)
	require.NotContains(t, one.Items[0].Status.ContainerStatuses[0].State.Terminated.Message, value)
	_, err = c.ListSome(t.Context(), "production", "", 1, &all)
	require.NoError(t, err)
	require.NotContains(t, all.Items[0].Status.ContainerStatuses[0].State.Terminated.Message, value, "what is known is hidden in any list")
}

// Objects that make pods spell out what the pods get.
func TestWhateverMakesPodsIsLearnedBeforeItIsQuoted(t *testing.T) {
	t.Parallel()
	value := fmt.Sprintf("walrus-%x-lantern", rand.Uint64()|1<<60)
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Name: "app", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: value}}},
	}}}
	meta := metav1.ObjectMeta{Name: "x", Namespace: "production"}
	job := batchv1.JobSpec{Template: template}
	patched, err := json.Marshal(map[string]any{"spec": map[string]any{"template": template}})
	require.NoError(t, err)
	revisions := &unstructured.UnstructuredList{}
	revisions.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ControllerRevisionList"))
	for name, list := range map[string]struct{ answer, into runtime.Object }{
		"a job": {&batchv1.JobList{Items: []batchv1.Job{{ObjectMeta: meta, Spec: job}}}, &batchv1.JobList{}},
		"a cronjob": {&batchv1.CronJobList{Items: []batchv1.CronJob{{ObjectMeta: meta, Spec: batchv1.CronJobSpec{
			JobTemplate: batchv1.JobTemplateSpec{Spec: job},
		}}}}, &batchv1.CronJobList{}},
		"a daemonset": {&appsv1.DaemonSetList{Items: []appsv1.DaemonSet{{
			ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Template: template},
		}}}, &appsv1.DaemonSetList{}},
		"a revision of a statefulset": {&appsv1.ControllerRevisionList{
			TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ControllerRevisionList"},
			Items: []appsv1.ControllerRevision{{
				TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ControllerRevision"}, ObjectMeta: meta,
				Data: runtime.RawExtension{Raw: patched},
			}},
		}, revisions},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(list.answer)
			}))
			t.Cleanup(server.Close)
			path := filepath.Join(t.TempDir(), "kubeconfig")
			require.NoError(t, control.WriteKubeconfig(path, &rest.Config{Host: server.URL}, "sandbox"))
			redactor := redact.New()
			c, err := kube.Open(t.Context(), kube.Config{
				Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: path, SecretValues: func(values [][]byte) { redactor.Add(values...) },
			})
			require.NoError(t, err)
			_, err = c.ListSome(t.Context(), "production", "metadata.name=x", 1, list.into)
			require.NoError(t, err)
			require.NotContains(t, redactor.String("said "+value), value)
		})
	}
}
