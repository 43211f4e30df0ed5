// Package catalog turns what people call things into a Target: a service and an environment into cluster, namespace and
// Deployment. It knows the configured names and what the clusters' caches hold; it must never decide who may do what,
// and it never asks a cluster itself.
package catalog

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// Environment is where services run, as the configuration names it.
type Environment struct {
	Name      string
	Aliases   []string
	Cluster   string
	Namespace string
	// Deployment is the name of a service's Deployment with {service} for the service: "{service}-production".
	Deployment string
}

// Service is a service with other names for it. Services that are not configured are discovered.
type Service struct {
	Name    string
	Aliases []string
}

// Catalog resolves names. Any number of goroutines may use it.
type Catalog struct {
	envs    []environment
	words   map[string]int    // what people call an environment, lower case → its index
	aliases map[string]string // other names of services, lower case → name
	named   map[string]bool   // the configured services

	mu    sync.RWMutex
	found map[int]services        // by environment; absent until its namespace was read for the first time
	gone  map[int]map[string]left // by environment and Deployment: what was there and is not any more
}

// left is a service whose Deployment was there once.
type left struct {
	service string
	until   time.Time // when its Deployment was last there
}

// mostGone bounds how many Deployments of an environment are remembered after they went.
const mostGone = 200

// environment is an Environment with its template cut at {service}.
type environment struct {
	Environment
	before, after string
}

// services are what was discovered in one environment. The maps are replaced and never changed.
type services struct {
	deployment map[string]string // of a service
	service    map[string]string // of a deployment
}

const placeholder = "{service}"

// dnsName is what Kubernetes allows as the name of a namespace or a Deployment.
var dnsName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

// longestName is Kubernetes' bound for the name of a Deployment.
const longestName = 253

// New checks the configured names. Every word may mean one thing only; the error lists what does not fit.
func New(envs []Environment, list []Service) (*Catalog, error) {
	if len(envs) == 0 {
		return nil, fmt.Errorf("no environment is configured: name at least one")
	}
	c := &Catalog{
		words:   map[string]int{},
		aliases: map[string]string{},
		named:   map[string]bool{},
		found:   map[int]services{},
		gone:    map[int]map[string]left{},
	}
	for i, e := range envs {
		before, after, ok := strings.Cut(e.Deployment, placeholder)
		switch {
		case e.Name == "" || e.Cluster == "" || e.Namespace == "":
			return nil, fmt.Errorf("environment %d %q needs a name, a cluster and a namespace", i+1, e.Name)
		case !ok || strings.Contains(after, placeholder):
			return nil, fmt.Errorf(
				"environment %s: deployment is %q and has to contain %s once, as in \"{service}-production\"", e.Name, e.Deployment, placeholder,
			)
		}
		if err := validNames(e, before, after); err != nil {
			return nil, err
		}
		for _, w := range append([]string{e.Name}, e.Aliases...) {
			if w != "" && !words.Exact(w) {
				return nil, fmt.Errorf("environment %d: the name %q has a blank at an end, or a control character", i+1, w)
			}
			if other, taken := c.words[folded(w)]; taken || w == "" {
				return nil, fmt.Errorf("environment %s: the name %q is taken by %s", e.Name, w, envs[other].Name)
			}
			c.words[folded(w)] = i
		}
		c.envs = append(c.envs, environment{Environment: e, before: before, after: after})
	}
	if err := c.distinct(); err != nil {
		return nil, err
	}
	c.nameNamespaces()
	if err := c.addServices(list); err != nil {
		return nil, err
	}
	c.nameInSpanish()
	return c, nil
}

// folded is a name as it is looked up: in lower case and without accents.
func folded(s string) string { return words.Unaccented(strings.ToLower(strings.TrimSpace(s))) }

// validNames refuses what no cluster could hold.
func validNames(e Environment, before, after string) error {
	if !dnsName.MatchString(e.Namespace) {
		return fmt.Errorf("environment %s: %q cannot be a namespace", e.Name, e.Namespace)
	}
	if !dnsName.MatchString(before + "x" + after) {
		return fmt.Errorf("environment %s: deployment %q cannot be the name of a Deployment", e.Name, e.Deployment)
	}
	return nil
}

