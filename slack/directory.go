package slack

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

const (
	askTimeout = 5 * time.Second
	askWait    = 12 * time.Second // for its turn: a person rather waits than types it again
	placeAge   = time.Minute
	absentAge  = 2 * time.Second // so that someone who invites the bot doesn't wait long until that counts
	askSingly  = 6               // more groups than these are asked for in one call, and fewer where their own rate leaves no room
	namesAge   = time.Hour       // of user groups, to print only
	maxPeople  = 10_000          // kept in memory; then the memory is cleared
	maxName    = 80
	// The list of people is read in pages; Slack advises against larger ones. A larger workspace is not read to its end.
	pageOfPeople = 500
	maxPages     = 6
)

// directory answers who someone is, from Slack and never by a guess: what cannot be asked and is too old is an error.
// Facts of the same thing are asked for once at a time, and below Slack's rates.
type directory struct {
	web      web
	identify func(context.Context) (self, error)
	flights  *singleflight.Group
	users    *rate.Limiter // users.info takes 100 a minute
	lists    *rate.Limiter // users.list takes 20
	places   *rate.Limiter // conversations.info takes 50
	members  *rate.Limiter // usergroups.users.list takes 20
	groups   *rate.Limiter // usergroups.list takes 20
	emails   *rate.Limiter // users.lookupByEmail takes 50
	facts    *facts
	listed   []string // channels that are our own although they are shared
}

// facts is what was learned. Each has its own time.
type facts struct {
	mu      sync.Mutex
	groups  []string // that the policy names
	people  map[string]person
	members map[string]members
	places  map[string]place
	handles map[string]string
	emails  map[string]found
	// ungrouped: the plan has no user groups.
	ungrouped bool
	named     time.Time // handles
}

type person struct {
	actor algesta.Actor // without groups
	at    time.Time
}

type members struct {
	users map[string]bool
	at    time.Time
}

type place struct {
	commands.Place
	at time.Time
}

func newDirectory(calls web, identify func(context.Context) (self, error), groups []string) directory {
	d := directory{
		web:      calls,
		identify: identify,
		flights:  &singleflight.Group{},
		users:    rate.NewLimiter(rate.Every(time.Minute/60), 35),
		lists:    rate.NewLimiter(rate.Every(time.Minute/8), 12), // by page
		emails:   rate.NewLimiter(rate.Every(time.Minute/35), 12),
		places:   rate.NewLimiter(rate.Every(time.Minute/30), 18), // many commands at once ask about as many channels
		members:  rate.NewLimiter(rate.Every(time.Minute/8), 12),  // a policy may name a dozen groups and be ready at once
		groups:   rate.NewLimiter(rate.Every(time.Minute/8), 12),
		facts: &facts{
			people:  map[string]person{},
			members: map[string]members{},
			places:  map[string]place{},
			handles: map[string]string{},
			emails:  map[string]found{},
		},
	}
	d.SetGroups(groups)
	return d
}

// SetGroups says which user groups the policy names now. Actors carry no others.
func (d directory) SetGroups(ids []string) {
	d.facts.mu.Lock()
	defer d.facts.mu.Unlock()
	d.facts.groups = slices.Compact(slices.Sorted(slices.Values(ids)))
}

// Actor is the person with facts no older than maxAge; AsOf is the time of the oldest. A person who isn't in the bot's own workspace is a
// Stranger without asking. An error means that Slack could not be asked.
func (d directory) Actor(ctx context.Context, id algesta.PersonID, maxAge time.Duration) (algesta.Actor, error) {
	me, err := d.identify(ctx)
	if err != nil {
		return algesta.Actor{}, unreachable(err)
	}
	if id.Team != me.team || id.User == "" {
		return algesta.Actor{ID: id, Standing: algesta.Stranger, AsOf: time.Now()}, nil
	}
	p, err := d.person(ctx, id, maxAge)
	if err != nil {
		return algesta.Actor{}, unreachable(err)
	}
	actor := p.actor
	if actor.Standing != algesta.Member && actor.Standing != algesta.Guest {
		return actor, nil
	}
	groups, oldest, err := d.groupsOf(ctx, id.User, maxAge)
	if err != nil {
		return algesta.Actor{}, unreachable(err)
	}
	actor.Groups, actor.Ungrouped = groups, d.ungrouped()
	if !oldest.IsZero() && oldest.Before(actor.AsOf) {
		actor.AsOf = oldest
	}
	return actor, nil
}

func unreachable(err error) error {
	return &algesta.Error{
		Kind: algesta.ErrUnreachable, Message: algesta.Say("I couldn't look you up in Slack, so nothing was done."),
		Hint: algesta.Say("Try again in a minute."), Err: err,
	}
}

