package slack

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// user is what is read of a person in users.info and users.list.
type user struct {
	ID           lenientString `json:"id"`
	TeamID       lenientString `json:"team_id"`
	Name         lenientString `json:"name"`
	RealName     lenientString `json:"real_name"`
	Deleted      lenientBool   `json:"deleted"`
	Bot          lenientBool   `json:"is_bot"`
	AppUser      lenientBool   `json:"is_app_user"`
	WorkflowBot  lenientBool   `json:"is_workflow_bot"`
	Stranger     lenientBool   `json:"is_stranger"`
	Guest        lenientBool   `json:"is_restricted"`
	ChannelGuest lenientBool   `json:"is_ultra_restricted"`
	Profile      struct {
		RealName    lenientString `json:"real_name"`
		DisplayName lenientString `json:"display_name"`
		Email       lenientString `json:"email"`
	} `json:"profile"`
	// On Enterprise Grid: the workspaces of the organisation that the person is in.
	Teams      []lenientString `json:"teams"`
	Enterprise struct {
		Teams []lenientString `json:"teams"`
	} `json:"enterprise_user"`
}

// in reports whether the person is a member of the workspace. On Enterprise Grid team_id may be missing or that of another workspace of the
// organisation; then the list of workspaces decides.
func (u user) in(team string) bool {
	return string(u.TeamID) == team || slices.Contains(u.Enterprise.Teams, lenientString(team)) ||
		slices.Contains(u.Teams, lenientString(team))
}

// actorOf applies the standing rules (design.md, decision 11).
func actorOf(id algesta.PersonID, u user) algesta.Actor {
	a := algesta.Actor{ID: id, Name: displayName(u), Standing: algesta.Member}
	switch {
	case bool(u.Bot || u.AppUser || u.WorkflowBot) || u.ID == "USLACKBOT":
		a.Standing = algesta.Bot
	case string(u.ID) != id.User || !u.in(id.Team) || bool(u.Stranger):
		a.Standing = algesta.Stranger
	case bool(u.Deleted):
		a.Standing = algesta.Deactivated
	case bool(u.Guest || u.ChannelGuest):
		a.Standing = algesta.Guest
	default:
		a.Email = strings.ToLower(strings.TrimSpace(string(u.Profile.Email)))
	}
	return a
}

// displayName is for printing; people choose it, so it is cleaned and short.
func displayName(u user) string {
	name := first(string(u.Profile.RealName), string(u.RealName), string(u.Profile.DisplayName), string(u.Name))
	name, _ = cut(sanitizer{}.line(name), maxName)
	return first(name, string(u.ID))
}
