package commands_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestWhatTheServerWarnsOfIsShownWithoutSecrets: an admission webhook may quote a value in the warnings of a dry run.
func TestWhatTheServerWarnsOfIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	secret := "sunflower" + "4711"
	w := newWorld(t)
	w.cluster.warns = []string{"policy: the variable password=" + secret + " is a literal"}
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	raw, err := json.Marshal([]any{r, w.posts()})
	require.NoError(t, err)
	require.NotContains(t, string(raw), secret)
	require.Contains(t, string(raw), "the variable password=‹redacted› is a literal")
}
