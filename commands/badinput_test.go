package commands_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/runbooks"
)

// untouched are clusters that nothing may open.
type untouched struct {
	commands.Clusters
	opened atomic.Int32
}

func (u *untouched) Reader(string) (runbooks.Cluster, error) {
	u.opened.Add(1)
	return runbooks.Cluster{}, &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("It was asked.")}
}

// badInputs are ways to type a command wrongly, made of its declaration, and a part of what is answered.
func badInputs(book runbooks.Runbook) map[string][2]string {
	typed := strings.Fields(book.Example)
	with := func(instead string) string {
		out := slices.Clone(typed)
		for i, word := range out {
			if word == "production" {
				out[i] = instead
			}
		}
		return strings.Join(out, " ")
	}
	out := map[string][2]string{
		"surplus words":        {book.Example + " and then some", ""},
		"an option of nothing": {book.Example + " --no-such-thing=1", "has no option --no-such-thing"},
		"an option unfinished": {book.Example + " --namespace", "needs a value"},
		"a person":             {book.Example + " <@U0CARLA>", ""},
	}
	if book.About.Placed() || book.About.Environment && !book.About.Optional && !book.About.Host {
		out["nothing said"] = [2]string{book.Name, ""}
	}
	for _, a := range book.Args {
		if a.Kind == runbooks.IntArg && !a.Hidden && a.Else == "" && !strings.Contains(book.Example, a.Name+"=") {
			out["no number for "+a.Name] = [2]string{book.Example + " --" + a.Name + "=many", "must be a number"}
		}
	}
	if slices.Contains(typed, "production") {
		out["an environment that isn't there"] = [2]string{with("prodution"), ""}
		out["a foreign environment"] = [2]string{with("staging"), ""}
		out["a foreign namespace by kubectl's option"] = [2]string{with("--namespace=staging"), ""}
	}
	return out
}

// Every command, whatever is wrong with what was typed, is answered once, to its author alone, and no cluster is asked. What is about the
// bot itself is left out: no cluster is asked for it in any case.
func TestWhatIsTypedWronglyReachesNoCluster(t *testing.T) {
	t.Parallel()
	for _, book := range runbooks.All() {
		if book.Own {
			continue
		}
		t.Run(book.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(strings.Replace(rules, "allow: [read, restart, scale]", "allow: [read, change]", 1))
			clusters := &untouched{Clusters: w.cluster}
			w.dispatcher.Clusters = clusters
			inputs := badInputs(book)
			for name, input := range inputs {
				before := len(w.said(algesta.AnswerPost))
				w.types(luis, input[0])
				said := w.said(algesta.AnswerPost)
				require.Len(t, said, before+1, "%s: %s", name, input[0])
				require.Contains(t, said[before], input[1], "%s: %s", name, input[0])
				require.NotContains(t, said[before], "went wrong", "%s: %s", name, input[0])
				require.Empty(t, w.said(algesta.CardPost), "%s: %s", name, input[0])
				require.Zero(t, clusters.opened.Load(), "%s: %s\n%s", name, input[0], said[before])
			}
		})
	}
}
