package kube_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/sandbox/control"
)

// TestWhatAVolumeIsMountedWithIsLearned before anything is said of its pod: a driver's error may quote it.
func TestWhatAVolumeIsMountedWithIsLearned(t *testing.T) {
	t.Parallel()
	value := fmt.Sprintf("walrus-%x-lantern", rand.Uint64()|1<<60)
	meta := metav1.ObjectMeta{Name: "x", Namespace: "production"}
	pod := corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{Volumes: []corev1.Volume{{Name: "vault", VolumeSource: corev1.VolumeSource{
		CSI: &corev1.CSIVolumeSource{
			Driver: "secrets-store.csi.k8s.io", NodePublishSecretRef: &corev1.LocalObjectReference{Name: "vault-login"},
		},
	}}}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = corev1.PodList{Items: []corev1.Pod{pod}}
		if strings.HasSuffix(r.URL.Path, "/secrets/vault-login") {
			answer = corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "vault-login", Namespace: "production"}, Data: map[string][]byte{"clientid": []byte(value)},
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, control.WriteKubeconfig(path, &rest.Config{Host: server.URL}, "sandbox"))
	redactor := redact.New()
	c, err := kube.Open(t.Context(), kube.Config{
		Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: path, Namespaces: []string{"production"}, SecretNamespaces: []string{"production"},
		SecretValues: func(values [][]byte) { redactor.Add(values...) },
	})
	require.NoError(t, err)
	_, err = c.ListSome(t.Context(), "production", "metadata.name=x", 1, &corev1.PodList{})
	require.NoError(t, err)
	require.NotContains(t, redactor.Values("said "+value), value)
}
