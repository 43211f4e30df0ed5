package facts

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// mostComplaints are the lines of one ready program about which what it calls is asked.
	mostComplaints = 4
	// leastWarnings is how often a program has to warn, and then of little else, until that is a failure.
	leastWarnings = 5
	// mostAsked are the pods of a Service whose logs are looked at: of a replica set each may say another thing.
	mostAsked = 3
	// MaxCalleeLogs is how many logs of what is called are wanted for one question, after those of the callers were read.
	MaxCalleeLogs = 4
	// besideCaller is how much older or newer than the caller's last failure what explains it may be.
	besideCaller = 15 * time.Minute
)

// Complaints are the lines in which a ready program says again and again, until now, that something fails: the worst first. They are
// errors, or warnings of which the log is full, and neither about telemetry nor about clients that went away.
func (v *Log) Complaints(now time.Time) []*LogLine {
	if v == nil {
		return nil
	}
	var found []*LogLine
	for _, t := range v.Templates {
		goesOn := t.severity >= severityError || t.severity == severityWarning && t.count >= leastWarnings && 3*t.count >= v.lines
		if goesOn && !t.OfTelemetry() && v.Persists(t, now) && !v.overtaken(t) {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b *LogLine) int {
		return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(b.count, a.count), cmp.Compare(b.last, a.last))
	})
	return found[:min(len(found), mostComplaints)]
}

// called is a Service that a line may be about, and how that is known.
type called struct {
	service Ref
	how     nearness
}

// nearness is how surely a line is about a Service.
type nearness int

const (
	onlyConfigured nearness = iota // the workload names it somewhere
	byProduct                      // the line is about this product
	byName                         // the line names it
)

// calledIn are the Services that a complaint may be about, the surest first: what the line names, what is of the product that the line
// speaks of, and what the workload names as a host.
func (c *Container) calledIn(line *LogLine) []called {
	s := c.Snapshot
	var found []called
	add := func(ref Ref, how nearness) {
		if s.index.services[ref] == nil || c.OwnService(ref) {
			return
		}
		if at := slices.IndexFunc(found, func(other called) bool { return other.service == ref || c.sameBehind(other.service, ref) }); at >= 0 {
			found[at].how = max(found[at].how, how)
			return
		}
		found = append(found, called{ref, how})
	}
	to := c.Dependency(Explanation{Line: line})
	if to.Subject.Kind == KindService {
		how := byName
		if to.Guessed != "" {
			how = onlyConfigured
		} else if to.Host == "" || !strings.Contains(line.Example, to.Host) {
			how = byProduct
		}
		add(to.Subject, how)
	}
	calls := s.CallsOf(c.Owner)
	said := letters(line.Example)
	for _, call := range calls {
		how := onlyConfigured
		switch name := letters(call.Service.Name); {
		case len(name) >= 5 && strings.Contains(said, name):
			how = byName
		case to.Product != "" && s.isProduct(call.Service, to.Product):
			how = byProduct
		}
		add(call.Service, how)
	}
	if to.Product != "" && !slices.ContainsFunc(found, func(f called) bool { return f.how >= byProduct }) {
		var of []Ref
		for _, service := range s.services {
			if ref := RefOf(KindService, service); service.Namespace == c.Pod.Namespace && s.isProduct(ref, to.Product) &&
				!slices.ContainsFunc(of, func(other Ref) bool { return c.sameBehind(other, ref) }) {
				of = append(of, ref)
			}
		}
		if len(of) == 1 {
			add(of[0], byProduct)
		}
	}
	slices.SortStableFunc(found, func(a, b called) int { return cmp.Compare(b.how, a.how) })
	return found
}

var notLetters = regexp.MustCompile(`[^a-z0-9]+`)

// letters is a text without what names differ in from one language to another: ProductCatalogService and product-catalog-service.
func letters(text string) string { return notLetters.ReplaceAllString(strings.ToLower(text), "") }

// isProduct says that what is behind a Service is of a product, by its port, its name or the image of its pods.
func (s *Snapshot) isProduct(ref Ref, product string) bool {
	service := s.index.services[ref]
	if service == nil {
		return false
	}
	name := strings.ToLower(strings.ReplaceAll(product, " ", ""))
	if onPort(service, portOf(product)) || strings.Contains(service.Name, strings.TrimSuffix(name, "ql")) {
		return true
	}
	return slices.ContainsFunc(s.index.behind[ref], func(p *corev1.Pod) bool {
		return slices.ContainsFunc(p.Spec.Containers, func(c corev1.Container) bool { return strings.Contains(imageName(c.Image), name) })
	})
}

