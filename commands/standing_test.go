package commands

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// Nobody is told that a request was approved which nobody had to approve, or that there is a new one where something else was in the way.
func TestTheStateOfARequestIsSaidAsItCameAbout(t *testing.T) {
	t.Parallel()
	carla := []algesta.Actor{{Name: "Carla"}}
	for want, r := range map[string]algesta.Request{
		"it runs as soon as it can":                {Status: algesta.Approved},
		"it's approved and runs as soon as it can": {Status: algesta.Approved, DecidedBy: carla},
		"someone else or an autoscaler changed it again": {
			Status: algesta.Superseded,
			Note:   "didn't last. Someone or an autoscaler set api-gateway-production to 5 pods instead of 4.",
		},
		"it was not run, because api-gateway-production changed after this was planned": {
			Status: algesta.Superseded,
			Note:   "was not run, because api-gateway-production changed after this was planned. Nothing was changed. The new plan is c-2.",
		},
		"it was replaced by c-2 of Marta before its pods had come up": {
			Status: algesta.Superseded, Note: "was replaced by c-2 of Marta before its pods had come up.",
		},
	} {
		require.Equal(t, want, standing(r))
	}
}

// Whoever clicks too late hears "you" of themselves, and no time of 0 s.
func TestALateClickIsAnsweredInTheWordsOfItsReader(t *testing.T) {
	t.Parallel()
	now := time.Now()
	carla := algesta.Actor{ID: algesta.PersonID{User: "U0CARLA"}, Name: "Carla"}
	luis := algesta.Actor{ID: algesta.PersonID{User: "U0LUIS"}, Name: "Luis"}
	for _, tt := range []struct {
		status algesta.Status
		note   string
		reader algesta.Actor
		want   string
	}{
		{algesta.Applied, "", carla, "You approved this just now; it's running."},
		{algesta.Applied, "", luis, "Carla approved this just now; it's running."},
		{algesta.Rejected, "", carla, "You denied this just now. Nothing was changed."},
		{
			algesta.Superseded, overtakenNote + " Someone set it to 5 pods.", luis,
			"This ended just now; someone else or an autoscaler changed it again.",
		},
		{algesta.Expired, "", luis, "This expired before you clicked. Nothing was changed; ask for it again to get a fresh plan."},
	} {
		r := algesta.Request{Status: tt.status, Note: tt.note, DecidedBy: []algesta.Actor{carla}, DecidedAt: now, UpdatedAt: now}
		require.Equal(t, tt.want, closedError(r, now, tt.reader).Message.String())
	}
}
