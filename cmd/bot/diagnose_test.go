package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func runDiagnose(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := diagnoseCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.Execute()
	return out.String(), err
}

func TestDiagnoseReadsAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	objects, err := os.ReadFile(filepath.Join("..", "..", "diagnosis", "testdata", "scenarios", "missing-key", "objects.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "objects.yaml"), objects, 0o600))

	text, err := runDiagnose(t, "ms-orders", "prod", "-f", dir)
	require.NoError(t, err)
	require.Contains(t, text, "Secret mongodb-credentials has no key uri, so no pod of ms-orders-production can start.\n")

	data, err := runDiagnose(t, "ms-orders", "production", "-f", dir, "-o", "json")
	require.NoError(t, err)
	var answer struct {
		Chains []struct {
			Cause string `json:"cause"`
		} `json:"chains"`
	}
	require.NoError(t, json.Unmarshal([]byte(data), &answer))
	require.Equal(t, "Secret mongodb-credentials has no key uri, so no pod of ms-orders-production can start.", answer.Chains[0].Cause)

	_, err = runDiagnose(t, "-f", filepath.Join(dir, "nowhere"))
	require.ErrorContains(t, err, "opening dump folder")
	_, err = runDiagnose(t, "-f", dir, "-o", "xml")
	require.EqualError(t, err, `output "xml" is not known: write -o text or -o json`)
}
