package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta/words"
)

const imageSource = "kubelet images/types.go and image_manager.go: the waiting message carries the runtime's error"

var imageRules = []Rule{
	{
		ID: "image-platform", Family: "image", Class: ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “no match for platform in manifest”",
		Cause:  "the image was built for another processor architecture or operating system than the node's",
		Remedy: "build the image for the node's platform, or go back to the revision before", Source: imageSource,
		container: pullRule(PullPlatform, func(image, _ string) string {
			return fmt.Sprintf("Image %s is not built for the platform of the nodes", image)
		}, "Build the image for the nodes' platform."),
	},
	{
		ID: "image-not-found", Family: "image", Class: ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “not found”, “manifest unknown” or “NotFound”; or the registry says 404",
		Cause:  "a tag that is mistyped, not pushed yet, or removed by the registry's retention; a wrong repository",
		Remedy: "deploy a tag that exists, or roll back", Source: imageSource,
		container: pullRule(PullMissing, func(image, _ string) string {
			return fmt.Sprintf("Image %s does not exist in its registry", image)
		}, "Push the image or deploy a tag that exists."),
	},
	{
		ID: "image-rate-limit", Family: "image", Class: ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “429 Too Many Requests”, “toomanyrequests” or “pull QPS exceeded”",
		Cause:  "a registry that limits anonymous pulls, or the kubelet's own limit",
		Remedy: "wait for the limit to pass, pull with credentials, or import the image into the own registry", Source: imageSource,
		container: pullRule(PullLimited, func(image, host string) string {
			return fmt.Sprintf("Registry %s limits pulls and refuses image %s for now", host, image)
		}, "Wait for the limit to pass, or import the image into your own registry."),
	},
	{
		ID: "image-auth", Family: "image", Class: ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “401 Unauthorized”, “403 Forbidden”, “failed to authorize”, “authentication required” or “pull access denied”",
		Cause:  "the kubelet's identity has no AcrPull on the registry; a pull secret that is missing, expired or not named in the pod",
		Remedy: "attach the registry to the cluster or renew the pull secret", Source: imageSource,
		container: pullRule(PullDenied, func(image, host string) string {
			return fmt.Sprintf("Registry %s does not let the nodes pull image %s", host, image)
		}, "Check that the nodes may pull from this registry and that the pod's pull secrets are valid."),
	},
	{
		ID: "image-registry-unreachable", Family: "image", Class: ClassImage,
		Signal: "waiting ErrImagePull, ImagePullBackOff or RegistryUnavailable, message with a network, DNS or certificate error",
		Cause:  "DNS, egress rules or a proxy on the nodes; the registry is down",
		Remedy: "check that the nodes reach the registry", Source: imageSource,
		container: pullRule(PullUnreachable, func(image, host string) string {
			return fmt.Sprintf("The nodes cannot reach registry %s for image %s", host, image)
		}, "Check DNS and egress from the nodes to the registry."),
	},
	{
		ID: "image-disk-full", Family: "image", Class: ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “no space left on device”",
		Cause:  "the node's disk is full", Remedy: "free the node's disk: remove unused images, or replace the node", Source: imageSource,
		container: pullRule(PullDiskFull, func(image, _ string) string {
			return fmt.Sprintf("The node has no disk space left for image %s", image)
		}, "Free the disk of the node, or move the pod to another one."),
	},
	{
		ID: "image-name", Family: "image", Class: ClassImage,
		Signal: "waiting InvalidImageName", Cause: "a mistyped reference, or an empty variable in the pipeline (“repo:”)",
		Remedy: "deploy with a valid image reference", Source: "kubelet images/types.go ErrInvalidImageName",
		container: func(c *instance) *finding {
			if reason, _ := c.waits(); reason != "InvalidImageName" {
				return nil
			}
			return c.imageFinding(fmt.Sprintf("Image name %q is not valid", c.spec.Image), "Deploy with a valid image reference.")
		},
	},
	{
		ID: "image-never-pull", Family: "image", Class: ClassImage,
		Signal: "waiting ErrImageNeverPull", Cause: "imagePullPolicy Never, and the image is not on the node",
		Remedy: "set imagePullPolicy to IfNotPresent or Always", Source: "kubelet images/types.go ErrImageNeverPull",
		container: func(c *instance) *finding {
			if reason, _ := c.waits(); reason != "ErrImageNeverPull" {
				return nil
			}
			return c.imageFinding(fmt.Sprintf("Image %s is not on the node and imagePullPolicy Never forbids to pull it", c.spec.Image),
				"Set imagePullPolicy to IfNotPresent.")
		},
	},
	{
		ID: "image-signature", Family: "image", Class: ClassImage,
		Signal: "waiting SignatureValidationFailed", Cause: "the node's policy asks for a signature that the image does not carry",
		Remedy: "sign the image or correct the policy", Source: "kubelet: CRI error ErrSignatureValidationFailed",
		container: func(c *instance) *finding {
			if reason, _ := c.waits(); reason != "SignatureValidationFailed" {
				return nil
			}
			return c.imageFinding(fmt.Sprintf("The signature of image %s was not accepted", c.spec.Image), "Sign the image, or correct the signature policy of the nodes.")
		},
	},
	{
		ID: "image-pull-failed", Family: "image", Class: ClassImage,
		Signal: "waiting ErrImagePull, ImagePullBackOff or ImageInspectError with any other message", Cause: "see the message",
		Remedy: "read the message; roll back if the image before worked", Source: imageSource,
		container: func(c *instance) *finding {
			if !c.pulls() {
				return nil
			}
			f := c.imageFinding(fmt.Sprintf("Image %s cannot be pulled", c.spec.Image), "Read the runtime's message below.")
			f.sure, f.unsure = Medium, "The message does not say which of the usual reasons it is."
			return f
		},
	},
	{
		ID: "image-slow-pull", Family: "image", Class: ClassImage,
		Signal: "ContainerCreating, event Pulling for more than 2 minutes without Pulled or Failed", Cause: "a big image on a small node, a slow network",
		Remedy: "wait; make the image smaller", Source: "kubelet events Pulling and Pulled",
		pod: func(p *pending) *finding {
			pulling, ok := p.s.recent(refOf(KindPod, p.pod), "Pulling")
			if !ok || p.s.age(pulling.last) < 2*time.Minute || p.pod.DeletionTimestamp != nil || anyStarted(p.pod.Status.ContainerStatuses) {
				return nil
			}
			if done, ok := p.s.recent(refOf(KindPod, p.pod), "Pulled", "Failed", "Created", "Started", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"); ok && !done.last.Before(pulling.last) {
				return nil
			}
			image := "An image"
			if m := pulledImage.FindStringSubmatch(pulling.message); m != nil {
				image = "Image " + m[1]
			}
			return &finding{
				key: image, what: fmt.Sprintf("%s is still being pulled by node %s after %s", image, p.pod.Spec.NodeName, words.Span(p.s.age(pulling.last))), effect: cannotStart, state: "ContainerCreating",
				shown: []Evidence{pulling.evidence(refOf(KindPod, p.pod))}, sure: Medium, unsure: "A big image and a slow network take their time, too.",
				remedy: Remedy{Text: "Wait for the pull to end; a smaller image starts faster.", Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.pod.Name, p.pod.Namespace)},
			}
		},
	},
}

