package incidents

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// RuleName is what the policy and the audit call the requester of what an incident shows: its subject is "rule:incidents".
const RuleName = "incidents"

// What the configuration may leave out, and its bounds.
const (
	DefaultWait   = 30 * time.Second
	DefaultSettle = 30 * time.Second
	mostWait      = time.Hour
)

// Rule is one kind of trouble that the cluster itself shows, and how long it has to last before it's reported.
type Rule struct {
	Name    string
	Summary string
	// Wait is for what is normal for a while; 0 is Config.Wait.
	Wait time.Duration
}

// Rules are the rules about the cluster, in the order of the documentation.
func Rules() []Rule {
	return []Rule{
		{Name: RolloutFailed, Summary: "A Deployment has not come up within its progress deadline."},
		{Name: CrashLoop, Summary: "A container crashes again and again."},
		{Name: ImagePull, Summary: "An image can't be pulled."},
		{Name: CannotStart, Summary: "A container can't be started: its configuration, its command or a volume is wrong."},
		{Name: Unschedulable, Summary: "A pod finds no node.", Wait: 2 * time.Minute},
		{Name: NodeNotReady, Summary: "A node isn't ready.", Wait: time.Minute},
		{Name: EndpointsGone, Summary: "A Deployment that should run has no ready pod left, or a Service no ready endpoint.", Wait: time.Minute},
		{Name: CertificateFailing, Summary: "A certificate isn't ready, or is past its renewal time.", Wait: 5 * time.Minute},
		{Name: QuotaFull, Summary: "A quota of the namespace is used up.", Wait: 5 * time.Minute},
		{Name: AutoscalerAtMax, Summary: "An autoscaler wants more pods than its maximum.", Wait: 15 * time.Minute},
		{Name: Alertmanager, Summary: "An Alertmanager says that an alert fires."},
	}
}

// The names of the rules, as the configuration, the audit and the metrics have them.
const (
	RolloutFailed      = algesta.RolloutFailed
	CrashLoop          = "crash-loop"
	ImagePull          = "image-pull"
	CannotStart        = "cannot-start"
	Unschedulable      = "unschedulable"
	NodeNotReady       = "node-not-ready"
	EndpointsGone      = "endpoints-gone"
	CertificateFailing = "certificate"
	QuotaFull          = "quota-full"
	AutoscalerAtMax    = "autoscaler-at-maximum"
)

// RuleSetting is what the configuration says about one rule.
type RuleSetting struct {
	Off  bool
	Wait time.Duration // 0 leaves the rule's own
}

// Route sends incidents to a channel.
type Route struct {
	Channel string // its ID
	// Environments and Severities are those that it takes; empty for all.
	Environments []string
	Severities   []algesta.Severity
}

// Config says what is reported, when and where. Without routes nothing is.
type Config struct {
	// Wait is how long trouble has to last before it's reported, where its rule has no longer time of its own.
	Wait time.Duration
	// Settle is how long it has to be gone before it counts as over.
	Settle time.Duration
	Rules  map[string]RuleSetting
	// Routes are asked in their order; the first that fits has the incident. Where none fits it isn't reported.
	Routes []Route
	// Channels are those that people make for incidents.
	Channels ChannelConfig
	// Maintenance are the times in which nobody is told of new incidents.
	Maintenance []Maintenance
}

// On reports whether anything is reported at all.
func (c Config) On() bool { return len(c.Routes) > 0 }

var channelID = regexp.MustCompile(`^[CG][A-Z0-9]+$`)

// Validate lists everything that does not fit, in sentences for the operator. environments are the canonical names.
func (c Config) Validate(environments []string) error {
	var problems []error
	for name, d := range map[string]time.Duration{"wait": c.Wait, "settle": c.Settle} {
		if d <= 0 || d > mostWait {
			problems = append(problems, fmt.Errorf("incidents.%s is %s: write a duration of up to %s, such as 30s", name, d, mostWait))
		}
	}
	known := names()
	for name, r := range c.Rules {
		if !slices.Contains(known, name) {
			problems = append(problems, fmt.Errorf("incidents.rules: there is no rule %q%s", name, meant(name, known)))
		}
		if r.Wait < 0 || r.Wait > 24*time.Hour {
			problems = append(problems, fmt.Errorf("incidents.rules.%s: wait is %s: write a duration of up to a day, such as 2m", name, r.Wait))
		}
	}
	for i, r := range c.Routes {
		problems = append(problems, r.validate(i+1, environments))
	}
	problems = append(problems, c.Channels.validate())
	for _, e := range c.Channels.Environments {
		if !slices.Contains(environments, e) {
			problems = append(problems, fmt.Errorf("incidents.channels: there is no environment %q%s", e, meant(e, environments)))
		}
	}
	for i, m := range c.Maintenance {
		for _, e := range m.Environments {
			if !slices.Contains(environments, e) {
				problems = append(problems, fmt.Errorf("incidents: maintenance %d: there is no environment %q%s", i+1, e, meant(e, environments)))
			}
		}
	}
	return errors.Join(problems...)
}

func (r Route) validate(n int, environments []string) error {
	var problems []error
	if !channelID.MatchString(r.Channel) {
		problems = append(
			problems, fmt.Errorf("incidents: route %d has the channel %q: write the channel's ID, such as C0INCIDENTS", n, r.Channel),
		)
	}
	for _, e := range r.Environments {
		if !slices.Contains(environments, e) {
			problems = append(problems, fmt.Errorf("incidents: route %d: there is no environment %q%s", n, e, meant(e, environments)))
		}
	}
	for _, s := range r.Severities {
		if !slices.Contains(algesta.Severities(), s) {
			problems = append(problems, fmt.Errorf("incidents: route %d: there is no severity %q: write critical, warning or info", n, s))
		}
	}
	return errors.Join(problems...)
}

func meant(word string, known []string) string {
	if near := words.Nearest(word, known); near != "" {
		return ": did you mean " + near + "?"
	}
	return ": write one of " + words.Or(known)
}

func names() []string {
	var out []string
	for _, r := range Rules() {
		out = append(out, r.Name)
	}
	return out
}

// channel is where an incident is posted; "" for nowhere.
func (c Config) channel(environment string, s algesta.Severity) string {
	for _, r := range c.Routes {
		if (len(r.Environments) == 0 || slices.Contains(r.Environments, environment)) &&
			(len(r.Severities) == 0 || slices.Contains(r.Severities, s)) {
			return r.Channel
		}
	}
	return ""
}

// Leads reports whether the routes send incidents of an environment to a channel, of some severity: its readers may read what was
// found there.
func (c Config) Leads(environment, channel string) bool {
	return slices.ContainsFunc(algesta.Severities(), func(s algesta.Severity) bool {
		return channel != "" && c.channel(environment, s) == channel
	})
}

// shares reports whether what was found in one environment may be posted wherever the incidents of another are.
func (c Config) shares(found, told string) bool {
	return !slices.ContainsFunc(algesta.Severities(), func(s algesta.Severity) bool {
		channel := c.channel(told, s)
		return channel != "" && !c.Leads(found, channel)
	})
}

// waits is how long what a rule sees has to last; on is false for a rule that is switched off.
func (c Config) waits(rule string) (wait time.Duration, on bool) {
	wait = c.Wait
	for _, r := range Rules() {
		if r.Name == rule {
			wait = max(wait, r.Wait)
		}
	}
	s := c.Rules[rule]
	if s.Wait > 0 {
		wait = s.Wait
	}
	return wait, !s.Off
}
