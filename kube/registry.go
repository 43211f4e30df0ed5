package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

// headWithin bounds the question to a registry: a diagnosis waits for it.
const headWithin = 1500 * time.Millisecond

// RegistryConfig is one registry that may be asked although nothing runs from it yet.
type RegistryConfig struct {
	// Host is how images write it: "registry.example.com" or "registry.example.com:5000".
	Host string
	// TokenHost is where it sends clients for a token, if that is another host; https alone is used.
	TokenHost string
	// Private says that it is at an address of a private network.
	Private bool
	// Access is how the bot signs in to it, for a registry of Azure: one of the ways into a cluster of Azure. "" asks without credentials.
	Access Access
	// Azure is who the bot is there, for Access.
	Azure Azure
}

// Validate reports a host that is none. A registry is asked by https alone, so neither may be written with a scheme or a path.
func (r RegistryConfig) Validate() error {
	for _, host := range []string{r.Host, r.TokenHost} {
		if host == "" && r.Host != "" {
			continue
		}
		if _, err := name.NewRegistry(host); err != nil || host == "" || strings.ContainsAny(host, "/@ ") {
			return fmt.Errorf("registry %q: write its host alone, such as registry.example.com or registry.example.com:5000", host)
		}
	}
	switch {
	case r.Access == "" && r.Azure != Azure{}:
		return fmt.Errorf("registry %q: azure goes with access alone", r.Host)
	case r.Access == "":
		return nil
	case !r.Access.azure():
		return fmt.Errorf("registry %q: access %q doesn't sign in to a registry: write one of Azure's, or leave it out", r.Host, r.Access)
	case r.Azure.ResourceID != "" || r.Azure.ResourceManager != "" || r.Azure.Access != "":
		return fmt.Errorf("registry %q: azure.access, azure.resourceID and azure.resourceManager are for clusters", r.Host)
	}
	if err := errors.Join(r.Azure.contradictions(Config{Access: r.Access})...); err != nil {
		return fmt.Errorf("registry %q: %w", r.Host, err)
	}
	return nil
}

// asked is the registry under the name that image references resolve to: docker.io is index.docker.io.
func (r RegistryConfig) asked() string {
	registry, err := name.NewRegistry(r.Host)
	if err != nil {
		return r.Host
	}
	return registry.RegistryStr()
}

// Image asks the registry whether it has an image, by a HEAD that no registry counts as a pull, and without credentials, unless the
// configuration has the bot sign in to this registry. It returns
// the digest ("sha256:…") of what is there; ErrNotFound says that it is not. A registry is asked only if a container that runs in the
// namespace came from it, or the configuration names it; otherwise, and where it is at an address that the bot doesn't dial, it is
// ErrRefused. Everything else, a registry that wants credentials above all, is ErrUnreachable or ErrForbidden: then nothing is known.
func (c *Cluster) Image(ctx context.Context, namespace, image string) (digest string, err error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return "", notAnImage(image)
	}
	registry := ref.Context().RegistryStr()
	signIn, within := c.signIns[registry], headWithin
	if signIn != nil {
		within = signedWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	known, configured := c.registries[registry]
	if !configured && !c.runsFrom(ctx, namespace, registry) {
		return "", &algesta.Error{
			Kind:    algesta.ErrRefused,
			Message: algesta.Say("I don't ask {}: nothing that runs in {} comes from it.", algesta.Name(registry), algesta.Name(namespace)),
			Hint:    algesta.Say("The bot's operator can add it to registries in the configuration."),
		}
	}
	known.Host = registry
	way := c.reach.to(known)
	defer way.CloseIdleConnections()
	options := []remote.Option{remote.WithContext(ctx), remote.WithUserAgent("algesta"), remote.WithTransport(way)}
	if signIn != nil {
		auth, err := signIn.authenticator(ctx, registry, way)
		if err != nil {
			return "", explainRegistry(ref, err)
		}
		options = append(options, remote.WithAuth(auth))
	}
	found, err := remote.Head(ref, options...)
	if err == nil {
		return found.Digest.String(), nil
	}
	var refused *transport.Error
	if signIn != nil && errors.As(err, &refused) && refused.StatusCode == http.StatusUnauthorized {
		signIn.forget()
	}
	return "", explainRegistry(ref, err)
}

// explainRegistry is the sentence for an error of a registry. Its body is never quoted.
func explainRegistry(ref name.Reference, err error) error {
	host := algesta.Name(ref.Context().RegistryStr())
	var inside *insideError
	var refused *transport.Error
	if signIn, ok := explainSignIn(ref.Context().RegistryStr(), err); ok {
		return &algesta.Error{Kind: algesta.ErrForbidden, Message: signIn.message, Hint: signIn.hint}
	}
	switch {
	case errors.As(err, &inside):
		return &algesta.Error{
			Kind: algesta.ErrRefused, Message: algesta.Say("I don't ask the registry {}: it resolves to an address that I don't "+
				"connect to.", host),
			Hint: algesta.Say("A registry in a private network has to be named in the configuration, with private: true."), Err: err,
		}
	case !errors.As(err, &refused):
		return &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The registry {} doesn't answer.", host)}
	case refused.StatusCode == http.StatusNotFound:
		return &algesta.Error{
			Kind:    algesta.ErrNotFound,
			Message: algesta.Say("The registry {} doesn't have {}.", host, algesta.Name(ref.String())),
		}
	case refused.StatusCode == http.StatusTooManyRequests:
		return &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The registry {} is too busy to answer.", host)}
	case refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden:
		return &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("The registry {} doesn't let me look.", host)}
	}
	return &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The registry {} doesn't answer as it should.", host)}
}

// mostPodsForRegistry bounds the pods that are looked through where the caches don't hold them.
const mostPodsForRegistry = 500

// runsFrom reports whether a container that runs in the namespace came from the registry: then the nodes were let in, and asking it reveals
// nothing new. What can't be read counts as no.
func (c *Cluster) runsFrom(ctx context.Context, namespace, registry string) bool {
	pods, cached := c.cache.podsOf(namespace)
	if !cached {
		var list corev1.PodList
		req := c.lists.Get().AbsPath("/api/v1").Namespace(namespace).Resource("pods").Param("limit", fmt.Sprint(mostPodsForRegistry))
		if namespace == "" || req.Do(ctx).Into(&list) != nil {
			return false
		}
		pods = list.Items
	}
	for _, pod := range pods {
		images := map[string]string{}
		for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			images[container.Name] = container.Image
		}
		for _, status := range pod.Status.ContainerStatuses {
			if status.State.Running == nil {
				continue
			}
			if ref, err := name.ParseReference(images[status.Name]); err == nil && ref.Context().RegistryStr() == registry {
				return true
			}
		}
	}
	return false
}
