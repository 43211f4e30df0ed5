package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheEndOfSupportIsSaidWithItsDayAndItsSource(t *testing.T) {
	t.Parallel()
	const source = " (learn.microsoft.com/azure/aks/supported-kubernetes-versions, as of 2026-08-05)"
	for version, want := range map[string]string{
		"v1.27.9":  "Kubernetes 1.27 on AKS has been out of support since 30 January 2025" + source,
		"v1.28.14": "Kubernetes 1.28 on AKS has been out of support since 30 January 2025" + source,
		"v1.31.3":  "Kubernetes 1.31 on AKS has been out of support since 5 August 2026" + source,
		"v1.34.1":  "Kubernetes 1.34 on AKS is supported until 30 November 2026" + source,
		"v1.35.0":  "Kubernetes 1.35 on AKS is supported until 31 March 2027" + source,
	} {
		s, known := VersionOnAKS(version)
		require.True(t, known, version)
		require.Equal(t, want, s.Said(time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)))
	}
	for _, version := range []string{"v1.38.0", "v2.0.0", "1.34", "", "v1.999999999999999999999.0"} {
		_, known := VersionOnAKS(version)
		require.False(t, known, "nothing is claimed about %s", version)
	}
}

func TestTheEndOfSupportIsSaidSixtyDaysBefore(t *testing.T) {
	t.Parallel()
	s, _ := VersionOnAKS("v1.35.0")
	end := time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC)
	require.False(t, s.Due(end.Add(-61*24*time.Hour)))
	require.True(t, s.Due(end.Add(-59*24*time.Hour)))
	require.Contains(t, s.Said(end.Add(-time.Second)), "is supported until 31 March 2027")
	require.Contains(t, s.Said(end), "has been out of support since 31 March 2027")
	ended, known := ControllerSupport("k8s.io/ingress-nginx")
	require.True(t, known)
	require.True(t, ended.Due(end))
	_, known = ControllerSupport("example.com/ingress")
	require.False(t, known)
	require.False(t, Kubenet().Due(end))
}
