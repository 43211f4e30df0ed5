package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/3astronautas/algesta/deploy"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/slack"
	"github.com/3astronautas/algesta/words"
)

// clockMost is how far the clock of this machine may be from Slack's, whose head of an answer counts whole seconds. Tokens of clusters are
// refused where it's off by minutes.
const clockMost = 30 * time.Second

// neededScopes are those of the app's manifest.
func neededScopes() ([]string, error) {
	var manifest struct {
		OAuth struct {
			Scopes struct {
				Bot []string `json:"bot"`
			} `json:"scopes"`
		} `json:"oauth_config"`
	}
	err := yaml.Unmarshal(deploy.SlackManifest, &manifest)
	return manifest.OAuth.Scopes.Bot, err
}

// examineSlack looks at the tokens, the connection, the channels and the user groups. p is nil where there's no policy.
func examineSlack(
	ctx context.Context, cfg Config, file configFile, p *policy.Policy, env func(string) string, connection func() (here, elsewhere int),
) examination {
	e := examination{title: "Slack"}
	app, err := token("appTokenFile", file.Slack.AppTokenFile, appTokenVariable, "xapp-", env)
	if err != nil {
		e.add(broken, "make one on the app's page: Basic Information, App-Level Tokens, with connections:write", "%v", err)
	}
	bot, err := token("botTokenFile", file.Slack.BotTokenFile, botTokenVariable, "xoxb-", env)
	if err != nil {
		e.add(broken, "install the app, then copy the token from its page: OAuth & Permissions", "%v", err)
	}
	checker := slack.NewChecker(bot, app, cfg.Slack.APIURL)
	team := ""
	if bot != "" {
		team = examineAccount(ctx, &e, cfg, checker)
	}
	if team != "" {
		examineChannels(ctx, &e, cfg, checker)
		if p != nil {
			examineGroups(ctx, &e, p, checker)
			examinePeople(ctx, &e, team, p, checker)
		}
	}
	if app == "" {
		return e
	}
	if connection != nil {
		here, elsewhere := connection()
		sayConnected(&e, here, elsewhere)
		return e
	}
	examineConnection(ctx, &e, cfg, checker)
	return e
}

// examineAccount looks at the bot token, and is the workspace that it's for; "" where Slack doesn't take it.
func examineAccount(ctx context.Context, e *examination, cfg Config, checker *slack.Checker) (team string) {
	account, err := checker.Account(ctx)
	if err != nil {
		sayToken(e, "bot", err)
		return ""
	}
	e.ok("the bot token is that of @%s in the workspace %s (%s)", account.Name, account.TeamName, account.Team)
	if account.Organisation {
		e.add(broken, "install it in the one workspace that it works for", "the app is installed for a whole organisation (Enterprise Grid)")
	}
	if cfg.Slack.TeamID != "" && cfg.Slack.TeamID != account.Team {
		e.add(broken, "correct slack.teamID, or use the token of that workspace", "the configuration is for the workspace %s", cfg.Slack.TeamID)
	}
	const page = "on the app's page, under OAuth & Permissions; then install the app again"
	needed, err := neededScopes()
	switch {
	case err != nil:
		e.add(unchecked, "", "couldn't read the scopes of the app's manifest (%v)", err)
	case len(account.Scopes) == 0:
		e.add(unchecked, "", "couldn't check the scopes (Slack didn't say which the token has)")
	default:
		missing, more := without(needed, account.Scopes), without(account.Scopes, needed)
		if len(missing) > 0 {
			e.add(broken, "add them "+page, "the token lacks %s", words.List(missing))
		} else {
			e.ok("it has all %s of the app's manifest", words.Count(len(needed), "scope"))
		}
		if len(more) > 0 {
			e.add(attention, "take them away "+page, "it also has %s, which the bot doesn't use", words.List(more))
		}
	}
	switch off := time.Since(account.Clock).Abs(); {
	case account.Clock.IsZero():
		e.add(unchecked, "", "couldn't compare the clock with Slack's (it didn't say the time)")
	case off > clockMost:
		e.add(broken, "let the machine keep its time by NTP", "this machine's clock is off by %s", words.Span(off))
	default:
		e.ok("the clock agrees with Slack's")
	}
	return account.Team
}

// sayToken says that a token doesn't work, or that it couldn't be tried.
func sayToken(e *examination, name string, err error) {
	what, do := slack.Trouble(err)
	if slack.Refused(err) {
		e.add(broken, do, "the %s token doesn't work: %s", name, what)
	} else {
		e.add(unchecked, do, "couldn't check the %s token (%s)", name, what)
	}
}

// without are the words of all that aren't among others.
func without(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(others, s) })
}

