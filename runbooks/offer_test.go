package runbooks_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// tagged is a cluster whose registry can say which tags were pushed last.
type tagged struct {
	*still
	tags []algesta.Tag
	err  error
}

// NewestTags implements runbooks.Tags.
func (c tagged) NewestTags(_ context.Context, _ string, most int) ([]algesta.Tag, error) {
	return c.tags[:min(most, len(c.tags))], c.err
}

// The form of a deploy offers what the registry has, newest first, without what runs already. Where it doesn't say, the version is typed.
func TestTheNewestTagsAreOffered(t *testing.T) {
	t.Parallel()
	d := rollouttest.Deployment()
	book, ok := runbooks.Find("deploy")
	require.True(t, ok)
	offered := func(c tagged) runbooks.Offered {
		in := input("deploy", nil)
		for _, a := range book.Args {
			if a.Name == "image" {
				out, err := a.Offers(t.Context(), whole(c), in)
				require.NoError(t, err)
				return out
			}
		}
		require.Fail(t, "deploy takes no image")
		return runbooks.Offered{}
	}
	c := tagged{still: &still{deployment: d, sets: rollouttest.Revisions(d)}, tags: []algesta.Tag{
		{Name: "20002", Pushed: noon.Add(-2 * time.Hour)}, {Name: "12345", Pushed: noon.Add(-time.Hour * 72)}, {Name: "10001"},
	}}
	require.Equal(t, []algesta.Choice{
		{Value: "20002", Label: "20002", Detail: "pushed 2 h ago"}, {Value: "10001", Label: "10001"},
	}, offered(c).Choices)
	c.err = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("The registry doesn't let me look.")}
	require.Empty(t, offered(c).Choices)
}
