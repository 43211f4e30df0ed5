package commands

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestAQuestionNamesTheVersions(t *testing.T) {
	t.Parallel()
	r := algesta.Request{
		Command: algesta.Command{
			Requester: algesta.AskedBy(algesta.Actor{Name: "Luis"}),
			Target:    algesta.Target{Service: "api-gateway", Environment: "production", Name: "api-gateway-production"},
		},
		Plan: algesta.Plan{
			Summary: algesta.Say("Roll back {} to revision {}", algesta.Name("api-gateway-production"), 4),
			Facts:   []algesta.Field{{Label: "image", Value: algesta.Say("…/api-gateway:12345 → …/api-gateway:12344")}},
		},
	}
	require.Equal(t, "Luis asks to roll back api-gateway in production to revision 4 from 12345 to 12344.", question(r).String())
	require.Equal(t, "Roll back ", r.Plan.Summary[0].Text, "the plan stays as it is")

	r.Plan.Facts = append(r.Plan.Facts, algesta.Field{Label: "image of sidecar", Value: algesta.Say("a:1 → a:2")})
	require.Equal(
		t, "Luis asks to roll back api-gateway in production to revision 4.", question(r).String(), "two images have no one version",
	)

	r.Plan.Summary = algesta.Say("Deploy {} to {} in production", algesta.Name("api-gateway:12346"), algesta.Name("api-gateway-production"))
	r.Plan.Facts = r.Plan.Facts[:1]
	r.Plan.Facts[0].Value = algesta.Say("api-gateway:12345 → api-gateway:12346")
	require.Equal(
		t, "Luis asks to deploy api-gateway:12346 to api-gateway in production.", question(r).String(), "nothing is said twice",
	)

	r.Plan.Summary, r.Plan.Facts = algesta.Say("Take the pod {} away", algesta.Name("api-gateway-production-x2x9")), nil
	r.Command.Target = algesta.Target{Environment: "production", Object: "pod/api-gateway-production-x2x9"}
	require.Equal(
		t, "Luis asks to take the pod api-gateway-production-x2x9 away in production.", question(r).String(), "the name of a pod says no place",
	)
}
