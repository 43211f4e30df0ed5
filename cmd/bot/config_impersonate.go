package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/3astronautas/algesta/kube"
)

// impersonatedFile is who somebody of Slack is in a cluster, as the configuration has it.
type impersonatedFile struct {
	Slack  string   `yaml:"slack"`
	User   string   `yaml:"user"`
	Groups []string `yaml:"groups"`
}

type impersonatedFiles []impersonatedFile

// memberID is that of a person in Slack.
var memberID = regexp.MustCompile(`^[UW][A-Z0-9]+$`)

// byPerson are all by their IDs in Slack; nil for none.
func (all impersonatedFiles) byPerson() map[string]kube.Impersonated {
	if len(all) == 0 {
		return nil
	}
	out := map[string]kube.Impersonated{}
	for _, i := range all {
		out[i.Slack] = kube.Impersonated{User: i.User, Groups: i.Groups}
	}
	return out
}

// noImpersonated says which clusters have an impersonate that names nobody. Without the key every change is the bot's own, so that whoever
// takes the last person out, or makes a comment of them all, would open the cluster to everybody.
func noImpersonated(b []byte) error {
	var f struct {
		Clusters []map[string]any `yaml:"clusters"`
	}
	if err := yaml.Unmarshal(b, &f); err != nil {
		return plainYAML(err)
	}
	var problems []error
	for _, k := range f.Clusters {
		list, there := k["impersonate"]
		if some, ok := list.([]any); there && (!ok || len(some) == 0) {
			problems = append(problems, fmt.Errorf("cluster %v: impersonate names nobody: name who may change something, or take the line out "+
				"where every change is to be the bot's own", k["name"]))
		}
	}
	return errors.Join(problems...)
}

// validate checks what is lost when they are kept by their IDs.
func (all impersonatedFiles) validate(cluster string) error {
	var problems []error
	for n, i := range all {
		if !memberID.MatchString(i.Slack) {
			problems = append(problems, fmt.Errorf("cluster %s: impersonate has slack: %q: write a member ID, such as U0DANA", cluster, i.Slack))
		}
		if slices.ContainsFunc(all[:n], func(o impersonatedFile) bool { return o.Slack == i.Slack }) {
			problems = append(problems, fmt.Errorf("cluster %s: impersonate has %s twice", cluster, i.Slack))
		}
	}
	return errors.Join(problems...)
}

// named are the users and the groups that the bot acts as in a cluster, each once, sorted.
func (k ClusterConfig) named() (users, groups []string) {
	for _, i := range k.Impersonate {
		users, groups = append(users, i.User), append(groups, i.Groups...)
	}
	slices.SortFunc(users, cmp.Compare[string])
	slices.SortFunc(groups, cmp.Compare[string])
	return slices.Compact(users), slices.Compact(groups)
}
