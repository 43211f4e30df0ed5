package rules

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

var configAdvice = []Rule{
	{
		ID:     "config-changed",
		Family: "configuration",
		Class:  ClassConfig,
		Advice: true,
		Signal: "metadata.managedFields: the data of a ConfigMap or Secret was written after a container that takes variables from it started",
		Cause:  "environment variables are read once, when a container starts",
		Remedy: "restart the workload",
		Source: "managedFields[].time against containerStatuses[].state.running.startedAt",
		advise: configChanged,
	},
	{
		ID:     "empty-value",
		Family: "configuration",
		Class:  ClassConfig,
		Advice: true,
		Signal: "a variable from a key of a ConfigMap or Secret whose value is empty",
		Cause:  "a value that was never filled in",
		Remedy: "fill in the value",
		Source: "ConfigMap and Secret data",
		advise: emptyValues,
	},
}

func configChanged(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, w := range s.Workloads() {
		if !near.Has(w.Ref) || w.Ref.Kind == facts.KindJob {
			continue
		}
		if source, changed, p := staleIn(s, w); p != nil {
			hints = append(hints, Hint{
				Subject: w.Ref, Remedy: command(w, "restart", "Restart it to take up the change.").Text,
				Text: fmt.Sprintf(
					"Pods of %s started before %s was changed %s, and may still run with the old values",
					w.Ref.Name,
					source.Words(),
					facts.When(changed),
				),
				Shown: []facts.Evidence{
					{Object: source, Field: "metadata.managedFields", Quote: "data was written", At: facts.Moment(changed)},
					{Object: facts.RefOf(facts.KindPod, p), Field: "status.startTime", Quote: "started before that", At: facts.Moment(startOf(p))},
				},
			})
		}
	}
	return hints
}

func startOf(p *corev1.Pod) time.Time {
	if p.Status.StartTime != nil {
		return p.Status.StartTime.Time
	}
	return p.CreationTimestamp.Time
}

// staleIn finds the latest change that a running container of the workload has not seen.
func staleIn(s *facts.Snapshot, w *facts.Workload) (source facts.Ref, changed time.Time, at *corev1.Pod) {
	for _, p := range w.Pods {
		for i := range p.Spec.Containers {
			started := startedAt(p, p.Spec.Containers[i].Name)
			if started.IsZero() {
				continue
			}
			for _, ref := range facts.VariablesFrom(&p.Spec.Containers[i], p.Namespace) {
				if have := s.Contents(ref); have != nil && have.Changed.After(started) && have.Changed.After(changed) {
					source, changed, at = ref, have.Changed, p
				}
			}
		}
	}
	return source, changed, at
}

func startedAt(p *corev1.Pod, container string) time.Time {
	for i := range p.Status.ContainerStatuses {
		if status := &p.Status.ContainerStatuses[i]; status.Name == container && status.State.Running != nil {
			return status.State.Running.StartedAt.Time
		}
	}
	return time.Time{}
}

func emptyValues(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, w := range s.Workloads() {
		if !near.Has(w.Ref) || w.Template == nil || w.Ref.Kind == facts.KindJob {
			continue
		}
		for i := range w.Template.Spec.Containers {
			for _, env := range w.Template.Spec.Containers[i].Env {
				ref, key := facts.EnvSource(env, w.Ref.Namespace), envKey(env)
				if have := s.Contents(ref); have == nil || !slices.Contains(have.Empty, key) {
					continue
				}
				hints = append(hints, Hint{
					Subject: w.Ref, Remedy: fmt.Sprintf("Fill in key %s, or remove the variable.", key),
					Text:  fmt.Sprintf("Variable %s of %s is empty, because key %s of %s is", env.Name, w.Ref.Name, key, ref.Words()),
					Shown: []facts.Evidence{{Object: ref, Field: "data." + key, Quote: "empty"}},
				})
			}
		}
	}
	return hints
}

func envKey(env corev1.EnvVar) string {
	switch {
	case env.ValueFrom == nil:
	case env.ValueFrom.SecretKeyRef != nil:
		return env.ValueFrom.SecretKeyRef.Key
	case env.ValueFrom.ConfigMapKeyRef != nil:
		return env.ValueFrom.ConfigMapKeyRef.Key
	}
	return ""
}
