package grammar

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// grammarBooks are runbooks with every kind of argument, so that the grammar is tested whatever the real ones become.
func grammarBooks() []runbooks.Runbook {
	service := runbooks.About{Service: true}
	return []runbooks.Runbook{
		{Name: "status", Aliases: []string{"rollout status", "get"}, About: service, Example: "status api-gateway production"},
		{Name: "pods", Aliases: []string{"get pods"}, About: service, Example: "pods api-gateway production"},
		{
			Name: "rollback", Aliases: []string{"rollout undo"}, About: service, Example: "rollback api-gateway production",
			Args: []runbooks.Arg{
				{Name: "to-revision", Aliases: []string{"revision"}, Kind: runbooks.IntArg, Min: 1, Max: 1 << 40, Bare: true, Summary: "the revision"},
				{Name: "template", Kind: runbooks.TextArg, Hidden: true},
			},
		},
		{
			Name:    "scale",
			About:   service,
			Example: "scale api-gateway production replicas=6",
			Args: []runbooks.Arg{
				{Name: "replicas", Kind: runbooks.IntArg, Min: 0, Max: 50, Required: true, Bare: true, Summary: "how many pods to run"},
			},
		},
		{
			Name: "deploy", Aliases: []string{"set image"}, About: service, Example: "deploy api-gateway production 12346",
			Args: []runbooks.Arg{
				{
					Name:     "image",
					Aliases:  []string{"tag"},
					Kind:     runbooks.TextArg,
					Required: true,
					Bare:     true,
					Summary:  "the tag to run, or the whole image",
				},
				{Name: "container", Aliases: []string{"c"}, Kind: runbooks.TextArg, Summary: "which container"},
				{Name: "allow-other-repository", Kind: runbooks.SwitchArg, Summary: "yes, another repository"},
			},
		},
		{Name: "restart", Aliases: []string{"rollout restart"}, About: service, Example: "restart api-gateway production"},
		{
			Name:    "diagnose",
			About:   runbooks.About{Service: true, Environment: true, Kinds: []string{"Pod", "Node", "HorizontalPodAutoscaler"}},
			Example: "diagnose api-gateway production",
		},
	}
}

// parse reads a command with the runbooks that there are.
func parse(text string) (Parsed, error) { return NewParser("algesta", runbooks.All()).Parse(text) }

