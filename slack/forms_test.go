package slack

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// modal is the form that Luis has open, once it asks for this.
func (r running) modal(t *testing.T, label string) slackd.View {
	t.Helper()
	var v slackd.View
	r.until(t, "a form with "+label, func() bool {
		for _, v = range r.server.Views("U0LUIS") {
			if _, ok := v.Input(label); ok {
				return true
			}
		}
		return false
	})
	return v
}

// input fills the field with this label.
func input(t *testing.T, v slackd.View, label, value string) slackd.Input {
	t.Helper()
	in, ok := v.Input(label)
	require.True(t, ok, label)
	in.Value = value
	return in
}

func TestAFormIsOpenedFilledInAndSentAsIfTyped(t *testing.T) {
	t.Parallel()
	r := startForms(t, &answersOf{}, slackd.Options{})
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta")
	require.NoError(t, err)
	v := r.modal(t, "Command")
	require.Equal(t, "Run a command", v.Title)
	_, err = r.server.Choose("U0LUIS", v.ID, input(t, v, "Command", "scale"))
	require.NoError(t, err)
	v = r.modal(t, "Replicas")
	require.Equal(t, "Ask for it", v.Submit)
	problems, err := r.server.Submit(
		"U0LUIS", v.ID, input(t, v, "Replicas", "6"), input(t, v, "Reason", "it's slow"), input(t, v, "Force", "yes"),
	)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Empty(t, r.server.Views("U0LUIS"), "it closes")
	in := r.box.next(t)
	require.Equal(t, algesta.Typed, in.Kind)
	require.Equal(t, "scale replicas=6 reason=it's slow force=yes", in.Text)
	require.Equal(t, "C0OPS", in.Channel)
	require.Equal(t, "U0LUIS", in.Person.User)
	require.NotEmpty(t, in.Reply, "where only they see the answer")
	require.Equal(t, "form:"+v.ID, in.Key)
}

// Slack delivers what was sent again when an acknowledgement was lost: it has the key of the first, so the inbox keeps it once.
func TestAFormThatIsSentTwiceIsOneCommand(t *testing.T) {
	t.Parallel()
	a := &answersOf{}
	r := startForms(t, a, slackd.Options{})
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta scale")
	require.NoError(t, err)
	v := r.modal(t, "Replicas")
	r.box.mu.Lock()
	r.box.refuse = context.DeadlineExceeded // the first isn't stored, so it isn't acknowledged, and the form stays
	r.box.mu.Unlock()
	_, err = r.server.Submit("U0LUIS", v.ID)
	require.Error(t, err)
	require.Len(t, r.server.Views("U0LUIS"), 1)
	r.box.mu.Lock()
	r.box.refuse = nil
	r.box.mu.Unlock()
	_, err = r.server.Submit("U0LUIS", v.ID)
	require.NoError(t, err)
	one := r.box.next(t)
	all := r.server.Deliveries()
	_, err = r.server.Redeliver(all[len(all)-1].EnvelopeID) // the same again
	require.NoError(t, err)
	r.stats(t, func(s Stats) bool { return s.Repeated == 1 })
	require.Equal(t, "form:"+v.ID, one.Key)
	r.box.mu.Lock()
	defer r.box.mu.Unlock()
	require.Len(t, r.box.received, 1)
}

func TestAFormSaysWhatIsWrongInItsField(t *testing.T) {
	t.Parallel()
	secret := "ghp_" + strings.Repeat("aB3d", 9)
	a := &answersOf{submit: func(algesta.Invocation, map[string]string) commands.Submission {
		return commands.Submission{Problems: map[string]algesta.Text{
			"arg.replicas": algesta.Say("At most 10 pods. <!channel> {}", secret), "gone": algesta.Say("The Deployment is gone."),
		}}
	}}
	r := startForms(t, a, slackd.Options{})
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta scale")
	require.NoError(t, err)
	v := r.modal(t, "Replicas")
	problems, err := r.server.Submit("U0LUIS", v.ID)
	require.NoError(t, err)
	said := fmt.Sprint(problems)
	require.Contains(t, said, "At most 10 pods.")
	require.Contains(t, said, "The Deployment is gone.", "what has no field of its own is said at the first")
	require.NotContains(t, said, secret)
	require.Len(t, r.server.Views("U0LUIS"), 1, "it stays open")
	require.Zero(t, r.Stats().Received)
}