// pulledImage is the kubelet's event Pulling.
var pulledImage = regexp.MustCompile(`Pulling image "([^"]+)"`)

func (c *instance) pulls() bool {
	switch reason, _ := c.waits(); reason {
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError":
		return true
	}
	return false
}

// pullFailure is why an image is not there, and what says so.
type pullFailure struct {
	problem  PullProblem
	evidence Evidence
}

// pullFailure reads the most telling text about the pull: the waiting message, and where an old kubelet leaves it at
// “Back-off pulling image”, the event with the error.
func (c *instance) pullFailure() pullFailure {
	if !c.pulls() {
		return pullFailure{}
	}
	_, message := c.waits()
	if problem := PullProblemOf(message, c.spec.Image); problem != PullUnclear {
		return pullFailure{problem, c.waitingEvidence()}
	}
	failed, ok := c.s.recentThat(c.ref(), func(e event) bool {
		return e.reason == "Failed" && strings.Contains(e.message, c.spec.Image)
	})
	if ok {
		return pullFailure{PullProblemOf(failed.message, c.spec.Image), failed.evidence(c.ref())}
	}
	return pullFailure{PullUnclear, c.waitingEvidence()}
}

// registryWords say what is wrong with a registry when it concerns several images.
var registryWords = map[PullProblem]string{
	PullLimited:     "Registry %s limits pulls and refuses several images for now",
	PullDenied:      "Registry %s does not let the nodes pull several images",
	PullUnreachable: "The nodes cannot reach registry %s for several images",
}

