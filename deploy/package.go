package deploy

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

var (
	chartVersions = regexp.MustCompile(`(?m)^(version|appVersion): .*$`)
	chartDigest   = regexp.MustCompile(`(?m)^  digest: ""`)
)

// ChartFiles are the files of the Helm chart by their paths in it, with the version of a release, whose image it then runs, and with that
// image's digest. An empty version or digest leaves the chart's own.
func ChartFiles(version, digest string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := fs.WalkDir(Chart, "chart", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := Chart.ReadFile(name)
		if err != nil {
			return err
		}
		switch {
		case name == "chart/Chart.yaml" && version != "":
			content = chartVersions.ReplaceAll(content, []byte("${1}: "+version))
		case name == "chart/values.yaml" && digest != "":
			content = chartDigest.ReplaceAll(content, []byte(`  digest: "`+digest+`"`))
		}
		out[strings.TrimPrefix(name, "chart/")] = content
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the chart: %w", err)
	}
	return out, nil
}