// person is what Slack says of someone, asked again when it is older than maxAge. When so many people come at once that asking
// for each would exceed the rate, everyone is asked for in one go.
func (d directory) person(ctx context.Context, id algesta.PersonID, maxAge time.Duration) (person, error) {
	notBefore := time.Now().Add(-maxAge)
	if known, ok := d.remembered(id.User, notBefore); ok {
		return known, nil
	}
	if d.users.Tokens() >= 1 {
		// Others may take the last of it between this check and the question.
		if p, err := d.onePerson(ctx, id, notBefore); !errors.Is(err, errTooMany) {
			return p, err
		}
	}
	if d.everybody(ctx, notBefore) == nil {
		if known, ok := d.remembered(id.User, notBefore); ok {
			return known, nil
		}
	}
	return d.onePerson(ctx, id, notBefore)
}

func (d directory) remembered(user string, notBefore time.Time) (person, bool) {
	d.facts.mu.Lock()
	defer d.facts.mu.Unlock()
	known, ok := d.facts.people[user]
	return known, ok && !known.at.Before(notBefore)
}

// onePerson asks users.info.
func (d directory) onePerson(ctx context.Context, id algesta.PersonID, notBefore time.Time) (person, error) {
	return ask(ctx, d, "user "+id.User, d.users, notBefore, func(ctx context.Context) (person, error) {
		at := time.Now()
		var answer struct {
			User user `json:"user"`
		}
		err := d.web.call(ctx, "users.info", url.Values{"user": {id.User}}, &answer)
		var actor algesta.Actor
		switch name := code(err); {
		case name == "user_not_found" || name == "user_not_visible" || name == "users_not_found":
			actor = algesta.Actor{ID: id, Standing: algesta.Stranger}
		case err != nil:
			return person{}, fmt.Errorf("asking who %s is: %w", id, err)
		default:
			actor = actorOf(id, answer.User)
		}
		actor.AsOf = at
		p := person{actor: actor, at: at}
		d.facts.mu.Lock()
		defer d.facts.mu.Unlock()
		d.facts.remember(p)
		return p, nil
	})
}

// remember keeps a person. The caller holds mu.
func (f *facts) remember(p person) {
	if len(f.people) >= maxPeople {
		clear(f.people)
	}
	f.people[p.actor.ID.User] = p
}

// everybody asks users.list, as far as maxPages go.
func (d directory) everybody(ctx context.Context, notBefore time.Time) error {
	me, err := d.identify(ctx)
	if err != nil {
		return err
	}
	_, err = ask(ctx, d, "everybody", d.lists, notBefore, func(ctx context.Context) (bool, error) {
		from := ""
		for n := range maxPages {
			if n > 0 {
				if err := d.lists.Wait(ctx); err != nil {
					return false, fmt.Errorf("asking who is there: too many questions in a minute: %w", err)
				}
			}
			at := time.Now()
			var page struct {
				Members []user `json:"members"`
				cursor
			}
			if err := d.web.call(ctx, "users.list", url.Values{"limit": {strconv.Itoa(pageOfPeople)}, "cursor": {from}}, &page); err != nil {
				return false, fmt.Errorf("asking who is there: %w", err)
			}
			d.facts.mu.Lock()
			for _, u := range page.Members {
				actor := actorOf(algesta.PersonID{Team: me.team, User: string(u.ID)}, u)
				actor.AsOf = at
				d.facts.remember(person{actor: actor, at: at})
			}
			d.facts.mu.Unlock()
			if from = page.next(); from == "" {
				return true, nil
			}
		}
		return true, nil
	})
	return err
}

// warm learns people and groups before the first command needs them. A caller that needs what it didn't get asks again and sees the error.
func (d directory) warm(ctx context.Context) {
	_ = d.everybody(ctx, time.Time{})
	_, _, _ = d.groupsOf(ctx, "", time.Hour)
}

// errTooMany says that a method's rate leaves no room for a question within askWait.
var errTooMany = errors.New("too many questions in a minute")

// ask makes a call once for all who want the same, within the rate of its method, and answers nothing that was asked for earlier than
// notBefore: a call that others made before that is waited for, and then another one is made. Each takes askWait and askTimeout at most;
// a caller who gives up does not end the call, because others may wait for it.
func ask[T any](
	ctx context.Context, d directory, key string, limit *rate.Limiter, notBefore time.Time, call func(context.Context) (T, error),
) (T, error) {
	type answer struct {
		value T
		at    time.Time // a call that began then saw nothing older
	}
	for {
		got, err, _ := d.flights.Do(key, func() (any, error) {
			ctx := context.WithoutCancel(ctx)
			turn, cancel := context.WithTimeout(ctx, askWait)
			defer cancel()
			if err := limit.Wait(turn); err != nil {
				return nil, fmt.Errorf("asking Slack: %w: %w", errTooMany, err)
			}
			ctx, cancel = context.WithTimeout(ctx, askTimeout)
			defer cancel()
			at := time.Now()
			value, err := call(ctx)
			return answer{value, at}, err
		})
		a, _ := got.(answer) // the zero value beside an error
		if err != nil || !a.at.Before(notBefore) {
			return a.value, err
		}
		// Whatever call is under way now began after the one that was waited for ended, so the next answer is young enough.
		if err := ctx.Err(); err != nil {
			var none T
			return none, fmt.Errorf("asking Slack: %w", err)
		}
	}
}
