package slackd

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// Workspace is everything that is there before the first message: who exists, in which groups, in which conversations.
type Workspace struct {
	Team     Team      `json:"team"`
	Bot      Bot       `json:"bot"`
	Users    []User    `json:"users"`
	Groups   []Group   `json:"groups,omitempty"`
	Channels []Channel `json:"channels"`
	DMs      []DM      `json:"dms,omitempty"` // between people; every member's DM with the bot exists by itself
}

// Team is the workspace's own name.
type Team struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain string `json:"domain"`
	// Enterprise is the organisation's ID (E…) on Enterprise Grid; OrgInstall says that the app is installed for all of it.
	Enterprise string `json:"enterprise,omitempty"`
	OrgInstall bool   `json:"orgInstall,omitempty"`
	// NoGroups is a plan without user groups: usergroups.* is refused for good with plan_upgrade_required.
	NoGroups bool `json:"noGroups,omitempty"`
}

// Bot is the app under test as the workspace sees it.
type Bot struct {
	User string `json:"user"` // its user, U…
	ID   string `json:"id"`   // its bot, B…
	App  string `json:"app"`  // its app, A…
	Name string `json:"name"` // what people write after the @
}

// User is one person or bot. Without a flag it is a full member.
type User struct {
	ID          string `json:"id"`
	Name        string `json:"name"` // the handle, written after @
	RealName    string `json:"realName"`
	Title       string `json:"title,omitempty"`
	Email       string `json:"email,omitempty"`
	Zone        string `json:"zone,omitempty"`  // IANA name; America/Bogota when empty
	Guest       bool   `json:"guest,omitempty"` // is_restricted
	Bot         bool   `json:"bot,omitempty"`   // another app's bot
	Deactivated bool   `json:"deactivated,omitempty"`
	Team        string `json:"team,omitempty"` // another workspace's person in a shared channel; the own team when empty
	// On Enterprise Grid: the workspaces of the organisation that the person is in. Team is then the one they came from, and "none" leaves
	// team_id out, as Slack does now and then (lookerbot#184).
	Workspaces []string `json:"workspaces,omitempty"`
}

// Group is a user group, written @handle.
type Group struct {
	ID     string   `json:"id"`
	Handle string   `json:"handle"`
	Name   string   `json:"name"`
	Users  []string `json:"users"`
}

// Channel is a public or private channel.
type Channel struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Topic    string   `json:"topic,omitempty"`
	Private  bool     `json:"private,omitempty"`
	Archived bool     `json:"archived,omitempty"`
	Shared   string   `json:"shared,omitempty"` // with another company by Slack Connect: "shared", or "pending" until it accepts
	Members  []string `json:"members"`
}

// DM is a direct conversation between two people, which the bot cannot see; with more than two, or with the bot, a group's. Nobody can be
// added to one.
type DM struct {
	ID    string   `json:"id"`
	Users []string `json:"users"`
}

// LoadWorkspace reads a workspace from a YAML file. Unknown keys and unknown people are errors.
func LoadWorkspace(path string) (Workspace, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // the person who starts the sandbox names the file
	if err != nil {
		return Workspace{}, fmt.Errorf("reading workspace: %w", err)
	}
	var w Workspace
	if err := yaml.UnmarshalStrict(raw, &w); err != nil {
		return Workspace{}, fmt.Errorf("reading workspace %s: %w", path, err)
	}
	return w, w.validate()
}

// Demo is the workspace of the demo: the identities of the example policy, three public channels and a private one.
// The bot is in #ops and #incidents only.
func Demo() Workspace {
	everyone := []string{"U0DANA", "U0LUIS", "U0MARTA", "U0CARLA", "U0PABLO", "U0ELENA", "U0NICO"}
	withBot := append([]string{"U0ALGESTA"}, everyone...)
	return Workspace{
		Team: Team{ID: "T0ALGESTA", Name: "Algesta", Domain: "algesta"},
		Bot:  Bot{User: "U0ALGESTA", ID: "B0ALGESTA", App: "A0ALGESTA", Name: "algesta"},
		Users: []User{
			{ID: "U0DANA", Name: "dana", RealName: "Dana Ortega", Title: "Developer", Email: "dana@example.com"},
			{ID: "U0LUIS", Name: "luis", RealName: "Luis Pardo", Title: "Operator, backend", Email: "luis@example.com"},
			{ID: "U0MARTA", Name: "marta", RealName: "Marta Quiroga", Title: "Operator, backend", Email: "marta@example.com"},
			{ID: "U0CARLA", Name: "carla", RealName: "Carla Mejía", Title: "Approver", Email: "carla@example.com"},
			{ID: "U0PABLO", Name: "pablo", RealName: "Pablo Rincón", Title: "Platform", Email: "pablo@example.com"},
			{ID: "U0ELENA", Name: "elena", RealName: "Elena Suárez", Title: "Platform", Email: "elena@example.com", Zone: "Europe/Madrid"},
			{ID: "U0NICO", Name: "nico", RealName: "Nico Vela", Title: "Sales (no rights)", Email: "nico@example.com"},
			{ID: "U0GINA", Name: "gina", RealName: "Gina Huésped", Title: "Guest", Email: "gina@partner.example.com", Guest: true},
			{ID: "U0GRAFANA", Name: "grafana", RealName: "Grafana", Bot: true},
			{ID: "U0OMAR", Name: "omar", RealName: "Omar Lago", Email: "omar@example.com", Deactivated: true},
		},
		Groups: []Group{
			{ID: "S0PLATFORM", Handle: "platform", Name: "Platform team", Users: []string{"U0PABLO", "U0ELENA"}},
			{ID: "S0BACKEND", Handle: "backend", Name: "Backend team", Users: []string{"U0LUIS", "U0MARTA"}},
		},
		Channels: []Channel{
			{ID: "C0OPS", Name: "ops", Topic: "Where services are operated", Members: append([]string{"U0GINA"}, withBot...)},
			{ID: "C0INCIDENTS", Name: "incidents", Topic: "Something is on fire", Members: withBot},
			{ID: "C0RANDOM", Name: "random", Topic: "Everything else", Members: everyone},
			{ID: "C0WARROOM", Name: "war-room", Topic: "Where it is quiet", Private: true, Members: []string{"U0LUIS", "U0CARLA", "U0PABLO"}},
		},
		DMs: []DM{{ID: "D0LUISMARTA", Users: []string{"U0LUIS", "U0MARTA"}}},
	}
}

func (w *Workspace) validate() error {
	known := map[string]bool{w.Bot.User: true}
	if w.Team.ID == "" || w.Bot.User == "" || w.Bot.ID == "" {
		return fmt.Errorf("workspace: team.id, bot.user and bot.id are required")
	}
	for _, u := range w.Users {
		if known[u.ID] {
			return fmt.Errorf("workspace: user %q is there twice", u.ID)
		}
		known[u.ID] = true
	}
	members := map[string][]string{}
	for _, c := range w.Channels {
		members["channel "+c.ID] = c.Members
	}
	for _, g := range w.Groups {
		members["group "+g.ID] = g.Users
	}
	for _, d := range w.DMs {
		members["dm "+d.ID] = d.Users
	}
	for where, ids := range members {
		for _, id := range ids {
			if !known[id] {
				return fmt.Errorf("workspace: %s names %q, who is not in users", where, id)
			}
		}
	}
	return nil
}
