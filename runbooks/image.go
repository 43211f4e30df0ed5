package runbooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// host is the registry that an image comes from, as it is written: "docker.io" where none is.
func host(image string) string {
	first, _, found := strings.Cut(rollout.Repository(image), "/")
	if !found || !strings.ContainsAny(first, ".:") && first != "localhost" {
		return "docker.io"
	}
	return first
}

// versions is what a change does to an image, as people call it: "12345 → 12344". Two images that the version alone doesn't
// distinguish, or that come from different repositories, are named whole. It is "" where the image stays.
func versions(from, to string) string {
	switch {
	case from == to:
		return ""
	case rollout.Repository(from) == rollout.Repository(to) && rollout.Version(from) != rollout.Version(to):
		return quote(rollout.Version(from)) + " → " + quote(rollout.Version(to))
	}
	return quote(from) + " → " + quote(to)
}

// movable reports whether the reference may mean another image tomorrow: no tag and no digest, or the tag latest.
func movable(image string) bool {
	return !strings.Contains(image, "@") && rollout.Version(image) == "latest"
}

// requireImage asks the registry for the image and refuses one that is not there: its pods would wait for it forever. Where
// the registry does not say, the plan says so; not every bot may read every registry. The digest that it returns becomes part of the plan.
func (s workloadState) requireImage(ctx context.Context, c Cluster, image string, p *algesta.Plan) error {
	digest, err := digestOf(ctx, c, s.d.Namespace, image)
	if errors.Is(err, algesta.ErrNotFound) {
		return refusal(
			algesta.Say("The registry has no {}, so no pod could start with it.", algesta.Name(quote(rollout.ShortImage(image)))),
			s.knownVersions(image),
		)
	}
	p.Facts = append(p.Facts, noteDigest(p, image, digest, err))
	return nil
}

// askMovable asks the registry what the images without a fixed version are now: what people approve is this digest.
func (s workloadState) askMovable(ctx context.Context, c Cluster, template corev1.PodTemplateSpec, p *algesta.Plan) {
	var images []string
	for _, container := range slices.Concat(template.Spec.InitContainers, template.Spec.Containers) {
		if movable(container.Image) && !slices.Contains(images, container.Image) && len(images) < mostImages {
			images = append(images, container.Image)
		}
	}
	digests, errs := make([]string, len(images)), make([]error, len(images))
	var asking conc.WaitGroup
	for i, image := range images {
		asking.Go(func() { digests[i], errs[i] = digestOf(ctx, c, s.d.Namespace, image) })
	}
	asking.Wait()
	for i, image := range images {
		if errors.Is(errs[i], algesta.ErrNotFound) {
			p.Warnings = append(
				p.Warnings,
				algesta.Say("The registry has no {}: a node that doesn't have it can't start a pod.", algesta.Name(quote(rollout.ShortImage(image)))),
			)
			continue
		}
		p.Facts = append(p.Facts, noteDigest(p, image, digests[i], errs[i]))
	}
}

// digestOf is what the registry says of an image, asked once more where it did not answer: a plan without a digest that had one when it was
// approved is another plan.
func digestOf(ctx context.Context, c Cluster, namespace, image string) (string, error) {
	if c.Registry == nil {
		return "", errNoRegistry
	}
	digest, err := c.Registry.Image(ctx, namespace, image)
	if errors.Is(err, algesta.ErrUnreachable) && ctx.Err() == nil {
		digest, err = c.Registry.Image(ctx, namespace, image)
	}
	if err != nil {
		return "", fmt.Errorf("asking the registry: %w", err)
	}
	return digest, nil
}

// errNoRegistry is the error of a cluster whose registries can't be asked.
var errNoRegistry = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I can't ask registries for this cluster.")}

// noteDigest adds a digest to what is approved, and is the row that says it, or why it is not known.
func noteDigest(p *algesta.Plan, image, digest string, err error) algesta.Field {
	row := func(v algesta.Text) algesta.Field { return algesta.Field{Label: "registry", Value: v} }
	tag := quote(rollout.Version(image))
	switch {
	case err == nil:
		if p.Digests == nil {
			p.Digests = map[string]string{}
		}
		p.Digests[image] = digest
		return row(algesta.Say("{} is {} now; if that changes before it runs, I ask again", tag, shorten(digest, len("sha256:")+12)))
	case errors.Is(err, algesta.ErrRefused):
		return row(
			algesta.Say(
				"not checked: nothing that runs here comes from {}; what {} is may change until it's pulled",
				algesta.Name(quote(host(image))),
				tag,
			),
		)
	case errors.Is(err, algesta.ErrForbidden):
		return row(algesta.Say("not checked: it doesn't let me look; what {} is may change until it's pulled", tag))
	}
	return row(algesta.Say("it didn't answer, so what {} is couldn't be checked and may change until it's pulled", tag))
}

// knownVersions names what ran before, for someone who mistyped a tag.
func (s workloadState) knownVersions(image string) algesta.Text {
	var known []string
	for _, r := range s.revisions {
		if v := quote(
			rollout.Version(s.image(r)),
		); rollout.Repository(s.image(r)) == rollout.Repository(image) && !slices.Contains(known, v) &&
			len(known) < 5 {
			known = append(known, v)
		}
	}
	if len(known) == 0 {
		return algesta.Say("Look whether its build has finished, and ask again.")
	}
	return algesta.Say("Look whether its build has finished. Versions that ran before: {}.", list(known))
}
