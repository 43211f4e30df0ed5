package algesta_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNoErrorWrapsWhatMayBeNil looks for
//
//	if err != nil || other {
//		return fmt.Errorf("…: %w", err)
//	}
//
// where other alone makes an error that ends with "%!w(<nil>)" and wraps nothing.
func TestNoErrorWrapsWhatMayBeNil(t *testing.T) {
	t.Parallel()
	files := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		require.NoError(t, err)
		files++
		for _, at := range nilsWrapped(file) {
			t.Errorf("%s wraps an error that may be nil: say the two cases apart", set.Position(at))
		}
		return nil
	}))
	require.Greater(t, files, 200, "the source was not found")
}

func TestNilsWrappedIsFound(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		`if err != nil || !ok { return fmt.Errorf("a: %w", err) }`:                                    1,
		`if !ok || err != nil { return fmt.Errorf("a: %w", err) }`:                                    1,
		`if err != nil || a || b { x := 1; _ = x; return fmt.Errorf("%w: %s", err, a) }`:              1,
		`if err != nil { return fmt.Errorf("a: %w", err) }`:                                           0,
		`if err != nil && !ok { return fmt.Errorf("a: %w", err) }`:                                    0,
		`if err != nil || !ok { return fmt.Errorf("a: %v", ok) }`:                                     0,
		`if err != nil || !ok { if err != nil { return fmt.Errorf("a: %w", err) } }`:                  0,
		`if err != nil || !ok { return errors.Join(err, fmt.Errorf("a")) }`:                           0,
		`if err := f(); err != nil || g() { if e := h(); e != nil { return fmt.Errorf("%w", err) } }`: 1,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc x() error {\n"+body+"\n}", 0)
		require.NoError(t, err)
		require.Len(t, nilsWrapped(file), want, body)
	}
}

// nilsWrapped are the calls of fmt.Errorf with %w and an error that is only one of several reasons to be there.
func nilsWrapped(file *ast.File) (found []token.Pos) {
	var above []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return true
		}
		above = append(above, n)
		call, ok := n.(*ast.CallExpr)
		if !ok || !wraps(call) {
			return true
		}
		for _, arg := range call.Args[1:] {
			if name, ok := arg.(*ast.Ident); ok && mayBeNil(above, name.Name) {
				found = append(found, call.Pos())
			}
		}
		return true
	})
	return found
}

// wraps reports whether the call is fmt.Errorf with a %w.
func wraps(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != "Errorf" || len(call.Args) < 2 {
		return false
	}
	format, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return false
	}
	text, err := strconv.Unquote(format.Value)
	return err == nil && strings.Contains(text, "%w")
}

// mayBeNil reports whether the innermost condition about the error, among the ifs around, lets it be nil.
func mayBeNil(above []ast.Node, name string) bool {
	for _, node := range slices.Backward(above) {
		condition, ok := node.(*ast.IfStmt)
		if !ok {
			continue
		}
		if sure, sometimes := notNil(condition.Cond, name); sure || sometimes {
			return !sure
		}
	}
	return false
}

// notNil reports whether the condition holds only where the error is not nil, or also elsewhere.
func notNil(cond ast.Expr, name string) (sure, sometimes bool) {
	switch e := cond.(type) {
	case *ast.ParenExpr:
		return notNil(e.X, name)
	case *ast.BinaryExpr:
		left, leftSome := false, false
		right, rightSome := false, false
		if e.Op == token.LAND || e.Op == token.LOR {
			left, leftSome = notNil(e.X, name)
			right, rightSome = notNil(e.Y, name)
		}
		some := leftSome || rightSome || left || right
		switch e.Op { //nolint:exhaustive // no other operator joins conditions
		case token.LAND:
			return left || right, some
		case token.LOR:
			return left && right, some
		case token.NEQ:
			x, isName := e.X.(*ast.Ident)
			y, isNil := e.Y.(*ast.Ident)
			found := isName && isNil && x.Name == name && y.Name == "nil"
			return found, found
		}
	}
	return false, false
}