// examineChannels looks at the channels that the configuration names.
func examineChannels(ctx context.Context, e *examination, cfg Config, checker *slack.Checker) {
	var ids []string
	for _, r := range cfg.Incidents.Routes {
		ids = append(ids, r.Channel)
	}
	ids = append(ids, cfg.Slack.SharedChannels...)
	if cfg.Slack.AdminChannel != "" {
		ids = append(ids, cfg.Slack.AdminChannel)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		c, err := checker.Channel(ctx, id)
		what, do := slack.Trouble(err)
		switch {
		case err != nil:
			e.add(unchecked, do, "couldn't check the channel %s (%s)", id, what)
		case !c.Found:
			e.add(broken, "correct its ID, or invite the bot if it's private: /invite @algesta", "there's no channel %s that the bot can see", id)
		case c.Archived:
			e.add(broken, "name another channel", "#%s (%s) is archived", c.Name, id)
		case !c.Member:
			e.add(broken, "type /invite @algesta there", "the bot isn't in #%s (%s), so it can't post there", c.Name, id)
		default:
			e.ok("the bot is in #%s (%s)", c.Name, id)
		}
	}
}

// examineGroups looks for the user groups that the policy names.
func examineGroups(ctx context.Context, e *examination, p *policy.Policy, checker *slack.Checker) {
	named := p.Groups()
	if len(named) == 0 {
		return
	}
	there, have, err := checker.Groups(ctx)
	if err != nil {
		what, do := slack.Trouble(err)
		e.add(unchecked, do, "couldn't check the policy's user groups (%s)", what)
		return
	}
	if !have {
		e.add(broken, "name people by their IDs, as user:U…, in the policy",
			"this workspace's plan has no user groups: rules that name %s apply to nobody", words.List(named))
		return
	}
	if missing := without(named, there); len(missing) > 0 {
		e.add(broken, "correct the IDs in the policy, or switch the groups on again in Slack",
			"the policy names user groups that aren't in the workspace: %s", words.List(missing))
		return
	}
	e.ok("the policy's %s are in the workspace", words.Count(len(named), "user group"))
}

// mostPeople is how many people of a policy are looked up: Slack answers fifty such questions in a minute, and a running bot asks, too.
const mostPeople = 25

// examinePeople looks for the people that the policy names one by one: nobody notices a mistyped ID but the one who is refused.
func examinePeople(ctx context.Context, e *examination, team string, p *policy.Policy, checker *slack.Checker) {
	all := p.People()
	asked := all[:min(len(all), mostPeople)]
	wrong := 0
	for _, person := range asked {
		why, err := checker.Here(ctx, team, person)
		if err != nil {
			what, do := slack.Trouble(err)
			e.add(unchecked, do, "couldn't check the policy's people (%s)", what)
			return
		}
		if why != "" {
			wrong++
			how := attention // somebody who left the company does no harm
			if why == slack.NotHere {
				how = broken
			}
			e.add(how, "correct it in the policy, or take it out", "the policy names %s, who %s: the bot takes nothing from them", person, why)
		}
	}
	switch {
	case len(asked) == 0 || wrong > 0:
	case len(asked) < len(all):
		e.ok("%d of the policy's %d people were looked up, and are in the workspace", len(asked), len(all))
	default:
		e.ok("the policy's %s in the workspace", peopleAre(len(all)))
	}
}

func peopleAre(n int) string {
	if n == 1 {
		return "1 person is"
	}
	return fmt.Sprintf("%d people are", n)
}

const secondProcess = "end the other process, or give one of them an app of its own: each takes a part of the commands"

// sayConnected tells of the connections of a bot that runs.
func sayConnected(e *examination, sockets, others int) {
	switch {
	case sockets == 0:
		e.add(broken, "its log says why", "the bot that runs here has no connection to Slack")
	case others > 0:
		e.add(broken, secondProcess, "another process has %s with the same app token", words.Count(others, "connection"))
	default:
		e.ok("the bot that runs here has %s to Slack, and nobody else has one with the same token", words.Count(sockets, "connection"))
	}
}

// examineConnection looks whether Slack connects, and whether anybody else does with the same token.
func examineConnection(ctx context.Context, e *examination, cfg Config, checker *slack.Checker) {
	if sockets, others, ok := runningBot(ctx, cfg.Listen); ok {
		sayConnected(e, sockets, others)
		return
	}
	others, err := checker.Sockets(ctx)
	if err != nil {
		sayToken(e, "app", err)
		return
	}
	e.ok("the app token opens a connection")
	if others > 0 {
		e.add(attention, "if that isn't the bot that should run: "+secondProcess, "a process elsewhere has %s with the same app token",
			words.Count(others, "connection"))
	}
}

// runningBot asks the bot that runs on this machine, or in this pod, about its connections; false where none answers.
func runningBot(ctx context.Context, listen string) (sockets, others int, ok bool) {
	_, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" {
		return 0, 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", port)+"/readyz", nil)
	if err != nil {
		return 0, 0, false
	}
	direct := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	answer, err := direct.Do(req)
	if err != nil {
		return 0, 0, false
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	var said struct {
		Sockets *int `json:"sockets"`
		Others  int  `json:"otherSockets"`
	}
	if json.NewDecoder(answer.Body).Decode(&said) != nil || said.Sockets == nil {
		return 0, 0, false // something else listens there
	}
	return *said.Sockets, said.Others, true
}
