package slack

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// answersOf are a form's answers: a command, then a service of it, then a number.
type answersOf struct {
	made   atomic.Int64
	submit func(in algesta.Invocation, values map[string]string) commands.Submission
	slow   chan struct{} // when set, a form waits for it
	secret string
	named  func(in algesta.Invocation, said string) (string, bool)

	home    func(in algesta.Invocation) []algesta.Report
	homes   atomic.Int64
	changes chan struct{}
}

func (a *answersOf) Wants(_ context.Context, in algesta.Invocation) bool {
	return in.Text == "" || in.Text == "scale"
}

func (a *answersOf) Changes() <-chan struct{} { return a.changes }

func (a *answersOf) Home(_ context.Context, in algesta.Invocation) []algesta.Report {
	a.homes.Add(1)
	if a.home != nil {
		return a.home(in)
	}
	return nil
}

func (a *answersOf) Form(ctx context.Context, in algesta.Invocation, values map[string]string) algesta.Form {
	a.made.Add(1)
	if a.slow != nil {
		select {
		case <-a.slow:
		case <-ctx.Done():
		}
	}
	f := algesta.Form{Title: "Run a command", Send: "Next", Intro: []algesta.Text{algesta.Say("Hello <!channel> {}", a.secret)}}
	f.Fields = []algesta.Input{{
		Name: "command", Label: "Command", Kind: algesta.ChooseInput, Again: true, Value: first(values["command"], in.Text),
		Choices: []algesta.Choice{
			{Value: "scale", Label: "scale", Detail: "Change how many pods run " + a.secret}, {Value: "restart", Label: "restart"},
		},
	}}
	if command := first(values["command"], in.Text); command != "" {
		f.Send = "Ask for it"
		f.Fields = append(f.Fields,
			algesta.Input{
				Name: "arg.replicas", Label: "Replicas", Kind: algesta.NumberInput, Value: "4", Max: 50, Of: command, Hint: "Now: 4 pods.",
			},
			algesta.Input{Name: "reason", Label: "Reason", Kind: algesta.TextInput, Max: 500, Optional: true},
			algesta.Input{Name: "arg.force", Label: "Force", Kind: algesta.SwitchInput})
	}
	return f
}

func (a *answersOf) Submit(_ context.Context, in algesta.Invocation, values map[string]string) commands.Submission {
	if a.submit != nil {
		return a.submit(in, values)
	}
	if values["arg.replicas"] == "" {
		return commands.Submission{Again: true}
	}
	in.Text = fmt.Sprintf("scale replicas=%s reason=%s force=%s", values["arg.replicas"], values["reason"], values["arg.force"])
	return commands.Submission{Invocation: &in}
}

func startForms(t *testing.T, a *answersOf, opts slackd.Options) running {
	t.Helper()
	r := start(t, opts, func(s *Slack) { s.SetForms(a) })
	r.sockets(t, 2)
	return r
}
