package runbooks

import (
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// rolling is how many pods a rollout may add and take away at a time, as the controllers compute it; for a Deployment
// (ResolveFenceposts: the surge is rounded up, the unavailable down, and both zero means one unavailable).
func rolling(w rollout.Workload, replicas int32) (surge, unavailable int32) {
	switch {
	case w.ByHand():
		return 0, 0
	case w.StatefulSet != nil:
		return 0, unavailableAtOnce(w.StatefulSet, replicas)
	case w.DaemonSet != nil:
		return rollingOnNodes(w.DaemonSet, replicas)
	}
	d := w.Deployment
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return 0, replicas
	}
	up, down := intstr.FromString("25%"), intstr.FromString("25%")
	if r := d.Spec.Strategy.RollingUpdate; r != nil {
		if r.MaxSurge != nil {
			up = *r.MaxSurge
		}
		if r.MaxUnavailable != nil {
			down = *r.MaxUnavailable
		}
	}
	surge, unavailable = scaled(up, replicas, true), scaled(down, replicas, false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, unavailable
}

// unavailableAtOnce is how many pods of a StatefulSet may be missing (getStatefulSetMaxUnavailable: rounded down, and at least one).
func unavailableAtOnce(set *appsv1.StatefulSet, replicas int32) int32 {
	if r := set.Spec.UpdateStrategy.RollingUpdate; r != nil && r.MaxUnavailable != nil {
		return max(1, scaled(*r.MaxUnavailable, replicas, false))
	}
	return 1
}

// rollingOnNodes is the same of a DaemonSet (SurgeCount and UnavailableCount in pkg/controller/daemon/util: both are rounded up).
func rollingOnNodes(set *appsv1.DaemonSet, nodes int32) (surge, unavailable int32) {
	up, down := intstr.FromInt32(0), intstr.FromInt32(1)
	if r := set.Spec.UpdateStrategy.RollingUpdate; r != nil {
		if r.MaxSurge != nil {
			up = *r.MaxSurge
		}
		if r.MaxUnavailable != nil {
			down = *r.MaxUnavailable
		}
	}
	return scaled(up, nodes, true), scaled(down, nodes, true)
}

func scaled(v intstr.IntOrString, of int32, roundUp bool) int32 {
	n, err := intstr.GetScaledValueFromIntOrPercent(&v, int(of), roundUp)
	if err != nil {
		return 0 // the API server does not store such a value
	}
	return int32(min(n, 1<<30)) //nolint:gosec // bounded on this line
}

// quotaKeys maps the names under which a quota may count a resource to the one used here.
var quotaKeys = map[corev1.ResourceName]string{
	"cpu": "requests.cpu", "requests.cpu": "requests.cpu", "limits.cpu": "limits.cpu",
	"memory": "requests.memory", "requests.memory": "requests.memory", "limits.memory": "limits.memory",
	"pods": "pods", "count/pods": "pods",
}

// needs is what one pod of this template takes from a quota, by the names in quotaKeys; missing are "limits.cpu of `app`"
// for containers that state nothing and for which no LimitRange has a default.
func needs(pod corev1.PodSpec, ranges []corev1.LimitRange) (per map[string]resource.Quantity, missing map[string][]string) {
	per = map[string]resource.Quantity{"pods": resource.MustParse("1")}
	missing = map[string][]string{}
	for _, kind := range []string{"requests", "limits"} {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			key := kind + "." + string(name)
			var running, starting resource.Quantity
			for _, c := range pod.InitContainers {
				q, _ := stated(c, kind, name, ranges)
				if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
					running.Add(q) // a sidecar runs beside the others
				} else if q.Cmp(starting) > 0 {
					starting = q
				}
			}
			for _, c := range pod.Containers {
				q, found := stated(c, kind, name, ranges)
				if !found {
					missing[key] = append(missing[key], c.Name)
				}
				running.Add(q)
			}
			if starting.Cmp(running) > 0 {
				running = starting
			}
			per[key] = running
		}
	}
	return per, missing
}

