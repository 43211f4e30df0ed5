package incidents

import (
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta/commands"
)

// Noticed is what is seen now and has no card yet: it hasn't lasted long enough, or waits for its channel's next card. It may be called at
// any time. What is silenced, or has no channel, isn't among it for longer than its rule waits.
func (k *Keeper) Noticed() []commands.Noticed {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.book == nil {
		return nil
	}
	var out []commands.Noticed
	now := time.Now()
	for key, since := range k.book.waiting {
		wait, _ := k.cfg.waits(key.rule)
		if _, queued := k.book.queued[key]; !queued && now.Sub(since) > wait+again {
			continue
		}
		for _, place := range k.Catalog.Places() {
			if place.Cluster == key.cluster && place.Namespace == key.place {
				out = append(out, commands.Noticed{Place: place, Thing: key.kind + " " + key.name, Since: since})
			}
		}
	}
	slices.SortFunc(out, func(a, b commands.Noticed) int { return strings.Compare(a.Thing, b.Thing) })
	return slices.CompactFunc(out, func(a, b commands.Noticed) bool { return a.Thing == b.Thing && a.Place == b.Place })
}
