package facts

import (
	"encoding/json"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/redact/podspec"
	"github.com/3astronautas/algesta/words"
)

// Redact removes from a text of the cluster what is none of the reader's business: secrets, and the arguments of commands
// that runtimes and kubelets quote whole.
func (s *Snapshot) Redact(text string) string {
	return s.redactor.String(podspec.OnlyExecutables(text))
}

// Hide removes what has the form of a secret from a text, and what the templates and pods of the snapshot spell out. What is left is clean:
// without invisible characters and terminal sequences.
func (s *Snapshot) Hide(text string) string { return s.redactor.String(text) }

// Brief makes text from the cluster fit for a sentence: redacted, then cut. In that order: nobody recognises half a secret.
func (s *Snapshot) Brief(text string, limit int) string {
	return words.ClipMiddle(s.Redact(text), limit)
}

// FirstSentence is the text up to its first full stop.
func (s *Snapshot) FirstSentence(text string) string {
	first, _, _ := strings.Cut(s.Redact(text), ". ")
	return words.ClipMiddle(strings.TrimSuffix(first, "."), 160)
}

// Executable is the program that the template itself says to run; empty when it says none, or none that can be separated from its
// arguments.
func (c *Container) Executable() string { return Program(c.Spec.Command, c.Spec.Args) }

// Program is the program of the first of these command lines that has a word; empty when there is none, or none that can be separated from
// its arguments, which are none of the reader's business.
func Program(commands ...[]string) string {
	for _, command := range commands {
		if len(command) == 0 {
			continue
		}
		fields := strings.Fields(command[0])
		if len(fields) > 0 && podspec.IsPath(fields[0]) && !strings.HasPrefix(fields[0], "-") {
			return fields[0]
		}
		return ""
	}
	return ""
}

// spelledOut are the secrets that the templates and pods of the snapshot spell out, those of before too.
func (s *Snapshot) spelledOut() [][]byte {
	var specs []*corev1.PodSpec
	for _, p := range s.pods {
		specs = append(specs, &p.Spec)
	}
	for _, w := range s.index.workloads {
		if w.Template != nil {
			specs = append(specs, &w.Template.Spec)
		}
	}
	for _, r := range s.replicaSets {
		specs = append(specs, &r.Spec.Template.Spec)
	}
	for _, c := range s.cronJobs {
		specs = append(specs, &c.Spec.JobTemplate.Spec.Template.Spec)
	}
	for _, o := range s.custom { // of an operator: a Rollout, a CloneSet
		specs = append(specs, podspec.In(o.Object)...)
	}
	specs = append(specs, s.kept...)
	return podspec.Secrets(specs...)
}

// keep notes the template that a StatefulSet or a DaemonSet had in a revision. Another controller may keep something else in one.
func (s *Snapshot) keep(r *appsv1.ControllerRevision) {
	var kept map[string]any
	if json.Unmarshal(r.Data.Raw, &kept) == nil {
		s.kept = append(s.kept, podspec.In(kept)...)
	}
}
