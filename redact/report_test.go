package redact_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

func TestAReportAndAPlanAreRedactedAndOtherwiseTheSame(t *testing.T) {
	t.Parallel()
	const value = "kestrel over a quiet field"
	text := algesta.Say("it says {}", algesta.Name(value))
	report := algesta.Report{
		Tone: algesta.Bad, Title: text, Push: text, Small: text,
		Body: []algesta.Block{
			{Text: text},
			{List: []algesta.Text{text}},
			{Fields: []algesta.Field{{Label: value, Value: text}}},
			{Table: &algesta.Table{Head: []string{value}, Rows: [][]algesta.Text{{text}}}},
			{Pre: value},
			{Bar: &algesta.Bar{Done: 1, Of: 2}},
		},
		Buttons: []algesta.Button{
			{Label: value, ID: "r-1", Confirm: &algesta.Confirm{Title: value, Text: value, Yes: value, No: value}},
			{Label: "Undo"},
		},
		File: &algesta.File{Name: value, Text: "it says " + value},
	}
	plan := algesta.Plan{
		Summary: text, Facts: []algesta.Field{{Label: "image", Value: text}}, Diff: value, Warnings: []algesta.Text{text}, Nothing: text,
		Done: text, Doing: text, Title: text,
		Changes: []algesta.Change{{Verb: "patch", Swaps: []algesta.Swap{{To: json.RawMessage(`"a hash"`)}}}},
	}
	encoded := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return string(b)
	}
	before := encoded(report) + encoded(plan)
	none := redact.New()
	require.Equal(t, report, none.Report(report))
	require.Equal(t, plan, none.Plan(plan))
	r := redact.New([]byte(value))
	after := encoded(r.Report(report)) + encoded(r.Plan(plan))
	require.NotContains(t, after, value)
	require.Contains(t, after, "a hash")
	require.Equal(t, before, encoded(report)+encoded(plan), "what was given is not changed")
	require.Equal(t, algesta.Report{}, r.Report(algesta.Report{}))
	require.Equal(t, algesta.Plan{}, r.Plan(algesta.Plan{}))
}

func TestAnIncidentIsStoredWithoutSecrets(t *testing.T) {
	t.Parallel()
	const value = "kestrel over a quiet field"
	i := algesta.Incident{
		ID: "i-1", Key: algesta.IncidentKey{Kind: "Secret", Name: "mongodb-credentials"}, Unchecked: value, Recent: value, Ended: value,
		Signals: []algesta.Signal{{Rule: "crash-loop", Says: "it says " + value}},
		Cause: algesta.IncidentCause{
			What: value, Sentence: value, Impact: value, Change: value, Next: value, Command: value,
			Pods: []algesta.ReadyPods{{Kind: "Deployment", Name: "ms-orders", Of: 2}},
		},
		Buttons: []algesta.Button{{Label: value, Confirm: &algesta.Confirm{Title: value, Text: value}}},
	}
	before, err := json.Marshal(i)
	require.NoError(t, err)
	hidden, err := json.Marshal(redact.New([]byte(value)).Incident(i))
	require.NoError(t, err)
	require.NotContains(t, string(hidden), "kestrel")
	require.Contains(t, string(hidden), "mongodb-credentials")
	after, err := json.Marshal(i)
	require.NoError(t, err)
	require.Equal(t, before, after, "what was handed over is not changed")
}
