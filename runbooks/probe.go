package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"
	"golang.org/x/net/publicsuffix"

	"github.com/3astronautas/algesta"
)

var pathArg = Arg{Name: "path", Kind: TextArg, Summary: "what to ask for: /health"}

var _ = register(Runbook{
	Name:    "probe",
	Aliases: []string{"probe host"},
	Verb:    "probe",
	Summary: "Look at a host from where the bot runs: DNS, redirect, certificate, status and how long it takes. Only hosts that an " +
		"Ingress or HTTPRoute declares.",
	Example: "probe api.example.com production",
	Rank:    90,
	About:   About{Environment: true, Host: true},
	Args:    []Arg{pathArg},
	Reads:   routeReads,
	Answer:  answerProbe,
})

// Prober asks hosts from where the bot runs. It goes to no address of the machine, the link, the platform or a private network.
type Prober interface {
	// Ask asks an address once, without credentials, and follows nothing.
	Ask(ctx context.Context, address *url.URL) algesta.Exchange
	// Reaches connects to a port of a host and hangs up.
	Reaches(ctx context.Context, host, port string) algesta.Exchange
}

const (
	mostHosts = 8 // that one answer asks
	mostHops  = 3 // redirects that are followed
)

// Declares reports whether an Ingress or HTTPRoute of the namespace is for a host. An error says that nobody knows.
func Declares(ctx context.Context, c Cluster, namespace, host string) (bool, error) {
	in := Input{Command: algesta.Command{Target: algesta.Target{Namespace: namespace}}}
	all := readRoutes(ctx, c, in)
	if slices.ContainsFunc(all.routes, func(r route) bool { return declares(r.host, host) }) {
		return true, nil
	}
	for _, resource := range []string{ingresses, httpRoutes} {
		if err := all.read.failed[resource]; err != nil && !all.read.absent(resource) {
			return false, err
		}
	}
	return false, nil
}

// declares is like covers, but for what may be asked: a rule for every host, or for every host below a suffix under which everybody may
// have a name (publicsuffix.org: com, co.uk, github.io), declares none.
func declares(rule, host string) bool {
	if domain, wild := strings.CutPrefix(rule, "*"); wild {
		domain = strings.ToLower(strings.TrimPrefix(domain, "."))
		if suffix, _ := publicsuffix.PublicSuffix(domain); domain == "" || suffix == domain {
			return false
		}
	}
	return rule != "" && covers(rule, host)
}

func answerProbe(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	if c.Prober == nil {
		return algesta.Report{Tone: algesta.Warning, Title: algesta.Say("I can't look at hosts from where I run.")}, nil
	}
	path := orElse(pathArg.Text(in), "/")
	if u, err := url.Parse(path); err != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || u.Host != "" {
		return algesta.Report{}, &algesta.Error{
			Kind: algesta.ErrUsage, Message: algesta.Say("path begins with a slash, such as /health."),
			Hint: algesta.Say("{}", algesta.Name(in.Bot.Typed("probe <host>", "path=/health"))),
		}
	}
	all := readRoutes(ctx, c, in)
	var declared []string
	for _, r := range all.routes {
		if r.host != "" {
			declared = append(declared, strings.ToLower(r.host))
		}
	}
	slices.Sort(declared)
	declared = slices.Compact(declared)
	host := strings.ToLower(objectOf(in, "host"))
	if host != "" && !slices.ContainsFunc(declared, func(rule string) bool { return declares(rule, host) }) {
		return all.undeclared(in, host, declared)
	}
	if host != "" {
		return all.hostReport(look(ctx, c, host, path, declared), in), nil
	}
	for _, resource := range []string{ingresses, httpRoutes} {
		if err := all.read.failed[resource]; err != nil && !all.read.absent(resource) && len(declared) == 0 {
			return unreadable(in, "which hosts are declared", err), nil
		}
	}
	plain := slices.DeleteFunc(declared, func(rule string) bool { return strings.HasPrefix(rule, "*") })
	return all.hostsReport(ctx, c, in, path, plain), nil
}

