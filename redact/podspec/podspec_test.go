package podspec_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/redact/podspec"
)

func TestWhatTheKubeletAsksForMayHoldASecret(t *testing.T) {
	t.Parallel()
	token := "walrus8e6e" + "garden4f83c" + "lantern97aa"
	secret := func(path string) []string {
		get := &corev1.HTTPGetAction{Path: path}
		var all []string
		for _, c := range []corev1.Container{
			{ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: get}}},
			{Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: get}}},
		} {
			var found []string
			for _, value := range podspec.Secrets(&corev1.PodSpec{Containers: []corev1.Container{c}}) {
				found = append(found, string(value))
			}
			if all == nil {
				all = found
			}
			require.ElementsMatch(t, all, found, "a hook's request is read as a probe's")
		}
		return all
	}
	for _, path := range []string{"/health/" + token, "/health?k=" + token, "/health?a=1&token=" + token, "/x;y?a=1;b=" + token + "#end"} {
		require.Equal(t, []string{token}, secret(path), path)
	}
	require.Equal(t, []string{"garden"}, secret("/health?password=garden"), "its name says so")
	for _, path := range []string{
		"", "/", "/health", "/healthz/ready", "/actuator/health/readiness", "/api/v1/status?verbose=true&timeout=5",
	} {
		require.Empty(t, secret(path), path)
	}
}
