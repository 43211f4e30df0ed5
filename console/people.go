package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// People is who exists in a console, in which groups and places. It is a commands.Directory.
type People struct {
	Team   string    `json:"team"`
	People []Person  `json:"people"`
	Groups []Group   `json:"groups,omitempty"`
	Places []Channel `json:"places,omitempty"` // the first is where people type by default
}

// Person is one of them. Name is what is before the > of a line.
type Person struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	RealName    string `json:"realName,omitempty"`
	Email       string `json:"email,omitempty"`
	Guest       bool   `json:"guest,omitempty"`
	Bot         bool   `json:"bot,omitempty"`
	Deactivated bool   `json:"deactivated,omitempty"`
	Stranger    bool   `json:"stranger,omitempty"`
}

// Group is a user group, by the IDs of its members.
type Group struct {
	ID     string   `json:"id"`
	Handle string   `json:"handle"`
	Users  []string `json:"users"`
}

// Channel is a place; the bot is in it unless it says otherwise.
type Channel struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Without bool   `json:"without,omitempty"` // the bot is not in it
	Direct  bool   `json:"direct,omitempty"`
	Shared  bool   `json:"shared,omitempty"` // people of another company are in it
}

var _ commands.Directory = (*People)(nil)

// LoadPeople reads People from a YAML file. Unknown keys, missing names and names that are there twice are errors.
func LoadPeople(path string) (*People, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // the person who starts the console names the file
	if err != nil {
		return nil, fmt.Errorf("reading people: %w", err)
	}
	return ParsePeople(raw)
}

// ParsePeople reads People from YAML, as LoadPeople does.
func ParsePeople(raw []byte) (*People, error) {
	var p People
	if err := yaml.UnmarshalStrict(raw, &p); err != nil {
		return nil, fmt.Errorf("reading people: %w", err)
	}
	if p.Team == "" || len(p.People) == 0 {
		return nil, errors.New("reading people: team and people are required")
	}
	if len(p.Places) == 0 {
		p.Places = []Channel{{ID: "C0CONSOLE", Name: "console"}}
	}
	seen := map[string]bool{}
	for _, person := range p.People {
		for _, key := range []string{"name " + person.Name, "id " + person.ID} {
			if strings.HasSuffix(key, " ") || seen[key] {
				return nil, fmt.Errorf("reading people: %q is missing or there twice", key)
			}
			seen[key] = true
		}
	}
	return &p, nil
}

// Actor is the person with this ID; anyone who isn't in the file is a stranger.
func (p *People) Actor(_ context.Context, id algesta.PersonID, _ time.Duration) (algesta.Actor, error) {
	a := algesta.Actor{ID: id, AsOf: time.Now()}
	i := slices.IndexFunc(p.People, func(person Person) bool { return person.ID == id.User })
	if i < 0 || id.Team != p.Team {
		return a, nil
	}
	person := p.People[i]
	a.Name = cmp.Or(person.RealName, person.Name)
	switch {
	case person.Stranger:
		return a, nil
	case person.Deactivated:
		a.Standing = algesta.Deactivated
		return a, nil
	case person.Bot:
		a.Standing = algesta.Bot
		return a, nil
	case person.Guest:
		a.Standing = algesta.Guest
	default:
		a.Standing, a.Email = algesta.Member, strings.ToLower(person.Email)
	}
	for _, g := range p.Groups {
		if slices.Contains(g.Users, id.User) {
			a.Groups = append(a.Groups, g.ID)
		}
	}
	slices.Sort(a.Groups)
	return a, nil
}

// Place is the place with this ID; an unknown one is a place without the bot.
func (p *People) Place(_ context.Context, channel string, _ time.Duration) (commands.Place, error) {
	for _, c := range p.Places {
		if c.ID == channel {
			return commands.Place{Name: c.Name, Member: !c.Without, Direct: c.Direct, External: c.Shared}, nil
		}
	}
	return commands.Place{}, nil
}

// Link is the address of a message: a terminal has none.
func (p *People) Link(context.Context, string, string) string { return "" }

// Person is the user that a user or e-mail subject names.
func (p *People) Person(_ context.Context, s algesta.Subject) string {
	kind, id, ok := strings.Cut(string(s), ":")
	for _, person := range p.People {
		if kind == "user" && person.ID == id || (kind == "email" || !ok) && strings.EqualFold(person.Email, cmp.Or(id, kind)) {
			return person.ID
		}
	}
	return ""
}

// Absent is nobody: everyone reads the terminal.
func (p *People) Absent(context.Context, string, []algesta.Subject, int) (people []algesta.PersonID, more int, err error) {
	return nil, 0, nil
}

// Subject is what people call a subject of a policy.
func (p *People) Subject(_ context.Context, s algesta.Subject) string {
	kind, id, ok := strings.Cut(string(s), ":")
	if !ok {
		return string(s)
	}
	for _, g := range p.Groups {
		if kind == "group" && g.ID == id {
			return "@" + g.Handle
		}
	}
	for _, person := range p.People {
		if kind == "user" && person.ID == id {
			return algesta.Actor{Name: cmp.Or(person.RealName, person.Name)}.Called()
		}
	}
	return id
}

func (p *People) named(name string) (Person, bool) {
	i := slices.IndexFunc(p.People, func(person Person) bool { return person.Name == name })
	if i < 0 {
		return Person{}, false
	}
	return p.People[i], true
}

func (p *People) place(name string) (Channel, bool) {
	if name == "" {
		return p.Places[0], true
	}
	i := slices.IndexFunc(p.Places, func(c Channel) bool { return c.Name == name })
	if i < 0 {
		return Channel{}, false
	}
	return p.Places[i], true
}
