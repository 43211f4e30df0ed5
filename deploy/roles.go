package deploy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
)

// Grant is who gets the bot's rights, and where.
type Grant struct {
	// Name is that of the Roles, the ClusterRole and their bindings.
	Name string
	// Subject is the bot: its ServiceAccount, or, with an Entra identity, the User whose name is the object ID.
	Subject rbacv1.Subject
	// Namespaces are those of the environments in the cluster. Each gets a Role.
	Namespaces []string
	// Users and UserGroups are whom the bot acts as when it changes something; empty where it does so in its own name.
	Users, UserGroups []string
	// Without are commands that the bot isn't to have the rights for. They answer then which right they lack.
	Without []string
}

// labels are on everything that Objects makes.
var labels = map[string]string{"app.kubernetes.io/name": "algesta", "app.kubernetes.io/managed-by": "bot-rbac"}

// Objects are a Role and a RoleBinding in each namespace, and a ClusterRole and its binding for what is in no namespace or in all. The
// rules are what the caches and the commands declare, and nothing else. It's an error to name a command that there isn't.
func (g Grant) Objects() ([]any, error) {
	if len(g.Namespaces) == 0 {
		return nil, errors.New("there is no namespace to make Roles in: name the environments of the cluster in the configuration")
	}
	books, err := Enabled(g.Without)
	if err != nil {
		return nil, err
	}
	namespaced, everywhere := runbooks.Rules(kube.Reads, books...)
	var out []any
	for _, namespace := range slices.Sorted(slices.Values(g.Namespaces)) {
		meta := metav1.ObjectMeta{Name: g.Name, Namespace: namespace, Labels: labels}
		out = append(out,
			&rbacv1.Role{TypeMeta: kindOf("Role"), ObjectMeta: meta, Rules: namespaced},
			&rbacv1.RoleBinding{
				TypeMeta: kindOf("RoleBinding"), ObjectMeta: meta, Subjects: []rbacv1.Subject{g.Subject},
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: g.Name},
			})
	}
	everywhere = append(everywhere, actingAs("users", g.Users)...)
	everywhere = append(everywhere, actingAs("groups", g.UserGroups)...)
	meta := metav1.ObjectMeta{Name: g.Name, Labels: labels}
	return append(out,
		&rbacv1.ClusterRole{TypeMeta: kindOf("ClusterRole"), ObjectMeta: meta, Rules: everywhere},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: kindOf("ClusterRoleBinding"), ObjectMeta: meta, Subjects: []rbacv1.Subject{g.Subject},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: g.Name},
		}), nil
}

// actingAs is the right to act as these users or groups, and as nobody else.
func actingAs(resource string, names []string) []rbacv1.PolicyRule {
	if len(names) == 0 {
		return nil
	}
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{resource}, ResourceNames: names, Verbs: []string{"impersonate"}},
	}
}

func kindOf(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}

// YAML are the objects as kubectl apply takes them, one document each.
func (g Grant) YAML() ([]byte, error) {
	objects, err := g.Objects()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, object := range objects {
		b, err := yaml.Marshal(object)
		if err != nil {
			return nil, fmt.Errorf("writing a role: %w", err)
		}
		out.WriteString("---\n")
		out.Write(b)
	}
	return out.Bytes(), nil
}

// Enabled are the commands but for those named.
func Enabled(without []string) ([]runbooks.Runbook, error) {
	for _, name := range without {
		if !slices.ContainsFunc(runbooks.All(), func(r runbooks.Runbook) bool { return r.Name == name }) {
			return nil, fmt.Errorf("there is no command %q: RUNBOOKS.md lists them", name)
		}
	}
	return slices.DeleteFunc(runbooks.All(), func(r runbooks.Runbook) bool { return slices.Contains(without, r.Name) }), nil
}

// ChartRule is one rule of the chart's roles, and which commands need it.
type ChartRule struct {
	Groups    []string `json:"apiGroups"`
	Resources []string `json:"resources"`
	Verbs     []string `json:"verbs"`
	// Commands need it; none means that the bot needs it whatever it's asked.
	Commands []string `json:"commands"`
}

// ChartRules are files/rights.yaml of the chart: what a Role in each namespace and the ClusterRole allow. A rule whose commands are all
// left out by the values isn't rendered.
type ChartRules struct {
	Namespaced []ChartRule `json:"namespaced"`
	Everywhere []ChartRule `json:"everywhere"`
}

// RulesOfTheChart are the chart's, made from what the commands declare.
func RulesOfTheChart() ChartRules {
	type right struct {
		everywhere            bool
		group, resource, verb string
	}
	needed := map[right][]string{}
	note := func(command string, own []string, books ...runbooks.Runbook) {
		namespaced, everywhere := runbooks.Rules(own, books...)
		for i, rules := range [][]rbacv1.PolicyRule{namespaced, everywhere} {
			for _, rule := range rules {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						at := right{i == 1, rule.APIGroups[0], resource, verb}
						if !slices.Contains(needed[at], command) {
							needed[at] = append(needed[at], command)
						}
					}
				}
			}
		}
	}
	note("", kube.Reads)
	for _, book := range runbooks.All() {
		note(book.Name, nil, book)
	}
	// Rights of one resource that the same commands need are one rule; then resources of one group with the same verbs.
	type place struct {
		everywhere                bool
		group, resource, commands string
	}
	verbs := map[place][]string{}
	for at, commands := range needed {
		if slices.Contains(commands, "") {
			commands = nil
		}
		slices.Sort(commands)
		to := place{at.everywhere, at.group, at.resource, strings.Join(commands, "\n")}
		verbs[to] = append(verbs[to], at.verb)
	}
	type rule struct {
		everywhere             bool
		group, commands, verbs string
	}
	resources := map[rule][]string{}
	for at, may := range verbs {
		slices.Sort(may)
		to := rule{at.everywhere, at.group, at.commands, strings.Join(may, " ")}
		resources[to] = append(resources[to], at.resource)
	}
	var out ChartRules
	for at, of := range resources {
		slices.Sort(of)
		r := ChartRule{Groups: []string{at.group}, Resources: of, Verbs: strings.Fields(at.verbs), Commands: []string{}}
		if at.commands != "" {
			r.Commands = strings.Split(at.commands, "\n")
		}
		if at.everywhere {
			out.Everywhere = append(out.Everywhere, r)
		} else {
			out.Namespaced = append(out.Namespaced, r)
		}
	}
	slices.SortFunc(out.Namespaced, inOrder)
	slices.SortFunc(out.Everywhere, inOrder)
	return out
}

// inOrder sorts rules by group, resources and verbs.
func inOrder(a, b ChartRule) int {
	return cmp.Or(
		slices.Compare(a.Groups, b.Groups), slices.Compare(a.Resources, b.Resources), slices.Compare(a.Verbs, b.Verbs),
		slices.Compare(a.Commands, b.Commands),
	)
}
