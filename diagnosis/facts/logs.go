package facts

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SaidWhy says that the program itself reported the error that ended it.
func (c *Container) SaidWhy() bool {
	line, ok := c.Log.Worst()
	return ok && (line.severity == severityFatal || namedErrors.MatchString(line.Example))
}

// LogRequest names one log: of a container of a pod, of the instance that runs or of the one before it.
type LogRequest struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
	Previous  bool   `json:"previous"`
}

// The bounds of a log. Callers should ask for no more; what is more is cut at its beginning, because a program's last
// words explain its end.
const (
	MaxLogBytes = 256 << 10
	MaxLogLines = 2000
	MaxLogPods  = 3 // whose logs are wanted for one question
)

const (
	maxLineBytes = 4 << 10
	maxTemplates = 5
)

// Log is what is kept of a log: lines that say the same are one template.
type Log struct {
	request   LogRequest
	Templates []*LogLine // in the order of their last line
	lines     int
	listening []Listening
	proxied   []Proxied
	message   bool        // that it is a termination message and no log
	why       Explanation // of every pod that shares this log; its line is nil when nothing explains
}

// LogLine is a group of lines that differ only in times, numbers and identifiers.
type LogLine struct {
	Pattern  string
	Example  string // its last line, redacted
	severity severity
	count    int
	at       time.Time // of its last line; zero where the log tells no times
	since    time.Time // of its first line; zero where the log tells no times
	last     int       // the number of its last line
}

// heldLog is a log that was added. A folder has one for every container, and most of them no rule asks about: each is read when it is first
// asked for.
type heldLog struct {
	read    func() *Log
	proxies bool // it may have errors of an ingress controller
}

// AddLog adds what a container wrote. raw may be anything: it is cut to MaxLogBytes, cleaned, redacted and clustered when a rule first asks
// for it, and not kept after that. It must not change afterwards.
func (s *Snapshot) AddLog(request LogRequest, raw []byte) {
	s.logs[request] = heldLog{
		read:    sync.OnceValue(func() *Log { return s.read(request, raw) }),
		proxies: bytes.Contains(raw, []byte(proxiedFor)),
	}
}

// log is the log of a container as AddLog got it; nil when it was not read.
func (s *Snapshot) log(request LogRequest) *Log {
	if held, ok := s.logs[request]; ok {
		return held.read()
	}
	return nil
}

// lastMessage is what a container left in its termination message, read as its log; nil where it left nothing, or where the message is the
// runtime's.
func (s *Snapshot) lastMessage(c *Container) *Log {
	if c.Died == nil || c.Died.Message == "" || c.Died.Reason == "StartError" || c.Died.Reason == "ContainerCannotRun" {
		return nil
	}
	view := s.read(LogRequest{Namespace: c.Pod.Namespace, Pod: c.Pod.Name, Container: c.Spec.Name}, []byte(c.Died.Message))
	view.message = true
	return view
}

// read cleans, redacts and clusters what a container wrote.
func (s *Snapshot) read(request LogRequest, raw []byte) *Log {
	if len(raw) > MaxLogBytes {
		raw = raw[len(raw)-MaxLogBytes:]
		if at := slices.Index(raw[:min(len(raw), maxLineBytes)], '\n'); at >= 0 {
			raw = raw[at+1:] // the first line is only half there
		}
	}
	clean := s.redactor.String(string(raw)) // it knows what the templates spell out
	view := &Log{request: request}
	byPattern := map[string]*LogLine{}
	for _, entry := range parseLog(clean) {
		view.lines++
		view.noteListening(entry)
		view.noteProxied(entry)
		pattern := template(entry.text)
		t := byPattern[pattern]
		if t == nil {
			t = &LogLine{Pattern: pattern}
			byPattern[pattern] = t
			view.Templates = append(view.Templates, t)
		}
		t.count++
		t.last = view.lines
		t.Example = entry.text
		t.at = Latest(t.at, entry.at)
		t.since = Earliest(t.since, entry.at)
		t.severity = max(t.severity, entry.severity)
	}
	slices.SortStableFunc(view.Templates, func(a, b *LogLine) int { return cmp.Compare(a.last, b.last) })
	view.why = view.search()
	return view
}

// LogUnread records that a wanted log could not be read, and why.
func (s *Snapshot) LogUnread(request LogRequest, reason string) {
	s.notChecked = append(
		s.notChecked,
		NotChecked{Kind: "pods/log", Namespace: request.Namespace, Reason: request.Pod + "/" + request.Container + ": " + s.Quote(reason)},
	)
}

// logOf finds the log of the failing instance: of the one before where the container has ended, else of this one; or,
// when it was not read, that of a sibling of the same template whose container failed the same way.
func (s *Snapshot) logOf(c *Container) *Log {
	if len(s.logs) == 0 {
		return nil
	}
	if view := s.LogOfPod(c.Pod, c); view != nil {
		return view
	}
	owner := metav1.GetControllerOfNoCopy(c.Pod)
	for _, p := range c.Owner.Pods {
		if sibling := metav1.GetControllerOfNoCopy(p); p == c.Pod || owner == nil || sibling == nil || sibling.UID != owner.UID ||
			sibling.Name != owner.Name {
			continue
		}
		if PodReady(p) {
			continue
		}
		if view := s.LogOfPod(p, c); view != nil {
			return view
		}
	}
	return nil
}

