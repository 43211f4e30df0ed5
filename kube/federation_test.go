package kube

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/sandbox/azure"
)

// Workload identity takes its file from the environment, so this test isn't parallel.
func TestErrorsOfFederationAreSentences(t *testing.T) {
	federation := func(f func(*azure.Federation)) func(*azureWorld) {
		return func(w *azureWorld) {
			w.Change(func(ids []azure.Identity, _ []azure.Cluster) { f(&ids[0].Federations[0]) })
		}
	}
	for name, tc := range map[string]struct {
		change func(w *azureWorld)
		says   string
	}{
		"another issuer": {
			federation(func(f *azure.Federation) { f.Issuer = "https://oidc.example.com" }),
			"the issuer of the federated credential doesn't match the cluster's, which has to be the same to the last slash (AADSTS700211).",
		},
		"another audience": {
			federation(func(f *azure.Federation) { f.Audience = "api://other" }),
			"the audience of the federated credential doesn't match: it has to be api://AzureADTokenExchange (AADSTS700212).",
		},
		"another ServiceAccount": {
			federation(func(f *azure.Federation) { f.Subject = "system:serviceaccount:algesta:other" }),
			"the subject of the federated credential doesn't match my ServiceAccount (AADSTS700213).",
		},
		"a token of the pod that has ended": {
			func(w *azureWorld) { w.assertion(t, botAccount, time.Now().Add(-time.Hour)) },
			"my ServiceAccount's token has expired: look at the clock of the node and at the volume of the token (AADSTS700024).",
		},
		"a token that nobody signed": {
			func(w *azureWorld) { w.file(t, "token", "eyJhbGciOiJub25lIn0.e30.") },
			"my ServiceAccount's token isn't valid for the issuer of the federated credential (AADSTS50027).",
		},
		"no token": {
			func(w *azureWorld) { require.NoError(t, os.Remove(w.dir+"/token")) },
			"my pod has no token file: the label azure.workload.identity/use is missing, or the pod is older than the webhook (TOKEN_FILE).",
		},
	} {
		w := newAzureWorld(t)
		t.Setenv(tokenFileVariable, w.assertion(t, botAccount, time.Now().Add(time.Hour)))
		tc.change(w)
		c, err := Open(t.Context(), w.with(WorkloadIdentity))
		require.NoError(t, err, name)
		_, err = w.patient(t, c)
		var said *algesta.Error
		require.ErrorAs(t, err, &said, name)
		require.Equal(t, "I can't sign in to aks-algesta-dev: "+tc.says, said.Message.String(), name)
		w.requireClean(t, said.Message.String(), said.Hint.String(), err.Error())
	}
}
