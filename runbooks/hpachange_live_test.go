package runbooks_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

// TestAnAutoscalerIsPinnedAndRestored follows the real autoscaler: up at once, back to its bounds, and the note gone.
func TestAnAutoscalerIsPinnedAndRestored(t *testing.T) {
	t.Parallel()
	p := running(t)
	_, err := p.Client.AutoscalingV2().HorizontalPodAutoscalers(p.target.Namespace).Create(
		t.Context(), scalerOf("api-gateway-production-hpa", p.target.Name, 6), metav1.CreateOptions{},
	)
	require.NoError(t, err)
	pin := p.plan(t, "hpa pin", algesta.Args{"replicas": int64(4)})
	require.Equal(t, "2 → 4 within seconds", pin.Facts[2].Value.String())
	end := p.changeScaler(t, pin)
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Equal(t, "The autoscaler has 4 pods, as many as it wants (before: 2 pods, autoscaled 1–6).", end.Result.String())
	require.Equal(t, int32(4), *p.deployment(t).Spec.Replicas)

	// What people saw has to hold: another pin of the same state is no longer what was approved.
	_, err = p.bot.Writer([]string{"patch horizontalpodautoscalers.autoscaling"}).Apply(
		t.Context(), pin.Changes[0], "op-c-9", func(context.Context, algesta.Intent) error { return nil },
	)
	require.ErrorIs(t, err, algesta.ErrConflict)

	restore := p.plan(t, pin.Undo.Runbook, pin.Undo.Args)
	require.Empty(t, restore.Nothing)
	end = p.changeScaler(t, restore)
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	h := p.scaler(t)
	require.Equal(t, int32(1), *h.Spec.MinReplicas)
	require.Equal(t, int32(6), h.Spec.MaxReplicas)
	require.NotContains(t, h.Annotations, "algesta.io/pinned")
	require.NotEmpty(t, p.plan(t, "hpa restore", nil).Nothing, "there is nothing to restore any more")

	set := p.plan(t, "hpa set", algesta.Args{"min": int64(2), "max": int64(3)})
	end = p.changeScaler(t, set)
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Contains(t, end.Result.String(), "The autoscaler has 3 pods, as many as it wants (before: 4 pods, autoscaled 1–6)")
	end = p.changeScaler(t, p.plan(t, set.Undo.Runbook, set.Undo.Args))
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Equal(t, int32(6), p.scaler(t).Spec.MaxReplicas)
}

func (p *place) scaler(t *testing.T) *autoscalingv2.HorizontalPodAutoscaler {
	t.Helper()
	h, err := p.Client.AutoscalingV2().HorizontalPodAutoscalers(
		p.target.Namespace,
	).Get(
		t.Context(),
		"api-gateway-production-hpa",
		metav1.GetOptions{},
	)
	require.NoError(t, err)
	return h
}

// changeScaler writes a plan about an autoscaler and looks until it has ended.
func (p *place) changeScaler(t *testing.T, plan algesta.Plan) rollout.Progress {
	t.Helper()
	book, _ := runbooks.Find("hpa set")
	return p.carryOut(t, book, plan)
}

// carryOut writes a plan of one change and follows it to the end that its command has.
func (p *place) carryOut(t *testing.T, book runbooks.Runbook, plan algesta.Plan) (end rollout.Progress) {
	t.Helper()
	require.Empty(t, plan.Nothing)
	require.Len(t, plan.Changes, 1)
	change := plan.Changes[0]
	f := rollout.Begin(plan.Redacted(), 2*time.Second)
	var err error
	f.Before, err = book.Ends.Before(t.Context(), whole(p.bot), change.Object, time.Now())
	require.NoError(t, err)
	writer := p.bot.Writer(book.Writes)
	_, err = writer.Check(t.Context(), change)
	require.NoError(t, err)
	written, err := writer.Apply(
		t.Context(),
		change,
		"op-"+plan.Title.String()[:3],
		func(context.Context, algesta.Intent) error { return nil },
	)
	require.NoError(t, err)
	f.Generation, f.StartedAt = written.Generation, time.Now()
	require.Eventually(t, func() bool {
		end, f, err = book.Ends.Poll(t.Context(), whole(p.bot), change.Object, f, time.Now())
		require.NoError(t, err)
		return end.Phase != rollout.Moving && end.Phase != rollout.Complete
	}, 90*time.Second, 100*time.Millisecond)
	return end
}
