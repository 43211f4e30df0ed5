package runbooks_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
)

// otherThing is what a change is about that isn't about a service, and where that can be tried out.
type otherThing struct {
	object string                           // "certificate/api-tls"; "" for the service
	still  func(*testing.T) runbooks.Reader // a cluster with it, in which the change can be planned
	// live makes it in a real control plane, where the change is made with the rights alone that its command declares; nil where a test of
	// the command's own does that.
	live func(*testing.T, *brokenNamespace)
}

// otherThings are those of the commands, by their names. The test of each command adds its own.
var otherThings = map[string]otherThing{}

// isAbout adds what a command is about: "var _ = isAbout(…)" in its test.
func isAbout(command string, thing otherThing) otherThing { //nolint:unparam // a declaration needs a value
	otherThings[command] = thing
	return thing
}

// TestEvery holds every runbook, also those that come later, to what they promise.
func TestEvery(t *testing.T) {
	t.Parallel()
	for _, book := range runbooks.All() {
		t.Run(book.Name, func(t *testing.T) {
			t.Parallel()
			parsed, err := grammar.NewParser("algesta", runbooks.All()).Parse(book.Example)
			require.NoError(t, err, "its example can be typed")
			require.Equal(t, book.Name, parsed.Runbook)
			require.Positive(t, book.Rank, "help has a place for it")
			s := gateway()
			s.hpa()
			s.quota(corev1.ResourceList{"requests.cpu": resource.MustParse("4")}, corev1.ResourceList{"requests.cpu": resource.MustParse("1050m")})
			if book.Own && !book.Changes() {
				return // the room that keeps the records answers it
			}
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
			cluster, in := whole(s), input(book.Name, parsed.Args)
			if other, ok := otherThings[book.Name]; ok {
				cluster = whole(other.still(t))
				if other.object != "" {
					in = regarding(book.Name, other.object)
				}
				in.Command.Args = parsed.Args
			}
			in.Command.Reason = parsed.Reason
			in.Glass = runbooks.GlassRule{Lasts: 30 * time.Minute, Told: "#security"}
			in.Frozen = []algesta.Freeze{{ID: "c-0", Target: in.Command.Target, Reason: "the import runs", Until: in.Command.At.Add(time.Hour)}}
			in.Silences = []algesta.Silence{{ID: "c-0", Target: in.Command.Target, Reason: "known", Until: in.Command.At.Add(time.Hour)}}
			first, err := book.Plan(t.Context(), cluster, in) // a runbooks.Cluster cannot write
			require.NoError(t, err)
			second, err := book.Plan(t.Context(), cluster, in)
			require.NoError(t, err)
			a, err := first.Fingerprint(in.Command)
			require.NoError(t, err)
			b, err := second.Fingerprint(in.Command)
			require.NoError(t, err)
			require.Equal(t, a, b, "planning twice gives one fingerprint")
			require.NotEmpty(t, first.Changes)
			rolls := false // the Deployment
			for _, c := range first.Changes {
				require.NoError(t, c.Validate())
				require.True(t, slices.Contains(book.Writes, c.Right()) || slices.Contains(book.Writes, c.Right()+algesta.ClusterWide), c.Right())
				require.Equal(t, c.Verb == algesta.Create, c.UID == "")
				require.Equal(t, c.Verb == algesta.Patch, len(c.Swaps) > 0)
				rolls = rolls || c.Object == in.Workload
			}
			for _, said := range []algesta.Text{first.Title, first.Summary, first.Doing, first.Done} {
				require.NotEmpty(t, said)
			}
			if rolls {
				require.Contains(t, first.Figures, "pods")
				require.Contains(t, first.Figures, "surge")
				require.NotEmpty(t, first.Template)
			}
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
				if book.Own || len(book.About.Kinds) > 1 || book.Changes() && (!book.About.Service || len(book.About.Kinds) > 0) {
					return // it asks for other things of a cluster than stand still here
				}
				s := gateway()
				s.deployment.Spec.Paused = book.Name == "resume"
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
				require.Contains(t, words(p.Warnings)[len(p.Warnings)-1], "no permission to read them")
			})
		}
	}
}
