package commands_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestOnlyARoleThatNamesTheDoctorHasIt: it tells of the bot's files, channels and clusters, which is nobody's business who may only look.
func TestOnlyARoleThatNamesTheDoctorHasIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	looked := 0
	w.dispatcher.Doctor = func(context.Context) algesta.Report {
		looked++
		return algesta.Report{Tone: algesta.Good, Title: algesta.Say("23 checks, all ok")}
	}
	may := func(allow string) string {
		w.setRules(strings.Replace(rules, "allow: [read, restart, scale]", "allow: ["+allow+"]", 1))
		w.types(luis, "doctor")
		said := w.said(algesta.AnswerPost)
		return said[len(said)-1]
	}
	require.Contains(t, may("read"), "use doctor")
	require.Contains(t, may("read, change"), "use doctor")
	require.Zero(t, looked)
	require.Contains(t, may("read, doctor"), "23 checks, all ok")
	require.Equal(t, 1, looked)
	require.Empty(t, w.said(algesta.CardPost), "it's told to whoever asked, alone")

	w.dispatcher.Doctor = nil
	require.Contains(t, may("doctor"), "I can't check myself here.")
}
