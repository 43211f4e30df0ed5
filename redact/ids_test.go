package redact_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// TestOurIDsAreShown has the sentences in which people quote and copy the IDs of commands and offers.
func TestOurIDsAreShown(t *testing.T) {
	t.Parallel()
	var forms *redact.Redactor
	for range 2000 {
		for _, id := range []string{algesta.NewCommandID(), algesta.NewOfferID()} {
			for _, text := range []string{
				id, "Quote " + id + ".", "Undo of " + id + " for api-gateway in production (12344 → 12345)", "[Approve] approve " + id,
				"rollback to 12344 by Luis (" + id + ")", "algesta.io/operation: " + algesta.Operation(id, 0),
				`{"command":"` + id + `","actor":"T0ALGESTA/U0LUIS"}`,
				"was replaced by " + id + " of Luis before it had finished.", "command=" + id,
			} {
				require.Equal(t, text, forms.String(text))
			}
		}
	}
}
