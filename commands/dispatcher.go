package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// The bounds of the order of things.
const (
	// handleTimeout bounds the work for one invocation; reading a cluster is bounded again in kube.
	handleTimeout = 60 * time.Second
	// tooOld is the age at which a typed command is no longer carried out: the person who typed it has moved on (decision 17).
	tooOld = 2 * time.Minute
	// lagging is how long someone waits before being told that the bot is busy.
	lagging = 2 * time.Second
	// startWithin is how long an approved request may wait for its execution before it is stale.
	startWithin = 15 * time.Minute
	// factsAge is the greatest age of what is known of a person (decision 11).
	factsAge = 10 * time.Minute
	// justNow is the age at which what is known of a person counts as asked at this moment, so that ten executions at once ask once.
	justNow = time.Second
	// placeAge is the greatest age of what is known of a channel when something is shown there, or someone clicks there. Slack answers about
	// fifty such questions in a minute.
	placeAge = 2 * time.Second
)

// Config is what a Dispatcher needs. All fields but Books, Doctor, Noticed, Makers, Routed and Panics are required.
type Config struct {
	Bot       algesta.Handle // how people call the bot, for examples
	Parser    grammar.Parser
	Books     []runbooks.Runbook    // what it can do; runbooks.All where it is nil
	Policy    func() *policy.Policy // the policy in force: it may be reloaded
	Catalog   Catalog
	Directory Directory
	Clusters  Clusters
	Store     Store
	Doctor    func(context.Context) algesta.Report // checks everything that the bot needs; nil where that can't be asked for
	Noticed   func() []Noticed                     // what is seen now and has no card yet; nil where nothing is watched
	Redact    func(string) string                  // takes secrets out of what came from a cluster or a person
	// Makers are what makes the pods of a namespace, as far as is known without asking the cluster; nil where that's never known.
	Makers func(cluster, namespace string) []algesta.Object
	// Routed reports whether the incidents of an environment are told in a channel; nil for none but that of their card.
	Routed func(environment, channel string) bool
	Soak   time.Duration // how long a finished rollout is watched
	Log    *zap.Logger
	Panics *algesta.Panics // catches what panics in a piece of work; nil counts nothing
}

// Dispatcher carries every invocation from the inbox to its answer, and every request to its end.
type Dispatcher struct {
	Config
	announced sync.Map // request ID → announcement: when the follower last posted what
	panicked  sync.Map // piece → how often in a row it panicked
	commands  *lane
	votes     *lane
	forms     *lane // what is read from a cluster for one
	looks     *lane // Home tabs, and messages that are looked through for names
	began     time.Time
	changes   chan struct{} // wakes after a request was opened or moved

	ending func(algesta.Request) runbooks.Ending // endingOf, but another one in tests

	handleWithin, diagnoseWithin, diagnoseAgain time.Duration // their constants, but shorter in tests
}

// New checks the configuration.
func New(c Config) (*Dispatcher, error) {
	if c.Bot == "" || c.Policy == nil || c.Catalog == nil || c.Directory == nil || c.Clusters == nil || c.Store == nil || c.Redact == nil ||
		c.Log == nil {
		return nil, errors.New("the dispatcher lacks a part")
	}
	if c.Soak <= 0 {
		return nil, fmt.Errorf("the soak has to be longer than nothing, it is %s", c.Soak)
	}
	changes := make(chan struct{}, 1)
	c.Store = watchedStore{c.Store, changes}
	c.Policy = inForce(c.Policy, c.Store.Frozen, c.Store.Broken)
	return &Dispatcher{
		changes: changes, Config: c, commands: newLane(atOnce), votes: newLane(votesAtOnce), forms: newLane(atOnce), looks: newLane(atOnce),
		began: time.Now(), ending: endingOf,
		handleWithin: handleTimeout, diagnoseWithin: diagnoseWithin, diagnoseAgain: diagnoseAgain,
	}, nil
}

// find is the runbook of this name or alias.
func (d *Dispatcher) find(name string) (runbooks.Runbook, bool) {
	if d.Books == nil {
		return runbooks.Find(name)
	}
	i := slices.IndexFunc(d.Books, func(b runbooks.Runbook) bool { return b.Name == name || slices.Contains(b.Aliases, name) })
	if i < 0 {
		return runbooks.Runbook{}, false
	}
	return d.Books[i], true
}

