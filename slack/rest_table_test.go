package slack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// longTable has more rows than a message takes.
func longTable() algesta.Block {
	t := &algesta.Table{Head: []string{"pod", "node"}}
	for i := range 300 {
		t.Rows = append(t.Rows, []algesta.Text{nil, algesta.Say("node")})
		t.Rows[i][0] = algesta.Say("{}", algesta.Name(fmt.Sprintf("pod-%03d", i)))
	}
	return algesta.Block{Table: t}
}

// TestTheRestOfATableIsInAFile: a message counts the rows that it has no room for, and all of them are in the file above it.
func TestTheRestOfATableIsInAFile(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	thread := postPlan(t, r, algesta.Report{
		Title: algesta.Say("Pods"), Body: []algesta.Block{longTable()}, File: &algesta.File{Name: "pods in production"},
	}, "All of it is in the file above: pods-in-production-c-1-")
	require.Len(t, thread, 3)
	require.Contains(t, shownIn(thread[2]), "… 201 more rows")
	for i := range 300 {
		require.Contains(t, thread[1].Files[0].Content, fmt.Sprintf("pod-%03d", i))
	}
}

// TestWithoutAFileAMessageSaysHowToSeeTheRest, and nothing of that where it has everything.
func TestWithoutAFileAMessageSaysHowToSeeTheRest(t *testing.T) {
	t.Parallel()
	how := &algesta.File{Else: algesta.Say("For fewer: {}", algesta.Name("/algesta pods ms-orders production"))}
	long := render(algesta.Report{Title: algesta.Say("Pods"), Body: []algesta.Block{longTable()}, File: how}, nil)
	require.Empty(t, problemsOf(long))
	require.Contains(t, show(long), "… 201 more rows")
	require.Contains(t, show(long), "/algesta pods ms-orders production")
	short := render(algesta.Report{Title: algesta.Say("Pods"), Body: []algesta.Block{{Text: algesta.Say("none")}}, File: how}, nil)
	require.NotContains(t, show(short), "For fewer")

	full := algesta.Report{Title: algesta.Say("Log"), Body: []algesta.Block{{Pre: strings.Repeat("0123456789\n", 2000)}}, File: how}
	require.Contains(t, show(render(full, nil)), "/algesta pods ms-orders production", "its room is kept")
	require.Empty(t, problemsOf(render(full, nil)))
}

// TestASecondTableFitsOnAPhone: Slack takes one table in a message, and a phone breaks lines of text that are longer than its screen. A
// time stays one in the reader's zone.
func TestASecondTableFitsOnAPhone(t *testing.T) {
	t.Parallel()
	first := algesta.Block{Table: &algesta.Table{Head: []string{"a"}, Rows: tableOf(1, 1)}}
	wide := &algesta.Table{Head: []string{"incident", "what", "when"}, Rows: [][]algesta.Text{{
		algesta.Say("i-bfk0"), algesta.Say("ms-orders in production: {}", strings.Repeat("a long cause ", 8)),
		algesta.Say("{}", algesta.AtDay(time.Now())),
	}}}
	r := render(algesta.Report{Title: algesta.Say("Incidents"), Body: []algesta.Block{first, {Table: wide}}}, nil)
	require.Empty(t, problemsOf(r))
	said := show(r)
	require.Contains(t, said, "• i-bfk0 · what: ms-orders")
	require.Contains(t, said, "when: <{date", "a time of the reader's zone")

	narrow := algesta.Block{Table: &algesta.Table{Head: []string{"resource", "used"}, Rows: tableOf(2, 2)}}
	said = show(render(algesta.Report{Title: algesta.Say("Quota"), Body: []algesta.Block{first, narrow}}, nil))
	require.NotContains(t, said, "•")
}
