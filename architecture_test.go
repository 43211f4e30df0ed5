package algesta_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheTableOfRoomsIsTrue compares ARCHITECTURE.md with the source: every folder of the bot is in its table, and imports of ours what
// the table says and nothing else.
func TestTheTableOfRoomsIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("ARCHITECTURE.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "| folder |")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	imports := importsOfOurs(t)
	word, described := regexp.MustCompile("`([^`]+)`"), map[string]bool{}
	words := func(cell string) (all []string) {
		for _, match := range word.FindAllStringSubmatch(cell, -1) {
			all = append(all, match[1])
		}
		slices.Sort(all)
		return all
	}
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), "|")
		if len(cells) != 3 || !strings.Contains(cells[0], "`") {
			continue
		}
		for _, room := range words(cells[0]) {
			described[room] = true
			if what := strings.TrimSpace(cells[2]); what == "everything" || what == "–" {
				continue
			}
			require.Equal(t, words(cells[2]), imports[room], "what %s imports", room)
		}
	}
	for room := range imports {
		require.True(t, described[room], "the table has no row for %s", room)
	}
	require.Greater(t, len(described), 15, "the table was not found")
}

// importsOfOurs is what each folder imports of this module outside its tests, sorted. The sandbox is one room, and so is cmd.
func importsOfOurs(t *testing.T) map[string][]string {
	t.Helper()
	const module = "github.com/3astronautas/algesta"
	out := map[string][]string{}
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (path == "sandbox" || path == "cmd" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		room := filepath.ToSlash(filepath.Dir(path))
		all := out[room]
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if name == module {
				all = append(all, ".")
			} else if of, ours := strings.CutPrefix(name, module+"/"); ours {
				all = append(all, of)
			}
		}
		slices.Sort(all)
		out[room] = slices.Compact(all)
		return nil
	}))
	return out
}
