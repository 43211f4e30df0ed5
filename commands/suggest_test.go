package commands_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// What is proposed is the person's own command with the wrong word replaced, and works when it is copied: never another
// service, never an environment that nobody named.
func TestWhatIsProposedWorksWhenItIsCopied(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, says, never string }{
		"a mistyped verb": {"rolback api-gateway production", "/algesta rollback api-gateway production", ""},
		"a mistyped verb, of a service not here": {
			"rolback ms-orders production", `I don't know the command "rolback". Did you mean rollback?`, "/algesta",
		},
		"a form with names that are there": {
			"scale api-gateway production",
			"/algesta scale api-gateway production replicas=<number>",
			"no service",
		},
		"a form with a mistyped service": {
			"scale api-gatway production",
			"scale needs replicas: how many pods to run.\nThere's no service \"api-gatway\" in production. Did you mean api-gateway? " +
				"/algesta scale api-gateway production replicas=<number>", "algesta scale api-gatway",
		},
		"a form with a service not here": {
			"scale ms-orders production", "There's no service \"ms-orders\" in production.", "/algesta scale ms-orders",
		},
		"a pod that isn't there": {
			"status api-gateway-production-7d4b9c6f5-x2x9 production",
			"There's no service or pod \"api-gateway-production-7d4b9c6f5-x2x9\" in production. A pod may have been replaced.\n" +
				"To see which pods there are: /algesta pods production", "I see",
		},
		"a mistyped verb without an environment": {"restrat api-gateway", "/algesta restart api-gateway <environment>", "production"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.types(luis, tc.text)
			answers := w.answers()
			require.Len(t, answers, 1)
			require.Contains(t, answers[0], tc.says)
			if tc.never != "" {
				require.NotContains(t, answers[0], tc.never)
			}
		})
	}
}

func TestWhoamiTellsAnApproverWhatTheyMayApprove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(carla, "whoami")
	w.types(nico, "whoami")
	answers := w.answers()
	require.Len(t, answers, 2)
	if !strings.Contains(answers[0], "Carla") { // posts are in no order
		answers[0], answers[1] = answers[1], answers[0]
	}
	require.Contains(t, answers[0], "You can approve what others ask for:")
	require.Contains(t, answers[0], "a second person")
	require.Contains(t, answers[0], "No rule lets you ask for anything yourself.")
	require.Contains(t, answers[1], "No policy rule names you")
}

func TestHelpLeavesOutWhatOnlyButtonsUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "help rollback")
	answers := w.answers()
	require.Len(t, answers, 1)
	require.Contains(t, answers[0], "to-revision")
	require.NotContains(t, answers[0], "template")
}

// TestHelpFitsIntoOneMessage: only its reader sees it, so there's no file with the rest.
func TestHelpFitsIntoOneMessage(t *testing.T) {
	t.Parallel()
	const room, cell = 9_000, 8 // of the 10,000 characters that a message takes, and what a cell costs beside its own
	w := newWorld(t)
	w.types(luis, "help")
	var said int
	for _, p := range w.posts() {
		for _, b := range p.Report.Body {
			if b.Table == nil {
				continue
			}
			require.Less(t, len(b.Table.Rows), 99)
			for _, row := range b.Table.Rows {
				for _, text := range row {
					said += utf8.RuneCountInString(text.String()) + cell
				}
			}
		}
	}
	require.NotZero(t, said)
	require.Less(t, said, room)
}

func TestHelpSaysHowACommandIsTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "help diagnose")
	w.types(luis, "help scale")
	said := strings.Join(w.answers(), "\n")
	require.Contains(t, said, "diagnose <service> <environment> or diagnose <kind>/<name> <environment> or diagnose <environment>")
	require.Contains(t, said, "scale <service> <environment> replicas=<number>")
}

func TestCanISaysWhatItIsAbout(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"can-i diagnose pod/x production":       "diagnose pod/x in production",
		"can-i diagnose -n production":          "diagnose in production",
		"can-i diagnose api-gateway production": "diagnose api-gateway in production",
		"can-i diagnose hpa/x -n production":    "diagnose horizontalpodautoscaler/x in production",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.types(luis, text)
			require.Contains(t, strings.Join(w.answers(), "\n"), "Yes, you can "+want+".")
		})
	}
}

// TestCanISaysWhichLimitsAreOpen: a yes that a limit may still turn into a no says so.
func TestCanISaysWhichLimitsAreOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limits := "limits:\n" +
		"  - {name: few pods, verbs: [scale], namespaces: [production], require: plan.pods <= 10, otherwise: At most 10.}\n" +
		"  - {name: no small ones, verbs: [scale], namespaces: [production], require: args.replicas >= 2, otherwise: At least 2.}\n"
	w.setRules(rules + limits)
	w.types(luis, "can-i scale api-gateway production")
	said := strings.Join(w.answers(), "\n")
	require.Contains(t, said, "Yes, you can scale api-gateway in production")
	require.Contains(t, said, "Limits that depend on the rest of the command: “no small ones”.")
	require.Contains(t, said, "Limits that depend on its plan: “few pods”.")
}

// answers are the messages to one person, with everything in them.
func (w *world) answers() []string {
	w.t.Helper()
	var out []string
	for _, p := range w.posts() {
		if p.Kind != algesta.AnswerPost {
			continue
		}
		var b strings.Builder
		fmt.Fprintln(&b, p.Report.Title)
		for _, block := range p.Report.Body {
			fmt.Fprintln(&b, block.Text)
			for _, f := range block.Fields {
				fmt.Fprintln(&b, f.Label, f.Value)
			}
			if block.Table != nil {
				fmt.Fprintln(&b, block.Table.Head, block.Table.Rows)
			}
		}
		out = append(out, b.String())
	}
	return out
}
