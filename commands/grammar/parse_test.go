package grammar

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

func TestParseExplainsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	const (
		rollback  = "/algesta rollback api-gateway production"
		noService = "/algesta rollback <service> production"
		number    = "/algesta scale api-gateway production replicas=<number>"
		known     = "I know status, pods, rollback, scale, deploy, restart, diagnose, undo, whoami, can-i and help. /algesta help tells more."
		image     = "/algesta deploy api-gateway production image=<image>"
	)
	for name, tc := range map[string]struct{ text, message, hint string }{
		"a misspelt verb": {
			"rolback api-gateway production", `I don't know the command "rolback". Did you mean rollback?`, rollback,
		},
		"an undo to a revision": {
			"undo api-gateway production 41", "undo takes back my last change as a whole. rollback goes to a revision or a version.",
			"/algesta rollback api-gateway production 41",
		},
		"a misspelt second word": {
			"rollout undu api-gateway production", `I don't know the command "rollout undu". Did you mean rollout undo?`,
			"/algesta rollout undo api-gateway production",
		},
		"an unknown verb": {
			"fly api-gateway",
			`I don't know the command "fly". I know status, pods, rollback, scale, deploy, restart, diagnose, undo, whoami, can-i and help.`,
			"/algesta help",
		},
		"an unknown verb after help": {"help scail", `I don't know the command "scail". Did you mean scale?`, "/algesta help scale"},
		"an unknown verb after can-i": {
			"can-i scail api production", `I don't know the command "scail". Did you mean scale?`, "/algesta can-i scale api production",
		},
		"can-i without a verb": {"can-i", "Which command do you mean?", "/algesta can-i <command> <service> <environment>"},
		"can-i whoami":         {"can-i whoami", "Everybody may use whoami.", "/algesta whoami"},
		"no service":           {"rollback", "Which service do you mean?", "/algesta rollback <service> <environment>"},
		"no service but an environment": {
			"rollback -n production", "Which service in production do you mean?", "/algesta rollback <service> production",
		},
		"two environments": {
			"rollback api-gateway production -n pruebas", "Which environment do you mean, pruebas or production?",
			"/algesta rollback api-gateway <environment>",
		},
		"two services": {
			"rollback deployment/api deployment/web production", "One thing at a time: I read api and deployment/web.",
			"/algesta rollback api <environment>",
		},
		"a missing required argument": {"scale api-gateway production", "scale needs replicas: how many pods to run.", number},
		"a number that is none": {
			"scale api-gateway production replicas=six", `replicas must be a number from 0 to 50, not "six".`, number,
		},
		"a number too large": {"scale api-gateway production 600", `replicas must be a number from 0 to 50, not "600".`, number},
		"a number below zero": {
			"scale api-gateway production --replicas=-1", `replicas must be a number from 0 to 50, not "-1".`, number,
		},
		"a relative number": {"scale api-gateway production +2", `replicas must be a number from 0 to 50, not "+2".`, number},
		"revision zero": {
			"rollback api-gateway production --to-revision=0", `to-revision must be a number of 1 or more, not "0".`, rollback,
		},
		"a number beyond every computer": {
			"rollback api-gateway production 99999999999999999999", `to-revision must be a number of 1 or more, not "99999999999999999999".`,
			rollback,
		},
		"a misspelt option": {
			"rollback api-gateway production --to-revison=41", "rollback has no option --to-revison. Did you mean --to-revision?",
			"/algesta rollback api-gateway production --to-revision=41",
		},
		"a misspelt name": {
			"rollback api-gateway production revison=41", "rollback has no option revison. Did you mean revision?",
			"/algesta rollback api-gateway production revision=41",
		},
		"an unknown option": {
			"rollback api-gateway production --force", "rollback has no option --force. It knows namespace, reason, revision and to-revision.",
			rollback,
		},
		"an option without a value": {"rollback api-gateway production --to-revision", "--to-revision needs a value.", rollback},
		"an empty value":            {"scale api-gateway production replicas=", "replicas needs a value.", number},
		"an argument twice": {
			"scale api-gateway production 6 replicas=7", `I don't know what "6" means here.`, "/algesta scale api-gateway production replicas=7",
		},
		"an option twice": {
			"scale api-gateway production replicas=7 --replicas=8", "replicas is given twice.", "/algesta scale api-gateway production replicas=7",
		},
		"a word too many": {
			"restart api-gateway production now", `I don't know what "now" means here.`, "/algesta restart api-gateway production",
		},
		"a person as the service": {
			"rollback <@U0DANA|dana> production", "@dana is a person or a group. Type the name of a service instead.", noService,
		},
		"a person without a label": {
			"rollback <@U0DANA> production", "@U0DANA is a person or a group. Type the name of a service instead.", noService,
		},
		"a group as the service": {
			"rollback <!subteam^S0PLATFORM|@platform> production", "@platform is a person or a group. Type the name of a service instead.",
			noService,
		},
		"everybody here": {
			"rollback <!here> production", "@here is a person or a group. Type the name of a service instead.", noService,
		},
		"a channel as the service": {
			"rollback <#C0OPS|ops> production", "#ops is a channel. Type the name of a service instead.", noService,
		},
		"a link as the service": {
			"rollback <https://example.com/api> production", "https://example.com/api is a link. Type the plain name instead.", noService,
		},
		"a link as the image": {
			"deploy api-gateway production <https://example.com/api:1>", "https://example.com/api:1 is a link. Type the plain name instead.", image,
		},
		"an address as the service": {
			"rollback <mailto:dana@example.com|dana@example.com> production", `"dana@example.com" can't be the name of a service or an environment.`,
			noService,
		},
		"a placeholder from the help": {
			"rollback &lt;service&gt; production", `"<service>" can't be the name of a service or an environment.`, noService,
		},
		"an open quote": {`rollback api-gateway production --reason "it broke`, "A quote is opened and not closed.", ""},
		"a pod where only services go": {
			"rollback pod/api-gateway-x production", "rollback works on services, not on pod/api-gateway-x.",
			"/algesta rollback <service> <environment>",
		},
		"a statefulset": {
			"restart statefulset/db production", "restart works on services, not on statefulset/db.", "/algesta restart <service> <environment>",
		},
		"a switch that is neither": {
			"deploy api-gateway production 1 --allow-other-repository=maybe", `allow-other-repository is yes or no, not "maybe".`, image,
		},
		"a path as the service": {
			"rollback ../../etc/passwd production", `"../../etc/passwd" can't be the name of a service or an environment.`, noService,
		},
		"a very long word": {
			"rollback " + strings.Repeat("x", 300) + " production",
			`"` + strings.Repeat("x", 40) + `…" can't be the name of a service or an environment.`, noService,
		},
		"a typo keeps the person's words": {
			"rolback ms-orders dev", `I don't know the command "rolback". Did you mean rollback?`, "/algesta rollback ms-orders dev",
		},
		"a typo and nothing else": {
			"rolback", `I don't know the command "rolback". Did you mean rollback?`, "/algesta rollback <service> <environment>",
		},
		"two typos": {
			`rolback ms-orders dev --to-revison 4 --reason "a b"`, `I don't know the command "rolback". Did you mean rollback?`,
			"/algesta rollback ms-orders dev --to-revision 4 --reason \"a b\"",
		},
		"a typo, and a value is missing": {
			"scail ms-orders dev", `I don't know the command "scail". Did you mean scale?`, "/algesta scale ms-orders dev replicas=<number>",
		},
		"an option whose value follows": {
			"scale ms-orders --replica 3 -n dev", "scale has no option --replica. Did you mean --replicas?",
			"/algesta scale ms-orders --replicas 3 -n dev",
		},
		"a list from kubectl": {
			"kubectl get deployments -n production", "I can't list deployments yet.", "/algesta diagnose production looks at everything there.",
		},
		"a list by its short name": {
			"kubectl get hpa -n production", "I can't list autoscalers yet.", "/algesta diagnose production looks at everything there.",
		},
		"a list of nothing that runs": {
			"status nodes production", "I can't list nodes yet.", "/algesta diagnose production looks at everything there.",
		},
		"a named object that is in no list": {
			"kubectl get endpoints x -n production", "I can't list endpoints yet.", "/algesta diagnose production looks at everything there.",
		},
		"an object of another command": {
			"kubectl get node n-1 -n production", "status works on services, not on node/n-1.", "/algesta diagnose node/n-1 production",
		},
		"an argument that is set": {
			"set replicas ms-orders 4 dev", `I don't know the command "set replicas". Did you mean scale?`, "/algesta scale ms-orders 4 dev",
		},
		"a verb in two words": {
			"roll back api-gateway production", `I don't know the command "roll back". Did you mean rollback?`,
			"/algesta rollback api-gateway production",
		},
		"an approval that is typed": {
			"approve c-0", "Approving is done with the button in the thread of the request, never by typing.",
			"Type its ID, and I link its thread: /algesta c-…",
		},
		"a list of pods": {
			"status pods -n production", "status doesn't list pods.", "/algesta pods production",
		},
		"what is not built":               {"describe pod x -n production", "I can't describe objects yet.", known},
		"what is not built, in two words": {"rollout pause deployment/api -n production", "I can't pause rollouts yet.", known},
		"another tool":                    {"helm upgrade api", "I don't run helm.", known},
		"too much text": {
			strings.Repeat("rollback ", 1200), "That is too long for a command: I read up to 2,000 characters.", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewParser("algesta", grammarBooks()).Parse(tc.text)
			var usage *algesta.Error
			require.ErrorAs(t, err, &usage)
			require.Equal(t, tc.message, usage.Message.String())
			require.Equal(t, tc.hint, usage.Hint.String())
			require.ErrorIs(t, err, algesta.ErrUsage)
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

func TestParseIsQuickWithTenKilobytes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("<", 10_000), strings.Repeat("\"a ", 3400), strings.Repeat("rollback ", 1200), strings.Repeat("—", 3400),
	} {
		begin := time.Now()
		_, err := parse(text)
		require.ErrorIs(t, err, algesta.ErrUsage)
		require.Less(t, time.Since(begin), 100*time.Millisecond)
	}
}

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

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"rollback api-gateway production --to-revision=41", "scale <@U1|x> 6 to prod", "deploy a b c=d:e —reason “x", "can-i help",
		"<!subteam^S1|@p>",
		"rollback\u00a0x", "because", "in in in", "to to to", "--", "=", "\"\"", "a/b/c", "help ?", "-n", strings.Repeat("y", 2001), "\xff\xfe",
		"pod/ x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { mustBeSound(t, text) })
}