// Run works on open (what the inbox held at the start, oldest first) and on every arrival until ctx ends or
// arrivals is closed; then it waits for the work under way.
func (d *Dispatcher) Run(ctx context.Context, open []algesta.Invocation, arrivals <-chan algesta.Invocation) {
	var work sync.WaitGroup
	defer work.Wait()
	for _, in := range open {
		work.Go(func() { d.queue(ctx, in) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case in, ok := <-arrivals:
			if !ok {
				return
			}
			work.Go(func() { d.queue(ctx, in) })
		}
	}
}

// Handle answers one invocation. Whatever happens, the person gets one answer and the inbox row is closed
// in the transaction that stores it; only when even that cannot be stored the row stays open for the next start.
func (d *Dispatcher) Handle(ctx context.Context, in algesta.Invocation) {
	// A shutdown does not cut work short that has begun: it is bounded by its own timeout.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.handleWithin)
	defer cancel()
	id := algesta.NewCommandID()
	log := d.Log.With(zap.String("command", id), zap.Stringer("actor", in.Person))
	err := d.guard("an invocation", id, func() error { return d.work(ctx, id, in) })
	if err == nil {
		return
	}
	if refusal := (*algesta.Error)(nil); errors.As(err, &refusal) {
		log.Info("command refused", zap.String("kind", string(refusal.Kind)), zap.Error(err))
	} else {
		log.Error("command went wrong", zap.Error(err))
	}
	told := explain(err, id)
	told.Buttons = append(told.Buttons, d.fillButton(in, err)...)
	err = d.guard("an answer", id, func() error { return d.reply(ctx, fromPerson(in), id, told, d.refusedEntry(in, id, err)) })
	if err == nil {
		return
	}
	log.Error("the answer could not be stored", zap.Error(err))
	// What cannot be answered is not tried again at every start. Where the store does not write, that has to wait for one.
	if err := d.storeLate(ctx, func(tx Tx) error { return tx.Answered(in.Key) }); err != nil {
		log.Error("the invocation stays open", zap.Error(err))
	}
}

// work does what an invocation asks for, if it is not too old.
func (d *Dispatcher) work(ctx context.Context, id string, in algesta.Invocation) error {
	if err := tooOften(in); err != nil {
		return err
	}
	if err := tooLate(in, d.began, time.Now()); err != nil {
		return err
	}
	if in.Kind == algesta.Voted {
		return d.vote(ctx, in)
	}
	return d.command(ctx, id, in)
}

// storing is the context for storing an answer, with its own time: what was found is worth more than the time limit of the work.
func storing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
}

// storeLate runs f in a transaction although the time of the work may be up.
func (d *Dispatcher) storeLate(ctx context.Context, f func(tx Tx) error) error {
	ctx, cancel := storing(ctx)
	defer cancel()
	return d.Store.Update(ctx, f)
}

// command takes a typed or mentioned command to its answer or to a request.
func (d *Dispatcher) command(ctx context.Context, id string, in algesta.Invocation) error {
	// Who someone is comes first: even help, and the parser's suggestions, name things that are here.
	actor, err := d.actor(ctx, in, factsAge)
	if err != nil {
		return err
	}
	if request, ok := namedRequest(in.Text); ok {
		return d.lookUp(ctx, actor, in.Channel, request)
	}
	where, err := d.thread(ctx, in)
	if err != nil {
		return err
	}
	parsed, err := d.Parser.In(where.subject).Parse(in.Text)
	if err != nil {
		return where.asks(d.Bot, d.corrected(ctx, actor, err))
	}
	parsed = d.there(ctx, actor, parsed, where.subject)
	if parsed.Help || isAbout(parsed.Runbook) {
		report, err := d.about(ctx, actor, parsed)
		if err != nil {
			return err
		}
		told := algesta.Command{ID: id, Requester: algesta.AskedBy(actor), Runbook: parsed.Runbook, Channel: in.Channel}
		return d.reply(ctx, fromPerson(in), id, report, readEntry(told, true))
	}
	if parsed.Runbook == grammar.Undo.Name {
		return d.undo(ctx, in, actor, parsed, where)
	}
	book, ok := d.find(parsed.Runbook)
	if !ok {
		return fmt.Errorf("the parser named the runbook %q, which does not exist", parsed.Runbook)
	}
	target, err := d.resolve(ctx, actor, book, parsed)
	if book.Incident && err == nil {
		target, parsed.Args, err = d.ofIncident(ctx, actor, parsed, where)
	}
	if err != nil {
		return err
	}
	c := algesta.Command{
		ID: id, Requester: algesta.AskedBy(actor), Runbook: book.Name, Target: target, Args: parsed.Args,
		Reason: d.Redact(parsed.Reason), At: in.At, Channel: in.Channel, Thread: in.Thread,
	}
	return d.start(ctx, fromPerson(in), book, c)
}

