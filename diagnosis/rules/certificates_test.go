package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyAnAuthoritysAnswerIsARateLimit(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{
		"429 urn:ietf:params:acme:error:rateLimited: no", "acme: rateLimited", "HTTP 429 Too Many Requests",
		"too many certificates already issued",
	} {
		require.True(t, rateLimited(reason), reason)
	}
	for _, reason := range []string{"order https://acme.example/acme/order/429/7 is invalid", "the order for ratelimited.example was " +
		"refused", "order 429 was refused"} {
		require.False(t, rateLimited(reason), reason)
	}
}
