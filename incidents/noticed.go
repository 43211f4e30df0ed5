package incidents

import (
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// Noticed is what is seen now and has no card yet: it hasn't lasted long enough, or waits for its channel's next card. It may be called at
// any time. What is silenced, or has no channel, isn't among it.
func (k *Keeper) Noticed() []commands.Noticed {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.book == nil {
		return nil
	}
	var out []commands.Noticed
	now := time.Now()
	for key, since := range k.book.waiting {
		service := k.Catalog.Called(key.cluster, key.namespace, key.name)
		if k.onCard(key) {
			continue
		}
		for _, place := range k.Catalog.Places() {
			if place.Cluster != key.cluster || place.Namespace != key.place {
				continue
			}
			about := place
			if service.Service != "" {
				about = service
			}
			if k.told(place.Environment) && !k.silent(about, now) {
				out = append(out, commands.Noticed{Place: place, Thing: key.kind + " " + key.name, Since: since})
			}
		}
	}
	slices.SortFunc(out, func(a, b commands.Noticed) int { return strings.Compare(a.Thing, b.Thing) })
	return slices.CompactFunc(out, func(a, b commands.Noticed) bool { return a.Thing == b.Thing && a.Place == b.Place })
}

// onCard reports whether an open card tells of the same object already. The caller holds mu.
func (k *Keeper) onCard(key waitingKey) bool {
	return slices.ContainsFunc(k.book.Open(), func(i algesta.Incident) bool {
		return i.About.Cluster == key.cluster && slices.ContainsFunc(i.Signals, func(s algesta.Signal) bool {
			return s.Kind == key.kind && s.Namespace == key.namespace && s.Name == key.name
		})
	})
}

// told reports whether anything of an environment is posted somewhere.
func (k *Keeper) told(environment string) bool {
	return slices.ContainsFunc(algesta.Severities(), func(s algesta.Severity) bool { return k.cfg.channel(environment, s) != "" })
}

// silent reports whether a silence covers what a signal is about. The caller holds mu.
func (k *Keeper) silent(about algesta.Target, now time.Time) bool {
	return slices.ContainsFunc(k.book.silences, func(z algesta.Silence) bool {
		return now.Before(z.Until) && z.Covers(algesta.Incident{About: about}, now)
	})
}
