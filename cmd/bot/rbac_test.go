package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// said is what a command of the binary prints.
func said(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := rootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestRolesArePrintedForOneClusterAtATime(t *testing.T) {
	t.Parallel()
	const config = "testdata/config-example.yaml"
	_, err := said(t, "rbac", "--config", config)
	require.ErrorContains(t, err, "name one of the clusters with --cluster: aks-algesta-production and aks-algesta-dev")
	_, err = said(t, "rbac", "--config", config, "--cluster", "aks-algesta-prodction")
	require.ErrorContains(t, err, "did you mean aks-algesta-production?")
	_, err = said(t, "rbac")
	require.ErrorContains(t, err, "--config")
	_, err = said(t, "rbac", "--config", config, "--cluster", "aks-algesta-dev", "--without", "pod-delete")
	require.ErrorContains(t, err, `there is no command "pod-delete"`)

	roles, err := said(t, "rbac", "--config", config, "--cluster", "aks-algesta-dev", "--user", "11111111-2222-3333-4444-555555555555")
	require.NoError(t, err)
	require.Contains(t, roles, "namespace: development")
	require.Contains(t, roles, "namespace: pruebas")
	require.NotContains(t, roles, "namespace: production")
	require.Contains(t, roles, "kind: User\n  name: 11111111-2222-3333-4444-555555555555")
	require.NotContains(t, roles, "kind: ServiceAccount")
	require.Equal(t, 2, strings.Count(roles, "kind: Role\n"+"metadata"))
}
