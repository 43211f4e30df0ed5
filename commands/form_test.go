package commands_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
)

// field is a field of a form.
func field(t *testing.T, f algesta.Form, name string) algesta.Input {
	t.Helper()
	for _, in := range f.Fields {
		if in.Name == name {
			return in
		}
	}
	require.FailNow(t, "the form has no field "+name, fmt.Sprint(f.Fields))
	return algesta.Input{}
}

// names are the names of a form's fields, and choices the values of one.
func names(f algesta.Form) (out []string) {
	for _, in := range f.Fields {
		out = append(out, in.Name)
	}
	return out
}

func choices(t *testing.T, f algesta.Form, name string) (out []string) {
	t.Helper()
	for _, c := range field(t, f, name).Choices {
		out = append(out, c.Value)
	}
	return out
}

func TestACommandWithSomethingMissingWantsAForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for text, want := range map[string]bool{
		"": true, "  ": true, "rollback": true, "restart api-gateway": true, "scale api-gateway production": true, "logs": true, "undo": true,
		"reiniciar": true, "rollback -n production": true,
		"help": false, "whoami": false, "rollback --help": false, "rolback": false, "restart api-gateway production": false,
		"c-7f3a9k2mq4x8": false,
		"scale api-gateway production replicas=many": false, "restart api-gatewy production": false, `restart api-gateway --reason "x`: false,
	} {
		in := w.invocation(luis)
		in.Text = text
		require.Equal(t, want, w.dispatcher.Wants(t.Context(), in), text)
	}
	in := w.invocation(luis)
	in.Kind = algesta.Mentioned
	require.False(t, w.dispatcher.Wants(t.Context(), in), "a mention brings no trigger")
}

func TestAFormOffersWhatThePersonMayDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.dispatcher.Form(t.Context(), w.invocation(luis), nil)
	require.Equal(t, []string{"command"}, names(f))
	got := choices(t, f, "command")
	require.Contains(t, got, "restart")
	require.Contains(t, got, "status")
	require.Contains(t, got, "undo")
	require.NotContains(t, got, "deploy", "no rule lets Luis deploy")

	f = w.dispatcher.Form(t.Context(), w.invocation(luis), map[string]string{"command": "scale"})
	require.Equal(t, []string{"production"}, choices(t, f, "environment"), "staging is not among them")
	require.Equal(t, "production", field(t, f, "environment").Value, "the only one is chosen")

	f = w.dispatcher.Form(t.Context(), w.invocation(nico), nil)
	require.Empty(t, f.Fields)
	require.Equal(t, "No policy rule lets you use a command. Ask the people who write the policy.", f.Intro[0].String())

	f = w.dispatcher.Form(t.Context(), w.invocation(luis), map[string]string{"command": "deploy"})
	require.Equal(t, "No policy rule lets you use deploy.", f.Intro[0].String())
	w.people.set(func(d *fakeDirectory) { d.down = true })
	f = w.dispatcher.Form(t.Context(), w.invocation(marta), nil)
	require.Empty(t, f.Fields, "who can't be identified is asked nothing")
	require.Contains(t, f.Intro[0].String(), "I couldn't look you up in Slack")
}

func TestAFormIsFilledInWithWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.invocation(luis)
	in.Text = "scale api-gateway"
	f := w.dispatcher.Form(t.Context(), in, nil)
	require.Equal(t, "Scale", f.Title)
	require.Equal(t, []string{"command", "environment", "service", "arg.replicas", "reason"}, names(f))
	require.Equal(t, "4", field(t, f, "arg.replicas").Value)
	require.Contains(t, field(t, f, "arg.replicas").Hint, "Now: 4 pods.")
	require.Equal(t, "It waits for 1 approval from @platform or Carla.", f.Intro[0].String())
	require.Equal(t, "Ask for it", f.Send)

	w.cluster.set(func(c *fakeCluster) {
		c.unreadable = &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("aks has 10.0.0.1")}
	})
	f = w.dispatcher.Form(t.Context(), in, nil)
	require.Equal(t, "Couldn't check what's there now (the cluster doesn't answer).", f.Intro[0].String())
	require.Empty(t, field(t, f, "arg.replicas").Value, "it's typed then")
}

