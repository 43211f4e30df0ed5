package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/words"
)

var configAdvice = []Rule{
	{
		ID: "config-changed", Family: "configuration", Class: ClassConfig, Advice: true,
		Signal: "metadata.managedFields: the data of a ConfigMap or Secret was written after a container that takes variables from it started", Cause: "environment variables are read once, when a container starts",
		Remedy: "restart the workload", Source: "managedFields[].time against containerStatuses[].state.running.startedAt", advise: configChanged,
	},
	{
		ID: "empty-value", Family: "configuration", Class: ClassConfig, Advice: true,
		Signal: "a variable from a key of a ConfigMap or Secret whose value is empty", Cause: "a value that was never filled in", Remedy: "fill in the value", Source: "ConfigMap and Secret data", advise: emptyValues,
	},
}

var writesData = regexp.MustCompile(`"f:(?:data|binaryData|stringData)"`)

// dataChanged is when the data of a ConfigMap or Secret was last written; zero when that is not known, as in what kubectl
// prints without --show-managed-fields.
func dataChanged(o metav1.Object) time.Time {
	var changed time.Time
	for _, m := range o.GetManagedFields() {
		if m.Time != nil && m.FieldsV1 != nil && writesData.Match(m.FieldsV1.GetRawBytes()) {
			changed = latest(changed, m.Time.Time)
		}
	}
	return changed
}

// variablesFrom lists the ConfigMaps and Secrets that a container takes variables from.
func variablesFrom(c *corev1.Container, namespace string) []Ref {
	var refs []Ref
	for _, env := range c.Env {
		if ref := envSource(env, namespace); ref != (Ref{}) && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	for _, from := range c.EnvFrom {
		switch {
		case from.SecretRef != nil:
			refs = append(refs, Ref{KindSecret, namespace, from.SecretRef.Name})
		case from.ConfigMapRef != nil:
			refs = append(refs, Ref{KindConfigMap, namespace, from.ConfigMapRef.Name})
		}
	}
	return refs
}

func configChanged(s *Snapshot, near surroundings) []hint {
	var hints []hint
	for _, w := range s.index.workloads {
		if !near.has(w.ref) || w.ref.Kind == KindJob {
			continue
		}
		if source, changed, p := s.staleIn(w); p != nil {
			hints = append(hints, hint{
				subject: w.ref, remedy: w.command("restart", "Restart it to take up the change.").Text,
				text:  fmt.Sprintf("Pods of %s started before %s was changed %s ago, and may still run with the old values", w.ref.Name, source.words(), words.Span(s.age(changed))),
				shown: []Evidence{{Object: source, Field: "metadata.managedFields", Quote: "data was written", At: moment(changed)}, {Object: refOf(KindPod, p), Field: "status.startTime", Quote: "started before that", At: moment(startOf(p))}},
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
func (s *Snapshot) staleIn(w *workload) (source Ref, changed time.Time, at *corev1.Pod) {
	for _, p := range w.pods {
		for i := range p.Spec.Containers {
			started := startedAt(p, p.Spec.Containers[i].Name)
			if started.IsZero() {
				continue
			}
			for _, ref := range variablesFrom(&p.Spec.Containers[i], p.Namespace) {
				if have := s.keysOf[ref]; have != nil && have.changed.After(started) && have.changed.After(changed) {
					source, changed, at = ref, have.changed, p
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

// configBefore is the latest change, within a day before the trouble began, of what a workload takes variables or files
// from.
func (s *Snapshot) configBefore(w *workload, since time.Time) (source Ref, changed time.Time) {
	if w.template == nil {
		return Ref{}, time.Time{}
	}
	if since.IsZero() {
		since = s.now
	}
	var used []Ref
	for i := range w.template.Spec.Containers {
		used = append(used, variablesFrom(&w.template.Spec.Containers[i], w.ref.Namespace)...)
	}
	for _, v := range w.template.Spec.Volumes {
		if ref, _ := volumeSource(v, w.ref.Namespace); ref != (Ref{}) {
			used = append(used, ref)
		}
	}
	for _, ref := range used {
		have := s.keysOf[ref]
		if have == nil || have.changed.IsZero() || have.changed.After(since.Add(slack)) || since.Sub(have.changed) > 24*time.Hour {
			continue
		}
		if have.changed.After(changed) {
			source, changed = ref, have.changed
		}
	}
	return source, changed
}

func emptyValues(s *Snapshot, near surroundings) []hint {
	var hints []hint
	for _, w := range s.index.workloads {
		if !near.has(w.ref) || w.template == nil || w.ref.Kind == KindJob {
			continue
		}
		for i := range w.template.Spec.Containers {
			for _, env := range w.template.Spec.Containers[i].Env {
				ref, key := envSource(env, w.ref.Namespace), envKey(env)
				if have := s.keysOf[ref]; have == nil || !slices.Contains(have.empty, key) {
					continue
				}
				hints = append(hints, hint{
					subject: w.ref, remedy: fmt.Sprintf("Fill in key %s, or remove the variable.", key),
					text:  fmt.Sprintf("Variable %s of %s is empty, because key %s of %s is", env.Name, w.ref.Name, key, ref.words()),
					shown: []Evidence{{Object: ref, Field: "data." + key, Quote: "empty"}},
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
