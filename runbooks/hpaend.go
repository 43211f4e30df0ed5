package runbooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// withScaler ends a change of an autoscaler when the autoscaler itself says that its workload has as many pods as it wants. It checks every
// 15 seconds, and pods take a minute or two where a node has to be added first.
var withScaler = WithPollSince(5*time.Minute, scaledBefore, pollScaler)

// scaledBefore notes the state before the change.
func scaledBefore(ctx context.Context, c Cluster, object algesta.Object) (string, error) {
	h, err := readHPA(ctx, c, object)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, autoscaled %s", count(h.Status.CurrentReplicas, "pod"), bounds{least(*h), h.Spec.MaxReplicas}), nil
}

func readHPA(ctx context.Context, c Cluster, object algesta.Object) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	raw, err := readOne(ctx, c, object.Group, "v2", object.Kind, object.Namespace, object.Name)
	if err != nil {
		return nil, err
	}
	h := &autoscalingv2.HorizontalPodAutoscaler{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, h); err != nil {
		return nil, fmt.Errorf("reading the autoscaler %s: %w", object.Name, err)
	}
	return h, nil
}

// pollScaler checks how far the autoscaler is, in its own words.
func pollScaler(ctx context.Context, c Cluster, object algesta.Object, was string) (Polled, error) {
	h, err := readHPA(ctx, c, object)
	switch {
	case errors.Is(err, algesta.ErrNotFound):
		return Polled{Phase: rollout.Gone, Said: algesta.Say("The autoscaler {} was deleted.", algesta.Name(object.Name))}, nil
	case err != nil:
		return Polled{}, err
	}
	before := algesta.Text{}
	if was != "" {
		before = algesta.Say(" (before: {})", was)
	}
	able, active := scalerCondition(h, autoscalingv2.AbleToScale), scalerCondition(h, autoscalingv2.ScalingActive)
	limits := bounds{least(*h), h.Spec.MaxReplicas}
	now, wanted := h.Status.CurrentReplicas, h.Status.DesiredReplicas
	if active.Status == corev1.ConditionFalse { // without measurements it keeps to its bounds, and what it wanted last is old
		wanted = limits.pods(now)
	}
	switch {
	case able.Status == corev1.ConditionFalse:
		return Polled{
			Phase: rollout.Broken,
			Said:  algesta.Say("The autoscaler {} can't scale: {}", algesta.Name(h.Name), quote(orElse(able.Message, able.Reason))),
		}, nil
	case active.Reason == "ScalingDisabled":
		return Polled{Phase: rollout.Settled, Said: algesta.Say("It's off while there are 0 pods{}.", before)}, nil
	case len(h.Status.Conditions) == 0:
		return Polled{Phase: rollout.Moving, Said: algesta.Say("the autoscaler hasn't looked yet")}, nil
	case now != wanted || wanted != limits.pods(wanted):
		return Polled{
			Phase: rollout.Moving,
			Said:  algesta.Say("{}, the autoscaler wants {}", count(now, "pod"), limits.pods(wanted)),
		}, nil
	}
	said := algesta.Say("The autoscaler has {}, as many as it wants{}.", count(now, "pod"), before)
	if active.Status == corev1.ConditionFalse && limits.Min != limits.Max {
		said = said.Then("It has no measurements, so it only keeps to its bounds.")
	}
	return Polled{Phase: rollout.Settled, Said: said}, nil
}
