// Package kubelet makes simulated nodes and pods look as a real kubelet would show them: KWOK stages for what is in their
// status, and a small HTTPS server for their logs and metrics. What a pod does is its scenario.
package kubelet

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Annotations of a pod that choose and adjust what it does.
const (
	annotationScenario = "sandbox.algesta.io/scenario"    // a name of the table below
	annotationLogs     = "sandbox.algesta.io/logs"        // a file of logs/, without its ending
	annotationMessage  = "sandbox.algesta.io/message"     // replaces the scenario's message
	annotationReady    = "sandbox.algesta.io/ready-after" // a Go duration from "started" to "ready"
)

// family is the course that a scenario takes; its stages are shared.
type family string

const (
	runs       family = "runs"        // starts, becomes ready, stays
	crashes    family = "crashes"     // starts, ends, is restarted with a growing back-off
	cannotPull family = "cannot-pull" // ErrImagePull and ImagePullBackOff, alternating
	cannotMake family = "cannot-make" // CreateContainerConfigError
	neverReady family = "never-ready" // runs, but its readiness probe fails
	evicts     family = "evicts"      // becomes ready, then its node evicts it
	initFails  family = "init-fails"  // its first init container crashes
)

// scenario is one row of the table: what a pod does when its image tag ends in "-name" or its annotation says name.
type scenario struct {
	Family   family `json:"family"`
	Exit     int    `json:"exit,omitempty"`     // exit code of a crash
	Reason   string `json:"reason,omitempty"`   // of the termination, or of the waiting state
	Message  string `json:"message,omitempty"`  // with IMAGE, REGISTRY, REPOSITORY, NAMESPACE, SECRET and KEY filled in
	Runs     string `json:"runs,omitempty"`     // how long it runs before it crashes or is evicted
	Starts   string `json:"starts,omitempty"`   // from scheduled to started
	Ready    string `json:"ready,omitempty"`    // from started to ready; empty in the family crashes: never
	Liveness bool   `json:"liveness,omitempty"` // the kubelet killed it
	Logs     string `json:"logs,omitempty"`     // the file of logs/ that it writes
}

const (
	startsAfter = "600ms"
	readyAfter  = "500ms"
	resolve     = `failed to pull and unpack image "IMAGE": failed to resolve reference "IMAGE": `
)

// scenarios is the one place where scenarios are defined. README.md of sandbox has the same table for people.
func scenarios() map[string]scenario {
	return map[string]scenario{
		"ready":     {Family: runs, Starts: startsAfter, Ready: readyAfter, Logs: "ready"},
		"slow":      {Family: runs, Starts: startsAfter, Ready: "8s", Logs: "ready"},
		"slow-pull": {Family: runs, Starts: "30s", Ready: readyAfter, Logs: "ready"},

		"crash":       {Family: crashes, Exit: 1, Reason: "Error", Runs: "1500ms", Logs: "missing-env"},
		"crash-mongo": {Family: crashes, Exit: 1, Reason: "Error", Runs: "1500ms", Logs: "mongo-auth"},
		"crash-heap":  {Family: crashes, Exit: 134, Reason: "Error", Runs: "1500ms", Logs: "heap"},
		"crash-later": {Family: crashes, Exit: 1, Reason: "Error", Ready: readyAfter, Runs: "6s", Logs: "mongo-refused"},
		"oom":         {Family: crashes, Exit: 137, Reason: "OOMKilled", Runs: "1500ms", Logs: "oom"},
		"liveness":    {Family: crashes, Exit: 137, Reason: "Error", Ready: readyAfter, Runs: "4s", Liveness: true, Logs: "hangs"},

		"notfound": {Family: cannotPull, Message: "rpc error: code = NotFound desc = " + resolve + "IMAGE: not found"},
		"unauthorized": {Family: cannotPull, Message: "rpc error: code = Unknown desc = " + resolve +
			"failed to authorize: failed to fetch anonymous token: unexpected status from GET request to " +
			"https://REGISTRY/oauth2/token?scope=repository%3AREPOSITORY%3Apull&service=REGISTRY: 401 Unauthorized"},
		"ratelimit": {Family: cannotPull, Message: "rpc error: code = Unknown desc = " + resolve +
			"unexpected status code https://REGISTRY/v2/REPOSITORY/manifests/latest: 429 Too Many Requests - Server message: " +
			"toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"},
		"configerror": {
			Family: cannotMake, Reason: "CreateContainerConfigError", Message: `couldn't find key KEY in Secret NAMESPACE/SECRET`,
		},
		"nosecret": {Family: cannotMake, Reason: "CreateContainerConfigError", Message: `secret "SECRET" not found`},

		"neverready": {Family: neverReady, Logs: "unready", Message: "Readiness probe failed: HTTP probe failed with statuscode: 503"},
		"evicted": {
			Family: evicts, Ready: readyAfter, Runs: "4s", Logs: "ready",
			Message: "The node was low on resource: memory. Threshold quantity: 100Mi, available: 61236Ki. ",
		},
		"initcrash": {Family: initFails, Exit: 1, Reason: "Error", Runs: "1s", Logs: "migration"},
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
