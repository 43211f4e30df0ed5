package main

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/3astronautas/algesta/deploy"
	"github.com/3astronautas/algesta/words"
)

//go:embed templates
var templates embed.FS

// page is what the templates are filled with. Lists are written out as YAML has them between brackets.
type page struct {
	Cluster, Kubeconfig, Context, Command, Channel string
	AKS, Prometheus                                bool
	Environments                                   []pageEnvironment
	AnyService                                     string
	Who, Approvers, Namespaces, Production         string
	APIServer                                      []endpoint
	EnvironmentsText, IncidentsText                string
}

type pageEnvironment struct{ Name, Aliases, Pattern, Services, Others string }

// aliases are other words for environments that people type, as far as no environment is named so.
var aliases = map[string][]string{
	"production": {"prod", "prd"}, "prod": {"production"}, "development": {"dev"}, "dev": {"development"}, "staging": {"stage", "stg"},
	"pruebas": {"test", "qa"}, "testing": {"test", "qa"}, "desarrollo": {"dev"}, "produccion": {"prod", "production"},
}

// mostNamed is how many services a comment names.
const mostNamed = 5

func (s *setup) page(found surveyed) page {
	p := page{
		Cluster: s.cluster, Kubeconfig: s.kubeconfig, Context: s.context, Command: s.command, Channel: s.channel, AKS: found.aks,
		Prometheus: found.prometheus, AnyService: "api", Who: quotedList(s.who), Approvers: quotedList(s.approversOr()),
		Production: quotedList(found.production()), APIServer: found.apiServer,
	}
	if path, err := filepath.Abs(s.kubeconfig); err == nil {
		p.Kubeconfig = path
	}
	taken := map[string]bool{}
	var all []string
	for _, of := range found.places {
		taken[of.namespace] = true
		all = append(all, of.namespace)
	}
	p.Namespaces = quotedList(all)
	for _, of := range found.places {
		e := pageEnvironment{Name: of.namespace, Pattern: of.pattern, Services: named5(of.services), Others: named5(of.others)}
		var words []string
		for _, alias := range aliases[of.namespace] {
			if !taken[alias] {
				taken[alias] = true
				words = append(words, alias)
			}
		}
		e.Aliases = strings.Join(words, ", ")
		p.Environments = append(p.Environments, e)
		if len(of.services) > 0 {
			p.AnyService = of.services[0]
		}
	}
	return p
}

// named5 are the first few of many names, in words.
func named5(all []string) string {
	if len(all) == 0 {
		return ""
	}
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

// write writes every file of a set-up.
func (s *setup) write(found surveyed) error {
	all, err := template.New("").Option("missingkey=error").Funcs(template.FuncMap{
		"quote": strconv.Quote, "indent": indented,
	}).ParseFS(templates, "templates/*.tmpl")
	if err != nil {
		return fmt.Errorf("reading the templates: %w", err)
	}
	fill := func(name string, p page) (string, error) {
		var out bytes.Buffer
		if err := all.ExecuteTemplate(&out, name, p); err != nil {
			return "", fmt.Errorf("filling %s: %w", name, err)
		}
		return out.String(), nil
	}
	p := s.page(found)
	if p.EnvironmentsText, err = fill("environments", p); err != nil {
		return err
	}
	if p.IncidentsText, err = fill("incidents", p); err != nil {
		return err
	}
	manifest := strings.ReplaceAll(string(deploy.SlackManifest), "command: "+defaultCommand, "command: "+s.command)
	files := map[string]string{"slack-app.yaml": manifest}
	for _, name := range []string{"config.yaml", "policy.yaml", "values.yaml"} {
		if files[name], err = fill(name+".tmpl", p); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.out, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.out, name), []byte(strings.TrimRight(text, "\n")+"\n"), 0o600); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	chart, err := fs.Sub(deploy.Chart, "chart")
	if err != nil {
		return fmt.Errorf("reading the chart: %w", err)
	}
	if err := os.CopyFS(filepath.Join(s.out, "chart"), chart); err != nil {
		return fmt.Errorf("writing the chart: %w", err)
	}
	return nil
}

// indented moves every line of a text to the right.
func indented(by int, text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", by) + line
		}
	}
	return strings.Join(lines, "\n")
}
