package facts

import (
	"slices"
	"strings"
)

// Pulls says that the image of the container cannot be pulled.
func (c *Container) Pulls() bool {
	switch reason, _ := c.Waits(); reason {
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError":
		return true
	}
	return false
}

// PullFailure is why an image is not there, and what says so.
type PullFailure struct {
	Problem  PullProblem
	Evidence Evidence
}

// pullFailure reads the most telling text about the pull: the waiting message, and where an old kubelet leaves it at
// “Back-off pulling image”, the event with the error.
func (c *Container) pullFailure() PullFailure {
	if !c.Pulls() {
		return PullFailure{}
	}
	_, message := c.Waits()
	if problem := PullProblemOf(message, c.Spec.Image); problem != PullUnclear {
		return PullFailure{problem, c.WaitingEvidence()}
	}
	failed, ok := c.Snapshot.RecentThat(c.Ref(), func(e Event) bool {
		return e.Reason == "Failed" && strings.Contains(e.Message, c.Spec.Image)
	})
	if ok {
		return PullFailure{PullProblemOf(failed.Message, c.Spec.Image), failed.Evidence(c.Ref())}
	}
	return PullFailure{PullUnclear, c.WaitingEvidence()}
}

// WantedImages lists the images near the subject that nodes cannot pull, at most three: what the registry says about them
// can be added by AddImage before the diagnosis.
func WantedImages(s *Snapshot, about Ref) []string {
	subject, problem := s.Resolve(about)
	if problem != "" {
		return nil
	}
	const most = 3
	near := s.Around(subject)
	var images []string
	for _, p := range s.pods {
		if PodFinished(p) || PodReady(p) || p.DeletionTimestamp != nil || !near.Has(s.index.podOwner[p].Ref) && !near.Has(RefOf(KindPod, p)) {
			continue
		}
		for _, c := range s.UnhealthyContainers(p) {
			if c.Pulls() && !slices.Contains(images, c.Spec.Image) && len(images) < most {
				images = append(images, c.Spec.Image)
			}
		}
	}
	return images
}

// RegistryHost is the registry an image reference names; without one it is Docker Hub.
func RegistryHost(image string) string {
	host, _, found := strings.Cut(image, "/")
	if found && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return host
	}
	return "docker.io"
}
