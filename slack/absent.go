package slack

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
)

const (
	membersPage = 1000
	maxMembers  = 5 // pages of a channel's members; in a larger channel people who aren't among them count as absent
)

// Person is the user that a user or e-mail subject names; "" for a group, and where nobody is known by it or Slack doesn't say.
func (d directory) Person(ctx context.Context, s algesta.Subject) string {
	kind, id, ok := strings.Cut(string(s), ":")
	switch {
	case kind == "user":
		return id
	case kind == "group":
		return ""
	case !ok:
		id = kind
	}
	user, err := d.byEmail(ctx, id)
	if err != nil {
		return ""
	}
	return user
}

// found is who has an e-mail address, "" for nobody.
type found struct {
	user string
	at   time.Time
}

// byEmail asks users.lookupByEmail; the answer is kept for namesAge.
func (d directory) byEmail(ctx context.Context, email string) (string, error) {
	email = strings.ToLower(email)
	d.facts.mu.Lock()
	known, ok := d.facts.emails[email]
	d.facts.mu.Unlock()
	if ok && time.Since(known.at) <= namesAge {
		return known.user, nil
	}
	return ask(ctx, d, "email "+email, d.emails, time.Time{}, func(ctx context.Context) (string, error) {
		var answer struct {
			User user `json:"user"`
		}
		err := d.web.call(ctx, "users.lookupByEmail", url.Values{"email": {email}}, &answer)
		if err != nil && code(err) != "users_not_found" {
			return "", fmt.Errorf("asking who has an e-mail address: %w", err)
		}
		d.facts.mu.Lock()
		defer d.facts.mu.Unlock()
		if len(d.facts.emails) >= maxPeople {
			clear(d.facts.emails)
		}
		d.facts.emails[email] = found{user: string(answer.User.ID), at: time.Now()}
		return string(answer.User.ID), nil
	})
}

// Absent are the people that the subjects name and who are not in the channel, most at the most; more is how many others there are.
// Those who are named on their own come before those of groups.
func (d directory) Absent(
	ctx context.Context, channel string, subjects []algesta.Subject, most int,
) (people []algesta.PersonID, more int, err error) {
	me, err := d.identify(ctx)
	if err != nil {
		return nil, 0, unreachable(err)
	}
	here, err := d.inChannel(ctx, channel)
	if err != nil {
		return nil, 0, unreachable(err)
	}
	var users, members []string
	for _, s := range subjects {
		if id, ok := strings.CutPrefix(string(s), "group:"); ok {
			m, err := d.membersOf(ctx, id, time.Now().Add(-namesAge))
			if err != nil {
				return nil, 0, unreachable(err)
			}
			for u := range m.users {
				members = append(members, u)
			}
		} else if u := d.Person(ctx, s); u != "" {
			users = append(users, u)
		}
	}
	slices.Sort(members)
	seen := map[string]bool{me.user: true}
	for _, u := range append(users, members...) {
		if seen[u] || here[u] {
			continue
		}
		seen[u] = true
		if len(people) == most {
			more++
			continue
		}
		people = append(people, algesta.PersonID{Team: me.team, User: u})
	}
	return people, more, nil
}

// inChannel are the members of a channel, as far as maxMembers pages go.
func (d directory) inChannel(ctx context.Context, channel string) (map[string]bool, error) {
	return ask(ctx, d, "members "+channel, d.places, time.Time{}, func(ctx context.Context) (map[string]bool, error) {
		here := map[string]bool{}
		from := ""
		for range maxMembers {
			var page struct {
				Members []lenientString `json:"members"`
				cursor
			}
			args := url.Values{"channel": {channel}, "limit": {fmt.Sprint(membersPage)}, "cursor": {from}}
			if err := d.web.call(ctx, "conversations.members", args, &page); err != nil {
				return nil, fmt.Errorf("asking who is in a channel: %w", err)
			}
			for _, u := range page.Members {
				here[string(u)] = true
			}
			if from = page.next(); from == "" {
				break
			}
		}
		return here, nil
	})
}
