package policy

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
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
	partial   cel.Program // the same, for facts of which some aren't known yet
	require   string      // the expression, as the policy writes it
	plans     bool        // the expression names plan
	groups    []string    // the user groups that the expression asks about
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
	if l.partial, err = env.Program(checked, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptPartialEval)); err != nil {
		return fmt.Errorf("preparing it for what isn't known yet: %w", err)
	}
	l.require = expression
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

// covers reports whether the limit is about this command.
func (l *limit) covers(f Facts) bool { return l.verbs[f.Verb] && l.place.covers(f.target()) }

// judge evaluates the limit. open says that its plan decides, which isn't made yet: before that, a limit refuses only what no plan can
// mend.
func (l *limit) judge(f Facts, facts map[string]any) (yes, open bool, err error) {
	if !l.plans || f.Plan != nil {
		yes, err = l.holds(facts)
		return yes, false, err
	}
	return l.decided(facts, cel.AttributePattern("plan"))
}

// decided evaluates the limit where some facts aren't known; open says that those decide.
func (l *limit) decided(facts map[string]any, unknown ...*cel.AttributePatternType) (yes, open bool, err error) {
	vars, err := cel.PartialVars(facts, unknown...)
	if err != nil {
		return false, false, err
	}
	out, _, err := l.partial.Eval(vars)
	if err != nil {
		return false, false, err
	}
	if types.IsUnknown(out) {
		return false, true, nil
	}
	yes, ok := out.Value().(bool)
	if !ok {
		return false, false, errors.New("it is neither true nor false")
	}
	return yes, false, nil
}

// OpenLimit is a limit that nobody can judge yet.
type OpenLimit struct {
	Name    string
	Require string // what has to hold, a CEL expression as the policy writes it
	// Typed says that it takes arguments that nobody typed (Facts.Asking). Otherwise it takes the plan.
	Typed bool
}

// Open are the limits about a command that may still refuse it and can't be judged yet: those that rest on its plan while there is none,
// and, where Facts.Asking says so, on arguments that nobody typed. They come in the order of the file. They say nothing about a command
// that is refused anyway.
func (p *Policy) Open(f Facts) []OpenLimit {
	if f.Plan != nil || algesta.Verbs()[f.Verb] != algesta.Changes {
		return nil
	}
	unknown := []*cel.AttributePatternType{cel.AttributePattern("plan")}
	if t := f.target(); t.Service == "" && t.Name == "" && t.Object != "" && t.Object != wholeNamespace { // the plan knows whose it is
		unknown = append(unknown, cel.AttributePattern("target").QualString("service"), cel.AttributePattern("target").QualString("name"))
	}
	var all []OpenLimit
	for _, l := range p.limits {
		if !l.covers(f) {
			continue
		}
		_, open, err := l.decided(variables(f), unknown...)
		if typed := err != nil && f.Asking; open || typed {
			all = append(all, OpenLimit{Name: l.name, Require: l.require, Typed: typed})
		}
	}
	return all
}

// wholeNamespace is the object of a command about all of a namespace.
const wholeNamespace = "namespace"

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
		if p.Of.Environment != "" { // not the one that was typed, where two are in one namespace
			t.Environment = p.Of.Environment
		}
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
