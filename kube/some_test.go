package kube_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta/kube"
)

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
}
