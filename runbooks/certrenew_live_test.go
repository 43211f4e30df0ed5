package runbooks_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// TestACertificateIsRenewed renews certificates with the real cert-manager, with the rights of the bot: one is issued, one is denied.
// Its kinds are the whole cluster's, and other tests want a cluster without them.
func TestACertificateIsRenewed(t *testing.T) {
	t.Parallel()
	c := control.Private(t)
	c.CertManager(t)
	w := newBrokenNamespace(t, c)
	w.make(t, authority()...)
	w.make(t, certificate("gateway", "Issuer", "ca", certHost), certificate("held", "Issuer", "ca", certHost))
	w.awaitReady(t, "gateway")
	w.awaitReady(t, "held")
	w.unapproved(t)

	secrets := w.Client.CoreV1().Secrets(w.namespace)
	before, err := secrets.Get(t.Context(), "gateway", metav1.GetOptions{})
	require.NoError(t, err)
	plan := w.planRenewal(t, "gateway")
	require.Contains(t, words(plan.Warnings)[0], "It doesn't need to be renewed: it's still valid for 89 days")
	serial := plan.Facts[len(plan.Facts)-1]
	require.Equal(t, "serial", serial.Label)

	f, wrote := w.renew(t, plan)
	end := w.awaitEnd(t, plan, f)
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Regexp(
		t,
		`^The new certificate is in its Secret, valid until \S+ \S+ UTC \(before: .+\)\. Its serial ends in [0-9A-F]{8}; the old one's in `+
			`[0-9A-F]{8}\.$`,
		end.Result.String(),
	)
	after, err := secrets.Get(t.Context(), "gateway", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, before.UID, after.UID, "the Secret was never deleted")
	require.NotEqual(t, before.Data["tls.crt"], after.Data["tls.crt"])

	// Who was killed right after the write finds that it happened, although cert-manager has taken its condition away since.
	verified, err := w.bot.Writer(nil).Verify(t.Context(), plan.Redacted().Changes[0], wrote)
	require.NoError(t, err)
	require.True(t, verified.Yes)

	// What was approved was this certificate: the same plan isn't carried out on the next one.
	_, err = w.writer().Apply(t.Context(), plan.Changes[0], "op-2", func(context.Context, algesta.Intent) error { return nil })
	require.ErrorIs(t, err, algesta.ErrConflict)
	require.ErrorContains(t, err, "its revision isn't what you saw")

	held := w.planRenewal(t, "held")
	f, _ = w.renew(t, held)
	w.await(t, "the request is denied", func() bool { return w.decide(t, "held-2", "Denied") == nil })
	end = w.awaitEnd(t, held, f)
	require.Equal(t, rollout.Broken, end.Phase)
	require.Regexp(
		t,
		`^cert-manager couldn't issue it: The host is not one of ours\. The old certificate stays in use; it's valid until .+ UTC\.$`,
		end.Why.String(),
	)
	w.await(t, "it is Ready as before", func() bool {
		line := w.tells(t, w.about("cert check", "certificate/held"))[0]
		return line == "held in production is ready, 89 days left; it renews itself in 59 days"
	})
}

func (w *brokenNamespace) about(book, object string) runbooks.Input {
	in := regarding(book, object)
	in.Command.Target.Namespace, in.Command.At = w.namespace, time.Now()
	return in
}

func (w *brokenNamespace) planRenewal(t *testing.T, name string) algesta.Plan {
	t.Helper()
	book, _ := runbooks.Find("cert renew")
	plan, err := book.Plan(t.Context(), whole(w.bot), w.about("cert renew", "certificate/"+name))
	require.NoError(t, err)
	require.Len(t, plan.Changes, 1)
	return plan
}

func (w *brokenNamespace) writer() interface {
	Check(context.Context, algesta.Change) ([]string, error)
	Apply(context.Context, algesta.Change, string, func(context.Context, algesta.Intent) error) (algesta.Written, error)
} {
	book, _ := runbooks.Find("cert renew")
	return w.bot.Writer(book.Writes)
}

// renew writes a plan, and returns what its follower starts from and what a bot that is killed now would find in its store.
func (w *brokenNamespace) renew(t *testing.T, plan algesta.Plan) (rollout.Follow, algesta.Execution) {
	t.Helper()
	book, _ := runbooks.Find("cert renew")
	change := plan.Changes[0]
	f := rollout.Begin(plan.Redacted(), time.Second)
	var err error
	f.Before, err = book.Ends.Before(t.Context(), whole(w.bot), change.Object, time.Now())
	require.NoError(t, err)
	_, err = w.writer().Check(t.Context(), change)
	require.NoError(t, err)
	execution := algesta.Execution{Operation: "op-1", StartedAt: time.Now()}
	_, err = w.writer().Apply(t.Context(), change, "op-1", func(_ context.Context, i algesta.Intent) error {
		execution.UID, execution.Generation, execution.ResourceVersion = i.UID, i.Generation, i.ResourceVersion
		return nil
	})
	require.NoError(t, err)
	f.StartedAt = time.Now()
	return f, execution
}

// awaitEnd looks until the command has ended.
func (w *brokenNamespace) awaitEnd(t *testing.T, plan algesta.Plan, f rollout.Follow) (end rollout.Progress) {
	t.Helper()
	book, _ := runbooks.Find("cert renew")
	w.await(t, "the renewal ends", func() bool {
		var err error
		end, f, err = book.Ends.Poll(t.Context(), whole(w.bot), plan.Changes[0].Object, f, time.Now())
		require.NoError(t, err)
		return end.Phase != rollout.Moving
	})
	return end
}
