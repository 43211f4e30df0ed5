package facts_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

func TestTheInnermostReasonIsTold(t *testing.T) {
	t.Parallel()
	const rpc = `MountVolume.SetUp failed for volume "data" : rpc error: code = Internal desc = `
	for name, c := range map[string]struct {
		message, want string
		trouble       facts.Trouble
	}{
		"an expired secret of Entra": {
			`failed to ensure load balancer: HTTPStatusCode: 401, RawError: StatusCode=401 -- Original Error: adal: Refresh request failed. ` +
				`Response body: {"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys for app 'a1' are ` +
				`expired. Visit the portal. Trace ID: 12"}`,
			"AADSTS7000222: The provided client secret keys for app 'a1' are expired", facts.TroubleExpired,
		},
		"a role that is missing, in JSON": {
			rpc + `failed to get objectType:secret, objectName:db: GET https://kv.example/secrets/db RESPONSE 403: 403 Forbidden ERROR CODE: ` +
				`Forbidden ---------- { "error": { "code": "Forbidden", "message": "Caller is not authorized to perform action on resource.\r\n` +
				`Caller: appid=1", "innererror": {"code": "ForbiddenByRbac"} } }`,
			"ForbiddenByRbac: Caller is not authorized to perform action on resource", facts.TroubleRights,
		},
		"a full subnet, as the SDK writes it": {
			`Code="SubnetIsFull" Message="Subnet aks with address prefix 10.0.0.0/24 does not have enough capacity for 2 IP addresses."`,
			"SubnetIsFull: Subnet aks with address prefix 10.0.0.0/24 does not have enough capacity for 2 IP addresses", facts.TroubleFull,
		},
		"a share that refuses": {
			rpc + "volume(rg#acct#share) mount failed: exit status 32 Output: mount error(13): Permission denied Refer to the mount.cifs(8) manual",
			"mount error(13): Permission denied", facts.TroubleRights,
		},
		"a firewall of a registry": {
			`failed to resolve reference "r.example/x:1": unexpected status from HEAD request to https://r.example/v2/x/manifests/1: 403 ` +
				`Forbidden: denied: client with IP '192.0.2.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.`,
			"403 Forbidden: denied: client with IP '192.0.2.7' is not allowed access", facts.TroubleFirewall,
		},
		"no credentials": {
			`failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://r.example/token: 401 Unauthorized`,
			"401 Unauthorized", facts.TroubleRights,
		},
		"Docker Hub": {
			`pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
			"repository does not exist or may require authorization", facts.TroubleMissing,
		},
		"a network plugin": {
			`Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "0123456789abcdef": plugin ` +
				`type="calico" failed (add): error getting ClusterInformation: connection is unauthorized: Unauthorized`,
			"connection is unauthorized: Unauthorized", facts.TroubleRights,
		},
		"a mount point that is a file": {
			`runc create failed: unable to start container process: error during container init: error mounting "/var/lib/kubelet/x" to rootfs ` +
				`at "/app/conf.py": create mountpoint for /app/conf.py mount: cannot create subdirectories in "/rootfs/app/conf.py": not a ` +
				`directory: unknown`,
			"/app/conf.py is not a directory", facts.TroubleUnclear,
		},
		"a name that isn't resolved": {
			`failed to do request: Head "https://r.example/v2/": dial tcp: lookup r.example on 10.0.0.10:53: no such host`,
			"lookup r.example on 10.0.0.10:53: no such host", facts.TroubleNetwork,
		},
		"a number in a name is no status": {`failed to pull r.example/x:403-fix`, "failed to pull r.example/x:403-fix", facts.TroubleUnclear},
		"nothing":                         {"", "", facts.TroubleUnclear},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := facts.NewSnapshot(time.Now(), nil, nil)
			got := s.Innermost(c.message, 120)
			require.Equal(t, c.want, got)
			require.Equal(t, c.trouble, facts.TroubleOf(got))
		})
	}
}

// TestAReasonIsCutAtItsEnd: codes stand in front, and whatever a cluster writes stays on one line and within its bound.
func TestAReasonIsCutAtItsEnd(t *testing.T) {
	t.Parallel()
	s := facts.NewSnapshot(time.Now(), nil, nil)
	long := "rpc error: desc = AADSTS700016: Application with identifier " + strings.Repeat("x", 200) + " was not found"
	require.Regexp(t, `^AADSTS700016: Application with identifier.* ?…$`, s.Innermost(long, 60))
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`(rpc error: |desc = |403 Forbidden: |"message": "|[a-zé: .\n]{0,30}){0,9}`),
		).Draw(
			t,
			"message",
		)
		limit := rapid.IntRange(20, 200).Draw(t, "limit")
		got := s.Innermost(message, limit)
		require.LessOrEqual(t, utf8.RuneCountInString(got), limit+2)
		require.NotContains(t, got, "\n")
		require.True(t, utf8.ValidString(got))
	})
}
