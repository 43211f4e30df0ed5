package e2e

import (
	"context"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// The people of the sandbox's Slack and its channels.
const (
	luis   = "U0LUIS"   // operator: asks in production
	marta  = "U0MARTA"  // operator too
	carla  = "U0CARLA"  // approver
	pablo  = "U0PABLO"  // platform: approver with every right
	elena  = "U0ELENA"  // platform
	dana   = "U0DANA"   // developer: reads production, changes development
	nico   = "U0NICO"   // no rights at all
	gina   = "U0GINA"   // guest
	ops    = "C0OPS"    // the bot is in it
	random = "C0RANDOM" // the bot is not
	team   = "S0PLATFORM"
)

// types has somebody type a slash command and returns once the bot has acknowledged it.
func (w *world) types(user, channel, text string) slackd.Delivery {
	w.Helper()
	d, err := w.slack.Type(user, channel, "/algesta "+text)
	require.NoError(w, err)
	return d
}

// wait is a context for waiting for one thing.
func (w *world) wait() (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.Context(), patience)
}

// ephemeral waits for a message that only this user sees and that holds the text.
func (w *world) ephemeral(user string, holds ...string) string {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	m, err := w.slack.WaitEphemeral(ctx, user, slackd.Says(holds...))
	require.NoError(w, err)
	return m.Plain()
}

// answer types a command that is answered to its author alone and returns that answer: in the bot's own direct messages it is a
// message as any other, elsewhere one that only they see.
func (w *world) answer(user, channel, text string) string {
	w.Helper()
	if channel == w.slack.BotDM(user) {
		n := len(w.slack.Messages(channel))
		w.types(user, channel, text)
		ctx, cancel := w.wait()
		defer cancel()
		require.NoError(
			w, w.slack.WaitFor(ctx, func() bool { return len(w.slack.Messages(channel)) > n }), "%s was told nothing in their direct messages", user,
		)
		return w.slack.Messages(channel)[n].Plain()
	}
	return w.next(user, func() { w.types(user, channel, text) })
}

// next does something and returns what this user alone is told because of it.
func (w *world) next(user string, do func()) string {
	w.Helper()
	n := len(w.slack.Ephemerals(user))
	do()
	ctx, cancel := w.wait()
	defer cancel()
	err := w.slack.WaitFor(ctx, func() bool { return len(w.slack.Ephemerals(user)) > n })
	require.NoError(w, err, "%s was told nothing; the channel says:\n%s", user, w.channel(ops))
	all := w.slack.Ephemerals(user)
	return all[len(all)-1].Plain()
}

// channel is everything in a channel's main view, for people.
func (w *world) channel(id string) string { return join(w.slack.Messages(id)) }

func join(messages []slackd.Message) string {
	var out []string
	for _, m := range messages {
		out = append(out, m.Plain())
	}
	return strings.Join(out, "\n\n")
}

// request is a command that got a card.
type request struct {
	*world
	card slackd.Message
	in   string // the channel that the card is in
}

// asks types a command and waits for its card.
func (w *world) asks(user, text string) *request {
	w.Helper()
	return w.opens(func() { w.types(user, ops, text) }, "")
}

// opens does something and waits for the card that comes of it; says distinguishes it from other new cards.
func (w *world) opens(do func(), says string) *request {
	w.Helper()
	known := map[string]bool{}
	for _, m := range w.slack.Messages(ops) {
		known[m.TS] = true
	}
	do()
	return w.newCard(known, says)
}

func (w *world) newCard(known map[string]bool, says string) *request {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	card, err := w.slack.WaitMessage(ctx, ops, func(m slackd.Message) bool {
		return !known[m.TS] && !m.System && strings.Contains(m.Plain(), says)
	})
	require.NoError(w, err, "no card; ephemeral messages: %s", join(w.slack.Ephemerals(luis)))
	return &request{world: w, card: card, in: ops}
}

// plan waits for the plan with its buttons.
func (r *request) plan() slackd.Message {
	r.Helper()
	return r.reply(slackd.HasButton("approve"))
}

// reply waits for a message in the request's thread.
func (r *request) reply(match func(slackd.Message) bool) slackd.Message {
	r.Helper()
	ctx, cancel := r.wait()
	defer cancel()
	m, err := r.slack.WaitReply(ctx, r.in, r.card.TS, match)
	require.NoError(r, err)
	return m
}

// says waits for a message in the thread that holds all of this.
func (r *request) says(texts ...string) {
	r.Helper()
	r.reply(slackd.Says(texts...))
}

// becomes waits for the card to hold all of this, or to have held it: what is true for a second only is passed by on a busy machine.
func (r *request) becomes(texts ...string) {
	r.Helper()
	ctx, cancel := r.wait()
	defer cancel()
	says := slackd.Says(texts...)
	_, err := r.slack.WaitReply(ctx, r.in, r.card.TS, func(m slackd.Message) bool {
		return m.TS == r.card.TS && (says(m) || slices.ContainsFunc(m.History, func(v slackd.Version) bool {
			return says(slackd.Message{Text: v.Text, Blocks: v.Blocks})
		}))
	})
	require.NoError(r, err)
}

// click has somebody press a button of the plan and, where it asks, say yes.
func (r *request) click(user, action string) {
	r.Helper()
	_, err := r.slack.Click(user, r.plan(), action)
	require.NoError(r, err)
}

// approve is the click of somebody who may.
func (r *request) approve() { r.Helper(); r.click(carla, "approve") }

// deny is a click on Deny, and its dialog sent with this reason.
func (r *request) deny(user, why string) {
	r.Helper()
	before := len(r.slack.Views(user))
	r.click(user, "deny")
	ctx, cancel := r.wait()
	defer cancel()
	require.NoError(r, r.slack.WaitFor(ctx, func() bool { return len(r.slack.Views(user)) > before }))
	views := r.slack.Views(user)
	problems, err := r.slack.Submit(user, views[len(views)-1].ID, slackd.Input{ActionID: "reason", Value: why})
	require.NoError(r, err)
	require.Empty(r, problems)
}

// end waits for the reply that says how it ended: the only one that mentions the requester in its first line.
func (r *request) end(user string) string {
	r.Helper()
	return r.reply(isEnd(user)).Plain()
}

func isEnd(user string) func(slackd.Message) bool {
	return func(m slackd.Message) bool {
		first, _, _ := strings.Cut(m.Plain(), "\n")
		return m.ThreadTS != "" && strings.Contains(first, "<@"+user+">")
	}
}

// id is the command's ID, as the card says it.
func (r *request) id() string {
	r.Helper()
	for word := range strings.FieldsSeq(r.card.Plain()) {
		if strings.HasPrefix(word, "c-") {
			return word
		}
	}
	require.Fail(r, "the card has no ID", r.card.Plain())
	return ""
}

// thread is everything in the request's thread, for people.
func (r *request) thread() string { return join(r.slack.Thread(r.in, r.card.TS)) }

// firstLine is what a message says before anything else.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
