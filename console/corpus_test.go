package console_test

import (
	"testing"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/console"
	"github.com/3astronautas/algesta/redact/redacttest"
)

func TestNoAnswerInATerminalShowsASecretOfTheCorpus(t *testing.T) {
	t.Parallel()
	for _, s := range redacttest.Secrets(t) {
		text := algesta.Say("it says {}", s.Line)
		s.RequireHidden(t, console.Format(algesta.Report{Title: text, Small: text, Body: []algesta.Block{
			{Text: text},
			{Pre: s.Line},
			{List: []algesta.Text{text}},
			{Fields: []algesta.Field{{Label: s.Line, Value: text}}},
			{Table: &algesta.Table{Head: []string{s.Line}, Rows: [][]algesta.Text{{text}}}},
		}}))
	}
}
