package algesta_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestAKindIsCalledAsKubectlCallsIt(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"hpa": "HorizontalPodAutoscaler", "HorizontalPodAutoscaler": "HorizontalPodAutoscaler",
		"horizontalpodautoscalers":             "HorizontalPodAutoscaler",
		"horizontalpodautoscalers.autoscaling": "HorizontalPodAutoscaler", "hpa.v2.autoscaling": "HorizontalPodAutoscaler",
		"deploy": "Deployment", "Deployment.apps": "Deployment", "deployments.v1.apps": "Deployment", "po": "Pod", "svc": "Service",
		"quota": "ResourceQuota",
		"cert":  "Certificate", "certificates.cert-manager.io": "Certificate", "ep": "Endpoints", "ev": "Event",
		"deployments.batch": "", "pods.apps": "", "pods.": "", "widget": "", "": "", "poo": "",
	} {
		kind, known := algesta.KindOf(word)
		require.Equal(t, want, kind.Name, word)
		require.Equal(t, want != "", known, word)
	}
}

func TestNoWordMeansTwoKinds(t *testing.T) {
	t.Parallel()
	meaning := map[string]string{}
	for _, k := range algesta.Kinds() {
		require.NotEmpty(t, k.Plural, k.Name)
		words := map[string]bool{strings.ToLower(k.Name): true, k.Resource: true}
		for _, word := range k.Short {
			words[word] = true
		}
		for word := range words {
			require.Equal(t, strings.ToLower(word), word)
			require.Empty(t, meaning[word], word)
			meaning[word] = k.Name
			of, known := algesta.KindOf(word)
			require.True(t, known, word)
			require.Equal(t, k.Name, of.Name, word)
		}
	}
}