func TestAFormThatAsksMoreIsShownInstead(t *testing.T) {
	t.Parallel()
	r := startForms(t, &answersOf{}, slackd.Options{})
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta")
	require.NoError(t, err)
	v := r.modal(t, "Command")
	_, err = r.server.Submit("U0LUIS", v.ID, input(t, v, "Command", "scale")) // its choice was never reported
	require.NoError(t, err)
	v = r.modal(t, "Replicas")
	_, err = r.server.Submit("U0LUIS", v.ID)
	require.NoError(t, err)
	require.Equal(t, "scale replicas=4 reason= force=", r.box.next(t).Text)
}

// A trigger lives three seconds: the modal opens before anything is looked up, and the form comes later.
func TestAFormOpensBeforeItIsMade(t *testing.T) {
	t.Parallel()
	a := &answersOf{slow: make(chan struct{})}
	r := startForms(t, a, slackd.Options{})
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta scale")
	require.NoError(t, err)
	r.until(t, "the loading view", func() bool { return len(r.server.Views("U0LUIS")) == 1 })
	require.Contains(t, r.server.Views("U0LUIS")[0].Plain(), "Loading… If this takes long, close it and type the command.")
	close(a.slow)
	r.modal(t, "Replicas")
}

// Where the modal doesn't open, what was typed is answered as it always was.
func TestACommandWhoseFormDoesNotOpenIsAnsweredAsTyped(t *testing.T) {
	t.Parallel()
	r := startForms(t, &answersOf{}, slackd.Options{TriggerLife: time.Nanosecond})
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta scale")
	require.NoError(t, err)
	require.Equal(t, "scale", r.box.next(t).Text)
	require.Empty(t, r.server.Views("U0LUIS"))
}

// A form that was closed while it was made is no error, and nothing is opened again.
func TestAFormThatWasClosedStaysClosed(t *testing.T) {
	t.Parallel()
	a := &answersOf{slow: make(chan struct{})}
	r := startForms(t, a, slackd.Options{})
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta scale")
	require.NoError(t, err)
	r.until(t, "the loading view", func() bool { return len(r.server.Views("U0LUIS")) == 1 })
	require.NoError(t, r.server.CloseView("U0LUIS", r.server.Views("U0LUIS")[0].ID))
	close(a.slow)
	r.until(t, "the update was refused", func() bool { return len(r.server.Calls("views.update")) == 1 })
	require.Empty(t, r.server.Views("U0LUIS"))
	require.Equal(t, int64(0), r.Stats().Received)
}

func TestAFormShowsNoSecretAndNoMarkup(t *testing.T) {
	t.Parallel()
	secret := "ghp_" + strings.Repeat("aB3d", 9)
	r := startForms(t, &answersOf{secret: secret}, slackd.Options{})
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta scale")
	require.NoError(t, err)
	v := r.modal(t, "Replicas")
	require.NotContains(t, fmt.Sprint(v.Blocks), secret)
	require.NotContains(t, fmt.Sprint(v.Blocks), "mrkdwn", "nothing in it is read as markup or as a mention")
}

// A button that opens a form carries what is known of the command, and needs no command to be typed.
func TestAButtonOpensAForm(t *testing.T) {
	t.Parallel()
	r := startForms(t, &answersOf{}, slackd.Options{})
	card := say("Which service do you mean?")
	card.Buttons = []algesta.Button{{Label: "Fill in a form", Action: algesta.Fill, ID: "scale"}}
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: card})
	m, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("Which service"))
	require.NoError(t, err)
	_, err = r.server.Click("U0LUIS", m, "fill")
	require.NoError(t, err)
	v := r.modal(t, "Replicas")
	_, err = r.server.Submit("U0LUIS", v.ID)
	require.NoError(t, err)
	in := r.box.next(t)
	require.Equal(t, "C0OPS", in.Channel)
	require.Equal(t, m.TS, in.Thread, "the answer goes where the button is")
}