// mustBeSound parses and checks what holds for every text: a bounded sentence or a bounded command.
func mustBeSound(t require.TestingT, text string) {
	got, err := NewParser("algesta", grammarBooks()).Parse(text)
	if err != nil {
		var usage *algesta.Error
		require.ErrorAs(t, err, &usage, text)
		require.NotEmpty(t, usage.Message, text)
		require.LessOrEqual(t, utf8.RuneCountInString(usage.Message.String()+usage.Hint.String()), 500, text)
		return
	}
	require.NotEmpty(t, got.Runbook, text)
	require.LessOrEqual(t, len(got.Service), longestName, text)
	require.LessOrEqual(t, len(got.Environment), longestName, text)
	require.LessOrEqual(t, utf8.RuneCountInString(got.Reason), maxText, text)
	for name, v := range got.Args {
		switch v := v.(type) {
		case int64, bool:
		case string:
			require.LessOrEqual(t, len(v), longestValue, text)
		default:
			require.Fail(t, "an argument of another type", "%s is %T in %q", name, v, text)
		}
	}
}

// Sentences made of the pieces that the grammar looks at.
func TestParseIsSoundWhateverIsTyped(t *testing.T) {
	t.Parallel()
	pieces := rapid.SampledFrom([]string{
		"rollback",
		"rollout",
		"undo",
		"set",
		"image",
		"scale",
		"deploy",
		"diagnose",
		"help",
		"can-i",
		"who",
		"am",
		"i",
		"?",
		"kubectl",
		"/algesta",
		"api-gateway",
		"production",
		"pod/x",
		"node",
		"deployment",
		"deploy/x",
		"ns",
		"/",
		"a/b/c",
		"in",
		"to",
		"because",
		"41",
		"-1",
		"+2",
		"1:2",
		"x=y:z",
		"--to-revision=3",
		"--to-revision",
		"-n",
		"—reason",
		"--",
		"-",
		"=",
		"=x",
		"x=",
		"replicas=6",
		"replicas",
		"-c",
		"-h",
		"--help",
		"--allow-other-repository",
		"\"a b\"",
		"'",
		"\"",
		"“",
		"<@U1|carla>",
		"<#C1>",
		"<!here>",
		"<http://a|b>",
		"<",
		"&lt;",
		"\u00a0",
		"\u200b",
		"…",
		".",
		"`x`",
		"\xff",
		strings.Repeat("y", 300),
	})
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(pieces, 0, 12).Draw(t, "words")
		mustBeSound(t, strings.Join(words, rapid.SampledFrom([]string{" ", " ", " ", "", "\u00a0"}).Draw(t, "between")))
	})
}

func BenchmarkParse(b *testing.B) {
	p := NewParser("algesta", grammarBooks())
	for b.Loop() {
		if _, err := p.Parse("rollback api-gateway production —to-revision=41 —reason “logins fail”"); err != nil {
			b.Fatal(err)
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

// filledIn is a form with something in each of its places.
func filledIn(form string) string {
	form = strings.NewReplacer("<kind>/<name>", "pod/web-1", "<number>", "3", "<environment>", "dev").Replace(form)
	return regexp.MustCompile("<[a-z]+>").ReplaceAllString(form, "web")
}
