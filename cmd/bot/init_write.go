package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/3astronautas/algesta/deploy"
	"github.com/3astronautas/algesta/words"
)

// templates are the files that a set-up writes, with words such as @CLUSTER@ in the place of what was found. They aren't text/template's:
// that finds methods by their names, so the linker would have to keep every method of every library, and the bot would be 34 MB larger.
//
//go:embed templates
var templates embed.FS

// aliases are other words for environments that people type, as far as no environment is named so.
var aliases = map[string][]string{
	"production": {"prod", "prd"}, "prod": {"production"}, "development": {"dev"}, "dev": {"development"}, "staging": {"stage", "stg"},
	"pruebas": {"test", "qa"}, "testing": {"test", "qa"}, "desarrollo": {"dev"},
}

// mostNamed is how many services a comment names.
const mostNamed = 5

// environments is the configuration's list of them, YAML.
func (s *setup) environments(found surveyed) string {
	taken := map[string]bool{}
	for _, p := range found.places {
		taken[p.namespace] = true
	}
	var out strings.Builder
	for _, p := range found.places {
		fmt.Fprintf(&out, "  - name: %q\n", p.namespace)
		var others []string
		for _, alias := range aliases[p.namespace] {
			if !taken[alias] {
				taken[alias] = true
				others = append(others, alias)
			}
		}
		if len(others) > 0 {
			fmt.Fprintf(&out, "    aliases: [%s]\n", strings.Join(others, ", "))
		}
		fmt.Fprintf(&out, "    cluster: %q\n    namespace: %q\n    deployment: %q", s.cluster, p.namespace, p.pattern)
		if len(p.services) > 0 {
			fmt.Fprintf(&out, " # %s", firstOf(p.services))
		}
		if len(p.others) > 0 {
			fmt.Fprintf(&out, "\n    # Not named like that, and so not found by their service's name: %s", firstOf(p.others))
		}
		out.WriteString("\n")
	}
	return strings.TrimRight(out.String(), "\n")
}

// incidents is the configuration's part about them, YAML: a comment where no channel was named.
func (s *setup) incidents() string {
	if s.channel == "" {
		return "# incidents:                      # what the bot tells of by itself: docs/incidents.md\n" +
			"#   routes: [{channel: C0INCIDENTS}] # the channel's ID; invite the bot there first"
	}
	return "incidents:                        # what the bot tells of by itself: docs/incidents.md\n" +
		"  routes: [{channel: " + s.channel + "}] # invite the bot there first"
}

// approvals is the policy's list of them, YAML: a comment where every namespace looks like one for trials.
func (s *setup) approvals(found surveyed) string {
	form := `approvals:
  - name: a second person
    verbs: [change]
    namespaces: [%s]
    approvers: [%s]
    count: 1
    requesterMayApprove: false    # with one approver alone, they can't change production: name a second one
    reason: optional
    expiresAfter: 30m
`
	guarded, open := found.guarded()
	if len(guarded) > 0 {
		text := fmt.Sprintf(form, quotedList(guarded), quotedList(s.approversOr()))
		if len(open) > 0 {
			text = "# Nobody has to agree to a change in " + words.List(open) + ": add what is production to the namespaces below.\n" + text
		}
		return text
	}
	text := fmt.Sprintf(form, "production", quotedList(s.approversOr()))
	return "# Every namespace looks like one for trials, so nobody has to agree to a change.\n# " +
		strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n# ") + "\n"
}

// addresses are the values' list of where the API server is, YAML.
func (f surveyed) addresses() string {
	if len(f.apiServer) == 0 {
		return "  apiServer: []                   # couldn't be found out; every address is allowed at ports 443 and 6443"
	}
	var out strings.Builder
	out.WriteString("  apiServer:                      # where the API server is now; a private endpoint or an upgrade can move it")
	for _, e := range f.apiServer {
		fmt.Fprintf(&out, "\n    - {cidr: %q, port: %d}", e.CIDR, e.Port)
	}
	return out.String()
}

