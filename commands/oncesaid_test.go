package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// An end says once that nothing was changed, however it came about.
func TestAnEndSaysOnceThatNothingWasChanged(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, id string){
		"denied":    func(w *world, id string) { w.votes(carla, algesta.Deny, id) },
		"cancelled": func(w *world, id string) { w.votes(luis, algesta.Cancel, id) },
		"expired":   func(w *world, _ string) { w.request(algesta.Expired) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if name == "expired" {
				w.setRules(strings.Replace(rules, "30m", "1s", 1))
			}
			w.types(luis, "scale api-gateway production 6")
			end(w, w.newest().ID)
			w.idle()
			said := 0
			for _, p := range w.posts() {
				text := p.Report.Title.String() + " " + p.Report.Small.String()
				for _, b := range p.Report.Body {
					text += " " + b.Text.String()
				}
				n := strings.Count(text, "Nothing was changed")
				require.LessOrEqual(t, n, 1, text)
				said += n
			}
			require.Positive(t, said)
		})
	}
}
