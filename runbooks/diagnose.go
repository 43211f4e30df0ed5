package runbooks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sourcegraph/conc"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// Observer can be read as a whole, for a diagnosis.
type Observer interface {
	// Observe reads a namespace, one LIST a kind; unread has an *algesta.Error for every kind that could not be read.
	Observe(ctx context.Context, namespace string) (objects []runtime.Object, unread map[string]error)
	// Log is the end of a container's log, not redacted; an empty one is no error.
	Log(ctx context.Context, namespace, pod, container string, previous bool) ([]byte, error)
}

// Registry can be asked whether an image is there, and which; namespace is the one that the image would run in: registries
// that nothing there pulls from are not asked, which is ErrRefused. ErrNotFound says that the image is not there; any other error, that
// nothing is known.
type Registry interface {
	Image(ctx context.Context, namespace, image string) (digest string, err error)
}

// Finder can be asked for what other namespaces hold and a diagnosis depends on.
type Finder interface {
	// WithPods reads a Service or Deployment and the pods that it selects. ErrNotFound says that it is not there.
	WithPods(ctx context.Context, kind, namespace, name string) ([]runtime.Object, error)
}

var _ = register(Runbook{
	Name:    "diagnose",
	Aliases: []string{"why"},
	Verb:    "diagnose",
	Summary: "Find the root cause of what's wrong, with its evidence and one safe next step.",
	Example: "diagnose api-gateway production",
	Rank:    170,
	About: About{Service: true, Environment: true, Kinds: []string{
		"Pod",
		"Ingress",
		"Certificate",
		"Node",
		"StatefulSet",
		"DaemonSet",
		"ReplicaSet",
		"Job",
		"CronJob",
		"HorizontalPodAutoscaler",
		"ResourceQuota",
		"PodDisruptionBudget",
		"PersistentVolumeClaim",
		"Secret",
		"ConfigMap",
		"Endpoints",
		"EndpointSlice",
	}},
	Reads: diagnosisReads,
	Answer: func(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
		t := in.Command.Target
		about := func(s *facts.Snapshot) facts.Ref {
			s.Configure(facts.Setting{Bot: in.Bot, Environments: map[string]string{t.Namespace: t.Environment}, AKS: c.AKS})
			if !in.Seen.IsZero() {
				s.AddSeen(facts.Ref{Kind: "Deployment", Namespace: in.Workload.Namespace, Name: in.Workload.Name}, in.Seen)
			}
			s.AddFailed(facts.Ref{Kind: facts.KindDeployment, Namespace: in.Workload.Namespace, Name: in.Workload.Name}, neverCameUp(in.Past))
			return subjectOf(s, t)
		}
		d, err := Diagnose(ctx, c, t.Namespace, in.Command.At, about, in.Allowed)
		if err != nil {
			return algesta.Report{}, err
		}
		r := DiagnosisReport(d, in.Command)
		if !in.Seen.IsZero() && len(in.Past) > 0 {
			last := in.Past[0]
			r.Body = append(
				r.Body,
				algesta.Block{
					Text: algesta.Say(
						"{} {}, {}: {}",
						algesta.Strong("My last change to it:"),
						algesta.Name(last.Request),
						algesta.AtDay(last.At),
						quote(last.Note),
					),
				},
			)
		}
		return r, nil
	},
})

// neverCameUp are the TemplateHashes of the versions that a rollback passes over (see workloadState.failed).
func neverCameUp(past []algesta.Past) []string {
	var failed []string
	for _, p := range past {
		came := func(q algesta.Past) bool {
			return q.Template == p.Template && !q.NoPods && q.Status == algesta.Succeeded
		}
		if !p.NoPods && (p.Status == algesta.Failed || p.Status == algesta.TimedOut) && !slices.ContainsFunc(past, came) {
			failed = append(failed, p.Template)
		}
	}
	return failed
}

// Diagnose takes a snapshot of a namespace, reads the few logs that a diagnosis wants, and judges. about finds in the
// snapshot what was asked about; now is the moment of asking. allowed says which other namespaces the answer may be about; nil
// allows none. What the cluster runs for everyone (cluster DNS, metrics-server, cert-manager) is read without it, but not its logs.
func Diagnose(
	ctx context.Context,
	c Cluster,
	namespace string,
	now time.Time,
	about func(*facts.Snapshot) facts.Ref,
	allowed func(namespace string) bool,
) (diagnosis.Diagnosis, error) {
	s, subject, err := TakeSnapshot(ctx, c, namespace, now, about, allowed)
	if err != nil {
		return diagnosis.Diagnosis{}, err
	}
	return diagnosis.Diagnose(s, subject), nil
}

