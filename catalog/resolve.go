package catalog

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// NameError is the cause of an error about names when it is known what was probably meant: a caller that knows the whole
// command can offer it again with these names. "" is a name that the person has to choose: none is ever filled in.
type NameError struct{ service, environment string }

// Error is for the log.
func (m NameError) Error() string { return "probably meant " + m.service + " in " + m.environment }

// Meant are the names to use instead.
func (m NameError) Meant() (service, environment string) { return m.service, m.environment }

// Resolve finds the service in the environment, both as typed: in any case, by alias, in either order, or the Deployment's
// own name, which may stand for both. An empty service gives the environment alone, for commands about something else in it.
//
// A service that is configured, or whose Deployment was there once, is found although it's gone: see Gone. Any other name that
// is not there is an *algesta.Error of kind ErrUnknownName; a missing one is ErrUsage; where it is known what was
// meant, a NameError is its cause. Names of what is not visible are neither suggested nor denied: there the target follows
// from the template, and the policy decides.
func (c *Catalog) Resolve(_ context.Context, service, env string, visible func(algesta.Target) bool) (algesta.Target, error) {
	l := lookup{Catalog: c, visible: visible}
	service, env = bare(service), folded(env)
	if env == "" {
		return l.withoutEnvironment(service)
	}
	if i, ok := c.words[env]; ok {
		t, err := l.in(i, service)
		return t, inOwnWord(err, c.envs[i].Name, env)
	}
	if i, swapped := c.words[service]; swapped { // "rollback production api-gateway"
		t, err := l.in(i, bare(env))
		return t, inOwnWord(err, c.envs[i].Name, service)
	}
	return algesta.Target{}, l.unknownEnvironment(service, env)
}

// inOwnWord is an error whose suggestion calls the environment as the person did: only the wrong word is replaced.
func inOwnWord(err error, environment, typed string) error {
	known, ok := errors.AsType[*algesta.Error](err)
	if !ok {
		return err
	}
	if m, names := known.Err.(NameError); names && m.environment == environment { //nolint:errorlint // its own cause, not one of another
		known.Err = NameError{m.service, typed}
	}
	return err
}

// bare is a typed name in lower case, without kubectl's "deployment/".
func bare(s string) string {
	s = folded(s)
	for _, kind := range []string{"deployment/", "deployments/", "deploy/", "deployment.apps/"} {
		if name, ok := strings.CutPrefix(s, kind); ok {
			return name
		}
	}
	return s
}

// lookup is one question of one person.
type lookup struct {
	*Catalog
	visible func(algesta.Target) bool
}

// in resolves a service in a known environment.
func (l lookup) in(i int, service string) (algesta.Target, error) {
	e := l.envs[i]
	if service == "" {
		return e.place(), nil
	}
	found, synced := l.discovered(i)
	if t, ok := l.among(e, found, service); ok {
		return t, nil
	}
	if t, ok := l.amongGone(i, service); ok {
		return t, nil
	}
	if t, other := l.elsewhereOf(i, service); other {
		return algesta.Target{}, &algesta.Error{
			Kind:    algesta.ErrUnknownName,
			Message: algesta.Say("{} belongs to {}, not to {}.", service, t.Environment, e.Name),
			Err:     NameError{t.Service, e.Name}, // the environment is as it was typed
		}
	}
	t, valid := l.byTemplate(e, service)
	if owner, ok := l.ownerOf(e, t.Name); valid && ok && owner.Name != e.Name { // also before the namespace was read
		switch seen := l.visible(owner.place()); {
		case !seen && l.visible(e.place()): // as what isn't there
			return algesta.Target{}, l.unknownService(e, found, service)
		case !seen: // nothing is allowed in this environment either
			return t, nil
		}
		called, _ := owner.serviceOf(t.Name)
		return algesta.Target{}, &algesta.Error{
			Kind:    algesta.ErrUnknownName,
			Message: algesta.Say("{} belongs to {}, not to {}.", t.Name, owner.Name, e.Name),
			Err:     NameError{called, e.Name},
		}
	}
	if valid && (!synced || l.named[t.Service] || !l.visible(e.place())) {
		return t, nil
	}
	return algesta.Target{}, l.unknownService(e, found, service)
}

