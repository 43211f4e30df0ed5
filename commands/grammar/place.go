package grammar

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// hostPrefix marks a host among the objects.
const hostPrefix = "host/"

// object sets what the command is about.
func (r *reading) object(kind algesta.Kind, name string) error {
	if err := r.checkName(name); err != nil {
		return err
	}
	about, word := r.book.About, strings.ToLower(kind.Name)
	declared := about.Named(kind.Name)
	switch {
	case r.found():
		return r.wrong("One thing at a time: I read {} and {}.", r.out.Service+r.out.Object, clip(word+"/"+name))
	case !about.Takes(kind.Name):
		return r.elsewhereOn(kind, name)
	case declared:
		r.out.Object = word + "/" + name
	case kind.Name == "Namespace":
		r.out.Object = word
		return r.environment(name)
	default:
		r.out.Service = name
	}
	return nil
}

// worksOn is the error for something that the command does not take.
func (r *reading) worksOn(typed string) error {
	if r.book.About.Nothing() {
		return r.wrong("{} takes nothing more: leave out {}.", r.book.Name, clip(typed))
	}
	return r.wrong("{} works on {}, not on {}.", r.book.Name, r.book.About.Things(), clip(typed))
}

// found reports whether it is known already what the command is about.
func (r *reading) found() bool { return r.out.Service != "" || r.out.Object != "" }

// ambiguous is the error for two environments.
func (r *reading) ambiguous(one, other string) error {
	so := r.soFar()
	return r.usage(algesta.Say("Which environment do you mean, {} or {}?", one, clip(other)), r.form(so, so.Service, ""))
}

// service sets the service that the command is about.
func (r *reading) service(name string) error {
	kind, _ := algesta.KindOf("deployment")
	return r.object(kind, name)
}

// host sets the host that the command is about.
func (r *reading) host(name string) error {
	if err := r.checkName(name); err != nil {
		return err
	}
	r.out.Object = hostPrefix + strings.ToLower(name)
	return nil
}

