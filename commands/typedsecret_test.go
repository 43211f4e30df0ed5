package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/store"
)

// TestASecretThatWasTypedIsNotStored: neither as a request, nor to be followed, nor behind a button.
func TestASecretThatWasTypedIsNotStored(t *testing.T) {
	t.Parallel()
	const secret = "tag-that-is-a-secret-9"
	for text, said := range map[string]string{
		"deploy api-gateway production " + secret:       "One of the values looks like a secret",
		"pods api-gateway production -w -l v=" + secret: "I don't follow it: one of the values looks like a secret",
	} {
		w := newWorld(t)
		w.setRules(strings.Replace(rules, "allow: [read, restart, scale]", "allow: [read, change]", 1))
		w.dispatcher.Redact = redact.New([]byte(secret)).String
		w.types(luis, text)
		var all strings.Builder
		for _, p := range w.posts() {
			all.WriteString(p.Report.Title.String() + "\n")
			for _, b := range p.Report.Body {
				all.WriteString(b.Text.String() + "\n")
			}
			require.Empty(t, p.Report.Buttons, text)
		}
		require.Contains(t, all.String(), said, text)
		require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
			live, err := tx.LiveAnswers()
			require.Empty(t, live, text)
			return err
		}))
		alive, err := w.store.Alive(t.Context())
		require.NoError(t, err)
		require.Empty(t, alive)
	}
}
