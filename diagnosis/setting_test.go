package diagnosis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// What people call the bot, their names for namespaces and the kind of cluster come from the configuration.
func TestAnAnswerIsWrittenAsTheConfigurationSays(t *testing.T) {
	t.Parallel()
	command := func(setting facts.Setting) string {
		s, about := scenario(t, "scaled-to-zero")
		s.Configure(setting)
		d := diagnosis.Diagnose(s, about)
		require.NotEmpty(t, d.Chains)
		return d.Chains[0].Remedy.Command
	}
	as := command(facts.Setting{})
	require.True(t, strings.HasPrefix(as, "scale "), as)
	require.Equal(t, "/ops "+as, command(facts.Setting{Bot: "ops"}))
	words := strings.Fields(as)
	words[2] = "live"
	require.Equal(t, strings.Join(words, " "), command(facts.Setting{Environments: map[string]string{"production": "live"}}))
}

func TestOnlyAKSIsCheckedWithAzuresCommand(t *testing.T) {
	t.Parallel()
	for _, aks := range []bool{true, false} {
		objects, err := os.ReadFile(filepath.Join("rules", "testdata", "image-auth", "fires.yaml"))
		require.NoError(t, err)
		s := snapshot(t, objects, nil)
		s.Configure(facts.Setting{AKS: aks})
		d := diagnosis.Diagnose(s, facts.Ref{})
		require.NotEmpty(t, d.Chains)
		require.Equal(t, "image-auth", d.Chains[0].Rule)
		require.Equal(t, aks, strings.Contains(d.Chains[0].Remedy.Text, "az aks check-acr"), d.Chains[0].Remedy.Text)
	}
}

func TestAWordMeansTheNamespaceOfThatNameOrTheOnlyOneThatBeginsWithIt(t *testing.T) {
	t.Parallel()
	s, _ := scenario(t, "scaled-to-zero") // only production
	for word, want := range map[string]string{
		"production": "production", "prod": "production", "PROD": "production", "qa": "qa", "test": "test",
	} {
		require.Equal(t, facts.Ref{Kind: facts.KindNamespace, Name: want}, s.Subject("", word), word)
	}
}
