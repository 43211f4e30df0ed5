package diagnosis

import (
	"fmt"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/rules"
)

// classesPage is the part of the document about the classes of failure.
func classesPage() string {
	var b strings.Builder
	b.WriteString(`
## Classes of failure and which rules report them

The rules are measured against this catalogue; a test holds that each class has a rule, is reported another way, or stands under
“What is not diagnosed, and why”.

| class | what goes wrong | rules |
|---|---|---|
`)
	for _, c := range rules.FailureClasses() {
		if c.NotDiagnosed() {
			continue
		}
		var names []string
		for _, rule := range c.Rules {
			names = append(names, "`"+rule+"`")
		}
		if len(names) == 0 {
			names = []string{"no rule, see below"}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.ID, c.Title, strings.Join(names, ", "))
	}
	b.WriteString("\n## What is not diagnosed, and why\n\nNothing is concluded about these: the objects, events and logs of the cluster " +
		"do not show them.\n\n| class | what goes wrong | why it is left out |\n|---|---|---|\n")
	for _, c := range rules.FailureClasses() {
		if c.NotDiagnosed() {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", c.ID, c.Title, c.Otherwise)
		}
	}
	b.WriteString("\nThese are reported only in part, or in another way than by a rule of their own:\n\n| class | what goes " +
		"wrong | how far |\n|---|---|---|\n")
	for _, c := range rules.FailureClasses() {
		if !c.NotDiagnosed() && c.Otherwise != "" {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", c.ID, c.Title, c.Otherwise)
		}
	}
	return b.String()
}
