package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

var _ = register(listEverywhere(Runbook{
	Name:    "events",
	Aliases: []string{"get events", "get event", "get ev"},
	Verb:    "events",
	Summary: "List the Kubernetes events of an environment or a service in the last hour: warnings first, the newest first, " +
		"repeated ones once.",
	Example: "events production",
	Rank:    55,
	About:   About{Service: true, Environment: true},
	Args: append([]Arg{
		{Name: "sort-by", Kind: TextArg, Summary: "kubectl's order: the answer has warnings first, and the newest first", Hidden: true},
	}, lookArgs...),
	Reads:  union([]string{"list events", "list pods", "list replicasets.apps"}, templateReads),
	Answer: answerEvents,
}))

func answerEvents(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	where := algesta.Say("{}", whereOf(in))
	found := readEvents(ctx, c, in.Command.Target.Namespace)
	if found.read.err != nil {
		return unknownReport(where, found.read), nil //nolint:nilerr // the report says so
	}
	all := found.events
	if in.Command.Target.Object == "" {
		where = subject(in)
		all = slices.DeleteFunc(all, func(e corev1.Event) bool { return !ofWorkload(e.InvolvedObject, in.Workload.Name) })
	}
	said := slices.Concat(
		asTyped(in), notes(found.read, found.podsRead, found.setsRead), hideTemplates(ctx, c, in.Command.Target.Namespace, all), found.leftOut(),
		found.hideSecrets(ctx, c, all),
	)
	said = append(said, algesta.Say("Kubernetes keeps events for about an hour."))
	folded := foldEvents(all)
	return withTable(
		eventsReport(folded, where, found.read.part != nil), eventsTable(folded, in.Command.At, found.quotable()), "event", said...,
	), nil
}

// saidEvents are the events of a namespace as an answer may quote them, and the pods that were read for that.
type saidEvents struct {
	events                   []corev1.Event
	pods                     []corev1.Pod
	read, podsRead, setsRead listed
}

// readEvents reads the pods and the ReplicaSets before the events: what they spell out is hidden then wherever an event quotes it. An event
// lives for an hour, and its pod may be gone by then. Every answer that quotes the events of a namespace has them from here. Where not all
// pods were read nobody knows what has to be hidden, and no event has a message.
func readEvents(ctx context.Context, c Cluster, namespace string) saidEvents {
	var pods corev1.PodList
	var sets appsv1.ReplicaSetList
	var found corev1.EventList
	s := saidEvents{podsRead: listAll(ctx, c, namespace, "", "pods", &pods)}
	s.setsRead = listAll(ctx, c, namespace, "", "replicasets", &sets)
	s.read = listAll(ctx, c, namespace, "", "events", &found)
	s.events, s.pods = found.Items, pods.Items
	if s.setsRead.err != nil {
		sets.Items = nil
	}
	hideSpelledOut(s.events, s.pods, sets.Items)
	for i := range s.events {
		switch e := &s.events[i]; {
		case !s.quotable():
			e.Message = ""
		case quotesUnknown(*e, s.pods, sets.Items):
			e.Message = ofGonePod
		case quotesTemplate(*e, sets.Items):
			e.Message = ofUnknownTemplate
		}
	}
	return s
}

// ofGonePod stands for what the kubelet said of a pod that is gone, with everything that would tell what it spelled out.
const ofGonePod = "(left out: the pod is gone, so I don't know what has to be hidden)"

// plain are the reasons of a kubelet's events that quote nothing but names and images (k8s.io/kubernetes/pkg/kubelet/events).
var plain = []string{"Pulling", "Pulled", "Created", "Started", "Killing", "BackOff", "Evicted", "Preempting", "NetworkNotReady"}

// quotesUnknown reports whether the message of an event may quote what a pod spelled out that nobody can read any more: what its kubelet
// says has the words of commands, probes and hooks in it. What the scheduler and the controllers say has not.
func quotesUnknown(e corev1.Event, pods []corev1.Pod, sets []appsv1.ReplicaSet) bool {
	o, by := e.InvolvedObject, orElse(e.Source.Component, e.ReportingController)
	if o.Kind != podKind || e.Message == "" || by != "" && by != "kubelet" || slices.Contains(plain, e.Reason) {
		return false
	}
	return !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Name == o.Name && (o.UID == "" || p.UID == o.UID) }) &&
		!slices.ContainsFunc(sets, func(set appsv1.ReplicaSet) bool { return strings.HasPrefix(o.Name, set.Name+"-") })
}