// What is known only once an incident or a request is chosen, such as who has to agree, a form says nothing of.
func TestAFormSaysNothingOfAnApprovalBeforeThePlaceIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.NewReplacer("[read, restart, scale]", "[read, change]", "role: operator, namespaces: [production]",
		`role: operator, namespaces: ["*"]`).Replace(rules))
	for _, command := range []string{"snooze", "undo"} {
		in := w.invocation(luis)
		in.Text = command
		f := w.dispatcher.Form(t.Context(), in, nil)
		require.NotEqual(t, "Run it", f.Send, command)
		for _, said := range f.Intro {
			require.NotContains(t, said.String(), "No approval is needed", command)
		}
	}
}

// A StatefulSet is no service, and a command that takes one offers it beside them.
func TestAFormOffersWhatIsNoServiceToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Makers = func(string, string) []algesta.Object {
		return []algesta.Object{{Kind: "DaemonSet", Name: "promtail"}, {Kind: "Job", Name: "nightly"}, {Kind: "StatefulSet", Name: "loki"}}
	}
	f := w.dispatcher.Form(t.Context(), w.invocation(luis), map[string]string{"command": "restart", "environment": "production"})
	require.Equal(t, []string{"api-gateway", "daemonset/promtail", "statefulset/loki"}, choices(t, f, "service"))
	f = w.dispatcher.Form(t.Context(), w.invocation(luis), map[string]string{"command": "capacity", "environment": "production"})
	require.NotContains(t, choices(t, f, "service"), "statefulset/loki", "it takes no StatefulSet")

	in := w.invocation(luis)
	in.Text = "restart statefulset/loki production"
	f = w.dispatcher.Form(t.Context(), in, nil)
	require.Equal(t, "statefulset/loki", field(t, f, "service").Value)
	sent, problems := w.sendsForm(
		luis, "restart", map[string]string{"command": "restart", "environment": "production", "service": "statefulset/loki"},
	)
	require.Empty(t, problems)
	require.Equal(t, "restart statefulset/loki production", sent.Text)
	_, problems = w.sendsForm(
		luis, "capacity", map[string]string{"command": "capacity", "environment": "production", "service": "statefulset/loki"},
	)
	require.NotEmpty(t, problems)
}

// sends has somebody send a form that was opened by what they typed.
func (w *world) sendsForm(by algesta.Actor, text string, values map[string]string) (algesta.Invocation, map[string]string) {
	w.t.Helper()
	in := w.invocation(by)
	in.Text = text
	s := w.dispatcher.Submit(w.t.Context(), in, values)
	said := map[string]string{}
	for name, problem := range s.Problems {
		said[name] = problem.String()
	}
	if s.Again {
		said["again"] = ""
	}
	if s.Invocation == nil {
		return algesta.Invocation{}, said
	}
	return *s.Invocation, said
}

func TestAFormThatIsSentIsTheCommandAsTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	values := map[string]string{
		"command": "scale", "environment": "production", "service": "api-gateway", "arg.replicas": "6", "reason": `Black Friday, it's "slow"!`,
	}
	in, problems := w.sendsForm(luis, "", values)
	require.Empty(t, problems)
	w.handle(in)
	r := w.request(algesta.Pending)
	require.Equal(t, algesta.Args{"replicas": int64(6)}, r.Command.Args)
	require.Equal(t, `Black Friday, it's "slow"!`, r.Command.Reason)
	require.Equal(t, "api-gateway", r.Command.Target.Service)
	require.Equal(t, 0, w.cluster.writes(), "it waits for approval as a typed one does")

	again, problems := w.sendsForm(luis, "", values) // another form that says the same
	require.Empty(t, problems)
	w.handle(again)
	require.Len(t, w.said(algesta.CardPost), 1, "the same is asked for once")
	fresh, err := w.store.Receive(t.Context(), in)
	require.NoError(t, err)
	require.False(t, fresh, "and one form is one command")
}

func TestWhatIsWrongIsSaidInTheForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by     algesta.Actor
		text   string
		values map[string]string
		want   map[string]string
		before func(w *world)
	}{
		"a number out of bounds": {
			by: luis, values: map[string]string{"command": "scale", "environment": "production", "service": "api-gateway", "arg.replicas": "900"},
			want: map[string]string{"arg.replicas": "replicas must be a number from 0 to 500, not \"900\"."},
		},
		"a service that is gone": {
			by: luis, values: map[string]string{"command": "restart", "environment": "production", "service": "ms-gone"},
			want: map[string]string{"service": "The Deployment of ms-gone in production is gone (seen until 14:03 UTC)."},
		},
		"a service that never was": {
			by: luis, values: map[string]string{"command": "restart", "environment": "production", "service": "ms-never"},
			want: map[string]string{"service": "There's no service \"ms-never\" in production."},
		},
		"a right that was withdrawn meanwhile": {
			by: luis, values: map[string]string{"command": "restart", "environment": "production", "service": "api-gateway"},
			before: func(w *world) {
				w.people.set(func(d *fakeDirectory) { d.people["U0LUIS"] = person("U0LUIS", "Luis") })
			},
			want: map[string]string{"command": "You can't restart in production: no policy rule names you or a group that you're in."},
		},
		"nothing chosen": {by: luis, values: map[string]string{}, want: map[string]string{"again": ""}},
		"no service": {
			by: luis, values: map[string]string{"command": "restart", "environment": "production"}, want: map[string]string{"again": ""},
		},
		"a change whose service was typed before the form opened, so that it hasn't shown what it does": {
			by: luis, text: "restart api-gateway", values: map[string]string{"command": "restart", "environment": "production"},
			want: map[string]string{"again": ""},
		},
		"a change of an object of which the same is true": {
			by: luis, text: "pod delete api-gateway-production-76794f4cdb-f6plm", values: map[string]string{"environment": "production"},
			want: map[string]string{"again": ""},
		},
		"neither a service nor an object": {
			by: luis, values: map[string]string{"command": "logs", "environment": "production", "service": "", "object": ""},
			want: map[string]string{"service": "Choose a service, or name an object."},
		},
		"no number": {
			by: luis, values: map[string]string{"command": "scale", "environment": "production", "service": "api-gateway"},
			want: map[string]string{"again": ""},
		},
		"two things at once": {
			by: luis, values: map[string]string{"command": "diagnose", "environment": "production", "service": "api-gateway", "object": "pod/x"},
			want: map[string]string{"object": "Name one thing: a service, an object or a host."},
		},
		"what was typed, emptied in the form": {
			by: luis, text: "scale api-gateway production 6",
			values: map[string]string{"command": "scale", "environment": "production", "service": ""},
			want:   map[string]string{"service": "Choose a service."},
		},
		"neither a host nor an environment": {
			by: luis, values: map[string]string{"command": "probe", "environment": "", "host": ""},
			want: map[string]string{"host": "Name a host, or choose an environment."},
		},
		"a channel without the bot": {
			by: luis, values: map[string]string{
				"command": "restart", "environment": "production", "service": "api-gateway", "channel": "C0RANDOM",
			},
			before: func(w *world) { w.people.set(func(d *fakeDirectory) { d.away = true }) },
			want:   map[string]string{"channel": "I'm not in #ops, so I can't post a thread here."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.before != nil {
				c.before(w)
			}
			_, problems := w.sendsForm(c.by, c.text, c.values)
			require.Equal(t, c.want, problems)
			require.Empty(t, w.posts())
		})
	}
}

