package runbooks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// revision is the answer about one revision, with its preformatted parts.
func revision(t *testing.T, v any, in runbooks.Input) ([]string, error) {
	t.Helper()
	book, ok := runbooks.Find("history")
	require.True(t, ok)
	report, err := book.Answer(t.Context(), whole(v), in)
	requireNoSecret(t, report)
	var out []string
	for _, b := range report.Body {
		if b.Pre != "" {
			out = append(out, strings.Split(b.Pre, "\n")...)
		}
	}
	return append(shownLines(t, report), out...), err
}

func TestHistoryOfOneRevisionTellsWhatItChanged(t *testing.T) {
	t.Parallel()
	got, err := revision(t, gateway(), input("history", algesta.Args{"revision": int64(1)}))
	require.NoError(t, err)
	require.Equal(t, []string{
		"Revision 1 of api-gateway in production runs 12344, made 3 days ago",
		"“deploy 12344 by Dana (c-1)”",
		"image: …/api-gateway:12344",
		"variables: NODE_ENV, API_PASSWORD, JWT_SECRET, LOG_LEVEL",
		"requests: cpu 250m, memory 512Mi",
		"limits: cpu 1, memory 1Gi",
		"What it changed isn't known: the revision before it isn't kept.",
		"What going back to it would change now:",
		"/algesta rollback api-gateway production --to-revision=1",
		"image      …/api-gateway:12345 → …/api-gateway:12344",
		"env        LOG_LEVEL added",
		"annotation kubectl.kubernetes.io/restartedAt removed",
	}, got)
	got, err = revision(t, gateway(), input("history", algesta.Args{"revision": int64(2)}))
	require.NoError(t, err)
	require.Contains(t, got, "What it changed, against revision 1:")
	require.Contains(t, got, "image      …/api-gateway:12344 → …/api-gateway:12345")
	got, err = revision(t, gateway(), input("history", algesta.Args{"revision": int64(3)}))
	require.NoError(t, err)
	require.Equal(t, "Revision 3 of api-gateway in production runs 12345, made 3 h ago; it runs now", got[0])
	require.NotContains(t, got, "What going back to it would change now:")

	_, err = revision(t, gateway(), input("history", algesta.Args{"revision": int64(9)}))
	require.ErrorIs(t, err, algesta.ErrUnknownName)
	var known *algesta.Error
	require.ErrorAs(t, err, &known)
	require.Equal(
		t,
		"api-gateway in production has no revision 9. The revisions are 3 (now, a restart), 2 and 1.",
		known.Message.String()+" "+known.Hint.String(),
	)
}

func TestARevisionOfAClusterIsComparedWithTheOneBefore(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.deploy(t, "12345")
	got, err := revision(t, p.bot, p.input("history", algesta.Args{"revision": int64(2)}))
	require.NoError(t, err)
	require.Contains(t, got[0], "Revision 2 of api-gateway in production runs 12345")
	require.Contains(t, got[0], "it runs now")
	require.Contains(t, got, "What it changed, against revision 1:")
	require.Contains(t, got, "image      …/api-gateway:12344 → …/api-gateway:12345")
}
