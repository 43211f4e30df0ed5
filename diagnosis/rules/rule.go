package rules

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// Rule is one class of failure: its documentation, and how to recognise it. Exactly one of the four functions is set.
type Rule struct {
	ID     string // also the folder of its fixtures
	Family string
	Class  Class
	Signal string // what is checked
	Cause  string // what it usually comes from
	Remedy string
	Source string // where the API promises the signal
	// Symptom marks what is always an effect. As a root it means: not explained.
	Symptom bool
	// Risk marks what hurts nobody yet.
	Risk bool
	// Asked marks what is only told where somebody asks about it or about what it is part of: in a whole namespace it may be meant so.
	Asked bool
	// Advice marks what is worth knowing and makes nothing unhealthy or risky: see Diagnosis.Advice.
	Advice bool

	// container is called for each container that is not well; the first rule in the table that answers names it.
	container func(*facts.Container) *Finding
	// pod is called for each pod that does not get as far as its containers; again the first one wins.
	pod func(*facts.Pending) *Finding
	// snapshot checks everything else.
	snapshot func(*facts.Snapshot) []*Finding
	// advise checks what was asked about and its surroundings.
	advise func(*facts.Snapshot, facts.Surroundings) []Hint
	// denied says what a refusal of the API server means, beside snapshot: of the rules about admission.
	denied func(*denial) *Finding
}

// Class says which layer a finding belongs to; classes decide what explains what.
type Class string

// The classes, from the layers that everything rests on to those that only show effects.
const (
	ClassOperator    Class = "operator"
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

// tail is what every cause that keeps pods from serving leads to.
var tail = []Class{ClassRollout, ClassJob, ClassEndpoints, ClassBackend, ClassAutoscaling, ClassBudget}

// Absorbs lists which classes a cause explains when the objects are connected. It has no cycles: a finding of one class
// never explains one of the same class.
var Absorbs = map[Class][]Class{
	ClassOperator:    {ClassConfig, ClassImage, ClassScale, ClassTLS, ClassAutoscaling},
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

// Finding is one rule that fired.
type Finding struct {
	Rule    *Rule
	Subject facts.Ref
	Key     string // distinguishes findings of one rule about one subject
	Hits    []facts.Ref
	Calls   []facts.Ref       // Services without which it would not be: what breaks one of them explains it
	Because facts.Ref         // what is known to explain it, whatever the classes: an operator's object, a Job; zero where nothing is
	Callee  facts.Ref         // the workload whose own log says why: what is found there explains it
	Beyond  []facts.Elsewhere // what it may depend on in other namespaces, to be read if it was not
	Product string            // what a dependency is, when its words tell: "MySQL"
	Host    string            // where it is, when they say
	byProbe bool              // the kubelet ends the container because a probe fails; what the probe asks may be elsewhere
	Target  string            // of a dependency: any of these, or a Service; empty when nothing says what is called
	several joint             // what to say when findings that differ in words were joined
	Pods    []*corev1.Pod     // that are in this state
	Effect  Effect            // what it does to those pods
	What    string            // the beginning of the sentence, without a full stop
	State   string            // what kubectl shows for the pods: "CrashLoopBackOff"
	Since   time.Time
	Shown   []facts.Evidence
	Remedy  Remedy
	Sure    Confidence
	Unsure  string // why not more
	Level   ImpactLevel
	// measured says that usage says more about it, where it is known.
	Measured bool
	// overrules says that whatever else is wrong with its pods comes from it.
	Overrules bool
}

// joint is what several findings have in common.
type joint struct {
	what   string
	remedy Remedy
}

// Effect is what a cause does to pods.
type Effect int

// NoEffect marks what happens to no pod.
const (
	NoEffect Effect = iota
	CannotStart
	CannotSchedule
	CannotCreate
	KeepCrashing
	NotReady
	FailsReady // its pods are ready, and what they do fails
)

// Rules is the table, in the order in which they are asked. The order matters for containers and pods: the more exact
// rule comes first.
func Rules() []Rule { return slices.Clone(table) }

var table = slices.Concat(
	imageRules, startRules, crashRules, networkContainerRules, refusalRules, dependencyRules, nodeContainerRules, exitRules, // containers
	probeRules,
	storagePodRules, schedulingRules, lifecyclePodRules, // pods
	nodeRules, admissionRules, rolloutRules, jobRules, storageRules, serviceRules, ingressRules, certificateRules,
	autoscalingRules, budgetRules, networkRules, controllerRules, platformRules, cronRules, goneRules,
	readyRules, calleeRules, meshRules, greenCallRules, operatorRules, gatewayRules, ingressLogRules,
	adviceRules,
)

// Find runs every rule and merges what is about the same thing.
func Find(s *facts.Snapshot) []*Finding {
	var found []*Finding
	add := func(rule *Rule, f *Finding) {
		f.Rule = rule
		found = append(found, f)
	}
	findInPods(s, add)
	findInReady(s, add)
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

// merge joins findings of one rule about one subject: ten pods without one Secret are one finding.
func merge(found []*Finding) []*Finding {
	type id struct {
		rule    *Rule
		subject facts.Ref
		key     string
	}
	at := map[id]*Finding{}
	var merged []*Finding
	for _, f := range found {
		key := id{f.Rule, f.Subject, f.Key}
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

// MaxEvidence is how many things are quoted per finding.
const MaxEvidence = 6

func (f *Finding) join(g *Finding) {
	sameHit := true
	if f.several.what != "" && f.What != g.What {
		f.What, f.Remedy = f.several.what, f.several.remedy
	}
	for _, hit := range g.Hits {
		if !slices.Contains(f.Hits, hit) {
			f.Hits = append(f.Hits, hit)
			sameHit = false
		}
	}
	slices.SortFunc(f.Hits, facts.Ref.Compare)
	for _, p := range g.Pods {
		if len(f.Pods) == 0 || f.Pods[len(f.Pods)-1] != p { // pods come in one walk, in order
			f.Pods = append(f.Pods, p)
		}
	}
	if !g.Since.IsZero() && (f.Since.IsZero() || g.Since.Before(f.Since)) {
		f.Since = g.Since
	}
	if g.Sure == High && f.Sure != High {
		f.Sure, f.Unsure = High, ""
	}
	for _, e := range g.Shown {
		f.show(e, sameHit)
	}
}

// show adds evidence; the same words about another pod of the same workload only count.
func (f *Finding) show(e facts.Evidence, samePods bool) {
	for i := range f.Shown {
		seen := &f.Shown[i]
		if seen.Field == e.Field && seen.Quote == e.Quote && (samePods || seen.Object == e.Object) {
			seen.Count += e.Count
			return
		}
	}
	if len(f.Shown) < MaxEvidence {
		f.Shown = append(f.Shown, e)
	}
}
