package kube_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
)

// A busy API server answers a moment later: a list is asked for once more before it counts as not read.
func TestAListThatFailedIsReadOnceMore(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{
		"events":                   "EventList",
		"pods":                     "PodList",
		"ingresses":                "IngressList",
		"deployments":              "DeploymentList",
		"replicasets":              "ReplicaSetList",
		"services":                 "ServiceList",
		"endpointslices":           "EndpointSliceList",
		"horizontalpodautoscalers": "HorizontalPodAutoscalerList",
		"nodes":                    "NodeList",
		"resourcequotas":           "ResourceQuotaList",
		"poddisruptionbudgets":     "PodDisruptionBudgetList",
		"statefulsets":             "StatefulSetList",
		"daemonsets":               "DaemonSetList",
		"jobs":                     "JobList",
		"cronjobs":                 "CronJobList",
		"certificates":             "CertificateList",
	}
	versions := map[string]string{
		"ingresses":                "networking.k8s.io/v1",
		"deployments":              "apps/v1",
		"replicasets":              "apps/v1",
		"statefulsets":             "apps/v1",
		"daemonsets":               "apps/v1",
		"endpointslices":           "discovery.k8s.io/v1",
		"horizontalpodautoscalers": "autoscaling/v2",
		"poddisruptionbudgets":     "policy/v1",
		"jobs":                     "batch/v1",
		"cronjobs":                 "batch/v1",
		"certificates":             "cert-manager.io/v1",
	}
	fails := map[string]struct{ times, code int }{
		"deployments": {1, http.StatusServiceUnavailable}, "events": {1, http.StatusGatewayTimeout},
		"services": {9, http.StatusInternalServerError}, "jobs": {9, http.StatusForbidden},
	}
	var mu sync.Mutex
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resource := path.Base(r.URL.Path)
		mu.Lock()
		asked[r.URL.Path]++
		n := asked[r.URL.Path]
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if f, ok := fails[resource]; ok && n <= f.times {
			w.WriteHeader(f.code)
			_, _ = fmt.Fprintf(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","code":%d}`, f.code)
			return
		}
		version := versions[resource]
		if version == "" {
			version = "v1"
		}
		_ = json.NewEncoder(
			w,
		).Encode(
			map[string]any{"apiVersion": version, "kind": kinds[resource], "metadata": map[string]any{}, "items": []any{}},
		)
	}))
	t.Cleanup(server.Close)
	c, err := kube.OpenREST("sandbox", &rest.Config{Host: server.URL})
	require.NoError(t, err)
	_, unread := c.Observe(t.Context(), "production")
	require.NotContains(t, unread, "deployments")
	require.NotContains(t, unread, "events")
	require.ErrorIs(t, unread["services"], algesta.ErrUnreachable)
	require.ErrorIs(t, unread["jobs"], algesta.ErrForbidden)
	for _, resource := range []string{"persistentvolumeclaims", "storageclasses", "ingressclasses", "orders"} {
		require.ErrorIs(t, unread[resource], algesta.ErrNotAsked, "%s: what nobody asked for is not known to be missing", resource)
	}
	require.NotContains(t, unread, "configmaps", "a kind that could not be read is a reason to look for more")
	mu.Lock()
	defer mu.Unlock()
	for list, want := range map[string]int{
		"/apis/apps/v1/namespaces/production/deployments": 2, "/api/v1/namespaces/production/events": 2,
		"/api/v1/namespaces/production/services":    2,
		"/apis/batch/v1/namespaces/production/jobs": 1, "/api/v1/namespaces/production/pods": 1,
	} {
		require.Equal(t, want, asked[list], list)
	}
}
