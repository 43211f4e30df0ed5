package redact_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/redact/redacttest"
)

// Whatever holds a text, in a report or a plan, is redacted: the corpus goes through each of them.
func TestNoReportAndNoPlanShowsASecretOfTheCorpus(t *testing.T) {
	t.Parallel()
	r := redact.New()
	for _, s := range redacttest.Secrets(t) {
		text := algesta.Say("it says {}", s.Line)
		named := algesta.Say("it says {}", algesta.Name(s.Line))
		report := r.Report(algesta.Report{
			Title: text, Small: named,
			Body: []algesta.Block{
				{Text: text},
				{List: []algesta.Text{named}},
				{Fields: []algesta.Field{{Label: s.Line, Value: text}}},
				{Table: &algesta.Table{Head: []string{s.Line}, Rows: [][]algesta.Text{{named}}}},
				{Pre: s.Line},
			},
			Buttons: []algesta.Button{{Label: s.Line, Confirm: &algesta.Confirm{Title: s.Line, Text: s.Line, Yes: s.Line, No: s.Line}}},
		})
		plan := r.Plan(algesta.Plan{
			Summary: text, Facts: []algesta.Field{{Label: "image", Value: named}}, Diff: s.Line, Warnings: []algesta.Text{text},
			Nothing: text, Done: text, Doing: named, Title: text,
		})
		for _, v := range []any{report, plan} {
			raw, err := json.Marshal(v)
			require.NoError(t, err)
			var told any
			require.NoError(t, json.Unmarshal(raw, &told))
			for _, text := range redacttest.Texts(told) {
				s.RequireHidden(t, text)
			}
		}
	}
}