// quotesTemplate reports whether the message of an event may quote the template of something that makes pods, which nobody read: a
// ReplicaSet that is gone or couldn't be read, or a kind that isn't known. Those whose templates can be read are hideTemplates' matter.
func quotesTemplate(e corev1.Event, sets []appsv1.ReplicaSet) bool {
	o := e.InvolvedObject
	if e.Message == "" || o.Kind == podKind || slices.Contains(plainOfControllers, e.Reason) || templateKinds[o.Kind] != nil {
		return false
	}
	if o.Kind == "ReplicaSet" {
		return !slices.ContainsFunc(sets, func(set appsv1.ReplicaSet) bool { return set.Name == o.Name && (o.UID == "" || set.UID == o.UID) })
	}
	return !slices.Contains(withoutTemplates, o.Kind)
}

// hideSecrets takes out of the messages of these events what the Secrets of the pods hold that they are about: the kubelet quotes what a
// probe or a hook printed. It says which of them couldn't be read.
func (s saidEvents) hideSecrets(ctx context.Context, c Cluster, of []corev1.Event) []algesta.Text {
	about := map[string]bool{}
	for _, e := range of {
		about[e.InvolvedObject.Name] = about[e.InvolvedObject.Name] || e.InvolvedObject.Kind == podKind && e.Message != ""
	}
	var names []string
	namespace := ""
	for _, pod := range s.pods {
		if about[pod.Name] {
			names, namespace = append(names, secretsOf(pod.Spec)...), pod.Namespace
		}
	}
	slices.Sort(names)
	hide, unread := hidingSecrets(ctx, c, namespace, slices.Compact(names))
	for i := range of {
		of[i].Message = hide(of[i].Message)
	}
	return notRecognized(unread)
}

// quotable says that it is known what has to be hidden in the messages.
func (s saidEvents) quotable() bool { return s.podsRead.err == nil && s.podsRead.part == nil }

// leftOut says that the messages are left out, where they are.
func (s saidEvents) leftOut() []algesta.Text {
	if s.quotable() || s.read.err != nil {
		return nil
	}
	return []algesta.Text{algesta.Say("Without all pods I don't know what has to be hidden, so I leave out what the events say.")}
}

// hideSpelledOut takes out of messages what a pod spells out, or the template of one: a list of a whole namespace tells it to nobody else.
func hideSpelledOut(all []corev1.Event, pods []corev1.Pod, sets []appsv1.ReplicaSet) {
	hide := spelledOut(pods, sets)
	for i := range all {
		all[i].Message = hide(all[i].Message)
	}
}

// spelledOut takes what one of these pods spells out, or the template of one of these sets, out of a message. The rest stays: whoever makes
// a pod must not be able to hide what the events say of others.
func spelledOut(pods []corev1.Pod, sets []appsv1.ReplicaSet) func(message string) string {
	var specs []*corev1.PodSpec
	var names []string
	for i := range pods {
		specs, names = append(specs, &pods[i].Spec), append(names, pods[i].Name)
	}
	for i := range sets {
		specs, names = append(specs, &sets[i].Spec.Template.Spec), append(names, sets[i].Name)
	}
	return newHidden(names, specs...).hide
}

// happened is an event, with all that are the same but for the object that they are about.
type happened struct {
	corev1.Event
	last    time.Time
	folded  int // how many events it is
	times   int32
	objects map[string]bool
}

func (h happened) warns() bool { return h.Type == corev1.EventTypeWarning }

// combined begins the message of events that Kubernetes has put together itself (client-go/tools/record, events_cache.go).
const combined = "(combined from similar events): "

// neverMade is the name of a pod in the message of its owner, whose own name is left out: each try to make one has another name.
var neverMade = regexp.MustCompile("…-[" + madeUpLetters + "]{" + strconv.Itoa(uniqueLength) + `}\b`)

