package facts

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

func TestANumberIsAStatusOnlyWhereItStandsAsOne(t *testing.T) {
	t.Parallel()
	for message, want := range map[string][]int{
		"unexpected status from HEAD request to https://registry.example/v2/app/manifests/1.2: 401 Unauthorized": {401},
		"unexpected status code [manifests 1.2]: 403 Forbidden":                                                  {403},
		"received unexpected HTTP status: 503 Service Unavailable":                                               {503},
		"invalid status code from registry 403 (Forbidden)":                                                      {403},
		"HTTP 429": {429},
		"HTTP/1.1 502 from upstream, then status: 401":                    {502, 401},
		`{"error":"no","status":401}`:                                     {401},
		`{"statusCode": 404, "path": "/x"}`:                               {404},
		"answered with code = 403.":                                       {403},
		"Readiness probe failed: HTTP probe failed with statuscode: 503":  {503},
		"429 urn:ietf:params:acme:error:rateLimited: too many new orders": {429},
		"Get failed: 401: unauthorized":                                   {401},
		"app:401":                                                         nil,
		"status:401":                                                      nil, // an image and its tag
		"image app:401-hotfix is not there":                               nil,
		"sha256:403e429f401aa and status code 4030":                       nil,
		"dial tcp 10.0.0.7:4030 from port 4031":                           nil,
		"https://acme.example/acme/order/429/1403 is invalid":             nil,
		"pod web-503 restarted":                                           nil,
		"build 401 of 429":                                                nil,
		"exit code 137":                                                   nil,
		"http 401-fix, HTTP 403.7, status 429/1":                          nil,
		"404 pages were not found":                                        nil,
		"http://example.com:503/ and http://503.example.com":              nil,
		"": nil,
	} {
		require.Equal(t, want, statuses(message), message)
	}
}

// FuzzStatuses holds that a status is one of an error and is in the text, and that a name in one piece is none.
func FuzzStatuses(f *testing.F) {
	for _, seed := range []string{
		"401 Unauthorized", "status: 403", "code = 429", "app:401", "HTTP/1.1 503", "http\n 404\"", "\xff401 forbidden",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		for _, code := range statuses(message) {
			require.True(t, code >= 400 && code < 600, code)
			require.Contains(t, message, strconv.Itoa(code))
		}
		name := strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) || strings.ContainsRune(`"'=`, r) {
				return -1
			}
			return r
		}, message)
		require.Empty(t, statuses("pulling "+name+" ended"), name)
	})
}

func TestAPullIsSortedByWhatIsSaidAndNotByNames(t *testing.T) {
	t.Parallel()
	const reset = "read tcp: unexpected EOF"
	for _, c := range []struct {
		image, message string
		want           PullProblem
	}{
		{"registry.example/app:401", `failed to pull and unpack image "registry.example/app:401": ` + reset, PullUnclear},
		{"nginx:403", `failed to copy "docker.io/library/nginx:403": ` + reset, PullUnclear},
		{"nginx:not-found", `failed to resolve reference "docker.io/library/nginx:not-found": ` + reset, PullUnclear},
		{"team/denied:1", `reading manifest 1 in docker.io/team/denied: ` + reset, PullUnclear},
		{"registry.example:4030/app:1", `failed to do request: Head "https://registry.example:4030/v2/app/manifests/1": EOF`, PullUnclear},
		{"app:v2@sha256:403aa401ff", `failed to copy "docker.io/library/app@sha256:403aa401ff": ` + reset, PullUnclear},
		{"app:429", `reading manifest 429 in docker.io/library/app: ` + reset, PullUnclear},
		{"registry.example/forbidden/unauthorized:1", `failed to copy "registry.example/forbidden/unauthorized:1": ` + reset, PullUnclear},
		{"app:1", `pulling for pod web-503 through https://registry.example/429/toomanyrequests: ` + reset, PullUnclear},

		{
			"nginx:404",
			`failed to resolve "docker.io/library/nginx:404": unexpected status from HEAD request to ` +
				`https://registry.example/v2/nginx/manifests/404: 401 Unauthorized`,
			PullDenied,
		},
		{"app:1", `unexpected status code [manifests 1]: 403 Forbidden`, PullDenied},
		{"app:1", `StatusCode: 403, <html>`, PullDenied},
		{"app:401", `pulling from host registry.example failed with status code [manifests 401]: 404 Not Found`, PullMissing},
		{
			"app:401", `rpc error: code = NotFound desc = failed to pull "docker.io/library/app:401": docker.io/library/app:401: not found`,
			PullMissing,
		},
		{"app:403", `httpReadSeeker: failed open: unexpected status code https://registry.example/v2/x: HTTP 429`, PullLimited},
		{"app:1", `received unexpected HTTP status: 503 Service Unavailable`, PullUnreachable},
		{"", `manifest unknown: sha256:401`, PullMissing},
	} {
		require.Equal(t, c.want, PullProblemOf(c.message, c.image), "%s\n%s", c.image, c.message)
	}
}

// FuzzPullProblemOf holds that the image's own name never decides, however the runtime writes it.
func FuzzPullProblemOf(f *testing.F) {
	for _, seed := range []string{"nginx", "nginx:401", "registry.example:4030/team/not-found:403", "app@sha256:429", "a:(b", "[x", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, image string) {
		if len(image) > 300 {
			return
		}
		PullProblemOf(image+" failed", image) // any name at all is read
		valid := image != "" && !slices.ContainsFunc([]rune(image), func(r rune) bool {
			return r > 'z' || !unicode.IsLower(r) && !unicode.IsDigit(r) && r != '-'
		}) && image[0] != '-' && image[len(image)-1] != '-'
		if !valid {
			return
		}
		for _, written := range []string{image + ":401", "docker.io/library/" + image + ":401", "docker.io/library/" + image + "@sha256:403"} {
			require.Equal(t, PullUnclear, PullProblemOf(`failed to copy "`+written+`": EOF`, image+":401"), written)
		}
	})
}
