package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // the image has no zones of its own

	"github.com/robfig/cron/v3"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/incidents"
	"github.com/3astronautas/algesta/slack"
)

// incidentsFile is what the configuration says about incidents. Without routes none is reported.
type incidentsFile struct {
	Wait   string                  `yaml:"wait"`
	Settle string                  `yaml:"settle"`
	Rules  map[string]incidentRule `yaml:"rules"`
	Routes []incidentRoute         `yaml:"routes"`
	// Channels are those that people make for incidents.
	Channels channelsFile `yaml:"channels"`
	// Maintenance are the times in which nobody is told of new incidents.
	Maintenance []maintenanceFile `yaml:"maintenance"`
	// Alertmanager is where webhooks are taken; without an address none are.
	Alertmanager alertmanagerFile `yaml:"alertmanager"`
}

// channelsFile says which channels are for incidents, and of which environments they may be told.
type channelsFile struct {
	Names        string   `yaml:"names"`
	Environments []string `yaml:"environments"`
}

// maintenanceFile is a single time (from, until), or one that comes again (schedule, for).
type maintenanceFile struct {
	Name         string   `yaml:"name"`
	Environments []string `yaml:"environments"`
	From         string   `yaml:"from"`
	Until        string   `yaml:"until"`
	Schedule     string   `yaml:"schedule"`
	Zone         string   `yaml:"zone"`
	For          string   `yaml:"for"`
}

// longestMaintenance bounds a maintenance: what nobody wants to hear of for longer is a rule to switch off.
const longestMaintenance = 7 * 24 * time.Hour

// config reads one maintenance. The error is a sentence for the operator.
func (f maintenanceFile) config(n int) (incidents.Maintenance, error) {
	m := incidents.Maintenance{Name: f.Name, Environments: f.Environments}
	wrong := func(says string, args ...any) (incidents.Maintenance, error) {
		return m, fmt.Errorf("incidents.maintenance %d: "+says, append([]any{n}, args...)...)
	}
	once, again := f.From+f.Until != "", f.Schedule+f.For != ""
	if strings.TrimSpace(f.Name) == "" {
		return wrong("name is missing: people read it while they are told nothing")
	}
	if once == again {
		return wrong("write from and until for a single time, or schedule and for where it comes again")
	}
	var err error
	if once {
		from, e1 := time.Parse(time.RFC3339, f.From)
		until, e2 := time.Parse(time.RFC3339, f.Until)
		if errors.Join(e1, e2) != nil {
			return wrong("from and until are times with their zone, such as 2026-12-24T18:00:00-05:00")
		}
		m.From, m.Until, m.For = from, until, until.Sub(from)
	} else {
		if m.For, err = time.ParseDuration(f.For); err != nil {
			return wrong("for is %q: write a duration, such as 4h", f.For)
		}
		zone := cmp.Or(f.Zone, "UTC")
		if m.Schedule, err = cron.ParseStandard("CRON_TZ=" + zone + " " + f.Schedule); err != nil {
			return wrong("schedule is %q in the zone %q: write five fields as in crontab, such as 0 2 * * 6, and a zone such as America/Bogota",
				f.Schedule, zone)
		}
	}
	if m.For < time.Minute || m.For > longestMaintenance {
		return wrong("it lasts %s: write a time from a minute to %s", m.For, longestMaintenance)
	}
	return m, nil
}

type alertmanagerFile struct {
	Listen    string `yaml:"listen"`
	TokenFile string `yaml:"tokenFile"`
	// API is the address of an Alertmanager in which silences are made, too.
	API string `yaml:"api"`
}

// AlertmanagerConfig is where the webhooks of Alertmanagers are taken, and the token that they have to send. Listen is "" where none are.
type AlertmanagerConfig struct {
	Listen string
	Token  slack.Secret
	API    string // "" where silences are the bot's own alone
}

// leastToken is the length of a token that nobody can guess.
const leastToken = 16

// config reads the token. No error ever holds any of it.
func (f alertmanagerFile) config() (AlertmanagerConfig, error) {
	if u, err := url.Parse(f.API); f.API != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil) {
		return AlertmanagerConfig{}, errors.New("incidents.alertmanager.api is no address: write one such as http://alertmanager:9093")
	}
	switch {
	case f.Listen == "" && f.TokenFile == "":
		return AlertmanagerConfig{API: f.API}, nil
	case f.Listen == "":
		return AlertmanagerConfig{}, errors.New("incidents.alertmanager.listen is missing: write an address of its own, such as :9095")
	case f.TokenFile == "":
		return AlertmanagerConfig{}, errors.New("incidents.alertmanager.tokenFile is missing: without a token everybody could send alerts")
	}
	if _, _, err := net.SplitHostPort(f.Listen); err != nil {
		return AlertmanagerConfig{}, fmt.Errorf("incidents.alertmanager.listen is %q: write an address, such as :9095", f.Listen)
	}
	b, err := readBounded(f.TokenFile, maxTokenFile)
	if err != nil {
		return AlertmanagerConfig{}, fmt.Errorf("reading incidents.alertmanager.tokenFile: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < leastToken || strings.ContainsAny(token, " \t\r\n") {
		return AlertmanagerConfig{}, fmt.Errorf(
			"%s does not hold a token of at least %d characters without spaces: make one with openssl rand -hex 32", f.TokenFile, leastToken,
		)
	}
	return AlertmanagerConfig{Listen: f.Listen, Token: slack.Secret(token), API: f.API}, nil
}

type incidentRule struct {
	Off  bool   `yaml:"off"`
	Wait string `yaml:"wait"`
}

type incidentRoute struct {
	Channel      string   `yaml:"channel"`
	Environments []string `yaml:"environments"`
	Severities   []string `yaml:"severities"`
}

// config fills in what was left out. The error names what is no duration.
func (f incidentsFile) config() (incidents.Config, error) {
	var problems []error
	duration := func(key, text string, otherwise time.Duration) time.Duration {
		if text == "" {
			return otherwise
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("incidents.%s is %q: write a duration, such as 30s", key, text))
			return otherwise
		}
		return d
	}
	c := incidents.Config{
		Wait: duration("wait", f.Wait, incidents.DefaultWait), Settle: duration("settle", f.Settle, incidents.DefaultSettle),
		Rules:    map[string]incidents.RuleSetting{},
		Channels: incidents.ChannelConfig{Pattern: f.Channels.Names, Environments: f.Channels.Environments},
	}
	for name, r := range f.Rules {
		c.Rules[name] = incidents.RuleSetting{Off: r.Off, Wait: duration("rules."+name+".wait", r.Wait, 0)}
	}
	for _, r := range f.Routes {
		route := incidents.Route{Channel: r.Channel, Environments: r.Environments}
		for _, s := range r.Severities {
			route.Severities = append(route.Severities, algesta.Severity(s))
		}
		c.Routes = append(c.Routes, route)
	}
	for n, m := range f.Maintenance {
		window, err := m.config(n + 1)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		c.Maintenance = append(c.Maintenance, window)
	}
	return c, errors.Join(problems...)
}

// validateIncidents checks the rules and the routes.
func (c Config) validateIncidents() error {
	var environments []string
	for _, e := range c.Environments {
		environments = append(environments, e.Name)
	}
	return c.Incidents.Validate(environments)
}
