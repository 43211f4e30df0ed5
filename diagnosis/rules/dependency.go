package rules

import (
	"cmp"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const driverSource = "the error texts of the drivers (Node.js and MongoDB, PostgreSQL, MySQL, Redis, Go, Java, Python) in the " +
	"container's log"

var dependencyRules = []Rule{
	{
		ID:     "dependency-auth",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log of the failing instance: bad auth, Authentication failed, password authentication failed, WRONGPASS, …",
		Cause:  "a credential that was rotated or is wrong in the Secret",
		Remedy: "correct the credential in the Secret, then restart",
		Source: driverSource,
		container: dependencyRule("dependency-auth", func(to string) string { return to + " rejects the credentials" },
			"Check the credentials in %s, then restart the service."),
	},
	{
		ID:     "dependency-allow-list",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log of the failing instance: IP not whitelisted, no pg_hba.conf entry, tlsv1 alert internal error (MongoDB Atlas)",
		Cause:  "the cluster's outgoing address is not on the database's allow list",
		Remedy: "add the cluster's outgoing address to the allow list",
		Source: driverSource,
		container: dependencyRule("dependency-allow-list", func(to string) string { return to + " does not admit the cluster's address" },
			"Add the cluster's outgoing address to the database's allow list."),
	},
	{
		ID:     "dependency-full",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log of the failing instance: too many connections, too many clients",
		Cause:  "more pods or bigger pools than the database admits; leaked connections",
		Remedy: "scale down or make the pools smaller; raise the database's limit",
		Source: driverSource,
		container: dependencyRule("dependency-full", func(to string) string { return to + " has no connections left" },
			"Run fewer pods or smaller connection pools, or raise the database's limit."),
	},
	{
		ID:     "dependency-dns",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log of the failing instance: getaddrinfo ENOTFOUND or EAI_AGAIN, querySrv ENOTFOUND, no such host, UnknownHostException",
		Cause:  "a host name that is wrong or lacks its namespace; DNS is down",
		Remedy: "correct the host name in the configuration; look at CoreDNS when several names fail",
		Source: driverSource,
		container: dependencyRule("dependency-dns", func(to string) string {
			if caller, ok := strings.CutPrefix(to, "what "); ok {
				return strings.TrimSuffix(caller, " calls") + " cannot resolve the name of what it calls"
			}
			return "The name of " + to + " cannot be resolved"
		},
			"Check the host name in %s; if several names fail, check CoreDNS."),
	},
	{
		ID:     "dependency-tls",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log of the failing instance: certificate has expired, self-signed certificate, x509:, handshake failure, …",
		Cause:  "an expired or unknown certificate on the other side; TLS where there is none",
		Remedy: "renew the certificate, or give the service the authority that signed it",
		Source: driverSource,
		container: dependencyRule("dependency-tls", func(to string) string { return "The TLS connection to " + to + " fails" },
			"Check the certificate of the other side and the authority that the service trusts."),
	},
	{
		ID:     "dependency-refused",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log of the failing instance: ECONNREFUSED, connection refused",
		Cause:  "nothing listens there: the other side is down, or the host or port is wrong",
		Remedy: "see whether the other side runs; correct host and port",
		Source: driverSource,
		container: dependencyRule("dependency-refused", func(to string) string { return to + " refuses connections" },
			"See whether the other side runs, and check host and port in %s."),
	},
	{
		ID:     "dependency-timeout",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log of the failing instance: ETIMEDOUT, i/o timeout, Server selection timed out, EHOSTUNREACH",
		Cause:  "a firewall or network policy, an allow list, a host that is down",
		Remedy: "check the way there: firewall, allow list, network policy",
		Source: driverSource,
		container: dependencyRule("dependency-timeout", func(to string) string { return to + " does not answer" },
			"Check the way there: firewall, allow list and network policies; then host and port in %s."),
	},
}

// dependencyRule reads the log. The subject is what the services share, so that the same words in two of them make one
// finding about it and not two about them.
func dependencyRule(id string, wording func(to string) string, fix string) func(*facts.Container) *Finding {
	return func(c *facts.Container) *Finding {
		why, ok := c.Log.Explain()
		if !ok || why.ID != id {
			return nil
		}
		to := c.Dependency(why)
		from, source := c.ConfiguredBy(to.Product)
		if id == "dependency-auth" {
			from, source = c.CredentialsFrom(to.Product)
		}
		text := fix
		if strings.Contains(fix, "%s") {
			text = fmt.Sprintf(fix, from)
		}
		f := dependencyFinding(c, why, to.Subject, wording(to.Words), text, source)
		f.Product, f.Host, f.Target = to.Product, to.Host, to.Target()
		if to.Subject.Kind == facts.KindService {
			f.Calls = []facts.Ref{to.Subject}
		}
		if to.Guessed != "" {
			f.Sure, f.Unsure = Low, to.Guessed
		}
		if ref, ok := facts.ServiceBeyond(to.Host, c.Pod.Namespace); ok {
			f.Beyond = []facts.Elsewhere{{Ref: ref, FromLog: true}}
		}
		if id == "dependency-auth" {
			if m := refusedUser.FindStringSubmatch(why.Line.Example); m != nil {
				f.several = joint{what: f.What} // others may sign in as another
				f.What += " of user " + c.Snapshot.Quote(m[1])
				if on := refusedDatabase.FindStringSubmatch(why.Line.Example); on != nil {
					f.What += " for database " + c.Snapshot.Quote(on[1])
				}
			}
			rotated(c, f, source)
			stale(c, f, source)
		}
		if id == "dependency-refused" || id == "dependency-timeout" || id == "dependency-dns" {
			setTwice(c, f, to)
		}
		if id == "dependency-refused" || id == "dependency-timeout" {
			whereItLeads(c, f, to)
		}
		f.several.remedy = f.Remedy
		if id == "dependency-tls" {
			f.What += tlsWhy(why.Line.Example)
		}
		if id == "dependency-dns" {
			f.Calls, f.Beyond = append(f.Calls, slices.DeleteFunc(
				c.Snapshot.ClusterDNS(),
				c.OwnService,
			)...), append(f.Beyond, facts.Elsewhere{Ref: facts.ClusterDNS})
			unresolved(c, f, to.Host, why.Line.Example)
		}
		return f
	}
}

// rotated says that a Secret was changed after the pod had started, which still uses what it read then: variables are read once.
func rotated(c *facts.Container, f *Finding, source facts.Ref) {
	running := c.Status.State.Running
	if running == nil {
		return
	}
	var changed []facts.Ref
	for _, ref := range facts.VariablesFrom(c.Spec, c.Pod.Namespace) {
		have := c.Snapshot.Contents(ref)
		if ref.Kind == facts.KindSecret && have != nil && have.Changed.After(running.StartedAt.Add(facts.ClockSlack)) {
			changed = append(changed, ref)
		}
	}
	switch {
	case slices.Contains(changed, source):
	case len(changed) == 1 && source.Kind != facts.KindSecret:
		source = changed[0]
	default:
		return
	}
	have := c.Snapshot.Contents(source)
	f.What += fmt.Sprintf(": %s was changed %s, after its pods had started", source.Words(), facts.When(have.Changed))
	f.Subject, f.Target = source, source.Name
	f.Remedy = command(c.Owner, "restart", "Restart the service: its pods read the Secret when they start.")
}

// refusedUser is the name that a database doesn't let in.
var refusedUser = regexp.MustCompile(`(?i)\b(?:for|of) user:? ['"\\]*([\w.-]{1,40})`)

// refusedDatabase is the database that it was asked for.
var refusedDatabase = regexp.MustCompile(`(?i)\b(?:to |for |on )?database:? ['"\\]+([\w.-]{1,40})`)

// stale says that the Secret with the credentials is made by an operator that can't renew it: the database may have newer ones.
func stale(c *facts.Container, f *Finding, source facts.Ref) {
	for _, ref := range facts.VariablesFrom(c.Spec, c.Pod.Namespace) {
		if ref.Kind != facts.KindSecret || source.Kind == facts.KindSecret && source != ref {
			continue
		}
		for _, o := range c.Snapshot.OfKind(facts.KindExternalSecret, facts.KindSealedSecret) {
			if _, ok := notSynced(c.Snapshot, o); ok && facts.MadeBy(o) == ref {
				f.Because = facts.RefOf(o.GetKind(), o)
				return
			}
		}
	}
}

// setTwice says that a variable which may hold the address is set twice with different values: the later one counts.
func setTwice(c *facts.Container, f *Finding, to facts.Callee) {
	first := map[string]string{}
	for _, env := range c.Spec.Env {
		before, twice := first[env.Name]
		first[env.Name] = env.Value
		if !twice || before == env.Value || env.Value == "" {
			continue
		}
		if to.Host != "" && !strings.Contains(before+" "+env.Value, to.Host) && (to.Subject.Name == "" ||
			!strings.Contains(before+" "+env.Value, to.Subject.Name)) {
			continue
		}
		f.What = fmt.Sprintf("Variable %s of %s is set twice, and the later value counts (%s, not %s)", env.Name, c.Words(), env.Value, before)
		f.Subject, f.Key, f.Calls, f.Target = c.Owner.Ref, "variable "+env.Name, nil, env.Name
		f.show(facts.Evidence{Object: c.Owner.Ref, Field: "variable " + env.Name, Quote: before + ", then " + env.Value}, false)
		f.Remedy = rollbackOr(c, "Remove the value that isn't meant.")
		return
	}
}

// unresolved adds what the snapshot knows about a name that cannot be resolved.
func unresolved(c *facts.Container, f *Finding, host, line string) {
	service, inCluster := c.Snapshot.ServiceNamed(host, c.Pod.Namespace)
	if inCluster || host == "" {
		if other := otherResolver(c.Pod); other != "" && (inCluster || len(c.Snapshot.CallsOf(c.Owner)) > 0) {
			f.What += ": " + other
			f.Subject, f.Calls, f.Beyond = c.Owner.Ref, nil, nil
			f.Remedy = rollbackOr(c, "Set dnsPolicy to ClusterFirst (with hostNetwork: ClusterFirstWithHostNet).")
			return
		}
		if answers, source := corefileAnswers(c.Snapshot); answers != "" {
			f.What = answers
			if inCluster && !c.Status.Ready {
				f.What += fmt.Sprintf(", so the name of %s cannot be resolved", service.Words())
			}
			f.several = joint{what: answers}
			f.Subject, f.Target = source, source.Name
			f.show(facts.Evidence{Object: source, Field: "data", Quote: answers}, false)
			f.Remedy = Remedy{Text: "Take it out of " + source.Words() + ".", Command: fmt.Sprintf("kubectl edit %s -n kube-system", source)}
			f.several.remedy = f.Remedy
			return
		}
	}
	if inCluster && aliasUnresolved(c.Snapshot, f, service) || !inCluster && byForwarder(c, f, host, line) {
		return
	}
	if meant := domainMeant(host); meant != "" && !inCluster {
		f.What += fmt.Sprintf(" (does it end with %s?)", meant)
	}
	if namespace := c.Snapshot.Elsewhere(host, c.Pod.Namespace); namespace != "" {
		f.What += fmt.Sprintf(": Service %s is in namespace %s", host, namespace)
		f.Remedy = Remedy{
			Text:    fmt.Sprintf("Call it %s.%s, or create a Service %s in %s.", host, namespace, host, c.Pod.Namespace),
			Command: fmt.Sprintf("kubectl get service %s -n %s", host, namespace),
		}
		return
	}
	missing, ok := c.Snapshot.Absent(host, c.Pod.Namespace)
	if !ok || len(c.Snapshot.ClusterDNS()) > 0 {
		return
	}
	f.What += fmt.Sprintf(": there is no Service %s in namespace %s", missing.Name, missing.Namespace)
	var names []string
	for _, service := range c.Snapshot.Services() {
		if service.Namespace == missing.Namespace {
			names = append(names, service.Name)
		}
	}
	if near := words.NearestName(missing.Name, names); near != "" {
		f.show(
			facts.Evidence{
				Object: facts.Ref{Kind: facts.KindService, Namespace: missing.Namespace, Name: near},
				Field:  "metadata.name",
				Quote:  "there is a Service " + near,
			},
			false,
		)
	}
}

func dependencyFinding(c *facts.Container, why facts.Explanation, subject facts.Ref, what, fix string, source facts.Ref) *Finding {
	f := &Finding{Subject: subject, What: words.Capital(what), Shown: []facts.Evidence{c.LogEvidence(why.Line)}, Sure: High, Effect: NotReady}
	if c.Init {
		f.Effect = CannotStart
	}
	if c.Crashing {
		f.Effect = KeepCrashing
		if c.Died != nil {
			f.Since = facts.Earliest(c.Died.StartedAt.Time)
			f.show(c.EndEvidence(), false)
		}
	}
	if source != (facts.Ref{}) {
		f.show(facts.Evidence{Object: source, Field: "spec.containers[].env", Quote: "the address comes from " + source.Words()}, false)
	}
	f.Remedy = Remedy{Text: fix}
	if c.NewlyBroken() {
		f.Remedy = rollbackOr(c, fix)
		f.Sure, f.Unsure = Medium, "The pods of the revision before still work, so its configuration may be what changed."
		if !c.OldStillServes() {
			f.Unsure = "It failed soon after this revision was rolled out, so its configuration may be what changed."
		}
	}
	if strings.HasPrefix(fix, "Check the credentials") && f.Remedy.Command == "" {
		f.Remedy = command(c.Owner, "restart", fix)
		f.Remedy.Afterwards = true
	}
	if f.Remedy.Command == "" {
		f.Remedy.Command = fmt.Sprintf("kubectl logs %s -c %s -n %s", c.Pod.Name, c.Spec.Name, c.Pod.Namespace)
		if c.Crashing {
			f.Remedy.Command += " --previous"
		}
	}
	return f
}

// joinDependencies joins findings of one rule about one product when nothing says that they mean different ones: one
// service logs its name, another its IP, a third neither.
func joinDependencies(found []*Finding) []*Finding {
	type group struct {
		rule               *Rule
		namespace, product string
	}
	groups := map[group][]*Finding{}
	for _, f := range found {
		if f.Product != "" && f.Subject.Kind == facts.KindDependency && !facts.IsLoopback(f.Host) {
			at := group{f.Rule, f.Subject.Namespace, f.Product}
			groups[at] = append(groups[at], f)
		}
	}
	joined := map[*Finding]bool{}
	for _, same := range groups {
		names, ips := map[string]bool{}, map[string]bool{}
		for _, f := range same {
			switch {
			case net.ParseIP(f.Host) != nil:
				ips[f.Host] = true
			case f.Host != "":
				names[f.Host] = true
			}
		}
		if len(same) < 2 || len(names) > 1 || len(ips) > 1 {
			continue
		}
		first := slices.MinFunc(same, func(a, b *Finding) int { return cmp.Compare(vagueness(a.Host), vagueness(b.Host)) })
		for _, f := range same {
			if f != first {
				first.join(f)
				joined[f] = true
			}
		}
	}
	return slices.DeleteFunc(found, func(f *Finding) bool { return joined[f] })
}

// vagueness ranks addresses: a name says the most.
func vagueness(host string) int {
	switch {
	case host == "":
		return 2
	case net.ParseIP(host) != nil:
		return 1
	}
	return 0
}