// LogOfPod is the log of this very container: of the instance that failed, or else of the other one; nil when neither was read.
func (s *Snapshot) LogOfPod(p *corev1.Pod, c *Container) *Log {
	request := LogRequest{Namespace: p.Namespace, Pod: p.Name, Container: c.Spec.Name, Previous: c.Crashing}
	if view := s.log(request); view != nil && view.lines > 0 {
		return view
	}
	request.Previous = !request.Previous
	return s.log(request)
}

// WantedLogs says which logs would help: of at most MaxLogPods pods that fail, one per workload first, the instance
// before where the container crashed.
func WantedLogs(s *Snapshot, about Ref) []LogRequest {
	subject, problem := s.Resolve(about)
	if problem != "" {
		return nil
	}
	near := s.Around(subject)
	type want struct {
		request LogRequest
		again   int // how many of the same workload come before it
	}
	var wants []want
	seen := map[string]int{}
	for _, p := range s.pods {
		owner := s.index.podOwner[p]
		if p.DeletionTimestamp != nil || !near.Has(owner.Ref) && !near.Has(RefOf(KindPod, p)) && near.Node != p.Spec.NodeName {
			continue
		}
		for _, c := range s.logContainers(p) {
			key := owner.Ref.String() + "/" + p.Namespace + "/" + c.Container
			wants = append(wants, want{c, seen[key]})
			seen[key]++
		}
	}
	slices.SortStableFunc(wants, func(a, b want) int { return cmp.Compare(a.again, b.again) })
	var requests []LogRequest
	pods := map[string]bool{}
	for _, w := range wants {
		pods[w.request.Namespace+"/"+w.request.Pod] = true
		if len(pods) > MaxLogPods {
			break
		}
		requests = append(requests, w.request)
	}
	for _, r := range s.readyLogs(subject, near) {
		if !slices.Contains(requests, r) {
			requests = append(requests, r)
		}
	}
	return requests
}

// logContainers are the containers of a pod that have written something worth reading.
func (s *Snapshot) logContainers(p *corev1.Pod) []LogRequest {
	var requests []LogRequest
	if p.Status.Phase == corev1.PodFailed {
		if controller := metav1.GetControllerOfNoCopy(p); controller != nil && controller.Kind == KindJob {
			for _, status := range p.Status.ContainerStatuses {
				if end := status.State.Terminated; end != nil && end.ExitCode != 0 {
					requests = append(requests, LogRequest{p.Namespace, p.Name, status.Name, false})
				}
			}
		}
		return requests
	}
	if PodFinished(p) || PodReady(p) && s.Steady(p) {
		return nil
	}
	for _, c := range s.UnhealthyContainers(p) {
		if c.Died == nil && c.Status.State.Running == nil {
			continue // it never ran: there is no log
		}
		previous := c.Crashing && c.Status.State.Terminated == nil && c.Status.RestartCount > 0
		requests = append(requests, LogRequest{p.Namespace, p.Name, c.Spec.Name, previous})
	}
	return requests
}

// speaksOfTrouble leaves out lines that a program itself calls information, unless their words are an error's.
func (t *LogLine) speaksOfTrouble() bool {
	return t.severity != severityInfo || troubleWords.MatchString(t.Example)
}

// Worst is the line that explains best: the most severe, then the nearest to the end.
func (v *Log) Worst() (*LogLine, bool) {
	if v == nil || len(v.Templates) == 0 {
		return nil, false
	}
	ranked := v.ranked()
	return ranked[0], ranked[0].severity >= severityError
}

// LastWords is the last line of a log.
func (v *Log) LastWords() (*LogLine, bool) {
	if v == nil || len(v.Templates) == 0 {
		return nil, false
	}
	return v.Templates[len(v.Templates)-1], true
}

func (v *Log) ranked() []*LogLine {
	ranked := slices.Clone(v.Templates)
	slices.SortStableFunc(ranked, func(a, b *LogLine) int {
		return cmp.Or(cmp.Compare(b.score(v.lines), a.score(v.lines)), cmp.Compare(b.last, a.last), strings.Compare(a.Pattern, b.Pattern))
	})
	return ranked[:min(len(ranked), maxTemplates)]
}

// Warnings are the most telling lines that are at least warnings, five at most.
func (v *Log) Warnings() []*LogLine {
	return slices.DeleteFunc(v.ranked(), func(t *LogLine) bool { return t.severity < severityWarning })
}

// score weighs severity, and triples it for the last twenty lines, which are nearest to the end.
func (t *LogLine) score(lines int) int {
	score := int(t.severity) * int(t.severity)
	if t.last > lines-20 {
		score *= 3
	}
	return score
}

// LogEvidence quotes a line of the log of the container.
func (c *Container) LogEvidence(t *LogLine) Evidence {
	field := "log of " + c.Words()
	switch {
	case c.Log.message:
		field = "termination message of " + c.Words()
	case c.Log.request.Previous:
		field = "previous " + field
	}
	return Evidence{Object: Ref{KindPod, c.Log.request.Namespace, c.Log.request.Pod}, Field: field, Quote: t.Example, Count: t.count}
}

// Says is the last line of a log that fits.
func (v *Log) Says(fits *regexp.Regexp) (*LogLine, bool) {
	if v == nil {
		return nil, false
	}
	for _, t := range slices.Backward(v.Templates) {
		if fits.MatchString(t.Example) {
			return t, true
		}
	}
	return nil, false
}
