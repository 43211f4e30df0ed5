package slack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// Checker looks at what the app's tokens are good for. It posts nothing and takes no commands.
type Checker struct {
	web web
	app Secret
	// head is what the last answer's head said.
	head *lastHead
}

// lastHead keeps the heads of answers, which hold the scopes and Slack's clock.
type lastHead struct {
	next   http.RoundTripper
	scopes string
	date   string
}

// RoundTrip implements http.RoundTripper.
func (l *lastHead) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := l.next.RoundTrip(req)
	if err == nil {
		l.scopes, l.date = answer.Header.Get("X-OAuth-Scopes"), answer.Header.Get("Date")
	}
	return answer, err
}

// NewChecker is a checker with the app's two tokens; apiURL is empty for Slack itself. It isn't safe for concurrent use.
func NewChecker(bot, app Secret, apiURL string) *Checker {
	head := &lastHead{next: http.DefaultTransport}
	client := &http.Client{Timeout: requestTimeout, Transport: head}
	return &Checker{web: web{http: client, url: first(apiURL, slackapi.APIURL), bot: bot}, app: app, head: head}
}

// Account is who the bot is in Slack, and what it may do there.
type Account struct {
	Team, TeamName string // the workspace
	User, Name     string // the bot
	Organisation   bool   // the app is installed for a whole organisation, which the bot doesn't work for
	Scopes         []string
	// Clock is what Slack's clock said; zero where it didn't.
	Clock time.Time
}

// Account asks who the bot token is. Its error is for Trouble.
func (c *Checker) Account(ctx context.Context) (Account, error) {
	var answer struct {
		Team         lenientString `json:"team_id"`
		TeamName     lenientString `json:"team"`
		User         lenientString `json:"user_id"`
		Name         lenientString `json:"user"`
		Organisation lenientBool   `json:"is_enterprise_install"`
	}
	if err := c.web.call(ctx, "auth.test", nil, &answer); err != nil {
		return Account{}, err
	}
	clean := sanitizer{}
	out := Account{
		Team: string(answer.Team), TeamName: clean.line(string(answer.TeamName)),
		User: string(answer.User), Name: clean.line(string(answer.Name)),
		Organisation: bool(answer.Organisation),
	}
	for scope := range strings.SplitSeq(c.head.scopes, ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			out.Scopes = append(out.Scopes, scope)
		}
	}
	if at, err := http.ParseTime(c.head.date); err == nil {
		out.Clock = at
	}
	return out, nil
}

// Sockets opens a connection with the app token, closes it after Slack's hello, and returns how many others the app has. Whatever Slack
// sends to it in between isn't acknowledged, so Slack sends it again to another connection, where there is one. Its error is for Trouble.
func (c *Checker) Sockets(ctx context.Context) (others int, err error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	var answer struct {
		URL lenientString `json:"url"`
	}
	if err := c.web.callAs(ctx, c.app, "apps.connections.open", nil, &answer); err != nil {
		return 0, err
	}
	k, err := dial(ctx, string(answer.URL))
	if err != nil {
		return 0, err
	}
	go k.readAll(func(frame) {}, func() {})
	defer func() {
		k.stopReading()
		<-k.done
		k.close()
	}()
	select {
	case <-k.hello:
		return max(0, k.sockets-1), nil
	case <-k.leaving:
		return 0, hungUp(k.reason)
	case <-k.done:
		return 0, errors.New("the connection was closed before its hello")
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for Slack's hello: %w", ctx.Err())
	}
}

// Channel is a channel as the bot sees it.
type Channel struct {
	Name             string
	Found            bool // the bot can see it; of a private channel only its members can
	Member, Archived bool
}

// Channel looks a channel up by its ID. Its error is for Trouble.
func (c *Checker) Channel(ctx context.Context, id string) (Channel, error) {
	var answer struct {
		Channel conversation `json:"channel"`
	}
	err := c.web.call(ctx, "conversations.info", url.Values{"channel": {id}}, &answer)
	if code(err) == "channel_not_found" {
		return Channel{}, nil
	}
	if err != nil {
		return Channel{}, err
	}
	return Channel{
		Name: sanitizer{}.line(string(answer.Channel.Name)), Found: true, Member: answer.Channel.Member, Archived: bool(answer.Channel.Archived),
	}, nil
}

