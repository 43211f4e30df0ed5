package slackd

import (
	"slices"
	"strings"
	"time"
)

func (s *Server) authTest(args) (object, error) {
	return object{
		"url": s.base + "/", "team": s.ws.Team.Name, "team_id": s.ws.Team.ID, "user": s.ws.Bot.Name, "user_id": s.ws.Bot.User,
		"bot_id": s.ws.Bot.ID, "is_enterprise_install": s.ws.Team.OrgInstall, "enterprise_id": s.ws.Team.Enterprise,
	}, nil
}

func (s *Server) teamInfo(args) (object, error) {
	return object{"team": object{"id": s.ws.Team.ID, "name": s.ws.Team.Name, "domain": s.ws.Team.Domain}}, nil
}

func (s *Server) botsInfo(a args) (object, error) {
	if id := a.str("bot"); id != s.ws.Bot.ID {
		return nil, refuse("bot_not_found")
	}
	return object{"bot": object{
		"id":      s.ws.Bot.ID,
		"deleted": false,
		"name":    s.ws.Bot.Name,
		"updated": 0,
		"app_id":  s.ws.Bot.App,
		"user_id": s.ws.Bot.User,
		"icons":   object{},
	}}, nil
}

// person is a user as users.info writes it: the e-mail only with users:read.email, and never for bots.
func (s *Server) person(u *User) object {
	profile := object{
		"real_name":               u.RealName,
		"display_name":            u.Name,
		"real_name_normalized":    u.RealName,
		"display_name_normalized": u.Name,
		"title":                   u.Title,
		"team":                    u.Team,
	}
	if s.manifest.hasScope("users:read.email") && u.Email != "" && !u.Bot {
		profile["email"] = u.Email
	}
	o := object{"id": u.ID, "team_id": u.Team, "name": u.Name, "deleted": u.Deactivated, "is_bot": u.Bot, "profile": profile, "updated": 0}
	if len(u.Workspaces) > 0 {
		o["enterprise_user"] = object{
			"id":              u.ID,
			"enterprise_id":   s.ws.Team.Enterprise,
			"enterprise_name": s.ws.Team.Name,
			"is_admin":        false,
			"is_owner":        false,
			"teams":           u.Workspaces,
		}
	}
	if u.Team == noTeam {
		delete(o, "team_id")
	}
	if u.Deactivated {
		return o // Slack leaves the rest out
	}
	_, offset := time.Now().In(zone(u)).Zone()
	o["real_name"], o["tz"], o["tz_offset"] = u.RealName, u.Zone, offset
	o["is_restricted"], o["is_ultra_restricted"], o["is_admin"], o["is_owner"] = u.Guest, false, false, false
	o["is_app_user"], o["is_stranger"] = false, !s.belongs(u)
	return o
}

// noTeam as a person's team leaves team_id out.
const noTeam = "none"

// belongs reports whether the person is a member of this workspace.
func (s *Server) belongs(u *User) bool {
	return u.Team == s.ws.Team.ID || slices.Contains(u.Workspaces, s.ws.Team.ID)
}

func zone(u *User) *time.Location {
	if loc, err := time.LoadLocation(u.Zone); err == nil {
		return loc
	}
	return time.UTC
}

func (s *Server) usersInfo(a args) (object, error) {
	u, ok := s.users[a.str("user")]
	if !ok {
		return nil, refuse("user_not_found")
	}
	return object{"user": s.person(u)}, nil
}

// people are all users, the bot too, by ID.
func (s *Server) people() []*User {
	var all []*User
	for _, u := range s.users {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *User) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func (s *Server) usersList(a args) (object, error) {
	part, meta, err := page(a, s.people(), 1000)
	if err != nil {
		return nil, err
	}
	members := []object{}
	for _, u := range part {
		members = append(members, s.person(u))
	}
	return object{"members": members, "cache_ts": time.Now().Unix(), "response_metadata": meta}, nil
}

// usersLookupByEmail finds active people only, as Slack does.
func (s *Server) usersLookupByEmail(a args) (object, error) {
	for _, u := range s.people() {
		if u.Email != "" && strings.EqualFold(u.Email, a.str("email")) && !u.Deactivated && !u.Bot {
			return object{"user": s.person(u)}, nil
		}
	}
	return nil, refuse("users_not_found")
}

func (s *Server) usergroupsList(a args) (object, error) {
	if s.ws.Team.NoGroups {
		return nil, refuse("plan_upgrade_required")
	}
	groups := []object{}
	for _, g := range s.ws.Groups {
		o := object{"id": g.ID, "team_id": s.ws.Team.ID, "is_usergroup": true, "name": g.Name, "handle": g.Handle, "date_delete": 0}
		if a.flag("include_users") {
			o["users"] = g.Users
		}
		if a.flag("include_count") {
			o["user_count"] = len(g.Users)
		}
		groups = append(groups, o)
	}
	return object{"usergroups": groups}, nil
}

func (s *Server) usergroupsUsersList(a args) (object, error) {
	if s.ws.Team.NoGroups {
		return nil, refuse("plan_upgrade_required")
	}
	for _, g := range s.ws.Groups {
		if g.ID == a.str("usergroup") {
			return object{"users": slices.Clone(g.Users)}, nil
		}
	}
	return nil, refuse("no_such_subteam")
}

// UpdateUser changes a person while the server runs: deactivates them, makes them a guest. An unknown ID is a new person.
func (s *Server) UpdateUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	setDefault(&u.Zone, "America/Bogota")
	setDefault(&u.Team, s.ws.Team.ID)
	s.users[u.ID] = &u
	s.touch()
}

// SetGroup changes who is in a user group while the server runs.
func (s *Server) SetGroup(id string, users ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := slices.Clone(s.ws.Groups)
	for i := range groups {
		if groups[i].ID == id {
			groups[i].Users = users
		}
	}
	s.ws.Groups = groups
	s.touch()
}
