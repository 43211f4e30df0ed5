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