// Groups are the IDs of the workspace's user groups that aren't switched off. there is false where the workspace's plan has none. Its error
// is for Trouble.
func (c *Checker) Groups(ctx context.Context) (ids []string, there bool, err error) {
	var answer struct {
		Groups []struct {
			ID lenientString `json:"id"`
		} `json:"usergroups"`
	}
	err = c.web.call(ctx, "usergroups.list", nil, &answer)
	if code(err) == noGroups {
		return nil, false, nil
	}
	for _, g := range answer.Groups {
		ids = append(ids, string(g.ID))
	}
	return ids, true, err
}

// NotHere is why somebody can't use the bot whom the workspace doesn't have.
const NotHere = "isn't in the workspace"

// Here says why a person of a policy ("user:U0DANA", or the address of a profile) can't use the bot in the workspace, "" where they can.
// Its error is for Trouble.
func (c *Checker) Here(ctx context.Context, team string, person algesta.Subject) (why string, err error) {
	method, key, id := "users.info", "user", strings.TrimPrefix(string(person), "user:")
	if id == string(person) {
		method, key = "users.lookupByEmail", "email"
	}
	var answer struct {
		User user `json:"user"`
	}
	err = c.web.call(ctx, method, url.Values{key: {id}}, &answer)
	switch name := code(err); {
	case name == "user_not_found" || name == "user_not_visible" || name == "users_not_found":
		return NotHere, nil
	case err != nil:
		return "", err
	}
	switch actorOf(algesta.PersonID{Team: team, User: string(answer.User.ID)}, answer.User).Standing {
	case algesta.Deactivated:
		return "is deactivated", nil
	case algesta.Guest:
		return "is a guest", nil
	case algesta.Bot:
		return "is an app", nil
	case algesta.Stranger:
		return NotHere, nil
	case algesta.Member:
	}
	return "", nil
}

// Refused reports whether an error says that a token isn't good for what was asked. Any other error, such as that Slack asks to wait or
// can't be reached, says nothing of the token.
func Refused(err error) bool {
	name := code(err)
	return name != "" && name != "ratelimited" || errors.Is(err, errHungUp)
}

// Trouble is what went wrong with a call, and what to do about it. Neither holds a token or an address.
func Trouble(err error) (what, do string) {
	if err == nil {
		return "", ""
	}
	var refused slackapi.SlackErrorResponse
	var unknown *net.DNSError
	switch name := code(err); {
	case name == "missing_scope":
		errors.As(err, &refused)
		return "a scope is missing: " + words.List(strings.Split(sanitizer{}.line(refused.Needed), ",")),
			"add it on the app's page, under OAuth & Permissions, and install the app again"
	case slices.Contains([]string{"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}, name):
		return "Slack answers " + name, "copy it again from the app's page; after a new installation it's another one"
	case name == "not_allowed_token_type":
		return "it's a token of another kind (" + name + ")",
			"the bot token begins with xoxb- (OAuth & Permissions), the app token with xapp- (Basic Information, App-Level Tokens)"
	case name == "ratelimited" || errors.As(err, new(*slackapi.RateLimitedError)):
		return "Slack asks to wait", "try again in a minute"
	case name != "":
		return "Slack answers " + sanitizer{}.line(name), "look it up on https://docs.slack.dev"
	case errors.Is(err, errHungUp):
		return err.Error(),
			"switch Socket Mode on on the app's page, and end other processes that use its app token: an app has ten connections at most"
	case errors.As(err, &unknown):
		return "Slack's name can't be looked up", "check the DNS of this machine or pod"
	case errors.Is(err, context.DeadlineExceeded):
		return "Slack doesn't answer", "let HTTPS out to slack.com, wss-primary.slack.com and wss-backup.slack.com, or set HTTPS_PROXY"
	}
	return "Slack can't be reached (" + sanitizer{}.line(plainError(err).Error()) + ")",
		"let HTTPS out to slack.com, wss-primary.slack.com and wss-backup.slack.com, or set HTTPS_PROXY"
}
