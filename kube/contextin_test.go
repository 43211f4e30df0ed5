package kube

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAContextIsFoundInItsFile: a configuration names one file and one context, whatever KUBECONFIG and the current context are later.
func TestAContextIsFoundInItsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("apiVersion: v1\nkind: Config\n"+text), 0o600))
		return path
	}
	const cluster = "clusters: [{name: c, cluster: {server: https://127.0.0.1:1}}]\n"
	const other = "clusters: [{name: d, cluster: {server: https://127.0.0.1:2}}]\n"
	one := file("one", cluster+"current-context: first\n"+
		"contexts: [{name: first, context: {cluster: c}}, {name: lost, context: {cluster: gone}}]\n")
	two := file("two", other+"contexts: [{name: second, context: {cluster: d}}, {name: mixed, context: {cluster: c}}]\n")
	none := file("none", "")
	list := string(os.PathListSeparator)
	for name, c := range map[string]struct{ files, context, file, is, err string }{
		"the current one of one file":      {one, "", one, "first", ""},
		"the current one of several":       {two + list + one, "", one, "first", ""},
		"one that is named":                {one + list + two, "second", two, "second", ""},
		"a file that isn't there, of more": {filepath.Join(dir, "gone") + list + one, "", one, "first", ""},
		"no file":                          {filepath.Join(dir, "gone"), "", "", "", "reading the kubeconfig"},
		"no current one":                   {none, "", "", "", "has no current context: name one with --context"},
		"none of that name":                {one, "third", "", "", `has no context "third"`},
		"one without its cluster":          {one, "lost", "", "", `has no context "lost", or not its cluster`},
		"its cluster is in another file":   {one + list + two, "mixed", "", "", "--flatten --minify --context mixed"},
	} {
		at, is, err := ContextIn(c.files, c.context)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, []string{c.file, c.is}, []string{at, is}, name)
	}
}