// asked are the containers of the ready pods behind a Service that may say why it fails.
func (s *Snapshot) asked(service Ref) []*Container {
	var found []*Container
	for _, p := range s.index.behind[service] {
		if !PodReady(p) || len(found) == mostAsked {
			continue
		}
		name := loudest(p)
		for i := range p.Spec.Containers {
			for j := range p.Status.ContainerStatuses {
				if p.Spec.Containers[i].Name == name && p.Status.ContainerStatuses[j].Name == name {
					found = append(found, &Container{
						Snapshot: s, Pod: p, Owner: s.index.podOwner[p], Spec: &p.Spec.Containers[i], Status: &p.Status.ContainerStatuses[j],
					})
				}
			}
		}
	}
	return found
}

// Reported is what a program that is called says about itself, as the reason of what its caller complains of.
type Reported struct {
	Service   Ref
	Container *Container // whose log says it
	Line      *LogLine
	Complaint *LogLine // the caller's
	Named     bool     // the caller's line names what it calls
	Shared    string   // what both lines speak of: "disk"; empty where it is only that both fail
}

// Reported is the line in the log of what a ready program calls that explains best what it complains of. A Service that is not ready, or
// whose own log says nothing that fits, answers nothing.
func (c *Container) Reported() (Reported, bool) {
	var best Reported
	most := 0
	for _, complaint := range c.Log.Complaints(c.Snapshot.now) {
		for _, to := range c.calledIn(complaint) {
			for _, callee := range c.Snapshot.asked(to.service) {
				callee.Log = c.Snapshot.log(LogRequest{callee.Pod.Namespace, callee.Pod.Name, callee.Spec.Name, false})
				if callee.Log == nil || callee.Owner == c.Owner {
					continue
				}
				for _, line := range callee.Log.Templates {
					fit, shared := explainsCaller(complaint, line, callee.Log, to.how, c.Snapshot.now)
					if !hardMatters[shared] && (complaint.severity < severityError || 5*complaint.count < c.Log.lines) {
						continue // a card that is declined and a password that is wrong are told by both sides, and nothing is broken
					}
					if fit > most {
						most = fit
						best = Reported{to.service, callee, line, complaint, to.how == byName, shared}
					}
				}
			}
		}
	}
	return best, most > 0
}

// matters are what a caller's and a callee's words may both be about. The first word names it.
var matters = []struct {
	name string
	says *regexp.Regexp
}{
	{"disk", regexp.MustCompile(`(?i)no space left|\bdisk\b|persist to disk|MISCONF|flood.?stage|watermark|ENOSPC|read-only-allow-delete|` +
		`index read-only / allow delete|could not (?:write|extend)|log ?dir\w*.{0,40}fail|StorageException|StorageFull|DiskFull|` +
		`free drive|\btable '?[^ ']*'? is full|err(?:no|or number) 28\b|space (?:is )?(?:insufficient|exhausted)`)},
	{"memory", regexp.MustCompile(`(?i)out of memory|\bOOM\b|maxmemory|\bmemory\b|circuit.?break|\bENOMEM\b|heap space`)},
	{"read-only", regexp.MustCompile(`(?i)read[-_ ]?only|NotWritablePrimary|\b25006\b|\b1290\b|standby`)},
	{"primary", regexp.MustCompile(`(?i)\bprimary\b|\bleader\w*\b|\bmaster\b|replica ?set|replset|\belection\b|quorum|coordinator|` +
		`replication.?factor|\breplicas\b|in-?sync|\bISR\b|NOT_ENOUGH_REPLICAS|NotEnoughReplicas|CLUSTERDOWN|MASTERDOWN|hash slot|` +
		`split.?brain|is now DOWN|peers?\b.{0,20}unreachable`)},
	{"connections", regexp.MustCompile(`(?i)too many (?:clients|connections|open files)|max_?connections|connection (?:slots|limit)|` +
		`max number of clients|maxclients|file descriptors|connection pool|pool (?:is )?exhausted|accept\w* .{0,20}fail`)},
	{"access", regexp.MustCompile(`(?i)\bdenied\b|authenticat|authori[sz]|password|credential|\blogin\b|LOGIN_ERROR|\bSASL\b|\bSCRAM\b|` +
		`permission|forbidden|not permitted|WRONGPASS|NOAUTH|NOPERM|\bACLs?\b|ACCESS_REFUSED|invalid (?:token|api ?key|client)|` +
		`invalid_client|invalid_grant|pg_hba|\b401\b|\b403\b`)},
	{"starting", regexp.MustCompile(`(?i)starting up|recovery mode|not (?:yet )?accepting connections|loading the dataset|\bLOADING\b|` +
		`shutting down|recovering|replaying|not (?:yet )?initiali[sz]ed|maintenance|\bsealed\b|not (?:currently )?serving|not running`)},
	{"TLS", regexp.MustCompile(`(?i)certificate|\bx509\b|\bTLS\b|\bSSL\b|handshake|plaintext`)},
	{"lock", regexp.MustCompile(`(?i)deadlock|lock wait|lock timeout|could not obtain lock|\blocked\b|AccessExclusiveLock`)},
	{"damage", regexp.MustCompile(`(?i)corrupt|checksum|crashed table|invalid page|marked as crashed|\bCRC\b`)},
	{"limit", regexp.MustCompile(`(?i)rate.?limit|throttl|quota|too many requests|\b429\b|RESOURCE_EXHAUSTED|max_allowed_packet|` +
		`max\.message\.bytes|RecordTooLarge|too (?:large|big)|larger than|exceed|insufficient resources|resource limits`)},
	{"missing", regexp.MustCompile(`(?i)does not exist|doesn't exist|unknown (?:topic|database|exchange|queue|table|column|method|service)|` +
		`not found|\bno (?:exchange|queue|such)\b|NOT_FOUND|UNKNOWN_TOPIC|unimplemented|no such file`)},
}

