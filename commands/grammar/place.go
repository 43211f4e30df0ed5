package grammar

import (
	"regexp"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// object sets what the command is about.
func (r *reading) object(kind algesta.Kind, name string) error {
	if err := r.checkName(name); err != nil {
		return err
	}
	word := strings.ToLower(kind.Name)
	switch {
	case r.out.Service != "" || r.out.Object != "":
		return r.wrong("One thing at a time: I read {} and {}.", r.out.Service+r.out.Object, clip(word+"/"+name))
	case kind.Name == "Deployment" || kind.Name == "Service":
		r.out.Service = name
	case !r.book.Broad:
		return r.wrong("{} works on services, not on {}/{}.", r.book.Name, word, clip(name))
	case kind.Name == "Namespace":
		r.out.Object = word
		return r.environment(name)
	default:
		r.out.Object = word + "/" + name
	}
	return nil
}

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

func (r *reading) environment(name string) error {
	if err := r.checkName(name); err != nil {
		return err
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

// place gives the free words their meaning: service, environment, then the value of the bare argument.
func (r *reading) place() error {
	free := r.free
	if len(free) > 0 && r.out.Service == "" && r.out.Object == "" {
		if err := r.service(free[0].bare()); err != nil {
			return err
		}
		free = free[1:]
	}
	if r.out.Service == "" && r.out.Object == "" {
		if r.out.Environment != "" {
			return r.wrong("Which service in {} do you mean?", r.out.Environment)
		}
		return r.wrong("Which service do you mean?")
	}
	if len(free) == 0 {
		return nil
	}
	bare, ok := r.bareArg(free[0].bare())
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
	if !ok {
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
	if len(free) > 0 {
		if err := r.refuseEntity(free[0].text); err != nil {
			return err
		}
		return r.wrong("I don't know what \"{}\" means here.", clip(free[0].text))
	}
	return nil
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
