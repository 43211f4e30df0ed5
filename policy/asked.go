package policy

import (
	"errors"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// askedGroups are the user groups that an expression asks about, each once. An actor carries only the groups that the policy names, so
// an expression whose groups can't be read off it would be judged without them: that's an error. What can be read off it is
// 'S0BACKEND' in actor.groups, and ['S0BACKEND', 'S0PLATFORM'].exists(g, g in actor.groups).
func askedGroups(checked *ast.AST) ([]string, error) {
	var groups []string
	actors := ast.MatchDescendants(ast.NavigateAST(checked), func(e ast.NavigableExpr) bool {
		return e.Kind() == ast.IdentKind && e.AsIdent() == "actor"
	})
	for _, actor := range actors {
		field, ok := actor.Parent()
		if !ok || field.Kind() != ast.SelectKind {
			return nil, errors.New("it names actor as a whole: name one of its fields, such as actor.user")
		}
		if field.AsSelect().FieldName() != "groups" {
			continue
		}
		named, ok := groupsIn(field)
		if !ok {
			return nil, errors.New(
				"it asks about groups that can't be told from it, and Slack is asked for no others: name each by its ID, such as " +
					"'S0BACKEND' in actor.groups",
			)
		}
		groups = append(groups, named...)
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

// groupsIn are the groups that are looked for in this use of actor.groups.
func groupsIn(field ast.NavigableExpr) ([]string, bool) {
	in, ok := field.Parent()
	if !ok || field.AsSelect().IsTestOnly() || in.Kind() != ast.CallKind || in.AsCall().FunctionName() != operators.In {
		return nil, false
	}
	args := in.AsCall().Args()
	if len(args) != 2 || args[1].ID() != field.ID() {
		return nil, false
	}
	if args[0].Kind() == ast.IdentKind {
		return groupsOf(in, args[0].AsIdent())
	}
	return literals(args[:1])
}

// groupsOf are what a variable stands for where it goes through a list of literals, as in ['S0BACKEND', 'S0PLATFORM'].exists(g, …).
func groupsOf(at ast.NavigableExpr, variable string) ([]string, bool) {
	for from := at; ; from = at {
		var ok bool
		if at, ok = from.Parent(); !ok {
			return nil, false
		}
		if at.Kind() != ast.ComprehensionKind || from.ID() == at.AsComprehension().IterRange().ID() {
			continue
		}
		loop := at.AsComprehension()
		if loop.AccuVar() == variable || loop.IterVar2() == variable {
			return nil, false
		}
		if loop.IterVar() == variable {
			return literals(elements(loop.IterRange()))
		}
	}
}

// elements are those of a list that is written out; none of anything else.
func elements(e ast.Expr) []ast.Expr {
	if e.Kind() != ast.ListKind {
		return nil
	}
	return e.AsList().Elements()
}

// literals are the IDs of groups that these expressions are, if each of them is one.
func literals(all []ast.Expr) (ids []string, ok bool) {
	for _, e := range all {
		if e.Kind() != ast.LiteralKind {
			return nil, false
		}
		id, isText := e.AsLiteral().(types.String)
		if !isText || !groupID.MatchString(string(id)) {
			return nil, false
		}
		ids = append(ids, string(id))
	}
	return ids, len(ids) > 0
}
