package kube

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryCauseOfAzureIsInTheDocument: whoever reads one in Slack finds there what to do.
func TestEveryCauseOfAzureIsInTheDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/azure.md")
	require.NoError(t, err)
	for _, code := range slices.Concat(slices.Collect(maps.Keys(azureHelp)), slices.Collect(maps.Keys(passingHelp))) {
		require.Contains(t, string(document), "`"+code+"`")
	}
}
