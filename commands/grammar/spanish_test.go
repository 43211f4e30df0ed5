package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

func TestSpanishWordsStandForCommands(t *testing.T) {
	t.Parallel()
	on := func(runbook string, args algesta.Args) Parsed {
		return Parsed{Runbook: runbook, Service: "api-gateway", Environment: "produccion", Args: args}
	}
	for text, want := range map[string]Parsed{
		"estado api-gateway producción":                  on("status", nil),
		"ESTADO de api-gateway en Producción":            {Runbook: "status", Service: "api-gateway", Environment: "Produccion"},
		"revertir api-gateway producción":                on("rollback", nil),
		"revertir api-gateway en producción a 41":        on("rollback", algesta.Args{"to-revision": int64(41)}),
		"reinicia el servicio api-gateway en producción": on("restart", nil),
		"escalar api-gateway a 6 en producción":          on("scale", algesta.Args{"replicas": int64(6)}),
		"escalar api-gateway producción réplicas=6":      on("scale", algesta.Args{"replicas": int64(6)}),
		"desplegar api-gateway producción 12346":         on("deploy", algesta.Args{"image": "12346"}),
		"registros de api-gateway en producción":         on("logs", nil),
		"registros api-gateway --entorno=producción":     on("logs", nil),
		"diagnosticar api-gateway producción":            on("diagnose", nil),
		"¿por qué api-gateway producción?":               on("diagnose", nil),
		"deshacer api-gateway producción":                on("undo", nil),
		"reiniciar api-gateway producción porque está colgado": {
			Runbook: "restart", Service: "api-gateway", Environment: "produccion", Reason: "está colgado",
		},
		"revertir api-gateway producción por favor":  {Runbook: "rollback", Service: "api-gateway", Environment: "produccion"},
		"por favor revertir api-gateway producción.": {Runbook: "rollback", Service: "api-gateway", Environment: "produccion"},
		"Por favor, estado api-gateway producción":   on("status", nil),
		"ayuda":          {Runbook: "help"},
		"ayuda revertir": {Runbook: "help", Args: algesta.Args{"about": "rollback"}},
		"escalar ayuda":  {Runbook: "scale", Help: true},
		"quién soy":      {Runbook: "whoami"},
		"¿quién puede reiniciar api-gateway en producción?": {
			Runbook: "can-i", Service: "api-gateway", Environment: "produccion", Args: algesta.Args{"verb": "restart"},
		},
		"puedo reiniciar": {Runbook: "can-i", Args: algesta.Args{"verb": "restart"}},
	} {
		got, err := parse(text)
		if want.Runbook == "can-i" && want.Service == "" {
			require.ErrorContains(t, err, "Which service do you mean?", text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

// A word of Spanish between the names is one only in a Spanish command: elsewhere it may be a service.
func TestSpanishFillersAreNamesInEnglishCommands(t *testing.T) {
	t.Parallel()
	got, err := parse("status de production")
	require.NoError(t, err)
	require.Equal(t, Parsed{Runbook: "status", Service: "de", Environment: "production"}, got)
}

// The words are read without accents, in lower case, and none of them is a command's own name.
func TestSpanishWordsAreAsTheyAreLookedUp(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", runbooks.All())
	for name, all := range spanish {
		require.NotEmpty(t, all, name)
		for _, w := range all {
			words, err := split(w)
			require.NoError(t, err)
			require.Equal(t, w, joined(words), "as it is typed")
			if p.verbs[name] == name {
				require.Equal(t, name, p.verbs[w], w)
			}
		}
	}
	require.Empty(t, Spanish("pods"))
}
