package runbooks_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

var _ = isAbout("hpa restore", otherThing{
	object: "horizontalpodautoscaler/api-gateway-production-hpa",
	still:  func(*testing.T) runbooks.Reader { return scaled(pinnedScaler) },
})

// scaled is the gateway with its autoscaler, changed in this way.
func scaled(change func(h *autoscalingv2.HorizontalPodAutoscaler)) *still {
	s := gateway()
	s.hpa()
	h := s.lists["HorizontalPodAutoscalerList"][0].(autoscalingv2.HorizontalPodAutoscaler)
	if change != nil {
		change(&h)
	}
	s.lists["HorizontalPodAutoscalerList"] = []any{h}
	return s
}

// pinnedScaler is one that was pinned at 4 pods.
func pinnedScaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	h.Spec.MinReplicas, h.Spec.MaxReplicas = new(int32(4)), 4
	h.Annotations = map[string]string{"algesta.io/pinned": `{"before":{"min":2,"max":10},"at":4,"request":"c-earlier"}`}
}

func numbers(args ...any) algesta.Args {
	out := algesta.Args{}
	for i := 0; i < len(args); i += 2 {
		out[args[i].(string)] = int64(args[i+1].(int))
	}
	return out
}

func TestBoundsAreSetAndGoBack(t *testing.T) {
	t.Parallel()
	p, err := planned(t, scaled(nil), "hpa set", numbers("min", 5, "max", 6))
	require.NoError(t, err)
	scales := json.RawMessage(`{"kind":"Deployment","name":"api-gateway-production"}`)
	require.Equal(t, "Autoscale api-gateway-production: 2–10 → 5–6 pods", p.Summary.String())
	require.Equal(t, "api-gateway in production is autoscaled between 5 and 6 pods", p.Done.String())
	require.Equal(t, "4 → 5 within seconds", p.Facts[2].Value.String())
	require.Equal(t, map[string]int64{"min": 5, "max": 6, "pods": 5, "surge": 0}, p.Figures)
	require.Equal(t, []algesta.Swap{
		{Label: "min", Path: "/spec/minReplicas", From: json.RawMessage("2"), To: json.RawMessage("5")},
		{Label: "max", Path: "/spec/maxReplicas", From: json.RawMessage("10"), To: json.RawMessage("6")},
		{Label: "what it scales", Path: "/spec/scaleTargetRef", From: scales, To: scales},
	}, p.Changes[0].Swaps)
	require.Equal(t, &algesta.Offer{
		Runbook: "hpa set", Target: input("hpa set", nil).Command.Target, Moves: "5–6 → 2–10",
		Args: algesta.Args{"min": int64(2), "max": int64(10), "undoes": "c-7f3a9k"},
	}, p.Undo)

	named := regarding("hpa set", "horizontalpodautoscaler/api-gateway-production-hpa")
	named.Command.Args = numbers("max", 6)
	book, _ := runbooks.Find("hpa set")
	p, err = book.Plan(t.Context(), whole(scaled(nil)), named)
	require.NoError(t, err)
	require.Equal(t, "Autoscaling of api-gateway-production in production (2–10 → 2–6 pods)", p.Title.String())
	require.Equal(t, algesta.Deployment(p.Of.Cluster, "production", "api-gateway-production"), p.Of.Workload())

	p, err = planned(t, scaled(nil), "hpa set", numbers("max", 10))
	require.NoError(t, err)
	require.Equal(t, "The autoscaler of api-gateway in production keeps it between 2 and 10 pods already.", p.Nothing.String())
}

