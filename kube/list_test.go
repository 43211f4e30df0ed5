package kube_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
)

// manyPods is an API server with so many pods, which hands out pages as a real one does and fails a request without a limit.
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
			items = append(items, map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": fmt.Sprintf("pod-%05d", i), "namespace": "production"}})
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
					requireSentence(t, "There are more than 5000 pods, so not all were looked at.", err)
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
