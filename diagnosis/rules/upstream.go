package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// upstreamRule is about the servers that CoreDNS asks: its own pods are well, and names outside of the cluster aren't found.
var upstreamRule = Rule{
	ID:     "dns-upstream-silent",
	Family: "dependencies",
	Class:  ClassDependency,
	Signal: "the log of a ready pod of CoreDNS says again and again, until now, that a server which it asks gives no answer",
	Cause:  "a forwarder in its configuration that is gone, or that a firewall or a network change keeps out of reach",
	Remedy: "correct the forwarder, or open the way to it (port 53, UDP and TCP)",
	Source: "CoreDNS plugin errors: “read udp … i/o timeout”; the forward plugin of its Corefile",

	snapshot: upstreamSilent,
}

var (
	resolverImage = regexp.MustCompile(`(?i)\bcoredns\b`)
	// silentServer is a name that CoreDNS asked for, and the server that did not answer.
	silentServer = regexp.MustCompile(`(?:errors: \d+ (\S+?)\.? \w+: )?(?:read|write|dial) (?:udp|tcp) (?:\S+->)?` +
		`(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\]):\d+: ` +
		`(?:i/o timeout|connect: connection refused|read: connection refused|connect: no route to host)`)
)

func upstreamSilent(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		c := s.Listen(w)
		if c == nil || !resolverImage.MatchString(c.Spec.Image) {
			continue
		}
		line, ok := c.Log.Says(silentServer)
		if !ok || !c.Log.Persists(line, s.Now()) {
			continue
		}
		server := strings.Trim(silentServer.FindStringSubmatch(line.Example)[2], "[]")
		f := &Finding{
			Subject: facts.Ref{Kind: facts.KindDependency, Namespace: w.Ref.Namespace, Name: server}, Key: server, Hits: []facts.Ref{w.Ref},
			What: "CoreDNS gets no answer from " + server, Host: server, Target: server,
			Sure: Medium, Unsure: "Its pods are ready; only its log says so.", Level: Degraded,
			Shown: []facts.Evidence{c.LogEvidence(line)},
			Remedy: Remedy{
				Text:    fmt.Sprintf("Check whether %s still serves DNS and whether the nodes reach it (port 53, UDP and TCP).", server),
				Command: fmt.Sprintf("kubectl logs %s -n %s", c.Pod.Name, c.Pod.Namespace),
			},
		}
		if by, ok := forwardTo(s, server); ok {
			f.What += forwardWords(by)
			f.show(facts.Evidence{Object: by.Source, Field: "data", Quote: "forward " + by.Zone + " " + strings.Join(by.Servers, " ")}, false)
			f.Remedy.Text = fmt.Sprintf("Correct the forwarder in %s, or have %s answer the nodes (port 53, UDP and TCP).", by.Source.Words(),
				server)
		}
		found = append(found, f)
	}
	return found
}

// forwardTo is the part of the names that CoreDNS asks a server about.
func forwardTo(s *facts.Snapshot, server string) (facts.Forward, bool) {
	all := s.Forwards()
	at := slices.IndexFunc(all, func(f facts.Forward) bool { return slices.Contains(f.Servers, server) })
	if at < 0 {
		return facts.Forward{}, false
	}
	return all[at], true
}

func forwardWords(f facts.Forward) string {
	if f.Zone == "." {
		return fmt.Sprintf(", to which %s forwards all other names", f.Source.Words())
	}
	return fmt.Sprintf(", to which %s forwards %s", f.Source.Words(), f.Zone)
}

// resolverSilent are the words of programs whose resolver gave no answer, and not the answer that there is no such name.
var resolverSilent = regexp.MustCompile(`(?i)i/o timeout|timed? ?out|server misbehaving|EAI_AGAIN|temporary failure|SERVFAIL|try again|` +
	`no response`)

// byForwarder says of a name outside of the cluster which server CoreDNS asks for it. It reports whether one was found.
func byForwarder(c *facts.Container, f *Finding, host, line string) bool {
	s := c.Snapshot
	silent := upstreamSilent(s)
	for _, silent := range silent { // it may be the nodes' own server, which no object names
		if host != "" && otherResolver(c.Pod) == "" && strings.Contains(silent.Shown[0].Quote, " "+host+".") {
			f.Because = silent.Subject
			return true
		}
	}
	by, ok := s.ForwardOf(host)
	if !ok || !strings.Contains(host, ".") || otherResolver(c.Pod) != "" {
		return false
	}
	for _, silent := range silent {
		if slices.Contains(by.Servers, silent.Host) {
			f.Because = silent.Subject
			return true
		}
	}
	server := strings.Join(by.Servers, " or ")
	switch {
	case resolverSilent.MatchString(line):
		f.What += fmt.Sprintf(": CoreDNS gets no answer from %s%s", server, forwardWords(by))
	case by.Zone != ".":
		f.What += fmt.Sprintf(": %s%s, doesn't know it", server, forwardWords(by))
		f.Unsure = "The name may be wrong, too."
	default:
		return false
	}
	f.Sure = Medium
	if f.Unsure == "" {
		f.Unsure = "CoreDNS' own log was not read, or doesn't say so."
	}
	f.show(facts.Evidence{Object: by.Source, Field: "data", Quote: "forward " + by.Zone + " " + strings.Join(by.Servers, " ")}, false)
	f.Remedy = Remedy{
		Text:    fmt.Sprintf("Check the forwarder in %s, and whether %s answers the nodes.", by.Source.Words(), server),
		Command: fmt.Sprintf("kubectl describe %s -n %s", by.Source, by.Source.Namespace),
	}
	return true
}