// TakeSnapshot takes the snapshot of Diagnose and leaves the judgement to the caller, who may ask about several things in it.
func TakeSnapshot(
	ctx context.Context,
	c Cluster,
	namespace string,
	now time.Time,
	about func(*facts.Snapshot) facts.Ref,
	allowed func(namespace string) bool,
) (s *facts.Snapshot, subject facts.Ref, err error) {
	if c.Observer == nil {
		return nil, facts.Ref{}, errNoObserver
	}
	objects, unread := c.Observer.Observe(ctx, namespace)
	if len(objects) == 0 {
		for _, resource := range slices.Sorted(maps.Keys(unread)) {
			if errors.Is(unread[resource], algesta.ErrUnreachable) {
				return nil, facts.Ref{}, fmt.Errorf("observing %s: %w", namespace, unread[resource])
			}
		}
	}
	holes := notCheckedOf(unread, namespace)
	s = facts.NewSnapshot(now, objects, holes)
	subject = about(s)
	reading := read(ctx, c, namespace, facts.WantedLogs(s, subject), facts.WantedImages(s, subject))
	reading.into(s)
	callees := read(ctx, c, namespace, withinReach(facts.WantedCallees(s, subject), namespace, allowed), nil)
	callees.into(s)
	wanted := diagnosis.WantedBeyond(s, subject)
	if len(wanted) == 0 {
		return s, subject, nil
	}
	wanted, refused := readable(wanted, allowed)
	further, more := beyond(ctx, c.Finder, wanted)
	s = facts.NewSnapshot(now, slices.Concat(objects, further), slices.Concat(holes, more, refused))
	subject = about(s)
	reading.into(s)
	callees.into(s)
	beyondCallees := withinReach(facts.WantedCallees(s, subject), namespace, allowed)
	read(ctx, c, namespace, beyondCallees[:min(max(0, facts.MaxCalleeLogs-len(callees.logs)), len(beyondCallees))], nil).into(s)
	var logs []facts.LogRequest
	for _, w := range wanted {
		if !w.FromLog && allowed != nil && allowed(w.Ref.Namespace) {
			logs = append(logs, facts.WantedLogs(s, w.Ref)...)
		}
	}
	read(ctx, c, namespace, logs[:min(max(0, facts.MaxLogPods-len(reading.logs)), len(logs))], nil).into(s)
	return s, subject, nil
}

// withinReach leaves out the logs of namespaces that the answer may not be about.
func withinReach(logs []facts.LogRequest, namespace string, allowed func(namespace string) bool) []facts.LogRequest {
	return slices.DeleteFunc(logs, func(r facts.LogRequest) bool {
		return r.Namespace != namespace && (allowed == nil || !allowed(r.Namespace))
	})
}

// The errors of a cluster that can't be asked.
var (
	errNoObserver = &algesta.Error{
		Kind:    algesta.ErrForbidden,
		Message: algesta.Say("I can't look at this cluster as a whole, so I couldn't check."),
	}
	errNoFinder = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I can't look into other namespaces of this cluster.")}
)

// readable leaves out what the requester may not read, and says so.
func readable(wanted []facts.Elsewhere, allowed func(namespace string) bool) (kept []facts.Elsewhere, refused []facts.NotChecked) {
	for _, w := range wanted {
		if w.Platform || allowed != nil && allowed(w.Ref.Namespace) {
			kept = append(kept, w)
			continue
		}
		refused = append(refused, facts.NotChecked{
			Kind: w.Ref.Kind + " " + w.Ref.Name, Namespace: w.Ref.Namespace, Reason: fmt.Sprintf("You can't read %s.", w.Ref.Namespace),
		})
	}
	return kept, refused
}

// readings are what was read for a diagnosis beside the lists.
type readings struct {
	logs    []facts.LogRequest
	texts   [][]byte
	unread  []error // of the logs
	images  []string
	answers []error // of the registry
}

