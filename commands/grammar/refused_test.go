package grammar

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// TestWhatAChatMustNotDoNamesWhatToDoInstead reads the lines of people's manuals that no command may do as they are.
func TestWhatAChatMustNotDoNamesWhatToDoInstead(t *testing.T) {
	t.Parallel()
	const (
		noValues  = "I don't show what a Secret holds, in any format: a channel keeps it for everyone who ever joins."
		elsewhere = "If you may read it, look in the Key Vault or use kubectl on your own machine. To see whether it's there, " +
			"its keys and who uses it: /algesta secrets mongodb-credentials production"
		noShell = "I don't open shells or run programs in pods: nobody approves what is typed there, and no plan shows what it does."
		noAzure = "I don't run az: I have no permissions in Azure, only in the cluster."
	)
	for text, want := range map[string][2]string{
		"kubectl get secret mongodb-credentials -n production -o yaml":                               {noValues, elsewhere},
		"kubectl get secret mongodb-credentials -n production -o jsonpath='{.data.uri}'":             {noValues, elsewhere},
		"kubectl get secret mongodb-credentials -n production -o jsonpath='{.data.uri}' | base64 -d": {noValues, elsewhere},
		"kubectl -n production get secret mongodb-credentials --output=json":                         {noValues, elsewhere},
		"kubectl get secret/mongodb-credentials -n production -o go-template='{{.data.uri}}'":        {noValues, elsewhere},
		"kubectl get secrets -n production -o yaml": {
			noValues,
			"If you may read it, look in the Key Vault or use kubectl on your own machine.",
		},
		"create secret generic mongodb-credentials -n production": {
			"I don't create or change Secrets: what they hold doesn't belong in a chat.",
			"Put the value into the Key Vault, or create the Secret with kubectl on your own machine. To check that it's there: " +
				"/algesta secrets mongodb-credentials production",
		},
		"kubectl create secret generic jwt-credentials --from-literal=secret=x -n production": {
			"I don't create or change Secrets: what they hold doesn't belong in a chat. If this message had a real value in it, " +
				"treat it as leaked and change it.",
			"Put the value into the Key Vault, or create the Secret with kubectl on your own machine. To check that it's there: " +
				"/algesta secrets jwt-credentials production",
		},
		"az aks enable-addons --addons azure-keyvault-secrets-provider": {
			noAzure, "The cluster's operators change its add-ons, preferably where it's defined as code. To see whether the Key " +
				"Vault driver is there and what it mounts: /algesta keyvault production",
		},
		"az role assignment create --role AcrPull": {
			noAzure, "The subscription's owners assign roles. To see whether image pulls fail because one is missing: /algesta " +
				"diagnose production",
		},
		"az aks check-acr --name aks-algesta-production": {
			noAzure, "To see whether images can be pulled and what the registry says: /algesta diagnose production",
		},
		"kubectl apply -f -": {
			"I don't apply manifests: a chat can't show the diff of a file, and teams that deploy manifests have a pipeline for that.",
			"Change the manifest where it's kept, or use the command for the one thing that should change: /algesta deploy, /algesta scale, " +
				"/algesta restart or /algesta rollback. A new namespace with its quota: /algesta namespace create <namespace> " +
				"environment=<environment> team=<team>",
		},
		"kubectl label namespace development environment=dev team=backend": {
			"I don't change the labels of namespaces: policies, quotas and network rules depend on them.",
			"Change them where the namespace is defined, or with kubectl yourself. A new namespace with its labels: /algesta namespace create " +
				"development environment=<environment> team=<team>",
		},
		"kubectl config view --minify | grep namespace:": {
			"I don't use your kubeconfig: the environment is part of the command and comes last.", "For example: /algesta pods production",
		},
		"kubectl config set-context --current --namespace=dev": {
			"I don't use your kubeconfig: the environment is part of the command and comes last.", "For example: /algesta pods dev",
		},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := parse(text)
			require.ErrorIs(t, err, algesta.ErrRefused)
			var known *algesta.Error
			require.ErrorAs(t, err, &known)
			require.Equal(t, want[0], known.Message.String())
			require.Equal(t, want[1], known.Hint.String())
		})
	}
	for _, text := range []string{
		"curl -H 'Authorization: Bearer x' " +
			"https://api.example.com", "curl -u me:pw https://api.example.com", "curl -XPOST -d x=1 https://api.example.com",
		"curl --data @f https://api.example.com", "curl -X DELETE https://api.example.com", "curl --request=PUT https://api.example.com",
	} {
		_, err := parse(text)
		require.ErrorIs(t, err, algesta.ErrRefused, text)
		require.ErrorContains(t, err, "I only look", text)
	}
	for _, text := range []string{
		"curl https://me:pw@api.example.com", "curl file:///etc/passwd", "curl", "curl http://localhost:8080/x", "nslookup",
	} {
		_, err := parse(text)
		require.ErrorIs(t, err, algesta.ErrRefused, text)
	}
	for _, text := range []string{
		"kubectl exec -it api-gateway-production-76794f4cdb-f6plm -n production -- /bin/sh", "kubectl exec -it x -n production -- bash -c env",
		"kubectl attach x -n production", "kubectl debug x -n production -it --image=busybox", "kubectl exec -n production x -- rm -rf /data",
	} {
		_, err := parse(text)
		require.ErrorIs(t, err, algesta.ErrRefused, text)
		require.ErrorContains(t, err, noShell, text)
	}
}

func TestPastedLooksAtSecretsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Parsed{
		"kubectl get secrets -n production": {Runbook: "secrets", Environment: "production"},
		"kubectl get secret mongodb-credentials -n " +
			"production": {Runbook: "secrets", Object: "secret/mongodb-credentials", Environment: "production"},
		"kubectl describe secret mongodb-credentials -n " +
			"production": {Runbook: "secrets", Object: "secret/mongodb-credentials", Environment: "production"},
		"kubectl get secrets -n production | grep mongo":                             {Runbook: "secrets", Environment: "production"},
		"kubectl get secretproviderclasspodstatus -n production":                     {Runbook: "keyvault", Environment: "production"},
		"diagnose secretproviderclass/azure-keyvault-provider production":            {Runbook: "keyvault", Environment: "production"},
		"kubectl describe secretproviderclass azure-keyvault-provider -n production": {Runbook: "keyvault", Environment: "production"},
		"kubectl get secretproviderclasspodstatus -n production -o yaml":             {Runbook: "keyvault", Environment: "production"},
		"keyvault production": {Runbook: "keyvault", Environment: "production"},
		"kubectl get secret algesta-api-prod-tls -n production -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -enddate": {
			Runbook: "cert check", Object: "certificate/algesta-api-prod-tls", Environment: "production",
		},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := parse(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestParseExplainsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	const (
		rollback  = "/algesta rollback api-gateway production"
		noService = "/algesta rollback <service> production"
		number    = "/algesta scale api-gateway production replicas=<number>"
		known     = "/algesta help lists what I can do."
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
			`I don't know the command "fly".`, "/algesta help lists what I know.",
		},
		"an unknown verb before a very long text": {
			"who " + strings.Repeat("y", 1500), `I don't know the command "who". Did you mean whoami?`, "/algesta whoami",
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
			"rollback api-gateway production 99999999999999999999", "to-revision can't be as large as 99999999999999999999.",
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
		"an open quote": {`rollback api-gateway production --reason "it broke`, "A quote is opened but not closed.", ""},
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
		"what is not built": {"describe pod x -n production", "I can't describe objects yet.", known},
		"what is not built, in two words": {
			"set resources deployment/api -n production", "I can't change resources yet.",
			"Change the manifest where it's kept, or use the command for the one thing that should change: /algesta deploy, " +
				"/algesta scale, /algesta restart or /algesta rollback.",
		},
		"another tool": {"helm upgrade api", "I don't run helm.", known},
		"too much text": {
			strings.Repeat("rollback ", 1200), "That's too long for a command: the limit is 2,000 characters.", "",
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

// A question isn't an order: a change with a question mark is its help, also where a conversation says what it's about.
func TestAQuestionRunsNothing(t *testing.T) {
	t.Parallel()
	in := NewParser("algesta", runbooks.All()).In(Subject{Service: "api", Environment: "production"})
	for text, runbook := range map[string]string{
		"undo?": "undo", "rollback?": "rollback", "restart ?": "restart", "restart api production?": "restart", "hpa pin api production " +
			"3?": "hpa pin",
		"undo?!": "undo", "undo? please": "undo", "undo? 🤔": "undo", "undo? :thinking_face:": "undo", "undo ❓": "undo",
		"restart?.": "restart", "scale 6?!": "scale", "restart api production? thanks": "restart", "restart api production?? gracias": "restart",
		"¿undo？": "undo", "undo ? please": "undo",
	} {
		got, err := in.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, Parsed{Runbook: runbook, Help: true}, got, text)
	}
	for _, text := range []string{"restart api production? because it hangs", "restart? api production", "undo?🤔", "undo❓"} {
		got, err := in.Parse(text)
		require.True(t, err != nil || got.Help, text)
	}
	got, err := in.Parse("status?")
	require.NoError(t, err)
	require.False(t, got.Help, "a look is an answer")
	got, err = in.Parse("restart api production because why not?")
	require.NoError(t, err)
	require.Equal(t, Parsed{Runbook: "restart", Service: "api", Environment: "production", Reason: "why not"}, got)
}

// What only the bot's own buttons say of a command, such as what an Undo takes back, nobody types: a change would call itself the undo of
// something else.
func TestWhatOnlyButtonsSayIsNotTyped(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, b := range runbooks.All() {
		for _, a := range b.Args {
			if !a.Own {
				continue
			}
			for _, typed := range []string{" " + a.Name + "=c-1", " --" + a.Name + "=c-1", " --" + a.Name + " c-1"} {
				tried++
				got, err := parse(b.Example + typed)
				require.ErrorIs(t, err, algesta.ErrUsage, "%s: %v", b.Example+typed, got)
			}
			_, err := NewParser("algesta", runbooks.All()).Value(b.Name, a.Name, "c-1")
			require.Error(t, err, "%s in a form", b.Name)
		}
	}
	require.Greater(t, tried, 15)
}
