package rules

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

const imageSource = "kubelet images/types.go and image_manager.go: the waiting message carries the runtime's error"

var imageRules = []Rule{
	{
		ID:     "image-platform",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “no match for platform in manifest”",
		Cause:  "the image was built for another processor architecture or operating system than the node's",
		Remedy: "build the image for the node's platform, or go back to the revision before",
		Source: imageSource,
		container: pullRule(facts.PullPlatform, func(image, _ string) string {
			return fmt.Sprintf("Image %s is not built for the platform of the nodes", image)
		}, "Build the image for the nodes' platform."),
	},
	{
		ID:     "image-not-found",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “not found”, “manifest unknown” or “NotFound”; or the registry says 404",
		Cause:  "a tag that is mistyped, not pushed yet, or removed by the registry's retention; a wrong repository",
		Remedy: "deploy a tag that exists, or roll back",
		Source: imageSource,
		container: pullRule(facts.PullMissing, func(image, _ string) string {
			return fmt.Sprintf("Image %s does not exist in its registry", image)
		}, "Push the image or deploy a tag that exists."),
	},
	{
		ID:     "image-rate-limit",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “429 Too Many Requests”, “toomanyrequests” or “pull QPS exceeded”",
		Cause:  "a registry that limits anonymous pulls, or the kubelet's own limit",
		Remedy: "wait for the limit to pass, pull with credentials, or import the image into the own registry",
		Source: imageSource,
		container: pullRule(facts.PullLimited, func(image, host string) string {
			return fmt.Sprintf("Registry %s limits pulls and refuses image %s for now", host, image)
		}, "Wait for the limit to pass, or import the image into your own registry."),
	},
	{
		ID:     "image-auth",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “401 Unauthorized”, “403 Forbidden”, “failed to authorize”, " +
			"“authentication required” or “pull access denied”",
		Cause:  "the kubelet's identity has no AcrPull on the registry; a pull secret that is missing, expired or not named in the pod",
		Remedy: "attach the registry to the cluster or renew the pull secret",
		Source: imageSource,
		container: pullRule(facts.PullDenied, func(image, host string) string {
			return fmt.Sprintf("Registry %s does not let the nodes pull image %s", host, image)
		}, "Check that the nodes may pull from this registry and that the pod's pull secrets are valid."),
	},
	{
		ID:     "image-registry-unreachable",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting ErrImagePull, ImagePullBackOff or RegistryUnavailable, message with a network, DNS or certificate error",
		Cause:  "DNS, egress rules or a proxy on the nodes; the registry is down",
		Remedy: "check that the nodes reach the registry",
		Source: imageSource,
		container: pullRule(facts.PullUnreachable, func(image, host string) string {
			return fmt.Sprintf("The nodes cannot reach registry %s for image %s", host, strings.TrimPrefix(image, host+"/"))
		}, "Check DNS and egress from the nodes to the registry."),
	},
	{
		ID:     "image-disk-full",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting ErrImagePull or ImagePullBackOff, message “no space left on device”",
		Cause:  "the node's disk is full",
		Remedy: "free the node's disk: remove unused images, or replace the node",
		Source: imageSource,
		container: pullRule(facts.PullDiskFull, func(image, _ string) string {
			return fmt.Sprintf("The node has no disk space left for image %s", image)
		}, "Free the disk of the node, or move the pod to another one."),
	},
	{
		ID:     "image-name",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting InvalidImageName",
		Cause:  "a mistyped reference, or an empty variable in the pipeline (“repo:”)",
		Remedy: "deploy with a valid image reference",
		Source: "kubelet images/types.go ErrInvalidImageName",
		container: func(c *facts.Container) *Finding {
			if reason, _ := c.Waits(); reason != "InvalidImageName" {
				return nil
			}
			return imageFinding(c, fmt.Sprintf("Image name %q is not valid", c.Spec.Image), "Deploy with a valid image reference.")
		},
	},
	{
		ID:     "image-never-pull",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting ErrImageNeverPull",
		Cause:  "imagePullPolicy Never, and the image is not on the node",
		Remedy: "set imagePullPolicy to IfNotPresent or Always",
		Source: "kubelet images/types.go ErrImageNeverPull",
		container: func(c *facts.Container) *Finding {
			if reason, _ := c.Waits(); reason != "ErrImageNeverPull" {
				return nil
			}
			return imageFinding(c, fmt.Sprintf("Image %s is not on the node and imagePullPolicy Never forbids pulling it", c.Spec.Image),
				"Set imagePullPolicy to IfNotPresent.")
		},
	},
	{
		ID:     "image-signature",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting SignatureValidationFailed",
		Cause:  "the node's policy asks for a signature that the image does not carry",
		Remedy: "sign the image or correct the policy",
		Source: "kubelet: CRI error ErrSignatureValidationFailed",
		container: func(c *facts.Container) *Finding {
			if reason, _ := c.Waits(); reason != "SignatureValidationFailed" {
				return nil
			}
			return imageFinding(
				c,
				fmt.Sprintf("The signature of image %s was not accepted", c.Spec.Image),
				"Sign the image, or correct the signature policy of the nodes.",
			)
		},
	},
	{
		ID:     "image-pull-failed",
		Family: "image",
		Class:  ClassImage,
		Signal: "waiting ErrImagePull, ImagePullBackOff or ImageInspectError with any other message",
		Cause:  "see the message",
		Remedy: "read the message; roll back if the image before worked",
		Source: imageSource,
		container: func(c *facts.Container) *Finding {
			if !c.Pulls() {
				return nil
			}
			what := because(c.Snapshot, fmt.Sprintf("Image %s cannot be pulled", c.Spec.Image),
				withoutImage(c.Pull.Evidence.Quote, c.Spec.Image))
			f := imageFinding(c, what, "Read the runtime's message below.")
			f.Sure, f.Unsure = Medium, "The message doesn't say which of the usual reasons it is."
			return f
		},
	},
	{
		ID:     "image-slow-pull",
		Family: "image",
		Class:  ClassImage,
		Signal: "ContainerCreating, event Pulling for more than 2 minutes without Pulled or Failed",
		Cause:  "a big image on a small node, a slow network",
		Remedy: "wait; make the image smaller",
		Source: "kubelet events Pulling and Pulled",
		pod: func(p *facts.Pending) *Finding {
			pull, ok := pulling(p.Snapshot, p.Pod)
			if !ok || p.Snapshot.Age(pull.Last) < 2*time.Minute {
				return nil
			}
			if f := behindAnother(p); f != nil {
				return f
			}
			image := "An image"
			if name := imageIn(pull); name != "" {
				image = "Image " + name
			}
			return &Finding{
				Key: image,
				What: fmt.Sprintf(
					"%s is still being pulled by node %s, since %s",
					image,
					p.Pod.Spec.NodeName,
					facts.When(pull.Last),
				),
				Effect: CannotStart,
				State:  "ContainerCreating",
				Shown:  []facts.Evidence{pull.Evidence(facts.RefOf(facts.KindPod, p.Pod))},
				Sure:   Medium,
				Unsure: "A big image and a slow network take their time, too.",
				Remedy: Remedy{
					Text:    "Wait for the pull to end; a smaller image starts faster.",
					Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.Pod.Name, p.Pod.Namespace),
				},
			}
		},
	},
}

