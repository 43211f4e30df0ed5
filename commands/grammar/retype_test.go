package grammar

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

func TestRetypeCanBeTypedAgain(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", grammarBooks())
	for name, tc := range map[string]struct{ text, want string }{
		"a rollback":   {"rollout undo api-gatewy prod --to-revision 41", "rollback api-gateway production to-revision=41"},
		"a deployment": {"deploy api-gatewy prod v2 -c web", "deploy api-gateway production container=web image=v2"},
		"a question":   {"can-i scale api-gatewy prod 6", "can-i scale api-gateway production replicas=6"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := p.Parse(tc.text)
			require.NoError(t, err)
			again := parsed.Retype("api-gateway", "production")
			require.Equal(t, tc.want, again)
			parsed.Service, parsed.Environment = "api-gateway", "production"
			back, err := p.Parse(again)
			require.NoError(t, err)
			require.Equal(t, parsed, back)
		})
	}
}

// What is proposed to be copied has to work when it is copied, and has to be made of the person's own words.
func TestASuggestionIsThePersonsOwnWordsAndCanBeTyped(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", grammarBooks())
	verbs := []string{"rollback", "restart", "scale", "deploy", "status", "pods", "diagnose", "rollout undo", "can-i scale", "help rollback"}
	names := []string{"ms-orders", "ms-provider", "web"}
	environments := []string{"dev", "pruebas", "prod"}
	options := []string{"--to-revision=3", "revision 3", "replicas=4", "--replicas 4", "image=v1.2", "--reason \"it broke\"", "-c web", "now"}
	rapid.Check(t, func(t *rapid.T) {
		words := strings.Fields(rapid.SampledFrom(verbs).Draw(t, "verb"))
		for _, from := range [][]string{names, environments, options} {
			if rapid.IntRange(0, 3).Draw(t, "with") > 0 {
				words = append(words, rapid.SampledFrom(from).Draw(t, "word"))
			}
		}
		at := rapid.IntRange(0, len(words)-1).Draw(t, "at")
		if w := words[at]; len(w) > 3 { // one letter is lost
			cut := rapid.IntRange(1, len(w)-2).Draw(t, "cut")
			words[at] = w[:cut] + w[cut+1:]
		}
		text := strings.Join(words, " ")
		_, err := p.Parse(text)
		var usage *algesta.Error
		if err == nil || !errors.As(err, &usage) {
			return
		}
		for _, span := range usage.Hint {
			hint, isCommand := strings.CutPrefix(span.Text, "/algesta ")
			if !isCommand || span.Kind != algesta.Code {
				continue
			}
			for _, forbidden := range []string{"api-gateway", "production"} {
				require.NotContains(t, hint, forbidden, text)
			}
			_, err = p.Parse(filledIn(hint))
			require.NoError(t, err, "%q proposes %q", text, hint)
		}
	})
}

// Of every command that is declared, a mistyped verb is answered with the rest of the person's words as they were.
func TestASuggestionKeepsTheRestOfEveryCommand(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", runbooks.All())
	for _, b := range runbooks.All() {
		verb, rest, _ := strings.Cut(b.Example, " ")
		want, err := p.Parse(b.Example)
		require.NoError(t, err, b.Example)
		proposed := 0
		for cut := range verb {
			typed := strings.TrimSpace(verb[:cut] + verb[cut+1:] + " " + rest)
			_, err := p.Parse(typed)
			var usage *algesta.Error
			if !errors.As(err, &usage) {
				continue // it's another command: "pod" of pods
			}
			for _, span := range usage.Hint {
				hint, isCommand := strings.CutPrefix(span.Text, "/algesta ")
				if !isCommand || span.Kind != algesta.Code || hint == helpWord {
					continue
				}
				_, after, _ := strings.Cut(hint, " ")
				if again, err := p.Parse(hint); err == nil && again.Runbook == b.Name {
					proposed++
					require.Equal(t, want, again, "%q proposes %q", typed, hint)
					require.Equal(t, rest, after, "%q proposes %q", typed, hint)
				}
				for name, said := range map[string]string{"service": "api-gateway", "environment": "production"} {
					require.True(t, strings.Contains(rest, said) || !strings.Contains(hint, said), "%q is given a %s in %q", typed, name, hint)
				}
			}
		}
		if len(verb) > 3 {
			require.NotZero(t, proposed, "no typo of %q is understood", b.Name)
		}
	}
}

// filledIn is a form with something in each of its places.
func filledIn(form string) string {
	form = strings.NewReplacer("<kind>/<name>", "pod/web-1", "<number>", "3", "<environment>", "dev").Replace(form)
	return regexp.MustCompile("<[a-z]+>").ReplaceAllString(form, "web")
}