// read reads the logs and asks for the images that a diagnosis wants, all at once.
func read(ctx context.Context, c Cluster, namespace string, logs []facts.LogRequest, images []string) readings {
	r := readings{logs: logs, images: images[:min(mostImages, len(images))]}
	r.texts, r.unread, r.answers = make([][]byte, len(r.logs)), make([]error, len(r.logs)), make([]error, len(r.images))
	var reading conc.WaitGroup
	for i, w := range r.logs {
		reading.Go(func() { r.texts[i], r.unread[i] = c.Observer.Log(ctx, w.Namespace, w.Pod, w.Container, w.Previous) })
	}
	for i, image := range r.images {
		if r.answers[i] = errNoRegistry; c.Registry == nil {
			continue
		}
		reading.Go(func() { _, r.answers[i] = c.Registry.Image(ctx, namespace, image) })
	}
	reading.Wait()
	return r
}

// into adds what was read to a snapshot; what was not answered is not checked.
func (r readings) into(s *facts.Snapshot) {
	for i, w := range r.logs {
		if r.unread[i] == nil {
			s.AddLog(w, r.texts[i])
			continue
		}
		s.LogUnread(w, sentenceOf(r.unread[i], "I couldn't read the log."))
	}
	for i, image := range r.images {
		switch err := r.answers[i]; {
		case err == nil:
			s.AddImage(image, facts.ImageFound)
		case errors.Is(err, algesta.ErrNotFound):
			s.AddImage(image, facts.ImageMissing)
		default:
			s.ImageUnread(image, sentenceOf(err, "I couldn't ask the registry."))
		}
	}
}

// beyond reads what the answer depends on in other namespaces.
func beyond(ctx context.Context, finder Finder, wanted []facts.Elsewhere) (objects []runtime.Object, holes []facts.NotChecked) {
	found, errs := make([][]runtime.Object, len(wanted)), make([]error, len(wanted))
	var reading conc.WaitGroup
	for i, w := range wanted {
		if errs[i] = errNoFinder; finder == nil {
			continue
		}
		reading.Go(func() { found[i], errs[i] = finder.WithPods(ctx, w.Ref.Kind, w.Ref.Namespace, w.Ref.Name) })
	}
	reading.Wait()
	for i, w := range wanted {
		objects = append(objects, found[i]...)
		for _, kind := range []string{"services", "deployments"} {
			holes = append(holes, facts.NotChecked{Kind: kind, Namespace: w.Ref.Namespace, Reason: diagnosis.OnlyDependencies})
		}
		if errs[i] != nil && !errors.Is(errs[i], algesta.ErrNotFound) {
			holes = append(holes, facts.NotChecked{Kind: "pods", Namespace: w.Ref.Namespace, Reason: sentenceOf(errs[i], "I couldn't read them.")})
		}
	}
	return objects, holes
}

// sentenceOf is an error as people may read it.
func sentenceOf(err error, otherwise string) string {
	if known := (*algesta.Error)(nil); errors.As(err, &known) {
		return known.Message.String()
	}
	return otherwise
}

// subjectOf is what the command asks about: the Deployment, or the object or namespace that was named instead.
func subjectOf(s *facts.Snapshot, t algesta.Target) facts.Ref {
	switch {
	case t.Object == "namespace" || t.Object == "" && t.Name == "":
		return facts.Ref{Kind: "Namespace", Name: t.Namespace}
	case t.Object != "":
		return s.Subject(t.Object, t.Namespace)
	}
	return facts.Ref{Kind: "Deployment", Namespace: t.Namespace, Name: t.Name}
}

func notCheckedOf(unread map[string]error, namespace string) []facts.NotChecked {
	out := []facts.NotChecked{{Kind: facts.OtherPods, Reason: "Only this namespace was read, so what is free on the nodes is an upper bound."}}
	for _, resource := range slices.Sorted(maps.Keys(unread)) {
		standing := resource == "podmetrics" && !errors.Is(unread[resource], algesta.ErrForbidden) ||
			errors.Is(unread[resource], algesta.ErrNotAsked)
		out = append(
			out,
			facts.NotChecked{
				Kind:      resource,
				Namespace: namespace,
				Reason:    sentenceOf(unread[resource], "I couldn't read it."),
				Standing:  standing,
			},
		)
	}
	return out
}

// mostImages bounds what a registry is asked at a time: one tag is mistyped, not ten.
const mostImages = 3