// Every command that there is has a form, and what its form says is read as that command: nobody has to type an option on a phone.
func TestEveryCommandHasAForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(`
apiVersion: algesta.io/v1
kind: Policy
roles: [{name: all, allow: [read, change]}]
bindings: [{name: all, subjects: ["user:U0LUIS"], role: all, namespaces: ["*"]}]
`)
	for _, c := range choicesOf(w.dispatcher.Form(t.Context(), w.invocation(luis), nil)) {
		t.Run(c, func(t *testing.T) {
			values := map[string]string{"command": c}
			var f algesta.Form
			for range 3 { // command, environment, service
				f = w.dispatcher.Form(t.Context(), w.invocation(luis), values)
				for _, in := range f.Fields {
					switch {
					case in.Value != "":
						values[in.Name] = in.Value
					case values[in.Name] != "" || in.Optional && in.Name != "service" && (in.Name != "object" || c != "cert check") &&
						(in.Name != "environment" || c != "probe"):
					case len(in.Choices) > 0:
						values[in.Name] = in.Choices[0].Value
					case in.Kind == algesta.NumberInput:
						values[in.Name] = fmt.Sprint(max(1, in.Min))
					case in.Name == "service":
						values[in.Name] = "api-gateway"
					case in.Name == "object":
						values[in.Name] = "x"
					case in.Name == "host":
						values[in.Name] = "api.example.com"
					default:
						values[in.Name] = "12345"
					}
				}
			}
			require.LessOrEqual(t, len(f.Title), 24)
			if c == "diagnose" || c == "logs" {
				require.Contains(t, names(f), "object", "a pod may be named, too")
			}
			s := w.dispatcher.Submit(t.Context(), w.invocation(luis), values)
			if c == "undo" {
				require.Contains(t, s.Problems["service"].String(), "there is nothing to undo")
				return
			}
			require.NotNil(t, s.Invocation, "%v %v", values, s.Problems)
			require.False(t, w.dispatcher.Wants(t.Context(), *s.Invocation), s.Invocation.Text)
		})
	}
}

func choicesOf(f algesta.Form) (out []string) {
	for _, c := range f.Fields[0].Choices {
		out = append(out, c.Value)
	}
	return out
}

// What a form said is in the inbox before it's acknowledged: a process that is killed then leaves it to the next one, which carries it out
// once, whatever Slack delivers again.
func TestAFormLeftInTheInboxIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in, problems := w.sendsForm(luis, "", map[string]string{"command": "restart", "environment": "production", "service": "api-gateway"})
	require.Empty(t, problems)
	in.Key = "form:V1"
	fresh, err := w.store.Receive(t.Context(), in)
	require.NoError(t, err)
	require.True(t, fresh)
	require.Equal(t, 1, w.unanswered(), "the process ends here")
	w.dispatcher.Handle(t.Context(), in) // as the next start does with what it finds
	w.request(algesta.Pending)
	w.dispatcher.Handle(t.Context(), in)
	require.Len(t, w.said(algesta.CardPost), 1)
	require.Zero(t, w.unanswered())
	fresh, err = w.store.Receive(t.Context(), in)
	require.NoError(t, err)
	require.False(t, fresh)
}

// A field that holds words of the command language says no other command than the form does.
func TestAFieldOfAFormIsNoCommandLine(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]map[string]string{
		"a switch":      {"command": "pod delete", "environment": "production", "object": "x-1 --for-good"},
		"a reason":      {"command": "pod delete", "environment": "production", "object": "x-1 because "},
		"an argument":   {"command": "hpa set", "environment": "production", "object": "hpa/x --min=1", "arg.max": "3"},
		"another place": {"command": "pod delete", "environment": "production", "object": "x-1 -n staging because"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := w.dispatcher.Submit(t.Context(), w.invocation(luis), values)
			require.Nil(t, s.Invocation)
			require.NotEmpty(t, s.Problems)
		})
	}
	w := newWorld(t)
	parser := grammar.NewParser("algesta", runbooks.All())
	s := w.dispatcher.Submit(t.Context(), w.invocation(luis), map[string]string{
		"command": "restart", "environment": "production", "service": "api-gateway", "reason": "it hangs; \"again\" -- really?",
	})
	require.Empty(t, s.Problems)
	read, err := parser.Parse(s.Invocation.Text)
	require.NoError(t, err)
	require.Equal(t, `it hangs; "again" -- really?`, read.Reason)
}
