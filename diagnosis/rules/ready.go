package rules

import (
	"fmt"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var readyRules = []Rule{
	upstreamRule,
	{
		ID:     "errors-while-ready",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "the log of a ready pod repeats an error of programming (a division by zero, a null reference, …) in a fifth of its lines, " +
			"or any " +
			"other error in half of them, until now",
		Cause:    "an error in the program or in what it is given; its probes don't ask for what fails",
		Remedy:   "read the log; roll back when the version before worked",
		Source:   "the container's log; errors of runtimes have names of their own",
		snapshot: errorsWhileReady,
	},
}

// errorsWhileReady tells of an error that no other rule knows and that a ready pod's log is full of.
func errorsWhileReady(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		c := s.Listen(w)
		if c == nil {
			continue
		}
		if why, ok := c.Log.Explain(); ok && c.Log.Persists(why.Line, s.Now()) {
			continue // the rules about dependencies say more
		}
		if _, ok := c.Reported(); ok || demandsMutualTLS(c) != nil {
			continue // calleeReports or mutualTLSRequired says why
		}
		line, ok := c.Log.Repeated(s.Now())
		if !ok || resolverImage.MatchString(c.Spec.Image) && silentServer.MatchString(line.Example) {
			continue
		}
		f := &Finding{
			What:   fmt.Sprintf("The program in %s reports again and again: %s", c.Words(), words.Cited(facts.Short(line.Example, 100))),
			Effect: FailsReady, Level: Degraded, Sure: Low, Unsure: "Its pods are ready; only the log says so.",
			Shown: []facts.Evidence{c.LogEvidence(line)},
			Remedy: Remedy{
				Text:    "Read its log.",
				Command: fmt.Sprintf("kubectl logs %s -c %s -n %s", c.Pod.Name, c.Spec.Name, c.Pod.Namespace),
			},
		}
		fillContainer(c, f)
		f.Pods, f.State = nil, ""
		found = append(found, f)
	}
	return found
}

// findInReady asks what the log of a ready pod says again and again, with the rules about dependencies: a probe seldom asks what a
// program calls. What a server says of its clients is told last, and only where none of them says it.
func findInReady(s *facts.Snapshot, add func(*Rule, *Finding)) {
	type told struct {
		rule *Rule
		*Finding
	}
	var ofClients []told
	said := map[string]bool{}
	for _, w := range s.Workloads() {
		c := s.Listen(w)
		if c == nil {
			continue
		}
		why, ok := c.Log.Explain()
		if !ok || why.Line.OfTelemetry() || !c.Log.Persists(why.Line, s.Now()) {
			continue
		}
		for i := range table {
			if table[i].container == nil || table[i].Class != ClassDependency && table[i].ID != "disk-full" {
				continue
			}
			f := table[i].container(c)
			if f == nil {
				continue
			}
			if reported, ok := c.Reported(); ok && saysLess(table[i].ID, why, reported) {
				break // calleeReports says more
			} else if ok {
				withReported(table[i].ID, f, reported)
			}
			fillContainer(c, f)
			f.Pods, f.State, f.Effect, f.Level = nil, "", FailsReady, Degraded
			if f.Sure == High {
				f.Sure, f.Unsure = Medium, "Its pods are ready; only the log says so."
			}
			if service, ok := c.Serves(f.Product, f.Host); ok {
				ofClients = append(ofClients, told{&table[i], aboutClients(c, f, service)})
				break
			}
			said[table[i].ID+f.Product] = true
			add(&table[i], f)
			break
		}
	}
	for _, t := range ofClients {
		if !said[t.rule.ID+t.Product] {
			add(t.rule, t.Finding)
		}
	}
}

// aboutClients turns a finding round: the log is that of the server which its clients call.
func aboutClients(c *facts.Container, f *Finding, service facts.Ref) *Finding {
	f.What = strings.Replace(f.What, f.Product, service.Words(), 1)
	f.What += " (its own log says so)"
	f.Subject, f.Calls, f.Effect, f.Remedy.Verb = service, nil, NoEffect, ""
	f.Remedy.Command = fmt.Sprintf("kubectl logs %s -c %s -n %s", c.Pod.Name, c.Spec.Name, c.Pod.Namespace)
	return f
}
