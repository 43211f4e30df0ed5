package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
)

func TestWhatComesOutOfAFormIsReadAsItWasMeant(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", grammarBooks())
	name := rapid.StringMatching(`[a-z][a-z0-9]{2,12}(-[a-z0-9]{1,8})?x`)
	rapid.Check(t, func(rt *rapid.T) {
		want := Parsed{Runbook: "deploy", Service: name.Draw(rt, "service"), Environment: name.Draw(rt, "environment"), Args: algesta.Args{}}
		image, err := p.Value("deploy", "image", rapid.StringN(1, 60, 200).Draw(rt, "image"))
		if err != nil {
			rt.Skip("no image")
		}
		want.Args["image"] = image
		if rapid.Bool().Draw(rt, "other") {
			want.Args["allow-other-repository"] = true
		}
		want.Reason = settled(rapid.StringN(0, 100, 400).Draw(rt, "reason"))
		text := p.Typed(want)
		got, err := p.Parse(text)
		require.NoError(rt, err, text)
		require.Equal(rt, want, got, text)
	})
}

func TestAFormsCommandIsOneThatPeopleType(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", grammarBooks())
	c := Parsed{Runbook: "scale", Service: "api-gateway", Environment: "production", Args: algesta.Args{"replicas": int64(6)}}
	require.Equal(t, `scale --replicas="6" api-gateway production`, p.Typed(c))
	c.Reason = "it's slow, please!"
	require.Equal(t, `scale --reason="it's slow, please!" --replicas="6" api-gateway production`, p.Typed(c))
	require.Equal(t, `diagnose pod/x-1 production`, p.Typed(Parsed{Runbook: "diagnose", Object: "pod/x-1", Environment: "production"}))
	require.Equal(t, `diagnose production`, p.Typed(Parsed{Runbook: "diagnose", Object: "namespace", Environment: "production"}))
	require.Equal(t, `cert check api.example.com`, p.Typed(Parsed{Runbook: "cert check", Object: "host/api.example.com"}))
}
