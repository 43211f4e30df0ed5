package runbooks_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis/rules"
)

// Whoever adds a rule has it diagnosed on the control plane. The tests' sources are read, so that it holds
// whichever of them run: those tests hold that a rule that is written there is the one that answers.
func TestEveryRuleIsMadeOnTheControlPlane(t *testing.T) {
	t.Parallel()
	live := map[string]bool{}
	paths, err := filepath.Glob("diagnose_live_*_test.go")
	require.NoError(t, err)
	for _, path := range paths {
		source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(source, func(n ast.Node) bool {
			if assertsRules(n) {
				ast.Inspect(n, func(n ast.Node) bool {
					if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
						words, _ := strconv.Unquote(literal.Value) // the parser has read it
						live[words] = true
					}
					return true
				})
			}
			return true
		})
	}
	var missing []string
	for _, rule := range rules.Rules() {
		if !live[rule.ID] {
			missing = append(missing, rule.ID)
		}
	}
	require.Empty(t, missing, "no live test names these rules")
}

// assertsRules says that the node is a field of a brokenCase that names rules, or compares the rule of an answer with something.
func assertsRules(n ast.Node) bool {
	isRule := func(e ast.Expr) bool {
		selector, ok := e.(*ast.SelectorExpr)
		return ok && selector.Sel.Name == "Rule"
	}
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		field, ok := n.Key.(*ast.Ident)
		return ok && slices.Contains([]string{"rule", "explains", "advice"}, field.Name)
	case *ast.BinaryExpr:
		return isRule(n.X) || isRule(n.Y)
	case *ast.CallExpr:
		return slices.ContainsFunc(n.Args, isRule)
	}
	return false
}
