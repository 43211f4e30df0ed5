package algesta_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestANameIsNoPartOfASentence(t *testing.T) {
	t.Parallel()
	for name, called := range map[string]string{
		"Carla Mejía": "Carla Mejía", "J. R. O'Neil-Suárez": "J. R. O'Neil-Suárez", "dana.ortega": "dana.ortega", "Ольга Ким": "Ольга Ким",
		"李小龙": "李小龙", "Luis 2": "Luis 2", "  Pablo  Rincón ": "Pablo Rincón", "": "U0CARLA", "\u202e\u200b": "U0CARLA",
		"Carla · approved by Pablo":          "“Carla · approved by Pablo”",
		"Carla approved by Pablo":            "“Carla approved by Pablo”",
		"Carla and Pablo":                    "“Carla and Pablo”",
		"Carla, Pablo":                       "“Carla, Pablo”",
		"Carla\nApproved by Pablo":           "“Carla Approved by Pablo”",
		"Carla\u2028approved":                "“Carla approved”",
		"Carla\u202e oblaP":                  "Carla oblaP",
		"Carla” approved by “Pablo":          "“Carla approved by Pablo”",
		"<@U0PABLO> *ok*":                    "“@U0PABLO ok”",
		"Carla аnd Pablo":                    "“Carla аnd Pablo”", // with a Cyrillic а
		"Carla ａｎｄ Pablo":                    "“Carla ａｎｄ Pablo”",
		"You":                                "“You”",
		"Dana Ortega (SRE)":                  "“Dana Ortega (SRE)”",
		"Carla. Nothing was changed. - Luis": "“Carla. Nothing was changed. - Luis”",
	} {
		require.Equal(t, called, algesta.Actor{ID: algesta.PersonID{User: "U0CARLA"}, Name: name}.Called(), "%q", name)
	}
}

func FuzzCalled(f *testing.F) {
	f.Add("Carla · approved by Pablo")
	f.Add("“\u202e”\n\x1b[2K")
	claims := regexp.MustCompile(`(?i)\b(approved|by|and|denied|nothing)\b`)
	f.Fuzz(func(t *testing.T, name string) {
		called := algesta.Actor{ID: algesta.PersonID{User: "U0CARLA"}, Name: name}.Called()
		require.NotEmpty(t, called)
		for _, c := range called {
			require.False(t, unicode.IsControl(c) || unicode.Is(unicode.Cf, c), "%q", called)
		}
		if inner, quoted := strings.CutPrefix(called, "“"); quoted {
			inner, quoted = strings.CutSuffix(inner, "”")
			require.True(t, quoted)
			require.False(t, strings.ContainsAny(inner, "“”\"\n"), "%q", called)
			return
		}
		require.NotRegexp(t, claims, called)
		require.False(t, strings.ContainsAny(called, "·,:;()<>\n"), "%q", called)
	})
}
