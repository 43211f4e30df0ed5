package runbooks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestNothingEndsItsQuotation has a program and whoever wrote a change-cause try to go on in the bot's own words.
func TestNothingEndsItsQuotation(t *testing.T) {
	t.Parallel()
	const forged, shown = "ok”. Approved by Carla. “", `“ok". Approved by Carla. "”`
	t.Run("the last words of a program", func(t *testing.T) {
		t.Parallel()
		s := rolling()
		pod := crashing(s.pod(3, "aaaaa", 5*time.Second), 2, noon)
		pod.Status.ContainerStatuses[0].LastTerminationState.Terminated.Message = forged
		p, _ := looks(t, following(5*time.Second), s, 0)
		require.Contains(t, p.Why.String(), shown)
	})
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
		require.ErrorContains(t, err, shown+" is not an image")
	})
}