// among looks the service up in what was discovered: by name, alias or Deployment.
func (l lookup) among(e environment, found services, service string) (algesta.Target, bool) {
	for _, s := range []string{service, l.aliases[service]} {
		if d, ok := found.deployment[s]; ok {
			return e.target(s, d), true
		}
	}
	if s, ok := found.service[service]; ok {
		return e.target(s, service), true
	}
	return algesta.Target{}, false
}

// amongGone looks the service up in what was there once: someone who asks why it does not answer isn't told that it never existed. Of
// several Deployments of one service it is the one that was there last.
func (l lookup) amongGone(i int, service string) (t algesta.Target, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var last left
	for _, deployment := range slices.Sorted(maps.Keys(l.gone[i])) {
		was := l.gone[i][deployment]
		if called := deployment == service || was.service == service ||
			was.service == l.aliases[service]; called &&
			(!ok || was.until.After(last.until)) {
			t, last, ok = l.envs[i].target(was.service, deployment), was, true
		}
	}
	return t, ok
}

// byTemplate is where the service has to be if it exists; valid is false for what cannot be a name.
func (l lookup) byTemplate(e environment, service string) (t algesta.Target, valid bool) {
	if alias, ok := l.aliases[service]; ok {
		service = alias
	}
	if !dnsName.MatchString(service) {
		return t, false
	}
	if s, ok := e.serviceOf(service); ok && e.before+e.after != "" && !l.named[service] { // the Deployment's own name
		return e.target(s, service), len(service) <= longestName
	}
	deployment := e.before + service + e.after
	return e.target(service, deployment), len(deployment) <= longestName
}

// elsewhereOf finds a Deployment's name that was typed with another environment than its own.
func (l lookup) elsewhereOf(not int, deployment string) (algesta.Target, bool) {
	for i, e := range l.envs {
		found, _ := l.discovered(i)
		service, ok := found.service[deployment]
		if !ok || i == not {
			continue
		}
		if t := e.target(service, deployment); l.visible(t) {
			return t, true
		}
	}
	return algesta.Target{}, false
}

// withoutEnvironment reads the environment out of a Deployment's own name, and asks for it where that is not possible.
func (l lookup) withoutEnvironment(service string) (algesta.Target, error) {
	if i, ok := l.words[service]; ok && l.visible(l.envs[i].place()) {
		e := l.envs[i]
		err := &algesta.Error{Kind: algesta.ErrUsage, Message: algesta.Say("Which service in {} do you mean?", e.Name)}
		found, _ := l.discovered(i)
		if names := l.visibleServices(e, found); len(names) > 0 {
			err.Hint = algesta.Say("I see {} there.", words.Few(names, mostListed))
			err.Err = NameError{"", e.Name}
		}
		return algesta.Target{}, err
	}
	if t, ok := l.elsewhereOf(-1, service); ok && !l.isService(service) {
		return t, nil
	}
	if i, ok := l.onlyTemplate(service); ok && !l.isService(service) {
		return l.in(i, service)
	}
	return algesta.Target{}, l.whichEnvironment(service)
}

// isService reports whether the word is a service's own name, or an alias, in some environment.
func (l lookup) isService(word string) bool {
	if _, ok := l.aliases[word]; ok || l.named[word] {
		return true
	}
	for i := range l.envs {
		found, _ := l.discovered(i)
		if d, ok := found.deployment[word]; ok && d != word {
			return true
		}
	}
	return false
}

// onlyTemplate is the one environment whose template fits the Deployment's name. A template that is only {service}
// fits everything and says nothing.
func (l lookup) onlyTemplate(deployment string) (at int, ok bool) {
	at = -1
	for i, e := range l.envs {
		if _, fits := e.serviceOf(deployment); !fits || e.before+e.after == "" {
			continue
		}
		if at >= 0 {
			return -1, false
		}
		at = i
	}
	return at, at >= 0
}

