package algesta_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestFingerprintsAndHashesTellLargeNumbersApart(t *testing.T) {
	t.Parallel()
	const one, other = `9007199254740993`, `9007199254740992` // the same as floats
	fingerprint := func(to string) string {
		p := algesta.Plan{
			Changes: []algesta.Change{{Swaps: []algesta.Swap{{Path: "/spec/template", To: json.RawMessage(`{"fsGroup":` + to + `}`)}}}},
		}
		f, err := p.Fingerprint(algesta.Command{})
		require.NoError(t, err)
		return f
	}
	require.NotEqual(t, fingerprint(one), fingerprint(other))
	value := func(n string) string {
		h, err := algesta.HashJSON(json.RawMessage(n))
		require.NoError(t, err)
		return h
	}
	require.NotEqual(t, value(one), value(other))
	template := func(n string) string {
		h, err := algesta.TemplateHash([]byte(`{"spec":{"securityContext":{"fsGroup":` + n + `}}}`))
		require.NoError(t, err)
		return h
	}
	require.NotEqual(t, template(one), template(other))
}

func TestFingerprintsDoNotDependOnTheOrderOfKeys(t *testing.T) {
	t.Parallel()
	a, err := algesta.CanonicalJSON(json.RawMessage(`{"b": 1, "a": [2, {"d": null, "c": 1.50}]}`))
	require.NoError(t, err)
	b, err := algesta.CanonicalJSON(json.RawMessage(`{"a":[2,{"c":1.50,"d":null}],"b":1}`))
	require.NoError(t, err)
	require.Equal(t, b, a)
	_, err = algesta.CanonicalJSON(json.RawMessage(`1 2`))
	require.Error(t, err)
}

func TestACauseIsToldAboutItsOwnTemplateOnly(t *testing.T) {
	t.Parallel()
	noted := func(cause, about string) map[string]string {
		return map[string]string{
			"kubernetes.io/change-cause":      cause,
			algesta.CauseTemplateAnnotation:   about,
			algesta.TemplateChangedAnnotation: "2026-11-29T12:00:00Z",
		}
	}
	require.True(t, algesta.CauseFits(noted("deploy 12345 by Luis (c-7f3a9k)", "t1"), "t1"))
	require.False(t, algesta.CauseFits(noted("deploy 12345 by Luis (c-7f3a9k)", "t1"), "t2"), "somebody else changed the template")
	require.True(t, algesta.CauseFits(noted("deploy 12345 (pipeline)", "t1"), "t2"), "whoever changed it noted a cause of their own")
	require.True(t, algesta.CauseFits(nil, "t2"))
	at, ok := algesta.TemplateChangedAt(noted("", "t1"), "t1")
	require.True(t, ok)
	require.Equal(t, "2026-11-29T12:00:00Z", at.Format("2006-01-02T15:04:05Z07:00"))
	_, ok = algesta.TemplateChangedAt(noted("", "t1"), "t2")
	require.False(t, ok)
}
