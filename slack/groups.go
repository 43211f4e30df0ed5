package slack

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/sourcegraph/conc"
)

// groupsOf are the named groups with this user in them, and the time of the oldest answer.
func (d directory) groupsOf(ctx context.Context, user string, maxAge time.Duration) (in []string, oldest time.Time, err error) {
	notBefore := time.Now().Add(-maxAge)
	groups, stale := d.stale(notBefore)
	if len(stale) > askSingly ||
		len(stale) > 1 && d.members.Tokens() < float64(len(stale)) { // executions ask freshly, and each asks for all of them
		if err := d.allMembers(ctx, notBefore); err != nil {
			return nil, time.Time{}, err
		}
	}
	type answer struct {
		members
		err error
	}
	answers := make([]answer, len(groups))
	var asking conc.WaitGroup
	for i, g := range groups {
		asking.Go(func() { answers[i].members, answers[i].err = d.membersOf(ctx, g, notBefore) })
	}
	asking.Wait()
	for i, a := range answers {
		if a.err != nil {
			return nil, time.Time{}, a.err
		}
		if oldest.IsZero() || a.at.Before(oldest) {
			oldest = a.at
		}
		if a.users[user] {
			in = append(in, groups[i])
		}
	}
	return in, oldest, nil
}

// membersOf asks for one group. A group that does not exist, or is switched off, has no members: its ID in the policy gives nobody
// anything.
func (d directory) membersOf(ctx context.Context, group string, notBefore time.Time) (members, error) {
	d.facts.mu.Lock()
	known, ok := d.facts.members[group]
	d.facts.mu.Unlock()
	if ok && !known.at.Before(notBefore) {
		return known, nil
	}
	return ask(ctx, d, "group "+group, d.members, notBefore, func(ctx context.Context) (members, error) {
		m := members{users: map[string]bool{}, at: time.Now()}
		var answer struct {
			Users []lenientString `json:"users"`
		}
		err := d.web.call(ctx, "usergroups.users.list", url.Values{"usergroup": {group}}, &answer)
		d.learnPlan(err)
		if name := code(err); err != nil && name != noGroups && name != "no_such_subteam" && name != "subteam_not_found" {
			return members{}, fmt.Errorf("asking who is in %s: %w", group, err)
		}
		for _, u := range answer.Users {
			m.users[string(u)] = true
		}
		d.facts.mu.Lock()
		defer d.facts.mu.Unlock()
		d.facts.members[group] = m
		return m, nil
	})
}

// stale are the groups that the policy names, and those of them that have to be asked for again.
func (d directory) stale(notBefore time.Time) (groups, stale []string) {
	d.facts.mu.Lock()
	defer d.facts.mu.Unlock()
	for _, g := range d.facts.groups {
		if known, ok := d.facts.members[g]; !ok || known.at.Before(notBefore) {
			stale = append(stale, g)
		}
	}
	return d.facts.groups, stale
}

// allMembers asks for every group of the workspace in one call, which saves the rate when the policy names many.
func (d directory) allMembers(ctx context.Context, notBefore time.Time) error {
	_, err := ask(ctx, d, "all groups", d.groups, notBefore, func(ctx context.Context) (bool, error) {
		at := time.Now()
		all, err := d.userGroups(ctx, true)
		d.learnPlan(err)
		if err != nil && code(err) != noGroups {
			return false, fmt.Errorf("asking who is in the user groups: %w", err)
		}
		found := map[string][]lenientString{}
		for _, g := range all {
			found[string(g.ID)] = g.Users
		}
		d.facts.mu.Lock()
		defer d.facts.mu.Unlock()
		for _, g := range d.facts.groups { // one that is not there has no members
			m := members{users: map[string]bool{}, at: at}
			for _, u := range found[g] {
				m.users[string(u)] = true
			}
			d.facts.members[g] = m
		}
		return true, nil
	})
	return err
}

// userGroup is what is read of a user group in usergroups.list.
type userGroup struct {
	ID     lenientString   `json:"id"`
	Handle lenientString   `json:"handle"`
	Users  []lenientString `json:"users"`
}

// userGroups asks usergroups.list.
func (d directory) userGroups(ctx context.Context, withUsers bool) ([]userGroup, error) {
	var answer struct {
		Groups []userGroup `json:"usergroups"`
	}
	err := d.web.call(ctx, "usergroups.list", url.Values{"include_users": {strconv.FormatBool(withUsers)}}, &answer)
	return answer.Groups, err
}

// noGroups is Slack's error where the workspace's plan has no user groups. It doesn't go away on its own: such a group has no members, and
// people that a policy names on their own keep their rights.
const noGroups = "plan_upgrade_required"

// learnPlan remembers from the outcome of a call about groups whether the plan has any.
func (d directory) learnPlan(err error) {
	if err != nil && code(err) != noGroups {
		return // it says nothing
	}
	d.facts.mu.Lock()
	defer d.facts.mu.Unlock()
	d.facts.ungrouped = err != nil
}

// Ungrouped says that the workspace's plan has no user groups although the policy names some, as far as Slack was asked.
func (s *Slack) Ungrouped() bool { return s.ungrouped() }

// ungrouped says that the workspace's plan has no user groups.
func (d directory) ungrouped() bool {
	d.facts.mu.Lock()
	defer d.facts.mu.Unlock()
	return d.facts.ungrouped && len(d.facts.groups) > 0
}
