package kube_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
)

// answering is an API server that has one Deployment and answers every PATCH in the same way.
func answering(t *testing.T, code int, contentType, body string) (bot *kube.Cluster, change algesta.Change, patches *atomic.Int32) {
	t.Helper()
	patches = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			patches.Add(1)
			if code == 0 {
				panic(http.ErrAbortHandler) // the connection breaks
			}
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]any{"name": "api-gateway", "namespace": "production", "uid": "u-1", "resourceVersion": "10", "generation": 3},
			"spec":     map[string]any{"replicas": 2},
		})
	}))
	t.Cleanup(s.Close)
	bot, err := kube.OpenREST("aks-algesta-production", &rest.Config{Host: s.URL})
	require.NoError(t, err)
	w := algesta.Deployment("aks-algesta-production", "production", "api-gateway")
	return bot, algesta.Change{
		Object: w, UID: "u-1", Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1",
		Swaps: []algesta.Swap{{Label: "replicas", Path: "/spec/replicas", From: value(2), To: value(4)}},
	}, patches
}

func status(code int, reason, message string) string {
	b, err := json.Marshal(
		map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message},
	)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestWhatAnAnswerToAPatchMeans(t *testing.T) {
	t.Parallel()
	const asJSON = "application/json"
	tests := map[string]struct {
		code        int
		contentType string
		body        string
		kind        algesta.ErrorKind
		message     string
	}{
		"a broken connection leaves doubt": {
			0,
			"",
			"",
			algesta.ErrUncertain,
			"The cluster aks-algesta-production didn't say whether api-gateway was changed.",
		},
		"an internal error leaves doubt": {
			500,
			asJSON,
			status(500, "InternalError", secretValue),
			algesta.ErrUncertain,
			"The cluster aks-algesta-production didn't say whether api-gateway was changed.",
		},
		"unavailable leaves doubt": {
			503,
			asJSON,
			status(503, "ServiceUnavailable", secretValue),
			algesta.ErrUncertain,
			"The cluster aks-algesta-production didn't say whether api-gateway was changed.",
		},
		"a timeout leaves doubt": {
			504,
			asJSON,
			status(504, "Timeout", secretValue),
			algesta.ErrUncertain,
			"The cluster aks-algesta-production didn't say whether api-gateway was changed.",
		},
		"a proxy's page leaves doubt": {
			502,
			"text/html",
			"<h1>" + secretValue + "</h1>",
			algesta.ErrUncertain,
			"The cluster aks-algesta-production didn't say whether api-gateway was changed.",
		},
		"half an answer leaves doubt": {
			200,
			asJSON,
			`{"metadata":`,
			algesta.ErrUncertain,
			"The cluster aks-algesta-production didn't say whether api-gateway was changed.",
		},
		"too many requests: nothing happened": {
			429,
			asJSON,
			status(429, "TooManyRequests", secretValue),
			algesta.ErrUnreachable,
			"The cluster aks-algesta-production is too busy to answer.",
		},
		"no credentials: nothing happened": {
			401,
			asJSON,
			status(401, "Unauthorized", secretValue),
			algesta.ErrUnreachable,
			"The cluster aks-algesta-production doesn't accept my credentials (401).",
		},
		"no right: nothing happened": {
			403,
			asJSON,
			status(403, "Forbidden", secretValue),
			algesta.ErrForbidden,
			"I don't have permission to patch deployments in production (403).",
		},
		"too large: nothing happened": {
			413,
			asJSON,
			status(413, "RequestEntityTooLarge", secretValue),
			algesta.ErrInvalid,
			"The cluster aks-algesta-production rejects this.",
		},
		"refused: nothing happened": {
			422,
			asJSON,
			status(422, "Invalid", strings.Repeat(secretValue, 1000)),
			algesta.ErrInvalid,
			"The cluster aks-algesta-production rejects this.",
		},
		"gone meanwhile": {
			404,
			asJSON,
			status(404, "NotFound", secretValue),
			algesta.ErrNotFound,
			"There's no deployment api-gateway in namespace production.",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bot, change, patches := answering(t, tt.code, tt.contentType, tt.body)
			_, err := bot.Writer(patching).Apply(t.Context(), change, "op-c-1", (&recorder{}).intend)
			require.ErrorIs(t, err, tt.kind)
			requireSentence(t, tt.message, err)
			require.Equal(t, int32(1), patches.Load(), "it is sent once, whatever the answer")
		})
	}
}

func TestAConflictThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	bot, change, patches := answering(t, 409, "application/json", status(409, "Conflict", secretValue))
	_, err := bot.Writer(patching).Apply(t.Context(), change, "op-c-1", (&recorder{}).intend)
	require.ErrorIs(t, err, algesta.ErrConflict)
	requireSentence(t, "api-gateway changes so fast that I couldn't write to it: 10 tries in 5 s.", err)
	require.Equal(t, int32(10), patches.Load())
}

func TestAClusterThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	bot, err := kube.OpenREST("aks-algesta-dev", &rest.Config{Host: s.URL})
	require.NoError(t, err, "opening does not call the cluster")
	_, err = bot.Deployment(t.Context(), algesta.Deployment("", "production", "api-gateway"))
	require.ErrorIs(t, err, algesta.ErrUnreachable)
	requireSentence(t, "The cluster aks-algesta-dev doesn't answer.", err)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cfg  kube.Config
		want string
	}{
		"an unknown way in": {kube.Config{Name: "a", Access: "auto"}, `access "auto" is not one of`},
		"in the cluster with a server": {
			kube.Config{Name: "a", Access: kube.InCluster, Server: "https://x"},
			"takes neither a kubeconfig nor a server",
		},
		"a certificate without a file": {
			kube.Config{Name: "a", Access: kube.ClientCertificate, Server: "https://x"},
			"needs azure.certificateFile",
		},
		"a secret for another way in": {
			kube.Config{Name: "a", Access: kube.WorkloadIdentity, Azure: kube.Azure{SecretFile: "x"}},
			"azure.secretFile goes with access: clientSecret alone",
		},
		"two ways in": {
			kube.Config{Name: "a", Access: kube.InCluster, Azure: kube.Azure{ClientID: "x"}},
			"access inCluster takes azure with azure.access alone",
		},
		"a way to Azure that isn't one": {
			kube.Config{Name: "a", Access: kube.InCluster, Azure: kube.Azure{Access: kube.Kubeconfig}},
			`azure.access "kubeconfig" isn't one of Azure's ways in`,
		},
		"a second way to Azure": {
			kube.Config{Name: "a", Access: kube.AzureCLI, Azure: kube.Azure{Access: kube.WorkloadIdentity}},
			"azure.access is for clusters that the bot reaches in another way than Azure's",
		},
		"a secret for another way to Azure": {
			kube.Config{Name: "a", Access: kube.InCluster, Azure: kube.Azure{Access: kube.WorkloadIdentity, SecretFile: "x"}},
			"azure.secretFile goes with access: clientSecret alone",
		},
		"two addresses": {
			kube.Config{Name: "a", Access: kube.AzureCLI, Server: "https://x", Kubeconfig: "x"},
			"kubeconfig and server are both there",
		},
		"a resource ID of something else": {
			kube.Config{Name: "a", Access: kube.AzureCLI, Azure: kube.Azure{ResourceID: "/subscriptions/x"}},
			"is none of a cluster",
		},
		"a sign-in without https": {
			kube.Config{Name: "a", Access: kube.AzureCLI, Azure: kube.Azure{AuthorityHost: "http://login.example.com"}},
			"azure.authorityHost has to begin with https://",
		},
		"a metadata service elsewhere": {
			kube.Config{Name: "a", Access: kube.ManagedIdentity, Azure: kube.Azure{MetadataHost: "http://169.254.0.1"}},
			"isn't on this machine",
		},
		"a token over an open connection": {kube.Config{Name: "a", Access: kube.AzureCLI, Server: "http://x"}, "only to an https server"},
		"a kubeconfig that is not there": {
			kube.Config{Name: "a", Access: kube.Kubeconfig, Kubeconfig: "/nowhere/config"},
			"reading the kubeconfig",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := kube.Open(t.Context(), tt.cfg)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
