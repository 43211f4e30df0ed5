package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

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
	// Alertmanager is where webhooks are taken; without an address none are.
	Alertmanager alertmanagerFile `yaml:"alertmanager"`
}

type alertmanagerFile struct {
	Listen    string `yaml:"listen"`
	TokenFile string `yaml:"tokenFile"`
}

// AlertmanagerConfig is where the webhooks of Alertmanagers are taken, and the token that they have to send. Listen is "" where none are.
type AlertmanagerConfig struct {
	Listen string
	Token  slack.Secret
}

// leastToken is the length of a token that nobody can guess.
const leastToken = 16

// config reads the token. No error ever holds any of it.
func (f alertmanagerFile) config() (AlertmanagerConfig, error) {
	switch {
	case f.Listen == "" && f.TokenFile == "":
		return AlertmanagerConfig{}, nil
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
	return AlertmanagerConfig{Listen: f.Listen, Token: slack.Secret(token)}, nil
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
		Rules: map[string]incidents.RuleSetting{},
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
