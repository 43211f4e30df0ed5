package dump_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/dump"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

var updateScore = flag.Bool("update", false, "write docs/diagnosis-score.md")

const (
	casesDir  = "../testdata/cases"
	scorePage = "../../docs/diagnosis-score.md"
)

// askedCase is one line of want.tsv or variants.tsv.
type askedCase struct {
	id, family, ask, want string
	accept                *regexp.Regexp // nil: it is healthy
}

// judged is how a case fared.
type judged struct {
	askedCase
	verdict string // one of verdicts
	said    string
	sure    rules.Confidence
}

// The verdicts, from the best.
const (
	inLine     = "first line"
	inEvidence = "evidence"
	wrong      = "wrong"
	missed     = "missed"
	fine       = "fine"
	falseAlarm = "false alarm"
)

func readCases(t *testing.T, name string) []askedCase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(casesDir, name+".tsv"))
	require.NoError(t, err)
	var cases []askedCase
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if fields[0] == "id" {
			continue
		}
		require.GreaterOrEqual(t, len(fields), 5, line)
		c := askedCase{id: fields[0], family: fields[1], ask: fields[2], want: fields[3]}
		if fields[4] != "healthy" {
			c.accept, err = regexp.Compile(fields[4])
			require.NoError(t, err)
		}
		cases = append(cases, c)
	}
	return cases
}

// unpack writes the folders of an archive below dir. Names that would leave it are refused.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	file, err := os.Open(archive)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	packed, err := gzip.NewReader(file)
	require.NoError(t, err)
	for entries := tar.NewReader(packed); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		require.True(t, filepath.IsLocal(entry.Name), entry.Name)
		at := filepath.Join(dir, entry.Name)
		if entry.FileInfo().IsDir() {
			require.NoError(t, os.MkdirAll(at, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
		data, err := io.ReadAll(entries)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(at, data, 0o600))
	}
}

func judge(t *testing.T, dir string, c askedCase) judged {
	t.Helper()
	words := append(strings.Fields(c.ask), "", "")
	d, err := dump.Diagnose(filepath.Join(dir, c.id), words[0], words[1], facts.Setting{Bot: "algesta"})
	require.NoError(t, err, c.id)
	out := judged{askedCase: c, said: d.Summary}
	if c.accept == nil {
		out.verdict = fine
		alarm := slices.ContainsFunc(d.Chains, func(chain diagnosis.Chain) bool { return chain.Impact.Level != rules.Latent })
		if alarm || d.Verdict != diagnosis.Healthy && d.Verdict != diagnosis.Risky {
			out.verdict = falseAlarm
		}
		return out
	}
	if len(d.Chains) == 0 {
		out.verdict = missed
		return out
	}
	first := d.Chains[0]
	evidence, err := json.Marshal([]any{first.Cause, first.Subject, first.Rule, first.Evidence})
	require.NoError(t, err)
	out.said, out.sure = first.Cause, first.Confidence
	switch {
	case c.accept.MatchString(first.Cause):
		out.verdict = inLine
	case c.accept.Match(evidence):
		out.verdict = inEvidence
	default:
		out.verdict = wrong
	}
	return out
}

// TestScore asks the diagnosis about every case, compares docs/diagnosis-score.md with how they fared, and holds what was reached.
func TestScore(t *testing.T) {
	t.Parallel()
	page := strings.Builder{}
	page.WriteString(`# How often the diagnosis is right

` + "`make score`" + ` writes this page. It asks about [cases](../diagnosis/testdata/cases/README.md) that were rebuilt from public threads
and evaluation sets.
"First line": the first sentence names the root cause. "Evidence": only what is quoted below it does. "Wrong": another cause stands first.
"Missed": nothing was found. The rules were worked on with these cases in hand, so unseen ones fare worse.
`)
	given := score(t, &page, "want", "given", "Given cases")
	all := append(slices.Clone(given), score(t, &page, "variants", "variants", "Variants")...)
	invented := score(t, &page, "invented", "invented", "Invented cases")
	invented = append(invented, score(t, &page, "unseen", "unseen", "Microservice demos")...)
	invented = append(invented, score(t, &page, "quiet", "quiet", "Quiet faults")...)
	invented = append(invented, score(t, &page, "joined", "joined", "Callers and callees")...)
	if *updateScore {
		require.NoError(t, os.WriteFile(scorePage, []byte(page.String()), 0o600))
	}
	written, err := os.ReadFile(scorePage)
	require.NoError(t, err)
	require.Equal(t, page.String(), string(written), "run: make score")

	all = append(all, invented...)
	faults, sure, right := 0, 0, 0
	var long []string
	for _, j := range all {
		if j.accept != nil {
			faults++
		}
		if j.sure == rules.High {
			sure++
			if j.verdict == inLine || j.verdict == inEvidence {
				right++
			}
		}
		if utf8.RuneCountInString(j.said) >= mostFirstLine {
			long = append(long, j.id+": "+j.said)
		}
		require.NotEqual(t, falseAlarm, j.verdict, "%s: %s", j.id, j.said)
		if j.verdict == wrong {
			require.NotEqual(t, rules.High, j.sure, "%s is wrong and sure of it: %s", j.id, j.said)
		}
	}
	require.GreaterOrEqual(t, 100*count(all, inLine), 95*faults, "of %d faults", faults)
	require.Empty(t, long, "first lines of %d characters and more", mostFirstLine)
	require.GreaterOrEqual(t, 100*right, 97*sure, "what is sure is right")
}

// mostFirstLine is how many characters a first line has at most: more is not read aloud in one breath.
const mostFirstLine = 200

func count(all []judged, verdict string) int {
	n := 0
	for _, j := range all {
		if j.verdict == verdict {
			n++
		}
	}
	return n
}

// score judges the cases of one file and writes their section.
func score(t *testing.T, page *strings.Builder, file, archive, title string) []judged {
	t.Helper()
	dir := t.TempDir()
	unpack(t, filepath.Join(casesDir, archive+".tgz"), dir)
	var all []judged
	families := map[string][]judged{}
	for _, c := range readCases(t, file) {
		j := judge(t, dir, c)
		all = append(all, j)
		families[c.family] = append(families[c.family], j)
	}
	columns := []string{inLine, inEvidence, wrong, missed, fine, falseAlarm}
	fmt.Fprintf(page, "\n## %s\n\n| family | %s |\n|---%s|\n", title, strings.Join(columns, " | "), strings.Repeat("|---", len(columns)))
	row := func(name string, some []judged) {
		fmt.Fprintf(page, "| %s |", name)
		for _, column := range columns {
			fmt.Fprintf(page, " %d |", count(some, column))
		}
		page.WriteString("\n")
	}
	for _, family := range slices.Sorted(maps.Keys(families)) {
		row(family, families[family])
	}
	row("**all**", all)
	page.WriteString("\nOf the first lines that are sure (high) this many name the root cause: ")
	sure, right := 0, 0
	for _, j := range all {
		if j.sure == rules.High {
			sure++
			if j.verdict == inLine || j.verdict == inEvidence {
				right++
			}
		}
	}
	fmt.Fprintf(page, "%d of %d.\n", right, sure)
	for _, j := range all {
		if j.verdict != inLine && j.verdict != fine {
			fmt.Fprintf(
				page,
				"* %s, %s: “%s”; it is: %s.\n",
				j.id,
				j.verdict,
				strings.ReplaceAll(j.said, "*", `\*`),
				strings.ReplaceAll(j.want, "*", `\*`),
			)
		}
	}
	return all
}
