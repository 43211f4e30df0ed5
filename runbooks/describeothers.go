package runbooks

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact/podspec"
)

// describeConfigMap shows which keys a ConfigMap has and who uses it. What it holds isn't shown: env shows what becomes a variable.
func describeConfigMap(ctx context.Context, c Cluster, d *description) error {
	found, err := d.read(ctx, c, &corev1.ConfigMapList{})
	held, ok := found.(*corev1.ConfigMap)
	if !ok {
		return err
	}
	keys := slices.Sorted(maps.Keys(held.Data))
	for key := range held.BinaryData {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	d.title(algesta.Good, "{}", count(len(keys), "key"))
	if len(keys) > 0 {
		d.field("keys", d.quote(strings.Join(clipped(keys), ", ")))
	}
	if held.Immutable != nil && *held.Immutable {
		d.field("immutable", "yes: a change needs another ConfigMap")
	}
	d.usedBy(ctx, c, func(spec corev1.PodSpec) bool { return takesConfigMap(spec, held.Name) })
	d.about(held)
	d.say("Values aren't shown here. Those that become variables: {}", algesta.Name(d.in.Bot.Typed("env", serviceSlot, whereOf(d.in))))
	return nil
}

// takesConfigMap reports whether pods take variables or files from a ConfigMap, also where they can do without.
func takesConfigMap(spec corev1.PodSpec, name string) bool {
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil && e.ValueFrom.ConfigMapKeyRef.Name == name {
				return true
			}
		}
		for _, e := range c.EnvFrom {
			if e.ConfigMapRef != nil && e.ConfigMapRef.Name == name {
				return true
			}
		}
	}
	return slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool {
		if v.ConfigMap != nil && v.ConfigMap.Name == name {
			return true
		}
		return v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
			return s.ConfigMap != nil && s.ConfigMap.Name == name
		})
	})
}

// usedBy adds the workloads whose pods use the object now.
func (d *description) usedBy(ctx context.Context, c Cluster, uses func(corev1.PodSpec) bool) {
	pods, known := d.podsThat(ctx, c, func(p *corev1.Pod) bool { return uses(p.Spec) })
	var who []string
	for _, pod := range pods {
		who = append(who, workloadOf(pod))
	}
	slices.Sort(who)
	switch who = slices.Compact(who); {
	case len(who) > 0:
		d.field("used by", d.quote(list(clipped(who))))
	case known:
		d.field("used by", "no pods now")
	}
}

// describeClaim shows whether a volume is there, how large it is and who uses it.
func describeClaim(ctx context.Context, c Cluster, d *description) error {
	found, err := d.read(ctx, c, &corev1.PersistentVolumeClaimList{})
	claim, ok := found.(*corev1.PersistentVolumeClaim)
	if !ok {
		return err
	}
	tone, word := algesta.Good, strings.ToLower(string(claim.Status.Phase))
	switch claim.Status.Phase {
	case corev1.ClaimLost:
		tone, word = algesta.Bad, "its volume is lost"
	case corev1.ClaimPending:
		tone, word = algesta.Warning, "waits for a volume"
	case corev1.ClaimBound:
	}
	d.title(tone, "{}", word)
	asked := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	d.field("asks for", amount(asked))
	if has, there := claim.Status.Capacity[corev1.ResourceStorage]; there {
		d.field("has", amount(has))
	}
	if class := claim.Spec.StorageClassName; class != nil {
		d.field("class", d.quote(*class))
	}
	d.field("volume", d.quote(claim.Spec.VolumeName))
	var modes []string
	for _, mode := range claim.Spec.AccessModes {
		modes = append(modes, string(mode))
	}
	d.field("access", strings.Join(modes, ", "))
	for _, condition := range claim.Status.Conditions {
		if condition.Status == corev1.ConditionTrue {
			d.say("{}: {}", d.quote(string(condition.Type)), d.quote(condition.Message))
		}
	}
	d.usedBy(ctx, c, func(spec corev1.PodSpec) bool {
		return slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim.Name
		})
	})
	d.about(claim)
	return nil
}

// describeBudget shows how many pods may be evicted now.
func describeBudget(ctx context.Context, c Cluster, d *description) error {
	found, err := d.read(ctx, c, &policyv1.PodDisruptionBudgetList{})
	budget, ok := found.(*policyv1.PodDisruptionBudget)
	if !ok {
		return err
	}
	s := budget.Status
	tone := algesta.Good
	if s.DisruptionsAllowed == 0 {
		tone = algesta.Warning
	}
	d.title(tone, "{} may be taken away now", count(s.DisruptionsAllowed, "pod"))
	d.field("healthy", algesta.Say("{} of {}, at least {} wanted", s.CurrentHealthy, count(s.ExpectedPods, "pod"), s.DesiredHealthy))
	if budget.Spec.MinAvailable != nil {
		d.field("at least available", budget.Spec.MinAvailable.String())
	}
	if budget.Spec.MaxUnavailable != nil {
		d.field("at most unavailable", budget.Spec.MaxUnavailable.String())
	}
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	if err != nil {
		selector = labels.Nothing()
	}
	d.field("selector", d.quote(selector.String()))
	pods, _ := d.podsThat(ctx, c, func(p *corev1.Pod) bool { return selector.Matches(labels.Set(p.Labels)) })
	d.about(budget)
	d.podsTable(pods)
	return nil
}

// describeService shows where a Service leads, as endpoints does.
func describeService(ctx context.Context, c Cluster, d *description) error {
	w := readWiring(ctx, c, d.in.Command.Target.Namespace)
	if w.services.err != nil {
		d.report = unreadable(d.in, "the services", w.services.err)
		return nil //nolint:nilerr // the report says so
	}
	s, err := w.find(d.name, d.in)
	if errors.Is(err, algesta.ErrNotFound) {
		return d.noSuch()
	}
	if err != nil {
		return err
	}
	d.name = s.Name
	var specs []*corev1.PodSpec
	for i := range w.pods.Items {
		specs = append(specs, &w.pods.Items[i].Spec)
	}
	d.hidden.add(podspec.Secrets(specs...))
	led := endpointsReport(w, s, Input{Command: algesta.Command{Target: d.in.Command.Target, At: d.in.Command.At}, Bot: d.in.Bot})
	d.report.Tone, d.report.Title = led.Tone, led.Title
	for _, block := range led.Body {
		d.fields = append(d.fields, block.Fields...)
		d.said = append(d.said, block.List...)
		if block.Table != nil {
			d.table(*block.Table, "endpoint", mostOwnPods)
		}
	}
	if s.Spec.SessionAffinity == corev1.ServiceAffinityClientIP {
		d.field("one client", "always the same pod (ClientIP)")
	}
	if s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		d.field("from outside", "only to pods of the node that it reaches (Local)")
	}
	if s.Spec.PublishNotReadyAddresses {
		d.say("It leads to pods that aren't ready, too (publishNotReadyAddresses).")
	}
	d.about(s)
	return nil
}