// start decides about a resolved command and answers it or opens a request. Offers come in here too, and what rules ask for.
func (d *Dispatcher) start(ctx context.Context, from origin, book runbooks.Runbook, c algesta.Command) (err error) {
	defer func() { err = about(c, err) }()
	decision := d.decideAnywhere(ctx, book, c, false)
	if decision.Effect == algesta.Refuse {
		return d.refused(decision, c.Actor)
	}
	if !book.Changes() {
		return d.read(ctx, from, book, c, decision)
	}
	if d.hasSecret(c.Args) {
		return &algesta.Error{
			Kind:    algesta.ErrUsage,
			Message: algesta.Say("One of the values looks like a secret, or is one that I know. I'd have to store it, so nothing was done."),
			Hint:    algesta.Say("Leave it out of the command."),
		}
	}
	place, err := d.placeForChanges(ctx, from, c, factsAge)
	if err != nil {
		return err
	}
	if place.Direct && decision.Effect == algesta.NeedsApproval {
		return needsAChannel()
	}
	return d.propose(ctx, from, book, c)
}

// hasSecret reports whether a value of a command would be redacted where it's shown. Such a command isn't stored: neither as a request
// nor to be followed nor behind a button.
func (d *Dispatcher) hasSecret(args algesta.Args) bool {
	for _, value := range args {
		if text, ok := value.(string); ok && d.Redact(text) != text {
			return true
		}
	}
	return false
}

// needsAChannel refuses a request where nobody could approve it.
func needsAChannel() *algesta.Error {
	return &algesta.Error{
		Kind:    algesta.ErrRefused,
		Message: algesta.Say("This needs someone else's approval, and nobody else can see our direct messages."),
		Hint:    algesta.Say("Ask in a channel that I'm in, where the approvers are too."),
	}
}

// placeForChanges is the place that a change is asked for in, where a request may be posted: the bot is in it, and nobody of another
// company is.
func (d *Dispatcher) placeForChanges(ctx context.Context, from origin, c algesta.Command, maxAge time.Duration) (Place, error) {
	place, err := d.Directory.Place(ctx, c.Channel, maxAge)
	switch {
	case err != nil:
		return place, fmt.Errorf("asking about the channel: %w", err)
	case !place.Member && !place.Direct:
		return place, d.notThere(place, from)
	case place.External:
		return place, external(channelName(place, from))
	}
	return place, nil
}

// notThere refuses what needs a thread where the bot is not. Slack lets nobody add an app to direct messages that exist already.
func (d *Dispatcher) notThere(p Place, from origin) *algesta.Error {
	hint := algesta.Say("Invite me first: {}", algesta.Name("/invite "+d.Bot.Mentioned()))
	if from.direct || from.group {
		hint = algesta.Say("Slack doesn't let anyone add me to existing direct messages. Ask in a channel that I'm in.")
	}
	return &algesta.Error{
		Kind: algesta.ErrRefused, Message: algesta.Say("I'm not in {}, so I can't post a thread here.", channelName(p, from)), Hint: hint,
	}
}

// external refuses a change where people of another company can read and click.
func external(channel string) *algesta.Error {
	return &algesta.Error{
		Kind: algesta.ErrRefused,
		Message: algesta.Say(
			"{} is shared with another company, or will be as soon as it accepts, so I don't change anything from there.", words.Capital(channel),
		),
		Hint: algesta.Say("Use an internal channel, or ask the bot's operator to add this one to slack.sharedChannels in the " +
			"configuration."),
	}
}

// channelName is how a refusal names the channel: a private one has no name that the bot knows.
func channelName(p Place, from origin) string {
	switch {
	case p.Name != "" && !from.private && !from.group:
		return "#" + p.Name
	case from.direct || from.group:
		return "this conversation"
	}
	return "this channel"
}