// foldEvents makes one of those that say the same, warnings first and the newest first. The names and UIDs of objects in their messages
// make no difference.
func foldEvents(all []corev1.Event) []happened {
	type key struct{ kind, reason, class, message string }
	at := map[key]int{}
	var out []happened
	for _, e := range all {
		o := e.InvolvedObject
		message := e.Message
		for _, own := range []string{o.Name, string(o.UID)} {
			if own != "" {
				message = strings.ReplaceAll(message, own, "…")
			}
		}
		message = neverMade.ReplaceAllString(strings.TrimPrefix(message, combined), "…")
		k := key{o.Kind, e.Reason, e.Type, message}
		i, known := at[k]
		if !known {
			i = len(out)
			at[k] = i
			out = append(out, happened{Event: e, objects: map[string]bool{}})
		}
		h := &out[i]
		h.times += timesOf(e)
		h.folded++
		h.objects[o.Name] = true
		if last := lastSeen(e); last.After(h.last) {
			h.Event, h.last = e, last
		}
	}
	slices.SortStableFunc(out, func(a, b happened) int {
		if a.warns() != b.warns() {
			return map[bool]int{true: -1, false: 1}[a.warns()]
		}
		return cmp.Or(b.last.Compare(a.last), strings.Compare(a.InvolvedObject.Name, b.InvolvedObject.Name), strings.Compare(a.Reason, b.Reason))
	})
	return out
}

// lastSeen is when an event happened the last time. Which of its times are set depends on who wrote it.
func lastSeen(e corev1.Event) time.Time {
	last := e.CreationTimestamp.Time
	for _, at := range []time.Time{e.FirstTimestamp.Time, e.EventTime.Time, e.LastTimestamp.Time} {
		if !at.IsZero() {
			last = at
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last
}

// timesOf is how often an event happened.
func timesOf(e corev1.Event) int32 {
	if e.Series != nil {
		return max(1, e.Series.Count)
	}
	return max(1, e.Count)
}

func eventsReport(all []happened, where algesta.Text, part bool) algesta.Report {
	warnings, events := 0, 0
	for _, h := range all {
		events += h.folded
		if h.warns() {
			warnings += h.folded
		}
	}
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{}: {}, no warnings", where, count(events, "event"))}
	switch {
	case len(all) == 0:
		report.Tone, report.Title = algesta.Neutral, algesta.Say("{}: no events", where)
	case warnings > 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say("{}: {} in {}", where, count(warnings, "warning"), count(events, "event"))
	}
	if part {
		report.Tone, report.Title = algesta.Warning, algesta.Say("{} among those that I read", report.Title)
	}
	return report
}

func eventsTable(all []happened, now time.Time, messages bool) algesta.Table {
	t := algesta.Table{Head: []string{"last seen", "type", "reason", "object", "times"}}
	if messages {
		t.Head = append(t.Head, "message")
	}
	for _, h := range all {
		object := algesta.Say("{}", algesta.Name(quote(strings.ToLower(h.InvolvedObject.Kind)+"/"+h.InvolvedObject.Name)))
		if more := len(h.objects) - 1; more > 0 {
			object = algesta.Say("{} and {} more", object, more)
		}
		row := []algesta.Text{
			algesta.Say(
				"{} ago",
				span(max(0, now.Sub(h.last))),
			),
			orDash(quote(h.Type)),
			orDash(quote(h.Reason)),
			object,
			algesta.Say("{}", fmt.Sprint(h.times)),
		}
		if messages {
			row = append(row, orDash(quote(h.Message)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// The lengths of what Kubernetes adds to names: the hash of a pod template, and what makes the name of a pod unique
// (k8s.io/apimachinery/pkg/util/rand, which uses these letters and digits only).
const (
	madeUpLetters = "bcdfghjklmnpqrstvwxz2456789"
	shortestHash  = 6
	longestHash   = 10
	uniqueLength  = 5
)

// ofWorkload reports whether an object is a workload, or by its name one of its ReplicaSets and pods, which may be gone by now.
func ofWorkload(o corev1.ObjectReference, workload string) bool {
	if o.Name == workload {
		return true
	}
	rest, below := strings.CutPrefix(o.Name, workload+"-")
	if !below || o.Kind != "ReplicaSet" && o.Kind != "Pod" {
		return false
	}
	hash, unique, two := strings.Cut(rest, "-")
	madeUp := strings.Trim(hash+unique, madeUpLetters) == ""
	isHash := madeUp && len(hash) >= shortestHash && len(hash) <= longestHash
	switch {
	case o.Kind == "ReplicaSet":
		return isHash && !two
	case two:
		return isHash && len(unique) == uniqueLength
	}
	return madeUp && len(hash) == uniqueLength || strings.Trim(rest, "0123456789") == "" // of a DaemonSet, of a StatefulSet
}
