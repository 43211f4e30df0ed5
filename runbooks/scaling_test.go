package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// cpuScaler scales between 2 and most pods by cpu, and measured this much of its target of 70 %.
func cpuScaler(
	name string,
	most, current, desired, cpu int32,
	conditions ...autoscalingv2.HorizontalPodAutoscalerCondition,
) autoscalingv2.HorizontalPodAutoscaler {
	return autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "production"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: name}, MinReplicas: new(int32(2)), MaxReplicas: most,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
				Name: "cpu", Target: autoscalingv2.MetricTarget{AverageUtilization: new(int32(70))},
			}}},
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			CurrentReplicas: current, DesiredReplicas: desired, LastScaleTime: &metav1.Time{Time: noon.Add(-time.Hour)}, Conditions: conditions,
			CurrentMetrics: []autoscalingv2.MetricStatus{{Resource: &autoscalingv2.ResourceMetricStatus{
				Name: "cpu", Current: autoscalingv2.MetricValueStatus{AverageUtilization: new(cpu)},
			}}},
		},
	}
}

func is(
	kind autoscalingv2.HorizontalPodAutoscalerConditionType,
	status corev1.ConditionStatus,
	reason, message string,
) autoscalingv2.HorizontalPodAutoscalerCondition {
	return autoscalingv2.HorizontalPodAutoscalerCondition{Type: kind, Status: status, Reason: reason, Message: message}
}

var (
	scalingActive = is(autoscalingv2.ScalingActive, corev1.ConditionTrue, "ValidMetricFound", "")
	noMetricsNow  = is(autoscalingv2.ScalingActive, corev1.ConditionFalse, "FailedGetResourceMetric",
		"the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: "+
			"unable to fetch metrics from resource metrics API: the server could not find the requested resource")
)

func TestAutoscalersSayWhatHoldsThem(t *testing.T) {
	t.Parallel()
	s := listed{lists: map[string][]any{
		"HorizontalPodAutoscalerList": {
			cpuScaler("calm", 10, 3, 3, 40, scalingActive),
			cpuScaler("full", 4, 4, 4, 88, scalingActive, is(autoscalingv2.ScalingLimited, corev1.ConditionTrue, "TooManyReplicas", "")),
			cpuScaler("rising", 10, 3, 5, 90, scalingActive),
			cpuScaler("pinned", 2, 2, 2, 90, scalingActive),
		},
		"EventList": {
			corev1.Event{
				ObjectMeta: metav1.ObjectMeta{
					Name:      "e",
					Namespace: "production",
				},
				Reason:         "SuccessfulRescale",
				LastTimestamp:  metav1.Time{Time: noon.Add(-time.Hour)},
				InvolvedObject: corev1.ObjectReference{Kind: "HorizontalPodAutoscaler", Name: "full"},
				Message:        "New size: 4; reason: cpu resource utilization (percentage of request) above target",
			},
		},
	}}
	require.Equal(t, []string{
		"full in production: at max because cpu 88/70 %",
		"autoscaler | for | measured / target | pods | min–max | state | last scaled",
		"full | full | cpu 88/70 % | 4 | 2–4 | at max because cpu 88/70 % | 60 min ago",
		"rising | rising | cpu 90/70 % | 3 | 2–10 | going to 5 | 60 min ago",
		"pinned | pinned | cpu 90/70 % | 2 | 2–2 | off: min and max are both 2 | 60 min ago",
		"calm | calm | cpu 40/70 % | 3 | 2–10 | between its bounds | 60 min ago",
	}, tells(t, s, regarding("hpa", "")))
	one := tells(t, s, regarding("hpa", "horizontalpodautoscaler/full"))
	require.Len(t, one, 4)
	require.Equal(t, "Last scaling, 60 min ago: New size: 4; reason: cpu resource utilization (percentage of request) above target.", one[3])

	last := s.lists["EventList"][0].(corev1.Event)
	last.Message = "New size: 4; reason: "
	s.lists["EventList"][0] = last
	require.Equal(t, "Last scaling, 60 min ago: New size: 4.", tells(t, s, regarding("hpa", "horizontalpodautoscaler/full"))[3])

	scaled := cpuScaler("front-hpa", 4, 3, 3, 40, scalingActive)
	scaled.Spec.ScaleTargetRef.Name = "front-production"
	other := cpuScaler("other-hpa", 4, 3, 3, 40, scalingActive)
	other.Spec.ScaleTargetRef.Name = "front-hpa" // a name that is an autoscaler's is not a workload's
	for _, name := range []string{"front", "front-production", "front-hpa"} {
		both := listed{lists: map[string][]any{"HorizontalPodAutoscalerList": {scaled, other}}}
		of := tells(t, both, regarding("hpa", "horizontalpodautoscaler/"+name))
		require.Equal(t, "front-hpa in production: 3 pods, autoscaled 2–4", of[0], name)
	}

	_, err := ask(t, s, regarding("hpa", "horizontalpodautoscaler/none"))
	require.ErrorContains(t, err, "There's no autoscaler none in production.")
	require.Equal(t, []string{"There are no autoscalers in production."}, tells(t, listed{}, regarding("hpa", "")))
	require.Equal(t, []string{"I couldn't check the autoscalers in production.", "I don't have permission to read hpa."},
		tells(t, listed{instead: map[string]error{"HorizontalPodAutoscalerList": forbidden("hpa")}}, regarding("hpa", "")))
}

