package runbooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
)

// What a cluster can't be asked is said, and ends nothing: every command works with a Reader alone, or says that it couldn't check.
func TestEveryCommandSaysWhatAClusterCannotBeAsked(t *testing.T) {
	t.Parallel()
	for _, book := range runbooks.All() {
		if book.Own { // it asks no cluster
			continue
		}
		t.Run(book.Name, func(t *testing.T) {
			t.Parallel()
			parsed, err := grammar.NewParser("algesta", runbooks.All()).Parse(book.Example)
			require.NoError(t, err)
			s := gateway()
			s.images = map[string]string{}
			s.hpa()
			c := runbooks.Cluster{Reader: s}
			if book.Changes() {
				in := input(book.Name, parsed.Args)
				if other, ok := otherThings[book.Name]; ok {
					if c.Reader = other.still(t); other.object != "" {
						in = regarding(book.Name, other.object)
						in.Command.Args = parsed.Args
					}
				}
				p, err := book.Plan(t.Context(), c, in)
				require.NoError(t, err)
				require.NotEmpty(t, p.Changes)
				return
			}
			_, err = book.Answer(t.Context(), c, input(book.Name, parsed.Args))
			if err != nil {
				require.ErrorIs(t, err, algesta.ErrForbidden)
				require.ErrorContains(t, err, "couldn't check")
			}
		})
	}
}