// podName is what Deployments call their pods: its name, a hash of the template and five letters, both without vowels
// (k8s.io/apimachinery/pkg/util/rand). No service has such a name.
var podName = regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$`)

// serviceLabels are the labels that say which service a pod is of.
var serviceLabels = []string{"app", "app.kubernetes.io/name", "k8s-app"}

// selector reads kubectl's -l where it names a service.
func (r *reading) selector(value string) error {
	label, name, ok := strings.Cut(value, "=")
	if !ok || !slices.Contains(serviceLabels, label) {
		return r.wrong("I don't select by \"{}\": name the service instead.", clip(value))
	}
	return r.service(strings.TrimPrefix(name, "="))
}

// bareThing gives the first free word its meaning, by what the command may be about. taken is false where that word can only be an
// environment or the value of an argument.
func (r *reading) bareThing(name string) (taken bool, err error) {
	about := r.book.About
	switch {
	case about.Host && (strings.Contains(name, ".") || !about.Service && !about.Environment && len(about.Kinds) == 0):
		return true, r.host(name)
	case slices.Contains(about.Kinds, "Pod") && podName.MatchString(name):
		kind, _ := algesta.KindOf("pod")
		return true, r.object(kind, name)
	case about.Service:
		return true, r.service(name)
	case len(about.Kinds) == 1 && (!about.Environment || len(r.free) > 1 || r.out.Environment != ""):
		kind, _ := algesta.KindOf(about.Kinds[0])
		return true, r.object(kind, name)
	}
	return false, nil
}

func (r *reading) environment(name string) error {
	name = words.Unaccented(name)
	if err := r.checkName(name); err != nil {
		return err
	}
	if a, ok := r.arg(runbooks.ClusterArg); ok && r.book.About.Cluster { // "in production", "-n production"
		return r.set(a, name)
	}
	if !r.book.About.Placed() && !r.book.About.Environment {
		return r.wrong("{} doesn't belong to an environment: leave out {}.", r.book.Name, clip(name))
	}
	if one := r.out.Environment; one != "" && !strings.EqualFold(one, name) {
		r.out.Environment = "" // the answer proposes neither
		return r.ambiguous(one, name)
	}
	if r.out.Environment == "" {
		r.out.Environment = name
	}
	return nil
}

// numeric is what can only be a number, a version or an image, never the name of an environment.
var numeric = regexp.MustCompile(`^[+-]?[0-9]+$|[:/@]`)

func valueLike(s string) bool { return numeric.MatchString(s) }

// place gives the free words their meaning: what the command is about, the environment, then the value of the bare argument.
func (r *reading) place() error {
	if name, said := r.saysEverywhere(); said {
		return r.everywhere(name)
	}
	r.fromSubject()
	free := r.free
	if len(free) > 0 && !r.found() {
		taken, err := r.bareThing(free[0].bare())
		if err != nil {
			return err
		}
		if taken {
			free = free[1:]
		}
	}
	if !r.found() && !r.complete(len(free) > 0) {
		return r.missing()
	}
	if len(free) == 0 {
		r.out.Everywhere = r.book.About.Optional && r.out.Environment == "" && r.out.Service == ""
		return nil
	}
	if !r.book.About.Placed() && !r.book.About.Environment {
		return r.values(r.clusterOf(free))
	}
	if about := r.book.About; about.Host && !r.found() && len(free) > 1 { // "probe api-gateway production"
		return r.usage(
			algesta.Say("{} isn't a host such as api.example.com. {} lists the hosts.", clip(free[0].bare()),
				algesta.Name(r.bot.Typed("ingress", free[1].bare()))),
			strings.Join([]string{r.book.Name, about.Slot(), free[1].bare()}, " "),
		)
	}
	bare, ok := r.bareArg(free[0].bare())
	_, span := runbooks.Span(free[0].bare())
	if _, ends := r.arg("until"); span && !ends && r.book.Own && r.book.Changes() {
		return r.usage(
			algesta.Say("{} takes no length of time: the policy says how long it lasts.", r.book.Name), retype(without(r.typed, free[0])),
		)
	}
	if span && ok && r.book.Own && r.book.About.Environment && r.out.Environment == "" {
		r.out.Environment, r.out.Service, r.free = r.out.Service, "", nil // "freeze production 2h": no environment is called so
		return r.values(free)
	}
	switch {
	case r.out.Environment == "" && ok && valueLike(free[0].bare()):
		if err := r.set(bare, free[0].bare()); err != nil {
			return err
		}
		return r.last(free[1:], r.environment) // "deploy api-gateway 12346 production"
	case r.out.Environment == "" || r.againEnvironment(free[0].bare()):
		if err := r.environment(free[0].bare()); err != nil {
			return err
		}
		free = free[1:]
	}
	return r.values(free)
}

// clusterOf takes the first of what is left over for the environment whose cluster a command is about, where none was named yet.
func (r *reading) clusterOf(free []word) []word {
	_, named := r.out.Args[runbooks.ClusterArg]
	a, ok := r.arg(runbooks.ClusterArg)
	if !ok || named || !r.book.About.Cluster || len(free) == 0 || !validName(free[0].bare()) || valueLike(free[0].bare()) {
		return free
	}
	if _, bare := r.bareArg(free[0].bare()); bare || r.set(a, free[0].bare()) != nil {
		return free
	}
	return free[1:]
}

// without are words but for one.
func without(typed []word, one word) []word {
	at := slices.Index(typed, one)
	if at < 0 {
		return typed
	}
	return slices.Concat(typed[:at], typed[at+1:])
}

// complete reports whether a command that names no thing says enough: it is about nothing, or about an environment as a whole, which it
// names or, with another word, is about to.
func (r *reading) complete(another bool) bool {
	about := r.book.About
	return about.Nothing() || about.Optional || about.Environment && (r.out.Environment != "" || another)
}

// saysEverywhere reports whether a switch was given that makes the command about every environment, and which.
func (r *reading) saysEverywhere() (name string, said bool) {
	for _, a := range r.book.Args {
		if on, _ := r.out.Args[a.Name].(bool); a.Anywhere && on {
			return a.Name, true
		}
	}
	return "", false
}

// everywhere is about every environment, so that naming one, or something in one, contradicts it.
func (r *reading) everywhere(name string) error {
	named := r.out.Service + r.out.Object + r.out.Environment
	if named == "" && len(r.free) > 0 {
		named = r.free[0].bare()
	}
	if named != "" {
		return r.wrong("--{} is about every environment: leave out {}, or the option.", name, clip(named))
	}
	r.out.Everywhere = true
	return nil
}

// missing asks for what the command is about.
func (r *reading) missing() error {
	about := r.book.About
	thing := "environment"
	switch {
	case about.Service:
		thing = "service"
	case about.Environment && !about.Host:
	case len(about.Kinds) == 1:
		thing = strings.ToLower(about.Kinds[0])
	case len(about.Kinds) > 1:
		thing = "object"
	case about.Host:
		thing = "host"
	}
	if r.out.Environment != "" {
		return r.asks("Which {} in {} do you mean?", thing, r.out.Environment)
	}
	return r.asks("Which {} do you mean?", thing)
}

// values reads the last free word as the value of the bare argument.
func (r *reading) values(free []word) error {
	if len(free) == 0 {
		return nil
	}
	if _, ok := r.bareArg(free[0].bare()); !ok {
		return r.last(free, nil)
	}
	return r.last(free, func(s string) error {
		bare, _ := r.bareArg(s)
		return r.set(bare, s)
	})
}

// againEnvironment reports whether a free word can only be the environment, which an option named too:
// the same word, or a word where a number is wanted.
func (r *reading) againEnvironment(s string) bool {
	bare, ok := r.bareArg(s)
	return strings.EqualFold(s, r.out.Environment) || ok && bare.Kind == runbooks.IntArg && !valueLike(s)
}

// last reads the last free word; anything after it has no meaning.
func (r *reading) last(free []word, read func(string) error) error {
	if len(free) > 0 && read != nil {
		if err := read(free[0].bare()); err != nil {
			return err
		}
		free = free[1:]
	}
	if len(free) > 0 && r.ends(free[0].bare()) {
		free = free[1:]
	}
	if len(free) == 0 {
		return nil
	}
	if err := r.refuseEntity(free[0].text); err != nil {
		return err
	}
	err := r.wrong("I don't know what \"{}\" means here.", clip(free[0].text))
	if known, ok := errors.AsType[*algesta.Error](err); ok && r.book.Changes() && r.out.Reason == "" {
		so := r.soFar() // changes take a reason, and what is left over is most likely it
		var left string
		if names := r.numbers(); len(names) == len(free) && allDigits(free) { // "hpa set api-gateway production 2 6"
			for i, name := range names {
				left += " " + name + "=" + free[i].bare()
			}
		} else {
			left = " because " + reason(free)
		}
		text := r.form(so, so.Service, so.Environment)
		if so.Service == "" && so.Environment != "" && r.book.About.Environment { // it's about the whole of it
			text = so.Retype("", so.Environment)
		}
		known.Hint, known.Err = algesta.Say("{}", algesta.Name(r.bot.Typed(text+left))), nil
	}
	return err
}

// ends takes a length of time for the end of something that has one and wasn't given it: "snooze i-7f3a9k2mq4x8 1h".
func (r *reading) ends(text string) bool {
	a, ok := r.arg("until")
	_, given := r.out.Args["until"]
	if _, span := runbooks.Span(text); !span || !ok || given {
		return false
	}
	return r.set(a, text) == nil
}

// numbers are the names of the numbers that the command takes, has no other word for, and wasn't given.
func (r *reading) numbers() []string {
	var names []string
	for _, a := range r.book.Args {
		if _, given := r.out.Args[a.Name]; a.Kind == runbooks.IntArg && !a.Hidden && !a.Bare && !given {
			names = append(names, a.Name)
		}
	}
	return names
}

func allDigits(list []word) bool {
	return !slices.ContainsFunc(list, func(w word) bool { return !digits.MatchString(w.bare()) })
}

// kubeName is what Kubernetes allows for names, in any case; longestName is its bound.
var kubeName = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$`)

const longestName = 253

// checkName refuses what cannot be the name of a service, an environment or an object.
func (r *reading) checkName(s string) error {
	if err := r.refuseEntity(s); err != nil {
		return err
	}
	if !validName(s) {
		return r.wrong("\"{}\" can't be the name of a service or an environment.", clip(s))
	}
	return nil
}

func validName(s string) bool { return len(s) <= longestName && kubeName.MatchString(s) }

// refuseEntity refuses people, channels and links where a name or a value belongs.
func (r *reading) refuseEntity(s string) error {
	switch {
	case strings.HasPrefix(s, "@"):
		return r.wrong("{} is a person or a group. Type the name of a service instead.", clip(s))
	case strings.HasPrefix(s, "#"):
		return r.wrong("{} is a channel. Type the name of a service instead.", clip(s))
	case strings.Contains(s, "://"):
		return r.wrong("{} is a link. Type the plain name instead.", clip(s))
	}
	return nil
}
