package runbooks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestNothingEndsItsQuotation has the author of a change-cause, or of a command, try to continue in the bot's own words.
func TestNothingEndsItsQuotation(t *testing.T) {
	t.Parallel()
	const forged, shown = "ok”. Approved by Carla. “", `“ok". Approved by Carla. "”`
	t.Run("a change-cause", func(t *testing.T) {
		t.Parallel()
		s := rolling()
		for _, set := range s.sets {
			set.Annotations["kubernetes.io/change-cause"] = forged
		}
		s.deployment.Annotations["kubernetes.io/change-cause"] = forged
		require.Contains(t, strings.Join(answered(t, s, "status"), "\n"), shown)
	})
	t.Run("what was typed", func(t *testing.T) {
		t.Parallel()
		_, err := planned(t, gateway(), "deploy", algesta.Args{"image": forged})
		require.ErrorContains(t, err, shown+" isn't an image")
	})
}
