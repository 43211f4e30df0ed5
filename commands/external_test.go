package commands_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// share makes the channel one that another company reads.
func (w *world) share() {
	w.people.set(func(d *fakeDirectory) { d.shared = true })
	w.people.later(10 * time.Second)
}

func TestInASharedChannelNothingIsChangedAndNothingShown(t *testing.T) {
	t.Parallel()
	const no = "#ops is shared with another company, or will be as soon as it accepts, so I don't change anything from there."
	t.Run("a change is refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.share()
		w.types(luis, "scale api-gateway production 6")
		require.Equal(t, []string{no}, w.said(algesta.AnswerPost))
		require.Empty(t, w.said(algesta.CardPost))
	})
	t.Run("a read is answered to its author alone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.share()
		w.types(luis, "status api-gateway production")
		posts := w.posts()
		require.Len(t, posts, 1)
		require.Equal(t, luis.ID.User, posts[0].OnlyFor)
		require.Contains(t, posts[0].Report.Small.String(), "so only you see this")
		require.Empty(t, posts[0].Report.Buttons)
	})
	t.Run("an approval does not count there", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "scale api-gateway production 6")
		r := w.request(algesta.Pending)
		w.share()
		w.votes(carla, algesta.Approve, r.ID)
		require.Equal(t, []string{no}, w.said(algesta.AnswerPost))
		w.votes(luis, algesta.Cancel, r.ID)
		w.request(algesta.Cancelled)
	})
	t.Run("nor does one from elsewhere about a request there", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "scale api-gateway production 6")
		r := w.request(algesta.Pending)
		w.people.set(func(d *fakeDirectory) { d.sharedAs = "C0OPS" })
		w.people.later(10 * time.Second)
		home := w.vote(carla, algesta.Approve, r.ID)
		home.Channel = "D0CARLA"
		w.handle(home)
		require.Contains(t, w.said(algesta.AnswerPost)[0], "is shared with another company, or will be as soon as it accepts")
		w.request(algesta.Pending)
	})
	t.Run("nobody says there what became of a change in doubt", func(t *testing.T) {
		t.Parallel()
		w, doubtful, _ := inDoubt(t)
		w.share()
		w.votes(luis, algesta.NotDone, doubtful.ID)
		require.Equal(t, []string{no}, w.said(algesta.AnswerPost))
		r, err := w.store.Request(t.Context(), doubtful.ID)
		require.NoError(t, err)
		require.Equal(t, algesta.Unknown, r.Status)
	})
	t.Run("what was approved before does not run after", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.types(luis, "scale api-gateway production 6")
		r := w.request(algesta.Pending)
		slow := make(chan struct{})
		w.cluster.set(func(c *fakeCluster) { c.slow = slow })
		w.votes(carla, algesta.Approve, r.ID)
		w.share()
		close(slow)
		w.request(algesta.Rejected)
		require.Zero(t, w.cluster.writes())
	})
}

// TestAnotherCompanyReadsNothingThatAProgramSaid has the channel become shared while a change is written whose pods crash then.
func TestAnotherCompanyReadsNothingThatAProgramSaid(t *testing.T) {
	t.Parallel()
	const says = "ledger: no such customer"
	cases := map[string]struct {
		between func(*world)
		said    string
	}{
		"the channel is ours": {func(*world) {}, "“" + says + "”"},
		"another company came": {
			(*world).share,
			"failed and was not undone. This channel is shared with another company, so I won't say more here: ask me in an " +
				"internal one.",
		},
		"nobody can tell": {
			func(w *world) {
				w.people.set(func(d *fakeDirectory) { d.placeDown = true })
				w.people.later(10 * time.Second)
			},
			"failed and was not undone. I couldn't check in Slack who reads this channel, so I won't say more here: ask me later.",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.cluster.set(func(f *fakeCluster) {
				f.send = func() error {
					c.between(w)
					f.set(func(f *fakeCluster) { f.crashes = says })
					return nil
				}
			})
			w.types(luis, "scale api-gateway production 6")
			w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
			w.request(algesta.Failed)
			require.Contains(t, w.said(algesta.EndPost)[0], c.said)
			if !strings.Contains(c.said, says) {
				told, err := json.Marshal(w.posts())
				require.NoError(t, err)
				require.NotContains(t, string(told), "customer")
				require.NotContains(t, string(told), "crashing")
			}
		})
	}
}

func TestWhoIsNobodyHereLearnsNoNames(t *testing.T) {
	t.Parallel()
	for name, standing := range map[string]algesta.Standing{
		"stranger": algesta.Stranger, "bot": algesta.Bot, "deactivated": algesta.Deactivated,
	} {
		for _, text := range []string{"help", "help rollback", "", "rolback api-gateway production", "whoami"} {
			t.Run(name+" types "+text, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.people.set(func(d *fakeDirectory) {
					d.people["U0LUIS"] = algesta.Actor{ID: luis.ID, Name: "Luis", Standing: standing}
				})
				w.types(luis, text)
				posts := w.posts()
				require.Len(t, posts, 1)
				require.Empty(t, posts[0].Report.Body)
				require.NotContains(t, posts[0].Report.Title.String(), "production")
				require.Regexp(t, `I can't do anything for|I only take commands from people`, posts[0].Report.Title.String())
			})
		}
	}
}

func TestHelpNamesTheEnvironmentsThatAPersonMayRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by   algesta.Actor
		says string
	}{
		{luis, "Environments: production. In a thread, say @algesta … instead."},
		{nico, "No policy rule lets you read an environment. In a thread, say @algesta … instead."},
	} {
		w := newWorld(t)
		w.types(c.by, "help")
		body := w.posts()[0].Report.Body
		require.Equal(t, c.says, body[len(body)-1].Text.String())
	}
}
