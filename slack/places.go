package slack

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

var _ commands.Directory = (*Slack)(nil)

// Place is a conversation as the bot sees it, no older than maxAge, a minute, or absentAge where it is no member. One that it cannot see,
// or that is archived, is one where it is no member.
func (d directory) Place(ctx context.Context, channel string, maxAge time.Duration) (commands.Place, error) {
	d.facts.mu.Lock()
	known, ok := d.facts.places[channel]
	d.facts.mu.Unlock()
	age := absentAge
	if known.Member {
		age = placeAge
	}
	notBefore := time.Now().Add(-min(age, maxAge))
	if ok && !known.at.Before(notBefore) {
		return known.Place, nil
	}
	p, err := ask(ctx, d, "place "+channel, d.places, notBefore, func(ctx context.Context) (place, error) {
		p := place{at: time.Now()}
		c, err := d.conversation(ctx, channel)
		switch name := code(err); {
		case name == "channel_not_found" || name == "not_in_channel" || name == "method_not_supported_for_channel_type":
		case err != nil:
			return place{}, fmt.Errorf("asking about the channel %s: %w", channel, err)
		case c.IM: // the bot sees no direct messages but its own
			p.Place = commands.Place{Member: true, Direct: true}
		default:
			p.Place = commands.Place{
				Name: sanitizer{}.line(string(c.Name)), Member: (c.Member || c.Group) && !bool(c.Archived),
				Public:   c.Private != nil && !bool(*c.Private) && !c.Group,
				External: bool(c.Shared || c.SharedSoon) && !slices.Contains(d.listed, channel),
			}
		}
		d.facts.mu.Lock()
		defer d.facts.mu.Unlock()
		maps.DeleteFunc(d.facts.places, func(_ string, old place) bool { return p.at.Sub(old.at) > placeAge })
		d.facts.places[channel] = p
		return p, nil
	})
	if err != nil {
		if credentials(code(err)) { // waiting does not help
			return commands.Place{}, &algesta.Error{
				Kind:    algesta.ErrUnreachable,
				Message: algesta.Say("Slack doesn't let me look at this conversation ({}), so nothing was done.", code(err)),
				Hint:    algesta.Say("The bot's operator has to reinstall my Slack app with all its scopes."),
				Err:     err,
			}
		}
		return commands.Place{}, &algesta.Error{
			Kind: algesta.ErrUnreachable, Message: algesta.Say("I couldn't look this channel up in Slack, so nothing was done."),
			Hint: algesta.Say("Try again in a minute."), Err: err,
		}
	}
	return p.Place, nil
}

// conversation is what is read of a channel in conversations.info.
type conversation struct {
	Name       lenientString `json:"name"`
	IM         bool          `json:"is_im"`
	Group      bool          `json:"is_mpim"`
	Member     bool          `json:"is_member"`
	Private    *lenientBool  `json:"is_private"` // nil where Slack doesn't say
	Archived   lenientBool   `json:"is_archived"`
	Shared     lenientBool   `json:"is_ext_shared"`
	SharedSoon lenientBool   `json:"is_pending_ext_shared"`
}

func (d directory) conversation(ctx context.Context, channel string) (conversation, error) {
	var answer struct {
		Channel conversation `json:"channel"`
	}
	err := d.web.call(ctx, "conversations.info", url.Values{"channel": {channel}}, &answer)
	return answer.Channel, err
}

// Link is the address of a message, "" where Slack doesn't give one.
func (d directory) Link(ctx context.Context, channel, ts string) string {
	if channel == "" || ts == "" {
		return ""
	}
	var answer struct {
		Permalink lenientString `json:"permalink"`
	}
	if err := d.web.call(ctx, "chat.getPermalink", url.Values{"channel": {channel}, "message_ts": {ts}}, &answer); err != nil {
		return ""
	}
	return string(answer.Permalink)
}

// Subject is a subject of a policy as people call it: "@platform", "Carla". When Slack doesn't say, it's its ID.
func (d directory) Subject(ctx context.Context, s algesta.Subject) string {
	kind, id, ok := strings.Cut(string(s), ":")
	switch {
	case !ok:
		return string(s)
	case kind == "user":
		return d.nameOf(ctx, id)
	case kind == "group":
		name := "@" + first(d.handle(ctx, id), id)
		if d.ungrouped() {
			name += " (this Slack plan has no user groups)"
		}
		return name
	}
	return id
}

func (d directory) nameOf(ctx context.Context, user string) string {
	me, err := d.identify(ctx)
	if err != nil {
		return user
	}
	p, err := d.person(ctx, algesta.PersonID{Team: me.team, User: user}, namesAge)
	if err != nil {
		return user
	}
	return first(p.actor.Called(), user)
}

// handle is how people write a group. All handles come with one call.
func (d directory) handle(ctx context.Context, group string) string {
	d.facts.mu.Lock()
	handle, fresh := d.facts.handles[group], time.Since(d.facts.named) <= namesAge
	d.facts.mu.Unlock()
	if fresh {
		return handle
	}
	handles, err := ask(ctx, d, "handles", d.groups, time.Time{}, func(ctx context.Context) (map[string]string, error) {
		all, err := d.userGroups(ctx, false)
		d.learnPlan(err)
		if err != nil && code(err) != noGroups {
			return nil, fmt.Errorf("asking for the user groups: %w", err)
		}
		handles := map[string]string{}
		for _, g := range all {
			handles[string(g.ID)], _ = cut(sanitizer{}.line(string(g.Handle)), maxName)
		}
		d.facts.mu.Lock()
		defer d.facts.mu.Unlock()
		d.facts.handles, d.facts.named = handles, time.Now()
		return handles, nil
	})
	if err != nil {
		return handle // the old one, if there is any: it is only printed
	}
	return handles[group]
}