// hardMatters are those that no request of a user brings about.
var hardMatters = map[string]bool{
	"disk": true, "memory": true, "read-only": true, "primary": true, "connections": true, "starting": true, "damage": true,
}

// These are words of one line that are seldom in another: codes, names in quotes, and long words but for those of any failure.
var (
	codes = regexp.MustCompile(`\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|\b[A-Z][a-z]+(?:[A-Z][a-z0-9]+){1,6}\b|\b[A-Z]{2,}-?\d{3,}\b|\b[45]\d{2}\b|` +
		`\b0x[0-9a-f]+\b`)
	quoted = regexp.MustCompile(`["'\x60]([\w./-]{3,60})["'\x60]`)
	words5 = regexp.MustCompile(`[a-z]{5,}`)
	plain  = regexp.MustCompile(`^(?:error|errors|failed|failure|exception|request|requests|service|server|client|connection|connect|could|` +
		`cannot|after|before|while|which|because|their|there|timeout|timed|retry|retrying|again|unable|message|status|internal|unknown|code|` +
		`cluster|local|svc|http|https|response|handler|caused|warning|calling|called|return|returned|invalid|unexpected)$`)
)

// sameSentence is how many long words two lines share where one quotes the other.
const sameSentence = 3

// explainsCaller weighs whether a line of a callee's log is why its caller complains: 0 where it isn't. What counts is that both speak of
// the same matter, code or name, that the callee's line is bad, that it's as new, and that the caller names this callee.
func explainsCaller(complaint, line *LogLine, log *Log, how nearness, now time.Time) (fit int, shared string) {
	tells := line.severity >= severityWarning || line.severity >= severityInfo && troubleWords.MatchString(line.Example)
	if !tells || line.OfTelemetry() || cleared.MatchString(line.Example) || log.overtaken(line) || !asNew(complaint, line, log, now) {
		return 0, ""
	}
	for _, m := range matters {
		if m.says.MatchString(complaint.Example) && m.says.MatchString(line.Example) {
			fit += 6
			shared = cmp.Or(shared, m.name)
		}
	}
	same := sameWords(complaint.Example, line.Example)
	if same.codes > 0 {
		fit += 4 * min(same.codes, 2)
		shared = cmp.Or(shared, same.example)
	}
	fit += min(same.words, 3)
	if same.words >= sameSentence {
		shared = cmp.Or(shared, "the same")
	}
	bad := int(line.severity) - int(severityWarning)
	switch {
	case shared != "" && (line.severity >= severityWarning || line.count > 1):
	case line.severity >= severityError && line.count > 1 && how >= byProduct:
	default:
		return 0, ""
	}
	if line.count > 1 {
		fit++
	}
	return max(1, fit+2*bad+2*int(how)), shared
}