func TestAPinNotesWhatStoodBeforeAndARestoreBringsItBack(t *testing.T) {
	t.Parallel()
	p, err := planned(t, scaled(nil), "hpa pin", numbers("replicas", 4))
	require.NoError(t, err)
	require.Equal(t, []string{
		"From then on api-gateway in production keeps 4 pods, whatever the load is.",
		"It stays that way until someone types /algesta hpa restore api-gateway production, which brings 2–10 back.",
	}, words(p.Warnings))
	note := p.Changes[0].Swaps[2]
	require.Equal(t, "/metadata/annotations/algesta.io~1pinned", note.Path)
	require.Nil(t, note.From)
	var value string
	require.NoError(t, json.Unmarshal(note.To, &value))
	require.JSONEq(t, `{"before":{"min":2,"max":10},"at":4,"request":"c-7f3a9k"}`, value)
	require.Equal(t, "hpa restore", p.Undo.Runbook)

	p, err = planned(t, scaled(pinnedScaler), "hpa pin", numbers("replicas", 6))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(p.Changes[0].Swaps[2].To, &value))
	require.JSONEq(t, `{"before":{"min":2,"max":10},"at":6,"request":"c-7f3a9k"}`, value, "what stood before all pins is kept")

	p, err = planned(t, scaled(pinnedScaler), "hpa restore", nil)
	require.NoError(t, err)
	require.Equal(t, "Autoscale api-gateway-production again as before: 4–4 → 2–10 pods", p.Summary.String())
	require.Empty(t, p.Warnings)
	require.Nil(t, p.Changes[0].Swaps[2].To, "the note goes with it")
	require.Equal(t, algesta.Args{"replicas": int64(4), "undoes": "c-7f3a9k"}, p.Undo.Args)

	p, err = planned(t, scaled(func(h *autoscalingv2.HorizontalPodAutoscaler) { pinnedScaler(h); h.Spec.MaxReplicas = 5 }), "hpa restore", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"Someone changed it since c-earlier pinned it at 4 pods: it's 4–5 now."}, words(p.Warnings))

	p, err = planned(t, scaled(nil), "hpa restore", nil)
	require.NoError(t, err)
	require.Equal(t, "The autoscaler of api-gateway in production isn't pinned by me: it keeps between 2 and 10 pods.", p.Nothing.String())

	p, err = planned(t, scaled(pinnedScaler), "hpa set", numbers("min", 2, "max", 8))
	require.NoError(t, err)
	require.Contains(t, words(p.Warnings), "It's pinned at 4 pods (2–10 before). This ends the pin, and what was before is forgotten.")
	require.Nil(t, p.Changes[0].Swaps[2].To)
}

func TestAChangeOfAnAutoscalerThatWouldHarmOrNotLastIsRefused(t *testing.T) {
	t.Parallel()
	keda := func(h *autoscalingv2.HorizontalPodAutoscaler) {
		h.Labels = map[string]string{"scaledobject.keda.sh/name": "gateway"}
	}
	single := "min and max of 1 switch api-gateway-production-hpa off and leave api-gateway in production a single pod: every restart, " +
		"crash or node upgrade is then an outage."
	for name, tt := range map[string]struct {
		s             *still
		book          string
		args          algesta.Args
		message, hint string
	}{
		"the manual's way to switch it off": {
			scaled(nil), "hpa set", numbers("min", 1, "max", 1), single,
			"To keep the number of pods fixed: /algesta hpa pin api-gateway production 4. If you mean a single pod, add --single-pod.",
		},
		"a pin at one": {scaled(nil), "hpa pin", numbers("replicas", 1), single, "add --single-pod"},
		"KEDA's": {scaled(keda), "hpa set", numbers("max", 4), "KEDA makes the autoscaler api-gateway-production-hpa from the " +
			"ScaledObject gateway, and puts its own bounds back at once.", "kubectl annotate scaledobject gateway"},
		"none there": {
			gateway(), "hpa pin", numbers("replicas", 4), "api-gateway in production has no autoscaler.",
			"/algesta scale api-gateway production replicas=<number>",
		},
		"that of a StatefulSet of this name": {
			scaled(func(h *autoscalingv2.HorizontalPodAutoscaler) {
				h.Spec.ScaleTargetRef.Kind, h.Spec.ScaleTargetRef.Name = "StatefulSet", "api-gateway"
			}), "hpa pin", numbers("replicas", 4),
			"The autoscaler api-gateway-production-hpa scales StatefulSet api-gateway. I change only those of Deployments.",
			"Change it where it's defined.",
		},
		"no bounds": {scaled(nil), "hpa set", nil, "Which bounds?", "/algesta hpa set api-gateway production min=<number> " +
			"max=<number>"},
		"the wrong way round": {
			scaled(nil), "hpa set", numbers("min", 12), "min (12) can't be above max (10).", "/algesta hpa set api-gateway production min=12 max=12",
		},
		"a pin that can't be read": {
			scaled(func(h *autoscalingv2.HorizontalPodAutoscaler) {
				h.Annotations = map[string]string{"algesta.io/pinned": `{"before":{"min":-4}}`}
			}), "hpa restore", nil, "The note on api-gateway-production-hpa of what stood before it was pinned can't be read.", "hpa set",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := planned(t, tt.s, tt.book, tt.args)
			known := (*algesta.Error)(nil)
			require.ErrorAs(t, err, &known)
			require.Contains(t, known.Message.String(), tt.message)
			require.Contains(t, known.Hint.String(), tt.hint)
		})
	}
	args := numbers("min", 1, "max", 1)
	args["single-pod"] = true
	p, err := planned(t, scaled(nil), "hpa set", args)
	require.NoError(t, err)
	require.Equal(
		t,
		[]string{"A single pod: each restart of it is an outage.", "3 pods are removed within seconds, whatever the load is."},
		words(p.Warnings),
	)
	s := scaled(nil)
	s.forbidden["HorizontalPodAutoscalerList"] = true
	_, err = planned(t, s, "hpa set", numbers("max", 4))
	require.ErrorIs(t, err, algesta.ErrForbidden)
}

