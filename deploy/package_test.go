package deploy_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/deploy"
)

// TestTheChartRunsTheImageOfItsRelease: what `bot init` of a release writes is that release's, as the package of the release is.
func TestTheChartRunsTheImageOfItsRelease(t *testing.T) {
	t.Parallel()
	files, err := deploy.ChartFiles("1.2.3", "sha256:0123")
	require.NoError(t, err)
	require.Contains(t, string(files["Chart.yaml"]), "\nversion: 1.2.3\nappVersion: 1.2.3\n")
	require.Contains(t, string(files["values.yaml"]), "\n  digest: \"sha256:0123\"")
	require.Contains(t, files, "templates/_helpers.tpl")
	files, err = deploy.ChartFiles("", "")
	require.NoError(t, err)
	for name, content := range files {
		own, err := os.ReadFile("chart/" + name)
		require.NoError(t, err)
		require.Equal(t, string(own), string(content), name)
	}
}
