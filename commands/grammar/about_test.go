package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// aboutBooks are runbooks about everything that a runbook may declare.
func aboutBooks() []runbooks.Runbook {
	return []runbooks.Runbook{
		{Name: "restart", About: runbooks.About{Service: true}},
		{Name: "diagnose", About: runbooks.About{Service: true, Environment: true, Kinds: []string{"Pod", "Node"}}},
		{Name: "quota", About: runbooks.About{Environment: true}},
		{Name: "hpa", About: runbooks.About{Environment: true, Kinds: []string{"HorizontalPodAutoscaler"}}},
		{Name: "renew", About: runbooks.About{Kinds: []string{"Certificate"}}},
		{Name: "inspect", About: runbooks.About{Kinds: []string{"Pod", "Node"}}},
		{Name: "probe", About: runbooks.About{Host: true}},
		{Name: "resolve", About: runbooks.About{Host: true, Environment: true}},
		{Name: "check", About: runbooks.About{Host: true, Kinds: []string{"Certificate"}}},
		{Name: "standup"},
		{
			Name: "audit",
			Args: []runbooks.Arg{{Name: "since", Kind: runbooks.TextArg, Bare: true}},
		},
	}
}

func TestTheGrammarFollowsWhatACommandIsAbout(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Parsed{
		"restart api prod":            {Runbook: "restart", Service: "api", Environment: "prod"},
		"diagnose prod":               {Runbook: "diagnose", Service: "prod"}, // or a service: the catalogue knows
		"diagnose -n prod":            {Runbook: "diagnose", Environment: "prod"},
		"diagnose in prod":            {Runbook: "diagnose", Environment: "prod"},
		"quota prod":                  {Runbook: "quota", Environment: "prod"},
		"quota namespace prod":        {Runbook: "quota", Object: "namespace", Environment: "prod"},
		"quota -n monitoring":         {Runbook: "quota", Environment: "monitoring"},
		"hpa prod":                    {Runbook: "hpa", Environment: "prod"},
		"hpa shop prod":               {Runbook: "hpa", Object: "horizontalpodautoscaler/shop", Environment: "prod"},
		"hpa shop -n prod":            {Runbook: "hpa", Object: "horizontalpodautoscaler/shop", Environment: "prod"},
		"hpa hpa/shop prod":           {Runbook: "hpa", Object: "horizontalpodautoscaler/shop", Environment: "prod"},
		"renew shop-tls prod":         {Runbook: "renew", Object: "certificate/shop-tls", Environment: "prod"},
		"renew cert/shop-tls -n prod": {Runbook: "renew", Object: "certificate/shop-tls", Environment: "prod"},
		"renew shop-tls":              {Runbook: "renew", Object: "certificate/shop-tls"},
		"inspect node/n-0 prod":       {Runbook: "inspect", Object: "node/n-0", Environment: "prod"},
		"inspect pod x prod":          {Runbook: "inspect", Object: "pod/x", Environment: "prod"},
		"probe api.example.com":       {Runbook: "probe", Object: "host/api.example.com"},
		"probe <http://API.example.com|API.example.com>": {Runbook: "probe", Object: "host/api.example.com"},
		"probe localhost":              {Runbook: "probe", Object: "host/localhost"},
		"resolve api.example.com":      {Runbook: "resolve", Object: "host/api.example.com"},
		"resolve api.example.com prod": {Runbook: "resolve", Object: "host/api.example.com", Environment: "prod"},
		"check api.example.com prod":   {Runbook: "check", Object: "host/api.example.com", Environment: "prod"},
		"check shop-tls prod":          {Runbook: "check", Object: "certificate/shop-tls", Environment: "prod"},
		"standup":                      {Runbook: "standup"},
		"audit":                        {Runbook: "audit"},
		"audit 2h":                     {Runbook: "audit", Args: algesta.Args{"since": "2h"}},
		"can-i hpa shop prod": {
			Runbook: "can-i", Object: "horizontalpodautoscaler/shop", Environment: "prod", Args: algesta.Args{"verb": "hpa"},
		},
		"can-i standup": {Runbook: "can-i", Args: algesta.Args{"verb": "standup"}},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := NewParser("algesta", aboutBooks()).Parse(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestWhatACommandIsNotAboutIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"restart":             {"Which service do you mean?", "restart <service> <environment>"},
		"restart node/x prod": {"restart works on services, not on node/x.", "restart <service> <environment>"},
		"diagnose hpa/shop prod": {
			"diagnose works on services, pods, nodes or environments, not on horizontalpodautoscaler/shop.", "diagnose <service> <environment>",
		},
		"quota":                       {"Which environment do you mean?", "quota <environment>"},
		"quota api prod":              {`I don't know what "prod" means here.`, "quota api"},
		"quota pod/x prod":            {"quota works on environments, not on pod/x.", "quota <environment>"},
		"quota deployment/api prod":   {"quota works on environments, not on deployment/api.", "quota <environment>"},
		"hpa":                         {"Which environment do you mean?", "hpa <environment>"},
		"renew":                       {"Which certificate do you mean?", "renew <certificate> <environment>"},
		"renew -n prod":               {"Which certificate in prod do you mean?", "renew <certificate> prod"},
		"renew secret/shop-tls prod":  {"renew works on certificates, not on secret/shop-tls.", "renew <certificate> <environment>"},
		"inspect":                     {"Which object do you mean?", "inspect <kind>/<name> <environment>"},
		"inspect x prod":              {"Which object do you mean?", "inspect <kind>/<name> prod"},
		"probe":                       {"Which host do you mean?", "probe <host>"},
		"probe pod/x":                 {"probe works on hosts, not on pod/x.", "probe <host>"},
		"probe a.example.com prod":    {`I don't know what "prod" means here.`, "probe a.example.com"},
		"probe a.example.com -n prod": {"probe doesn't belong to an environment: leave out prod.", "probe a.example.com"},
		"standup production":          {`I don't know what "production" means here.`, "standup"},
		"standup -n production":       {"standup doesn't belong to an environment: leave out production.", "standup"},
		"standup pod/x":               {"standup takes nothing more: leave out pod/x.", "standup"},
		"audit 2h 3h":                 {`I don't know what "3h" means here.`, "audit since=2h"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := NewParser("algesta", aboutBooks()).Parse(text)
			var usage *algesta.Error
			require.ErrorAs(t, err, &usage)
			require.Equal(t, want[0], usage.Message.String())
			require.Equal(t, "/algesta "+want[1], usage.Hint.String())
		})
	}
}

// One table of kinds serves the grammar and the diagnosis: what `bot diagnose` takes is not refused in chat.
func TestWhatCanBeDiagnosedCanBeTyped(t *testing.T) {
	t.Parallel()
	book, ok := runbooks.Find("diagnose")
	require.True(t, ok)
	for _, kind := range algesta.Kinds() {
		if !book.About.Takes(kind.Name) {
			require.Equal(t, "Event", kind.Name, "only an event is no subject of a diagnosis")
			continue
		}
		for _, word := range append([]string{kind.Name, kind.Resource}, kind.Short...) {
			_, err := parse("diagnose " + word + "/shop production")
			if kind.Name == "Namespace" { // that is an environment, too
				_, err = parse("diagnose " + word + "/production production")
			}
			require.NoError(t, err, word)
		}
	}
}

// TestWhatNamesAThingIsNotAboutEverything names a service, or an environment, to a command that may be about everything.
func TestWhatNamesAThingIsNotAboutEverything(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", runbooks.All())
	for text, everywhere := range map[string]bool{
		"audit": true, "audit production": false, "audit api-gateway production": false, "nodes": true,
	} {
		parsed, err := p.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, everywhere, parsed.Everywhere, text)
	}
}
