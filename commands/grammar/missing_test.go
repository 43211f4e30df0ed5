package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

func TestACommandInAThreadMeansWhatTheThreadIsAbout(t *testing.T) {
	t.Parallel()
	gateway := Subject{Service: "api-gateway", Environment: "production"}
	implied := func(runbook string, args algesta.Args) Parsed {
		return Parsed{Runbook: runbook, Service: "api-gateway", Environment: "production", Args: args, Implied: true}
	}
	because := func(p Parsed, reason string) Parsed { p.Reason = reason; return p }
	for text, want := range map[string]Parsed{
		"undo":                          implied("undo", nil),
		"why":                           implied("diagnose", nil),
		"logs":                          implied("logs", nil),
		"logs --previous --tail 20":     implied("logs", algesta.Args{"previous": true, "tail": int64(20)}),
		"pods":                          implied("pods", nil),
		"registros":                     implied("logs", nil),
		"scale 6":                       implied("scale", algesta.Args{"replicas": int64(6)}),
		"scale replicas 6":              implied("scale", algesta.Args{"replicas": int64(6)}),
		"deploy 12346":                  implied("deploy", algesta.Args{"image": "12346"}),
		"deploy v1.2.3":                 implied("deploy", algesta.Args{"image": "v1.2.3"}),
		"deploy registry.io/x/api:12":   implied("deploy", algesta.Args{"image": "registry.io/x/api:12"}),
		"rollback 41":                   implied("rollback", algesta.Args{"to-revision": int64(41)}),
		"restart because it hangs":      because(implied("restart", nil), "it hangs"),
		"logs -n production":            implied("logs", nil),
		"logs payments":                 {Runbook: "logs", Service: "payments"},
		"logs payments staging":         {Runbook: "logs", Service: "payments", Environment: "staging"},
		"status api-gateway-production": {Runbook: "status", Service: "api-gateway-production"},
		"diagnose pod/x-1":              {Runbook: "diagnose", Object: "pod/x-1", Environment: ""},
		"quota":                         {Runbook: "quota", Environment: "production"},
		"whoami":                        {Runbook: "whoami"},
	} {
		got, err := NewParser("algesta", runbooks.All()).In(gateway).Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, says := range map[string]string{
		"logs -n staging": "Which service in staging do you mean?", // another environment is named: nobody guesses which service there
		"scale":           "scale needs replicas: how many pods to run.",
		"deploy":          "deploy needs image: the tag to run, or the whole image.",
	} {
		_, err := NewParser("algesta", runbooks.All()).In(gateway).Parse(text)
		require.ErrorContains(t, err, says, text)
		lacking, ok := AsMissing(err)
		require.True(t, ok, text)
		require.NotEmpty(t, lacking.Runbook)
	}
}

func TestAThreadAboutAnObjectLendsItToCommandsThatTakeOne(t *testing.T) {
	t.Parallel()
	in := func(s Subject, text string) (Parsed, error) {
		return NewParser("algesta", runbooks.All()).In(s).Parse(text)
	}
	got, err := in(Subject{Object: "pod/x-1", Environment: "production"}, "why")
	require.NoError(t, err)
	require.Equal(t, Parsed{Runbook: "diagnose", Object: "pod/x-1", Environment: "production", Implied: true}, got)
	_, err = in(Subject{Object: "pod/x-1", Environment: "production"}, "undo")
	require.ErrorContains(t, err, "Which service in production do you mean?")
	got, err = in(Subject{Object: "namespace", Environment: "production"}, "why")
	require.NoError(t, err)
	require.Equal(t, Parsed{Runbook: "diagnose", Environment: "production"}, got)
	_, err = in(Subject{}, "logs")
	require.ErrorContains(t, err, "Which service do you mean?", "a thread that isn't clear lends nothing")
}
