package incidents

import (
	"cmp"
	"slices"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// queued is a cause that waits for its channel's next card.
type queued struct {
	channel, title string
	severity       algesta.Severity
}

// mostQueued is how many of those that wait a card names.
const mostQueued = 3

// queue notes that a signal's cause waits for its channel's next card.
func (d *draft) queue(s algesta.Signal, channel string, about algesta.Target, severity algesta.Severity) {
	title := s.Kind + " " + s.Name
	if about.Service != "" {
		title = about.Service
	}
	d.queued[keyOf(d.seen.Place, s)] = queued{channel, title, severity}
}

// summarize says on the newest card of a place in each channel what else waits there: nobody is left with a part of a storm.
func (d *draft) summarize() {
	at := d.seen.Place
	waiting := map[string][]queued{}
	for key, q := range d.queued {
		if key.cluster == at.Cluster && key.place == at.Namespace {
			waiting[q.channel] = append(waiting[q.channel], q)
		}
	}
	newest := map[string]algesta.Incident{}
	all := slices.DeleteFunc(d.current(), func(i algesta.Incident) bool {
		return i.About.Cluster != at.Cluster || i.About.Namespace != at.Namespace
	})
	for _, i := range all {
		if n, known := newest[i.Channel]; !known || i.OpenedAt.After(n.OpenedAt) || i.OpenedAt.Equal(n.OpenedAt) && i.ID > n.ID {
			newest[i.Channel] = i
		}
	}
	for _, i := range all {
		said := ""
		if newest[i.Channel].ID == i.ID {
			said = waitingSaid(waiting[i.Channel])
		}
		if i.Waiting != said {
			i.Waiting = said
			d.change(i)
		}
	}
}

// waitingSaid is "2 more problems have no cards yet: ms-orders and ms-stock", the worst first; "" for none.
func waitingSaid(all []queued) string {
	if len(all) == 0 {
		return ""
	}
	slices.SortFunc(all, func(a, b queued) int {
		return cmp.Or(cmp.Compare(rank(a.severity), rank(b.severity)), cmp.Compare(a.title, b.title))
	})
	titles := make([]string, 0, len(all))
	for _, q := range all {
		titles = append(titles, q.title)
	}
	titles = slices.Compact(titles)
	waits := words.Plural(len(titles), "more problem has no card yet", "more problems have no cards yet")
	return waits + ": " + words.Few(titles, mostQueued)
}
