package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/slack"
)

// TestTheWebhookNeedsATokenOfItsOwn: without one, or with one that could be guessed, the bot does not start.
func TestTheWebhookNeedsATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	token := rand.Text()
	c, err := alertmanagerFile{Listen: ":9095", TokenFile: write(token + "\n")}.config()
	require.NoError(t, err)
	require.Equal(t, AlertmanagerConfig{Listen: ":9095", Token: slack.Secret(token)}, c)
	c, err = alertmanagerFile{}.config()
	require.NoError(t, err)
	require.Empty(t, c.Listen)
	for name, wrong := range map[string]struct {
		file alertmanagerFile
		says string
	}{
		"no address":              {alertmanagerFile{TokenFile: write(token)}, "alertmanager.listen is missing"},
		"no token":                {alertmanagerFile{Listen: ":9095"}, "without a token everybody could send alerts"},
		"an empty token":          {alertmanagerFile{Listen: ":9095", TokenFile: write("\n")}, "does not hold a token of at least 16 characters"},
		"a short token":           {alertmanagerFile{Listen: ":9095", TokenFile: write(token[:15])}, "of at least 16 characters"},
		"two words":               {alertmanagerFile{Listen: ":9095", TokenFile: write(token + " " + token)}, "without spaces"},
		"a file that isn't there": {alertmanagerFile{Listen: ":9095", TokenFile: "/does/not/exist"}, "reading incidents.alertmanager.tokenFile"},
		"no port":                 {alertmanagerFile{Listen: "localhost", TokenFile: write(token)}, "write an address, such as :9095"},
	} {
		_, err := wrong.file.config()
		require.ErrorContains(t, err, wrong.says, name)
		require.NotContains(t, err.Error(), token[:15], name)
	}
}

func TestMaintenanceIsWrittenInOneOfTwoWays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file maintenanceFile
		says string // "" where it's right
	}{
		"once":             {maintenanceFile{Name: "move", From: "2026-12-24T18:00:00-05:00", Until: "2026-12-24T22:00:00-05:00"}, ""},
		"every Saturday":   {maintenanceFile{Name: "patching", Schedule: "0 2 * * 6", Zone: "America/Bogota", For: "4h"}, ""},
		"no name":          {maintenanceFile{Schedule: "0 2 * * 6", For: "4h"}, "name is missing"},
		"both":             {maintenanceFile{Name: "x", From: "2026-12-24T18:00:00Z", For: "4h"}, "for a single time, or"},
		"neither":          {maintenanceFile{Name: "x"}, "for a single time, or"},
		"no zone":          {maintenanceFile{Name: "x", From: "2026-12-24 18:00", Until: "2026-12-24 19:00"}, "times with their zone"},
		"another zone":     {maintenanceFile{Name: "x", Schedule: "0 2 * * 6", Zone: "Bogota", For: "4h"}, "a zone such as America/Bogota"},
		"no schedule":      {maintenanceFile{Name: "x", Schedule: "at night", For: "4h"}, "five fields as in crontab"},
		"no duration":      {maintenanceFile{Name: "x", Schedule: "0 2 * * 6", For: "long"}, "for is \"long\""},
		"the wrong way":    {maintenanceFile{Name: "x", From: "2026-12-24T18:00:00Z", Until: "2026-12-24T17:00:00Z"}, "it lasts -1h0m0s"},
		"longer than week": {maintenanceFile{Name: "x", Schedule: "0 2 * * 6", For: "200h"}, "it lasts 200h0m0s"},
	} {
		m, err := c.file.config(1)
		if c.says != "" {
			require.ErrorContains(t, err, c.says, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, 4*time.Hour, m.For, name)
	}
	saturday := time.Date(2026, 12, 5, 3, 0, 0, 0, time.FixedZone("", -5*3600))
	m, err := maintenanceFile{Name: "patching", Schedule: "0 2 * * 6", Zone: "America/Bogota", For: "4h"}.config(1)
	require.NoError(t, err)
	require.True(t, m.Schedule.Next(saturday.Add(-4*time.Hour)).Equal(saturday.Add(-time.Hour)))
}

func TestTheAddressOfAnAlertmanagerIsOne(t *testing.T) {
	t.Parallel()
	c, err := alertmanagerFile{API: "http://alertmanager:9093"}.config()
	require.NoError(t, err)
	require.Equal(t, "http://alertmanager:9093", c.API)
	for _, wrong := range []string{"alertmanager.example.com:9093", "ftp://alertmanager", "http://", "http://user:word@alertmanager"} {
		_, err := alertmanagerFile{API: wrong}.config()
		require.ErrorContains(t, err, "incidents.alertmanager.api is no address", wrong)
		require.NotContains(t, err.Error(), "word")
	}
}
