package policy

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/ext"

	"github.com/3astronautas/algesta"
)

// The bounds of an expression, so that no policy can make the bot slow.
const (
	maxExpression = 2000    // characters
	maxDepth      = 50      // brackets within brackets
	maxCost       = 100_000 // CEL's own unit; a plain comparison costs less than ten
)

// limit is a condition that a command has to fulfil.
type limit struct {
	name      string
	verbs     verbSet
	place     place
	program   cel.Program
	plans     bool     // the expression names plan
	groups    []string // the user groups that the expression asks about
	otherwise string
}

// Person is what an expression may know of the actor: never the name, which anyone may change.
type Person struct {
	Team     string   `cel:"team"`
	User     string   `cel:"user"`
	Standing string   `cel:"standing"`
	Groups   []string `cel:"groups"`
	Email    string   `cel:"email"`
}

// Place is what an expression may know of the target.
type Place struct {
	Service     string `cel:"service"`
	Environment string `cel:"environment"`
	Cluster     string `cel:"cluster"`
	Namespace   string `cel:"namespace"`
	Name        string `cel:"name"`
	Object      string `cel:"object"`
}

// newEnvironment declares the variables that an expression may name.
func newEnvironment() (*cel.Env, error) {
	env, err := cel.NewEnv(
		ext.NativeTypes(reflect.TypeFor[Person](), reflect.TypeFor[Place](), ext.ParseStructTags(true)),
		cel.Variable("actor", cel.ObjectType("policy.Person")),
		cel.Variable("verb", cel.StringType),
		cel.Variable("target", cel.ObjectType("policy.Place")),
		cel.Variable("args", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("plan", cel.MapType(cel.StringType, cel.IntType)),
		cel.Variable("now", cel.TimestampType),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxDepth),
	)
	if err != nil {
		return nil, fmt.Errorf("declaring the variables of limits: %w", err)
	}
	return env, nil
}

// compile type-checks an expression and gives the limit its program and what that asks about.
func (l *limit) compile(env *cel.Env, expression string) error {
	checked, issues := env.Compile(expression)
	if err := firstIssue(issues); err != nil {
		return err
	}
	if checked.OutputType() != cel.BoolType {
		return fmt.Errorf("it is a %s and not true or false: compare it with something", checked.OutputType())
	}
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		l.plans = l.plans || e.Kind() == ast.IdentKind && e.AsIdent() == "plan"
	}))
	var err error
	if l.groups, err = askedGroups(checked.NativeRep()); err != nil {
		return err
	}
	if l.program, err = env.Program(checked, cel.CostLimit(maxCost)); err != nil {
		return fmt.Errorf("preparing it: %w", err)
	}
	return nil
}

// firstIssue is the first thing wrong with an expression, in one line.
func firstIssue(issues *cel.Issues) error {
	if issues.Err() == nil {
		return nil
	}
	for _, e := range issues.Errors() {
		what, _, _ := strings.Cut(strings.TrimSuffix(e.Message, " (in container '')"), "\n")
		return fmt.Errorf("column %d: %s; it may name actor, verb, target, args, plan and now", e.Location.Column()+1, what)
	}
	return issues.Err()
}

// applies reports whether the limit is about this command at this moment.
func (l *limit) applies(f Facts) bool {
	return l.verbs[f.Verb] && l.place.covers(f.target()) && (!l.plans || f.Plan != nil)
}

// holds evaluates the limit. An error means that it could not be judged, which refuses.
func (l *limit) holds(facts map[string]any) (bool, error) {
	out, _, err := l.program.Eval(facts)
	if err != nil {
		return false, err
	}
	yes, ok := out.Value().(bool)
	if !ok {
		return false, errors.New("it is neither true nor false")
	}
	return yes, nil
}

// variables are the facts as expressions name them.
func variables(f Facts) map[string]any {
	a, t := f.actor(), f.target()
	if p := f.Plan; p != nil && t.Service == "" && t.Name == "" { // a service isn't spared because its autoscaler or its pod is named
		t.Service, t.Name = p.Of.Service, p.Of.Name
	}
	if r := f.Command.Rule; r != nil && r.For == nil {
		a.Standing = ruleSubject // an expression can tell it from a person
	}
	args := map[string]any(f.Command.Args)
	if args == nil {
		args = map[string]any{}
	}
	vars := map[string]any{
		"actor": Person{Team: a.ID.Team, User: a.ID.User, Standing: string(a.Standing), Groups: a.Groups, Email: a.Email},
		"verb":  f.Verb,
		"target": Place{
			Service:     t.Service,
			Environment: t.Environment,
			Cluster:     t.Cluster,
			Namespace:   t.Namespace,
			Name:        t.Name,
			Object:      t.Object,
		},
		"args": args,
		"now":  f.At.Round(time.Microsecond),
	}
	if f.Plan != nil {
		vars["plan"] = figures(*f.Plan)
	}
	return vars
}

func figures(p algesta.Plan) map[string]int64 {
	if p.Figures == nil {
		return map[string]int64{}
	}
	return p.Figures
}
