package runbooks

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/redact/podspec"
	"github.com/3astronautas/algesta/rollout"
)

var (
	envGrepArg      = Arg{Name: "grep", Kind: TextArg, Summary: "only variables whose name this fits: NODE_ENV, ^JWT"}
	envContainerArg = Arg{Name: "container", Aliases: []string{"c"}, Kind: TextArg, Summary: "the container, where a pod has several"}
)

var _ = register(Runbook{
	Name:    "env",
	Aliases: []string{"printenv", "variables"},
	Verb:    "env",
	Rank:    92,
	Summary: "List the variables of a service or a pod and where each comes from; values of plain ones alone, and what is missing.",
	Example: "env api-gateway production",
	About:   About{Service: true, Kinds: []string{podKind}},
	Args:    []Arg{envGrepArg, envContainerArg},
	Reads:   union(rollout.Reads, []string{"list pods", "list configmaps"}),
	Answer:  answerEnv,
})

const podKind = "Pod"

// variable is a variable of a container.
type variable struct {
	container, name, from string
	value                 string // where it may be shown; never a Secret's
	hidden                bool
	missing               bool // what it comes from isn't there, so that the pod can't start
	unknown               bool // what it comes from could not be read
}

func answerEnv(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	spec, of, err := podSpecFor(ctx, c, in)
	if err != nil {
		return algesta.Report{}, err
	}
	containers := spec.Containers
	if name := envContainerArg.Text(in); name != "" {
		containers = slices.DeleteFunc(
			slices.Concat(spec.Containers, spec.InitContainers),
			func(c corev1.Container) bool { return c.Name != name },
		)
		if len(containers) == 0 {
			var names []string
			for _, c := range slices.Concat(spec.Containers, spec.InitContainers) {
				names = append(names, c.Name)
			}
			return algesta.Report{}, noSuch(in, "container", name, names)
		}
	}
	sources := &envSources{
		ctx:       ctx,
		c:         c,
		namespace: in.Command.Target.Namespace,
		maps:      map[string]configMapRead{},
		keys:      map[string]keysRead{},
	}
	var all []variable
	var problems []algesta.Text
	for i := range containers {
		found, wrong := sources.variables(&containers[i])
		all, problems = append(all, found...), append(problems, wrong...)
	}
	hidden := hiddenOf(in, []string{objectOf(in, podKind)}, spec)
	hidden.hideInVariables(all)
	shown, err := matching(all, envGrepArg.Text(in))
	if err != nil {
		return algesta.Report{}, err
	}
	return hidden.values.Report(envReport(in, of, all, shown, problems, sources, len(containers) > 1)), nil
}

// podSpecFor is the template of the service, or the specification of the pod that was named. of is what it is of.
func podSpecFor(ctx context.Context, c Cluster, in Input) (spec *corev1.PodSpec, of algesta.Text, err error) {
	if name := objectOf(in, podKind); name != "" {
		pod, err := livePod(ctx, c, in.Command.Target.Namespace, name)
		if errors.Is(err, algesta.ErrNotFound) {
			return nil, nil, noSuch(in, "pod", name, nil)
		}
		if err != nil {
			return nil, nil, err
		}
		return &pod.Spec, algesta.Say("Pod {} in {}", algesta.Name(name), whereOf(in)), nil
	}
	d, err := c.Deployment(ctx, in.Workload)
	if errors.Is(err, algesta.ErrNotFound) {
		return nil, nil, gone(in)
	}
	if err != nil {
		return nil, nil, err
	}
	raw, _, err := unstructured.NestedMap(d.Object, "spec", "template", "spec")
	spec = &corev1.PodSpec{}
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(raw, spec)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the template of %s: not as it should be", in.Workload.Name) // the cause may quote it
	}
	return spec, subject(in), nil
}

// matching are the variables whose name a pattern fits, all where there is none. Values aren't searched: someone who may not see one could
// find it out.
func matching(all []variable, pattern string) ([]variable, error) {
	if pattern == "" {
		return all, nil
	}
	name, value, _ := strings.Cut(pattern, "=") // "NODE_ENV=" in a pattern for what env prints
	if value != "" {
		name = pattern
	}
	expression, err := regexp.Compile(name)
	if err != nil {
		return nil, &algesta.Error{
			Kind: algesta.ErrUsage, Message: algesta.Say("I can't read the pattern {}.", algesta.Name(quote(pattern))),
			Hint: algesta.Say("For example: {}", algesta.Name("grep=NODE_ENV")),
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(v variable) bool { return !expression.MatchString(v.name) }), nil
}

func envReport(
	in Input,
	of algesta.Text,
	all, shown []variable,
	problems []algesta.Text,
	sources *envSources,
	several bool,
) algesta.Report {
	missing, hidden := 0, 0
	table := algesta.Table{Head: []string{"variable", "value", "from"}}
	if several {
		table.Head = append(table.Head, "container")
	}
	for _, v := range all {
		if v.missing {
			missing++
		}
	}
	for _, v := range shown {
		if v.hidden {
			hidden++
		}
		row := []algesta.Text{algesta.Say("{}", algesta.Name(quote(v.name))), v.shown(), algesta.Say("{}", quote(v.from))}
		if several {
			row = append(row, algesta.Say("{}", v.container))
		}
		table.Rows = append(table.Rows, row)
	}
	counted := algesta.Say("{}", count(len(all), "variable"))
	if len(shown) < len(all) && missing == 0 {
		counted = algesta.Say("{} of {}", len(shown), counted)
	}
	report := algesta.Report{Title: algesta.Say("{}: {}", of, counted)}
	switch {
	case missing > 0:
		report.Tone, report.Title = algesta.Bad, algesta.Say("{}, {} can't be filled", report.Title, missing)
	case len(shown) == 1 && len(all) > 1 && !shown[0].hidden:
		report.Title = algesta.Say("{}: {}={}", of, algesta.Name(quote(shown[0].name)), shown[0].shown())
	case len(shown) == 0 && len(all) > 0:
		report.Tone, report.Title = algesta.Warning, algesta.Say(
			"{}: none of {} fits {}",
			of,
			count(len(all), "variable"),
			algesta.Name(quote(envGrepArg.Text(in))),
		)
	case hidden > 0:
		report.Title = algesta.Say("{}, {} hidden", report.Title, hidden)
	}
	more := append(problems, sources.notes()...)
	more = append(more, algesta.Say("What the image itself sets isn't seen from here."))
	return withTable(report, table, "variable", more...)
}

// shown is the value as a cell has it.
func (v variable) shown() algesta.Text {
	switch {
	case v.missing:
		return algesta.Say("missing")
	case v.hidden:
		return algesta.Say("hidden")
	case v.unknown:
		return algesta.Say("not checked")
	case v.value == "":
		return algesta.Say("(empty)")
	}
	return algesta.Say("{}", quote(v.value))
}

// isPlain reports whether the value of a variable may be shown: neither its name nor what it looks like says that it's a secret.
func isPlain(name, value string) bool {
	alone := corev1.PodSpec{Containers: []corev1.Container{{Env: []corev1.EnvVar{{Name: name, Value: value}}}}}
	typed := name + "=" + value
	return !redact.SecretName(name) && len(podspec.Secrets(&alone)) == 0 && forms.String(typed) == typed
}
