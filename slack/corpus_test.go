package slack

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact/redacttest"
)

func TestNoMessageShowsASecretOfTheCorpus(t *testing.T) {
	t.Parallel()
	for _, s := range redacttest.Secrets(t) {
		text := algesta.Say("it says {} and {}", s.Line, algesta.Name(s.Line))
		r := render(algesta.Report{
			Title: text,
			Small: text,
			Body: []algesta.Block{
				{Text: text},
				{Pre: s.Line},
				{List: []algesta.Text{text}},
				{Fields: []algesta.Field{{Label: s.Line, Value: text}}},
				{Table: &algesta.Table{Head: []string{s.Line}, Rows: [][]algesta.Text{{text}}}},
			},
			Buttons: []algesta.Button{
				{Label: s.Line, Action: algesta.Run, ID: "o-1", Confirm: &algesta.Confirm{Title: s.Line, Text: s.Line, Yes: s.Line, No: s.Line}},
			},
		}, nil)
		raw, err := json.Marshal(r.blocks)
		require.NoError(t, err)
		var told any
		require.NoError(t, json.Unmarshal(raw, &told))
		for _, shown := range append(redacttest.Texts(told), r.text, r.plain()) {
			s.RequireHidden(t, shown)
		}
	}
}
