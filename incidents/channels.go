package incidents

import (
	"context"
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// ChannelConfig says which channels people make for incidents. Without a pattern nothing is told in any.
type ChannelConfig struct {
	Pattern string // of their names, as in path.Match: "inc-*"
	// Environments are those that may be told of there, the first where neither name nor topic says which.
	Environments []string
}

// validate says what is wrong with it. A pattern needs letters of its own, because the bot joins every channel that it fits; and who makes
// such a channel reads there of the environments, so they have to be named.
func (c ChannelConfig) validate() error {
	if c.Pattern == "" {
		return nil
	}
	own := strings.IndexFunc(c.Pattern, func(r rune) bool { return strings.ContainsRune("*?[\\", r) })
	if own < 0 {
		own = len(c.Pattern)
	}
	if _, err := path.Match(c.Pattern, ""); err != nil || own < shortestPrefix {
		return fmt.Errorf("incidents.channels: %q doesn't begin as the names of incident channels do: write a pattern such as inc-*", c.Pattern)
	}
	if len(c.Environments) == 0 {
		return errors.New("incidents.channels: name the environments that everybody may be told of, because everybody may make such a channel: " +
			"environments: [production]")
	}
	return nil
}

// matches reports whether a channel is one for an incident.
func (c ChannelConfig) matches(name string) bool {
	ok, err := path.Match(c.Pattern, name)
	return c.Pattern != "" && err == nil && ok
}

// shortestPrefix is how many characters the names of incident channels begin with at least.
const shortestPrefix = 2

// Rooms are channels, as a transport can act in them. Each call may be made again.
type Rooms interface {
	ChannelName(ctx context.Context, channel string) (name, topic string, err error)
	Join(ctx context.Context, channel string) error
	Pin(ctx context.Context, channel, ts string) error
	// SetTopic sets the topic of a channel that has none.
	SetTopic(ctx context.Context, channel, topic string) error
}

// The bounds of an incident channel.
const (
	channelsEvery  = 5 * time.Second
	channelStep    = 45 * time.Second   // for one channel
	channelCalls   = 10 * time.Second   // for a call to the transport
	channelLives   = 7 * 24 * time.Hour // for how long it's kept up to date
	channelRecheck = 30 * time.Second   // between two looks where no incident is open
	channelRefused = time.Hour          // after the policy or the channel let nothing be told there: it may be archived for good
	mostChannels   = 20                 // that are kept true all the time, the newest; the others are looked at as often as refused ones
	changesBack    = 24 * time.Hour     // of the timeline
)

// Channel notes a channel that is one for an incident by its name. name is "" where it isn't known yet.
func (k *Keeper) Channel(ctx context.Context, id, name string) error {
	if !k.cfg.On() || k.cfg.Channels.Pattern == "" || k.Rooms == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, channelCalls)
	defer cancel()
	if name == "" {
		var err error
		if name, _, err = k.Rooms.ChannelName(ctx, id); err != nil {
			return err
		}
	}
	if !k.cfg.Channels.matches(name) {
		return nil
	}
	k.channelDue.Delete(id) // whoever invites the bot back doesn't wait for an hour
	return k.Update(ctx, func(tx commands.Tx) error {
		return tx.SaveIncidentChannel(algesta.IncidentChannel{ID: algesta.NewIncidentID(), Channel: id, Name: name, OpenedAt: time.Now()})
	})
}

// keepChannels keeps what is told in the channels of incidents true, until ctx ends.
func (k *Keeper) keepChannels(ctx context.Context) {
	tick := time.NewTicker(channelsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		k.guarded(func() {
			all, err := k.Records.IncidentChannels(ctx)
			if err != nil {
				k.fail(ctx, "reading the incident channels", err)
				return
			}
			for n, c := range all { // oldest first
				k.guarded(func() { k.channel(ctx, c, n >= len(all)-mostChannels) })
			}
		})
	}
}

// channel does for one channel what is due. busy is false where there are so many that this one is looked at seldom.
func (k *Keeper) channel(ctx context.Context, c algesta.IncidentChannel, busy bool) {
	if due, known := k.channelDue.Load(c.Channel); known && time.Now().Before(due.(time.Time)) { //nolint:forcetypeassert // stored below
		return
	}
	ctx, cancel := context.WithTimeout(ctx, channelStep)
	defer cancel()
	old := time.Since(c.OpenedAt) > channelLives
	again, err := k.keepChannel(ctx, c, old)
	if err != nil {
		k.fail(ctx, "keeping an incident channel up to date", err)
	}
	if old && (err != nil || c.About.Cluster == "") { // its card stays as it is: nobody waits for it any more
		c.Over = true
		if err := k.Update(ctx, func(tx commands.Tx) error { return tx.SaveIncidentChannel(c) }); err != nil {
			k.fail(ctx, "ending what is told in an incident channel", err)
		}
	}
	if !busy || errors.Is(err, algesta.ErrRefused) {
		again = channelRefused
	}
	k.channelDue.Store(c.Channel, time.Now().Add(again))
}

