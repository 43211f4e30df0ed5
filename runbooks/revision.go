package runbooks

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var revisionArg = Arg{
	Name:    "revision",
	Kind:    IntArg,
	Min:     1,
	Max:     1 << 53,
	Bare:    true,
	Summary: "what this revision changed, and how it differs from what runs now",
}

// oneRevision shows what one revision runs, what it changed, and how it differs from what runs now. Values of variables are hidden as in
// a plan.
func (s workloadState) oneRevision(number int64) (algesta.Report, error) {
	at := slices.IndexFunc(s.revisions, func(r rollout.Revision) bool { return r.Number == number })
	if at < 0 {
		var known []string
		for i := range s.revisions {
			known = append(known, s.revisionCell(i).String())
		}
		hint := algesta.Say("It has no revisions at all.")
		if len(known) > 0 {
			hint = algesta.Say("The revisions are {}.", list(clipped(known)))
		}
		return algesta.Report{}, &algesta.Error{
			Kind: algesta.ErrUnknownName, Message: algesta.Say("{} has no revision {}.", subject(s.in), number), Hint: hint,
		}
	}
	r := s.revisions[at]
	made, _ := r.Began()
	title := algesta.Say("Revision {} of {} runs {}, {} {} ago", number, subject(s.in), algesta.Name(quote(rollout.Version(s.image(r)))),
		madeWord(r), span(s.in.Command.At.Sub(made)))
	if at == s.now {
		title = algesta.Say("{}; it runs now", title)
	}
	report := algesta.Report{Title: title}
	if r.Cause != "" {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{}", rollout.InQuotes(shorten(r.Cause, quoteBytes)))})
	}
	template, err := rollout.TypedTemplate(r.Template)
	if err != nil {
		return algesta.Report{}, fmt.Errorf("reading revision %d: %w", number, err)
	}
	report.Body = append(report.Body, algesta.Block{Fields: containerFields(rollout.MainContainer(template, s.in.Command.Target.Service))})
	if at+1 < len(s.revisions) {
		before := s.revisions[at+1]
		report.Body = append(report.Body, differing(
			algesta.Say(
				"What it changed, against revision {}:",
				before.Number,
			),
			algesta.Say("It runs the same pods as revision {}: a restart.", before.Number),
			rollout.Differences(before.Template, r.Template),
		)...)
	} else {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("What it changed isn't known: the revision before it isn't kept.")})
	}
	if at != s.now {
		report.Body = append(report.Body, differing(
			algesta.Say(
				"What going back to it would change now:",
			),
			algesta.Say("It runs the same pods as now."),
			rollout.Differences(s.d.Template(), r.Template),
		)...)
		report.Body = append(
			report.Body,
			algesta.Block{Text: algesta.Say("{}", command(s.in, "rollback", fmt.Sprintf("--to-revision=%d", number)))},
		)
	}
	return report, nil
}

// longestDiff is how much of a comparison is shown, in bytes.
const longestDiff = 2500

// differing are the blocks of a comparison: what differs, or the sentence that nothing does.
func differing(head, none algesta.Text, differences []rollout.Difference) []algesta.Block {
	if len(differences) == 0 {
		return []algesta.Block{{Text: none}}
	}
	return []algesta.Block{{Text: head}, {Pre: shorten(forms.String(rollout.Lines(differences)), longestDiff)}}
}

// containerFields are what a container runs with: names of variables, never their values.
func containerFields(c corev1.Container) []algesta.Field {
	var names []string
	for _, e := range c.Env {
		names = append(names, e.Name)
	}
	for _, from := range c.EnvFrom {
		switch {
		case from.ConfigMapRef != nil:
			names = append(names, "all of ConfigMap "+from.ConfigMapRef.Name)
		case from.SecretRef != nil:
			names = append(names, "all of Secret "+from.SecretRef.Name)
		}
	}
	fields := []algesta.Field{
		{Label: "image", Value: algesta.Say("{}", quote(rollout.ShortImage(c.Image)))},
		{Label: "variables", Value: orDash(quote(strings.Join(names, ", ")))},
		{Label: "requests", Value: orDash(quantities(c.Resources.Requests))},
		{Label: "limits", Value: orDash(quantities(c.Resources.Limits))},
	}
	for _, named := range []struct {
		label string
		probe *corev1.Probe
	}{{"readiness", c.ReadinessProbe}, {"liveness", c.LivenessProbe}, {"startup", c.StartupProbe}} {
		if named.probe != nil {
			fields = append(fields, algesta.Field{Label: named.label, Value: algesta.Say("{}", quote(probeWords(named.probe)))})
		}
	}
	return fields
}

// quantities are amounts as kubectl prints them: "cpu 250m, memory 512Mi".
func quantities(all corev1.ResourceList) string {
	var out []string
	for name, q := range all {
		out = append(out, string(name)+" "+q.String())
	}
	slices.Sort(out)
	return quote(strings.Join(out, ", "))
}

// probeWords is how a kubelet asks. Of a command only the program is shown.
func probeWords(p *corev1.Probe) string {
	how := "TCP"
	switch {
	case p.HTTPGet != nil:
		how = "GET " + orElse(p.HTTPGet.Path, "/") + " on " + p.HTTPGet.Port.String()
	case p.TCPSocket != nil:
		how = "TCP on " + p.TCPSocket.Port.String()
	case p.GRPC != nil:
		how = fmt.Sprintf("gRPC on %d", p.GRPC.Port)
	case p.Exec != nil && len(p.Exec.Command) > 0:
		how = "command " + p.Exec.Command[0]
	}
	return fmt.Sprintf(
		"%s, every %d s after %d s, %d failures",
		how,
		orNumber(p.PeriodSeconds, 10),
		p.InitialDelaySeconds,
		orNumber(p.FailureThreshold, 3),
	)
}
