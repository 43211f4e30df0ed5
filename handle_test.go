package algesta_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestAHandleWritesCommands(t *testing.T) {
	t.Parallel()
	require.Equal(t, "/algesta rollback api production", algesta.Handle("algesta").Typed("rollback", "api", "production", ""))
	require.Equal(t, "/algesta", algesta.Handle("algesta").Slash())
	require.Equal(t, "@algesta logs", algesta.Handle("algesta").Mentioned("logs"))
	require.Equal(t, "rollback api", algesta.Handle("").Typed("rollback", "api"))
}

// customer are words of one customer. What the bot is called and the environments come from the configuration.
var customer = regexp.MustCompile(`(^|\W)[/@]algesta([^.\w-]|$)|pruebas|\bacralgesta|\baks-algesta|3astronautas\.com`)

// engine are the packages that know no customer, with what is below them but the fixtures of tests.
var engine = []string{"commands", "runbooks", "rollout", "diagnosis", "policy", "catalog", "kube", "words", "redact", "store"}

func TestTheEngineKnowsNoCustomer(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, room := range engine {
		err := filepath.WalkDir(room, func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) || err == nil && (entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go")) {
				return nil
			}
			if err != nil || strings.HasSuffix(filepath.Base(filepath.Dir(path)), "test") {
				return err
			}
			if path == filepath.Join("catalog", "spanish.go") { // a dictionary, which has the word that is also a namespace's name
				return nil
			}
			looked++
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for number, line := range strings.Split(string(source), "\n") {
				code, _, _ := strings.Cut(line, "// ") // a comment may give an example
				if !strings.Contains(code, `"github.com/3astronautas/algesta`) {
					require.NotRegexp(t, customer, code, "%s:%d", path, number+1)
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, looked, 100, "the packages were found")
}