// distinct refuses two environments that are the same Deployments.
func (c *Catalog) distinct() error {
	seen := map[[3]string]string{}
	for _, e := range c.envs {
		key := [3]string{e.Cluster, e.Namespace, e.Deployment}
		if other, ok := seen[key]; ok {
			return fmt.Errorf("environment %s is the same as %s: make its name an alias", e.Name, other)
		}
		seen[key] = e.Name
	}
	return nil
}

// nameNamespaces lets a namespace stand for its environment, where it is the only one of that name.
func (c *Catalog) nameNamespaces() {
	count := map[string]int{}
	for _, e := range c.envs {
		count[strings.ToLower(e.Namespace)]++
	}
	for i, e := range c.envs {
		word := strings.ToLower(e.Namespace)
		if _, taken := c.words[word]; !taken && count[word] == 1 {
			c.words[word] = i
		}
	}
}

func (c *Catalog) addServices(list []Service) error {
	for _, s := range list {
		if !dnsName.MatchString(s.Name) {
			return fmt.Errorf("service %q cannot be the name of a service", s.Name)
		}
		if c.named[s.Name] {
			return fmt.Errorf("service %s is there twice", s.Name)
		}
		c.named[s.Name] = true
	}
	for _, s := range list {
		for _, a := range s.Aliases {
			word := strings.ToLower(a)
			_, isEnvironment := c.words[word]
			if a != "" && !words.Exact(a) {
				return fmt.Errorf("service %s: the alias %q has a blank at an end, or a control character", s.Name, a)
			}
			if other, taken := c.aliases[word]; taken || isEnvironment || c.named[word] || word == "" {
				return fmt.Errorf("service %s: the alias %q is taken already%s", s.Name, a, of(other))
			}
			c.aliases[word] = s.Name
		}
		if _, isEnvironment := c.words[s.Name]; isEnvironment {
			return fmt.Errorf("service %s has the name of an environment", s.Name)
		}
	}
	return nil
}

func of(other string) string {
	if other == "" {
		return ""
	}
	return " by " + other
}

// Environments are the canonical names, in the order of the configuration.
func (c *Catalog) Environments() []string {
	names := make([]string, len(c.envs))
	for i, e := range c.envs {
		names[i] = e.Name
	}
	return names
}

