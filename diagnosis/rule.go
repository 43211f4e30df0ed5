package diagnosis

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Rule is one class of failure: its documentation, and how to recognise it. Exactly one of the four functions is set.
type Rule struct {
	ID     string // also the folder of its fixtures
	Family string
	Class  Class
	Signal string // what is looked at
	Cause  string // what it usually comes from
	Remedy string
	Source string // where the API promises the signal
	// Symptom marks what is always an effect. As a root it means: not explained.
	Symptom bool
	// Risk marks what hurts nobody yet.
	Risk bool
	// Advice marks what is worth knowing and makes nothing sick or risky: see Diagnosis.Advice.
	Advice bool

	// container looks at a container that is not well; the first rule in the table that answers names it.
	container func(*instance) *finding
	// pod looks at a pod that does not get as far as its containers; again the first one wins.
	pod func(*pending) *finding
	// snapshot looks at everything else.
	snapshot func(*Snapshot) []*finding
	// advise looks at what was asked about and its surroundings.
	advise func(*Snapshot, surroundings) []hint
}

// Class says which layer a finding belongs to; classes decide what explains what.
type Class string

// The classes, from the layers everything stands on to those that only show.
const (
	ClassNode        Class = "node"
	ClassStorage     Class = "storage"
	ClassConfig      Class = "config"
	ClassImage       Class = "image"
	ClassAdmission   Class = "admission"
	ClassScheduling  Class = "scheduling"
	ClassDependency  Class = "dependency"
	ClassCrash       Class = "crash"
	ClassProbe       Class = "probe"
	ClassScale       Class = "scale"
	ClassLifecycle   Class = "lifecycle"
	ClassRollout     Class = "rollout"
	ClassJob         Class = "job"
	ClassWiring      Class = "wiring"
	ClassEndpoints   Class = "endpoints"
	ClassCertificate Class = "certificate"
	ClassTLS         Class = "tls"
	ClassIngress     Class = "ingress"
	ClassBackend     Class = "backend"
	ClassMetrics     Class = "metrics"
	ClassAutoscaling Class = "autoscaling"
	ClassBudget      Class = "budget"
)

// tail is what every cause that keeps pods from serving brings with it.
var tail = []Class{ClassRollout, ClassJob, ClassEndpoints, ClassBackend, ClassAutoscaling, ClassBudget}

// absorbs lists which classes a cause explains when the objects are connected. It has no cycles: a finding of one class
// never explains one of the same class.
var absorbs = map[Class][]Class{
	ClassNode:        append([]Class{ClassStorage, ClassScheduling, ClassDependency, ClassCrash, ClassProbe, ClassLifecycle}, tail...),
	ClassStorage:     append([]Class{ClassScheduling, ClassLifecycle}, tail...),
	ClassConfig:      append([]Class{ClassCrash, ClassProbe}, tail...),
	ClassImage:       tail,
	ClassAdmission:   tail,
	ClassScheduling:  tail,
	ClassDependency:  append([]Class{ClassCrash, ClassProbe}, tail...),
	ClassCrash:       append([]Class{ClassProbe}, tail...),
	ClassProbe:       tail,
	ClassScale:       {ClassEndpoints, ClassBackend, ClassAutoscaling, ClassBudget},
	ClassLifecycle:   tail,
	ClassRollout:     {ClassEndpoints, ClassBackend, ClassAutoscaling, ClassBudget},
	ClassWiring:      {ClassEndpoints, ClassBackend},
	ClassEndpoints:   {ClassBackend},
	ClassCertificate: {ClassTLS},
	ClassMetrics:     {ClassAutoscaling},
}

// finding is one rule that fired.
type finding struct {
	rule    *Rule
	subject Ref
	key     string // tells apart findings of one rule about one subject
	hits    []Ref
	calls   []Ref         // Services without which it would not be: what breaks one of them explains it
	beyond  []Elsewhere   // what it may depend on in other namespaces, to be read if it was not
	product string        // what a dependency is, when its words tell: "MySQL"
	host    string        // where it is, when they tell
	byProbe bool          // the kubelet ends the container because a probe fails; what the probe asks may be elsewhere
	target  string        // of a dependency: any of these, or a Service; empty when nothing tells what is called
	several joint         // what to say when findings that differ in words were joined
	pods    []*corev1.Pod // that are in this state
	effect  effect        // what it does to those pods
	what    string        // the beginning of the sentence, without a full stop
	state   string        // what kubectl shows for the pods: "CrashLoopBackOff"
	since   time.Time
	shown   []Evidence
	remedy  Remedy
	sure    Confidence
	unsure  string // why not more
	level   ImpactLevel
	// measured says that usage tells more about it, where it is known.
	measured bool
	// overrules says that whatever else is wrong with its pods comes from it.
	overrules bool
}