// asNew says that a line isn't the past beside what its caller complains of: as late as that, or, where one log has no times, near its end.
// A line that came once may have begun what lasts.
func asNew(complaint, line *LogLine, log *Log, now time.Time) bool {
	if alarms.MatchString(line.Example) {
		return true // it holds until it's cleared
	}
	if line.at.IsZero() {
		return line.last > log.lines-nearEnd || line.count > 1 && line.last > log.lines/2
	}
	since := complaint.since
	if since.IsZero() {
		since = now.Add(-lately)
	}
	return !line.at.Before(since.Add(-besideCaller)) && !line.at.After(now.Add(ClockSlack))
}

// lastClause is what a line says after its last colon, or after "desc =" where it's of gRPC.
func lastClause(line string) string {
	if at := strings.LastIndex(line, "desc = "); at >= 0 {
		return line[at+len("desc = "):]
	}
	if at := strings.LastIndex(line, ": "); at >= 0 {
		return line[at+len(": "):]
	}
	return line
}

type likeness struct {
	codes, words int
	example      string
}

// sameWords counts the codes, the names in quotes and the long words that two lines share.
func sameWords(a, b string) likeness {
	var found likeness
	seen := map[string]bool{}
	add := func(word string) bool {
		if seen[word] || !strings.Contains(b, word) {
			return false
		}
		seen[word] = true
		return true
	}
	for _, code := range codes.FindAllString(a, 16) {
		if !plain.MatchString(strings.ToLower(code)) && add(code) {
			found.codes++
			found.example = cmp.Or(found.example, code)
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(a, 16) {
		if add(m[1]) {
			found.codes++
			found.example = cmp.Or(found.example, m[1])
		}
	}
	lower := strings.ToLower(b)
	if end := strings.ToLower(lastClause(a)); len(end) >= leastLeft && strings.Contains(lower, end) &&
		slices.ContainsFunc(words5.FindAllString(end, -1), func(word string) bool { return !plain.MatchString(word) }) {
		found.words += sameSentence // it was handed on as it was said
	}
	for _, word := range words5.FindAllString(strings.ToLower(a), 64) {
		if !seen[word] && !plain.MatchString(word) && strings.Contains(lower, word) {
			seen[word] = true
			found.words++
		}
	}
	return found
}

// configured says that a workload itself names a Service, and not only its log does.
func (s *Snapshot) configured(w *Workload, service Ref) bool {
	return slices.ContainsFunc(s.CallsOf(w), func(call Call) bool { return call.Service == service })
}

// WantedCallees says which logs of what is called would help, after the callers' own were read: of the ready pods behind what their lines
// of trouble are about, MaxCalleeLogs at most. Of another namespace only what the caller's own configuration names is wanted.
func WantedCallees(s *Snapshot, about Ref) []LogRequest {
	subject, problem := s.Resolve(about)
	if problem != "" {
		return nil
	}
	near := s.Around(subject)
	var wanted []called
	requests := map[Ref][]LogRequest{}
	for _, w := range s.index.workloads {
		c := s.Listen(w)
		if c == nil || !near.Has(w.Ref) {
			continue
		}
		for _, complaint := range c.Log.Complaints(s.now) {
			for _, to := range c.calledIn(complaint) {
				if to.service.Namespace != w.Ref.Namespace && !s.configured(w, to.service) {
					continue // anyone who can write a line chooses the name
				}
				wanted = append(wanted, to)
				requests[to.service] = nil
				for _, callee := range s.asked(to.service) {
					requests[to.service] = append(requests[to.service],
						LogRequest{callee.Pod.Namespace, callee.Pod.Name, callee.Spec.Name, false})
				}
			}
		}
	}
	slices.SortStableFunc(wanted, func(a, b called) int { return cmp.Compare(b.how, a.how) })
	var found []LogRequest
	for nth := range mostAsked { // one pod of each before the second of any
		for _, to := range wanted {
			of := requests[to.service]
			if nth >= len(of) || len(found) == MaxCalleeLogs || slices.Contains(found, of[nth]) {
				continue
			}
			if _, read := s.logs[of[nth]]; !read {
				found = append(found, of[nth])
			}
		}
	}
	return found
}

// ProductIn is the product that a line speaks of: "Redis"; empty where nothing tells.
func ProductIn(line *LogLine) string { return productOf("", line.Example) }