// Whatever a form holds, Slack takes it.
func TestEveryFormIsWithinSlacksLimits(t *testing.T) {
	t.Parallel()
	r := startForms(t, &answersOf{}, slackd.Options{Limits: slackd.Limits{Off: true}})
	long := strings.Repeat("é", 4000)
	var many []algesta.Choice
	for i := range 300 {
		many = append(many, algesta.Choice{Value: fmt.Sprintf("%d%s", i, strings.Repeat("x", i)), Label: long, Detail: long})
	}
	kinds := []algesta.InputKind{algesta.ChooseInput, algesta.TextInput, algesta.NumberInput, algesta.SwitchInput, algesta.ChannelInput, "?"}
	f := algesta.Form{Title: long, Send: long}
	for i := range 150 {
		f.Intro = append(f.Intro, algesta.Say(long))
		f.Fields = append(f.Fields, algesta.Input{
			Name: fmt.Sprint("f", i), Label: long, Hint: long, Of: long, Value: long, Max: 1 << 40, Min: -5,
			Kind:    kinds[i%len(kinds)],
			Choices: many[:min(300, i*3)],
		})
	}
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta")
	require.NoError(t, err)
	v := r.modal(t, "Command")
	place := formPlace{Channel: "C0OPS", Text: strings.Repeat("x", 1000), Reply: "https://" + strings.Repeat("y", 2500)}
	_, err = r.listener.callView(t.Context(), "views.update", formView(f, place, nil), map[string][]string{"view_id": {v.ID}})
	require.NoError(t, err)
	_, err = r.listener.callView(t.Context(), "views.update", formView(algesta.Form{}, place, nil), map[string][]string{"view_id": {v.ID}})
	require.NoError(t, err, "an empty one too")
}

func homeOf(text string) func(algesta.Invocation) []algesta.Report {
	return func(algesta.Invocation) []algesta.Report {
		waits := say(text)
		waits.Buttons = []algesta.Button{
			{
				Label: "Approve", Action: algesta.Approve, ID: "c-1",
				Confirm: &algesta.Confirm{Title: "Approve this change?", Text: "It runs at once."},
			},
			{Label: "Deny", Action: algesta.Deny, ID: "c-1", AskReason: true},
		}
		rows := [][]algesta.Text{{algesta.Say("a"), algesta.Say("b")}}
		waits.Body = []algesta.Block{{Table: &algesta.Table{Head: []string{"image", "x"}, Rows: rows}}} // Slack may take one
		start := say("Ask for what you need.")
		start.Buttons = []algesta.Button{{Label: "Run a command", Action: algesta.Fill, ID: "help"}}
		return []algesta.Report{start, waits, waits}
	}
}

func TestTheHomeTabIsPublishedAndItsButtonsActAsThoseOfAMessage(t *testing.T) {
	t.Parallel()
	secret := "ghp_" + strings.Repeat("aB3d", 9)
	a := &answersOf{home: homeOf("1 request waits <!channel> " + secret), changes: make(chan struct{}, 1)}
	r := startForms(t, a, slackd.Options{})
	require.NoError(t, r.server.OpenHome("U0CARLA"))
	r.until(t, "the Home tab", func() bool { _, there := r.server.Home("U0CARLA"); return there })
	home, _ := r.server.Home("U0CARLA")
	require.Contains(t, home.Plain(), "1 request waits")
	require.NotContains(t, fmt.Sprint(home.Blocks), secret)
	require.NotContains(t, fmt.Sprint(home.Blocks), "mrkdwn")

	_, err := r.server.ClickHome("U0CARLA", "", "Approve")
	require.NoError(t, err)
	in := r.box.next(t)
	require.Equal(t, &algesta.Vote{Action: algesta.Approve, ID: "c-1"}, in.Vote)
	require.Equal(t, r.server.BotDM("U0CARLA"), in.Channel, "the answer stands in their direct messages")
	require.True(t, in.Direct)
	require.Equal(t, "Approve this change?", home.Buttons()[1].Confirm.Title)

	_, err = r.server.ClickHome("U0CARLA", "", "Deny")
	require.NoError(t, err)
	r.until(t, "the dialog for a reason", func() bool { return len(r.server.Views("U0CARLA")) == 1 })
	dialog := r.server.Views("U0CARLA")[0]
	_, err = r.server.Submit("U0CARLA", dialog.ID, slackd.Input{BlockID: reasonBlock, ActionID: reasonInput, Value: "not today"})
	require.NoError(t, err)
	require.Equal(t, &algesta.Vote{Action: algesta.Deny, ID: "c-1", Reason: "not today"}, r.box.next(t).Vote)

	_, err = r.server.ClickHome("U0CARLA", "", "Run a command")
	require.NoError(t, err)
	r.until(t, "a form", func() bool { return len(r.server.Views("U0CARLA")) == 1 })
}