// keepChannel makes what is told in a channel true, and returns when to look again.
func (k *Keeper) keepChannel(ctx context.Context, c algesta.IncidentChannel, old bool) (again time.Duration, err error) {
	before := c
	if c.About.Cluster == "" {
		if err := k.Rooms.Join(ctx, c.Channel); err != nil {
			return channelRecheck, fmt.Errorf("joining an incident channel: %w", err)
		}
		_, topic, err := k.Rooms.ChannelName(ctx, c.Channel)
		if err != nil {
			return channelRecheck, fmt.Errorf("reading the topic of an incident channel: %w", err)
		}
		if c.About = k.aboutChannel(c.Name, topic); c.About.Cluster == "" {
			return channelRecheck, nil // no environment is known yet
		}
	}
	again = channelRecheck
	open := k.openAbout(c.About)
	if len(open) > 0 {
		again = 0
	}
	objects, _ := k.Watched.Overview(ctx, c.About.Cluster, c.About.Namespace)
	c = k.shown(ctx, c, open)
	c.Over = old || c.Shows.State == algesta.IncidentResolved
	r := channelCard(c, k.timeline(ctx, c, objects))
	return again, k.postToChannel(ctx, &c, r, reflect.DeepEqual(before, c))
}

// aboutChannel is what a channel is about by its words: the service with the longest name that they have, in the environment that they
// have; else what is wrong there now, else the environment.
func (k *Keeper) aboutChannel(name, topic string) algesta.Target {
	said := "-" + strings.Join(strings.FieldsFunc(strings.ToLower(name+" "+topic), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-") + "-"
	says := func(word string) bool { return word != "" && strings.Contains(said, "-"+strings.ToLower(word)+"-") }
	may := func(t algesta.Target) bool {
		return len(k.cfg.Channels.Environments) == 0 || slices.Contains(k.cfg.Channels.Environments, t.Environment)
	}
	var place algesta.Target
	for _, p := range k.Catalog.Places() {
		if may(p) && (place.Cluster == "" || says(p.Environment) && !says(place.Environment)) {
			place = p
		}
	}
	best := algesta.Target{}
	for _, t := range k.Catalog.Known() {
		if may(t) && t.Environment == place.Environment && says(t.Service) && len(t.Service) > len(best.Service) {
			best = t
		}
	}
	if best.Cluster != "" {
		return best
	}
	if open := k.openAbout(place); len(open) > 0 && place.Cluster != "" && open[0].About.Service != "" {
		return open[0].About
	}
	return place
}

// openAbout are the open incidents about a service, or in an environment, the worst first.
func (k *Keeper) openAbout(t algesta.Target) []algesta.Incident {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.book == nil {
		return nil
	}
	open := slices.DeleteFunc(k.book.Open(), func(i algesta.Incident) bool {
		return i.Shared || i.About.Cluster != t.Cluster || i.About.Namespace != t.Namespace || i.About.Environment != t.Environment ||
			t.Name != "" && i.About.Name != t.Name
	})
	slices.SortStableFunc(open, func(a, b algesta.Incident) int { return rank(a.Cause.Severity) - rank(b.Cause.Severity) })
	return open
}

// shown is the channel with what is wrong now: the worst incident that is open, or what a diagnosis finds.
func (k *Keeper) shown(ctx context.Context, c algesta.IncidentChannel, open []algesta.Incident) algesta.IncidentChannel {
	if len(open) > 0 {
		buttons, of := c.Shows.Buttons, c.Shows.ButtonFor
		c.Shows, c.Well = open[0], time.Time{}
		c.Shows.Buttons, c.Shows.ButtonFor = buttons, of
		return c
	}
	signal := algesta.Signal{Rule: "channel", Kind: "Deployment", Namespace: c.About.Namespace, Name: c.About.Name, Since: c.OpenedAt}
	if c.About.Name == "" {
		signal.Kind, signal.Name = "Namespace", c.About.Namespace
	}
	f := Found{}
	look, err := k.look(ctx, c.About)
	if err != nil {
		f.Unknown = sentenceOf(err)
	} else {
		f = within(c.About, k.environmentsOf(c.About), apart(look(signal), k.environmentsOf(c.About), alone))
	}
	wrong := c.Shows.Cause.What != ""
	switch {
	case f.Unknown != "":
		c.Shows.Unchecked = f.Unknown
	case f.Healthy && wrong && c.Well.IsZero():
		c.Well = time.Now()
	case f.Healthy && wrong && time.Since(c.Well) >= k.cfg.Settle:
		c.Shows.State, c.Shows.ResolvedAt, c.Shows.Unchecked, c.Shows.Missing = algesta.IncidentResolved, c.Well, "", f.Missing
	case f.Healthy:
		c.Shows.Unchecked, c.Shows.Missing = "", f.Missing
	default:
		c.Well = time.Time{}
		c.Shows = algesta.Incident{
			Key: f.Key, State: algesta.IncidentOpen, About: f.About, Cause: f.Cause, Signals: []algesta.Signal{signal}, OpenedAt: c.OpenedAt,
			Buttons: c.Shows.Buttons, ButtonFor: c.Shows.ButtonFor,
		}
	}
	if c.Shows.About.Service == "" {
		c.Shows.About = c.About
	}
	if len(c.Shows.Signals) == 0 {
		c.Shows.Signals = []algesta.Signal{signal}
	}
	return c
}

// alone lets nothing of another environment be told with what is found in one: people read an incident channel because of its name.
func alone(string, string) bool { return false }

// within is what was found, without what is about another environment of the same namespace, or may be: that is told elsewhere, if
// anywhere. sharing are the environments of the namespace.
func within(about algesta.Target, sharing []string, f Found) Found {
	if f.Key.Kind == "" || f.About.Environment == about.Environment || f.About.Environment == "" && len(sharing) < 2 {
		return f
	}
	return Found{Unknown: "What I found in its namespace is about another environment, or I can't tell which."}
}

// channelCard is the one message of an incident channel.
func channelCard(c algesta.IncidentChannel, changes []algesta.Text) algesta.Report {
	about := c.About.Environment
	if c.About.Service != "" {
		about = c.About.Service + " in " + c.About.Environment
	}
	r := algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("I find nothing wrong with {} right now", about)}
	if c.Shows.Cause.What != "" {
		r = Card(c.Shows, Past{})
	} else if c.Shows.Unchecked != "" {
		r.Title = algesta.Say("I couldn't check {}: {}", about, algesta.Dated(c.Shows.Unchecked))
	} else if c.Shows.Missing {
		r.Title = algesta.Say("I find no {} right now", about)
	}
	r.Small = algesta.Say("{} · about {}, by the name of this channel, its topic or what is wrong now", algesta.Name(c.ID), about)
	if len(changes) == 0 {
		changes = []algesta.Text{algesta.Say("nothing that I can see")}
	}
	r.Body = append(r.Body, algesta.Block{Text: algesta.Say("{}", algesta.Strong("Changed in the last day:"))}, algesta.Block{List: changes})
	return r
}

// postToChannel stores the card where it's another one, then pins it and sets the topic.
func (k *Keeper) postToChannel(ctx context.Context, c *algesta.IncidentChannel, r algesta.Report, same bool) error {
	data := algesta.Args{"channel": c.Channel, "state": string(c.Shows.State)}
	place := c.About
	place.Service, place.Name, place.Object = "", "", "namespace"
	if !same {
		err := k.Asker.PostAsRule(ctx, c.ID, asks(place, c.Channel), data, func(tx commands.Tx) error {
			if err := propose(tx, &c.Shows); err != nil {
				return err
			}
			r.Buttons = c.Shows.Buttons
			if err := tx.Post(algesta.Post{Command: c.ID, Kind: algesta.CardPost, Channel: c.Channel, About: c.About, Report: r}); err != nil {
				return err
			}
			return tx.SaveIncidentChannel(*c)
		})
		if err != nil {
			return err
		}
	}
	if c.Pinned && c.Topic {
		return nil
	}
	_, ts, err := k.Records.CardOf(ctx, c.ID)
	if err != nil || ts == "" {
		return err
	}
	if err := k.Rooms.Pin(ctx, c.Channel, ts); err != nil {
		return fmt.Errorf("pinning the card of an incident channel: %w", err)
	}
	if err := k.Rooms.SetTopic(ctx, c.Channel, k.Redact(r.Title.String())); err != nil {
		return fmt.Errorf("setting the topic of an incident channel: %w", err)
	}
	c.Pinned, c.Topic = true, true
	return k.Update(ctx, func(tx commands.Tx) error { return tx.SaveIncidentChannel(*c) })
}
