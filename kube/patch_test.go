package kube

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
)

// TestAPatchTestsWhichObjectItIs: a Deployment that was deleted and recreated under the same name is another one, and the API server has to
// find that out itself, because it may happen after the last read.
func TestAPatchTestsWhichObjectItIs(t *testing.T) {
	t.Parallel()
	live := &unstructured.Unstructured{
		Object: map[string]any{"metadata": map[string]any{"uid": "another", "resourceVersion": "10", "generation": int64(3)}},
	}
	change := algesta.Change{
		Object: algesta.Deployment("sandbox", "production", "api-gateway"), UID: "u1",
		Swaps: []algesta.Swap{{Label: "replicas", Path: "/spec/replicas", From: json.RawMessage("2"), To: json.RawMessage("4")}},
	}
	for _, to := range []bound{toVersion, toGeneration} {
		ops, err := patchOf(change, "op-c-1", live, to)
		require.NoError(t, err)
		require.Equal(t, op{"test", "/metadata/uid", json.RawMessage(`"u1"`)}, ops[0], "of what people saw, and before anything else")
		require.Equal(t, op{"test", "/spec/replicas", json.RawMessage("2")}, ops[1], "what people saw is compared by the server, too")
	}
}

// TestOnlyWhatRaisesTheGenerationIsBoundToItAlone: any other patch could be made twice.
func TestOnlyWhatRaisesTheGenerationIsBoundToItAlone(t *testing.T) {
	t.Parallel()
	deployment := algesta.Change{Object: algesta.Deployment("sandbox", "production", "api-gateway"), Verb: algesta.Patch}
	scaler := deployment
	scaler.Object.Group, scaler.Object.Kind = "autoscaling", "HorizontalPodAutoscaler"
	status := deployment
	status.Subresource = "status"
	deleted := scaler
	deleted.Verb = algesta.Delete
	for try := range versionTries {
		require.Equal(t, toVersion, boundAt(deployment, try))
	}
	require.Equal(t, toGeneration, boundAt(deployment, versionTries))
	require.Equal(t, toVersion, boundAt(scaler, versionTries))
	require.Equal(t, toVersion, boundAt(status, versionTries))
	require.Equal(t, toGeneration, boundAt(deleted, versionTries), "a delete happens once")
}