func TestAMissingMetricsAPIIsToldOnce(t *testing.T) {
	t.Parallel()
	s := listed{lists: map[string][]any{"HorizontalPodAutoscalerList": {
		cpuScaler("a", 10, 3, 3, 0, noMetricsNow), cpuScaler("b", 10, 3, 3, 0, noMetricsNow),
	}}}
	lines := tells(t, s, regarding("hpa", ""))
	require.Equal(t, "a in production: has no measurements", lines[0])
	require.Equal(t, "The metrics API gives no cpu and memory, so 2 autoscalers can't scale by them. Look at metrics-server.", lines[4])
	require.Len(t, lines, 5)
}

func TestQuotasAreToldTheFullestFirst(t *testing.T) {
	t.Parallel()
	pod := func(name, owner, hash, cpu string, phase corev1.PodPhase) corev1.Pod {
		return corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name:      name,
				Namespace: "production",
				Labels:    map[string]string{"pod-template-hash": hash},
				OwnerReferences: []metav1.OwnerReference{
					{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner + "-" + hash, UID: "u", Controller: new(true)},
				},
			},
			Spec: corev1.PodSpec{Containers: []corev1.Container{
				{Name: "app", Resources: corev1.ResourceRequirements{Requests: amounts("cpu", cpu)}},
			}},
			Status: corev1.PodStatus{Phase: phase},
		}
	}
	s := listed{lists: map[string][]any{
		"ResourceQuotaList": {corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Name: "production-quota", Namespace: "production"},
			Status: corev1.ResourceQuotaStatus{
				Hard: amounts(
					"requests.cpu",
					"2",
					"requests.memory",
					"8Gi",
					"pods",
					"20",
				),
				Used: amounts("requests.cpu", "1800m", "requests.memory", "2Gi", "pods", "3"),
			},
		}},
		"PodList": {
			pod("a", "api", "h1", "500m", corev1.PodRunning), pod("b", "api", "h1", "500m", corev1.PodRunning),
			pod("c", "orders", "h2", "800m", corev1.PodPending), pod("d", "report", "h3", "4", corev1.PodSucceeded),
		},
	}}
	report, err := ask(t, s, regarding("quota", ""))
	require.NoError(t, err)
	require.Equal(t, algesta.Warning, report.Tone)
	require.Equal(t, []string{
		"production: fullest is requests.cpu, 1.8 of 2",
		"resource | used | used / hard | quota",
		"requests.cpu | ▓▓▓▓▓▓▓▓▓░ 90 % | 1.8 / 2 | production-quota",
		"requests.memory | ▓▓▓░░░░░░░ 25 % | 2Gi / 8Gi | production-quota",
		"pods | ▓▓░░░░░░░░ 15 % | 3 / 20 | production-quota",
		"requests.cpu is used by api (1) and orders (0.8).",
	}, shownLines(t, report))
	require.Equal(t, shownLines(t, report), tells(t, s, regarding("quota", "resourcequota/production-quota")))

	s.instead = map[string]error{"PodList": forbidden("pods")}
	require.Contains(t, tells(t, s, regarding("quota", "")), "Couldn't check pods: I don't have permission to read pods.")
	s.instead = map[string]error{"ResourceQuotaList": forbidden("quotas")}
	require.Equal(
		t,
		[]string{"I couldn't check the quotas in production.", "I don't have permission to read quotas."},
		tells(t, s, regarding("quota", "")),
	)
	require.Equal(t, []string{"There's no quota in production: nothing limits it but the nodes."}, tells(t, listed{}, regarding("quota", "")))
}

// TestAPinnedAutoscalerIsNotSaidToHaveRoom beside others that have.
func TestAPinnedAutoscalerIsNotSaidToHaveRoom(t *testing.T) {
	t.Parallel()
	s := scaled(nil)
	pinned := s.lists["HorizontalPodAutoscalerList"][0].(autoscalingv2.HorizontalPodAutoscaler)
	pinned.Name = "pinned"
	pinnedScaler(&pinned)
	s.lists["HorizontalPodAutoscalerList"] = append(s.lists["HorizontalPodAutoscalerList"], pinned)
	got := asked(t, s, "hpa", "namespace", nil)
	require.Equal(t, "2 autoscalers in production: 1 keeps a fixed number of pods, the others have room", got[0])
}
