package commands_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/store"
)

// TestAnApprovalOfAnotherPlanDoesNotCount has a yes in the store that was given to another fingerprint.
func TestAnApprovalOfAnotherPlanDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
		now := time.Now()
		if _, err := tx.Approve(algesta.Approval{Request: r.ID, Approver: carla, Fingerprint: "of another plan", At: now}); err != nil {
			return err
		}
		_, _, err := tx.Move(algesta.Move{
			ID: r.ID, From: []algesta.Status{algesta.Pending}, To: algesta.Approved, By: []algesta.Actor{carla}, StartBy: now.Add(time.Minute),
		})
		if err != nil {
			return err
		}
		return tx.Schedule(algesta.ExecuteJob, r.ID, now)
	}))
	w.request(algesta.Rejected)
	require.Zero(t, w.cluster.writes())
}

// TestALimitOfAPlanHoldsWhereItIsAskedFor asks for more pods than a limit of the policy lets anybody have: nobody is asked to approve it.
func TestALimitOfAPlanHoldsWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(
		rules + "limits:\n  - {name: few pods, verbs: [scale], namespaces: [production], require: 'plan.pods <= 5', otherwise: Too many pods.}\n",
	)
	w.types(luis, "scale api-gateway production 6")
	require.Len(t, w.said(algesta.AnswerPost), 1)
	require.Empty(t, w.said(algesta.CardPost))
	w.types(luis, "scale api-gateway production 5")
	w.request(algesta.Pending)
}

// TestWhatNobodyCouldApproveIsNotAskedFor asks in direct messages, which no approver sees.
func TestWhatNobodyCouldApproveIsNotAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.people.set(func(d *fakeDirectory) { d.direct = true })
	w.types(luis, "scale api-gateway production 6")
	require.Equal(t, []string{"This needs someone else's approval, and nobody else can see our direct messages."}, w.said(algesta.AnswerPost))
	require.Empty(t, w.said(algesta.CardPost))
}

// TestAButtonOfYesterdayRunsNothing clicks an Undo after its time.
func TestAButtonOfYesterdayRunsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.onOffer = func(o *algesta.Offer) { o.ExpiresAt = time.Now().Add(-time.Second) }
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	w.request(algesta.Succeeded)
	cards := len(w.said(algesta.CardPost))
	w.votes(luis, algesta.Run, w.offers()[0])
	require.Equal(t, []string{"This button is too old to use."}, w.said(algesta.AnswerPost))
	require.Len(t, w.said(algesta.CardPost), cards)
	require.Empty(t, w.offers(), "the button goes")
}

// TestAnAnswerThatIsSentDirectlyHasNoButtons loses an answer that proposes a change: its button would open a request where nobody sees it.
func TestAnAnswerThatIsSentDirectlyHasNoButtons(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.refuses = func(o algesta.Outgoing) bool { return !o.Post.Direct }
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Post(algesta.Post{
			Command: "c-answer", Kind: algesta.CardPost, Channel: "C0OPS", By: luis.ID,
			Report: algesta.Report{Title: algesta.Say("It crashes."), Buttons: []algesta.Button{{Label: "Restart", Action: algesta.Run, ID: "o-1"}}},
		})
	}))
	require.Eventually(t, func() bool { return len(w.directs()) > 0 }, deadline, lookEvery)
	require.Equal(t, []string{"U0LUIS: It crashes."}, w.directs())
	require.Empty(t, w.offers())
}

// TestAnInvocationThatIsHandledAgainIsNotAskedAlready has the inbox give an invocation again, as after a restart.
func TestAnInvocationThatIsHandledAgainIsNotAskedAlready(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.invocation(luis)
	in.Text = "scale api-gateway production 6"
	w.handle(in)
	w.request(algesta.Pending)
	w.dispatcher.Handle(t.Context(), in)
	require.Empty(t, w.said(algesta.AnswerPost))
	require.Len(t, w.said(algesta.CardPost), 1)
}

// onePodCluster has a pod of the gateway, whose name doesn't say so.
type onePodCluster struct{ *fakeCluster }

func (c onePodCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c}, nil
}

func (c onePodCluster) List(_ context.Context, namespace, _ string, into runtime.Object) error {
	if l, ok := into.(*unstructured.UnstructuredList); ok {
		l.Items = []unstructured.Unstructured{{Object: map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{
				"name": "x-1", "namespace": namespace, "uid": "u-1", "ownerReferences": []any{map[string]any{
					"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-gateway-production-76794f4cdb", "uid": "rs-1", "controller": true,
				}},
			},
		}}}
	}
	return nil
}

// discovered is a catalogue that knows the gateway.
type discovered struct{ commands.Catalog }

func (discovered) Known(context.Context) []algesta.Target {
	return []algesta.Target{gatewayInProduction}
}

func TestALimitOnAServiceHoldsForItsPods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Clusters, w.dispatcher.Catalog = onePodCluster{w.cluster}, discovered{Catalog: w.dispatcher.Catalog}
	mayDelete := strings.Replace(rules, "[read, restart, scale]", "[read, restart, scale, pod.delete]", 1)
	w.setRules(
		mayDelete + "limits:\n  - {name: gateway, verbs: [change], namespaces: [production], require: 'target.service != \"api-gateway\"', " +
			"otherwise: Leave the gateway alone.}\n",
	)
	w.types(luis, "pod delete x-1 production")
	require.Len(t, w.said(algesta.AnswerPost), 1)
	require.Contains(t, w.said(algesta.AnswerPost)[0], "Leave the gateway alone.")
	w.dispatcher.Catalog = undiscovered{Catalog: w.dispatcher.Catalog}
	w.types(luis, "pod delete x-1 production")
	require.Len(t, w.said(algesta.AnswerPost), 2, "also before it's known what is there")
	require.Contains(t, w.said(algesta.AnswerPost)[1], "Leave the gateway alone.")
	w.setRules(mayDelete)
	w.types(luis, "pod delete x-1 production")
	w.request(algesta.Pending)
}

// undiscovered is a catalogue that hasn't seen any Deployment yet, and tells a service by its Deployment's name.
type undiscovered struct{ commands.Catalog }

func (undiscovered) Known(context.Context) []algesta.Target { return nil }

func (c undiscovered) Resolve(
	ctx context.Context, service, environment string, visible func(algesta.Target) bool,
) (algesta.Target, error) {
	if service == gatewayInProduction.Name {
		return gatewayInProduction, nil
	}
	return c.Catalog.Resolve(ctx, service, environment, visible)
}

// A freeze of a service covers a request about one of its pods, whose name doesn't say so: the vote is refused, and the request stays.
func TestAVoteOnAPodOfAFrozenServiceBurnsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Clusters, w.dispatcher.Catalog = onePodCluster{w.cluster}, discovered{Catalog: w.dispatcher.Catalog}
	w.setRules(freezing)
	w.types(luis, "pod delete x-1 production")
	waits := w.request(algesta.Pending)
	w.freeze("freeze api-gateway production until=2h because the import runs")
	w.votes(carla, algesta.Approve, waits.ID)
	require.Contains(t, w.answered()[0], "the import runs")
	require.Equal(t, waits.ID, w.request(algesta.Pending).ID)
	require.Zero(t, w.cluster.writes())
}
