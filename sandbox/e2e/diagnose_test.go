package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// A rollout that fails says why in its own thread; asking says the same, for the service and for the namespace, and the
// next step is a button that opens a request like any other.
func TestTheRootCauseIsNamedInTheThreadAndWhenAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{services: []service{{name: "api-gateway", replicas: 2, tags: []string{"12344", "12345"}}}})
	const cause = "12346-notfound does not exist"
	deploy := w.asks(luis, "deploy api-gateway production 12346-notfound")
	deploy.approve()
	require.Contains(t, deploy.end(luis), "❌")
	deploy.says(cause)

	asked := w.asks(luis, "diagnose api-gateway production")
	require.Contains(t, asked.card.Plain(), cause)
	detail := asked.reply(slackd.HasButton("run"))
	for _, part := range []string{"still serve", "Leads to:", "Next:", "ImagePull"} {
		require.Contains(t, asked.thread(), part)
	}
	require.NotContains(t, asked.thread(), "secrets:", "what the answer does not depend on is left out")

	undo := w.opens(func() {
		_, err := w.slack.Click(luis, detail, "run")
		require.NoError(t, err)
	}, "Rollback of api-gateway")
	require.Contains(t, undo.plan().Plain(), "12345")

	for _, typed := range []string{"diagnose production", "diagnose namespace/production", "why api-gateway-production"} {
		require.Contains(t, w.asks(luis, typed).card.Plain(), cause, typed)
	}
	missing := w.asks(luis, "diagnose pod/api-gateway-production-nothere production")
	require.Equal(t, "⚠️ There's no pod api-gateway-production-nothere in "+w.production+".", firstLine(missing.card.Plain()))
	require.Equal(t, 1, w.patches(deployment), "only the deploy")
}
