package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// operatedRule is about the objects of all other operators: their kinds aren't known here, and what their status says mostly is.
var operatedRule = Rule{
	ID:     "operator-object-not-ready",
	Family: "operators",
	Class:  ClassRollout,
	Signal: "an object of an operator (a Rollout of Argo, a Kafka of Strimzi, a database, …) whose condition such as Ready, Available or " +
		"Reconciled is False, whose NotReady, Degraded or …Error is True, or whose status.phase is Failed, Error or Degraded; what is " +
		"under way doesn't count",
	Cause:    "a spec that the operator refuses, an update that was aborted, something that the operator can't reach",
	Remedy:   "fix what the message names in the object, which the operator then applies",
	Source:   "the conventions for status.conditions of the Kubernetes API; kstatus",
	snapshot: operatedNotReady,
}

var (
	goodCondition = regexp.MustCompile(`^(?:Ready|Available|Healthy|Synced|Reconciled|ReconcileSuccess|Accepted|Valid|Programmed|Applied|` +
		`Deployed|Progressing)$`)
	badCondition = regexp.MustCompile(`^(?:NotReady|Degraded|Failed|Stalled|InvalidSpec|Failure|\w*Error|Failing)$`)
	badPhase     = regexp.MustCompile(`^(?i:failed|error|degraded|unhealthy|invalid)$`)
	underWay     = regexp.MustCompile(`(?i)progressing|creating|pending|initiali[sz]|waiting|reconciling|scaling|updating|upgrading|` +
		`paused|suspend|` +
		`deleting|not ?yet|provisioning|starting`)
	// endsItself are kinds that stand for one run of something: a run that failed is the past.
	endsItself = regexp.MustCompile(`(?:Run|Job|Workflow|Backup|Restore|Report|Request|Order|Challenge|Snapshot|Task|Experiment|Claim|` +
		`Machine|Check)s?$`)
	reasonAhead = regexp.MustCompile(`^([A-Z]\w+): `)
)

func operatedNotReady(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, o := range s.Operated() {
		suspended, _, _ := unstructured.NestedBool(o.Object, "spec", "suspend")
		paused, _, _ := unstructured.NestedBool(o.Object, "spec", "paused")
		c, ok := statusTrouble(o)
		if !ok || suspended || paused || endsItself.MatchString(o.GetKind()) || s.Age(c.Since) < operatorSlack && !c.Since.IsZero() {
			continue
		}
		ref := facts.RefOf(o.GetKind(), o)
		message, shown := reasonOf(s, ref, c)
		f := &Finding{
			Subject: ref, Hits: append([]facts.Ref{ref}, operates(s, o)...), Level: Degraded, Since: c.Since,
			Sure: Medium, Unsure: "I don't know this kind of object; its own status says so.",
			What:  inFull(s, fmt.Sprintf("%s has a problem (%s)", ref.Words(), c.Reason), message),
			Shown: shown,
			Remedy: Remedy{
				Text:    "Fix what the message names in the object; its operator applies it.",
				Command: fmt.Sprintf("kubectl describe %s.%s/%s -n %s", strings.ToLower(o.GetKind()), groupOf(o), o.GetName(), o.GetNamespace()),
			},
		}
		found = append(found, f)
	}
	return found
}

func groupOf(o *unstructured.Unstructured) string {
	group, _, _ := strings.Cut(o.GetAPIVersion(), "/")
	return group
}

// statusTrouble is what an object's status says is wrong with it: its phase with a message, or else the condition with the longest one.
func statusTrouble(o *unstructured.Unstructured) (worst facts.Condition, ok bool) {
	phase, message := facts.Text(o, "status", "phase"), facts.Text(o, "status", "message")
	list, _, _ := unstructured.NestedFieldNoCopy(o.Object, "status", "conditions")
	for _, c := range facts.ConditionsIn(list) {
		bad := c.False() && goodCondition.MatchString(c.Type) || c.True() && badCondition.MatchString(c.Type)
		if !bad || underWay.MatchString(c.Reason) || c.Message == "" && c.Reason == "" || underWay.MatchString(c.Message) && c.False() {
			continue
		}
		if !ok || len(c.Message) > len(worst.Message) {
			worst, ok = c, true
		}
	}
	if badPhase.MatchString(phase) && message != "" {
		since := worst.Since
		worst, ok = facts.Condition{Type: "phase", Reason: phase, Message: message, Since: since}, true
		if m := reasonAhead.FindStringSubmatch(message); m != nil {
			worst.Reason, worst.Message = m[1], strings.TrimPrefix(message, m[0])
		}
	}
	if worst.Reason == "" {
		worst.Reason = worst.Type
	}
	return worst, ok
}

// operates are the workloads that an object's operator made for it: it owns them, or their labels say so.
func operates(s *facts.Snapshot, o *unstructured.Unstructured) []facts.Ref {
	var found []facts.Ref
	domain := groupOf(o)
	if parts := strings.Split(domain, "."); len(parts) > 2 {
		domain = strings.Join(parts[len(parts)-2:], ".")
	}
	for _, w := range s.Workloads() {
		if w.Ref.Namespace != o.GetNamespace() {
			continue
		}
		labels, _ := s.LabelsOf(w)
		ours := s.OwnedBy(w.Ref) == o.GetKind()+" "+o.GetName()
		for key, value := range labels {
			ours = ours || value == o.GetName() && strings.HasPrefix(key, domain+"/")
		}
		if ours && !slices.Contains(found, w.Ref) {
			found = append(found, w.Ref)
		}
	}
	return found
}
