package facts

import (
	"net/http"
	"regexp"
	"strings"
)

// PullProblem is why an image can't be pulled.
type PullProblem int

// What a container runtime's message may say about a pull.
const (
	PullUnclear     PullProblem = iota
	PullMissing                 // the registry has no such image
	PullPlatform                // the image isn't for the node's platform
	PullDenied                  // the registry doesn't let the node in
	PullLimited                 // the registry, or the kubelet, limits pulls
	PullUnreachable             // the node doesn't reach the registry, or the registry is down
	PullDiskFull                // the node has no space for it
)

// pullProblems are tried in this order. A kubelet that holds several credentials lists one error for each: where one of
// them was let in and found nothing, the refusals of the others are noise; so “not found” comes before “unauthorized”.
var pullProblems = []struct {
	problem  PullProblem
	says     *regexp.Regexp
	statuses []int // that say so, too
}{
	{PullDiskFull, regexp.MustCompile(`(?i)no space left on device`), nil},
	{
		PullPlatform,
		regexp.MustCompile(`(?i)no match(?:ing manifest)? for (?:platform|[a-z0-9]+/[a-z0-9]+)|does not match the (?:specified )?platform`),
		nil,
	},
	{PullLimited, regexp.MustCompile(`(?i)too ?many ?requests|pull QPS exceeded|rate limit`), []int{http.StatusTooManyRequests}},
	{
		PullUnreachable,
		regexp.MustCompile(
			`(?i)i/o timeout|no such host|TLS handshake timeout|connection refused|connection reset|x509:|network is unreachable|no route to ` +
				`host|server misbehaving|Client\.Timeout|context deadline exceeded`,
		),
		[]int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout},
	},
	{PullDenied, regexp.MustCompile(`(?i)pull access denied|insufficient_scope`), nil}, // Docker Hub says it also for what does not exist
	{
		PullMissing, regexp.MustCompile(`(?i)not found\b|manifest[ _]unknown|code = NotFound|name[ _]unknown|repository .* does not exist`),
		[]int{http.StatusNotFound},
	},
	{
		PullDenied,
		regexp.MustCompile(
			`(?i)\bunauthorized\b|\bforbidden\b|failed to authorize|authentication required|access denied|\bdenied:|no basic auth ` +
				`credentials|code = (?:Unauthenticated|PermissionDenied)`,
		),
		[]int{http.StatusUnauthorized, http.StatusForbidden},
	},
}

// PullProblemOf sorts a container runtime's message about a pull. The names in it say nothing: a tag may well be called 404,
// 403-hotfix or not-found.
func PullProblemOf(message, image string) PullProblem {
	message = withoutNames(message, image)
	for _, known := range pullProblems {
		if known.says.MatchString(message) || StatesStatus(message, known.statuses...) {
			return known.problem
		}
	}
	return PullUnclear
}

var (
	urls    = regexp.MustCompile(`https?://[^\s"'<>]+`)
	digests = regexp.MustCompile(`\bsha(?:256|512):[0-9a-f]+`)
)

// withoutNames takes URLs, digests and the image out of a message. The runtime writes the image in full, with the registry and
// the folder that were left out ("nginx:403" is "docker.io/library/nginx:403"), and without the tag where there is a digest.
func withoutNames(message, image string) string {
	message = urls.ReplaceAllStringFunc(message, func(url string) string { // the colon behind it is the sentence's
		return strings.Repeat(":", len(url)-len(strings.TrimSuffix(url, ":")))
	})
	if image == "" {
		return digests.ReplaceAllString(message, "")
	}
	message = strings.ReplaceAll(message, image, "")
	repository, _, _ := strings.Cut(strings.ToValidUTF8(image, ""), "@") // a regular expression takes nothing else
	tag := ""
	if colon := strings.LastIndexByte(repository, ':'); colon > strings.LastIndexByte(repository, '/') {
		repository, tag = repository[:colon], repository[colon+1:]
	}
	if host := RegistryHost(image); strings.HasPrefix(repository, host+"/") {
		repository = repository[len(host)+1:]
	}
	named := regexp.MustCompile(`(?:[\w.:-]+/)*\b` + regexp.QuoteMeta(repository) + `(?:[:@][\w.:-]*\w)|(?:[\w.:-]+/)+` +
		regexp.QuoteMeta(repository) + `\b`)
	message = digests.ReplaceAllString(named.ReplaceAllString(message, ""), "")
	if tag == "" {
		return message
	}
	manifest := regexp.MustCompile(`\[?manifests? ` + regexp.QuoteMeta(tag) + `\b`) // "reading manifest 403 in …", "[manifests 403]"
	return manifest.ReplaceAllString(message, "")
}