// stated is a container's request or limit after the defaults that admission will fill in.
func stated(c corev1.Container, kind string, name corev1.ResourceName, ranges []corev1.LimitRange) (resource.Quantity, bool) {
	limit, limited := c.Resources.Limits[name]
	if !limited {
		limit, limited = rangeDefault(ranges, name, func(i corev1.LimitRangeItem) corev1.ResourceList { return i.Default })
	}
	if kind == "limits" {
		return limit, limited
	}
	if q, ok := c.Resources.Requests[name]; ok {
		return q, true
	}
	if q, ok := rangeDefault(ranges, name, func(i corev1.LimitRangeItem) corev1.ResourceList { return i.DefaultRequest }); ok {
		return q, true
	}
	return limit, limited // a limit without a request is a request too
}

func rangeDefault(
	ranges []corev1.LimitRange,
	name corev1.ResourceName,
	of func(corev1.LimitRangeItem) corev1.ResourceList,
) (resource.Quantity, bool) {
	for _, r := range ranges {
		for _, item := range r.Spec.Limits {
			if q, ok := of(item)[name]; ok && item.Type == corev1.LimitTypeContainer {
				return q, true
			}
		}
	}
	return resource.Quantity{}, false
}

// fit says whether that many more pods of the template fit into the namespace's quotas.
type fit struct {
	tightest string         // "requests.cpu 1.3 of 4": after the change, of the scarcest; "" without a quota
	obstacle []algesta.Text // what would be refused
}

// fits does the quota's arithmetic for extra pods. Quotas with scopes are left out: whether they count a pod depends on
// more than its template.
func fits(quotas []corev1.ResourceQuota, ranges []corev1.LimitRange, pod corev1.PodSpec, extra int32) fit {
	per, missing := needs(pod, ranges)
	var f fit
	fullest := -1.0
	for _, quota := range quotas {
		if quota.Spec.ScopeSelector != nil ||
			slices.ContainsFunc(quota.Spec.Scopes, func(s corev1.ResourceQuotaScope) bool { return s != corev1.ResourceQuotaScopeNotTerminating }) {
			continue
		}
		for _, name := range sortedNames(quota.Status.Hard) {
			key := quotaKeys[name]
			if key == "" {
				continue
			}
			if len(missing[key]) > 0 {
				f.obstacle = append(f.obstacle, algesta.Say("Quota {} wants {} on every container, and {} has none: no new pod would be admitted.",
					algesta.Name(quota.Name), key, algesta.Name(list(missing[key]))))
				continue
			}
			hard, used, need := quota.Status.Hard[name], quota.Status.Used[name], per[key]
			if key == "pods" {
				need = *resource.NewQuantity(int64(extra), resource.DecimalSI)
			} else {
				need = times(need, extra)
			}
			after := used.DeepCopy()
			after.Add(need)
			if after.Cmp(hard) > 0 && !need.IsZero() {
				f.obstacle = append(f.obstacle, algesta.Say("Quota {} has no room: {} of {} {} are used and {} more would be needed for {}.",
					algesta.Name(quota.Name), amount(used), amount(hard), key, amount(need), count(extra, "more pod")))
			}
			if share := after.AsApproximateFloat64() / max(hard.AsApproximateFloat64(), 1e-9); share > fullest {
				fullest, f.tightest = share, fmt.Sprintf("%s %s of %s", key, amount(after), amount(hard))
			}
		}
	}
	return f
}

func sortedNames(l corev1.ResourceList) []corev1.ResourceName {
	var names []corev1.ResourceName
	for name := range l {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func times(q resource.Quantity, n int32) resource.Quantity {
	out := q.DeepCopy()
	out.Mul(int64(n))
	return out
}

// amount is a quantity as people write it: 1.3, 250m stays 0.25, 8Gi, 512Mi. Mebibytes are whole, cut off as kubectl top does.
func amount(q resource.Quantity) string {
	const mebi, gibi = 1 << 20, 1 << 30
	switch v := q.AsApproximateFloat64(); {
	case v >= gibi:
		return strconv.FormatFloat(round(v/gibi), 'f', -1, 64) + "Gi"
	case v >= mebi:
		return strconv.FormatInt(int64(v/mebi), 10) + "Mi"
	default:
		return strconv.FormatFloat(round(v), 'f', -1, 64)
	}
}

func round(v float64) float64 { return float64(int64(v*100+0.5)) / 100 }
