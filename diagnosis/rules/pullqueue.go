package rules

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// hangingPull is how long the first of several pulls of a node may take before the others are said to wait for it.
const hangingPull = 10 * time.Minute

// pulling is the event of a pod whose image is still being pulled; ok is false where it was pulled, failed, or isn't begun.
func pulling(s *facts.Snapshot, p *corev1.Pod) (e facts.Event, ok bool) {
	ref := facts.RefOf(facts.KindPod, p)
	e, ok = s.Recent(ref, "Pulling")
	if !ok || p.DeletionTimestamp != nil || anyStarted(p.Status.ContainerStatuses) {
		return facts.Event{}, false
	}
	done, ended := s.Recent(ref, "Pulled", "Failed", "Created", "Started", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
	return e, !ended || done.Last.Before(e.Last)
}

// imageIn is the image that an event Pulling names; empty where it names none.
func imageIn(e facts.Event) string {
	if m := pulledImage.FindStringSubmatch(e.Message); m != nil {
		return m[1]
	}
	return ""
}

// behindAnother says that a node's first pull doesn't end and others, begun after it, don't either: the kubelet pulls one image after
// another unless serializeImagePulls is off, and says “Pulling” of those that wait, too. nil where this isn't so.
func behindAnother(p *facts.Pending) *Finding {
	var first facts.Event
	var of *corev1.Pod
	waiting := map[string]bool{}
	for _, other := range p.Snapshot.PodsOn(p.Pod.Spec.NodeName) {
		e, ok := pulling(p.Snapshot, other)
		if !ok || imageIn(e) == "" {
			continue
		}
		waiting[imageIn(e)] = true
		if of == nil || e.Last.Before(first.Last) {
			first, of = e, other
		}
	}
	if of == nil || len(waiting) < 2 || p.Snapshot.Age(first.Last) < hangingPull {
		return nil
	}
	node := facts.Ref{Kind: facts.KindNode, Name: p.Pod.Spec.NodeName}
	image := imageIn(first)[strings.LastIndex(imageIn(first), "/")+1:] // the line is long enough; the evidence has all of it
	return &Finding{
		Subject: node, Key: imageIn(first),
		What: fmt.Sprintf("Node %s has been pulling image %s since %s, and %s behind it", node.Name, image,
			facts.When(first.Last), words.Plural(len(waiting)-1, "other waits", "others wait")),
		Effect: CannotStart, State: "ContainerCreating", Sure: Medium, Since: first.Last,
		Unsure: "I don't know whether this node pulls images one after another (serializeImagePulls), as is usual.",
		Shown:  []facts.Evidence{first.Evidence(facts.RefOf(facts.KindPod, of))},
		Remedy: Remedy{
			Text: "See why this image doesn't arrive (its size, the registry, the node's disk and network); the others follow by themselves. " +
				"maxParallelImagePulls of the kubelet keeps one pull from holding up all.",
			Command: fmt.Sprintf("kubectl describe pod %s -n %s", of.Name, of.Namespace),
		},
	}
}
