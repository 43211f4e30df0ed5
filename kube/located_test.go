package kube

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/stretchr/testify/require"
)

// What answers in the Resource Manager's place can't have the next page, and with it the token, asked for somewhere else.
func TestTheNextPageOfAListIsAskedForAtTheSameAddress(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		_, _ = w.Write([]byte(`{"value":[]}`)) // its reader is the bot
	}))
	t.Cleanup(other.Close)
	otherHost := strings.TrimPrefix(other.URL, "http://")
	for name, next := range map[string]func(own string) string{
		"another host":            func(string) string { return other.URL + "/subscriptions" },
		"a name before an at":     func(own string) string { return own + "@" + otherHost + "/subscriptions" },
		"another port":            func(own string) string { return own + "0/subscriptions" },
		"a longer name":           func(own string) string { return own + ".example.com/subscriptions" },
		"a password before an at": func(own string) string { return own + ":x@" + otherHost + "/subscriptions" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var own *httptest.Server
			own = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{"value": []any{}, "nextLink": next(own.URL)}) // its reader is the bot
			}))
			t.Cleanup(own.Close)
			m := manager{address: own.URL, pipeline: runtime.NewPipeline("test", "", runtime.PipelineOptions{}, &policy.ClientOptions{
				Retry: policy.RetryOptions{MaxRetries: -1},
			})}
			err := m.list(t.Context(), "/subscriptions", func(json.RawMessage) error { return nil })
			var said *azureError
			require.ErrorAs(t, err, &said)
			require.Equal(t, sentElsewhere, said.code)
		})
	}
	t.Cleanup(func() { require.Zero(t, elsewhere.Load(), "nothing was sent there") })
}