// joint is what several findings have in common.
type joint struct {
	what   string
	remedy Remedy
}

// effect is what a cause does to pods.
type effect int

const (
	noEffect effect = iota
	cannotStart
	cannotSchedule
	cannotCreate
	keepCrashing
	notReady
)

// Rules is the table, in the order in which they are asked. The order matters for containers and pods: the more exact
// rule comes first.
func Rules() []Rule { return slices.Clone(table) }

var table = slices.Concat(
	imageRules, startRules, crashRules, networkContainerRules, dependencyRules, nodeContainerRules, exitRules, probeRules, // containers
	storagePodRules, schedulingRules, lifecyclePodRules, // pods
	nodeRules, admissionRules, rolloutRules, jobRules, storageRules, serviceRules, ingressRules, certificateRules,
	autoscalingRules, budgetRules, networkRules, controllerRules, platformRules, cronRules, goneRules,
	adviceRules,
)

// find runs every rule and merges what is about the same thing.
func (s *Snapshot) find() []*finding {
	var found []*finding
	add := func(rule *Rule, f *finding) {
		f.rule = rule
		found = append(found, f)
	}
	s.findInPods(add)
	for i := range table {
		if table[i].snapshot == nil {
			continue
		}
		for _, f := range table[i].snapshot(s) {
			add(&table[i], f)
		}
	}
	return joinDependencies(merge(found))
}

// mostFindings is how many findings are compared with each other, each with each: 5,000 pods that wait for reasons of their own are
// judged whole, and a dump that was made to name more costs seconds and not minutes.
const mostFindings = 5_500

// bounded are the findings that are judged; of more than mostFindings those stay whose rules are asked first.
func (s *Snapshot) bounded(found []*finding) (kept []*finding, dropped *NotChecked) {
	if len(found) <= mostFindings {
		return found, nil
	}
	return found[:mostFindings], &NotChecked{
		Kind: "other causes", Reason: fmt.Sprintf("More than %d things are wrong; the rest was not compared with them.", mostFindings),
	}
}

// merge joins findings of one rule about one subject: ten pods without one Secret are one finding.
func merge(found []*finding) []*finding {
	type id struct {
		rule    *Rule
		subject Ref
		key     string
	}
	at := map[id]*finding{}
	var merged []*finding
	for _, f := range found {
		key := id{f.rule, f.subject, f.key}
		first := at[key]
		if first == nil {
			at[key] = f
			merged = append(merged, f)
			continue
		}
		first.join(f)
	}
	return merged
}

// maxEvidence is how many things are quoted per finding.
const maxEvidence = 6

func (f *finding) join(g *finding) {
	sameHit := true
	if f.several.what != "" && f.what != g.what {
		f.what, f.remedy = f.several.what, f.several.remedy
	}
	for _, hit := range g.hits {
		if !slices.Contains(f.hits, hit) {
			f.hits = append(f.hits, hit)
			sameHit = false
		}
	}
	slices.SortFunc(f.hits, Ref.compare)
	for _, p := range g.pods {
		if len(f.pods) == 0 || f.pods[len(f.pods)-1] != p { // pods come in one walk, in order
			f.pods = append(f.pods, p)
		}
	}
	if !g.since.IsZero() && (f.since.IsZero() || g.since.Before(f.since)) {
		f.since = g.since
	}
	if g.sure == High && f.sure != High {
		f.sure, f.unsure = High, ""
	}
	for _, e := range g.shown {
		f.show(e, sameHit)
	}
}

// show adds evidence; the same words about another pod of the same workload only count.
func (f *finding) show(e Evidence, samePods bool) {
	for i := range f.shown {
		seen := &f.shown[i]
		if seen.Field == e.Field && seen.Quote == e.Quote && (samePods || seen.Object == e.Object) {
			seen.Count += e.Count
			return
		}
	}
	if len(f.shown) < maxEvidence {
		f.shown = append(f.shown, e)
	}
}
