package rules

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// Why is a cause as the diagnosis says it, for a follower of a rollout, which knows only its pods.
type Why struct {
	What   string   // the beginning of a sentence, redacted, on one line and without a full stop
	Effect Effect   // what it does to the pods
	Names  []string // of the objects and keys in What
}

// unread are the kinds that a rollout doesn't read: nothing is called missing because of them.
var unread = []string{
	"deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "services", "endpointslices", "ingresses",
	"networkpolicies", "resourcequotas", "limitranges", "configmaps", "secrets", "events", "nodes", "persistentvolumeclaims",
	"persistentvolumes", "storageclasses", "poddisruptionbudgets", "horizontalpodautoscalers", "namespaces", facts.OtherPods,
}

func onlyOf(at time.Time, objects ...runtime.Object) *facts.Snapshot {
	var skipped []facts.NotChecked
	for _, kind := range unread {
		skipped = append(skipped, facts.NotChecked{Kind: kind})
	}
	return facts.NewSnapshot(at, objects, skipped)
}

// WhyPod is what keeps a pod of a workload from running, from its own status alone: the first rule about containers or pods that
// fits. ok is false where none does. Where the diagnosis reads more, such as a log, it may name a more exact cause.
func WhyPod(p *corev1.Pod, owner facts.Ref, at time.Time) (why Why, ok bool) {
	p = p.DeepCopy()
	controlled := true
	p.OwnerReferences = []metav1.OwnerReference{{Kind: owner.Kind, Name: owner.Name, Controller: &controlled}}
	s := onlyOf(at, p)
	var first *Finding
	take := func(_ *Rule, f *Finding) {
		if first == nil {
			first = f
		}
	}
	if !askContainers(s, take, p) {
		askPod(s, take, p, s.Room())
	}
	return whyOf(s, first, owner)
}

// WhyDenied is why the API server creates no pods of a workload, from the message of its refusal. quotas are those of the namespace as
// they are now, nil where they weren't read. ok is false where the message is empty.
func WhyDenied(message string, owner facts.Ref, quotas []corev1.ResourceQuota, at time.Time) (why Why, ok bool) {
	objects := make([]runtime.Object, 0, len(quotas))
	for i := range quotas {
		objects = append(objects, &quotas[i])
	}
	s := onlyOf(at, objects...)
	d := &denial{s: s, ref: owner, message: message, since: at}
	id, groups := d.classify()
	rule := slices.IndexFunc(table, func(r Rule) bool { return r.denied != nil && r.ID == id })
	if message == "" || rule < 0 {
		return Why{}, false
	}
	d.groups = groups
	return whyOf(s, table[rule].denied(d), owner)
}

func whyOf(s *facts.Snapshot, f *Finding, owner facts.Ref) (Why, bool) {
	if f == nil {
		return Why{}, false
	}
	names := []string{f.Subject.Name, owner.Name}
	if f.Subject.Kind == facts.KindSecret || f.Subject.Kind == facts.KindConfigMap {
		names = append(names, f.Key)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	return Why{What: s.Brief(f.What, mostWords), Effect: f.Effect, Names: names}, true
}

// mostWords is how much of a cause is said, in bytes.
const mostWords = 600
