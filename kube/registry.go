package kube

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// headWithin bounds the question to a registry: a diagnosis waits for it.
const headWithin = 1500 * time.Millisecond

// Image asks the registry whether it has an image, by a HEAD that no registry counts as a pull, and without credentials. It returns
// the digest ("sha256:…") of what is there; ErrNotFound that it is not. Everything else, a registry that wants credentials above all, is ErrUnreachable or
// ErrForbidden: then nothing is known.
func (c *Cluster) Image(ctx context.Context, image string) (digest string, err error) {
	ctx, cancel := context.WithTimeout(ctx, headWithin)
	defer cancel()
	ref, err := name.ParseReference(image)
	if err != nil {
		return "", &algesta.Error{Kind: algesta.ErrInvalid, Message: algesta.Say("{} is not the name of an image.", algesta.Name(redact.Clean(image)))}
	}
	found, err := remote.Head(ref, remote.WithContext(ctx), remote.WithUserAgent("algesta"))
	var refused *transport.Error
	host := algesta.Name(ref.Context().RegistryStr())
	switch {
	case err == nil:
		return found.Digest.String(), nil
	case !errors.As(err, &refused):
		return "", &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The registry {} does not answer me.", host)}
	case refused.StatusCode == http.StatusNotFound:
		return "", &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("The registry {} does not have {}.", host, algesta.Name(image))}
	case refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden:
		return "", &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("The registry {} does not let me look.", host)}
	}
	return "", &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The registry {} does not answer as it should.", host)}
}