// pulledImage is the kubelet's event Pulling.
var pulledImage = regexp.MustCompile(`Pulling image "([^"]+)"`)

// registryWords say what is wrong with a registry when it concerns several images.
var registryWords = map[facts.PullProblem]string{
	facts.PullLimited:     "Registry %s limits pulls and refuses several images for now",
	facts.PullDenied:      "Registry %s does not let the nodes pull several images",
	facts.PullUnreachable: "The nodes cannot reach registry %s for several images",
}

// reasoned are the problems whose own words leave open why.
var reasoned = map[facts.PullProblem]bool{facts.PullDenied: true, facts.PullUnreachable: true}

// pullRemedies help against a refusal that isn't about the pull secrets.
var pullRemedies = remedies{
	facts.TroubleFirewall: "Admit the address of the cluster in the registry's firewall; the credentials aren't what it refuses.",
}

// pullSecrets are the names in the kubelet's event FailedToRetrieveImagePullSecret.
var pullSecrets = regexp.MustCompile(`image pull secrets? \(([a-z0-9., -]+)\)`)

// withoutPullSecret says which pull secret the kubelet did not get: without it the registry sees nobody that it knows.
func withoutPullSecret(c *facts.Container, what, fix, message string) (with, remedy string) {
	m := pullSecrets.FindStringSubmatch(message)
	if m == nil {
		return what, fix
	}
	for name := range strings.SplitSeq(m[1], ",") {
		ref := facts.Ref{Kind: facts.KindSecret, Namespace: c.Pod.Namespace, Name: strings.TrimSpace(name)}
		if c.Snapshot.Lacks(ref) {
			return fmt.Sprintf("%s; pull secret %s does not exist in namespace %s", what, ref.Name, ref.Namespace),
				fmt.Sprintf("Create %s in %s, or correct imagePullSecrets.", ref.Words(), ref.Namespace)
		}
	}
	return fmt.Sprintf("%s; the node did not get pull secret %s", what, m[1]), "Check that the pull secrets are in the pod's namespace."
}

