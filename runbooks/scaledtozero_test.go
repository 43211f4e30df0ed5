package runbooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// TestAPlanThatStartsNoPodSaysSo deploys to what is scaled to 0 pods, where Kubernetes' autoscaler does nothing.
func TestAPlanThatStartsNoPodSaysSo(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]algesta.Args{"deploy": {"image": "12346"}, "rollback": nil} {
		s := gateway()
		s.hpa()
		s.deployment.Spec.Replicas, s.pods = new(int32(0)), nil
		book, _ := runbooks.Find(name)
		p, err := book.Plan(t.Context(), whole(s), input(name, args))
		require.NoError(t, err)
		var warnings []string
		for _, w := range p.Warnings {
			warnings = append(warnings, w.String())
		}
		require.Contains(
			t,
			warnings,
			"api-gateway in production is scaled to 0 pods: nothing will run, and I can't see whether this version comes up. "+
				"To run it afterwards: /algesta scale api-gateway production replicas=1",
		)
		require.Contains(t, p.Facts[len(p.Facts)-1].Value.String(), "0, the autoscaler is off at 0 pods (2–10 above)")
	}
}

// TestAnAutoscalerThatWantsAnotherNumberIsNamed scales against an autoscaler that is bound by memory.
func TestAnAutoscalerThatWantsAnotherNumberIsNamed(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.hpa()
	h := s.lists["HorizontalPodAutoscalerList"][0].(autoscalingv2.HorizontalPodAutoscaler)
	h.Status.DesiredReplicas = 4
	s.lists["HorizontalPodAutoscalerList"][0] = h
	book, _ := runbooks.Find("scale")
	p, err := book.Plan(t.Context(), whole(s), input("scale", algesta.Args{"replicas": int64(2)}))
	require.NoError(t, err)
	require.Equal(
		t,
		"The autoscaler api-gateway-production-hpa keeps 4 pods now and may put that number back within a minute or a few (2–10). "+
			"To keep 2, type /algesta hpa pin api-gateway production 2.",
		p.Warnings[0].String(),
	)
}