func TestWhoPutsTheBoundsBackIsNamed(t *testing.T) {
	t.Parallel()
	p, err := planned(t, scaled(func(h *autoscalingv2.HorizontalPodAutoscaler) {
		h.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "app.kubernetes.io/managed-by": "Helm"}
		h.Annotations = map[string]string{
			"argocd.argoproj.io/tracking-id":                   "shop:autoscaling/HorizontalPodAutoscaler:production/api-gateway-production-hpa",
			"meta.helm.sh/release-name":                        "gate",
			"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{"minReplicas":2,"maxReplicas":10}}`,
		}
	}), "hpa set", numbers("max", 6))
	require.NoError(t, err)
	require.Equal(t, []string{
		"Argo CD (app shop) owns this autoscaler. With self-heal on it puts the bounds from Git back within minutes: change them there.",
		"Flux (Kustomization apps) owns this autoscaler and puts its own bounds back at its next run. Suspend it or change it in Git first.",
		"Helm (release gate) owns this autoscaler: its next upgrade may undo this change or stop at a conflict over it.",
		"The next time, a sync of Argo CD (app shop) brings back: max 10.",
	}, words(p.Warnings))
}

func TestBoundsThatTheQuotaHasNoRoomForAreTold(t *testing.T) {
	t.Parallel()
	s := scaled(nil)
	s.quota(corev1.ResourceList{"requests.cpu": resource.MustParse("1500m")}, corev1.ResourceList{"requests.cpu": resource.MustParse("1")})
	p, err := planned(t, s, "hpa set", numbers("max", 20))
	require.NoError(t, err)
	require.Contains(t, words(p.Warnings)[0], "It can't get to 20 pods: Quota production-quota has no room")
	p, err = planned(t, s, "hpa pin", numbers("replicas", 9))
	require.NoError(t, err)
	require.Contains(t, words(p.Warnings)[0], "Quota production-quota has no room")
}

func TestAnAutoscalerSaysItselfHowItEnds(t *testing.T) {
	t.Parallel()
	book, _ := runbooks.Find("hpa set")
	for name, tt := range map[string]struct {
		status autoscalingv2.HorizontalPodAutoscalerStatus
		phase  rollout.Phase
		said   string
	}{
		"it hasn't looked": {autoscalingv2.HorizontalPodAutoscalerStatus{}, rollout.Moving, "the autoscaler hasn't looked yet"},
		"on its way": {scalerStatus(4, 5, "AbleToScale", "True", "SucceededRescale"), rollout.Moving, "4 pods, the autoscaler " +
			"wants 5"},
		"outside": {scalerStatus(1, 1, "AbleToScale", "True", "ReadyForNewScale"), rollout.Moving, "1 pod, the autoscaler " +
			"wants 2"},
		"there": {scalerStatus(4, 4, "AbleToScale", "True", "ReadyForNewScale"), rollout.Settled, "The autoscaler has 4 pods, " +
			"as many as it wants (before: 3 pods, autoscaled 2–9)."},
		"it can't": {
			scalerStatus(4, 4, "AbleToScale", "False", "FailedGetScale"), rollout.Broken,
			"The autoscaler api-gateway-production-hpa can't scale: FailedGetScale",
		},
		"no measurements": {scalerStatus(4, 0, "ScalingActive", "False", "FailedGetResourceMetric"), rollout.Settled, "The autoscaler has " +
			"4 pods, as many as it wants (before: 3 pods, autoscaled 2–9). It has no measurements, so it only keeps to its bounds."},
		"switched off": {scalerStatus(0, 0, "ScalingActive", "False", "ScalingDisabled"), rollout.Settled, "It's off while there are 0 " +
			"pods (before: 3 pods, autoscaled 2–9)."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scaled(func(h *autoscalingv2.HorizontalPodAutoscaler) { h.Status = tt.status })
			object := algesta.Object{
				Group:     "autoscaling",
				Kind:      "HorizontalPodAutoscaler",
				Namespace: "production",
				Name:      "api-gateway-production-hpa",
			}
			f := rollout.Follow{StartedAt: noon, Before: rollout.Health{State: "3 pods, autoscaled 2–9"}}
			p, _, err := book.Ends.Poll(t.Context(), whole(s), object, f, noon.Add(time.Second))
			require.NoError(t, err)
			require.Equal(t, tt.phase, p.Phase)
			require.Equal(t, tt.said, p.Line.String())
		})
	}
}

func scalerStatus(now, wanted int32, condition, state, reason string) autoscalingv2.HorizontalPodAutoscalerStatus {
	return autoscalingv2.HorizontalPodAutoscalerStatus{
		CurrentReplicas: now, DesiredReplicas: wanted, Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{{
			Type: autoscalingv2.HorizontalPodAutoscalerConditionType(condition), Status: corev1.ConditionStatus(state), Reason: reason,
			LastTransitionTime: metav1.Time{Time: noon},
		}},
	}
}
