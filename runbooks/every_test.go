package runbooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
)

// TestEvery holds every runbook, also those that come later, to what they promise.
func TestEvery(t *testing.T) {
	t.Parallel()
	for _, book := range runbooks.All() {
		t.Run(book.Name, func(t *testing.T) {
			t.Parallel()
			parsed, err := grammar.NewParser("algesta", runbooks.All()).Parse(book.Example)
			require.NoError(t, err, "its example can be typed")
			require.Equal(t, book.Name, parsed.Runbook)
			s := gateway()
			s.hpa()
			s.quota(corev1.ResourceList{"requests.cpu": resource.MustParse("4")}, corev1.ResourceList{"requests.cpu": resource.MustParse("1050m")})
			if !book.Changes() {
				if len(book.About.Kinds) > 1 {
					return // it asks for more of a cluster than stands still here
				}
				report, err := book.Answer(t.Context(), whole(s), input(book.Name, parsed.Args))
				require.NoError(t, err)
				require.NotEmpty(t, report.Title)
				requireNoSecret(t, report)
				return
			}
			in := input(book.Name, parsed.Args)
			first, err := book.Plan(t.Context(), whole(s), in) // a runbooks.Cluster cannot write
			require.NoError(t, err)
			second, err := book.Plan(t.Context(), whole(s), in)
			require.NoError(t, err)
			a, err := first.Fingerprint(in.Command)
			require.NoError(t, err)
			b, err := second.Fingerprint(in.Command)
			require.NoError(t, err)
			require.Equal(t, a, b, "planning twice gives one fingerprint")
			require.NotEmpty(t, first.Changes)
			for _, c := range first.Changes {
				require.NoError(t, c.Validate())
				require.Contains(t, book.Writes, c.Right())
				require.Equal(t, "d-1", c.UID)
				require.NotEmpty(t, c.Swaps)
			}
			for _, said := range []algesta.Text{first.Title, first.Summary, first.Doing, first.Done} {
				require.NotEmpty(t, said)
			}
			require.Contains(t, first.Figures, "pods")
			require.Contains(t, first.Figures, "surge")
			require.NotEmpty(t, first.Template)
			requireNoSecret(t, first.Redacted())
		})
	}
}

func TestNoRunbookFailsOnAClusterThatRefusesWhatItMayDoWithout(t *testing.T) {
	t.Parallel()
	for _, book := range runbooks.All() {
		for _, kind := range []string{"PodList", "HorizontalPodAutoscalerList", "ResourceQuotaList", "LimitRangeList"} {
			t.Run(book.Name+" without "+kind, func(t *testing.T) {
				t.Parallel()
				if len(book.About.Kinds) > 1 {
					return // it asks for more of a cluster than stands still here
				}
				s := gateway()
				s.forbidden[kind] = true
				parsed, err := grammar.NewParser("algesta", runbooks.All()).Parse(book.Example)
				require.NoError(t, err)
				in := input(book.Name, parsed.Args)
				if !book.Changes() {
					_, err := book.Answer(t.Context(), whole(s), in)
					require.NoError(t, err)
					return
				}
				p, err := book.Plan(t.Context(), whole(s), in)
				require.NoError(t, err)
				require.Contains(t, words(p.Warnings)[len(p.Warnings)-1], "I have no right to read them")
			})
		}
	}
}
