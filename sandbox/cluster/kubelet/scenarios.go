// Package kubelet makes simulated nodes and pods look as a real kubelet would show them: KWOK stages for what is in their
// status, and a small HTTPS server for their logs and metrics. What a pod does is its scenario.
package kubelet

import (
	"maps"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Annotations of a pod that choose and adjust what it does.
const (
	annotationScenario = "sandbox.algesta.io/scenario"    // a name of the table below
	annotationLogs     = "sandbox.algesta.io/logs"        // a file of logs/, without its ending
	annotationSays     = "sandbox.algesta.io/says"        // the text that it writes, instead of a file of logs/
	annotationMessage  = "sandbox.algesta.io/message"     // replaces the scenario's message
	annotationReady    = "sandbox.algesta.io/ready-after" // a Go duration from "started" to "ready"
	annotationStops    = "sandbox.algesta.io/stops-after" // a Go duration from "deleted" to "gone"
)

// family is the course that a scenario takes; its stages are shared.
type family string

const (
	runs       family = "runs"        // starts, becomes ready, stays
	crashes    family = "crashes"     // starts, ends, is restarted with a growing back-off
	restarts   family = "restarts"    // the same without a back-off: it runs longer than the back-off lasts
	cannotPull family = "cannot-pull" // ErrImagePull and ImagePullBackOff, alternating
	cannotMake family = "cannot-make" // waits for good with the reason of the scenario
	stuck      family = "stuck"       // stays at ContainerCreating; only an event says why
	neverReady family = "never-ready" // runs, but its readiness probe fails
	evicts     family = "evicts"      // becomes ready, then its node evicts it
	initFails  family = "init-fails"  // its first init container crashes
	initWaits  family = "init-waits"  // its first init container never ends; as a sidecar it never starts
)

// scenario is one row of the table: what a pod does when its image tag ends in "-name" or its annotation says name. A message
// has IMAGE, REGISTRY, REPOSITORY, NAMESPACE, POD, CONTAINER, the first SECRET and KEY, CONFIGMAP and CONFIGKEY of the
// container's environment, and the pod's first VOLUME and its SOURCE filled in.
type scenario struct {
	Family   family `json:"family"`
	Exit     int    `json:"exit,omitempty"`     // exit code of a crash
	Reason   string `json:"reason,omitempty"`   // of the termination, or of the waiting state
	Ends     string `json:"ends,omitempty"`     // message of the termination
	Message  string `json:"message,omitempty"`  // of the waiting state, of the event, of a failed probe or of an eviction
	Event    string `json:"event,omitempty"`    // reason of the event that the message comes in
	Runs     string `json:"runs,omitempty"`     // how long it runs before it crashes or is evicted
	Starts   string `json:"starts,omitempty"`   // from scheduled to started
	Ready    string `json:"ready,omitempty"`    // from started to ready; empty in the family crashes: never
	Probe    string `json:"probe,omitempty"`    // the kubelet kills it, because this probe fails
	Recovers int    `json:"recovers,omitempty"` // it crashes so many times, and stays up then
	Stops    string `json:"stops,omitempty"`    // from deleted to gone; stopsAfter when empty
	Logs     string `json:"logs,omitempty"`     // the file of logs/ that it writes
}

const (
	startsAfter = "600ms"
	readyAfter  = "500ms"
	stopsAfter  = "1s"
	soon        = "1500ms"
	resolve     = `failed to pull and unpack image "IMAGE": failed to resolve reference "IMAGE": `
	unpack      = `rpc error: code = Unknown desc = failed to pull and unpack image "IMAGE": `
	runc        = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: " +
		"unable to start container process: error during container init: "
)

// scenarios is the one place where scenarios are defined. README.md of sandbox has the same table for people.
func scenarios() map[string]scenario {
	all := map[string]scenario{
		"ready":     {Family: runs, Starts: startsAfter, Ready: readyAfter, Logs: "ready"},
		"slow":      {Family: runs, Starts: startsAfter, Ready: "8s", Logs: "ready"},
		"slow-pull": {Family: runs, Starts: "30s", Ready: readyAfter, Logs: "ready"},
		"slow-stop": {Family: runs, Starts: startsAfter, Ready: readyAfter, Stops: "12s", Logs: "ready"},

		"neverready": {Family: neverReady, Logs: "unready", Message: "Readiness probe failed: HTTP probe failed with statuscode: 503"},
		"evicted": {
			Family: evicts, Ready: readyAfter, Runs: "4s", Exit: 137, Logs: "ready",
			Message: "The node was low on resource: memory. Threshold quantity: 100Mi, available: 61236Ki. ",
		},
		"initcrash": {Family: initFails, Exit: 1, Reason: "Error", Runs: "1s", Logs: "migration"},
		"initwaits": {Family: initWaits, Logs: "waits"},
	}
	for _, more := range []map[string]scenario{crashScenarios(), imageScenarios(), startScenarios()} {
		maps.Copy(all, more)
	}
	return all
}

// crashScenarios end again and again: what their log says, their exit code, or a probe is the cause.
func crashScenarios() map[string]scenario {
	says := func(exit int, log string) scenario {
		return scenario{Family: crashes, Exit: exit, Reason: "Error", Runs: soon, Logs: log}
	}
	return map[string]scenario{
		"crash":            says(1, "missing-env"),
		"crash-mongo":      says(1, "mongo-auth"),
		"crash-dns":        says(1, "mongo-dns"),
		"crash-refused":    says(1, "mongo-refused"),
		"crash-tls":        says(1, "mongo-tls"),
		"crash-timeout":    says(1, "mongo-timeout"),
		"crash-allowlist":  says(1, "mongo-allowlist"),
		"crash-full":       says(1, "postgres-full"),
		"crash-heap":       says(134, "heap"),
		"crash-port":       says(1, "port"),
		"crash-disk":       says(1, "disk"),
		"crash-permission": says(1, "permission"),
		"crash-module":     says(1, "module"),
		"crash-panic":      says(2, "panic"),
		"crash-unknown":    says(3, "unknown"),

		"crash-later": {Family: crashes, Exit: 1, Reason: "Error", Ready: readyAfter, Runs: "6s", Logs: "mongo-refused"},
		"flaky":       {Family: crashes, Exit: 1, Reason: "Error", Ready: readyAfter, Runs: soon, Recovers: 3, Logs: "starting"},
		"oom":         {Family: crashes, Exit: 137, Reason: "OOMKilled", Runs: soon, Logs: "oom"},
		"liveness": {
			Family: crashes, Exit: 137, Reason: "Error", Ready: readyAfter, Runs: "4s", Probe: "liveness", Logs: "hangs",
			Message: "Liveness probe failed: HTTP probe failed with statuscode: 500",
		},
		"restarts":       {Family: restarts, Exit: 1, Reason: "Error", Runs: "4s", Logs: "missing-env"},
		"restarts-later": {Family: restarts, Exit: 1, Reason: "Error", Ready: readyAfter, Runs: "6s", Logs: "mongo-refused"},
		"liveness-clean": {
			Family: restarts, Reason: "Completed", Runs: "4s", Probe: "liveness", Logs: "hangs",
			Message: "Liveness probe failed: HTTP probe failed with statuscode: 500",
		},
		"startup": {
			Family: crashes, Exit: 137, Reason: "Error", Runs: "2s", Probe: "startup", Logs: "starting",
			Message: `Startup probe failed: Get "http://10.244.0.7:3000/health": dial tcp 10.244.0.7:3000: connect: connection refused`,
		},

		"exit-0":   {Family: crashes, Reason: "Completed", Runs: soon, Logs: "finished"},
		"exit-126": says(126, "exit-126"),
		"exit-127": says(127, "exit-127"),
		"exit-134": says(134, "starting"),
		"exit-137": says(137, "starting"),
		"exit-139": says(139, "starting"),
		"exit-143": says(143, "starting"),
		"exit-255": {Family: crashes, Exit: 255, Reason: "Unknown", Runs: soon, Logs: "starting"},
		"nocommand": {
			Family: crashes, Exit: 128, Reason: "StartError", Runs: "100ms", Logs: "nothing",
			Ends: runc + `exec: "/app/server": stat /app/server: no such file or directory`,
		},
	}
}

// imageScenarios cannot pull: the container runtime's message says why.
func imageScenarios() map[string]scenario {
	pull := func(message string) scenario { return scenario{Family: cannotPull, Message: message} }
	return map[string]scenario{
		"notfound": pull("rpc error: code = NotFound desc = " + resolve + "IMAGE: not found"),
		"unauthorized": pull("rpc error: code = Unknown desc = " + resolve +
			"failed to authorize: failed to fetch anonymous token: unexpected status from GET request to " +
			"https://REGISTRY/oauth2/token?scope=repository%3AREPOSITORY%3Apull&service=REGISTRY: 401 Unauthorized"),
		"ratelimit": pull("rpc error: code = Unknown desc = " + resolve +
			"unexpected status code https://REGISTRY/v2/REPOSITORY/manifests/latest: 429 Too Many Requests - Server message: " +
			"toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"),
		"platform": pull(
			"rpc error: code = NotFound desc = failed to pull and unpack image \"IMAGE\": no match for platform in manifest: not found",
		),
		"unreachable": pull("rpc error: code = Unknown desc = " + resolve +
			`failed to do request: Head "https://REGISTRY/v2/REPOSITORY/manifests/latest": dial tcp: lookup REGISTRY on 168.63.129.16:53: no ` +
			`such host`),
		"nodisk": pull(unpack + "failed to extract layer sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef: " +
			"write /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/412/fs/app/bundle.js: no space left on device"),
		"oldmanifest": pull(unpack + "media type application/vnd.docker.distribution.manifest.v1+prettyjws is no longer supported " +
			"since containerd v2.1, please rebuild the image"),
		"badname": {
			Family: cannotMake,
			Reason: "InvalidImageName",
			Event:  "InspectFailed",
			Message: `Failed to apply default image tag "IMAGE": couldn't parse image name "IMAGE": invalid reference format: repository name ` +
				`must be lowercase`,
		},
		"neverpull": {
			Family: cannotMake, Reason: "ErrImageNeverPull", Event: "ErrImageNeverPull",
			Message: `Container image "IMAGE" is not present with pull policy of Never`,
		},
		"unsigned": {
			Family: cannotMake, Reason: "SignatureValidationFailed", Event: "Failed",
			Message: "SignatureValidationFailed: image pull failed for IMAGE because the signature validation failed: no signature exists",
		},
		"pulling": {Family: stuck}, // its event Pulling is the last
	}
}

// startScenarios have their image, and their container is never made.
func startScenarios() map[string]scenario {
	const config = "CreateContainerConfigError"
	waits := func(reason, message string) scenario {
		return scenario{Family: cannotMake, Reason: reason, Event: "Failed", Message: message}
	}
	return map[string]scenario{
		"configerror": waits(config, "couldn't find key KEY in Secret NAMESPACE/SECRET"),
		"nosecret":    waits(config, `secret "SECRET" not found`),
		"noconfigkey": waits(config, "couldn't find key CONFIGKEY in ConfigMap NAMESPACE/CONFIGMAP"),
		"noconfig":    waits(config, `configmap "CONFIGMAP" not found`),
		"rootuser":    waits(config, `container has runAsNonRoot and image will run as root (pod: "POD_NAMESPACE", container: CONTAINER)`),
		"notcreated": waits(
			"CreateContainerError", "failed to reserve container name CONTAINER_POD_NAMESPACE_0: name is reserved for another container",
		),
		"poststart": {
			Family: cannotMake,
			Reason: "PostStartHookError",
			Event:  "FailedPostStartHook",
			Message: `PostStartHook failed: Exec lifecycle hook ([/app/warm-up.sh]) for Container "CONTAINER" in Pod "POD" failed - error: ` +
				`command '/app/warm-up.sh' exited with 1`,
		},
		"novolume": {Family: stuck, Event: "FailedMount", Message: `MountVolume.SetUp failed for volume "VOLUME" : SOURCE not found`},
		"nodriver": {
			Family: stuck,
			Event:  "FailedMount",
			Message: `MountVolume.MountDevice failed for volume "VOLUME" : kubernetes.io/csi: attacher.MountDevice failed to create ` +
				`newCsiDriverClient: driver name disk.csi.azure.com not found in the list of registered CSI drivers`,
		},
		"multiattach": {
			Family: stuck, Event: "FailedAttachVolume",
			Message: `Multi-Attach error for volume "VOLUME" Volume is already exclusively attached to one node and can't be attached to another`,
		},
		"noaddress": {
			Family: stuck,
			Event:  "FailedCreatePodSandBox",
			Message: `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "3c1f": plugin ` +
				`type="azure-vnet" failed (add): IPAM Invoker Add failed with error: Failed to allocate address: no available addresses in subnet`,
		},
	}
}

// tagPattern finds the scenario's name at the end of an image tag: api-gateway:12346-crash.
func tagPattern() string {
	names := make([]string, 0, len(scenarios()))
	for _, name := range sortedNames() {
		names = append(names, regexp.QuoteMeta(name))
	}
	return `:[^:/@]*-(` + strings.Join(names, "|") + `)$`
}

// of returns the name of a pod's scenario: its annotation, else the tag of one of its images, else "ready".
func of(pod *corev1.Pod) string {
	if _, ok := scenarios()[pod.Annotations[annotationScenario]]; ok {
		return pod.Annotations[annotationScenario]
	}
	tag := regexp.MustCompile(tagPattern())
	for _, c := range pod.Spec.Containers {
		if m := tag.FindStringSubmatch(c.Image); m != nil {
			return m[1]
		}
	}
	return "ready"
}
