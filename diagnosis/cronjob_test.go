package diagnosis_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// TestAnIntervalIsCountedFromTheLastRun: "@every 5m" is a schedule like any other, so a CronJob that has it and stopped is not healthy.
func TestAnIntervalIsCountedFromTheLastRun(t *testing.T) {
	t.Parallel()
	fires, err := os.ReadFile("rules/testdata/cronjob-late/fires.yaml") // it last ran at 09:15, and now is noon
	require.NoError(t, err)
	for schedule, late := range map[string]bool{
		"'@every 5m'": true,
		"'@every 1h'": true,
		"'@every 2h'": false, // only one run is missing: at 11:15
		"'@every 4h'": false,
	} {
		objects := bytes.ReplaceAll(fires, []byte("'*/15 * * * *'"), []byte(schedule))
		require.NotEqual(t, fires, objects)
		d := diagnosis.Diagnose(snapshot(t, objects, nil), facts.Ref{})
		if !late {
			require.Empty(t, d.Chains, "%s\n%s", schedule, d.Text())
			continue
		}
		require.Equal(t, []string{"cronjob-late"}, rulesOf(d), "%s\n%s", schedule, d.Text())
	}
}
