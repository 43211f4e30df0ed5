package kube

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// az puts a stand-in for the Azure CLI on the PATH. It prints what the CLI prints: a token for the resource that it's asked for, of whoever
// signed in; or says on its standard error why not.
func (w *azureWorld) az(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "az"), []byte("#!/bin/sh\n"+script), 0o700))
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

// TestTheAzureCLISignsIn takes the token of a developer's `az login`, for AKS and for the Resource Manager. The PATH is the process's, so
// it isn't parallel.
func TestTheAzureCLISignsIn(t *testing.T) {
	w := newAzureWorld(t)
	end := time.Now().Add(time.Hour)
	answer := func(name, scope string) string { // a token of the same tenant, as the CLI has it
		as := w.with(ClientSecret)
		client, err := azureClient(as)
		require.NoError(t, err)
		token, err := newAzureTokens(scope, as, client).get(t.Context())
		require.NoError(t, err)
		return w.file(t, name, fmt.Sprintf(`{"accessToken": %q, "expiresOn": %q, "expires_on": %d, "tenant": %q, "tokenType": "Bearer"}`,
			token, end.Format("2006-01-02 15:04:05.000000"), end.Unix(), w.Tenant()))
	}
	w.az(t, fmt.Sprintf(`[ "$1 $2" = "account get-access-token" ] || exit 2
case "$*" in
*"--tenant %[1]s"*) ;;
*) echo "no --tenant: $*" >&2; exit 2 ;;
esac
case "$*" in
*"--resource 6dae42f8-4368-4678-94ff-3960e28e3630"*) cat %[2]s ;;
*"--resource https://management.azure.com"*) cat %[3]s ;;
*) echo "another resource: $*" >&2; exit 2 ;;
esac
`, w.Tenant(), answer("aks.json", aksScope), answer("manager.json", managerAudience(w.cfg.Azure)+"/.default")))
	c, err := Open(t.Context(), w.with(AzureCLI))
	require.NoError(t, err)
	version, err := c.Server(t.Context())
	require.NoError(t, err)
	require.Equal(t, "v1.37.2", version)
	left, ok := c.TokenLife()
	require.True(t, ok)
	require.Greater(t, left, 50*time.Minute)
}

// TestAnAzureCLIThatHasNoTokenIsSaid in one sentence, without what it printed.
func TestAnAzureCLIThatHasNoTokenIsSaid(t *testing.T) {
	const login = "the Azure CLI gives me no token: run `az login` as the user that I run as (AZURE_CLI)."
	for name, tc := range map[string]struct{ script, says string }{
		"nobody is signed in": {"echo \"ERROR: Please run 'az login' to setup account, dana@example.com.\" >&2; exit 1", login},
		"there is none":       {"", login},
		"its sign-in has ended": {
			"echo 'ERROR: AADSTS700082: The refresh token has expired. Trace ID: 1' >&2; exit 1",
			"Microsoft Entra refuses me (AADSTS700082).",
		},
		"it prints something else": {"echo 'WARNING: a new version, dana@example.com'", login},
	} {
		w := newAzureWorld(t)
		w.az(t, tc.script)
		if tc.script == "" {
			t.Setenv("PATH", t.TempDir())
		}
		c, err := Open(t.Context(), w.with(AzureCLI))
		require.NoError(t, err, name)
		_, err = c.Server(t.Context())
		var said *algesta.Error
		require.ErrorAs(t, err, &said, name)
		require.Equal(t, "I can't sign in to aks-algesta-dev: "+tc.says, said.Message.String(), name)
		for _, text := range []string{said.Message.String(), said.Hint.String(), err.Error(), said.Err.Error()} {
			require.NotContains(t, text, "dana@example.com", name)
			require.NotContains(t, text, "Trace ID", name)
		}
	}
}
