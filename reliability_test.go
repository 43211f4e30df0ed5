package algesta_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryPromiseNamesTestsThatExist reads the tables of docs/reliability.md: each row names at least one test, and each test
// that is named is a function of some test file of the repository.
func TestEveryPromiseNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/reliability.md")
	require.NoError(t, err)
	written := testsOfTheRepository(t)
	name := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`)
	var rows int
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|-") || line == "| promise | test |" {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		require.Len(t, cells, 2, "a row is a promise and its tests: %s", line)
		rows++
		named := name.FindAllString(cells[1], -1)
		require.NotEmpty(t, named, "this promise names no test: %s", line)
		for _, n := range named {
			require.True(t, written[n], "there is no test %s, which this row names: %s", n, line)
		}
	}
	require.Greater(t, rows, 30, "the tables were not found")
}

// testsOfTheRepository are the names of all test functions below this folder.
func testsOfTheRepository(t *testing.T) map[string]bool {
	t.Helper()
	written := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)
	promise := regexp.MustCompile(`(?m)^\t"([A-Z]\w*)": +test[A-Z]\w*,$`)
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && path == filepath.Join("store", "storetest", "storetest.go") { // tests of every engine
			source, err := os.ReadFile(path)
			for _, match := range promise.FindAllSubmatch(source, -1) {
				written["Test"+string(match[1])] = true
			}
			return err
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range function.FindAllSubmatch(source, -1) {
			written[string(match[1])] = true
		}
		return err
	}))
	return written
}
