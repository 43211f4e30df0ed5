package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/incidents"
)

// incidentsFile is what the configuration says about incidents. Without routes nobody is told of any.
type incidentsFile struct {
	Wait   string                  `yaml:"wait"`
	Settle string                  `yaml:"settle"`
	Rules  map[string]incidentRule `yaml:"rules"`
	Routes []incidentRoute         `yaml:"routes"`
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