func TestAnOpenHomeTabIsPublishedAgainWhenSomethingChanged(t *testing.T) {
	t.Parallel()
	var text atomic.Value
	text.Store("Nothing waits.")
	a := &answersOf{changes: make(chan struct{}, 1), home: func(in algesta.Invocation) []algesta.Report {
		return homeOf(text.Load().(string))(in)
	}}
	r := start(t, slackd.Options{}, func(s *Slack) { s.SetForms(a); s.listener.homePause = time.Millisecond })
	r.sockets(t, 2)
	require.NoError(t, r.server.OpenHome("U0CARLA"))
	r.until(t, "the Home tab", func() bool { _, there := r.server.Home("U0CARLA"); return there })
	require.Eventually(t, func() bool { return r.listener.homes.current()[0].shown != 0 }, 10*time.Second, time.Millisecond)
	for range 3 { // nothing that Carla sees is another
		a.changes <- struct{}{}
	}
	require.Eventually(t, func() bool { return a.homes.Load() >= 3 }, 10*time.Second, time.Millisecond)
	require.Len(t, r.server.Calls("views.publish"), 1, "what shows the same is not published again")
	text.Store("1 request waits.")
	a.changes <- struct{}{}
	r.until(t, "the new Home tab", func() bool {
		home, _ := r.server.Home("U0CARLA")
		return strings.Contains(home.Plain(), "1 request waits.")
	})
	_, there := r.server.Home("U0LUIS")
	require.False(t, there, "who never opened it has none")
}

// A Home tab that Slack didn't take shows what isn't true any more, so it is published again, without another change.
func TestAHomeTabThatSlackDidNotTakeIsPublishedAgain(t *testing.T) {
	t.Parallel()
	var text atomic.Value
	text.Store("It's running.")
	a := &answersOf{changes: make(chan struct{}, 1), home: func(in algesta.Invocation) []algesta.Report {
		return homeOf(text.Load().(string))(in)
	}}
	r := start(t, slackd.Options{}, func(s *Slack) {
		s.SetForms(a)
		s.listener.homePause, s.listener.homeAgain = time.Millisecond, time.Millisecond
	})
	r.sockets(t, 2)
	shows := func(text string) func() bool {
		return func() bool {
			home, _ := r.server.Home("U0CARLA")
			return strings.Contains(home.Plain(), text)
		}
	}
	r.server.FailNext("views.publish", slackd.Fault{Status: 503}, 1)
	require.NoError(t, r.server.OpenHome("U0CARLA"))
	r.until(t, "the tab that was opened", shows("It's running."))
	r.server.FailNext("views.publish", slackd.Fault{Error: "internal_error"}, 1)
	text.Store("It's done.")
	a.changes <- struct{}{}
	r.until(t, "the tab that was changed", shows("It's done."))
}

// TestANumberDoesNotFollowToAnotherService: one tap would scale a service to what another one runs.
func TestANumberDoesNotFollowToAnotherService(t *testing.T) {
	t.Parallel()
	replicas := func(service, value, now string) algesta.Input {
		return algesta.Input{Name: "arg.replicas", Kind: algesta.NumberInput, Value: value, Now: now, Max: 50, Of: "scale development " + service}
	}
	before := map[string]string{"arg.replicas": fieldBlock(replicas("agent", "21", "21"))}
	other := ofThis(algesta.Form{Fields: []algesta.Input{replicas("ms-orders", "21", "1")}}, before)
	require.Equal(t, "1", other.Fields[0].Value)
	same := ofThis(algesta.Form{Fields: []algesta.Input{replicas("agent", "5", "21")}}, before)
	require.Equal(t, "5", same.Fields[0].Value, "what someone typed stays")
	first := ofThis(algesta.Form{Fields: []algesta.Input{replicas("ms-orders", "6", "1")}}, nil)
	require.Equal(t, "6", first.Fields[0].Value)
}
