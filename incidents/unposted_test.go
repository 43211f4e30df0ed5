package incidents

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// admins is what those who run the bot are told.
type admins struct {
	mu   sync.Mutex
	said []string
	ids  map[string]bool
	away bool
}

func (a *admins) tell(_ context.Context, id, channel string, failed error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away {
		return errors.New("nobody is told now")
	}
	what := channel + ": again"
	if known, ok := errors.AsType[*algesta.Error](failed); ok {
		what = channel + ": " + known.Message.String()
	}
	a.said, a.ids[id] = append(a.said, what), true
	return nil
}

func (a *admins) heard() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.said...)
}

// TestACardThatCannotBePostedIsToldThoseWhoRunTheBot: once, also where they can't be told at first, and again when it is posted.
func TestACardThatCannotBePostedIsToldThoseWhoRunTheBot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := &admins{ids: map[string]bool{}, away: true}
		w := &town{objects: crashing(), unposted: told.tell, noPosts: &algesta.Error{
			Kind:    algesta.ErrRefused,
			Message: algesta.Say("I'm not in #incidents, so nothing that a rule found can be posted there."),
		}}
		defer watches(t, w)()
		time.Sleep(time.Minute)
		require.Empty(t, told.heard())
		told.mu.Lock()
		told.away = false
		told.mu.Unlock()
		time.Sleep(5 * time.Minute)
		cannot := "C0INCIDENTS: I'm not in #incidents, so nothing that a rule found can be posted there."
		require.Equal(t, []string{cannot}, told.heard())
		require.Empty(t, w.card())
		w.set(func(w *town) { w.noPosts = nil })
		time.Sleep(time.Minute)
		require.Contains(t, w.card(), "ms-orders in production is down: ")
		require.Equal(t, []string{cannot, "C0INCIDENTS: again"}, told.heard())
		require.Len(t, told.ids, 1, "its end is a reply to its beginning")
	})
}

// TestTenMinutesWithoutSlackLoseNoCard: nobody is told that nothing can be posted, because it can in a while; then the card is there.
func TestTenMinutesWithoutSlackLoseNoCard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := &admins{ids: map[string]bool{}}
		w := &town{objects: crashing(), unposted: told.tell, noPosts: &algesta.Error{
			Kind: algesta.ErrUnreachable, Message: algesta.Say("Slack doesn't answer."),
		}}
		defer watches(t, w)()
		time.Sleep(10 * time.Minute)
		require.Empty(t, w.card())
		w.set(func(w *town) { w.noPosts = nil })
		time.Sleep(time.Minute)
		require.Contains(t, w.card(), "ms-orders in production is down: ")
		require.Len(t, w.seen().incidents, 1)
		require.Empty(t, told.heard())
	})
}
