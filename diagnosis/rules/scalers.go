package rules

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// scalerPausedRule is about scalers of KEDA that people paused and forgot.
var scalerPausedRule = Rule{
	ID:     "scaler-paused",
	Family: "operators",
	Class:  ClassOperator,
	Signal: "annotation autoscaling.keda.sh/paused-replicas or autoscaling.keda.sh/paused of a ScaledObject whose workload has no pods, or " +
		"of a ScaledJob; a risk unless its trigger is active or it should keep pods",
	Cause:    "somebody paused it and did not resume it",
	Remedy:   "remove the annotation when it should scale again",
	Source:   "KEDA: pausing of autoscaling; ScaledObject status.conditions[Active], spec.minReplicaCount",
	snapshot: scalerPaused,
}

func scalerPaused(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, o := range s.OfKind(facts.KindScaledObject, facts.KindScaledJob) {
		annotation, value := facts.PausedBy(o)
		target := facts.ScaleTarget(o)
		w := s.Workload(target)
		if annotation == "" || o.GetKind() == facts.KindScaledObject && (w == nil || w.Desired != 0) || o.GetDeletionTimestamp() != nil {
			continue // what keeps its pods was meant so
		}
		ref := facts.RefOf(o.GetKind(), o)
		effect := "so no Job is started"
		if w != nil {
			effect = fmt.Sprintf("so %s stays at zero pods", target.Words())
		}
		f := &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: High, Level: Latent,
			What:  fmt.Sprintf("%s is paused (annotation %s: %s), %s", ref.Words(), annotation, s.Quote(value), effect),
			Shown: []facts.Evidence{{Object: ref, Field: "metadata.annotations[" + annotation + "]", Quote: value}},
			Remedy: Remedy{
				Text:    "Remove the annotation when it should scale again.",
				Command: fmt.Sprintf("kubectl annotate %s -n %s %s-", ref, ref.Namespace, annotation),
			},
		}
		if w != nil {
			f.Hits = append(f.Hits, target)
		}
		if why := missesPods(o); why != "" {
			f.Level = Degraded
			f.What += " although " + why
			f.show(facts.Evidence{Object: ref, Field: "status", Quote: why}, false)
		}
		found = append(found, f)
	}
	return found
}

// missesPods is what shows that a paused scaler would run pods; empty where nothing does.
func missesPods(o *unstructured.Unstructured) string {
	if facts.ConditionOf(o, "Active").True() {
		return "its trigger is active"
	}
	if least := facts.Whole(o, "spec", "minReplicaCount"); least > 0 && o.GetKind() == facts.KindScaledObject {
		return "it should keep at least " + words.Count(int(least), "pod")
	}
	return ""
}

// IdleWords says why a workload without pods rests, where a scaler decides that; empty where none does.
func IdleWords(s *facts.Snapshot, workload facts.Ref) string {
	o := s.ScalerOf(workload)
	if o == nil {
		return ""
	}
	said := " by " + facts.RefOf(o.GetKind(), o).Words()
	switch active := facts.ConditionOf(o, "Active"); {
	case active.False():
		return said + ": its triggers aren't active"
	case active.True():
		return said + " although its trigger is active" // it has only just become so
	}
	return said + "; whether its triggers are active isn't known"
}
