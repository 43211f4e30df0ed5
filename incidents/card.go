package incidents

import (
	"slices"
	"strconv"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// mostAlso is how many other workloads a card names.
const mostAlso = 3

// Past is what a card says of the incident before.
type Past struct {
	Link  string // of its card, "" where it is not known
	Ended string // who ended it how
}

// Card is the one message of an incident, of at most eight lines: what is wrong with what, how much of it serves, since when, how sure that
// is, who changed what shortly before, and what to do next.
func Card(i algesta.Incident, past Past) algesta.Report {
	r := algesta.Report{Tone: tone(i), Title: title(i), Small: small(i)}
	add := func(t algesta.Text) {
		if len(t) > 0 {
			r.Body = append(r.Body, algesta.Block{Text: t})
		}
	}
	switch i.State {
	case algesta.IncidentResolved:
		add(resolved(i))
	case algesta.IncidentMerged:
		add(algesta.Say("It has the same cause as {}, which goes on for both.", algesta.Name(i.MergedInto)))
	case algesta.IncidentOpen:
		add(impact(i))
		add(cause(i))
		add(changes(i))
		if i.Unchecked != "" {
			add(algesta.Say("⚠ I can't tell whether it's over. {}", algesta.Dated(i.Unchecked)))
		}
		if z := i.Silence; z != nil {
			add(algesta.Say("Silenced until {}, by {}: {}", algesta.AtDay(z.Until), z.By.Called(), words.Cited(z.Reason)))
		}
		if i.Waiting != "" {
			add(algesta.Say("{}", i.Waiting))
		}
		add(next(i))
		r.Buttons = i.Buttons
	}
	add(history(i, past))
	return r
}

func tone(i algesta.Incident) algesta.Tone {
	switch {
	case i.State == algesta.IncidentResolved:
		return algesta.Good
	case i.State == algesta.IncidentMerged:
		return algesta.Neutral
	case i.Cause.Severity == algesta.Critical:
		return algesta.Down
	}
	return algesta.Warning
}

// called is what an incident is about, as people call it: "api-gateway in production", "Node aks-1 (production)".
func called(i algesta.Incident) string {
	if i.About.Service != "" {
		return i.About.Service + " in " + i.Where()
	}
	s := i.Signals[0]
	return s.Kind + " " + s.Name + " (" + i.Where() + ")"
}

// found is what a look showed at what an alert fires about.
var found = map[algesta.Unseen]string{
	algesta.UnseenMissing:   "found nothing of that name",
	algesta.UnseenWell:      "found nothing wrong with it",
	algesta.UnseenUnchecked: "couldn't check it",
}

func title(i algesta.Incident) algesta.Text {
	what := algesta.Dated(strings.TrimSuffix(i.Cause.What, "."))
	switch i.State {
	case algesta.IncidentResolved:
		if neverSick(i) {
			return algesta.Say("{} ({})", over(i), what)
		}
		return algesta.Say("{} (it was: {})", over(i), what)
	case algesta.IncidentMerged:
		return algesta.Say("{} is part of another incident", called(i))
	case algesta.IncidentOpen:
	}
	if looked, only := found[i.Cause.Unseen]; only {
		return algesta.Say("An alert fires about {}, and I {}: {}", called(i), looked, what)
	}
	is := map[algesta.Severity]string{
		algesta.Critical: "is down", algesta.Degraded: "is degraded", algesta.Latent: "is at risk",
	}[i.Cause.Severity]
	if s := i.Signals[0]; i.About.Service == "" && strings.HasPrefix(i.Cause.What, s.Kind+" "+s.Name+" ") {
		return algesta.Say("{} ({})", what, i.Where()) // it names itself
	}
	return algesta.Say("{} {}: {}", called(i), is, what)
}

// neverSick reports whether nobody saw that what the incident is about was sick.
func neverSick(i algesta.Incident) bool { return i.Cause.Unseen != "" || !seenItself(i) }

// over says that a resolved incident is over, without what it was.
func over(i algesta.Incident) string {
	switch {
	case neverSick(i):
		return called(i) + ": this is over"
	case i.Missing:
		return called(i) + " isn't there any more"
	}
	return called(i) + " is healthy again"
}

// afterwards is what a resolved incident was about, and how that is now where it's known.
func afterwards(i algesta.Incident) string {
	if neverSick(i) {
		return called(i)
	}
	return over(i)
}

// seenItself reports whether what the incident is about was seen to be sick itself, and so was seen to be well at its end. Of what only
// hung on something else, such as a full quota, nothing is known but that this is over.
func seenItself(i algesta.Incident) bool {
	return i.About.Name == "" || slices.ContainsFunc(i.Signals, func(s algesta.Signal) bool { return s.Name == i.About.Name })
}

// small says which incident it is, and what saw it.
func small(i algesta.Incident) algesta.Text {
	var rules, by []string
	for _, s := range i.Signals {
		if s.Rule == Alertmanager {
			by = []string{s.Rule}
		} else if !slices.Contains(rules, s.Rule) {
			rules = append(rules, s.Rule)
		}
	}
	if n := len(rules); n > 0 {
		by = append(by, words.Verb(n, "the rule ", "the rules ")+words.List(rules))
	}
	return algesta.Say("{} · seen by {}", algesta.Name(i.ID), words.List(by))
}

// impact is "0 of 2 pods ready · since 14:02 · also affects ms-notifications (0 of 1)".
func impact(i algesta.Incident) algesta.Text {
	said := algesta.Dated(strings.TrimSuffix(i.Cause.Impact, "."))
	var also []string
	others := 0
	for _, p := range i.Cause.Pods {
		if isAbout(i, p) {
			if p.Ready < p.Of { // where all are, the impact says what else is wrong
				said = algesta.Say("{} of {} ready", p.Ready, words.Count(p.Of, "pod"))
			}
			continue
		}
		if others++; others <= mostAlso {
			also = append(also, p.Name+" ("+strconv.Itoa(p.Ready)+" of "+strconv.Itoa(p.Of)+")")
		}
	}
	if others > mostAlso {
		also = append(also, strconv.Itoa(others-mostAlso)+" more")
	}
	out := algesta.Say("since {}", algesta.AtDay(i.Began()))
	if len(said) > 0 {
		out = algesta.Say("{} · {}", said, out)
	}
	if len(also) > 0 {
		out = algesta.Say("{} · also affects {}", out, words.List(also))
	}
	return out
}

// isAbout reports whether a workload is what the incident's card is called after.
func isAbout(i algesta.Incident, p algesta.ReadyPods) bool {
	if i.About.Service != "" {
		return p.Name == i.About.Name && p.Kind == "Deployment"
	}
	return p.Name == i.Signals[0].Name && p.Kind == i.Signals[0].Kind
}

// sureness says how a cause is known.
var sureness = map[string]string{"high": "certain", "medium": "likely", "low": "a guess"}

func cause(i algesta.Incident) algesta.Text {
	if i.Cause.Sure == "" {
		return algesta.Say("{} not found yet", algesta.Strong("Cause:"))
	}
	sentence := strings.TrimSuffix(i.Cause.Sentence, ".")
	if rest, same := strings.CutPrefix(sentence, strings.TrimSuffix(i.Cause.What, ".")); same { // it stands in the title
		sentence = "as above" + rest
	}
	said := algesta.Dated(sentence)
	return algesta.Say("{} {} ({})", algesta.Strong("Cause:"), said, sureness[i.Cause.Sure])
}

func changes(i algesta.Incident) algesta.Text {
	switch {
	case i.Recent != "":
		return algesta.Say("{} {}", algesta.Strong("Shortly before:"), algesta.Dated(i.Recent))
	case i.Cause.Change != "": // it may have come after the beginning
		return algesta.Say("{} {}", algesta.Strong("Nearest change:"), algesta.Dated(i.Cause.Change))
	}
	return nil
}

func next(i algesta.Incident) algesta.Text {
	if i.Cause.Next == "" {
		return nil
	}
	out := algesta.Say("{} {}", algesta.Strong("Next:"), algesta.Dated(i.Cause.Next))
	if i.Cause.Command != "" {
		out = algesta.Say("{} {}", out, algesta.Name(i.Cause.Command))
	}
	return out
}

func resolved(i algesta.Incident) algesta.Text {
	out := algesta.Say("Resolved after {}, {}", words.Span(i.Lasted()), algesta.AtDay(i.ResolvedAt))
	if i.Ended != "" {
		out = algesta.Say("{} ({})", out, algesta.Dated(i.Ended))
	}
	return out
}

// history is "3rd time this week; last time: Rollback by Luis".
func history(i algesta.Incident, past Past) algesta.Text {
	var out algesta.Text
	if i.Nth > 1 {
		out = algesta.Say("{} time this week", ordinal(i.Nth))
		if past != (Past{}) {
			last := algesta.Span{Text: "last time"}
			if past.Link != "" {
				last.Kind, last.ID = algesta.Link, past.Link
			}
			out = algesta.Say("{}; {}", out, last)
		}
		if past.Ended != "" {
			out = algesta.Say("{}: {}", out, algesta.Dated(past.Ended))
		}
	}
	if i.Reopened > 0 {
		back := algesta.Say("Came back {} on this card", words.Count(i.Reopened, "time"))
		if len(out) > 0 {
			return algesta.Say("{} · {}", out, back)
		}
		return back
	}
	return out
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
