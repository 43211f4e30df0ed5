package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

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