// undeclared says that the bot doesn't ask a host, and why.
func (a *routes) undeclared(in Input, host string, declared []string) (algesta.Report, error) {
	for _, resource := range []string{ingresses, httpRoutes} {
		if err := a.read.failed[resource]; err != nil && !a.read.absent(resource) {
			return unreadable(in, "which hosts are declared", err), nil
		}
	}
	var known []string
	for _, d := range declared {
		known = append(known, quote(d))
	}
	hint := algesta.Say("There are none at all.")
	if len(known) > 0 {
		hint = algesta.Say("Those are {}.", list(clipped(known)))
	}
	return algesta.Report{}, &algesta.Error{
		Kind: algesta.ErrRefused,
		Message: algesta.Say(
			"I didn't look: no Ingress and no HTTPRoute in {} is for {}, and I only go to hosts that one declares.",
			whereOf(in),
			algesta.Name(quote(host)),
		),
		Hint: hint,
	}
}

// hostAnswers is what was seen of one host.
type hostAnswers struct {
	host          string
	plain, secure algesta.Exchange
	hops          []string // where redirects led, as far as they were followed
	stopped       string   // where a redirect led that wasn't followed
}

// look asks a host with and without TLS, side by side, and follows redirects of the second to hosts that are declared.
func look(ctx context.Context, c Cluster, host, path string, declared []string) hostAnswers {
	s := hostAnswers{host: host}
	var asking conc.WaitGroup
	asking.Go(func() { s.plain = c.Prober.Ask(ctx, &url.URL{Scheme: "http", Host: host, Path: path}) })
	asking.Go(func() {
		at := &url.URL{Scheme: "https", Host: host, Path: path}
		s.secure = c.Prober.Ask(ctx, at)
		first, answer := s.secure, s.secure
		for isRedirect(answer.Status) {
			to, err := at.Parse(answer.Location)
			known := err == nil && to.Scheme == "https" && to.User == nil && (to.Port() == "" || to.Port() == "443") &&
				slices.ContainsFunc(declared, func(rule string) bool { return declares(rule, to.Hostname()) })
			if !known || len(s.hops) == mostHops {
				s.stopped = answer.Location
				break
			}
			s.hops = append(s.hops, to.Redacted())
			at, answer = to, c.Prober.Ask(ctx, to)
		}
		if len(s.hops) > 0 { // the certificate and the address are those of the host that was asked about
			s.secure = answer
			s.secure.Addresses, s.secure.Certificate = first.Addresses, first.Certificate
		}
	})
	asking.Wait()
	return s
}

func isRedirect(status int) bool {
	return slices.Contains([]int{
		http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
	}, status)
}

// redirects reports whether HTTP leads to HTTPS of the same host.
func (s hostAnswers) redirects() bool {
	to, err := url.Parse(s.plain.Location)
	return err == nil && isRedirect(s.plain.Status) && to.Scheme == "https" && strings.EqualFold(to.Hostname(), s.host)
}

// faultWords are the faults in a sentence about a host.
var faultWords = map[algesta.Fault]string{
	algesta.FaultNoName:   "DNS has no such name",
	algesta.FaultNoLookup: "DNS doesn't answer me",
	algesta.FaultInside:   "it has an address of a private network or of this machine, and I don't go there",
	algesta.FaultRefused:  "nothing listens there (connection refused)",
	algesta.FaultTimedOut: "it doesn't answer in time",
	algesta.FaultNoTLS:    "no TLS connection came about",
	algesta.FaultNoAnswer: "it gives no answer that I can read",
}