func TestParse(t *testing.T) {
	t.Parallel()
	rollback := Parsed{Runbook: "rollback", Service: "api-gateway", Environment: "production"}
	to := func(n int64) Parsed { p := rollback; p.Args = algesta.Args{"to-revision": n}; return p }
	scale := func(n int64) Parsed {
		return Parsed{Runbook: "scale", Service: "api-gateway", Environment: "production", Args: algesta.Args{"replicas": n}}
	}
	deploy := func(image string) Parsed {
		return Parsed{Runbook: "deploy", Service: "api-gateway", Environment: "production", Args: algesta.Args{"image": image}}
	}
	because := func(p Parsed, reason string) Parsed { p.Reason = reason; return p }

	for name, tc := range map[string]struct {
		text string
		want Parsed
	}{
		"flags before the verb": {"kubectl -n production rollout undo deployment/api-gateway", rollback},
		"flags before the verb, and a reason": {
			"--namespace=production rollback api-gateway because it is broken", because(rollback, "it is broken"),
		},
		"the plain form": {"rollback api-gateway production", rollback},
		"the last change of the bot": {
			"undo api-gateway production", Parsed{Runbook: "undo", Service: "api-gateway", Environment: "production"},
		},
		"the alias of two words":           {"rollout undo api-gateway production", rollback},
		"pasted from kubectl":              {"kubectl rollout undo deployment/api-gateway -n production", rollback},
		"the bot's name typed once more":   {"/algesta rollback api-gateway production", rollback},
		"a phone's capital and full stop":  {"Rollback api-gateway production.", rollback},
		"a comma between names":            {"rollback api-gateway, production", rollback},
		"the environment by -n":            {"rollback -n production api-gateway", rollback},
		"the environment by --namespace=":  {"rollback api-gateway --namespace=production", rollback},
		"the environment by --env":         {"rollback api-gateway --env production", rollback},
		"the environment by env=":          {"rollback api-gateway env=production", rollback},
		"the environment as people say it": {"rollback api-gateway in production", rollback},
		"the same environment twice":       {"rollback api-gateway Production in production", rollback},
		"deployment/":                      {"rollback deployment/api-gateway production", rollback},
		"deploy/ after the environment":    {"rollback production deploy/api-gateway", rollback},
		"deployment as a word of its own":  {"rollback deployment api-gateway production", rollback},
		"--service":                        {"rollback --service api-gateway --env production", rollback},
		"in code marks":                    {"rollback `api-gateway` *production*", rollback},
		"in quotes":                        {`rollback "api-gateway" 'production'`, rollback},
		"a no-break space before the name": {"rollback\u00a0api-gateway\u202fproduction", rollback},
		"zero-width characters":            {"roll\u200bback api-gateway\ufeff production", rollback},
		"a no-break hyphen":                {"rollback api\u2011gateway production", rollback},
		"a link that Slack made of a name": {"rollback <http://api-gateway|api-gateway> production", rollback},
		"escaped characters in a reason": {
			`rollback api-gateway production --reason "a &amp; b &lt; c"`, because(rollback, "a & b < c"),
		},
		"only the service: the catalogue asks": {"rollback api-gateway", Parsed{Runbook: "rollback", Service: "api-gateway"}},
		"the deployment's name alone": {
			"status deployment/api-gateway-production", Parsed{Runbook: "status", Service: "api-gateway-production"},
		},
		"an option with =":                   {"rollback api-gateway production --to-revision=41", to(41)},
		"an option with a space":             {"rollback api-gateway production --to-revision 41", to(41)},
		"an option before the names":         {"rollback --to-revision 41 api-gateway production", to(41)},
		"an em dash that a phone made of --": {"rollback api-gateway production —to-revision=41", to(41)},
		"an en dash that a phone made of --": {"rollback api-gateway production –to-revision 41", to(41)},
		"an option by its alias":             {"rollback api-gateway production revision=41", to(41)},
		"an option in capitals":              {"rollback api-gateway production Revision=41", to(41)},
		"a named value as two words":         {"rollback api-gateway production revision 41", to(41)},
		"a bare value":                       {"rollback api-gateway production 41", to(41)},
		"to and an argument by its name":     {"rollback api-gateway production to revision 41", to(41)},
		"please, first":                      {"please rollback api-gateway production", rollback},
		"please and an emoji, last":          {"rollback api-gateway production please :pray: 🙏🏽", rollback},
		"an accent": {
			"rollback api-gateway producción", Parsed{Runbook: "rollback", Service: "api-gateway", Environment: "producci" + "on"},
		},
		"accents and emoji in a reason stay": {
			"rollback api-gateway production because producción falló", because(rollback, "producción falló"),
		},
		"an autoscaler by its short name": {
			"diagnose hpa/shop production", Parsed{Runbook: "diagnose", Object: "horizontalpodautoscaler/shop", Environment: "production"},
		},
		"to and a bare value":                 {"rollback api-gateway production to 41", to(41)},
		"a bare value before the environment": {"scale api-gateway 6 in production", scale(6)},
		"to a number before the environment":  {"scale api-gateway to 6 in production", scale(6)},
		"replicas=":                           {"scale api-gateway production replicas=6", scale(6)},
		"--replicas=":                         {"scale --replicas=6 deployment/api-gateway -n production", scale(6)},
		"zero is a number":                    {"scale api-gateway production 0", scale(0)},
		"a tag":                               {"deploy api-gateway production 12346", deploy("12346")},
		"a tag before the environment":        {"deploy api-gateway 12346 production", deploy("12346")},
		"a tag to an environment":             {"deploy api-gateway 12346 to production", deploy("12346")},
		"a tag that is no number":             {"deploy api-gateway production v1.2.3", deploy("v1.2.3")},
		"a whole image": {
			"deploy api-gateway production acralgesta.azurecr.io/api-gateway:12346", deploy("acralgesta.azurecr.io/api-gateway:12346"),
		},
		"a whole image that Slack made a link": {
			"deploy api-gateway production <http://acralgesta.azurecr.io/api-gateway:12346|acralgesta.azurecr.io/api-gateway:12346>",
			deploy("acralgesta.azurecr.io/api-gateway:12346"),
		},
		"a reason in quotes": {
			`rollback api-gateway production --reason "logins fail"`, because(rollback, "logins fail"),
		},
		"a reason in curly quotes": {
			"rollback api-gateway production —reason “logins fail”", because(rollback, "logins fail"),
		},
		"a reason with = and quotes": {
			`rollback api-gateway production reason="logins fail"`, because(rollback, "logins fail"),
		},
		"a reason without quotes": {
			"rollback api-gateway production --reason logins fail --to-revision 41", because(to(41), "logins fail"),
		},
		"because": {"rollback api-gateway production because it’s broken", because(rollback, "it's broken")},
		"an apostrophe is a letter": {
			"rollback api-gateway production because it's Dana's fault", because(rollback, "it's Dana's fault"),
		},
		"people and channels in a reason": {
			"rollback api-gateway production because <@U0CARLA|carla> asked in <#C0OPS|ops> # now", because(rollback, "@carla asked in #ops # now"),
		},
		"a dash between words": {"rollback api-gateway production — because broken", because(rollback, "broken")},
		"help":                 {"help", Parsed{Runbook: "help"}},
		"nothing":              {"  ", Parsed{Runbook: "help"}},
		"a question mark":      {"?", Parsed{Runbook: "help"}},
		"help about a command": {"help rollout undo", Parsed{Runbook: "help", Args: algesta.Args{"about": "rollback"}}},
		"help about help":      {"help help", Parsed{Runbook: "help", Help: true}},
		"--help":               {"rollback api-gateway --help", Parsed{Runbook: "rollback", Help: true}},
		"-h":                   {"scale -h", Parsed{Runbook: "scale", Help: true}},
		"whoami":               {"whoami", Parsed{Runbook: "whoami"}},
		"who am i":             {"Who am I?", Parsed{Runbook: "whoami"}},
		"can-i": {
			"can-i scale api-gateway production",
			Parsed{Runbook: "can-i", Service: "api-gateway", Environment: "production", Args: algesta.Args{"verb": "scale"}},
		},
		"can i with arguments": {
			"can i scale api-gateway production 6",
			Parsed{Runbook: "can-i", Service: "api-gateway", Environment: "production", Args: algesta.Args{"verb": "scale", "replicas": int64(6)}},
		},
		"can-i with an alias": {
			"auth can-i rollout undo api-gateway production",
			Parsed{Runbook: "can-i", Service: "api-gateway", Environment: "production", Args: algesta.Args{"verb": "rollback"}},
		},
		"two words win over one": {
			"get pods api-gateway production", Parsed{Runbook: "pods", Service: "api-gateway", Environment: "production"},
		},
		"get deployment": {
			"get deployment api-gateway -n production", Parsed{Runbook: "status", Service: "api-gateway", Environment: "production"},
		},
		"a pod": {
			"diagnose pod/api-gateway-x2x9 production", Parsed{Runbook: "diagnose", Object: "pod/api-gateway-x2x9", Environment: "production"},
		},
		"a node as two words": {
			"diagnose node aks-stdar-0 in production", Parsed{Runbook: "diagnose", Object: "node/aks-stdar-0", Environment: "production"},
		},
		"a namespace": {
			"diagnose namespace production", Parsed{Runbook: "diagnose", Object: "namespace", Environment: "production"},
		},
		"a service where more is possible": {
			"diagnose api-gateway production", Parsed{Runbook: "diagnose", Service: "api-gateway", Environment: "production"},
		},
		"a switch": {
			"deploy api-gateway production 1 --allow-other-repository",
			Parsed{
				Runbook: "deploy", Service: "api-gateway", Environment: "production", Args: algesta.Args{"image": "1", "allow-other-repository": true},
			},
		},
		"a switch set to no": {
			"deploy api-gateway production 1 allow-other-repository=no",
			Parsed{
				Runbook: "deploy", Service: "api-gateway", Environment: "production", Args: algesta.Args{"image": "1", "allow-other-repository": false},
			},
		},
		"a container": {
			"deploy api-gateway production 1 -c web",
			Parsed{Runbook: "deploy", Service: "api-gateway", Environment: "production", Args: algesta.Args{"image": "1", "container": "web"}},
		},
		"kubectl set image": {
			"set image deployment/api-gateway web=acr.io/api:2 -n production",
			Parsed{
				Runbook: "deploy", Service: "api-gateway", Environment: "production", Args: algesta.Args{"image": "acr.io/api:2", "container": "web"},
			},
		},
		"an argument that only buttons use, typed": {
			"rollback api-gateway production template=7d9f",
			Parsed{Runbook: "rollback", Service: "api-gateway", Environment: "production", Args: algesta.Args{"template": "7d9f"}},
		},
		"names in either order are for the catalogue": {
			"rollback production api-gateway", Parsed{Runbook: "rollback", Service: "production", Environment: "api-gateway"},
		},
		"a template that nobody filled in stays words": {"rollback because I say so", Parsed{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := NewParser("algesta", grammarBooks()).Parse(tc.text)
			if tc.want.Runbook == "" {
				require.ErrorIs(t, err, algesta.ErrUsage)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestParseReadsTheExampleOfEveryRunbook(t *testing.T) {
	t.Parallel()
	for _, b := range runbooks.All() {
		got, err := parse(b.Example)
		require.NoError(t, err, b.Example)
		require.Equal(t, b.Name, got.Runbook, b.Example)
		for _, alias := range b.Aliases {
			got, err := parse(alias + strings.TrimPrefix(b.Example, b.Name))
			require.NoError(t, err, alias)
			require.Equal(t, b.Name, got.Runbook, alias)
		}
	}
}

func ExampleParser_Parse() {
	p, err := parse("Rollout undo deployment/api-gateway -n production —to-revision=41")
	fmt.Println(p.Runbook, p.Service, p.Environment, p.Args["to-revision"], err)
	_, err = parse("rolback api-gateway production")
	fmt.Println(err)
	// Output:
	// rollback api-gateway production 41 <nil>
	// I don't know the command "rolback". Did you mean rollback?: probably meant rollback api-gateway production
}
