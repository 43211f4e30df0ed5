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
		"restart ms-orders production because of it, now": "",
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