func pullRule(problem PullProblem, wording func(image, host string) string, fix string) func(*instance) *finding {
	return func(c *instance) *finding {
		if !c.pulls() {
			return nil
		}
		found := c.pull.problem
		registrySays := c.s.images[c.spec.Image]
		if registrySays == ImageMissing && (found == PullUnclear || found == PullDenied) {
			found = PullMissing
		}
		if found != problem {
			return nil
		}
		host := registryHost(c.spec.Image)
		shared, what, fix := registryWords[problem], wording(c.spec.Image, host), fix
		if problem == PullUnreachable && strings.Contains(c.pull.evidence.Quote, "x509:") {
			shared, what = "The nodes do not accept the certificate of registry %s", fmt.Sprintf("The nodes do not accept the certificate of registry %s, which has image %s", host, c.spec.Image)
			fix = "Give the nodes the authority that signed the registry's certificate, or renew the certificate."
		}
		if problem == PullDenied && c.s.setting.AKS {
			fix = strings.Replace(fix, "registry", "registry (az aks check-acr)", 1)
		}
		f := c.imageFinding(what, fix)
		f.shown = []Evidence{c.pull.evidence}
		if shared != "" { // it is the registry's trouble, whatever the image
			f.subject, f.key = Ref{Kind: KindDependency, Name: host}, "registry"
			if problem == PullDenied {
				f.subject.Namespace = c.pod.Namespace // as are the pull secrets
			}
			f.several = joint{fmt.Sprintf(shared, host), Remedy{Text: fix, Command: fmt.Sprintf("kubectl describe pod %s -n %s", c.pod.Name, c.pod.Namespace)}}
		}
		if lost, ok := c.s.recent(c.ref(), "FailedToRetrieveImagePullSecret"); ok && problem == PullDenied {
			f.show(lost.evidence(c.ref()), false)
		}
		if registrySays != "" {
			f.shown = append(f.shown, Evidence{Object: c.ref(), Field: "registry", Quote: fmt.Sprintf("HEAD %s: %s", c.spec.Image, registrySays)})
		}
		return f
	}
}

// WantedImages lists the images near the subject that nodes cannot pull, at most three: what the registry says about them
// can be added by AddImage before the diagnosis.
func WantedImages(s *Snapshot, about Ref) []string {
	subject, problem := s.resolve(about)
	if problem != "" {
		return nil
	}
	const most = 3
	near := s.around(subject)
	var images []string
	for _, p := range s.pods {
		if over(p) || podReady(p) || p.DeletionTimestamp != nil || !near.has(s.index.podOwner[p].ref) && !near.has(refOf(KindPod, p)) {
			continue
		}
		for _, c := range s.sickContainers(p) {
			if c.pulls() && !slices.Contains(images, c.spec.Image) && len(images) < most {
				images = append(images, c.spec.Image)
			}
		}
	}
	return images
}

func (c *instance) imageFinding(what, fix string) *finding {
	return &finding{
		key: c.spec.Image, what: what, effect: cannotStart, shown: []Evidence{c.waitingEvidence()}, remedy: c.rollbackOr(fix),
	}
}

// registryHost is the registry an image reference names; without one it is Docker Hub.
func registryHost(image string) string {
	host, _, found := strings.Cut(image, "/")
	if found && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return host
	}
	return "docker.io"
}