// imageComment is the values' part about the image, YAML: the chart's own is right for a release alone.
func imageComment(version string) string {
	if releasedVersion(version) != "" {
		return "# image: the chart has that of this release"
	}
	return "# This bot (" + version + ") isn't a release: no registry has its image. `make image PUSH=…` of the same commit makes one.\n" +
		"# image: {repository: your.registry/algesta, tag: \"…\"}"
}

// persistence is the values' part about the bot's volume, YAML.
func (f surveyed) persistence() string {
	if !f.storage.known || f.storage.byDefault != "" && !f.storage.shared {
		return "# persistence: {storageClassName: …} # default: the cluster's default StorageClass; a disk, not a file share"
	}
	there := "it has none"
	if len(f.storage.names) > 0 {
		there = "it has " + words.List(f.storage.names)
	}
	return "# The cluster has no default StorageClass that makes disks: name one (" + there + ")\n# persistence: {storageClassName: …}"
}

// firstOf are the first few of many names, in words.
func firstOf(all []string) string {
	if len(all) > mostNamed {
		all = append(append([]string{}, all[:mostNamed]...), fmt.Sprintf("%d more", len(all)-mostNamed))
	}
	return words.List(all)
}

func quotedList(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = strconv.Quote(s)
	}
	return strings.Join(quoted, ", ")
}

// indented moves every line of a text to the right.
func indented(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// files are those of a set-up, by their names.
func (s *setup) files(found surveyed) (map[string]string, error) {
	kubeconfig, err := filepath.Abs(s.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("finding the kubeconfig: %w", err)
	}
	var namespaces []string
	service := "api"
	for _, p := range found.places {
		if namespaces = append(namespaces, p.namespace); len(p.services) > 0 {
			service = p.services[0]
		}
	}
	common := []string{
		"@CLUSTER@", strconv.Quote(s.cluster), // 123 and true are no texts in YAML
		"@COMMAND@", s.command, "@SERVICE@", service, "@KUBECONFIG@", strconv.Quote(kubeconfig),
		"@WHO@", quotedList(s.who), "@APPROVERS@", quotedList(s.approversOr()), "@NAMESPACES@", quotedList(namespaces),
		"@APPROVALS@", s.approvals(found), "@APISERVER@", found.addresses(), "@PROMETHEUS@", strconv.FormatBool(found.prometheus),
	}
	context, kind := "", ""
	if s.context != "" {
		context = "\n    context: " + strconv.Quote(s.context)
	}
	if found.aks {
		kind = "\n    kind: aks                     # Azure Kubernetes Service: its own commands are suggested where they help"
	}
	with := func(name string, more ...string) (string, error) {
		b, err := templates.ReadFile("templates/" + name)
		if err != nil {
			return "", fmt.Errorf("reading the template of %s: %w", name, err)
		}
		return strings.NewReplacer(append(more, common...)...).Replace(string(b)), nil
	}
	out := map[string]string{
		"slack-app.yaml": strings.ReplaceAll(string(deploy.SlackManifest), "command: "+defaultCommand, "command: "+s.command),
	}
	places, incidents := s.environments(found), s.incidents()
	if out["config.yaml"], err = with("config.yaml",
		"@ENVIRONMENTS@", places, "@INCIDENTS@", incidents, "@KIND@", kind, "@CONTEXT@", context); err != nil {
		return nil, err
	}
	if out["policy.yaml"], err = with("policy.yaml"); err != nil {
		return nil, err
	}
	out["values.yaml"], err = with("values.yaml", "@IMAGE@", imageComment(version), "@PERSISTENCE@", found.persistence(),
		"@ENVIRONMENTS@", indented(places), "@INCIDENTS@", indented(incidents), "@KIND@", strings.ReplaceAll(kind, "\n", "\n  "))
	return out, err
}

// write writes every file of a set-up.
func (s *setup) write(found surveyed) error {
	files, err := s.files(found)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.out, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.out, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	chart, err := deploy.ChartFiles(releasedVersion(version), "")
	if err != nil {
		return err
	}
	for name, content := range chart {
		path := filepath.Join(s.out, "chart", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("making the chart's folder: %w", err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("writing the chart: %w", err)
		}
	}
	return nil
}