// Namespaces are the namespaces of a cluster that environments use, sorted: those to watch.
func (c *Catalog) Namespaces(cluster string) []string {
	var names []string
	for _, e := range c.envs {
		if e.Cluster == cluster {
			names = append(names, e.Namespace)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Update replaces what is known of one namespace by its Deployments with their labels. Call it once the namespace's
// cache is synced and whenever a Deployment comes or goes: from then on a name that is not there is unknown, but for one that was there
// before or is configured.
func (c *Catalog) Update(cluster, namespace string, deployments map[string]map[string]string) {
	for i, e := range c.envs {
		if e.Cluster != cluster || e.Namespace != namespace {
			continue
		}
		s := c.discover(e, deployments)
		c.mu.Lock()
		c.remember(i, c.found[i], s, time.Now())
		c.found[i] = s
		c.mu.Unlock()
	}
}

// remember keeps what was there before and is not now.
func (c *Catalog) remember(i int, before, now services, at time.Time) {
	gone := maps.Clone(c.gone[i])
	if gone == nil {
		gone = map[string]left{}
	}
	for deployment, service := range before.service {
		gone[deployment] = left{service, at}
	}
	for deployment := range now.service {
		delete(gone, deployment)
	}
	for len(gone) > mostGone {
		oldest := ""
		for deployment, l := range gone {
			if oldest == "" || l.until.Before(gone[oldest].until) {
				oldest = deployment
			}
		}
		delete(gone, oldest)
	}
	c.gone[i] = gone
}

// Gone says that the Deployment of a target is not in its namespace, as far as was read. until is when it was last there; zero where it
// was not there since the bot started.
func (c *Catalog) Gone(t algesta.Target) (until time.Time, gone bool) {
	for i, e := range c.envs {
		if e.Name != t.Environment || t.Name == "" {
			continue
		}
		c.mu.RLock()
		defer c.mu.RUnlock()
		found, synced := c.found[i]
		_, there := found.service[t.Name]
		return c.gone[i][t.Name].until, synced && !there
	}
	return time.Time{}, false
}

// LostIn are the configured services of an environment whose Deployments were there once and are gone, by name. What went before the bot
// started isn't known.
func (c *Catalog) LostIn(environment string) []algesta.Lost {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []algesta.Lost
	for i, e := range c.envs {
		if e.Name != environment {
			continue
		}
		for _, deployment := range slices.Sorted(maps.Keys(c.gone[i])) {
			if l := c.gone[i][deployment]; c.named[l.service] && c.found[i].deployment[l.service] == "" {
				out = append(out, algesta.Lost{Service: l.service, Deployment: deployment, Until: l.until})
			}
		}
	}
	return out
}

// discover names the services: by the template; where it does not fit by the app label, if no other Deployment
// claims that name; otherwise by the Deployment's own name.
func (c *Catalog) discover(e environment, deployments map[string]map[string]string) services {
	s := services{deployment: map[string]string{}, service: map[string]string{}}
	var rest []string
	labelled := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(deployments)) {
		if owner, ok := c.ownerOf(e, name); ok {
			if service, _ := e.serviceOf(name); owner.Name == e.Name {
				s.deployment[service], s.service[name] = name, service
			}
			continue
		}
		rest = append(rest, name)
		labelled[appLabel(deployments[name])]++
	}
	for _, name := range rest {
		service := appLabel(deployments[name])
		if _, taken := s.deployment[service]; taken || !dnsName.MatchString(service) || labelled[service] > 1 {
			service = name
		}
		if _, taken := s.deployment[service]; !taken {
			s.deployment[service], s.service[name] = name, service
		}
	}
	return s
}

// ownerOf is the environment of this one's namespace that a Deployment belongs to by its name: of the templates that fit, the one that says
// most, as api-staging is of {service}-staging and not of {service}. ok is false where none fits.
func (c *Catalog) ownerOf(e environment, deployment string) (owner environment, ok bool) {
	for _, o := range c.envs {
		if _, fits := o.serviceOf(deployment); !fits || o.Cluster != e.Cluster || o.Namespace != e.Namespace {
			continue
		}
		if !ok || len(o.before+o.after) > len(owner.before+owner.after) {
			owner, ok = o, true
		}
	}
	return owner, ok
}

// EnvironmentOf is the environment that an object of a namespace is of, by its name: where several share the namespace, the one whose
// template says most about it. It's "" where no template fits. With exactly set a template that is {service} alone says nothing: it fits
// every name, and is meant for workloads.
func (c *Catalog) EnvironmentOf(cluster, namespace, name string, exactly bool) string {
	var here []environment
	for _, e := range c.envs {
		if e.Cluster == cluster && e.Namespace == namespace {
			here = append(here, e)
		}
	}
	switch len(here) {
	case 0:
		return ""
	case 1:
		return here[0].Name
	}
	owner, ok := c.ownerOf(here[0], name)
	if !ok || exactly && owner.before+owner.after == "" {
		return ""
	}
	return owner.Name
}

// appLabel is the service's name by the labels that people use for it.
func appLabel(labels map[string]string) string {
	if app := labels["app"]; app != "" {
		return app
	}
	return labels["app.kubernetes.io/name"]
}

// serviceOf is the service that the template reads out of a Deployment's name.
func (e environment) serviceOf(deployment string) (string, bool) {
	rest, ok := strings.CutPrefix(deployment, e.before)
	if !ok {
		return "", false
	}
	service, ok := strings.CutSuffix(rest, e.after)
	return service, ok && dnsName.MatchString(service)
}

// target is a service's Deployment in the environment.
func (e environment) target(service, deployment string) algesta.Target {
	return algesta.Target{Service: service, Environment: e.Name, Cluster: e.Cluster, Namespace: e.Namespace, Name: deployment}
}

// place is the environment itself, without a service.
func (e environment) place() algesta.Target { return e.target("", "") }

// discovered is what is known of an environment; synced is false before the first Update.
func (c *Catalog) discovered(i int) (s services, synced bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, synced = c.found[i]
	return s, synced
}

// Known are the targets discovered so far: environments in their order, services by name.
func (c *Catalog) Known(context.Context) []algesta.Target {
	var out []algesta.Target
	for i, e := range c.envs {
		s, _ := c.discovered(i)
		for _, service := range slices.Sorted(maps.Keys(s.deployment)) {
			out = append(out, e.target(service, s.deployment[service]))
		}
	}
	return out
}