// whichEnvironment asks for the environment. It offers those where the service is, of those that the person may see, and never
// chooses one. Where every environment was read and the service is in none, it says that instead.
func (l lookup) whichEnvironment(service string) error {
	var has, all []string
	known, seen := map[string]bool{}, true
	for i, e := range l.envs {
		if !l.visible(e.place()) {
			continue
		}
		all = append(all, e.Name)
		found, synced := l.discovered(i)
		seen = seen && synced
		_, there := l.among(e, found, service)
		_, gone := l.amongGone(i, service) // someone who asks why it doesn't answer finds it there
		if there || gone {
			has = append(has, e.Name)
		}
		for _, s := range l.visibleServices(e, found) {
			known[s] = true
		}
	}
	configured := l.named[service] || l.aliases[service] != ""
	if len(has) == 0 && len(all) > 0 && seen && !configured && service != "" {
		err := &algesta.Error{
			Kind:    algesta.ErrUnknownName,
			Message: algesta.Say("There's no service \"{}\" in {}.", words.Clip(service, longestEcho), words.Or(all)),
		}
		if near := words.Nearest(service, slices.Sorted(maps.Keys(known))); near != "" {
			err.Message = err.Message.Then("Did you mean {}?", near)
			err.Err = NameError{near, ""}
		}
		return err
	}
	if len(has) == 0 {
		has = all
	}
	err := &algesta.Error{Kind: algesta.ErrUsage, Message: algesta.Say("Which environment do you mean?")}
	if len(has) > 0 {
		err.Message = algesta.Say("Which environment do you mean: {}?", words.Or(has))
		err.Err = NameError{service, ""}
	}
	return err
}

func (l lookup) unknownEnvironment(service, env string) error {
	var names, known []string
	for word, i := range l.words {
		if l.visible(l.envs[i].place()) {
			known = append(known, word)
		}
	}
	for _, e := range l.envs {
		if l.visible(e.place()) {
			names = append(names, e.Name)
		}
	}
	slices.Sort(known)
	err := &algesta.Error{Kind: algesta.ErrUnknownName, Message: algesta.Say("There's no environment \"{}\".", words.Clip(env, longestEcho))}
	if near := words.Nearest(env, known); near != "" {
		name := l.envs[l.words[near]].Name
		err.Message = err.Message.Then("Did you mean {}?", name)
		err.Err = NameError{service, name}
	} else if len(names) > 0 {
		err.Hint = algesta.Say("You can name {}.", words.Or(names))
	}
	return err
}

// unknownService says that the service is not there, and which visible one was probably meant.
func (l lookup) unknownService(e environment, found services, service string) error {
	names := l.visibleServices(e, found)
	known := slices.Clone(names)
	meaning := map[string]string{}
	for _, alias := range slices.Sorted(maps.Keys(l.aliases)) {
		if s := l.aliases[alias]; slices.Contains(names, s) {
			known, meaning[alias] = append(known, alias), s
		}
	}
	for _, s := range names {
		known, meaning[found.deployment[s]] = append(known, found.deployment[s]), s
	}
	err := &algesta.Error{
		Kind:    algesta.ErrUnknownName,
		Message: algesta.Say("There's no service \"{}\" in {}.", words.Clip(service, longestEcho), e.Name),
	}
	near := words.Nearest(service, known)
	for _, other := range l.envs { // another environment's Deployment, of a service that is here too
		if s, ok := other.serviceOf(service); ok && near == "" && slices.Contains(names, s) {
			near = s
		}
	}
	if near != "" {
		if s, ok := meaning[near]; ok && !slices.Contains(names, near) {
			near = s
		}
		err.Message = err.Message.Then("Did you mean {}?", near)
		err.Err = NameError{near, e.Name}
	} else if len(names) > 0 {
		err.Hint = algesta.Say("I see {} there.", words.Few(names, mostListed))
	}
	return err
}

// visibleServices are the discovered services that the person may know of, sorted.
func (l lookup) visibleServices(e environment, found services) []string {
	var names []string
	for s, d := range found.deployment {
		if l.visible(e.target(s, d)) {
			names = append(names, s)
		}
	}
	slices.Sort(names)
	return names
}

// The bounds of what an answer repeats or lists.
const (
	longestEcho = 40 // characters
	mostListed  = 8  // names
)