// withoutImage takes the image out of a runtime's message: the sentence has it already.
func withoutImage(message, image string) string {
	return strings.ReplaceAll(message, `"`+image+`": `, ": ")
}

func pullRule(problem facts.PullProblem, wording func(image, host string) string, fix string) func(*facts.Container) *Finding {
	return func(c *facts.Container) *Finding {
		if !c.Pulls() {
			return nil
		}
		found := c.Pull.Problem
		registrySays := c.Snapshot.Image(c.Spec.Image)
		if registrySays == facts.ImageMissing && (found == facts.PullUnclear || found == facts.PullDenied) {
			found = facts.PullMissing
		}
		if found != problem {
			return nil
		}
		host := facts.RegistryHost(c.Spec.Image)
		shared, what, fix := registryWords[problem], wording(c.Spec.Image, host), fix
		if problem == facts.PullUnreachable && strings.Contains(c.Pull.Evidence.Quote, "x509:") {
			shared, what = "The nodes do not accept the certificate of "+
				"registry %s", fmt.Sprintf("The nodes do not accept the certificate of registry %s, which has image %s", host, c.Spec.Image)
			fix = "Give the nodes the authority that signed the registry's certificate, or renew the certificate."
		}
		if problem == facts.PullDenied && c.Snapshot.Setting().AKS {
			fix = strings.Replace(fix, "registry", "registry (az aks check-acr)", 1)
		}
		lost, noSecret := c.Snapshot.Recent(c.Ref(), "FailedToRetrieveImagePullSecret")
		if reasoned[problem] && !strings.Contains(what, "certificate") && (!noSecret || problem != facts.PullDenied) {
			what = because(c.Snapshot, what, withoutImage(c.Pull.Evidence.Quote, c.Spec.Image))
		}
		if problem == facts.PullDenied && noSecret {
			what, fix = withoutPullSecret(c, what, fix, lost.Message)
		} else if problem == facts.PullDenied {
			fix = pullRemedies.against(c.Snapshot, c.Pull.Evidence.Quote, fix)
		}
		f := imageFinding(c, what, fix)
		f.Shown = []facts.Evidence{c.Pull.Evidence}
		if shared != "" { // it is the registry's trouble, whatever the image
			f.Subject, f.Key = facts.Ref{Kind: facts.KindDependency, Name: host}, "registry"
			if problem == facts.PullDenied {
				f.Subject.Namespace = c.Pod.Namespace // as are the pull secrets
			}
			f.several = joint{
				fmt.Sprintf(shared, host),
				Remedy{Text: fix, Command: fmt.Sprintf("kubectl describe pod %s -n %s", c.Pod.Name, c.Pod.Namespace)},
			}
		}
		if noSecret && problem == facts.PullDenied {
			f.show(lost.Evidence(c.Ref()), false)
		}
		if registrySays != "" {
			f.Shown = append(
				f.Shown,
				facts.Evidence{Object: c.Ref(), Field: "registry", Quote: fmt.Sprintf("HEAD %s: %s", c.Spec.Image, registrySays)},
			)
		}
		return f
	}
}

func imageFinding(c *facts.Container, what, fix string) *Finding {
	return &Finding{
		Key: c.Spec.Image, What: what, Effect: CannotStart, Shown: []facts.Evidence{c.WaitingEvidence()}, Remedy: rollbackOr(c, fix),
	}
}
