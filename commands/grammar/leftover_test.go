package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// Whoever freezes in a hurry types a length and a few words. The answer hands both back, in a form that works.
func TestWhatIsLeftOverOfAFreezeIsItsReason(t *testing.T) {
	t.Parallel()
	for text, hint := range map[string]string{
		"freeze ms-orders prod 1h black friday":           "/algesta freeze ms-orders prod until=1h because black friday",
		"silence ms-orders dev for=1h deploying a lot":    "/algesta silence ms-orders dev until=1h because deploying a lot",
		`silence ms-orders dev 1h "deploying a lot"`:      "/algesta silence ms-orders dev until=1h because deploying a lot",
		"freeze production 30m the import runs":           "/algesta freeze production until=30m because the import runs",
		"scale ms-orders production 4 for the sale":       "/algesta scale ms-orders production replicas=4 because for the sale",
		"hpa set ms-orders production 1 20":               "/algesta hpa set ms-orders production min=1 max=20",
		"break-glass production 30m because down":         "/algesta break-glass production because down",
		"restart ms-orders production because of it, now": "",
		"snooze i-7f3a9k2mq4x8 1h because we know it":     "",
		"namespace create team-x dev team=backend":        "",
	} {
		_, err := parse(text)
		if hint == "" {
			require.NoError(t, err, text)
			continue
		}
		var known *algesta.Error
		require.ErrorAs(t, err, &known, text)
		require.Equal(t, hint, known.Hint.String(), text)
		_, err = parse(hint)
		require.NoError(t, err, "what is proposed can be typed")
	}
}

// Only a length follows: what stands before it is where, and not what.
func TestALengthIsNoEnvironment(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"freeze production 2h because the import runs", "silence production 90m because the import runs"} {
		got, err := parse(text)
		require.NoError(t, err, text)
		require.Equal(t, "production", got.Environment, text)
		require.Empty(t, got.Service, text)
		require.NotEmpty(t, got.Args["until"], text)
	}
}

// What can't be read leaves the rest of what was typed as it was.
func TestTheWordsThatWereRightAreKept(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"top nodes production --show-capacity": {
			"top nodes has no option --show-capacity. It knows namespace, reason, w and watch.", "/algesta top nodes production",
		},
		"probe api-gateway production": {
			"api-gateway isn't a host such as api.example.com. /algesta ingress production lists the hosts.", "/algesta probe <host> production",
		},
		"probe https://api.example.com:8443/admin?x=1 production": {
			"https://api.example.com:8443/admin?x=1 is a link. Type the plain name instead.", "/algesta probe <host> production",
		},
		"exec ms-orders production": {
			"I don't open shells or run programs in pods: nobody approves what is typed there, and no plan shows what it does.",
			"Instead: /algesta env ms-orders production, /algesta health ms-orders production, /algesta connect ms-orders production, " +
				"/algesta logs ms-orders production or /algesta describe ms-orders production",
		},
	} {
		_, err := parse(text)
		var known *algesta.Error
		require.ErrorAs(t, err, &known, text)
		require.Contains(t, known.Message.String(), want[0], text)
		require.Equal(t, want[1], known.Hint.String(), text)
	}
	got, err := parse("set image deployment/ms-orders-development ms-orders=12345 -n development")
	require.NoError(t, err)
	require.Equal(t, algesta.Args{"container": "ms-orders", "image": "12345"}, got.Args)
	_, err = parse("freeze production because x")
	lacks, ok := AsMissing(err)
	require.True(t, ok)
	require.Equal(t, "production", lacks.Service)
	require.Empty(t, lacks.Environment, "one word names one thing")
}