// state is the answer about a host in a few words, what is wrong, "" for nothing, and how bad that is.
func (s hostAnswers) state() (words, but string, tone algesta.Tone) {
	e := s.secure
	words = "answers " + statusWords(e.Status)
	switch {
	case e.Fault == algesta.FaultInside:
		return faultWords[e.Fault], "", algesta.Neutral
	case e.Fault != algesta.NoFault:
		return faultWords[e.Fault], "", algesta.Bad
	case e.Status >= http.StatusInternalServerError:
		return words, "", algesta.Bad
	case e.Certificate != nil && e.Certificate.Problem != "":
		return words, ", but its certificate isn't right: " + e.Certificate.Problem, algesta.Bad
	case e.Status >= http.StatusBadRequest:
		return words, "", algesta.Warning
	case !s.redirects():
		return words, ", but HTTP doesn't lead to HTTPS", algesta.Warning
	}
	return words, "", algesta.Good
}

func statusWords(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// took is rounded up: nothing answers in no time.
func took(d time.Duration) string {
	return fmt.Sprintf("%d ms", (d + time.Millisecond - 1).Milliseconds())
}

func (a *routes) hostReport(s hostAnswers, in Input) algesta.Report {
	words, but, tone := s.state()
	e := s.secure
	if e.Status > 0 {
		words += " in " + took(e.Connect+e.Handshake+e.Wait)
	}
	report := algesta.Report{Tone: tone, Title: algesta.Say("{}: {}", algesta.Name(s.host), words+but)}
	var fields []algesta.Field
	add := func(label string, value algesta.Text) {
		fields = append(fields, algesta.Field{Label: label, Value: value})
	}
	add("DNS", a.dnsWords(s))
	add("http", plainWords(s))
	add("https", secureWords(s))
	if cert := e.Certificate; cert != nil {
		add("certificate", algesta.Say("for {}, by {}, until {}", quote(list(clipped(cert.Names))), orElse(quote(cert.Issuer), "nobody"),
			dated(cert.NotAfter, in.Command.At)))
	}
	if e.FirstLine != "" {
		add("first line", algesta.Say("{}", quote(e.FirstLine)))
	}
	report.Body = append(report.Body, algesta.Block{Fields: fields})
	var more []algesta.Text
	if stale := a.stale(s); len(stale) > 0 {
		more = append(more, stale)
		if report.Tone == algesta.Good {
			report.Tone = algesta.Warning
		}
	}
	var through []route
	for _, r := range a.routes {
		if covers(r.host, s.host) {
			through = append(through, r)
		}
	}
	if tone != algesta.Good {
		more = append(more, problemsOf(through)...)
	}
	if e.Status == http.StatusNotFound {
		more = append(
			more,
			algesta.Say("404 comes from the program, or from the controller where no path of a route fits. {}", in.typed("ingress", s.host)),
		)
	}
	more = append(more, algesta.Say("As seen from where I run: from elsewhere it may look different."))
	report.Body = append(report.Body, lines(slices.Concat(more, a.read.couldNot()))...)
	return report
}

// dnsWords are the addresses, and whether they are those of the load balancer.
func (a *routes) dnsWords(s hostAnswers) algesta.Text {
	if len(s.secure.Addresses) == 0 {
		return algesta.Say("{}", faultWords[cmp.Or(s.secure.Fault, algesta.FaultNoName)])
	}
	out := algesta.Say("{} ({})", list(clipped(s.secure.Addresses)), took(s.secure.Lookup))
	var expected []string
	for _, r := range a.routes {
		if covers(r.host, s.host) && r.address != "" {
			expected = append(expected, strings.Split(r.address, ", ")...)
		}
	}
	slices.Sort(expected)
	expected = slices.Compact(expected)
	switch {
	case len(expected) == 0:
		return out
	case slices.ContainsFunc(expected, func(address string) bool { return slices.Contains(s.secure.Addresses, address) }):
		return algesta.Say("{}, the address of its route", out)
	}
	return algesta.Say("{}; its route has {}", out, quote(list(clipped(expected))))
}

func plainWords(s hostAnswers) algesta.Text {
	switch e := s.plain; {
	case e.Fault != algesta.NoFault:
		return algesta.Say("{}", faultWords[e.Fault])
	case isRedirect(e.Status):
		return algesta.Say("{} to {}", statusWords(e.Status), quote(withoutQuery(e.Location)))
	default:
		return algesta.Say("{}, no redirect", statusWords(e.Status))
	}
}

// secureWords give the status and where the time went. A redirect to a host that isn't declared is shown and not followed.
func secureWords(s hostAnswers) algesta.Text {
	e := s.secure
	if e.Fault != algesta.NoFault {
		return algesta.Say("{}", faultWords[e.Fault])
	}
	out := algesta.Say("{} (connection {}, TLS {}, answer {})", statusWords(e.Status), took(e.Connect), took(e.Handshake), took(e.Wait))
	if len(s.hops) > 0 {
		var hops []string
		for _, hop := range s.hops {
			hops = append(hops, quote(withoutQuery(hop)))
		}
		out = algesta.Say("{}, after a redirect to {}", out, list(hops))
	}
	if s.stopped != "" {
		out = algesta.Say("{}, redirects to {}, which I didn't follow", out, quote(withoutQuery(s.stopped)))
	}
	return out
}

// withoutQuery leaves out what follows a question mark: sign-ins put tokens there.
func withoutQuery(location string) string {
	location, _, cut := strings.Cut(location, "?")
	if cut {
		location += "?…"
	}
	return location
}

// stale says where a host serves another certificate than the one that cert-manager issued last.
func (a *routes) stale(s hostAnswers) algesta.Text {
	shown := s.secure.Certificate
	if shown == nil {
		return nil
	}
	for _, cert := range a.certificates {
		if cert.covers(s.host) && !cert.notAfter.IsZero() && cert.notAfter.Sub(shown.NotAfter).Abs() > time.Minute {
			return algesta.Say("Another certificate is on the wire than {} has: that one lasts until {}. The controller hasn't taken it up.",
				algesta.Name(cert.object.GetName()), dated(cert.notAfter, a.now))
		}
	}
	return nil
}

// hostsReport asks the declared hosts of an environment.
func (a *routes) hostsReport(ctx context.Context, c Cluster, in Input, path string, hosts []string) algesta.Report {
	if len(hosts) == 0 {
		return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("{}: no Ingress and no HTTPRoute declares a host", whereOf(in))}
	}
	looked := hosts[:min(len(hosts), mostHosts)]
	sights := make([]hostAnswers, len(looked))
	var looking conc.WaitGroup
	for i, host := range looked {
		looking.Go(func() { sights[i] = look(ctx, c, host, path, hosts) })
	}
	looking.Wait()
	table := algesta.Table{Head: []string{"host", "state", "time", "certificate until"}}
	well, worst := 0, algesta.Good
	for _, s := range sights {
		words, but, tone := s.state()
		switch {
		case tone == algesta.Good:
			well++
		case tone == algesta.Bad || worst == algesta.Good:
			worst = tone
		}
		until, time := "–", "–"
		if s.secure.Certificate != nil {
			until = dated(s.secure.Certificate.NotAfter, in.Command.At)
		}
		if s.secure.Status > 0 {
			time = took(s.secure.Connect + s.secure.Handshake + s.secure.Wait)
		}
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say("{}", algesta.Name(quote(s.host))), algesta.Say("{}", words+but), algesta.Say("{}", time), algesta.Say("{}", until),
		})
	}
	report := algesta.Report{Tone: worst, Title: algesta.Say("{}: {}, nothing is wrong", whereOf(in), count(len(sights), "host"))}
	if well < len(sights) {
		report.Title = algesta.Say("{}: something is wrong with {} of {}", whereOf(in), len(sights)-well, count(len(sights), "host"))
	}
	var more []algesta.Text
	if len(hosts) > len(looked) {
		more = append(more, algesta.Say("{} not looked at.", count(len(hosts)-len(looked), "more host")))
	}
	more = append(more, algesta.Say("As seen from where I run: from elsewhere it may look different."))
	return withTable(report, table, "host", slices.Concat(more, a.read.couldNot())...)
}
